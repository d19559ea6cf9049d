"""One suite for every store: values that people let us keep for their next forms, and how each of them ends."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from gateway.errors import Conflict
from gateway.ports import Store
from gateway.records import (
    Cell,
    Entry,
    EntryKind,
    Erasure,
    GateRequest,
    GateWrite,
    NewSubject,
    ProfileDifference,
    ProfileValue,
)
from policies.consent import ConsentState

DAY = timedelta(days=1)
YEAR = timedelta(days=365)
PHONE, ADDRESS = "person.phone", "person.address"


def value(make: Any, item: str = PHONE, ref: str = "sub_1", **changes: Any) -> ProfileValue:
    """A value given now, with its entry."""
    kept: ProfileValue = make.profile_value(item=item, subject_ref=ref, **changes)
    return kept


@pytest.fixture(autouse=True)
async def _people(store: Store, make: Any) -> None:
    """Two people, each with a key of their own."""
    for number in (1, 2):
        ref = f"sub_{number}"
        new = NewSubject("person", ref, make.now, lambda of: b"wrapped " + of.encode())
        await store.subjects.refs({f"key-{number}": new})


async def held(store: Store, make: Any, *, at: timedelta = timedelta(0), key: str = "key-1") -> list[str]:
    """Ids of what stands of somebody by then."""
    found = await store.profiles.held([key], make.now + at)
    return [each.id for each in found.get(key, ())]


async def test_what_was_put_is_held_with_the_key_of_its_subject(store: Store, make: Any) -> None:
    """A kept value comes back whole, by the blind index of its subject, with the key to open it by."""
    kept = value(make)
    await store.profiles.put(kept)

    [found] = (await store.profiles.held(["key-1", "key-2", "key-3"], make.now))["key-1"]

    assert found == replace(kept, told=None)
    assert found.wrapped_key == b"wrapped sub_1"


async def test_keeping_is_an_entry_of_the_same_transaction(store: Store, make: Any) -> None:
    """The entry that tells of a value is there as soon as the value is, and not without it."""
    kept = value(make)
    await store.profiles.put(kept)

    with pytest.raises(Conflict):
        await store.profiles.put(replace(kept, told=make.entry(kind=EntryKind.profile_kept)))

    told = await store.entries.find(request=None, after="", limit=9)
    assert [entry.id for entry in told] == [kept.told and kept.told.id]


async def test_others_are_left_out(store: Store, make: Any) -> None:
    """Whoever has nothing kept is not among the answers, and nobody is given another's."""
    theirs = value(make, ref="sub_2")
    await store.profiles.put(theirs)

    found = await store.profiles.held(["key-1", "key-2"], make.now)

    assert {key: [each.id for each in of] for key, of in found.items()} == {"key-2": [theirs.id]}


async def test_a_newer_value_takes_the_place_of_the_one_before(store: Store, make: Any) -> None:
    """Of one subject and item one value stands; another item and another person keep theirs."""
    first, second = value(make), value(make, given_at=make.now + DAY)
    address, theirs = value(make, ADDRESS), value(make, ref="sub_2")
    for each in (first, address, theirs, second):
        await store.profiles.put(each)

    assert set(await held(store, make)) == {address.id, second.id}
    assert await held(store, make, key="key-2") == [theirs.id]


async def test_two_that_keep_at_once_leave_one_that_counts(store: Store, make: Any) -> None:
    """Whoever was first, exactly one value of the item is offered afterwards."""
    rivals = [value(make) for _ in range(5)]
    await asyncio.gather(*(store.profiles.put(each) for each in rivals))

    assert len(await held(store, make)) == 1


async def test_an_expired_value_is_not_held(store: Store, make: Any) -> None:
    """From the very moment it expires a value is not offered, purged or not."""
    kept = value(make, expires_at=make.now + DAY)
    await store.profiles.put(kept)

    assert await held(store, make, at=DAY - timedelta(microseconds=1)) == [kept.id]
    assert await held(store, make, at=DAY) == []
    assert await store.profiles.of_subject("sub_1", make.now + DAY, after="", limit=5) == []


async def test_values_of_a_subject_are_paged(store: Store, make: Any) -> None:
    """In order of id, from a cursor on; no cursor of ours finds nothing."""
    kept = [value(make, f"person.item_{number}") for number in range(3)]
    for each in kept:
        await store.profiles.put(each)

    first = await store.profiles.of_subject("sub_1", make.now, after="", limit=2)
    second = await store.profiles.of_subject("sub_1", make.now, after=first[-1].id, limit=2)

    assert [each.id for each in (*first, *second)] == [each.id for each in kept]
    assert await store.profiles.of_subject("sub_1", make.now, after="\x00", limit=2) == []


async def test_deleting_empties_the_value_with_its_entry(store: Store, make: Any) -> None:
    """What is deleted is gone at once; deleting again finds nothing and writes nothing."""
    await store.profiles.put(value(make))
    await store.profiles.put(value(make, ADDRESS))
    first, second = (make.entry(kind=EntryKind.profile_deleted) for _ in range(2))

    assert await store.profiles.delete("sub_1", PHONE, first)
    assert not await store.profiles.delete("sub_1", PHONE, second)
    assert not await store.profiles.delete("sub_2", PHONE, second)

    assert [each.item for each in (await store.profiles.held(["key-1"], make.now))["key-1"]] == [ADDRESS]
    told = {entry.id for entry in await store.entries.find(request=None, after="", limit=9)}
    assert first.id in told
    assert second.id not in told


async def test_nothing_is_left_in_the_cells_of_what_ended(store: Store, make: Any) -> None:
    """Superseded, deleted, expired: the ciphertext is gone from the table, however it ended."""
    await store.profiles.put(value(make, sealed=b"old"))
    await store.profiles.put(value(make, sealed=b"new"))
    await store.profiles.put(value(make, ADDRESS, sealed=b"deleted"))
    await store.profiles.put(value(make, "person.email", sealed=b"expired", expires_at=make.now))
    await store.profiles.delete("sub_1", ADDRESS, make.entry())
    await store.profiles.purge(make.now, make.now - YEAR, lambda count: make.entry())

    assert await cells(store) == [b"new"]


async def cells(store: Store) -> list[bytes]:
    """Every ciphertext that is left."""
    found: list[bytes] = []

    def look(cell: Cell) -> None:
        found.append(cell.sealed)

    await store.cells.renew("profile_value.sealed", look, after="", limit=99)
    return sorted(each for each in found if each)


async def test_the_purge_counts_what_it_empties_in_one_entry(store: Store, make: Any) -> None:
    """What is over is emptied and counted once; a purge that finds nothing writes nothing."""
    for number in range(3):
        await store.profiles.put(value(make, f"person.item_{number}", expires_at=make.now + number * DAY))
    counted: list[int] = []

    def entry(count: int) -> Entry:
        counted.append(count)
        return make.entry(kind=EntryKind.profile_purged)

    assert await store.profiles.purge(make.now + DAY, make.now - YEAR, entry) == 2
    assert await store.profiles.purge(make.now + DAY, make.now - YEAR, entry) == 0
    assert counted == [2]


async def test_collections_are_counted_whatever_became_of_them(store: Store, make: Any) -> None:
    """Every time a value was given counts, also when it was superseded or deleted since; by item, within the time."""
    await store.profiles.put(value(make))
    await store.profiles.put(value(make, given_at=make.now + DAY))
    await store.profiles.put(value(make, ADDRESS))
    await store.profiles.delete("sub_1", ADDRESS, make.entry())

    assert await store.profiles.collected(make.now, make.now + YEAR) == {ADDRESS: 1, PHONE: 2}
    assert await store.profiles.collected(make.now, make.now + DAY) == {ADDRESS: 1, PHONE: 1}


async def test_what_ended_long_ago_is_forgotten(store: Store, make: Any) -> None:
    """Past the time that records are kept an ended value is counted no more; one that stands is."""
    await store.profiles.put(value(make))
    await store.profiles.put(value(make, given_at=make.now + DAY))

    await store.profiles.purge(make.now + 2 * DAY, make.now + 2 * DAY, lambda count: make.entry())

    assert await store.profiles.collected(make.now, make.now + YEAR) == {PHONE: 1}


async def noted(store: Store, make: Any, *differences: ProfileDifference) -> ProfileValue:
    """What is held of the first person after a gate has noted these."""
    write = GateWrite(make.entry(), None, differences=differences)
    await store.gates.commit([GateRequest((), lambda view: write)])
    [found] = (await store.profiles.held(["key-1"], make.now))["key-1"]
    return found


async def test_a_difference_is_noted_by_the_gate_that_saw_it(store: Store, make: Any) -> None:
    """The first time a register differs stays noted until it agrees; others' values are not touched."""
    await store.profiles.put(value(make))
    later = make.now + DAY
    differs = ProfileDifference("sub_1", PHONE, "civil", make.now, differs=True)

    first = await noted(store, make, differs, replace(differs, subject_ref="sub_2"))
    again = await noted(store, make, replace(differs, at=later))
    other = await noted(store, make, replace(differs, source="tax", at=later))
    agrees = await noted(store, make, replace(differs, differs=False))

    assert (first.differs_from, first.differs_at) == ("civil", make.now)
    assert (again.differs_from, again.differs_at) == ("civil", make.now)
    assert (other.differs_from, other.differs_at) == ("tax", later)
    assert (agrees.differs_from, agrees.differs_at) == (None, None)


async def test_a_new_value_differs_from_nothing_yet(store: Store, make: Any) -> None:
    """What a register said about the old value says nothing about the new one."""
    await store.profiles.put(value(make))
    await noted(store, make, ProfileDifference("sub_1", PHONE, "civil", make.now, differs=True))
    await store.profiles.put(value(make))

    [found] = (await store.profiles.held(["key-1"], make.now))["key-1"]
    assert found.differs_from is None


async def erase(store: Store, make: Any, ref: str) -> None:
    """The end of a subject."""

    def entry(done: Erasure) -> Entry:
        return make.entry(kind=EntryKind.subject_erased)

    await store.subjects.erase(
        ref,
        make.now,
        end=lambda stored: (make.event(stored, ConsentState.terminated), make.entry()),
        entry=entry,
    )


async def test_erasing_a_subject_empties_what_is_kept_of_it(store: Store, make: Any) -> None:
    """Nothing of an erased subject is held, listed or left as ciphertext; others keep theirs."""
    await store.profiles.put(value(make))
    await store.profiles.put(value(make, ref="sub_2", sealed=b"theirs"))
    await erase(store, make, "sub_1")

    assert await held(store, make) == []
    assert await store.profiles.of_subject("sub_1", make.now, after="", limit=5) == []
    assert await cells(store) == [b"theirs"]


async def test_nothing_is_added_behind_an_erasure(store: Store, make: Any) -> None:
    """A value for an erased or unknown subject is refused, with its entry."""
    await erase(store, make, "sub_1")
    late = value(make)

    with pytest.raises(Conflict):
        await store.profiles.put(late)
    with pytest.raises(Conflict):
        await store.profiles.put(value(make, ref="sub_9"))

    assert await cells(store) == []
    told = {entry.id for entry in await store.entries.find(request=None, after="", limit=9)}
    assert late.told is not None
    assert late.told.id not in told


async def linked(store: Store, make: Any) -> None:
    """From now on the two are one person with two documents."""
    documents = {ref: f"document of {ref}".encode() for ref in ("sub_1", "sub_2")}
    entry = make.entry(kind=EntryKind.identity_linked)
    await store.identities.link(make.link("sub_2", "sub_1"), documents, entry, claim=None)


async def test_linked_documents_have_one_record(store: Store, make: Any) -> None:
    """What was given under one document is found, listed, superseded and deleted by the other, each with its own key."""
    address = value(make, ADDRESS)
    await store.profiles.put(value(make))
    await store.profiles.put(address)
    await linked(store, make)
    newer = value(make, ref="sub_2")
    await store.profiles.put(newer)

    both = await store.profiles.held(["key-1", "key-2"], make.now)
    assert {key: {each.id for each in of} for key, of in both.items()} == {
        "key-1": {newer.id, address.id},
        "key-2": {newer.id, address.id},
    }
    assert {each.item: each.wrapped_key for each in both["key-1"]} == {
        ADDRESS: b"wrapped sub_1",
        PHONE: b"wrapped sub_2",
    }
    listed = await store.profiles.of_subject("sub_1", make.now, after="", limit=5)
    assert [each.id for each in listed] == [address.id, newer.id]
    assert await store.profiles.delete("sub_2", ADDRESS, make.entry())
    assert await held(store, make) == [newer.id]


async def test_a_difference_is_noted_under_whichever_document(store: Store, make: Any) -> None:
    """A register asked by one document differs from what was given under the other."""
    await store.profiles.put(value(make))
    await linked(store, make)

    found = await noted(store, make, ProfileDifference("sub_2", PHONE, "civil", make.now, differs=True))
    assert found.differs_from == "civil"


async def test_erasing_a_person_empties_what_every_document_kept(store: Store, make: Any) -> None:
    """Whichever document is named, the record of the whole person goes."""
    await store.profiles.put(value(make))
    await linked(store, make)
    await erase(store, make, "sub_2")

    assert await cells(store) == []
