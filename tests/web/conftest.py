"""A hall that asks, and a phone that answers: the service in this process, over a store in memory or in SQLite.

The phone is a browser without script: it sends the forms of the page as they are, and keeps cookies.
"""

from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import orjson
import pytest
import pytest_asyncio
from fastapi import FastAPI
from playwright.async_api import Browser, async_playwright

from field_registry import Binding, Item, Registry, Source, SubjectKind
from field_registry.items import Datatype, Sensitivity, ShareAttribute
from forms.definition import Field, Form, Group, Role
from gateway.app import create_app, refresh
from gateway.curation import Publisher
from gateway.ports import Store
from gateway.records import Client
from gateway.runtime import Runtime
from gateway.security import new_client_secret
from gateway.security.client_secrets import scrypt_hash
from gateway.settings import Settings
from gateway.store import MemoryStore
from policies import Ground, GroundKind, Policy, Purpose, Rule
from policies.rules import Conditions, Effect
from tests.pages import Page

NOW = datetime(2026, 11, 21, 2, 3, 4, tzinfo=UTC)
HALL, TAX = "政务服务", "税务"
ANN = {"kind": "person", "id_type": "111", "id_no": "35058219910603996X"}
CHILD = {"kind": "person", "id_type": "111", "id_no": "110102202001010075"}


def _item(item_id: str, name: str, english: str, **more: Any) -> Item:
    parts = {"datatype": Datatype.text, "name_en": english} | more
    return Item(item_id, name, SubjectKind.person, parts.pop("datatype"), "公安", **parts)


SENSITIVE = {"sensitivity": Sensitivity.sensitive}
ITEMS = (
    _item("person.name", "姓名", "Name", datatype=Datatype.name),
    _item("person.address", "住址", "Address", share=ShareAttribute.unconditional),
    _item("person.phone", "联系电话", "Phone", datatype=Datatype.phone, **SENSITIVE),
    _item("person.sex", "性别", "Sex"),
    _item("person.secret", "不予共享项", "Not shared", share=ShareAttribute.none),
    _item("person.children", "子女", "Children", datatype=Datatype.rows),
    _item("child.name", "子女姓名", "Name of a child", datatype=Datatype.name, within="person.children"),
)
REGISTRY = Registry.of(
    0,
    items=ITEMS,
    sources=[
        Source(
            "civil", "人口基础库", "公安", "sandbox", config={"personas": {}}, department_en="Public Security"
        ),
        Source("tax", "税务库", TAX, "sandbox", config={"personas": {}}, department_en="Taxation"),
    ],
    bindings=[
        *(Binding(item.id, "civil", f"/{item.id}", version=1) for item in ITEMS),
        Binding("person.address", "tax", "/address", rank=2),
    ],
)
BY_DUTY = Ground(GroundKind.statutory_duty, "D-1", "某条例第一条")
POLICY = Policy.of(
    0,
    [Purpose("family", "办理家庭登记", "Registration of a family", "《某条例》")],
    [
        Rule("R-1", Effect.permit, "经本人同意，用于家庭登记", ground=Ground(GroundKind.consent, "")),
        Rule("R-2", Effect.permit, "依法核验性别", Conditions(items=frozenset({"person.sex"})), BY_DUTY),
    ],
)
FORM = Form(
    "family",
    1,
    "家庭登记表",
    "MZ-001",
    "family",
    "民政",
    fields=(
        Field("name", "姓名", item="person.name", label_en="Name", required=True),
        Field("address", "住址", item="person.address", label_en="Address"),
        Field("phone", "联系电话", item="person.phone", label_en="Phone", required=True),
        Field("sex", "性别", item="person.sex"),
        Field("secret", "不予共享项", item="person.secret"),
        Field("note", "备注"),
        Field("children.name", "姓名", item="child.name", label_en="Name", group="children"),
        Field("spouse.sex", "配偶性别", "spouse", "person.sex"),
    ),
    roles=(
        Role("applicant", "申请人", frozenset({SubjectKind.person}), label_en="Applicant"),
        Role("spouse", "配偶", frozenset({SubjectKind.person}), required=False),
    ),
    groups=(Group("children", "子女", "applicant", "name", item="person.children"),),
    name_en="Registration of a family",
)


@dataclass
class Clock:
    """A clock that a test moves."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        """The time a test set."""
        return self.now

    def tick(self, **by: float) -> None:
        """Later by so much."""
        self.now += timedelta(**by)


@dataclass
class Phone:
    """A person's phone on one link."""

    http: httpx.AsyncClient
    path: str

    async def open(self) -> Page:
        """Scan the code, or reload."""
        return Page(await self.http.get(self.path))

    async def send(self, **fields: Any) -> Page:
        """Send a form, and follow where it leads."""
        return Page(await self.http.post(self.path, data=fields, follow_redirects=True))

    async def confirm(self, typed: str = "996X") -> Page:
        """Say who it is."""
        return await self.send(step="confirm", typed=typed)

    async def answer(self, page: Page, decision: str, *permit: str, act: tuple[str, ...] = ()) -> Page:
        """Tick, and press a button of the page with the notice."""
        return await self.send(**page.form("answer"), decision=decision, permit=list(permit), act=list(act))

    async def withdraw(self, page: Page) -> Page:
        """Press the button of the result."""
        return await self.send(**page.form("withdraw"))


@dataclass
class Hall:
    """The service, a desk of the service hall that asks, and phones."""

    app: FastAPI
    clock: Clock
    http: httpx.AsyncClient
    secret: str
    phones: list[httpx.AsyncClient] = field(default_factory=list)

    @property
    def runtime(self) -> Runtime:
        """Of the service."""
        runtime: Runtime = self.app.state.runtime
        return runtime

    async def log_in(self, client: str = "desk") -> None:
        """From now on the desk is that client, with a token of this time."""
        basic = b64encode(f"{client}:{self.secret}".encode()).decode()
        answer = await self.http.post(
            "/oauth/token",
            headers={"authorization": f"Basic {basic}"},
            data={"grant_type": "client_credentials"},
        )
        self.http.headers["authorization"] = f"Bearer {answer.json()['access_token']}"

    async def post(self, headers: Mapping[str, str] | None = None, **changes: Any) -> httpx.Response:
        """Ask for Ann's consent, or as said; a change to None leaves a part out."""
        body = {"form": {"id": "family"}, "subject": ANN} | changes
        sent = {name: value for name, value in body.items() if value is not None}
        return await self.http.post("/v1/consent-requests", json=sent, headers=headers)

    async def ask(self, **changes: Any) -> dict[str, Any]:
        """The same, where it must be answered."""
        answer = await self.post(**changes)
        assert answer.status_code == 201, answer.text
        told: dict[str, Any] = answer.json()
        return told

    async def stands(self, request_id: str) -> dict[str, Any]:
        """How a request stands."""
        answer = await self.http.get(f"/v1/consent-requests/{request_id}")
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    def phone(self, url: str) -> Phone:
        """A phone that scanned a code, with no cookies yet."""
        transport = httpx.ASGITransport(self.app)
        public = origin_of(self.runtime)
        self.phones.append(httpx.AsyncClient(transport=transport, base_url=public, verify=False))
        return Phone(self.phones[-1], urlsplit(url).path)

    async def ready(self, **changes: Any) -> tuple[dict[str, Any], Phone, Page]:
        """A request, a phone that has confirmed, and the page with the notice."""
        told = await self.ask(**changes)
        phone = self.phone(told["url"])
        page = await phone.confirm()
        assert page.status == 200, page.text
        return told, phone, page

    async def entries(self, *kinds: str) -> list[dict[str, Any]]:
        """The leaves of those kinds, oldest first."""
        found = await self.runtime.store.entries.find(request=None, after="", limit=10_000)
        return [orjson.loads(each.leaf) for each in found if each.kind.value in kinds]

    async def consent(self, consent_id: str) -> dict[str, Any]:
        """A consent as the desk reads it."""
        answer = await self.http.get(f"/v1/consents/{consent_id}")
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    async def close(self) -> None:
        """Hang up."""
        for client in (self.http, *self.phones):
            await client.aclose()


def origin_of(runtime: Runtime) -> str:
    """Scheme and host of the public address: a proxy takes off the path in front."""
    public = urlsplit(runtime.settings.public_url)
    return f"{public.scheme}://{public.netloc}"


async def furnish(store: Store, runtime: Runtime, clients: Mapping[str, tuple[str, frozenset[str]]]) -> str:
    """Publish, and register clients (id → department and roles) with one secret."""
    publisher = Publisher(store, "test", NOW, runtime.new_reference)
    await publisher.registry(REGISTRY)
    await publisher.policy(POLICY)
    await publisher.form(FORM)
    secret = new_client_secret()
    for client_id, (department, roles) in clients.items():
        known = Client(client_id, client_id, department, roles, scrypt_hash(secret, 16, 8, 1))
        await store.clients.put(known, NOW)
    return secret


@pytest.fixture
def make_hall(tmp_path: Path) -> Callable[..., Any]:
    """A hall with these settings; `department`, `roles` of the desk."""

    async def make(
        department: str = HALL, roles: frozenset[str] = frozenset({"consent_desk"}), **settings: Any
    ) -> Hall:
        clock = Clock()
        app = create_app(Settings(state_dir=tmp_path, **settings), store=MemoryStore(), clock=clock)
        runtime: Runtime = app.state.runtime
        secret = await furnish(runtime.store, runtime, {"desk": (department, roles), "tax": (TAX, roles)})
        await refresh(runtime)
        transport = httpx.ASGITransport(app)
        http = httpx.AsyncClient(transport=transport, base_url=origin_of(runtime), verify=False)
        hall = Hall(app, clock, http, secret)
        await hall.log_in()
        return hall

    return make


@pytest.fixture
async def hall(make_hall: Callable[..., Any]) -> AsyncIterator[Hall]:
    """A hall with development settings."""
    made: Hall = await make_hall()
    yield made
    await made.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser(chromium: str) -> AsyncIterator[Browser]:
    """One browser for a file of tests, which needs the loop of its module."""
    async with async_playwright() as driver:
        started = await driver.chromium.launch(executable_path=chromium, args=["--disable-gpu"])
        yield started
        await started.close()
