"""Erasing a subject, and bringing what is sealed under the newest root key."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from connectors.gather import Gatherer
from field_registry import Subject, SubjectKind
from gateway.audit.entries import make_entry, open_private
from gateway.audit.log import AuditLog
from gateway.errors import CannotOpen, Conflict, NotFound
from gateway.library import Library
from gateway.lookups import SubjectReferences
from gateway.records import (
    ConsentEvent,
    Draft,
    Entry,
    EntryKind,
    GateRequest,
    GateWrite,
    NewSubject,
    StoredConsent,
)
from gateway.retention import Erased, erase_subject, rewrap, root_uses
from gateway.retention.rekey import RENEWED
from gateway.runtime import Runtime
from gateway.security import Envelope, KeyRing, Pseudonyms, WrappedKeys, new_reference
from gateway.settings import Settings
from gateway.store import MemoryStore
from gateway.telemetry import Telemetry
from policies.consent import Consent, ConsentState, Standing
from policies.retention import ErasureReason

NOW = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)
DAY, THREE_YEARS = timedelta(days=1), timedelta(days=3 * 365 + 1)
OLD, NEW = b"o" * 32, b"n" * 32
OLD_ID, NEW_ID = KeyRing([OLD]).ids[0], KeyRing([NEW]).ids[0]
ANN, BOB = (
    Subject(SubjectKind.person, "111", number) for number in ("110105194912310021", "110105194912310048")
)


@dataclass
class World:
    """A gateway without its doors: a store in memory, a clock that a test sets, root keys that it can rotate."""

    store: MemoryStore
    now: datetime = NOW
    roots: tuple[bytes, ...] = (OLD,)

    @property
    def runtime(self) -> Runtime:
        """As a process has it that starts now."""
        ring, telemetry = KeyRing(self.roots), Telemetry()
        keys, pseudonyms = WrappedKeys(ring), Pseudonyms(ring)
        return Runtime(
            settings=Settings(),
            clock=lambda: self.now,
            store=self.store,
            library=Library(self.store),
            ledger=AuditLog(self.store.gates, telemetry),
            sealer=Envelope(ring),
            keys=keys,
            subjects=SubjectReferences(self.store, pseudonyms, lambda: self.now, new_reference, keys),
            telemetry=telemetry,
            sources=Gatherer({}, {}),
            new_reference=new_reference,
            fingerprint=pseudonyms.fingerprint,
        )

    async def ref(self, subject: Subject = ANN) -> str:
        """Its reference, given now if it is new."""
        references = self.runtime.subjects
        return await references.ref_of(references.key_of(subject), subject.kind)

    async def consent(self, subject: Subject = ANN, *, under_root: bool = False, **changes: Any) -> str:
        """The id of a consent recorded now, sealed as it is since there are keys, or as it was before."""
        runtime, ref = self.runtime, await self.ref(subject)
        consent_id = runtime.new_reference("cns", self.now)
        key = None if under_root else await runtime.subjects.key_for(ref)
        sealed = runtime.sealer.seal(b"agreed", table="consent", column="sealed", row=consent_id, key=key)
        standing = Standing(ConsentState.given, self.now, self.now + DAY)
        nobody: frozenset[str] = frozenset()
        agreed = Consent(
            consent_id, runtime.subjects.key_of(subject), "p", None, nobody, nobody, nobody, standing
        )
        stored = StoredConsent(agreed, ref, subject.kind, "desk", "hall", self.now, sealed)
        entry_id = runtime.new_reference("aud", self.now)
        event = ConsentEvent(
            runtime.new_reference("cev", self.now),
            consent_id,
            self.now,
            ConsentState.given,
            "clerk",
            "",
            entry_id,
        )
        facts = {"subject": ref}
        entry = make_entry(
            entry_id, EntryKind.consent_given, self.now, caller="desk", request=consent_id, facts=facts
        )
        await self.store.consents.add(replace(stored, **changes), event, entry)
        return consent_id

    async def answer(self, *subjects: Subject) -> tuple[str, Entry]:
        """A resolution about these, with its private part and its draft; the id and the outcome."""
        runtime = self.runtime
        refs = [await self.ref(each) for each in subjects]
        keys = await runtime.subjects.keys_of(refs)
        together = runtime.keys.together([keys[ref] for ref in refs])
        resolution_id = runtime.new_reference("res", self.now)
        sealed = runtime.sealer.seal(
            b"answer", table="resolution", column="sealed", row=resolution_id, key=together
        )
        draft = Draft(
            resolution_id, "hall", "f", 1, self.now, self.now + DAY, (), sealed, tuple(together.ref.split())
        )
        by_role = {"applicant": refs[0], **{f"role{number}": ref for number, ref in enumerate(refs[1:])}}
        entry = make_entry(
            runtime.new_reference("aud", self.now),
            EntryKind.outcome,
            self.now,
            caller="hall",
            request=resolution_id,
            facts={"subjects": by_role},
            private={"actor": "clerk-17"},
            sealer=runtime.sealer,
            key=keys[refs[0]],
        )
        await self.store.gates.commit([GateRequest((), lambda _: GateWrite(entry, None, draft=draft))])
        return resolution_id, entry

    async def entries(self, kind: EntryKind) -> list[dict[str, Any]]:
        """The leaves of that kind."""
        found = await self.store.entries.find(request=None, after="", limit=500)
        return [orjson.loads(each.leaf) for each in found if each.kind is kind]


@pytest.fixture
def world() -> World:
    """An empty one."""
    return World(MemoryStore())


@pytest.fixture
def erase(world: World) -> Callable[..., Any]:
    """Erases Ann by court order, or as said."""

    async def erasing(
        subject: Subject = ANN, reason: ErasureReason = ErasureReason.court_order, reference: str = ""
    ) -> Erased:
        return await erase_subject(subject, reason, world.runtime, caller="officer", reference=reference)

    return erasing


# ---------------------------------------------------------------- erasing


async def test_after_erasure_nothing_about_the_subject_opens(world: World, erase: Any) -> None:
    """Consents are emptied and ended, answers purged, private parts of entries undecipherable."""
    consent_id = await world.consent()
    answer_id, outcome = await world.answer(ANN)
    ref = await world.ref()

    erased = await erase()

    stored = (await world.store.consents.read([consent_id]))[consent_id]
    draft = await world.store.drafts.read(answer_id)
    assert erased.subject == ref
    assert (stored.sealed, stored.consent.standing.state) == (b"", ConsentState.terminated)
    assert draft is not None
    assert draft.sealed is None
    assert await world.runtime.subjects.key_for(ref) is None
    with pytest.raises(CannotOpen):
        open_private(outcome, world.runtime.sealer)


async def test_copies_of_the_ciphertext_are_worth_nothing(world: World, erase: Any) -> None:
    """A backup of the cells that was made before does not open either: the key is what was destroyed."""
    consent_id = await world.consent()
    copied = (await world.store.consents.read([consent_id]))[consent_id].sealed
    await erase()
    ref = await world.ref()
    runtime = world.runtime
    somebody = await runtime.subjects.key_for(ref)

    for key in (None, somebody):
        with pytest.raises(CannotOpen):
            runtime.sealer.open(copied, table="consent", column="sealed", row=consent_id, key=key)


@pytest.mark.parametrize("erased", [ANN, BOB])
async def test_an_answer_about_two_is_gone_with_either(world: World, erase: Any, erased: Subject) -> None:
    """Even its copy: it was sealed under the keys of both."""
    answer_id, _ = await world.answer(ANN, BOB)
    draft = await world.store.drafts.read(answer_id)
    assert draft is not None
    await erase(erased)

    keys = await world.runtime.subjects.keys_of(draft.subjects)
    kept = await world.store.drafts.read(answer_id)

    assert len(keys) == 1
    assert kept is not None
    assert kept.sealed is None
    with pytest.raises(CannotOpen):
        world.runtime.sealer.open(
            draft.sealed or b"",
            table="resolution",
            column="sealed",
            row=answer_id,
            key=next(iter(keys.values())),
        )


async def test_others_lose_nothing(world: World, erase: Any) -> None:
    """Bob's consent, key and entries are as before."""
    await world.consent(ANN)
    consent_id = await world.consent(BOB)
    before = (await world.store.consents.read([consent_id]))[consent_id]
    key = await world.runtime.subjects.key_for(await world.ref(BOB))
    await erase()

    assert (await world.store.consents.read([consent_id]))[consent_id] == before
    assert await world.runtime.subjects.key_for(await world.ref(BOB)) == key


async def test_erasing_is_an_entry_that_counts_and_names_nobody(world: World, erase: Any) -> None:
    """Reference, reason and counts; who did it; the number of the order is sealed, and still opens."""
    await world.consent()
    await world.consent()
    await world.answer(ANN)
    ref = await world.ref()

    erased = await erase(reference="order 17")

    (leaf,) = await world.entries(EntryKind.subject_erased)
    facts = {name: leaf[name] for name in ("subject", "reason", "consents", "ended", "drafts", "caller")}
    assert facts == {
        "subject": ref,
        "reason": "court_order",
        "consents": 2,
        "ended": 2,
        "drafts": 1,
        "caller": "officer",
    }
    assert len(await world.entries(EntryKind.consent_terminated)) == 2
    found = [
        each
        for each in await world.store.entries.find(request=None, after="", limit=99)
        if each.id == erased.entry
    ]
    assert open_private(found[0], world.runtime.sealer) == {"reference": "order 17"}


async def test_the_leaves_of_before_stay(world: World, erase: Any) -> None:
    """Not a byte of any entry changes: their hashes, places and proofs are as they were."""
    await world.consent()
    await world.answer(ANN)
    before = await world.store.entries.find(request=None, after="", limit=99)

    await erase()

    after = await world.store.entries.find(request=None, after="", limit=99)
    assert after[: len(before)] == before


async def test_who_comes_again_is_somebody_new(world: World, erase: Any) -> None:
    """Another reference, another key; nothing leads from the person to what was."""
    old = await world.ref()
    await erase()

    new = await world.ref()

    assert new != old
    assert await world.runtime.subjects.key_for(new) is not None
    assert await world.store.consents.of_subject(new, after="", limit=5) == []


async def test_who_is_not_known_cannot_be_erased(world: World, erase: Any) -> None:
    """Nor can anybody be erased twice; no entry says that it was done."""
    await world.ref()
    await erase()

    for subject in (ANN, BOB):
        with pytest.raises(NotFound) as caught:
            await erase(subject)
        assert caught.value.code == "unknown_subject"
    assert len(await world.entries(EntryKind.subject_erased)) == 1


# ---------------------------------------------------------------- what the law keeps


@pytest.mark.parametrize("reason", [ErasureReason.person_request, ErasureReason.retention_over])
async def test_records_are_kept_as_long_as_the_law_wants(
    world: World, erase: Any, reason: ErasureReason
) -> None:
    """A refusal that names the day, and is an entry; nothing is erased. On that day it is done."""
    await world.consent()
    ref = await world.ref()

    with pytest.raises(Conflict) as caught:
        await erase(reason=reason)

    assert caught.value.code == "retention_holds"
    assert "2029-11-21" in caught.value.detail
    (refusal,) = await world.entries(EntryKind.erasure_refused)
    assert (refusal["subject"], refusal["reason"]) == (ref, reason.value)
    assert refusal["until"] == "2029-11-21T02:00:00.000000Z"
    assert await world.runtime.subjects.key_for(ref) is not None
    world.now = NOW + THREE_YEARS
    assert (await erase(reason=reason)).subject == ref


@pytest.mark.parametrize("reason", [ErasureReason.court_order, ErasureReason.unlawful])
async def test_a_court_and_unlawfulness_go_before(world: World, erase: Any, reason: ErasureReason) -> None:
    """What should not be there is gone at once."""
    await world.consent()

    assert (await erase(reason=reason)).done.consents == 1


async def test_each_use_keeps_the_records_anew(world: World, erase: Any) -> None:
    """The time runs from the newest record; a refused erasure is none."""
    await world.consent()
    world.now = NOW + 100 * DAY
    await world.answer(ANN)
    for _ in range(2):
        with pytest.raises(Conflict, match="retention_holds") as caught:
            await erase(reason=ErasureReason.person_request)

    assert "2030-03-01" in caught.value.detail


# ---------------------------------------------------------------- bringing it under the newest root


async def test_rewrapping_leaves_nothing_on_the_old_root(world: World) -> None:
    """Keys are wrapped anew, consents from before there were keys come under their subject's, and all still open."""
    young = await world.consent(ANN)
    old = await world.consent(BOB, under_root=True)
    world.roots = (NEW, OLD)

    done = await rewrap(world.runtime)

    assert done.cells == {"subject.wrapped_key": 2, "consent.sealed": 1}
    assert (done.root, done.lost) == (NEW_ID, 0)
    assert await root_uses(world.runtime) == {NEW_ID: {"subject.wrapped_key": 2}}
    world.roots = (NEW,)
    assert [await opened(world, each) for each in (young, old)] == [b"agreed", b"agreed"]


async def opened(world: World, consent_id: str) -> bytes:
    """What was agreed."""
    stored = (await world.store.consents.read([consent_id]))[consent_id]
    runtime = world.runtime
    key = runtime.keys.open(stored.wrapped_key, stored.subject_ref)
    return runtime.sealer.open(stored.sealed, table="consent", column="sealed", row=consent_id, key=key)


async def test_rewrapping_again_changes_nothing(world: World) -> None:
    """What is done is passed over: a run that was broken off is taken up by running it again."""
    await world.consent(under_root=True)
    world.roots = (NEW, OLD)
    await rewrap(world.runtime)
    before = await world.store.subjects.keys([await world.ref()])

    again = await rewrap(world.runtime)

    assert again.cells == {}
    assert await world.store.subjects.keys([await world.ref()]) == before


async def test_rewrapping_is_an_entry(world: World) -> None:
    """Which root, how many cells by place, how many could not be opened."""
    await world.consent()
    world.roots = (NEW, OLD)

    await rewrap(world.runtime)

    (leaf,) = await world.entries(EntryKind.keys_rewrapped)
    assert (leaf["key"], leaf["cells"], leaf["lost"]) == (NEW_ID, {"subject.wrapped_key": 1}, 0)


async def test_subjects_from_before_there_were_keys_get_one(world: World) -> None:
    """And what is sealed about them from then on is under it."""
    key = world.runtime.subjects.key_of(ANN)
    await world.store.subjects.refs({key: NewSubject("person", "sub_old", NOW)})
    assert await world.runtime.subjects.key_for("sub_old") is None

    await rewrap(world.runtime)

    assert await world.runtime.subjects.key_for("sub_old") is not None


async def test_an_erased_subject_is_not_given_a_key_again(world: World, erase: Any) -> None:
    """Nothing brings back what was destroyed."""
    ref = await world.ref()
    await erase()

    await rewrap(world.runtime)

    assert await world.runtime.subjects.key_for(ref) is None


async def test_what_cannot_be_opened_is_counted_and_left(world: World) -> None:
    """A root key that is gone: the cells stay as they are, for the day it is found again."""
    consent_id = await world.consent()
    before = (await world.store.consents.read([consent_id]))[consent_id]
    world.roots = (NEW,)

    done = await rewrap(world.runtime)

    assert done.lost == 1
    assert (await world.store.consents.read([consent_id]))[consent_id] == before
    assert await root_uses(world.runtime) == {OLD_ID: {"subject.wrapped_key": 1}}


async def test_entries_and_answers_are_only_counted(world: World) -> None:
    """Entries are never changed; answers are gone within a day."""
    sealer = world.runtime.sealer
    entry = make_entry(
        "aud_1",
        EntryKind.audit_lookup,
        NOW,
        caller="t",
        request=None,
        facts={},
        private={"a": 1},
        sealer=sealer,
    )
    draft = Draft(
        "res_1",
        "t",
        "f",
        1,
        NOW,
        NOW + DAY,
        (),
        sealer.seal(b"x", table="resolution", column="sealed", row="res_1"),
    )
    await world.store.gates.commit([GateRequest((), lambda _: GateWrite(entry, None, draft=draft))])
    world.roots = (NEW, OLD)

    done = await rewrap(world.runtime)

    assert done.cells == {}
    assert await root_uses(world.runtime) == {OLD_ID: {"audit_entry.sealed": 1, "resolution.sealed": 1}}


async def test_progress_is_told_by_place(world: World) -> None:
    """Long work shows how far it is."""
    for number in range(3):
        await world.ref(Subject(SubjectKind.person, "111", str(number)))
    told: Counter[str] = Counter()

    await rewrap(world.runtime, lambda place, rows: told.update({place: rows}))

    assert list(told) == list(RENEWED)
