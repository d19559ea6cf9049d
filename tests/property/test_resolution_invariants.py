"""The invariants of a resolution, over the whole pipeline: whatever the form, the rules, the consents and the sources.

Time is virtual: when nothing is ready, the loop's clock jumps to what comes next. So a source may hang for a minute
without anybody waiting, and no slow machine changes a result.
"""

import asyncio
import selectors
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs
from structlog.testing import capture_logs

from connectors.errors import SourceBroken, SourceDenied, SourceTimeout
from connectors.protocol import Found, Health, Record, Reply
from field_registry import (
    Ask,
    Binding,
    Item,
    Missing,
    OutcomeCode,
    Registry,
    Source,
    Subject,
    SubjectKind,
    Tier,
    subject_from,
)
from field_registry.items import Datatype
from field_registry.outcomes import FILLED
from forms.definition import Field, FieldKind, Form, Group, Role
from forms.document import to_document
from gateway.audit.entries import canonical, make_entry
from gateway.audit.log import AuditLog
from gateway.errors import StoreUnavailable
from gateway.library import Library, Published
from gateway.lookups import SubjectReferences
from gateway.records import (
    Actor,
    Caller,
    ConsentEvent,
    Entry,
    EntryKind,
    FormPublication,
    GateRequest,
    GateView,
    GateWrite,
    NewSubject,
    StoredConsent,
)
from gateway.resolution.commands import Delivery, ResolveCommand
from gateway.resolution.drafts import key_of_draft, open_answer
from gateway.resolution.gates import Released
from gateway.resolution.pipeline import SourcePool, resolve
from gateway.runtime import Runtime
from gateway.security import Envelope, Pseudonyms, WrappedKeys, new_reference
from gateway.security.keys import KeyRing
from gateway.settings import Settings
from gateway.store.memory import MemoryStore
from gateway.telemetry import Telemetry
from policies import Consent, ConsentState, Ground, GroundKind, Policy, Rule, Standing
from policies.rules import Conditions, Effect

T = TypeVar("T")
Told = Mapping[str, Any]

NOW = datetime(2026, 11, 21, 2, 3, 4, tzinfo=UTC)
HOUR = timedelta(hours=1)
PERSON = SubjectKind.person
HALL = "政务服务"
PEOPLE = {"安妮": "35058219910603996X", "鲍勃": "110102199101010078"}
STRANGER, STRANGERS_ID = "陌生人", "350102198506070087"
TYPED = "自己填的"
RING = KeyRing.ephemeral()

# ---------------------------------------------------------------- time


class _Selector(selectors.DefaultSelector):
    """Never waits: what would have been waited is skipped."""

    skipped = 0.0

    def select(self, timeout: float | None = None) -> Any:
        events = super().select(0)
        if not events and timeout is None:
            raise RuntimeError("everybody waits and nothing will ever happen")
        if not events:
            self.skipped += timeout or 0
        return events


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop whose time passes only by being waited for."""

    def __init__(self) -> None:
        self._skipping = _Selector()
        super().__init__(self._skipping)

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._skipping.skipped


def run(act: Callable[[], Awaitable[T]]) -> T:
    """What `act` gives, in virtual time, without a log."""
    with capture_logs(), asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(act())  # type: ignore[arg-type]


# ---------------------------------------------------------------- a world drawn at random

SOURCES = {"s0": Tier.A, "s1": Tier.A, "s2": Tier.B, "s3": Tier.C}
ITEMS = ("p.i0", "p.i1", "p.i2", "p.i3")
KIDS, KID_ID, KID_NAME = "p.kids", "k.id", "k.name"
GIVES = ("answer", "agree")
BEHAVIOURS = (
    *GIVES, "wrong", "broken", "timeout", "denied", "defect", "cancelled", "hang", "junk", "short", "odd", "invalid",
    "not_found", "identity_ambiguous", "empty_at_source", "pending", "wrong_subject",
)  # fmt: skip
ODD_REPLIES: tuple[Any, ...] = (
    Found(float("nan"), Record()),
    Found({"a": [1, {}]}, Record()),
    Found("\ud800", Record()),
    Found(object(), Record()),
    Found(10**400, Record()),
    Found([{1: 2}, "row"], Record()),
    Found("x", Record(echo=7)),  # type: ignore[arg-type]
    Found("x", Record(recorded_at=object())),
    Found("x", Record(recorded_at="2026-13-45")),
    Found("x", Record(echo="\ud800")),
    Missing(OutcomeCode.not_found, "\ud800"),
    Missing(OutcomeCode.not_found, {"no": "text"}),  # type: ignore[arg-type]
    Missing("no such word"),  # type: ignore[arg-type]
    Missing(OutcomeCode.filled),
    None,
    "text",
)


@dataclass(frozen=True)
class Manner:
    """How one source behaves: what it does, after how many seconds, and which oddity it has."""

    does: str = "answer"
    after: float = 0.0
    odd: int = 0

    def replies(self, source: str, subject: Subject, asks: Sequence[Ask]) -> Any:
        """What it says; raises what it raises."""
        faults: dict[str, BaseException] = {
            "broken": SourceBroken("x"),
            "timeout": SourceTimeout("x"),
            "denied": SourceDenied("x"),
            "defect": ZeroDivisionError(),
            "cancelled": asyncio.CancelledError(),
        }
        if self.does in faults:
            raise faults[self.does]
        others = {
            "junk": "junk",
            "short": [Missing(OutcomeCode.not_found)] * (len(asks) - 1),
            "odd": [ODD_REPLIES[self.odd]] * len(asks),
            "invalid": [Found(["no", "text"], Record())] * len(asks),
        }
        if self.does in others:
            return others[self.does]
        if self.does in OutcomeCode.__members__:
            return [Missing(OutcomeCode(self.does))] * len(asks)
        return [self._found(source, subject, ask) for ask in asks]

    def _found(self, source: str, subject: Subject, ask: Ask) -> Reply:
        whose, echo = name_of(subject), subject.id_no
        if self.does == "wrong":
            whose, echo = STRANGER, STRANGERS_ID
        says = whose if self.does == "agree" else f"{whose} {source}"
        record = Record(echo, "2026-11-01")
        if not ask.columns:
            return Found(f"{says} {ask.item.id}", record)
        rows = [{item.id: f"{says} {item.id} {number}" for item, _ in ask.columns} for number in range(2)]
        return Found(rows, record)


@dataclass(frozen=True)
class Case:
    """Everything that one resolution depends on."""

    form: Form
    bindings: tuple[Binding, ...]
    compared: frozenset[str]
    rules: tuple[Rule, ...]
    consents: tuple[Consent, ...]
    named: tuple[str, ...]
    subjects: Mapping[str, Mapping[str, Any]]
    answers: Mapping[str, Any]
    manners: Mapping[str, Manner]

    def command(self, **changes: Any) -> ResolveCommand:
        """The call."""
        caller = Caller("hall", HALL, frozenset({"renderer"}))
        actor = Actor("clerk", "clerk-1")
        command = ResolveCommand(
            "form", None, caller, actor, 1.0, self.subjects, self.named, answers=self.answers
        )
        return structs.replace(command, **changes)

    def registry(self) -> Registry:
        """The items, and who may answer for them."""
        texts = [
            Item(item, item, PERSON, Datatype.text, "d", compare=item in self.compared, mask="full")
            for item in ITEMS
        ]
        kids = Item(KIDS, KIDS, PERSON, Datatype.rows, "d")
        columns = [
            Item(item, item, PERSON, Datatype.text, "d", within=KIDS, mask="full")
            for item in (KID_ID, KID_NAME)
        ]
        sources = [Source(key, key, "d", "fake", tier) for key, tier in SOURCES.items()]
        return Registry.of(1, items=[*texts, kids, *columns], sources=sources, bindings=self.bindings)


def name_of(subject: Subject) -> str:
    """The word that stands in every value about a subject."""
    return next(name for name, id_no in PEOPLE.items() if id_no == subject.id_no)


def subject_of(person: str) -> dict[str, str]:
    """A person on the wire."""
    return {"kind": "person", "id_type": "111", "id_no": PEOPLE[person]}


@dataclass
class World:
    """A runtime around one case, and what happened in it.

    `happened`: "intent", "pull" and "outcome", in order. `pulls`: source and subject of each call. `unfounded`: asks
    that a source got without an intent entry that allows them. `fail_at`: the passage of a gate that finds no store.
    `before_intent`, `while_pulling`: what else happens just then.
    """

    case: Case
    store: MemoryStore = field(default_factory=MemoryStore)
    happened: list[str] = field(default_factory=list)
    pulls: list[tuple[str, str]] = field(default_factory=list)
    unfounded: list[str] = field(default_factory=list)
    fail_at: str = ""
    before_intent: Callable[[], Awaitable[None]] | None = None
    while_pulling: Callable[[], Awaitable[None]] | None = None

    async def open(self) -> "World":
        """Publish the form, record the consents."""
        case, telemetry = self.case, Telemetry()
        policy = Policy.of(1, (), case.rules)
        self.library = Library(self.store)
        self.library.published = Published(case.registry(), policy, date(2026, 11, 21), {"form": 1})
        document = canonical(to_document(case.form))
        published = FormPublication("form", 1, "f", "m", "d", "x", NOW, "t", document)
        await self.store.forms.publish(published, _entry("aud_form"))
        connectors = {key: _Connector(key, self) for key in SOURCES}
        self.runtime = Runtime(
            settings=Settings(),
            clock=lambda: NOW,
            store=self.store,
            library=self.library,
            ledger=AuditLog(_Gates(self), telemetry),
            sealer=Envelope(RING),
            keys=WrappedKeys(RING),
            subjects=SubjectReferences(
                self.store, Pseudonyms(RING), lambda: NOW, new_reference, WrappedKeys(RING)
            ),
            telemetry=telemetry,
            sources=SourcePool(case.registry().sources, connectors),
            new_reference=new_reference,
            fingerprint=Pseudonyms(RING).fingerprint,
        )
        for consent in case.consents:
            await self.store.subjects.refs(
                {consent.subject_key: NewSubject("person", f"sub_{consent.id}", NOW)}
            )
            refs = await self.store.subjects.refs({consent.subject_key: NewSubject("person", "", NOW)})
            ref = refs[consent.subject_key]
            stored = StoredConsent(consent, ref, "person", "hall", HALL, NOW, b"")
            event = ConsentEvent(
                f"cev_{consent.id}",
                consent.id,
                NOW,
                ConsentState.given,
                "applicant",
                "",
                f"aud_{consent.id}",
            )
            await self.store.consents.add(stored, event, _entry(f"aud_{consent.id}"))
        return self

    async def withdraw_all(self) -> None:
        """Every consent that releases is withdrawn."""
        for number, consent in enumerate(self.case.consents):
            entry = _entry(f"aud_w{number}")
            event = ConsentEvent(
                f"cev_w{number}", consent.id, NOW, ConsentState.withdrawn, "applicant", "", entry.id
            )
            await self.store.consents.move(
                event, entry, allowed_from=frozenset(ConsentState), purge_drafts=True
            )

    async def resolved(self, **changes: Any) -> Released:
        """One resolution."""
        return await resolve(self.case.command(**changes), self.runtime)

    async def entries(self, kind: EntryKind) -> list[Told]:
        """What the entries of that kind tell, oldest first."""
        found = await self.store.entries.find(request=None, after="", limit=1_000)
        return [orjson.loads(entry.leaf) for entry in found if entry.kind is kind]

    async def allowed(self) -> set[tuple[str, str, str]]:
        """Role, item and source of every ask that an intent entry allows."""
        told = await self.entries(EntryKind.intent)
        return {(ask[0], item, ask[1]) for each in told for ask in each["asks"] if ask[3] for item in ask[2]}


class _Gates:
    """The store's gates, which may be shut, and what passes them."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def commit(self, requests: Sequence[GateRequest[Any]]) -> Sequence[Any]:
        """As the store does."""
        before, self._world.before_intent = self._world.before_intent, None
        if before is not None:
            await before()
        return [(await self._one(request)) for request in requests]

    async def _one(self, request: GateRequest[Any]) -> Any:
        kinds: list[str] = []

        def write(view: GateView) -> GateWrite[Any]:
            made = request.write(view)
            kinds.append(made.entry.kind.value)
            if self._world.fail_at == made.entry.kind:
                raise StoreUnavailable("store_unavailable", "No store.")
            return made

        (result,) = await self._world.store.gates.commit([structs.replace(request, write=write)])
        if not isinstance(result, Exception):
            self._world.happened += kinds
        return result


class _Connector:
    """One source as its manner has it; it looks up what the log says when it is asked."""

    def __init__(self, source: str, world: World) -> None:
        self._source, self._world = source, world

    async def fetch(self, subject: Subject, asks: Sequence[Ask], deadline: float) -> Any:
        """As told."""
        world, manner = self._world, self._world.case.manners[self._source]
        world.happened.append("pull")
        world.pulls.append((self._source, subject.id_no))
        allowed = {(item, source) for _, item, source in await world.allowed()}
        world.unfounded += [each.item.id for each in asks if (each.item.id, self._source) not in allowed]
        if world.while_pulling is not None:
            await world.while_pulling()
        await asyncio.sleep(3_600 if manner.does == "hang" else manner.after)
        return manner.replies(self._source, subject, asks)

    async def health(self) -> Health:
        """Not asked."""
        return Health(ok=True)

    async def close(self) -> None:
        """Nothing held."""


def _entry(entry_id: str) -> Entry:
    return make_entry(entry_id, EntryKind.consent_given, NOW, caller="t", request=None, facts={})


# ---------------------------------------------------------------- strategies

APPLICANT, SPOUSE = "applicant", "spouse"
BY_CONSENT = Ground(GroundKind.consent, "")
BY_DUTY = Ground(GroundKind.statutory_duty, "D-1", "某法 第1条")
PERMIT_ALL = Rule("R-1", Effect.permit, "agreed", ground=BY_CONSENT)

some_items = st.frozensets(st.sampled_from((*ITEMS, KIDS, KID_NAME)))


def mostly(usual: Any, *rare: Any) -> st.SearchStrategy[Any]:
    """`usual` five times out of six: with every part of a case drawn evenly, hardly a field would ever be filled."""
    return st.integers(0, 5).flatmap(lambda die: st.sampled_from(rare) if die == 5 else st.just(usual))


manners = st.fixed_dictionaries(
    {
        source: st.builds(
            Manner,
            st.sampled_from((*GIVES, *GIVES, "wrong")) | st.sampled_from(BEHAVIOURS),
            st.sampled_from([0.0, 0.1, 0.2, 0.3]),
            st.integers(0, len(ODD_REPLIES) - 1),
        )
        for source in SOURCES
    }
)
BAD_PEOPLE = ({"kind": "person", "id_no": "123"}, {"kind": "ghost"}, {}, None)
people = st.sampled_from(sorted(PEOPLE)).flatmap(lambda person: mostly(subject_of(person), *BAD_PEOPLE))
conditions = mostly(
    None,
    {"field": "f0", "equals": "yes"},
    {"field": "f1", "present": True},
    {"not": {"field": "f0", "equals": "yes"}},
)
tiers = st.frozensets(st.sampled_from(sorted(SOURCES.values())), max_size=2)


@st.composite
def forms(draw: st.DrawFn) -> Form:
    """Up to seven fields of two roles, some behind conditions, perhaps with a repeating group."""
    fields = [
        Field(
            f"f{number}",
            f"f{number}",
            draw(st.sampled_from([APPLICANT, APPLICANT, SPOUSE])),
            draw(st.sampled_from(ITEMS).flatmap(lambda item: mostly(item, None, "p.unknown"))),
            draw(mostly(FieldKind.input, FieldKind.signature)),
            office_use=draw(mostly(False, False, True)),
            visible_when=draw(conditions) if number > 1 else None,
        )
        for number in range(draw(st.integers(2, 7)))
    ]
    groups: tuple[Group, ...] = ()
    if draw(st.booleans()):
        groups = (Group("kids", "kids", APPLICANT, "id", item=KIDS, max_rows=draw(st.integers(1, 3))),)
        fields += [
            Field("kids.id", "id", item=KID_ID, group="kids"),
            Field("kids.name", "name", item=KID_NAME, group="kids", visible_when=draw(conditions)),
        ]
    roles = (
        Role(APPLICANT, "a", frozenset({PERSON})),
        Role(SPOUSE, "s", frozenset({PERSON}), identity_field=draw(mostly("f1", None))),
    )
    return Form("form", 1, "f", "m", "purpose", "d", tuple(fields), roles, groups)


@st.composite
def bindings(draw: st.DrawFn) -> tuple[Binding, ...]:
    """Who answers for each item, in which order of trust."""
    made = []
    for item in (*ITEMS, KIDS):
        sources = draw(st.permutations(sorted(SOURCES)))[: draw(st.integers(0, 3)) + 1]
        made += [Binding(item, source, f"/{item}", rank) for rank, source in enumerate(sources, 1)]
        if item == KIDS:
            made += [Binding(KID_ID, source, "/id") for source in sources]
            made += [Binding(KID_NAME, source, "/n") for source in sources if draw(mostly(True, False))]
    return tuple(made)


@st.composite
def rules(draw: st.DrawFn) -> tuple[Rule, ...]:
    """A table of up to three rules beside one that is usually there: everything by consent."""
    made = [PERMIT_ALL] if draw(mostly(True, False)) else []
    for number in range(draw(st.integers(0, 3))):
        ground = draw(st.sampled_from([BY_CONSENT, BY_DUTY, None]))
        roles = draw(st.frozensets(st.just(SPOUSE)))
        when = Conditions(items=draw(some_items), tiers=draw(tiers), roles=roles)
        effect = Effect.permit if ground else Effect.forbid
        made.append(Rule(f"R-{number + 2}", effect, "why", when, ground))
    return tuple(made)


WINDOWS = ((HOUR, 2 * HOUR), (-HOUR, timedelta(0)), (timedelta(0), HOUR))
EVERYTHING = frozenset((*ITEMS, KIDS))


@st.composite
def consent(draw: st.DrawFn, number: int, person: str) -> Consent:
    """One consent of that person; half of them are in order and permit everything."""
    good = Consent(
        f"cns_{number}",
        Pseudonyms(RING).blind_index(subject_from(subject_of(person))),
        "purpose",
        "form",
        frozenset({HALL}),
        EVERYTHING,
        frozenset(),
        Standing(ConsentState.given, NOW - HOUR, NOW + HOUR),
    )
    if draw(st.booleans()):
        return good
    begin, end = draw(mostly((-HOUR, HOUR), *WINDOWS))
    state = draw(mostly(ConsentState.given, *ConsentState))
    return structs.replace(
        good,
        purpose=draw(mostly("purpose", "other")),
        form=draw(mostly("form", None, "another")),
        recipients=frozenset({draw(mostly(HALL, "别处"))}),
        permitted=draw(some_items),
        denied=draw(some_items),
        standing=Standing(state, NOW + begin, NOW + end, draw(mostly(None, 0, 1, 2))),
    )


@st.composite
def consents(draw: st.DrawFn) -> tuple[Consent, ...]:
    """Up to four consents of two persons."""
    persons = draw(mostly([*PEOPLE], [*PEOPLE, *PEOPLE], [*PEOPLE, "安妮"], ["鲍勃"], []))
    return tuple(draw(consent(number, person)) for number, person in enumerate(persons))


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """A case."""
    form, given_consents = draw(forms()), draw(consents())
    subjects = {role: draw(people) for role in (APPLICANT, SPOUSE)}
    paths = [each.path for each in form.fields if each.group is None]
    slots = ["kids.0.id", "kids.0.name", "kids.1.name"] if form.groups else []
    texts = st.sampled_from([TYPED, "yes", "no", "", PEOPLE["鲍勃"]])
    return Case(
        form,
        draw(bindings()),
        draw(st.frozensets(st.sampled_from(ITEMS), max_size=2)),
        draw(rules()),
        given_consents,
        (*(each.id for each in given_consents), *draw(mostly((), ("cns_unknown",)))),
        {role: subject for role, subject in subjects.items() if subject is not None},
        draw(st.dictionaries(st.sampled_from([*paths, *slots, "unknown"]), texts, max_size=2)),
        draw(manners),
    )


def told_by(case: Case, **changes: Any) -> Told:
    """The answer to that case."""

    async def act() -> Told:
        world = await World(case).open()
        return answer_of(await world.resolved(**changes))

    return run(act)


def answer_of(released: Released) -> Told:
    """An answer as its caller reads it."""
    told: Told = orjson.loads(released.body)
    return told


def filled(told: Told) -> dict[str, Told]:
    """The fields with a value."""
    return {path: each for path, each in told["fields"].items() if each["outcome"] in FILLED}


def singles(told: Told) -> dict[str, Any]:
    """The outcome and value of every field outside the group."""
    return {
        path: (each["outcome"], each["value"], (each["source"] or {}).get("id"))
        for path, each in told["fields"].items()
        if not path.startswith("kids.")
    }


CLOSED = (OutcomeCode.skipped_hidden, OutcomeCode.office_use, OutcomeCode.no_binding)

# ---------------------------------------------------------------- the invariants


@pytest.mark.parametrize("odd", range(len(ODD_REPLIES)))
def test_an_odd_reply_costs_its_own_fields(odd: int) -> None:
    """Whatever a connector of somebody else hands over, the neighbours are filled and the answer is JSON."""
    fields = (Field("f0", "f0", item="p.i0"), Field("f1", "f1", item="p.i1"))
    group = Group("kids", "kids", APPLICANT, "id", item=KIDS)
    columns = (Field("kids.id", "id", item=KID_ID, group="kids"),)
    form = Form(
        "form",
        1,
        "f",
        "m",
        "p",
        "d",
        (*fields, *columns),
        (Role(APPLICANT, "a", frozenset({PERSON})),),
        (group,),
    )
    bound = tuple(Binding(item, "s0", f"/{item}") for item in ("p.i0", KIDS, KID_ID))
    case = Case(
        form=form,
        bindings=(*bound, Binding("p.i1", "s1", "/i1")),
        compared=frozenset(),
        rules=(Rule("R-1", Effect.permit, "duty", ground=BY_DUTY),),
        consents=(),
        named=(),
        subjects={APPLICANT: subject_of("安妮")},
        answers={},
        manners={**dict.fromkeys(SOURCES, Manner()), "s0": Manner("odd", odd=odd)},
    )

    told = told_by(case)["fields"]

    assert told["f1"]["value"] == "安妮 s1 p.i1"
    assert told["kids.0.id"]["value"] is None
    assert all(isinstance(each.get("reason"), str | None) for each in told.values())


@given(cases())
@settings(max_examples=120)
def test_every_field_has_exactly_one_outcome(case: Case) -> None:
    """Each field of the form is there once, with a value or a reason, and the counts add up to the fields."""
    told = told_by(case)
    fields, counts = told["fields"], told["counts"]
    single = {each.path for each in case.form.fields if each.group is None}
    columns = {each.path for each in case.form.fields if each.group is not None}

    assert single == {path for path in fields if not path.startswith("kids.")}
    assert columns == {f"kids.{path.split('.')[2]}" for path in fields if path.startswith("kids.")}
    for each in fields.values():
        assert each["outcome"] in OutcomeCode.__members__
        assert (each["value"] is not None) is (each["outcome"] in FILLED) is ("ground" in each)
    assert counts["fields"] == len(fields) == sum(counts["by_outcome"].values())
    assert counts["filled"] == len(filled(told)) <= counts["mapped"] <= counts["eligible"] <= counts["fields"]


@given(cases())
@settings(max_examples=120)
def test_no_value_without_decision_and_entry(case: Case) -> None:
    """What is pulled stands in a durable intent first; what is shown was allowed there, and is in a durable outcome."""

    async def act() -> None:
        world = await World(case).open()
        told = answer_of(await world.resolved())
        (intent,) = await world.entries(EntryKind.intent)
        (outcome,) = await world.entries(EntryKind.outcome)
        allowed = {(ask[0], item, ask[1], *ask[4:]) for ask in intent["asks"] if ask[3] for item in ask[2]}

        assert world.happened == ["intent", *["pull"] * len(world.pulls), "outcome"]
        assert world.unfounded == []
        assert len(set(world.pulls)) == len(world.pulls), "a source was called twice about one subject"
        for path, each in filled(told).items():
            item = KIDS if path.startswith("kids.") else each["item"]
            role = next(f.role for f in case.form.fields if f.path in (path, f"kids.{path.split('.')[-1]}"))
            footing = f"{each['ground']['kind']}:{each['ground']['id']}"
            assert (role, item, each["source"]["id"], each["rule"], footing) in allowed
        open_fields = {
            (each.role, KIDS if each.group else each.item)
            for each in case.form.fields
            for path, field in told["fields"].items()
            if path == each.path or (each.group and path.split(".")[::2] == each.path.split("."))
            # Rows may come from a source that is not bound to a column: that is known only once they are here.
            if field["outcome"] not in CLOSED or field["reason"] == "not_in_rows_source"
            if each.group or not field.get("answered")  # who typed a row may have further rows on record
        }
        assert {ask[:2] for ask in allowed} <= open_fields, "asked for what nobody needs"
        noted = {path: code for code, paths in outcome["fields"].items() for path in paths}
        assert noted == {path: each["outcome"] for path, each in told["fields"].items()}

    run(act)


@given(cases(), st.integers(0, 2), st.booleans())
@settings(max_examples=80)
def test_removing_a_consent_never_adds_a_value(case: Case, place: int, is_left_out: bool) -> None:
    """A consent withdrawn, or left out unless it refuses something, allows no further ask and fills no further field.

    Two registers that contradict each other are no such field: who may not read the one sees no contradiction.
    """
    gone = next((each for number, each in enumerate(case.consents) if number == place), None)
    if gone is None:
        return
    withdrawn = structs.replace(gone, standing=structs.replace(gone.standing, state=ConsentState.withdrawn))
    fewer = replace(case, consents=tuple(withdrawn if each is gone else each for each in case.consents))
    if is_left_out and not gone.denied:
        fewer = replace(case, named=tuple(each for each in case.named if each != gone.id))

    async def act(world: World) -> tuple[set[tuple[str, str, str]], Told]:
        await world.open()
        told = answer_of(await world.resolved())
        return await world.allowed(), told

    (allowed, before), (still_allowed, after) = run(lambda: act(World(case))), run(lambda: act(World(fewer)))

    assert still_allowed <= allowed
    for path, (outcome, _, _) in singles(after).items():
        if outcome in FILLED:
            assert before["fields"][path]["outcome"] in (*FILLED, "conflict")


@given(cases(), st.permutations([0.0, 0.1, 0.2, 0.3]))
@settings(max_examples=80)
def test_the_order_of_replies_changes_nothing(case: Case, delays: list[float]) -> None:
    """Whichever source answers first, every field comes out the same."""
    sooner = {
        source: replace(manner, after=after)
        for (source, manner), after in zip(case.manners.items(), delays, strict=True)
    }

    assert told_by(case)["fields"] == told_by(replace(case, manners=sooner))["fields"]


@given(
    cases(),
    st.dictionaries(
        st.sampled_from(sorted(SOURCES)),
        st.builds(Manner, st.sampled_from(["broken", "defect", "hang", "junk", "cancelled", "wrong"])),
    ),
)
@settings(max_examples=80)
def test_any_subset_of_sources_may_fail(case: Case, failing: dict[str, Manner]) -> None:
    """What the others gave is still there, unchanged, and there is an answer in any case."""
    whole = told_by(case)
    part = told_by(replace(case, manners={**case.manners, **failing}))

    for path, each in filled(whole).items():
        if each["source"]["id"] not in failing:
            assert part["fields"][path] == each


@given(cases())
@settings(max_examples=100)
def test_another_subject_never_shows(case: Case) -> None:
    """A field shows its own role's subject and nobody else, and the log shows nobody at all."""

    async def act() -> None:
        world = await World(case).open()
        released = await world.resolved()
        subjects = released.settled.plan.subjects
        for path, each in filled(answer_of(released)).items():
            role = SPOUSE if case.form.field(path) and case.form.field(path).role == SPOUSE else APPLICANT  # type: ignore[union-attr]
            if case.manners[each["source"]["id"]].does != "odd":
                assert each["value"].startswith(name_of(subjects[role]))
        entries = await world.store.entries.find(request=None, after="", limit=1_000)
        log = b"".join(entry.leaf for entry in entries).decode()
        hidden = [*PEOPLE, *PEOPLE.values(), STRANGERS_ID, TYPED]
        assert STRANGER not in released.body.decode()
        assert [each for each in (STRANGER, *hidden) if each in log] == []

    run(act)


@given(cases())
@settings(max_examples=80)
def test_the_person_is_never_overwritten(case: Case) -> None:
    """What was typed is kept: its slot has no value of ours, and says that it was answered."""
    told = told_by(case)
    typed = {path for path, answer in case.answers.items() if answer and not path.startswith("kids.")}

    for path in typed & told["fields"].keys():
        if told["fields"][path]["outcome"] != OutcomeCode.office_use:
            assert told["fields"][path]["outcome"] not in FILLED
            assert told["fields"][path]["answered"]
    rows = {
        path.split(".")[1] for path, answer in case.answers.items() if answer and path.startswith("kids.")
    }
    answered = [path for path, each in told["fields"].items() if path[:5] == "kids." and each.get("answered")]
    cells = [path for path, answer in case.answers.items() if answer and path.startswith("kids.")]
    assert len(answered) == (len(cells) if case.form.groups and rows else 0)


@given(cases())
@settings(max_examples=100)
def test_a_lower_tier_never_replaces_a_higher_one(case: Case) -> None:
    """Where a more trusted source that might be asked had a value, that value, or a conflict, is what is shown."""

    async def act() -> None:
        world = await World(case).open()
        told = answer_of(await world.resolved())
        gave = {source for source, manner in case.manners.items() if manner.does in GIVES}
        for path, each in filled(told).items():
            item = KIDS if path.startswith("kids.") else each["item"]
            named = next(f for f in case.form.fields if f.path in (path, f"kids.{path.split('.')[-1]}"))
            had_it = {
                source
                for role, asked, source in await world.allowed()
                if (role, asked) == (named.role, item) and source in gave
            }
            # An odd answer may hold a value too; whatever is shown is at least as trusted as the rest.
            assert all(each["tier"] <= SOURCES[source] for source in had_it)

    run(act)


@given(cases(), st.integers(1, 3), st.integers(2, 8))
@settings(max_examples=40)
def test_uses_never_exceed_their_limit(case: Case, limit: int, requests: int) -> None:
    """Of many resolutions at once on consents for a few uses, no more than that pull on any of them."""
    limited = replace(
        case,
        consents=tuple(
            structs.replace(each, standing=structs.replace(each.standing, uses_left=limit))
            for each in case.consents
        ),
    )

    async def act() -> None:
        world = await World(limited).open()
        told = await asyncio.gather(*(world.resolved() for _ in range(requests)))
        intents = await world.entries(EntryKind.intent)
        stored = await world.store.consents.read([each.id for each in limited.consents])

        assert len(told) == len(intents) == requests
        for consent_id, each in stored.items():
            footing = f"consent:{consent_id}"
            users = sum(any(ask[5] == footing for ask in intent["asks"]) for intent in intents)
            assert users <= limit
            assert each.consent.standing.uses_left == limit - users

    run(act)


@given(cases(), st.sampled_from([EntryKind.intent, EntryKind.outcome]))
@settings(max_examples=60)
def test_without_the_log_nothing_moves(case: Case, gate: EntryKind) -> None:
    """No store at the first gate: nothing is pulled. None at the second: nothing leaves, nothing is kept."""

    async def act() -> None:
        world = await World(case, fail_at=gate).open()

        with pytest.raises(StoreUnavailable):
            await world.resolved()

        assert world.happened == (
            [] if gate is EntryKind.intent else ["intent", *["pull"] * len(world.pulls)]
        )
        assert world.unfounded == []
        assert await world.entries(EntryKind.outcome) == []

    run(act)


@given(cases())
@settings(max_examples=60)
def test_a_consent_withdrawn_during_the_pull_releases_nothing(case: Case) -> None:
    """What was pulled on it is discarded: it is in no field, no draft and no entry; what rests on a duty is released."""

    async def act() -> None:
        quiet = await World(case).open()
        before = filled(answer_of(await quiet.resolved()))
        world = World(case)
        world.while_pulling = _once(world.withdraw_all)
        await world.open()
        released = await world.resolved()
        told = answer_of(released)
        draft = await world.store.drafts.read(released.id)
        (outcome,) = await world.entries(EntryKind.outcome)

        assert draft is not None
        if world.pulls:
            assert {each["ground"]["kind"] for each in filled(told).values()} <= {GroundKind.statutory_duty}
            assert draft.consents == ()
            if any(each["ground"]["kind"] == GroundKind.consent for each in before.values()):
                assert outcome["discarded"] > 0
            for path, each in before.items():
                if each["ground"]["kind"] == GroundKind.statutory_duty and not path.startswith("kids."):
                    assert path in filled(told)
        assert draft.sealed is not None
        runtime = world.runtime
        key = key_of_draft(await runtime.subjects.keys_of(draft.subjects), draft.subjects, runtime.keys)
        assert open_answer(draft.sealed, released.id, runtime.sealer, key) == released.body

    run(act)


@given(cases())
@settings(max_examples=60)
def test_a_consent_withdrawn_before_the_first_gate_pulls_nothing(case: Case) -> None:
    """Deciding is not enough: what was withdrawn since is not even asked for, and takes no use."""

    async def act() -> None:
        world = World(case)
        world.before_intent = world.withdraw_all
        await world.open()
        told = answer_of(await world.resolved())
        (intent,) = await world.entries(EntryKind.intent)
        stored = await world.store.consents.read([each.id for each in case.consents])

        assert world.unfounded == []
        assert {ask[5].partition(":")[0] for ask in intent["asks"] if ask[3]} <= {"statutory_duty"}
        assert {each["ground"]["kind"] for each in filled(told).values()} <= {"statutory_duty"}
        for each in case.consents:
            assert stored[each.id].consent.standing.uses_left == each.standing.uses_left

    run(act)


def _once(act: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
    done: list[bool] = []

    async def acted() -> None:
        if not done:
            done.append(True)
            await act()

    return acted


@given(cases())
@settings(max_examples=60)
def test_a_masked_answer_holds_no_value(case: Case) -> None:
    """The same fields are filled, and nothing a source said can be read."""
    told = told_by(case, delivery=Delivery.masked)
    clear = told_by(case)

    assert filled(told).keys() == filled(clear).keys()
    assert all(each["value"] is None for each in told["fields"].values())
    text = orjson.dumps(told["fields"]).decode()
    values = [orjson.dumps(each["value"]).decode() for each in filled(clear).values()]
    assert [value for value in values if value.startswith('"') and value in text] == []
