"""Subjects with keys of their own, erasing them, and cells by place: every store, one contract."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from msgspec import structs

from gateway.audit.entries import canonical
from gateway.errors import Conflict
from gateway.ports import Store
from gateway.records import (
    Cell,
    ConsentRequest,
    Entry,
    EntryKind,
    Erasure,
    Extension,
    GateRequest,
    GateWrite,
    NewSubject,
)
from gateway.store import Database, SqlStore
from policies.consent import ConsentState

MINUTE = timedelta(minutes=1)


def known(make: Any, ref: str = "sub_1", **changes: Any) -> NewSubject:
    """A subject whose wrapped key is made of its reference, so that a test can tell which it was given."""
    return structs.replace(
        NewSubject("person", ref, make.now, lambda of: b"wrapped " + of.encode()), **changes
    )


def outcome(make: Any, *refs: str, **changes: Any) -> Entry:
    """The outcome of a resolution about these subjects, or its intent."""
    leaf = canonical({"subjects": dict(zip("abc", refs, strict=False))})
    return make.entry(**{"kind": EntryKind.outcome, "leaf": leaf, **changes})


async def answer(store: Store, make: Any, *refs: str) -> str:
    """The id of a draft about these subjects, written with its outcome after its intent."""
    draft = make.draft(subjects=refs)
    intent = outcome(make, *refs, request=draft.id, kind=EntryKind.intent)
    await store.gates.commit([make.passage(entry=intent)])
    await store.gates.commit([make.passage(entry=outcome(make, *refs, request=draft.id), draft=draft)])
    return draft.id


async def place(store: Store, make: Any, *refs: str) -> None:
    """Give every entry that waits its place; those subjects are found by the first, as by an intent."""

    def append(tail: Any) -> Extension:
        size = tail.size + len(tail.waiting)
        return Extension(size, {(0, 0): b"h" * 32}, "note", make.now, [(ref, tail.size) for ref in refs])

    await store.log.extend(lambda _: (), append, most=100)


@pytest.fixture
def erase(store: Store, make: Any) -> Callable[..., Any]:
    """Erases a subject; `told` collects what its entry was made of, `ended` the consents that it ended."""

    async def erasing(ref: str = "sub_1", *, told: Any = None, ended: Any = None) -> Erasure | None:
        def end(stored: Any) -> Any:
            if ended is not None:
                ended.append(stored.consent.id)
            return make.event(stored, ConsentState.terminated), make.entry(kind=EntryKind.consent_terminated)

        def entry(done: Erasure) -> Entry:
            if told is not None:
                told.append(done)
            return make.entry(kind=EntryKind.subject_erased)

        return await store.subjects.erase(ref, make.now, end=end, entry=entry)

    return erasing


# ---------------------------------------------------------------- keys


async def test_a_subject_is_given_its_key_once(store: Store, make: Any) -> None:
    """Whoever comes second with another key gets the first one's."""
    await store.subjects.refs({"k": known(make)})
    await store.subjects.refs({"k": known(make, "sub_2"), "l": known(make, "sub_3")})

    keys = await store.subjects.keys(["sub_1", "sub_2", "sub_3", "\x00"])

    assert keys == {"sub_1": b"wrapped sub_1", "sub_3": b"wrapped sub_3"}


async def test_a_gate_reads_keys_with_the_subjects(store: Store, make: Any) -> None:
    """Of new subjects, of known ones, and of those a consent brings along; none of one that has no key."""
    await store.subjects.refs({"key-1": known(make), "old": NewSubject("person", "sub_old", make.now)})
    stored = make.consent()
    await store.consents.add(stored, make.event(stored), make.entry())
    seen: list[Any] = []

    def write(view: Any) -> GateWrite[None]:
        seen.append(
            (dict(view.subject_refs), {ref: view.wrapped_keys.get(ref) for ref in view.subject_refs.values()})
        )
        return GateWrite(make.entry(), None)

    subjects = {key: known(make, f"sub_{key}") for key in ("key-1", "new", "old")}
    await store.gates.commit([GateRequest((stored.consent.id,), write, subjects)])

    refs, keys = seen[0]
    assert refs == {"key-1": "sub_1", "new": "sub_new", "old": "sub_old"}
    assert keys == {"sub_1": b"wrapped sub_1", "sub_new": b"wrapped sub_new", "sub_old": None}


async def test_a_consent_is_read_with_the_key_of_its_subject(store: Store, make: Any) -> None:
    """One by one, of a subject, and in a listing."""
    await store.subjects.refs({"key-1": known(make)})
    stored = make.consent()
    await store.consents.add(stored, make.event(stored), make.entry())

    found = [
        (await store.consents.read([stored.consent.id]))[stored.consent.id],
        *await store.consents.of_subject("sub_1", after="", limit=5),
        *await store.consents.listing(after="", limit=5),
    ]

    assert [each.wrapped_key for each in found] == [b"wrapped sub_1"] * 3


async def test_a_draft_remembers_whose_keys_seal_it(store: Store, make: Any) -> None:
    """In their order; none of one that the root seals."""
    await store.gates.commit([make.passage(draft=(two := make.draft(subjects=("sub_1", "sub_2"))))])
    await store.gates.commit([make.passage(draft=(none := make.draft()))])

    kept = [await store.drafts.read(each.id) for each in (two, none)]

    assert [each and each.subjects for each in kept] == [("sub_1", "sub_2"), ()]


# ---------------------------------------------------------------- the newest record


async def test_what_was_done_with_a_subject_keeps_its_records(store: Store, make: Any, recorded: Any) -> None:
    """The last step of a consent and the last resolution count; a look-up in the log does not."""
    assert await store.subjects.newest_record("sub_1") is None
    stored = await recorded()
    first = await store.subjects.newest_record("sub_1")
    later = replace(make.event(stored, ConsentState.paused), at=make.now + MINUTE)
    states = frozenset({ConsentState.given})
    await store.consents.move(later, make.entry(), allowed_from=states, purge_drafts=False)
    moved = await store.subjects.newest_record("sub_1")
    await place(store, make)
    used = outcome(make, "sub_1", at=make.now + 2 * MINUTE)
    await store.gates.commit([make.passage(entry=used)])
    await place(store, make, "sub_1")
    after_use = await store.subjects.newest_record("sub_1")
    leaf = canonical({"subject": "sub_1"})
    look = make.entry(kind=EntryKind.audit_lookup, leaf=leaf, at=make.now + 3 * MINUTE)
    await store.gates.commit([make.passage(entry=look)])
    await place(store, make, "sub_1")

    assert first == make.now
    assert moved == make.now + MINUTE
    assert after_use == await store.subjects.newest_record("sub_1") == make.now + 2 * MINUTE


# ---------------------------------------------------------------- erasing


async def test_erasing_destroys_key_and_index(store: Store, make: Any, erase: Any) -> None:
    """The reference has no key any more and is found by nobody; the same person is given another one."""
    await store.subjects.refs({"k": known(make), "other": known(make, "sub_other")})

    assert await erase() == Erasure(0, 0, 0)

    assert await store.subjects.find("k") is None
    assert await store.subjects.keys(["sub_1", "sub_other"]) == {"sub_other": b"wrapped sub_other"}
    assert await store.subjects.refs({"k": known(make, "sub_again")}) == {"k": "sub_again"}
    assert await store.subjects.keys(["sub_again"]) == {"sub_again": b"wrapped sub_again"}


async def test_erasing_ends_consents_and_empties_them(
    store: Store, make: Any, recorded: Any, erase: Any
) -> None:
    """Those that stood end, each with its event and entry; every one of them is emptied, others' are not touched."""
    live, over = await recorded(), await recorded(state=ConsentState.withdrawn)
    other = await recorded(subject_key="key-2", subject_ref="sub_2")
    told: list[Erasure] = []
    ended: list[str] = []

    await erase(told=told, ended=ended)

    found = await store.consents.read([each.consent.id for each in (live, over, other)])
    states = {each: stored.consent.standing.state for each, stored in found.items()}
    assert states == {
        live.consent.id: ConsentState.terminated,
        over.consent.id: ConsentState.withdrawn,
        other.consent.id: ConsentState.given,
    }
    assert [found[each.consent.id].sealed for each in (live, over)] == [b"", b""]
    assert found[other.consent.id].sealed == other.sealed
    assert told == [Erasure(consents=2, ended=1, drafts=0)]
    assert ended == [live.consent.id]
    events = await store.consents.events(live.consent.id, after="", limit=5)
    assert [each.state for each in events] == [ConsentState.given, ConsentState.terminated]
    kinds = [each.kind for each in await store.entries.find(request=None, after="", limit=50)]
    assert kinds.count(EntryKind.subject_erased) == kinds.count(EntryKind.consent_terminated) == 1


async def test_an_erased_consent_is_nobodys(store: Store, make: Any, recorded: Any, erase: Any) -> None:
    """The gate no longer finds the person by it, nor it by the person."""
    stored = await recorded()
    await erase()
    seen: list[Any] = []

    def write(view: Any) -> GateWrite[None]:
        seen.append((view.consents[stored.consent.id], dict(view.subject_refs)))
        return GateWrite(make.entry(), None)

    await store.gates.commit([GateRequest((stored.consent.id,), write, {"key-1": known(make, "sub_again")})])

    consent, refs = seen[0]
    assert consent.standing.state is ConsentState.terminated
    assert consent.subject_key != "key-1"
    assert refs["key-1"] == "sub_again"


async def test_erasing_purges_every_answer_about_the_subject(store: Store, make: Any, erase: Any) -> None:
    """Placed or not yet, alone or among others; answers about others alone stay."""
    await store.subjects.refs({"k": known(make)})
    placed = await answer(store, make, "sub_1")
    await place(store, make, "sub_1")
    among_others = await answer(store, make, "sub_0", "sub_1")
    others = await answer(store, make, "sub_0")

    done = await erase()

    kept = [await store.drafts.read(each) for each in (placed, among_others, others)]
    assert [each is not None and each.sealed is not None for each in kept] == [False, False, True]
    assert done == Erasure(0, 0, 2)


async def test_erasing_twice_does_nothing(store: Store, make: Any, erase: Any) -> None:
    """Nor does erasing somebody who never was; no entry says that it was done."""
    await store.subjects.refs({"k": known(make)})
    await erase()
    before = await store.entries.find(request=None, after="", limit=50)

    again = [await erase(), await erase("sub_of_nobody"), await erase("\x00")]

    assert again == [None, None, None]
    assert await store.entries.find(request=None, after="", limit=50) == before


async def test_nothing_is_added_about_an_erased_subject(store: Store, make: Any, erase: Any) -> None:
    """A consent or a request that was on its way is refused, and leaves no entry."""
    await store.subjects.refs({"key-1": known(make)})
    await erase()
    before = await store.entries.find(request=None, after="", limit=50)
    stored, asked = make.consent(), request(make)

    with pytest.raises(Conflict):
        await store.consents.add(stored, make.event(stored), make.entry())
    with pytest.raises(Conflict):
        await store.consent_requests.add(asked, make.entry())

    assert await store.entries.find(request=None, after="", limit=50) == before


async def test_erasing_empties_what_the_person_was_asked(store: Store, make: Any, erase: Any) -> None:
    """An open request ends; what was asked, and what the person confirmed by, are gone from all of them."""
    await store.subjects.refs({"key-1": known(make)})
    asked = [request(make), request(make, link="l2", state=ConsentState.refused)]
    for each in asked:
        await store.consent_requests.add(each, make.entry())

    await erase()

    found = [await store.consent_requests.read(each.id) for each in asked]
    assert [(each.state, each.sealed, each.proof) for each in found if each] == [
        (ConsentState.terminated, None, ""),
        (ConsentState.refused, None, ""),
    ]


async def test_an_erasure_that_cannot_be_told_is_not_done(store: Store, make: Any, recorded: Any) -> None:
    """Where its entry cannot be made everything stays as it was."""
    stored = await recorded()

    def fail(_: Any) -> Any:
        raise RuntimeError("no entry")

    with pytest.raises(RuntimeError):
        await store.subjects.erase(
            "sub_1", make.now, end=lambda of: (make.event(of), make.entry()), entry=fail
        )

    assert await store.subjects.find("key-1") == "sub_1"
    assert (await store.consents.read([stored.consent.id]))[stored.consent.id] == stored


async def test_an_erasure_and_new_consents_that_race_agree(database_url: str, make: Any) -> None:
    """Whatever was added by then is emptied, and what comes after is refused: nothing sealed is left behind."""
    stores = [SqlStore(Database(database_url)) for _ in range(2)]
    await stores[0].subjects.refs({"key-1": known(make)})

    async def add(number: int) -> bool:
        stored = make.consent()
        try:
            await stores[number % 2].consents.add(stored, make.event(stored), make.entry())
        except Conflict:
            return False
        return True

    async def erasing() -> Any:
        return await stores[1].subjects.erase(
            "sub_1",
            make.now,
            end=lambda of: (make.event(of, ConsentState.terminated), make.entry()),
            entry=lambda _: make.entry(),
        )

    results = await asyncio.gather(*map(add, range(12)), erasing(), *map(add, range(12, 24)))
    kept = await stores[0].consents.of_subject("sub_1", after="", limit=50)
    late = await add(0)
    for store in stores:
        await store.close()

    done = results.pop(12)
    assert done.consents == sum(results) == len(kept)
    assert {(each.sealed, each.consent.standing.state) for each in kept} <= {(b"", ConsentState.terminated)}
    assert late is False


# ---------------------------------------------------------------- cells by place


ROOT = b"\x01" + b"rootid" + b"cell"


async def test_cells_are_counted_by_the_root_they_stand_on(store: Store, make: Any, recorded: Any) -> None:
    """Page by page; what is under a subject's key, emptied or never sealed is not among them."""
    for sealed in (ROOT, ROOT, b"\x01other1cell", b"\x02of a subject", b""):
        await recorded(sealed=sealed)
    await store.gates.commit([make.passage(entry=make.entry(sealed=None), draft=make.draft(sealed=ROOT))])

    after, first = await store.cells.count("consent.sealed", after="", limit=3)
    end, rest = await store.cells.count("consent.sealed", after=after or "", limit=3)
    _, drafts = await store.cells.count("resolution.sealed", after="", limit=3)

    assert (dict(first), dict(rest), end) == ({"cm9vdGlk": 2, "b3RoZXIx": 1}, {}, None)
    assert dict(drafts) == {"cm9vdGlk": 1}


async def test_cells_are_renewed_where_it_is_wanted(store: Store, make: Any, recorded: Any) -> None:
    """Each comes with its row, its subject and that one's key; what is left alone stays as it was."""
    await store.subjects.refs({"key-1": known(make)})
    one, other = await recorded(sealed=ROOT), await recorded(sealed=b"\x02stays")
    seen: list[Cell] = []

    def renewed(cell: Cell) -> bytes | None:
        seen.append(cell)
        return b"\x02new" if cell.sealed == ROOT else None

    after, changed = await store.cells.renew("consent.sealed", renewed, after="", limit=5)

    found = await store.consents.read([one.consent.id, other.consent.id])
    assert (after, changed) == (None, 1)
    assert seen[0] == Cell(one.consent.id, ROOT, "sub_1", b"wrapped sub_1")
    assert [found[each.consent.id].sealed for each in (one, other)] == [b"\x02new", b"\x02stays"]


async def test_a_subject_without_a_key_can_be_given_one(store: Store, make: Any, erase: Any) -> None:
    """It comes with an empty cell; one that was erased does not come."""
    await store.subjects.refs({"a": NewSubject("person", "sub_1", make.now), "b": known(make, "sub_2")})
    await store.subjects.refs({"c": known(make, "sub_3")})
    await erase("sub_3")
    seen: dict[str, bytes] = {}

    def renewed(cell: Cell) -> bytes | None:
        seen[cell.row] = cell.sealed
        return b"wrapped anew" if not cell.sealed else None

    _, changed = await store.cells.renew("subject.wrapped_key", renewed, after="", limit=5)

    assert seen == {"sub_1": b"", "sub_2": b"wrapped sub_2"}
    assert changed == 1
    assert await store.subjects.keys(["sub_1", "sub_3"]) == {"sub_1": b"wrapped anew"}


@pytest.mark.parametrize("place_of", ["operator.sealed", "operator.totp", "consent_request.sealed"])
async def test_every_place_can_be_renewed(store: Store, make: Any, place_of: str) -> None:
    """Also those whose rows are about no subject, or have none."""
    await store.subjects.refs({"key-1": known(make)})
    await store.operators.add(make.operator(sealed=ROOT, totp=ROOT), make.entry())
    await store.consent_requests.add(request(make, sealed=ROOT), make.entry())

    _, changed = await store.cells.renew(place_of, lambda cell: cell.sealed + b"!", after="", limit=5)
    _, counted = await store.cells.count(place_of, after="", limit=5)

    assert (changed, dict(counted)) == (1, {"cm9vdGlk": 1})


def request(make: Any, **changes: Any) -> ConsentRequest:
    """A person is being asked."""
    asked = ConsentRequest(
        id=make.id("crq"),
        link="l1",
        proof="p",
        subject_ref="sub_1",
        requested_by="desk",
        department="交通运输",
        form="marriage",
        state=ConsentState.requested,
        created_at=make.now,
        expires_at=make.now + MINUTE,
        sealed=b"\x01asked",
    )
    return replace(asked, **changes)
