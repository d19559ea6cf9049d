"""The product as a bench target: a city of one form with forty fields, five sources, and as many consents as people.

Everything goes through the product's own doors except the consents: twenty thousand of them are made by the use case
and written in one transaction, for a commit each would take longer than the bench.
"""

import asyncio
import base64
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
from sqlalchemy import create_engine, insert
from sqlalchemy.engine import make_url
from stdnum.cn import ric

from field_registry.load import load_registry
from forms.load import load_forms
from gateway.app import make_runtime, refresh
from gateway.consents.commands import Evidence, Notice, RecordConsent
from gateway.consents.service import record_consent
from gateway.curation.publish import Publisher
from gateway.records import Caller, Client
from gateway.runtime import Runtime
from gateway.security import hash_client_secret, new_client_secret
from gateway.settings import load_settings
from gateway.store.consents import _consent_row, event_row
from gateway.store.database import sqlite_engine
from gateway.store.log import write_entries
from gateway.store.migrate import migrate
from gateway.store.tables import consent, consent_event
from policies.load import load_policy

HERE = Path(__file__).parent
SOURCES, PER_SOURCE = 5, 8
DEPARTMENT = "政务服务"
ITEMS = [
    f"person.item{source * 10 + number:03d}" for source in range(SOURCES) for number in range(PER_SOURCE)
]
READY_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Running:
    """The product while it is measured. `people_file`: identifier and consent of everybody, one per line."""

    url: str
    pid: int
    people_file: Path
    client: str
    secret: str

    def token(self) -> str:
        """A fresh access token."""
        request = urllib.request.Request(f"{self.url}/oauth/token", b"grant_type=client_credentials")
        basic = base64.b64encode(f"{self.client}:{self.secret}".encode()).decode()
        request.add_header("Authorization", f"Basic {basic}")
        with urllib.request.urlopen(request, timeout=10) as answer:
            return str(json.load(answer)["access_token"])

    def check(self) -> None:
        """Stop unless one resolution fills all forty fields: a fast refusal is no measurement. Needs the sources up."""
        id_no, consent_id = self.people_file.read_text(encoding="utf-8").split("\n", 1)[0].split("\t")
        subject = {"kind": "person", "id_type": "111", "id_no": id_no}
        body = {
            "form": {"id": "bench-forty", "version": 1},
            "case": "bench",
            "subjects": {"applicant": subject},
        }
        body |= {
            "actor": {"kind": "clerk", "id": "bench"},
            "consent": consent_id,
            "answers": {},
            "delivery": "values",
        }
        request = urllib.request.Request(f"{self.url}/v1/resolutions", json.dumps(body).encode())
        request.add_header("Authorization", f"Bearer {self.token()}")
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=10) as answer:
            counts = json.load(answer)["counts"]
        if counts["filled"] != len(ITEMS):
            raise SystemExit(f"the product does not fill the form, so nothing was measured: {counts}")

    def memory_mb(self) -> float:
        """Resident memory now, in MB."""
        return float(psutil.Process(self.pid).memory_info().rss) / 1e6


@contextmanager
def running(
    directory: Path, sources: str, *, people: int, database: str | None = None, others: int = 0
) -> Iterator[Running]:
    """The product, seeded and served on core 0, asking the sources at that address.

    `others`: further forms of forty fields that are published beside the measured one, each with items of its own.
    """
    environment = {
        "ONCEGATE_STATE_DIR": str(directory),
        "ONCEGATE_ALLOW_PRIVATE_ADDRESSES": "true",
        "ONCEGATE_PLACES": json.dumps({"bench": sources}),
        "ONCEGATE_LOG_LEVEL": "WARNING",
        "ONCEGATE_RATE_LIMIT_PER_SECOND": "0",  # what is measured is how fast it is, not how fast it may be
    }
    if database:
        environment["ONCEGATE_DATABASE_URL"] = database
    people_file, secret = directory / "people.tsv", new_client_secret()
    consents = asyncio.run(seed(environment, directory, people, secret, others))
    lines = (f"{id_no}\t{consent_id}\n" for id_no, consent_id in consents)
    people_file.write_text("".join(lines), encoding="utf-8")
    port = free_port()
    with served(["gateway", "serve"], port, core=0, environment=environment) as pid:
        yield Running(f"http://127.0.0.1:{port}", pid, people_file, "bench", secret)


@contextmanager
def served(
    command: list[str], port: int, *, core: int, environment: dict[str, str] | None = None
) -> Iterator[int]:
    """The process id of that command, pinned to one core, once something listens on the port."""
    pinned = ["taskset", "-c", str(core), sys.executable, "-m", *command, "--port", str(port)]
    process = subprocess.Popen(pinned, cwd=HERE, env={**os.environ, **(environment or {})})
    try:
        wait_for(port, process)
        yield process.pid
    finally:
        process.terminate()
        process.wait(20)


async def seed(
    environment: dict[str, str], directory: Path, people: int, secret: str, others: int = 0
) -> list[tuple[str, str]]:
    """Publish registry, form and policy, register the client, record everybody's consent: (identifier, consent)."""
    settings = load_settings(environment)
    migrate(settings.database_url)
    url = make_url(settings.database_url)
    engine = sqlite_engine(url, pool_size=1) if settings.is_sqlite else create_engine(url)
    runtime = make_runtime(settings)
    now = runtime.clock()
    publisher = Publisher(runtime.store, "bench", now, runtime.new_reference)
    write_definitions(directory / "definitions", others)
    await publisher.registry(load_registry(directory / "definitions/registry").registry)
    await publisher.policy(load_policy(directory / "definitions/policy").policy)
    for form in load_forms(directory / "definitions/forms").forms:
        await publisher.form(form)
    roles = frozenset({"renderer", "consent_desk"})
    await runtime.store.clients.put(
        Client("bench", "bench", DEPARTMENT, roles, secret_hash=hash_client_secret(secret)), now
    )
    await refresh(runtime)
    kept = Collecting(runtime.store)
    consents = await record_all(replace(runtime, store=kept), people, now)
    with engine.begin() as connection:
        connection.execute(insert(consent), [_consent_row(stored) for stored, _, _ in kept.added])
        write_entries(connection, [entry for _, _, entry in kept.added])
        connection.execute(insert(consent_event), [event_row(event) for _, event, _ in kept.added])
    engine.dispose()
    await runtime.sources.close()
    await runtime.store.close()
    return consents


class Collecting:
    """A store that keeps added consents aside instead of writing each; otherwise the store it stands before."""

    def __init__(self, store: Any) -> None:
        """Nothing kept yet."""
        self._store = store
        self.consents = self
        self.added: list[tuple[Any, Any, Any]] = []

    async def add(self, stored: Any, event: Any, entry: Any, **_: Any) -> bool:
        """Keep it for one big transaction; what is seeded renews nothing and answers nobody."""
        self.added.append((stored, event, entry))
        return True

    def __getattr__(self, name: str) -> Any:
        """Everything else is the real store's."""
        return getattr(self._store, name)


async def record_all(runtime: Runtime, people: int, now: datetime) -> list[tuple[str, str]]:
    """(identifier, consent) of everybody."""
    caller = Caller("bench", DEPARTMENT, frozenset({"consent_desk"}))
    recorded = []
    for first in range(0, people, 256):
        numbers = [id_number(number) for number in range(first, min(first + 256, people))]
        answers = await asyncio.gather(
            *(record_consent(command(id_no, now), caller, runtime) for id_no in numbers)
        )
        recorded += [(id_no, answer["id"]) for id_no, answer in zip(numbers, answers, strict=True)]
    return recorded


def command(id_no: str, now: datetime) -> RecordConsent:
    """One person's consent to all forty items, for a day, without a limit of uses."""
    return RecordConsent(
        subject={"kind": "person", "id_type": "111", "id_no": id_no},
        purpose="bench",
        items=dict.fromkeys(ITEMS, True),
        recipients=(DEPARTMENT,),
        expires_at=now + timedelta(days=1),
        notice=Notice("bench", 1, "zh-CN", "0" * 64, now, "self_service"),
        evidence=Evidence("oidc"),
        form="bench-forty",
    )


def id_number(number: int) -> str:
    """A well-formed synthetic resident number: its order code is one that registration offices do not give out."""
    day = datetime(1950, 1, 1, tzinfo=UTC) + timedelta(days=number // 90)
    body = f"350582{day:%Y%m%d}9{number % 90 + 10:02d}"
    return body + str(ric.calc_check_digit(body + "0"))


def write_definitions(directory: Path, others: int = 0) -> None:
    """Registry, policy and forms as the files they are imported from (JSON is YAML)."""
    names = {
        f"other-{number:04d}": [f"other{number:04d}.f{field:02d}" for field in range(40)]
        for number in range(others)
    }
    names = {"bench-forty": ITEMS, **names}
    every_item = [item for items in names.values() for item in items]
    people = {"kind": "person", "department": DEPARTMENT, "datatype": "text", "max_length": 256}
    rule = {"id": "R-001", "effect": "permit", "why": "bench", "when": {"purposes": ["bench"]}}
    purpose = {"code": "bench", "name": "bench", "name_en": "bench", "citation": "bench"}
    files: dict[str, Any] = {
        "registry/all.yaml": {
            "items": [{"id": item, "name": item} | people for item in every_item],
            "sources": [source(number) for number in range(SOURCES)],
            "bindings": [binding(item, number) for number, item in enumerate(every_item)],
        },
        "policy/all.yaml": {"purposes": [purpose], "rules": [rule | {"ground": {"kind": "consent"}}]},
    }
    files |= {f"forms/{name}.yaml": form(name, items) for name, items in names.items()}
    for name, content in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")


def binding(item: str, number: int) -> dict[str, Any]:
    """Where that item comes from: eight in a row from each source."""
    pointer = f"/items/{item.partition('.')[2]}"
    return {"item": item, "source": f"s{number // PER_SOURCE % SOURCES}", "attribute": pointer, "rank": 1}


def form(name: str, items: list[str]) -> dict[str, Any]:
    """One form of these items."""
    fields = [
        {"path": f"f{number:02d}", "label": item, "role": "applicant", "item": item}
        for number, item in enumerate(items)
    ]
    roles = [{"name": "applicant", "label": "applicant", "kinds": ["person"]}]
    head = {"id": name, "version": 1, "name": "bench", "matter": "bench", "purpose": "bench"}
    return {**head, "department": DEPARTMENT, "fields": fields, "roles": roles}


def source(number: int) -> dict[str, Any]:
    """One source as the registry configures it."""
    return {
        "id": f"s{number}",
        "name": f"s{number}",
        "department": DEPARTMENT,
        "connector": "http_json",
        "tier": "A",
        "kinds": ["person"],
        "id_types": ["111"],
        "max_concurrent": 256,
        "failures_to_open": 1000,  # sources go away between measurements; that is no outage
        "open_for": "1s",
        "config": {
            "base_url": "${bench}",
            "no_echo": "the yardstick's simulator repeats no subject",
            "request": {"method": "GET", "path": f"/s/s{number}/{{id_no}}"},
            "answer": {"record": "", "recorded_at": "/as_of"},
        },
    }


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and its children, in seconds."""
    process = psutil.Process(pid)
    times = [each.cpu_times() for each in [process, *process.children(recursive=True)]]
    return sum(each.user + each.system for each in times)


def free_port() -> int:
    """A loopback port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    """Return when something listens on the port."""
    give_up_at = time.monotonic() + READY_SECONDS
    while time.monotonic() < give_up_at and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 0.2).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise SystemExit(f"nothing listens on port {port}")
