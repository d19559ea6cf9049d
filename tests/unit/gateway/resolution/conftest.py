"""A bench for the steps of a resolution: a small registry, forms on it, and every step up to the one under test.

Each test says only what is particular to it; people are Ann and Bob, and nobody else lives here.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from msgspec import structs

from connectors.protocol import Found, Reply
from connectors.protocol import Record as SourceRecord
from field_registry import Binding, CodeList, Item, Registry, Source, SubjectKind, Tier, subject_from
from field_registry.items import Datatype, Sensitivity
from forms.definition import Field, Form, Group, Role
from gateway.audit.entries import finding_key, make_entry
from gateway.library import Library
from gateway.lookups import SubjectReferences
from gateway.ports import Store
from gateway.records import (
    Actor,
    Caller,
    ConsentEvent,
    Entry,
    EntryKind,
    GateRequest,
    GateView,
    GateWrite,
    NewSubject,
    StoredConsent,
)
from gateway.resolution.asking import Replies
from gateway.resolution.commands import ResolveCommand
from gateway.resolution.compiled import CompiledForm, compile_form
from gateway.resolution.gates import Passage, Released, note_intent, note_release
from gateway.resolution.identify import Identified
from gateway.resolution.pipeline import SourcePool
from gateway.resolution.plan import Plan, make_plan
from gateway.resolution.settle import Settled, settle
from gateway.runtime import Runtime
from gateway.security import Envelope, Pseudonyms, WrappedKeys, new_reference
from gateway.security.keys import KeyRing
from gateway.settings import Settings
from gateway.store.memory import MemoryStore
from gateway.telemetry import Telemetry
from policies import (
    Consent,
    ConsentState,
    Decision,
    Ground,
    GroundKind,
    Policy,
    Purpose,
    ReasonCode,
    Request,
    Rule,
    Standing,
)
from policies.rejudge import consents_of, rejudge
from policies.rules import Conditions, Effect

RING = KeyRing.ephemeral()
NOW = datetime(2026, 11, 21, 2, 3, 4, tzinfo=UTC)
PERSON, VEHICLE = SubjectKind.person, SubjectKind.vehicle
ANN = {"kind": "person", "id_type": "111", "id_no": "35058219910603996X"}
BOB = {"kind": "person", "id_type": "111", "id_no": "110102199101010078"}
CAR = {"kind": "vehicle", "plate_number": "闽C12345"}


def _item(item_id: str, name: str, datatype: Datatype = Datatype.text, **more: Any) -> Item:
    return Item(item_id, name, more.pop("kind", PERSON), datatype, "公安", **more)


ITEMS = (
    _item("person.name", "姓名", Datatype.name, name_en="Name", mask="name"),
    _item("person.id_no", "公民身份号码", Datatype.id_no, mask="id_no"),
    _item("person.phone", "电话", Datatype.phone, compare=True, mask="phone"),
    _item("person.sex", "性别", Datatype.code, code_list="sex"),
    _item("person.address", "住址", Datatype.address, freshness=timedelta(days=365)),
    _item("person.income", "收入", Datatype.amount, sensitivity=Sensitivity.sensitive, unit="CNY"),
    _item("person.nickname", "昵称"),
    _item("person.children", "子女", Datatype.rows),
    _item("child.name", "姓名", Datatype.name, within="person.children"),
    _item("child.id_no", "证件号码", Datatype.id_no, within="person.children"),
    _item("child.birth_date", "出生日期", Datatype.date, within="person.children"),
    _item("vehicle.plate_number", "号牌", Datatype.plate, kind=VEHICLE),
    _item("vehicle.brand", "品牌", kind=VEHICLE),
)
SOURCES = (
    Source("civil", "人口基础库", "公安", "sandbox", name_en="Civil register", department_en="Police"),
    Source("licence", "电子证照库", "数据局", "sandbox", tier=Tier.B, id_types=frozenset({"111", "414"})),
    Source("profile", "一人一档", "数据局", "sandbox", tier=Tier.C),
    Source("cars", "车辆库", "交通", "sandbox", kinds=frozenset({VEHICLE}), id_types=frozenset({"plate"})),
)
_CIVIL = (
    "person.name", "person.id_no", "person.phone", "person.sex", "person.address", "person.income", "person.children",
    "child.name", "child.id_no", "child.birth_date",
)  # fmt: skip
BINDINGS = (
    *(Binding(item, "civil", f"/{item}") for item in _CIVIL),
    *(Binding(item, "licence", f"/{item}", rank=2) for item in ("person.name", "person.phone")),
    *(Binding(item, "profile", f"/{item}", rank=3) for item in ("person.name", "person.phone")),
    *(Binding(item, "profile", f"/{item}", rank=2) for item in ("person.children", "child.name")),
    *(Binding(item, "cars", f"/{item}") for item in ("vehicle.plate_number", "vehicle.brand")),
)
CODES = (CodeList("sex", "性别", {"1": "男", "2": "女"}),)
ROLES = (
    Role("applicant", "申请人", frozenset({PERSON})),
    Role("spouse", "配偶", frozenset({PERSON}), required=False),
    Role("vehicle", "车辆", frozenset({VEHICLE}), required=False, identity_field="plate"),
)
CHILDREN = Group("children", "子女", "applicant", "id_no", item="person.children", max_rows=3)
CHILD_FIELDS = (
    Field("children.name", "姓名", item="child.name", group="children"),
    Field("children.id_no", "证件号码", item="child.id_no", group="children"),
    Field("children.birth_date", "出生日期", item="child.birth_date", group="children"),
)
BY_CONSENT = Ground(GroundKind.consent, "cns_a")
BY_DUTY = Ground(GroundKind.statutory_duty, "D-1", "道路运输条例 第1条")


@dataclass(slots=True)
class Bench:
    """Makes each step's input from the step before; every method may be told otherwise."""

    now: datetime = NOW
    ann: Mapping[str, str] = field(default_factory=lambda: dict(ANN))
    bob: Mapping[str, str] = field(default_factory=lambda: dict(BOB))
    car: Mapping[str, str] = field(default_factory=lambda: dict(CAR))
    children: Group = CHILDREN
    child_fields: tuple[Field, ...] = CHILD_FIELDS
    by_consent: Ground = BY_CONSENT
    by_duty: Ground = BY_DUTY

    def registry(self, **changes: Mapping[str, Any]) -> Registry:
        """The registry; `changes`: item name after "person." → what differs about it."""
        items = [
            replace(item, **changes.get(item.id.removeprefix("person."), {})) if changes else item
            for item in ITEMS
        ]
        return Registry.of(3, items=items, sources=SOURCES, bindings=BINDINGS, code_lists=CODES)

    def policy(self, *rules: Rule) -> Policy:
        """These rules, or one that permits everything by consent."""
        everything = Rule("R-010", Effect.permit, "the person agreed", ground=Ground(GroundKind.consent, ""))
        return Policy.of(5, [Purpose("test.purpose", "测试")], rules or (everything,))

    def rule(self, rule_id: str, ground: Ground | None, **when: Iterable[str]) -> Rule:
        """A permit on that ground, or a forbid without one."""
        conditions = Conditions(**{key: frozenset(entries) for key, entries in when.items()})
        return Rule(rule_id, Effect.permit if ground else Effect.forbid, "因为", conditions, ground)

    def form(self, *fields: Field, **more: Any) -> Form:
        """A form of these fields."""
        parts: dict[str, Any] = {
            "id": "test-form",
            "version": 2,
            "name": "测试表",
            "matter": "M-1",
            "purpose": "test.purpose",
            "department": "交通",
            "roles": ROLES,
        }
        return Form(fields=fields, **{**parts, **more})

    def family_form(self, *fields: Field) -> Form:
        """A form with the repeating group of children, and these fields beside it."""
        return self.form(*fields, *CHILD_FIELDS, groups=(CHILDREN,))

    def compiled(
        self, form: Form, registry: Registry | None = None, policy: Policy | None = None
    ) -> CompiledForm:
        """The form compiled for the day of the bench."""
        return compile_form(form, registry or self.registry(), policy or self.policy(), date(2026, 11, 21))

    def command(self, **changes: Any) -> ResolveCommand:
        """A call by the service hall about Ann."""
        caller = Caller("hall", "政务服务", frozenset({"renderer"}))
        command = ResolveCommand(
            "test-form",
            None,
            caller,
            Actor("clerk", "clerk-17"),
            1.0,
            {"applicant": self.ann},
            ("cns_a",),
            case="case-9",
        )
        return structs.replace(command, **changes)

    def plan(self, form: Form | CompiledForm, **changes: Any) -> Plan:
        """The plan of a call."""
        compiled = form if isinstance(form, CompiledForm) else self.compiled(form)
        return make_plan(compiled, self.command(**changes))

    def decisions(
        self,
        plan: Plan,
        *,
        ground: Ground = BY_CONSENT,
        refused: Mapping[str, ReasonCode] | None = None,
        grounds: Mapping[str, Ground] | None = None,
    ) -> tuple[Decision, ...]:
        """Everything allowed on that ground; `refused` and `grounds` by item id or source id say otherwise."""
        refused, grounds = refused or {}, grounds or {}
        made = []
        for ask in plan.asks:
            reason = refused.get(ask.item.id, refused.get(ask.binding.source))
            own = grounds.get(ask.item.id, grounds.get(ask.role, ground))
            if reason is None:
                made.append(Decision(True, "R-010", ReasonCode.allowed, own))
            else:
                made.append(Decision(False, "R-090", reason))
        return tuple(made)

    def found(self, raw: object, echo: Any = None, recorded_at: object = "2026-11-01") -> Found:
        """What a source says of one ask, in a record of its own."""
        return Found(raw, SourceRecord(echo, recorded_at))

    def replies(self, plan: Plan, said: Mapping[str | tuple[str, str], Reply]) -> Replies:
        """Replies per call; `said` by item id, or by (source, item id) where several are asked."""
        return [
            [said.get((call.source, item), said.get(item)) for item in call.items]
            for call in plan.asking.calls
        ]

    def settled(
        self,
        form: Form | CompiledForm,
        said: Mapping[str | tuple[str, str], Reply],
        *,
        decide: Mapping[str, Any] | None = None,
        **changes: Any,
    ) -> Settled:
        """Everything known once sources have said that."""
        plan = self.plan(form, **changes)
        return settle(plan, self.decisions(plan, **(decide or {})), self.replies(plan, said), self.now)

    async def release(
        self,
        passage: Passage,
        decisions: tuple[Decision, ...],
        replies: Replies,
        runtime: Runtime,
    ) -> Released:
        """What leaves through the second gate once sources have said that."""
        return await note_release(passage, settle(passage.plan, decisions, replies, passage.now), runtime)

    @staticmethod
    def no_end(stored: Any) -> Any:
        """For an erasure that ends no consent."""
        raise AssertionError(stored)

    def erased(self, done: Any) -> Entry:
        """The entry of an erasure."""
        return make_entry(
            "aud_erased",
            EntryKind.subject_erased,
            self.now,
            caller="t",
            request=None,
            facts={"drafts": done.drafts},
        )

    def references(self, store: Store) -> SubjectReferences:
        """References of the subjects in that store."""
        return SubjectReferences(store, Pseudonyms(RING), lambda: NOW, new_reference, WrappedKeys(RING))

    def passage(self, plan: Plan, **changes: Any) -> Passage:
        """That plan on its way through both gates."""
        return Passage("res_1", self.now, self.command(**changes), plan, {"applicant": "sub_1"})

    async def intent(
        self, plan: Plan, decisions: tuple[Decision, ...], runtime: Runtime
    ) -> tuple[Decision, ...]:
        """What the first gate leaves of these decisions, judged again with the consents that it reads."""
        keys = {role: f"key-{number}" for number, role in enumerate(plan.subjects, 1)}
        command = self.command(consents=tuple(sorted(consents_of(decisions))))
        case = finding_key("case", command.case, runtime.fingerprint) if command.case else None
        request = Request("M-1", "test-form", "test.purpose", "政务服务", frozenset(), keys, self.now, case)
        new = {key: NewSubject("person", key.replace("key-", "sub_"), self.now) for key in keys.values()}

        def judge(
            _asks: Any, consents: Mapping[str, Consent], _request: Any, *, now: datetime
        ) -> tuple[Decision, ...]:
            return rejudge(decisions, consents, now)

        _, judged = await note_intent(plan, Identified("res_1", command, request, new), judge, runtime)
        return judged

    def consent(self, consent_id: str = "cns_a", subject_key: str = "", **changes: Any) -> Consent:
        """A consent in force that permits the name."""
        permitted = frozenset({"person.name", "person.phone"})
        recipients = frozenset({"政务服务"})
        consent = Consent(
            consent_id,
            subject_key,
            "test.purpose",
            None,
            recipients,
            permitted,
            frozenset(),
            self.standing(),
        )
        return structs.replace(consent, **changes)

    def standing(self, state: ConsentState = ConsentState.given, uses_left: int | None = None) -> Standing:
        """One that is in force for an hour on both sides of now."""
        hour = timedelta(hours=1)
        return Standing(state, self.now - hour, self.now + hour, uses_left)


@dataclass(slots=True)
class Ledger:
    """A ledger that keeps what is written, and shows the consents as a test set them.

    `locks`: the consents each passage asked to re-read. Uses are taken as the store takes them.
    """

    standings: dict[str, Standing] = field(default_factory=dict)
    writes: list[GateWrite[Any]] = field(default_factory=list)
    locks: list[tuple[str, ...]] = field(default_factory=list)

    async def pass_gate(self, request: GateRequest[Any]) -> Any:
        """Calls `write` once with what stands now, and keeps what it gives."""
        self.locks.append(request.consents)
        standing = {each: self.standings[each] for each in request.consents if each in self.standings}
        consents = {each: Bench().consent(each, standing=now) for each, now in standing.items()}
        write = request.write(GateView(consents, {key: new.ref for key, new in request.subjects.items()}))
        for consent_id in write.use:
            left = self.standings[consent_id].uses_left
            if left is not None:
                self.standings[consent_id] = structs.replace(self.standings[consent_id], uses_left=left - 1)
        self.writes.append(write)
        return write.result

    async def drain(self) -> None:
        """Nothing waits."""


@pytest.fixture
def bench() -> Bench:
    """The bench."""
    return Bench()


@pytest.fixture
def ledger(bench: Bench) -> Ledger:
    """A ledger before which Ann's consent stands."""
    return Ledger({"cns_a": bench.standing()})


@pytest.fixture
def runtime(bench: Bench, ledger: Ledger) -> Runtime:
    """What use cases are handed: a store in memory, gates a test can set, the clock stopped."""
    ring, store, telemetry = RING, MemoryStore(), Telemetry()
    return Runtime(
        settings=Settings(),
        clock=lambda: NOW,
        store=store,
        library=Library(store),
        ledger=ledger,
        sealer=Envelope(ring),
        keys=WrappedKeys(ring),
        subjects=bench.references(store),
        telemetry=telemetry,
        sources=SourcePool({}, {}),
        new_reference=new_reference,
        fingerprint=Pseudonyms(ring).fingerprint,
    )


Record = Callable[..., Awaitable[Consent]]


@pytest.fixture
def record(bench: Bench, runtime: Runtime) -> Record:
    """Records Ann's consent, or one that differs as said, in the runtime's store."""

    async def recorded(consent_id: str = "cns_a", **changes: Any) -> Consent:
        subject = subject_from(changes.pop("subject", bench.ann))
        key = runtime.subjects.key_of(subject)
        ref = await runtime.subjects.ref_of(key, subject.kind)
        consent = bench.consent(consent_id, key, **changes)
        stored = StoredConsent(consent, ref, subject.kind, "hall", "政务服务", NOW, b"")
        entry = make_entry(
            f"aud_{consent_id}", EntryKind.consent_given, NOW, caller="hall", request=consent_id, facts={}
        )
        event = ConsentEvent(
            f"cev_{consent_id}", consent_id, NOW, ConsentState.given, "applicant", "", entry.id
        )
        await runtime.store.consents.add(stored, event, entry)
        return consent

    return recorded
