"""A service in this process over a store in memory, with a clock that a test moves; and operators at work in it."""

from base64 import b32decode
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import orjson
import pytest
from fastapi import FastAPI

from gateway.app import create_app
from gateway.ports import Store
from gateway.records import Operator
from gateway.runtime import Runtime
from gateway.security.client_secrets import scrypt_hash
from gateway.security.operators import add_operator, changed_entry, login_key, seal_name
from gateway.security.sessions import Sessions
from gateway.security.totp import code_at, new_secret, provisioning_uri
from gateway.settings import Settings
from gateway.store import MemoryStore

NOW = datetime(2026, 11, 21, 2, 3, 4, tzinfo=UTC)
STEP = timedelta(seconds=30)
PASSWORD = "four words make one"


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        """The time a test set."""
        return self.now

    def tick(self, by: timedelta = STEP) -> None:
        """Later by so much."""
        self.now += by


@dataclass
class Desk:
    """One operator at work, and how they log in. `uri`: what their authenticator was told."""

    service: "Service"
    login: str
    id: str
    uri: str
    password: str = PASSWORD

    @property
    def code(self) -> str:
        """What their authenticator shows now."""
        secret = parse_qs(urlsplit(self.uri).query)["secret"][0]
        return code_at(b32decode(secret), self.service.clock())

    def body(self, **changes: Any) -> dict[str, Any]:
        """A log-in that works, unless changed."""
        return {"operator": self.login, "password": self.password, "totp": self.code} | changes

    async def log_in(self, **changes: Any) -> httpx.Response:
        """The answer to one try."""
        return await self.service.http.post("/v1/sessions", json=self.body(**changes))

    async def token(self) -> dict[str, str]:
        """The header of a new session, a step later than the last."""
        self.service.clock.tick()
        answer = await self.log_in()
        assert answer.status_code == 201, answer.text
        return {"authorization": f"Bearer {answer.json()['access_token']}"}


@dataclass
class Service:
    """The service, its runtime and a client of it."""

    app: FastAPI
    clock: Clock
    http: httpx.AsyncClient

    @property
    def runtime(self) -> Runtime:
        runtime: Runtime = self.app.state.runtime
        return runtime

    async def entries(self, *kinds: str) -> list[dict[str, Any]]:
        """The leaves of those kinds, oldest first."""
        found = await self.runtime.store.entries.find(request=None, after="", limit=10_000)
        return [orjson.loads(each.leaf) for each in found if not kinds or each.kind.value in kinds]

    async def operator(self, login: str = "wang", *roles: str) -> Desk:
        """An operator who has changed the one-time password already; the hash is cheap, and names its cost."""
        runtime, now, secret = self.runtime, self.clock(), new_secret()
        operator = Operator(
            id=(operator_id := runtime.new_reference("opr", now)),
            login_key=login_key(login, runtime),
            sealed=seal_name(operator_id, login, "王工", runtime),
            department="数据局",
            roles=frozenset(roles or ("operator",)),
            created_at=now,
            password_hash=scrypt_hash(PASSWORD, 16, 8, 1),
            totp=runtime.sealer.seal(secret, table="operator", column="totp", row=operator_id),
        )
        await runtime.store.operators.add(operator, changed_entry(operator, "added", "oncegate", runtime))
        uri = provisioning_uri(secret, account=login, issuer="OnceGate")
        return Desk(self, login, operator_id, uri)

    async def newcomer(self, login: str = "wang") -> Desk:
        """An operator who was just added, and holds a one-time password."""
        made = await add_operator(login, "王工", "数据局", ["operator"], self.runtime)
        return Desk(self, login, made.operator.id, made.uri, made.password)


@pytest.fixture
def make_service(tmp_path: Path) -> Callable[..., Service]:
    """A service with these settings; refusals of log-ins do not take their time."""

    def make(store: Store | None = None, **settings: Any) -> Service:
        clock = Clock()
        config = Settings(state_dir=tmp_path, **settings)
        app = create_app(config, store=store or MemoryStore(), clock=clock)
        app.state.sessions = Sessions(app.state.runtime, app.state.tokens, refusal_takes=timedelta(0))
        transport = httpx.ASGITransport(app, raise_app_exceptions=True)
        return Service(app, clock, httpx.AsyncClient(transport=transport, base_url=config.public_url))

    return make


@pytest.fixture
async def service(make_service: Callable[..., Service]) -> AsyncIterator[Service]:
    """A service with development settings."""
    made = make_service()
    yield made
    await made.http.aclose()
