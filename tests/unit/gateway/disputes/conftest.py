"""A hall where people dispute: a form with two roles and a repeating group, two registers, a clock that tests move."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from field_registry import Binding, Item, Registry, Source, SubjectKind, subject_from
from field_registry.items import Datatype
from forms.definition import Field, Form, Group, Role
from gateway.app import make_runtime, make_sequencer, refresh
from gateway.curation import Publisher
from gateway.disputes.service import OpenDispute, list_disputes, open_dispute
from gateway.disputes.steps import take_step
from gateway.disputes.uses import Wanted
from gateway.records import Actor, Caller, Client, Message
from gateway.resolution.commands import ResolveCommand
from gateway.resolution.pipeline import resolve
from gateway.runtime import Runtime
from gateway.settings import Settings
from gateway.store.memory import MemoryStore
from gateway.submissions.commands import Claim, SubmitCommand
from gateway.submissions.service import submit
from policies import Ground, GroundKind, Policy, Purpose, Rule
from policies.rules import Effect

NOW = datetime(2026, 11, 20, 2, 3, 4, tzinfo=UTC)  # a Friday morning in China
DAY = timedelta(days=1)
HALL = "政务服务"
ANN = {"kind": "person", "id_type": "111", "id_no": "35058219910603996X"}
BOB = {"kind": "person", "id_type": "111", "id_no": "110102199101010078"}
DESK = Caller("hall", HALL, frozenset({"renderer"}))
OTHER_DESK = Caller("hall-2", HALL, frozenset({"renderer"}))
POLICE = Caller("police", "公安", frozenset({"data_admin"}))
CIVIL_AFFAIRS = Caller("civil-affairs", "民政", frozenset({"data_admin"}))
BUREAU = Caller("bureau", "数据局", frozenset({"data_admin"}))


def _item(item_id: str, datatype: Datatype = Datatype.text, **more: Any) -> Item:
    return Item(item_id, f"{item_id}的名称", SubjectKind.person, datatype, "公安", **more)


ITEMS = (
    _item("person.name"),
    _item("person.phone"),
    _item("person.marital", within=None),
    _item("person.children", Datatype.rows),
    _item("child.name", within="person.children"),
    _item("child.born", Datatype.date, within="person.children"),
)
CHILDREN = [{"name": "小明", "born": "2015-03-04"}, {"name": "小红", "born": "2018-05-06"}]
PERSONAS = {
    ANN["id_no"]: {"name": "安妮", "phone": "13800138000", "marital": "已婚", "children": CHILDREN},
    BOB["id_no"]: {"name": "鲍勃", "phone": "13900139000", "marital": "未婚", "children": []},
}
MARITAL = Source("marital", "婚姻登记库", "民政", "sandbox", config={"personas": PERSONAS})
BINDINGS = (
    Binding("person.name", "civil", "/name"),
    Binding("person.phone", "civil", "/phone"),
    Binding("person.marital", "marital", "/marital"),
    Binding("person.children", "civil", "/children"),
    Binding("child.name", "civil", "/name"),
    Binding("child.born", "civil", "/born"),
)
FORM = Form(
    "test-form",
    1,
    "测试表",
    "M-1",
    "test.purpose",
    "交通运输",
    fields=(
        Field("name", "姓名", item="person.name", locked=False),
        Field("phone", "电话", item="person.phone", locked=False),
        Field("marital", "婚姻状况", item="person.marital", locked=False),
        Field("note", "备注"),
        Field("spouse_name", "配偶姓名", role="spouse", item="person.name", locked=False),
        Field("children.name", "姓名", item="child.name", group="children", locked=False),
        Field("children.born", "出生日期", item="child.born", group="children", locked=False),
    ),
    roles=(
        Role("applicant", "申请人", frozenset({SubjectKind.person})),
        Role("spouse", "配偶", frozenset({SubjectKind.person}), required=False),
    ),
    groups=(Group("children", "子女", "applicant", "name", item="person.children"),),
)
OTHER_FORM = replace(
    FORM,
    id="other-form",
    name="另一张表",
    fields=(Field("full_name", "姓名", item="person.name"),),
    groups=(),
)
RULE = Rule("R-010", Effect.permit, "依法", ground=Ground(GroundKind.statutory_duty, "D-1", "测试法 第1条"))


@dataclass(slots=True)
class Hall:
    """The hall at work. `now`: what its clock says."""

    runtime: Runtime
    publisher: Publisher
    now: datetime = NOW
    desk: Caller = DESK
    other_desk: Caller = OTHER_DESK
    police: Caller = POLICE
    civil_affairs: Caller = CIVIL_AFFAIRS
    bureau: Caller = BUREAU
    ann_id: Mapping[str, Any] = field(default_factory=lambda: ANN)
    bob_id: Mapping[str, Any] = field(default_factory=lambda: BOB)
    personas: Mapping[str, Any] = field(default_factory=lambda: PERSONAS)

    async def answer(self, by: Caller = DESK, form: str = "test-form", **subjects: Any) -> dict[str, Any]:
        """The form filled for Ann, and for whom it names besides."""
        command = ResolveCommand(
            form,
            None,
            by,
            Actor("clerk", "clerk-17"),
            1.0,
            {"applicant": ANN} | subjects,
        )
        told: dict[str, Any] = orjson.loads((await resolve(command, self.runtime)).body)
        return told

    async def hand_in(
        self, answer: Mapping[str, Any], by: Caller = DESK, /, disputes: Mapping[str, str] = {}, **own: Any
    ) -> dict[str, Any]:
        """The form as filled, with what the person says instead, and what they say is wrong."""
        values = {
            path: field["value"] for path, field in answer["fields"].items() if field["value"] is not None
        }
        command = SubmitCommand(
            values=_nested(values | own), disputes={path: Claim(why) for path, why in disputes.items()}
        )
        return await submit(answer["id"], command, by, self.runtime)

    async def open(self, answer: Mapping[str, Any], path: str = "name", by: Caller = DESK) -> dict[str, Any]:
        """A dispute about one value of an answer."""
        said = OpenDispute(Wanted(answer["id"], path=path), "姓名写错了", "安娜", ("户口簿第3页",))
        return await open_dispute(said, by, self.runtime)

    async def step(self, dispute_id: str, how: str, by: Caller = POLICE, **said: Any) -> dict[str, Any]:
        """A step with a reason."""
        return await take_step(dispute_id, how, by, self.runtime, **{"reason": "已核对原始档案", **said})

    async def ann(self) -> Caller:
        """Ann by her own token."""
        return await self.person(ANN)

    async def person(self, who: Mapping[str, Any]) -> Caller:
        """Somebody by their own token."""
        subject = subject_from(who)
        ref = await self.runtime.subjects.ref_of(self.runtime.subjects.key_of(subject), subject.kind)
        return Caller("portal", HALL, frozenset({"person"}), person=ref)

    async def tickets(self) -> list[dict[str, Any]]:
        """Every dispute of the police, oldest first."""
        wanted: dict[str, Any] = {"states": (), "due_before": None, "after": "", "limit": 100}
        return list(await list_disputes(self.police, self.runtime, **wanted))

    async def messages(self, dispute_id: str) -> list[tuple[str, str]]:
        """Client and kind of every message about it."""
        return [(each.client, body["type"]) for each, body in await self.bodies(dispute_id)]

    async def bodies(self, dispute_id: str) -> list[tuple[Message, dict[str, Any]]]:
        """Every message about it, with what it says."""
        found = await self.runtime.store.outbox.about(dispute_id, after="", limit=100)
        return [(each, orjson.loads(each.body)) for each in found]

    async def leaves(self, kind: str) -> list[dict[str, Any]]:
        """The leaves of that kind of entry, oldest first."""
        found = await self.runtime.store.entries.find(request=None, after="", limit=10_000)
        return [orjson.loads(each.leaf) for each in found if each.kind.value == kind]

    async def publish(self, personas: Mapping[str, Any]) -> None:
        """The civil register says something else from now on."""
        civil = Source("civil", "人口基础库", "公安", "sandbox", config={"personas": personas})
        made = Registry.of(0, items=ITEMS, sources=(civil, MARITAL), bindings=BINDINGS)
        await self.publisher.registry(made)
        await refresh(self.runtime)

    async def place(self) -> None:
        """Give every entry its place, so that it is found by whom it is about."""
        await self.sequencer().run()

    def sequencer(self) -> Any:
        """What extends the log."""
        return make_sequencer(self.runtime)


def _nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """`children.0.name` as a row of the group."""
    nested: dict[str, Any] = {}
    for path, value in values.items():
        group, _, rest = path.partition(".")
        if not rest:
            nested[path] = value
            continue
        row, _, column = rest.partition(".")
        rows = nested.setdefault(group, [])
        while len(rows) <= int(row):
            rows.append({})
        rows[int(row)][column] = value
    return nested


@asynccontextmanager
async def open_hall(directory: Path) -> AsyncIterator[Hall]:
    """The hall, with everything published and every client registered."""
    opened: list[Hall] = []
    settings = Settings(
        state_dir=directory,
        allow_private_addresses=True,
        dispute_supervisors={"公安": "数据局"},
        dispute_limits={"民政": 3, "person.phone": 2},
    )
    runtime = make_runtime(settings, store=MemoryStore(), clock=lambda: opened[0].now if opened else NOW)
    publisher = Publisher(runtime.store, "test", NOW, runtime.new_reference)
    opened.append(Hall(runtime, publisher))
    runtime.watch.begin()
    await publisher.policy(Policy.of(0, [Purpose("test.purpose", "测试事项", citation="测试法")], [RULE]))
    await publisher.form(FORM)
    await publisher.form(OTHER_FORM)
    await opened[0].publish(PERSONAS)
    for caller in (DESK, OTHER_DESK, POLICE, CIVIL_AFFAIRS, BUREAU):
        address = None if caller is OTHER_DESK else f"http://127.0.0.1:9/{caller.id}"
        client = Client(caller.id, caller.id, caller.department, caller.roles, "scrypt$", webhook=address)
        await runtime.store.clients.put(client, NOW)
    yield opened[0]
    await runtime.ledger.drain()
    await runtime.sources.close()


@pytest.fixture
def opening() -> Callable[[Path], AbstractAsyncContextManager[Hall]]:
    """Opens a hall in a directory, for tests that want many."""
    return open_hall


@pytest.fixture
async def hall(tmp_path: Path) -> AsyncIterator[Hall]:
    """The hall, with everything published and every client registered."""
    async with open_hall(tmp_path) as opened:
        yield opened
