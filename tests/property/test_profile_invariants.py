"""What a record promises whatever happens: it never outranks a register, and what ended is never offered."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.protocol import Found, Record
from field_registry import Binding, Item, Missing, OutcomeCode, Registry, Source, SubjectKind, Tier, Value
from field_registry.items import Datatype
from forms.definition import Field, Form, Role
from gateway.records import (
    Actor,
    Caller,
    Entry,
    EntryKind,
    Erasure,
    GateRequest,
    GateWrite,
    NewSubject,
    ProfileDifference,
    ProfileValue,
)
from gateway.resolution.commands import ResolveCommand
from gateway.resolution.compiled import compile_form
from gateway.resolution.plan import make_plan
from gateway.resolution.settle import settle
from gateway.store import MemoryStore
from policies import Decision, Ground, GroundKind, Policy, ReasonCode

NOW = datetime(2026, 11, 21, tzinfo=UTC)
PERSON = SubjectKind.person
ANN = {"kind": "person", "id_type": "111", "id_no": "35058219910603996X"}
ITEM = Item("person.email", "电子邮箱", PERSON, Datatype.text, "公安")
TIERS = {"civil": Tier.A, "licences": Tier.B, "profile": Tier.C, "papers": Tier.D}
GROUND = Ground(GroundKind.statutory_duty, "D-1", "某法")
ALLOWED = Decision(True, "R-1", ReasonCode.allowed, GROUND)
MISSING = st.sampled_from(
    [OutcomeCode.timeout, OutcomeCode.not_found, OutcomeCode.empty_at_source, OutcomeCode.source_error]
).map(Missing)
REPLIES = st.one_of(MISSING, st.sampled_from(["a@x", "b@x"]).map(lambda raw: Found(raw, Record())))


def _plan(ranks: list[str]) -> Any:
    """A plan that asks these sources, in whatever order they are ranked."""
    sources = [
        Source(name, name, "d", "profile" if name == "profile" else "sandbox", tier=tier)
        for name, tier in TIERS.items()
    ]
    bindings = [Binding(ITEM.id, name, "x", rank=rank) for rank, name in enumerate(ranks, 1)]
    registry = Registry.of(1, items=[ITEM], sources=sources, bindings=bindings)
    role = Role("applicant", "申请人", frozenset({PERSON}))
    form = Form("f", 1, "f", "M", "p", "d", (Field("email", "x", item=ITEM.id),), (role,))
    compiled = compile_form(form, registry, Policy.of(1, (), ()), NOW.date())
    caller = Caller("hall", "d", frozenset({"renderer"}))
    command = ResolveCommand("f", None, caller, Actor("clerk", "c"), 1.0, {"applicant": ANN})
    return make_plan(compiled, command)


@given(ranks=st.permutations(list(TIERS)), data=st.data())
@settings(max_examples=150, deadline=None)
def test_a_record_never_outranks_a_register(ranks: list[str], data: Any) -> None:
    """Whatever ranks and answers: a value of A or B stands before the record's, and it alone is noted as differing."""
    plan = _plan(ranks)
    replies = [[data.draw(REPLIES, label=call.source)] for call in plan.asking.calls]
    said = {
        call.source: reply
        for call, [reply] in zip(plan.asking.calls, replies, strict=True)
        if isinstance(reply, Found)
    }

    settled = settle(plan, (ALLOWED,) * len(plan.asks), replies, NOW)
    [best] = settled.combined.found.values()
    registers = {"civil", "licences"} & said.keys()

    if registers:
        assert isinstance(best, Value)
        assert best.provenance.source in registers
    told = [(each.source, each.differs) for each in settled.combined.beside]
    if registers and "profile" in said:
        first = best.provenance.source  # type: ignore[union-attr]
        assert told == [(first, said[first].raw != said["profile"].raw)]
    else:
        assert told == []


class Model:
    """What should stand: (subject, item) → id and end of the value; and who was erased."""

    def __init__(self) -> None:
        self.standing: dict[tuple[str, str], tuple[str, datetime]] = {}
        self.erased: set[str] = set()


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["put", "put", "delete", "erase", "purge", "differ", "wait"]),
        st.sampled_from(["sub_1", "sub_2"]),
        st.sampled_from(["person.email", "person.phone"]),
        st.integers(0, 5),
    ),
    max_size=25,
)


@given(steps=STEPS)
@settings(max_examples=80, deadline=None)
async def test_what_ended_is_never_offered(steps: list[tuple[str, str, str, int]]) -> None:
    """Whatever is kept, deleted, erased, purged and waited for: what stands is held, and nothing else is left sealed."""
    store, model, now, numbers = MemoryStore(), Model(), NOW, iter(range(10_000))

    def entry(kind: EntryKind) -> Entry:
        return Entry(f"aud_{next(numbers):06d}", kind, now, None, "t", b"{}")

    for ref in ("sub_1", "sub_2"):
        await store.subjects.refs({f"key-{ref}": NewSubject("person", ref, NOW)})
    for step, ref, item, days in steps:
        if step == "put" and ref not in model.erased:
            kept = ProfileValue(
                id=f"prv_{next(numbers):06d}",
                subject_ref=ref,
                item=item,
                given_at=now,
                expires_at=now + timedelta(days=days),
                purpose="p",
                form="f",
                submission_id=None,
                entry_id="aud_1",
                sealed=b"sealed",
                told=entry(EntryKind.profile_kept),
            )
            await store.profiles.put(kept)
            model.standing[ref, item] = (kept.id, kept.expires_at)
        elif step == "delete":
            deleted = await store.profiles.delete(ref, item, entry(EntryKind.profile_deleted))
            assert deleted or (ref, item) not in model.standing
            model.standing.pop((ref, item), None)
        elif step == "erase" and ref not in model.erased:
            await store.subjects.erase(
                ref, now, end=lambda _: (_, _), entry=lambda done: _erased(done, entry)
            )
            model.erased.add(ref)
            model.standing = {key: kept for key, kept in model.standing.items() if key[0] != ref}
        elif step == "purge":
            await store.profiles.purge(now, NOW, lambda _: entry(EntryKind.profile_purged))
            model.standing = {key: kept for key, kept in model.standing.items() if kept[1] > now}
        elif step == "differ":
            differs = ProfileDifference(ref, item, "civil", now, differs=days % 2 == 0)
            write = GateWrite(entry(EntryKind.outcome), None, differences=(differs,))
            await store.gates.commit([GateRequest((), lambda _, made=write: made)])
        elif step == "wait":
            now += timedelta(days=days)

        held = await store.profiles.held(["key-sub_1", "key-sub_2"], now)
        offered = {(each.subject_ref, each.item): each.id for of in held.values() for each in of}
        assert offered == {key: kept for key, (kept, until) in model.standing.items() if until > now}
        assert await _sealed(store) == len(model.standing)


def _erased(done: Erasure, entry: Any) -> Entry:
    made: Entry = entry(EntryKind.subject_erased)
    return made


async def _sealed(store: MemoryStore) -> int:
    """How many kept values still hold a ciphertext."""
    found: list[bytes] = []

    def look(cell: Any) -> None:
        if cell.sealed:
            found.append(cell.sealed)

    await store.cells.renew("profile_value.sealed", look, after="", limit=999)
    return len(found)
