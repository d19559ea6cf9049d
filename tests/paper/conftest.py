"""A hall that resolves, hands in, and prints: the service in this process, with one register and one form on it."""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from fastapi import FastAPI
from pypdf import PdfReader

from field_registry import Binding, CodeList, Item, Registry, Source, SubjectKind
from field_registry.items import Datatype
from forms.definition import Field, FieldKind, Form, Group, Role
from gateway.app import create_app, refresh
from gateway.curation import Publisher
from gateway.records import Client
from gateway.runtime import Runtime
from gateway.security import new_client_secret
from gateway.security.client_secrets import scrypt_hash
from gateway.settings import Settings
from gateway.store import MemoryStore
from gateway.store.migrate import migrate
from policies import Ground, GroundKind, Policy, Purpose, Rule
from policies.rules import Effect

NOW = datetime(2026, 11, 21, 2, 3, 4, tzinfo=UTC)
HALL, POLICE = "政务服务", "公安"
ANN = {"kind": "person", "id_type": "111", "id_no": "35058219910603996X"}
RARE = "王𬭎䶮㛃𠅤"
ADDRESS = (
    "福建省泉州市晋江市青阳街道曾井社区文兴路二百七十一巷十八号紫华苑小区十二幢一单元二十三层二千三百零一室"
    * 2
)
PERSON = SubjectKind.person


def _item(item_id: str, name: str, datatype: Datatype = Datatype.text, **more: Any) -> Item:
    return Item(item_id, name, PERSON, datatype, POLICE, **more)


ITEMS = (
    _item("person.name", "姓名", Datatype.name, mask="name"),
    _item("person.id_no", "公民身份号码", Datatype.id_no, mask="id_no"),
    _item("person.sex", "性别", Datatype.code, code_list="sex"),
    _item("person.address", "住址", Datatype.address),
    _item("person.birth_date", "出生日期", Datatype.date),
    _item("person.marital", "婚姻状况"),
    _item("person.children", "子女", Datatype.rows),
    _item("child.name", "子女姓名", Datatype.name, within="person.children"),
    _item("child.id_no", "子女证件号码", Datatype.id_no, within="person.children"),
)
PERSONA = {
    "name": RARE,
    "id_no": ANN["id_no"],
    "sex": "2",
    "address": ADDRESS,
    "birth_date": "1991-06-03",
    "children": [
        {"name": "安一", "id_no": "110102202001010075"},
        {"name": "安二", "id_no": "110102202101010072"},
    ],
}
REGISTRY = Registry.of(
    0,
    items=ITEMS,
    sources=[Source("civil", "人口基础库", POLICE, "sandbox", config={"personas": {ANN["id_no"]: PERSONA}})],
    bindings=[
        *(Binding(f"person.{leaf}", "civil", f"/{leaf}") for leaf in PERSONA),
        Binding("person.marital", "civil", "/marital"),
        Binding("child.name", "civil", "/name"),
        Binding("child.id_no", "civil", "/id_no"),
    ],
    code_lists=[CodeList("sex", "性别", {"1": "男", "2": "女"})],
)
GROUND = Ground(GroundKind.statutory_duty, "D-1", "某条例第一条")
POLICY = Policy.of(
    0, [Purpose("family", "办理家庭登记")], [Rule("R-1", Effect.permit, "依法核验", ground=GROUND)]
)
FORM = Form(
    "family",
    1,
    "家庭登记表",
    "MZ-001",
    "family",
    "民政",
    fields=(
        Field("name", "姓名", item="person.name", section="一、本人", required=True, label_en="Name"),
        Field("id_no", "身份证号码", item="person.id_no", section="一、本人", required=True),
        Field("sex", "性别", item="person.sex", section="一、本人"),
        Field("birth_date", "出生日期", item="person.birth_date", section="一、本人"),
        Field("address", "住址", item="person.address", section="一、本人", schema={"maxLength": 200}),
        Field("marital", "婚姻状况", item="person.marital", section="一、本人"),
        Field("has_car", "有无车辆", section="一、本人", schema={"type": "boolean"}),
        Field("plate", "号牌", section="一、本人", visible_when={"field": "has_car", "equals": True}),
        Field("note", "备注", section="一、本人"),
        Field("children.name", "姓名", item="child.name", group="children", section="二、子女"),
        Field("children.id_no", "证件号码", item="child.id_no", group="children", section="二、子女"),
        Field("declaration", "本人声明以上属实", kind=FieldKind.consent_box, section="三、声明"),
        Field("signature", "申请人签字", kind=FieldKind.signature, section="三、声明"),
        Field("opinion", "审批意见", office_use=True, section="三、声明"),
    ),
    roles=(Role("applicant", "申请人", frozenset({PERSON})),),
    groups=(
        Group("children", "子女情况", "applicant", "id_no", item="person.children", label_en="Children"),
    ),
    name_en="Registration of a family",
)
SENT: dict[str, Any] = {
    "name": RARE,
    "id_no": ANN["id_no"],
    "sex": "2",
    "birth_date": "1991-06-03",
    "address": ADDRESS,
    "marital": "已婚",
    "has_car": False,
    "note": '#import "x" $y$ <z> @w `v` \\u',
    "children": PERSONA["children"],
    "declaration": True,
}
ROLES = {
    "hall": (HALL, frozenset({"renderer", "consent_desk"})),
    "other": (HALL, frozenset({"renderer"})),
    "audit": ("数据局", frozenset({"auditor"})),
}


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
class Pdf:
    """A PDF as a reader has it: its text without white space, its attachments."""

    content: bytes

    @property
    def reader(self) -> PdfReader:
        """As pypdf reads it."""
        return PdfReader(BytesIO(self.content))

    @property
    def text(self) -> str:
        """What stands on its pages, without white space."""
        text = "".join(page.extract_text() for page in self.reader.pages)
        return "".join(text.split()).replace("\u200b", "")

    def attached(self, name: str) -> Any:
        """A file inside it, as JSON."""
        return orjson.loads(self.reader.attachments[name][0])


@dataclass
class Desk:
    """The hall's desk: the service, a clock and a client of it."""

    app: FastAPI
    clock: Clock
    http: httpx.AsyncClient
    secret: str

    @property
    def runtime(self) -> Runtime:
        """Of the service."""
        runtime: Runtime = self.app.state.runtime
        return runtime

    async def log_in(self, client: str = "hall") -> None:
        """From now on the desk is that client."""
        basic = b64encode(f"{client}:{self.secret}".encode()).decode()
        sent = {"authorization": f"Basic {basic}"}
        answer = await self.http.post("/oauth/token", headers=sent, data={"grant_type": "client_credentials"})
        self.http.headers["authorization"] = f"Bearer {answer.json()['access_token']}"

    async def resolve(self, **changes: Any) -> dict[str, Any]:
        """Ann's form, filled; its entries have their places in the log."""
        body = {
            "form": {"id": "family"},
            "case": "350582-2026-000123",
            "subjects": {"applicant": ANN},
            "actor": {"kind": "clerk", "id": "jj-0317"},
        } | changes
        answer = await self.http.post("/v1/resolutions", json=body)
        assert answer.status_code == 200, answer.text
        await self.place()
        told: dict[str, Any] = answer.json()
        return told

    async def submit(self, resolution: str, **changes: Any) -> dict[str, Any]:
        """The form handed in as it was offered, with what was missing typed."""
        body = {"values": SENT} | changes
        answer = await self.http.post(f"/v1/resolutions/{resolution}/submission", json=body)
        assert answer.status_code in (200, 201), answer.text
        await self.place()
        told: dict[str, Any] = answer.json()
        return told

    async def place(self) -> None:
        """What waits gets its place in the log."""
        await self.app.state.sequencer.run()

    async def receipt(self, number: str) -> dict[str, Any]:
        """The signed receipt, which must be answered."""
        answer = await self.http.get(f"/v1/receipts/{number}")
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    async def pdf(self, path: str) -> Pdf:
        """A document, which must be answered."""
        answer = await self.http.get(path)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "application/pdf"
        return Pdf(answer.content)

    async def entries(self, *kinds: str) -> list[dict[str, Any]]:
        """The leaves of those kinds, oldest first."""
        found = await self.runtime.store.entries.find(request=None, after="", limit=10_000)
        return [orjson.loads(each.leaf) for each in found if each.kind.value in kinds]


@pytest.fixture
def make_desk(tmp_path: Path) -> Callable[..., Any]:
    """A desk with these settings; `in_sqlite`: with a database that a command can open too."""

    async def make(*, in_sqlite: bool = False, form: Form = FORM, **settings: Any) -> Desk:
        clock = Clock()
        config = Settings(state_dir=tmp_path, **settings)
        if in_sqlite:
            await asyncio.to_thread(migrate, config.database_url)
        app = create_app(config, store=None if in_sqlite else MemoryStore(), clock=clock)
        runtime: Runtime = app.state.runtime
        publisher = Publisher(runtime.store, "test", NOW, runtime.new_reference)
        await publisher.registry(REGISTRY)
        await publisher.policy(POLICY)
        await publisher.form(form)
        secret = new_client_secret()
        for client, (department, roles) in ROLES.items():
            known = Client(client, client, department, roles, scrypt_hash(secret, 16, 8, 1))
            await runtime.store.clients.put(known, NOW)
        await refresh(runtime)
        transport = httpx.ASGITransport(app)
        desk = Desk(app, clock, httpx.AsyncClient(transport=transport, base_url="http://gate.test"), secret)
        await desk.log_in()
        return desk

    return make


@pytest.fixture
async def desk(make_desk: Callable[..., Any]) -> AsyncIterator[Desk]:
    """A desk with development settings."""
    made: Desk = await make_desk(public_url="http://gate.test")
    yield made
    await made.http.aclose()
    await made.runtime.store.close()
