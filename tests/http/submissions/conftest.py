"""A hall that resolves and hands in forms about one family, for the tests of submissions.

The service runs in this process over a store in memory, unless told otherwise; sources are made up. A second form asks
the same under a policy that refuses changes of locked values.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
import pytest_asyncio

from field_registry import Binding, CodeList, Item, Registry, Source, SubjectKind, Tier
from field_registry.items import Datatype
from forms.definition import Field, FieldKind, Form, Group, Role
from gateway.app import create_app, refresh
from gateway.curation.publish import Publisher
from gateway.ports import Store
from gateway.records import Caller
from gateway.runtime import Runtime
from gateway.settings import Settings
from gateway.store import Database, MemoryStore, SqlStore
from gateway.store.migrate import migrate
from policies import Ground, GroundKind, Policy, Purpose, Rule
from policies.purposes import LockedEdits
from policies.rules import Conditions, Effect

NOW = datetime(2026, 11, 21, 2, 3, 4, tzinfo=UTC)
HALL, POLICE = "政务服务", "公安"
ANN = {"kind": "person", "id_type": "111", "id_no": "35058219910603996X"}
SON, DAUGHTER = "35058220150301001X", "350582201807060024"
FAMILY = {
    ANN["id_no"]: {
        "name": "安妮",
        "number": "35058219910603996X",
        "sex": "2",
        "born": "1991-06-03",
        "address": "福建省晋江市青阳街道1号",
        "empty": "",
        "income": "未申报",
        "children": [
            {"name": "小明", "id_no": SON, "born": "2015-03-01"},
            {"name": "小红", "id_no": DAUGHTER, "born": "2018-07-06"},
        ],
    }
}


def _item(item_id: str, name: str, datatype: Datatype = Datatype.text, **more: Any) -> Item:
    return Item(item_id, name, SubjectKind.person, datatype, POLICE, **more)


REGISTRY = Registry.of(
    0,
    items=[
        _item("person.name", "姓名", Datatype.name),
        _item("person.id_no", "公民身份号码", Datatype.id_no, mask="id_no"),
        _item("person.sex", "性别", Datatype.code, code_list="sex"),
        _item("person.birth_date", "出生日期", Datatype.date),
        _item("person.address", "住址", Datatype.address),
        _item("person.phone", "联系电话", Datatype.phone),
        _item("person.school", "毕业院校"),
        _item("person.income", "收入", Datatype.amount, unit="CNY"),
        _item("person.children", "子女", Datatype.rows),
        _item("child.name", "子女姓名", Datatype.name, within="person.children", mask="name"),
        _item("child.id_no", "子女证件号码", Datatype.id_no, within="person.children"),
        _item("child.birth_date", "子女出生日期", Datatype.date, within="person.children"),
    ],
    sources=[
        Source("civil", "人口基础库", POLICE, "sandbox", config={"personas": FAMILY}),
        Source("record", "一人一档", "数据局", "profile", tier=Tier.C),
    ],
    bindings=[
        Binding("person.name", "civil", "/name"),
        Binding("person.id_no", "civil", "/number"),
        Binding("person.sex", "civil", "/sex"),
        Binding("person.birth_date", "civil", "/born"),
        Binding("person.address", "civil", "/address"),
        Binding("person.school", "civil", "/empty"),
        Binding("person.income", "civil", "/income"),
        Binding("person.children", "civil", "/children"),
        Binding("child.name", "civil", "/name"),
        Binding("child.id_no", "civil", "/id_no"),
        Binding("child.birth_date", "civil", "/born"),
        Binding("person.phone", "record", "person.phone"),
    ],
    code_lists=[CodeList("sex", "性别", {"1": "男", "2": "女"}, {"M": "1", "F": "2"})],
)
_LAW = Ground(GroundKind.other_law, "L-1", "国务院令第716号 第七条")
POLICY = Policy.of(
    0,
    [Purpose("family", "家庭"), Purpose("strict", "严格", locked_edits=LockedEdits.refuse)],
    [
        Rule("R-1", Effect.permit, "agreed", ground=Ground(GroundKind.consent, "")),
        Rule(
            "R-2",
            Effect.permit,
            "the law says so",
            Conditions(items=frozenset({"person.address", "person.phone"})),
            _LAW,
        ),
    ],
)
CHILDREN = Group("children", "子女", "applicant", "id_no", item="person.children", max_rows=4)
WANTS = {"field": "wants_more", "equals": True}
FORM = Form(
    "family", 1, "家庭登记", "M-1", "family", "民政",
    fields=(
        Field("name", "姓名", item="person.name", required=True),
        Field("name_again", "申请人签名处姓名", item="person.name"),
        Field("id_no", "证件号码", item="person.id_no", required=True),
        Field("sex", "性别", item="person.sex", required=True),
        Field("birth_date", "出生日期", item="person.birth_date", required=True),
        Field("address", "住址", item="person.address", locked=False),
        Field("phone", "电话", item="person.phone"),
        Field("school", "学校", item="person.school", required=True),
        Field("income", "收入", item="person.income", required=True),
        Field("wants_more", "是否补充", schema={"type": "boolean"}),
        Field("more", "补充", visible_when=WANTS, required=True, schema={"type": "string", "maxLength": 5}),
        Field("spouse_name", "配偶姓名", role="spouse", item="person.name"),
        Field("opinion", "审核意见", office_use=True),
        Field("hint", "请如实填写", kind=FieldKind.display),
        Field("children.name", "姓名", item="child.name", group="children"),
        Field("children.id_no", "证件号码", item="child.id_no", group="children", required=True),
        Field("children.birth_date", "出生日期", item="child.birth_date", group="children"),
        Field("children.school", "学校", group="children"),
        Field("signature", "签名", kind=FieldKind.signature, required=True),
        Field("declaration", "声明属实", visible_when=WANTS, kind=FieldKind.consent_box, required=True),
    ),
    roles=(
        Role("applicant", "申请人", frozenset({SubjectKind.person})),
        Role("spouse", "配偶", frozenset({SubjectKind.person}), required=False),
    ),
    groups=(CHILDREN,),
)  # fmt: skip
STRICT = replace(FORM, id="strict", purpose="strict")
CONSENT: dict[str, Any] = {
    "subject": ANN,
    "purpose": "family",
    "items": [{"item": item, "permit": True} for item in REGISTRY.items if item != "person.address"],
    "acts": [
        {"topic": "third_party", "act_id": "act-1", "at": "2026-11-21T02:01:00Z"},
        {"topic": "others", "act_id": "act-2", "at": "2026-11-21T02:01:30Z"},
    ],
    "recipient_departments": [HALL],
    "expires_at": "2026-11-22T00:00:00Z",
    "max_uses": 100,
    "notice": {
        "id": "notice",
        "version": 1,
        "language": "zh-CN",
        "rendered_sha256": "0" * 64,
        "shown_at": "2026-11-21T02:00:00Z",
        "channel": "window",
    },
    "evidence": {"method": "card_and_face", "witness": "clerk-17"},
}
AS_OFFERED: dict[str, Any] = {
    "name": "安妮",
    "name_again": "安妮",
    "id_no": "35058219910603996X",
    "sex": "2",
    "birth_date": "1991-06-03",
    "address": "福建省晋江市青阳街道1号",
    "children": [
        {"name": "小明", "id_no": SON, "birth_date": "2015-03-01"},
        {"name": "小红", "id_no": DAUGHTER, "birth_date": "2018-07-06"},
    ],
}


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        """The time a test set."""
        return self.now


@dataclass
class Hall:
    """One hall at work. `consents`: the one of each purpose, once asked for."""

    app: Any
    http: httpx.AsyncClient
    clock: Clock
    consents: dict[str, str] = field(default_factory=dict)
    offered: Mapping[str, Any] = field(default_factory=lambda: dict(AS_OFFERED))
    form: Form = FORM

    @property
    def runtime(self) -> Runtime:
        """Of the service."""
        runtime: Runtime = self.app.state.runtime
        return runtime

    async def call(self, method: str, path: str, body: Any = None, **more: Any) -> httpx.Response:
        """One call, as the hall."""
        return await self.http.request(method, path, json=body, **more)

    async def consent(self, purpose: str = "family", **changes: Any) -> str:
        """Ann's consent to everything the forms ask for."""
        if purpose not in self.consents or changes:
            body = {**CONSENT, "purpose": purpose, **self._shown_by_now(), **changes}
            answer = await self.call("POST", "/v1/consents", body)
            assert answer.status_code == 201, answer.text
            self.consents[purpose] = answer.json()["id"]
        return self.consents[purpose]

    def _shown_by_now(self) -> dict[str, Any]:
        """Notice and acts of now, once those of the first day have run out."""
        if self.clock.now - NOW < timedelta(days=1):
            return {}
        now = self.clock.now.isoformat()
        acts = [{**act, "at": now} for act in CONSENT["acts"]]
        return {"acts": acts, "notice": {**CONSENT["notice"], "shown_at": now}}

    async def resolve(self, form: str = "family", **more: Any) -> dict[str, Any]:
        """A form resolved for Ann."""
        consent = await self.consent("strict" if form == "strict" else "family")
        body = {
            "form": {"id": form},
            "subjects": {"applicant": ANN},
            "actor": {"kind": "clerk", "id": "jj-0317"},
            "consent": consent,
            **more,
        }
        answer = await self.call("POST", "/v1/resolutions", body)
        assert answer.status_code == 200, answer.text
        given: dict[str, Any] = answer.json()
        return given

    async def submit(
        self, resolved: Mapping[str, Any] | str, values: Any = None, **more: Any
    ) -> httpx.Response:
        """The form handed in: as it was offered, changed as said."""
        resolution = resolved if isinstance(resolved, str) else resolved["id"]
        body = {"values": {**AS_OFFERED, **(values or {})}, **more}
        return await self.call("POST", f"/v1/resolutions/{resolution}/submission", body)

    async def handed_in(self, values: Any = None, *, form: str = "family", **more: Any) -> dict[str, Any]:
        """What becomes of a form that is resolved and handed in so."""
        answer = await self.submit(await self.resolve(form), values, **more)
        assert answer.status_code == 200, answer.text
        given: dict[str, Any] = answer.json()
        return given

    async def entries(self, *kinds: str) -> list[dict[str, Any]]:
        """The leaves of those kinds, oldest first."""
        found = await self.runtime.store.entries.find(request=None, after="", limit=10_000)
        return [orjson.loads(each.leaf) for each in found if each.kind.value in kinds]

    async def publish(self, *forms: Form) -> None:
        """Publish these forms, and take them up."""
        publisher = Publisher(self.runtime.store, "test", self.clock(), self.runtime.new_reference)
        for form in forms:
            await publisher.form(form)
        await refresh(self.runtime)

    def another(self, client: str = "other") -> dict[str, str]:
        """The header of another hall's token."""
        caller = Caller(client, HALL, frozenset({"renderer"}))
        return {"authorization": f"Bearer {self.app.state.tokens.issue_to(caller, 300)}"}


@asynccontextmanager
async def open_hall(directory: Path, store: Store | None = None, **settings: Any) -> AsyncIterator[Hall]:
    """A hall, and a service on which registry, policy and both forms are published."""
    clock = Clock()
    app = create_app(Settings(state_dir=directory, **settings), store=store or MemoryStore(), clock=clock)
    runtime = app.state.runtime
    publisher = Publisher(runtime.store, "test", NOW, runtime.new_reference)
    await publisher.registry(REGISTRY)
    await publisher.policy(POLICY)
    runtime.watch.begin()
    caller = Caller("hall", HALL, frozenset({"renderer", "consent_desk"}))
    headers = {"authorization": f"Bearer {app.state.tokens.issue_to(caller, 400 * 24 * 3600)}"}
    transport = httpx.ASGITransport(app, raise_app_exceptions=True)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://127.0.0.1:8000", headers=headers
    ) as http:
        hall = Hall(app, http, clock)
        await hall.publish(FORM, STRICT)
        try:
            yield hall
        finally:
            await runtime.ledger.drain()
            await runtime.sources.close()
            await runtime.store.close()


@pytest_asyncio.fixture
async def hall(tmp_path: Path) -> AsyncIterator[Hall]:
    """A hall over a store in memory."""
    async with open_hall(tmp_path) as opened:
        yield opened


@pytest_asyncio.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.servers)])
async def hall_on_disk(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Hall]:
    """A hall over each kind of database."""
    url = f"sqlite:///{tmp_path}/oncegate.db"
    if request.param == "postgresql":
        server: Any = request.getfixturevalue("postgres_server")
        url = server.new_database()
    migrate(url)
    async with open_hall(tmp_path, SqlStore(Database(url)), database_url=url) as opened:
        yield opened


@pytest.fixture
def make_hall(tmp_path: Path) -> Any:
    """A hall over a store in memory, with these settings."""
    return lambda **settings: open_hall(tmp_path, **settings)


@pytest.fixture
def open_another(tmp_path: Path) -> Any:
    """Opens a second worker on the database of a first, for as long as the stack lasts."""

    async def opened(stack: AsyncExitStack, first: Hall) -> Hall:
        url = first.runtime.settings.database_url
        second = await stack.enter_async_context(
            open_hall(tmp_path, SqlStore(Database(url)), database_url=url)
        )
        second.consents = first.consents
        return second

    return opened
