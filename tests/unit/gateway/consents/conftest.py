"""A small hall with a consent desk: a form, a register of its own in the sandbox, a clock that tests set."""

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from msgspec import structs
from stdnum.cn import ric

from field_registry import Binding, Item, Registry, Source, SubjectKind
from field_registry.items import Datatype, Sensitivity
from forms.definition import Field, Form, Role
from gateway.app import make_runtime, refresh
from gateway.consents import RecordConsent, record_consent
from gateway.consents.commands import Act, Evidence, Notice, Relationship
from gateway.curation import Publisher
from gateway.errors import NotValid
from gateway.records import Actor, Caller, Entry
from gateway.resolution.commands import ResolveCommand
from gateway.resolution.pipeline import resolve
from gateway.runtime import Runtime
from gateway.settings import Settings
from gateway.store.memory import MemoryStore
from policies import Ground, GroundKind, Policy, Purpose, Rule
from policies.rules import Effect

NOW = datetime(2026, 11, 21, 2, 3, 4, tzinfo=UTC)
HALL = "政务服务"
ANN = {"kind": "person", "id_type": "111", "id_no": "35058219910603996X"}
BOB = {"kind": "person", "id_type": "111", "id_no": "110102199101010078"}
DESK = Caller("hall", HALL, frozenset({"renderer", "consent_desk"}))
OTHERS = Caller("police", "公安", frozenset({"renderer", "consent_desk"}))


def number_of(born: str) -> str:
    """A well-formed number of somebody born that day (YYYYMMDD)."""
    body = f"350582{born}991"
    return body + ric.calc_check_digit(body + "0")


CHILD = {"kind": "person", "id_type": "111", "id_no": number_of("20200512")}


def _item(item_id: str, **more: Any) -> Item:
    return Item(item_id, f"{item_id}的名称", SubjectKind.person, Datatype.text, "公安", **more)


ITEMS = (
    _item("person.name", name_en="Name"),
    _item("person.phone"),
    _item("person.income", sensitivity=Sensitivity.sensitive),
)
PERSONAS = {
    each["id_no"]: {"name": "安妮", "phone": "13800138000", "income": "1000"} for each in (ANN, BOB, CHILD)
}
CIVIL = Source("civil", "人口基础库", "公安", "sandbox", config={"personas": PERSONAS})
LICENCE = Source("licence", "电子证照库", "数据局", "sandbox", config={"personas": PERSONAS})
BINDINGS = tuple(Binding(item.id, "civil", "/" + item.id.partition(".")[2]) for item in ITEMS)
FORM = Form(
    "test-form",
    1,
    "测试表",
    "M-1",
    "test.purpose",
    "交通运输",
    fields=(
        Field("name", "姓名", item="person.name", required=True),
        Field("phone", "电话", item="person.phone"),
        Field("income", "收入", item="person.income"),
    ),
    roles=(Role("applicant", "申请人", frozenset({SubjectKind.person})),),
)
RULE = Rule("R-010", Effect.permit, "本人同意", ground=Ground(GroundKind.consent, ""))


@dataclass(slots=True)
class Hall:
    """The hall at work. `now`: what its clock says."""

    runtime: Runtime
    now: datetime = NOW
    desk: Caller = DESK
    others: Caller = OTHERS
    ann: dict[str, str] = field(default_factory=lambda: dict(ANN))
    bob: dict[str, str] = field(default_factory=lambda: dict(BOB))
    child: dict[str, str] = field(default_factory=lambda: dict(CHILD))

    def act(self, topic: str, act_id: str = "", **changes: Any) -> Act:
        """A separate act of just now."""
        return Act(topic, act_id or f"act-{topic}", changes.get("at", self.now))

    def notice(self, **changes: Any) -> Notice:
        """The notice, shown just now on the person's own phone."""
        return replace(Notice("notice", 1, "zh-CN", "0" * 64, self.now, "self_service"), **changes)

    def evidence(self, **changes: Any) -> Evidence:
        """The person logged in."""
        return replace(Evidence("oidc", "gov-portal", "high"), **changes)

    def proof(self) -> Relationship:
        """By what right somebody agrees for another."""
        return Relationship("household_register", "户口簿-1")

    def command(self, **changes: Any) -> RecordConsent:
        """Ann's consent to her name and telephone, on her phone, for a day."""
        command = RecordConsent(
            subject=self.ann,
            purpose="test.purpose",
            items={"person.name": True, "person.phone": True},
            recipients=(HALL,),
            expires_at=self.now + timedelta(days=1),
            notice=self.notice(),
            evidence=self.evidence(),
            form="test-form",
        )
        return replace(command, **changes)

    async def record(self, *, by: Caller = DESK, **changes: Any) -> dict[str, Any]:
        """The consent as recorded."""
        return await record_consent(self.command(**changes), by, self.runtime)

    async def refused(self, **changes: Any) -> list[tuple[str, str]]:
        """Pointer and code of every finding; the record must not be taken."""
        with pytest.raises(NotValid) as caught:
            await self.record(**changes)
        return [(finding["pointer"], finding["code"]) for finding in caught.value.errors]

    async def at_window(self, **changes: Any) -> dict[str, Any]:
        """A consent recorded by a clerk."""
        evidence = self.evidence(method="signature_pad", witness="clerk-17")
        return await self.record(notice=self.notice(channel="window"), evidence=evidence, **changes)

    async def resolve(self, consents: Iterable[str], **changes: Any) -> dict[str, tuple[str, str | None]]:
        """Field → outcome and reason, of the form filled for Ann."""
        answer = await self.answer(consents, **changes)
        return {path: (each["outcome"], each.get("reason")) for path, each in answer["fields"].items()}

    async def answer(self, consents: Iterable[str], **changes: Any) -> dict[str, Any]:
        """The form filled for Ann."""
        command = ResolveCommand(
            "test-form",
            None,
            self.desk,
            Actor("clerk", "clerk-17"),
            1.0,
            {"applicant": self.ann},
            tuple(consents),
        )
        told: dict[str, Any] = orjson.loads(
            (await resolve(structs.replace(command, **changes), self.runtime)).body
        )
        return told

    async def publish(self, *changed: Item, bindings: tuple[Binding, ...] = BINDINGS) -> None:
        """The next version of the registry, in force at once."""
        items = {item.id: item for item in (*ITEMS, *changed)}
        publisher = Publisher(self.runtime.store, "test", self.now, self.runtime.new_reference)
        sources = (CIVIL, LICENCE)
        await publisher.registry(Registry.of(0, items=items.values(), sources=sources, bindings=bindings))
        await refresh(self.runtime)

    async def entries(self, kind: str = "consent.") -> list[Entry]:
        """Entries of kinds that begin so, oldest first."""
        found = await self.runtime.store.entries.find(request=None, after="", limit=1000)
        return [entry for entry in found if entry.kind.value.startswith(kind)]

    async def states(self, consent_id: str) -> list[str]:
        """The states that a consent has been brought into, in order."""
        events = await self.runtime.store.consents.events(consent_id, after="", limit=100)
        return [event.state.value for event in events]


@pytest.fixture
async def hall(tmp_path: Path) -> AsyncIterator[Hall]:
    """The hall, with everything published."""
    opened: list[Hall] = []
    runtime = make_runtime(
        Settings(state_dir=tmp_path), store=MemoryStore(), clock=lambda: opened[0].now if opened else NOW
    )
    publisher = Publisher(runtime.store, "test", NOW, runtime.new_reference)
    await publisher.policy(
        Policy.of(0, [Purpose("test.purpose", "测试事项", citation="测试法 第1条")], [RULE])
    )
    opened.append(Hall(runtime))
    runtime.watch.begin()
    await publisher.registry(Registry.of(0, items=ITEMS, sources=(CIVIL, LICENCE), bindings=BINDINGS))
    await publisher.form(FORM)
    await refresh(runtime)
    yield opened[0]
    await runtime.sources.close()
