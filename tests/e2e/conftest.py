"""A running city and a gateway that is really served, once over SQLite and once over PostgreSQL.

The gateway is `oncegate serve` in a process of its own, as an operator would run it; tests speak HTTP to it and read
what it left in its database and its log. `hall` is the service hall: it records consents and resolves forms.
"""

import asyncio
import contextlib
import hashlib
import os
import secrets
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from sqlalchemy.engine import make_url

from field_registry.identifiers import subject_from
from forms.definition import Form
from forms.load import load_forms
from gateway.app import make_runtime
from gateway.curation import SHIPPED
from gateway.demo.city import RunningCity, start_city
from gateway.demo.house import HALL, Credentials, furnish, publish_city, register_callers
from gateway.demo.subjects import typical_subjects
from gateway.http.schemas.resolutions import ResolutionBody
from gateway.settings import Settings
from gateway.store.migrate import migrate
from policies.minors import is_child

VEHICLE_REVIEW = "vehicle-annual-review"
READY_SECONDS = 30.0
TOKEN_SECONDS = 200.0

Payload = Mapping[str, Any]
Cast = Mapping[str, Payload]


class ServedGateway:
    """One gateway process, its state directory and its log."""

    def __init__(self, settings: Settings, credentials: Credentials) -> None:
        self.settings, self.credentials = settings, credentials
        self.url = settings.public_url
        self.directory = Path(settings.state_dir)
        self.log = self.directory / "log.txt"
        self.http = httpx.Client(base_url=self.url, trust_env=False, verify=False, timeout=60)
        self._process: subprocess.Popen[bytes] | None = None
        self._tokens: dict[str, tuple[str, float]] = {}

    def start(self) -> None:
        """Serves and is ready when this returns."""
        environ = {name: value for name, value in os.environ.items() if not name.startswith("ONCEGATE_")}
        command = [sys.executable, "-m", "gateway", "serve", "--state", str(self.directory)]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, env={**environ, "ONCEGATE_LOG_LEVEL": "DEBUG"}
            )
        self.await_ready()

    def await_ready(self) -> None:
        """Return when /readyz says so; fail with the process's last words when it ends or time runs out."""
        give_up_at = time.monotonic() + READY_SECONDS
        while True:
            with contextlib.suppress(httpx.TransportError):
                if self.http.get("/readyz").status_code == 200:
                    return
            if time.monotonic() > give_up_at or self._process is None or self._process.poll() is not None:
                pytest.fail(f"the gateway is not ready:\n{self.logged()[-2000:]}")
            time.sleep(0.02)

    def stop(self) -> None:
        """Told to leave, and gone."""
        self.http.close()
        self._end()

    def restart(self) -> None:
        """The same again, with nothing remembered but what is stored."""
        self._end()
        self.start()

    def _end(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(20)
            self._process = None

    def token(self, who: str) -> str:
        """A token of one of the two clients, kept for most of its life: checking a secret takes long on purpose."""
        token, until = self._tokens.get(who, ("", 0.0))
        if time.monotonic() > until:
            given = self.credentials
            known = {given.client_id: given.client_secret, given.auditor_id: given.auditor_secret}
            answer = self.http.post(
                "/oauth/token", auth=(who, known[who]), data={"grant_type": "client_credentials"}
            )
            assert answer.status_code == 200, answer.text
            token = answer.json()["access_token"]
            self._tokens[who] = (token, time.monotonic() + TOKEN_SECONDS)
        return token

    def logged(self) -> str:
        """Everything it wrote to its log."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def stored(self) -> bytes:
        """Everything in its database, as bytes to be searched."""
        url = make_url(self.settings.database_url)
        if self.settings.is_sqlite:
            files = [Path(f"{url.database}{suffix}") for suffix in ("", "-wal", "-shm")]
            return b"".join(file.read_bytes() for file in files if file.exists())
        return b"\n".join(_rows_of(url.set(drivername="postgresql").render_as_string(hide_password=False)))

    def execute(self, statement: str) -> list[tuple[Any, ...]]:
        """The rows of a statement on its database, beside the gateway."""
        url = make_url(self.settings.database_url)
        if self.settings.is_sqlite:
            with contextlib.closing(sqlite3.connect(str(url.database))) as connection:
                return connection.execute(statement).fetchall()
        dsn = url.set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(dsn) as postgres:
            return postgres.execute(statement.encode()).fetchall()


def _rows_of(dsn: str) -> Iterator[bytes]:
    """Every cell of every table of a PostgreSQL database."""
    with psycopg.connect(dsn) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        for (table,) in tables:
            for row in connection.execute(f'SELECT * FROM "{table}"'.encode()):
                yield from (cell if isinstance(cell, bytes) else str(cell).encode() for cell in row)


def _by_guardian(subject: Payload, now: datetime) -> dict[str, Any]:
    """What a consent says besides when it is about a child; nothing for everybody else."""
    if not is_child(subject_from(subject), now):
        return {}
    topics = ("sensitive", "others", "minor")
    return {
        "grantor_role": "guardian",
        "relationship_evidence": {"kind": "birth_certificate", "reference": "book-1"},
        "acts": [{"topic": each, "act_id": f"tick-{each}", "at": now.isoformat()} for each in topics],
    }


class Hall:
    """The service hall at work: one client that renders forms and records consents, and one that audits."""

    def __init__(self, gateway: ServedGateway, city: RunningCity) -> None:
        self.gateway, self.city = gateway, city
        self.http = gateway.http
        self._faulty: set[str] = set()
        self._background = ThreadPoolExecutor(max_workers=8)

    def close(self) -> None:
        """Wait for what runs in the background; end every fault, and what the gateway remembers of it."""
        self._background.shutdown()
        for source in self._faulty:
            self.city.fault(source, "none")
        if self._faulty and any(
            each["breaker"] != "closed" for each in self.get("/v1/sources").json()["sources"]
        ):
            self.gateway.restart()

    def bearer(self, who: str = "demo-hall") -> dict[str, str]:
        """The header that authenticates one of the two clients."""
        return {"authorization": f"Bearer {self.gateway.token(who)}"}

    def fault(self, source: str, kind: str, seconds: float = 60.0) -> None:
        """Give a register of the city a fault until the end of the test."""
        self._faulty.add(source)
        self.city.fault(source, kind, seconds)

    def get(self, path: str, *, who: str = "demo-hall", **query: Any) -> httpx.Response:
        """An authenticated GET."""
        return self.http.get(path, params=query, headers=self.bearer(who))

    def post(self, path: str, body: Any = None, **headers: str) -> httpx.Response:
        """An authenticated POST of JSON; header names with underscores for dashes."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.http.post(path, json=body, headers={**self.bearer(), **named})

    def form(self, form_id: str = VEHICLE_REVIEW) -> dict[str, Any]:
        """The form as published."""
        answer = self.get(f"/v1/forms/{form_id}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def consent_body(
        self, form: Mapping[str, Any], role: str, subject: Payload, /, **changes: Any
    ) -> dict[str, Any]:
        """A consent to everything the form may fetch about that role."""
        items = _items_of(form, role)
        names = "、".join(items)
        notice = f"为办理“{form['name']}”，{HALL}将调取：{names}。您可以拒绝，也可以随时撤回。"
        now = datetime.now(UTC)
        return {
            "subject": dict(subject),
            "grantor_role": "self",
            "purpose": form["purpose"],
            "form": form["id"],
            "items": [{"item": item, "permit": True} for item in items],
            "recipient_departments": [HALL],
            "expires_at": (now + timedelta(hours=2)).isoformat(),
            "notice": {
                "id": f"test-{form['id']}",
                "version": 1,
                "language": "zh-CN",
                "rendered_sha256": hashlib.sha256(notice.encode()).hexdigest(),
                "shown_at": now.isoformat(),
                "channel": "window",
            },
            "max_uses": 1000,  # a story resolves the form again; at a window it would count once
            "acts": [
                {"topic": topic, "act_id": f"tick-{topic}", "at": now.isoformat()}
                for topic in ("sensitive", "others")
            ],
            "evidence": {"method": "signature_pad", "witness": "clerk-1"},
            **_by_guardian(subject, now),
            **changes,
        }

    def agree(self, form: Mapping[str, Any], role: str, subject: Payload, /, **changes: Any) -> str:
        """The id of a consent just recorded."""
        answer = self.post("/v1/consents", self.consent_body(form, role, subject, **changes))
        assert answer.status_code == 201, answer.text
        consent_id: str = answer.json()["id"]
        return consent_id

    def agree_all(self, form: Mapping[str, Any], cast: Cast) -> dict[str, str]:
        """Role → consent, for every role the form fetches anything about."""
        roles = [role for role in cast if _items_of(form, role)]
        return {role: self.agree(form, role, cast[role]) for role in roles}

    def request(
        self, form: Mapping[str, Any], cast: Cast, consents: Iterable[str], /, **changes: Any
    ) -> dict[str, Any]:
        """The body of a resolution."""
        return {
            "form": {"id": form["id"], "version": form["version"]},
            "case": "case-1",
            "subjects": {role: dict(subject) for role, subject in cast.items()},
            "actor": {"kind": "clerk", "id": "clerk-1"},
            "consent": list(consents),
            **changes,
        }

    def resolve(
        self, form: Mapping[str, Any], cast: Cast, consents: Iterable[str], /, **changes: Any
    ) -> dict[str, Any]:
        """The answer of a resolution, which must be 200 and of the published shape."""
        answer = self.post("/v1/resolutions", self.request(form, cast, consents, **changes))
        assert answer.status_code == 200, answer.text
        ResolutionBody.model_validate_json(answer.content)
        told: dict[str, Any] = answer.json()
        return told

    def in_background(self, call: Callable[..., Any], *given: Any, **named: Any) -> "Future[Any]":
        """A call under way."""
        self.bearer()  # not fetched by many threads at once
        return self._background.submit(call, *given, **named)

    def entries(self, **query: Any) -> list[dict[str, Any]]:
        """Every entry of the log that matches, oldest first, page by page; not those that such reading itself makes."""
        found: list[dict[str, Any]] = []
        cursor = query.pop("cursor", "")
        while cursor is not None:
            answer = self.get("/v1/audit/entries", who="demo-auditor", cursor=cursor, limit=500, **query)
            assert answer.status_code == 200, answer.text
            found += answer.json()["entries"]
            cursor = answer.json()["next_cursor"]
        return [entry for entry in found if entry["leaf"].get("what") != "search"]

    def metric(self, line: str) -> float:
        """The value of one line of /metrics, 0 when it is not there yet."""
        text = self.http.get("/metrics").text
        values = [each.rpartition(" ")[2] for each in text.splitlines() if each.startswith(line)]
        return float(values[0]) if values else 0.0


def _items_of(form: Mapping[str, Any], role: str) -> list[str]:
    """The items the form may fetch about a role: those of its fields, and of its repeating groups."""
    fields = [each["item"] for each in form["fields"] if each["role"] == role and not each["group"]]
    groups = [each["item"] for each in form["groups"] if each["role"] == role]
    return list(dict.fromkeys(item for item in (*fields, *groups) if item))


# ---------------------------------------------------------------- the world


@pytest.fixture(scope="session")
def running_city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCity]:
    with start_city(tmp_path_factory.mktemp("city")) as running:
        yield running


@pytest.fixture(scope="session")
def _shipped_forms() -> Mapping[str, Form]:
    return {form.id: form for form in load_forms(SHIPPED["forms"]).forms}


@pytest.fixture(scope="session")
def casts(running_city: RunningCity, _shipped_forms: Mapping[str, Form]) -> Callable[[str], Sequence[Cast]]:
    """Form id → people and things who would fill it in."""
    return lambda form_id: typical_subjects(running_city.city, _shipped_forms[form_id])


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def gateway(
    request: pytest.FixtureRequest, running_city: RunningCity, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServedGateway]:
    """The gateway that most tests share, on each kind of database."""
    directory = tmp_path_factory.mktemp(f"gateway-{request.param}")
    with contextlib.ExitStack() as stack:
        url = None
        if request.param == "postgresql":
            url = stack.enter_context(_own_database(request.getfixturevalue("postgres_url")))
        served = _furnished(directory, running_city, url)
        served.start()
        stack.callback(served.stop)
        yield served


@pytest.fixture
def hall(gateway: ServedGateway, running_city: RunningCity) -> Iterator[Hall]:
    """The hall at the shared gateway; every fault it gave the city is gone afterwards."""
    with contextlib.closing(Hall(gateway, running_city)) as opened:
        yield opened


@pytest.fixture
def form(hall: Hall) -> dict[str, Any]:
    """The annual review of a vehicle, as published."""
    return hall.form()


@pytest.fixture
def cast(casts: Callable[[str], Sequence[Cast]]) -> Cast:
    """Somebody who brings a vehicle to its review: the agent, the operator and the vehicle."""
    return casts(VEHICLE_REVIEW)[0]


@contextlib.contextmanager
def _own_database(beside: str) -> Iterator[str]:
    """A new database on the server of that URL, dropped afterwards."""
    url, name = make_url(beside), f"e2e_{secrets.token_hex(6)}"
    dsn = url.set(drivername="postgresql").render_as_string(hide_password=False)

    def on_server(statement: str) -> None:
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(statement.encode())

    on_server(f"CREATE DATABASE {name} TEMPLATE template0")
    try:
        yield url.set(database=name).render_as_string(hide_password=False)
    finally:
        on_server(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def own_database(request: pytest.FixtureRequest) -> Callable[[], contextlib.AbstractContextManager[str]]:
    """A new PostgreSQL database of one's own, for as long as it is entered."""
    return lambda: _own_database(request.getfixturevalue("postgres_url"))


def _furnished(directory: Path, city: RunningCity, database_url: str | None) -> ServedGateway:
    """A gateway with the city's forms published and its callers registered; it does not run yet."""
    settings = furnish(directory, city, port=_free_port())
    if database_url is not None:
        settings = settings.model_copy(update={"database_url": database_url})
        migrate(database_url)
        with (directory / "settings.toml").open("a", encoding="utf-8") as file:
            file.write(f'database_url = "{database_url}"\n')
    return ServedGateway(settings, asyncio.run(_publish(settings)))


async def _publish(settings: Settings) -> Credentials:
    runtime = make_runtime(settings)
    try:
        await publish_city(runtime)
        return await register_callers(runtime)
    finally:
        await runtime.store.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
