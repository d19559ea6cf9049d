"""What every store promises of the keys that departments have values sealed to."""

from datetime import timedelta

import pytest

from gateway.errors import Conflict
from gateway.records import EntryKind


async def test_the_newest_key_that_stands_counts(store, make):
    """Of each department for itself; an ended one seals nothing more, and the one before it counts again."""
    old, new, other = make.sealing_key(), make.sealing_key(kid="k-2"), make.sealing_key(department="公安")
    for each in (old, new, other):
        await store.sealing_keys.add(each, make.entry(kind=EntryKind.sealing_key_changed))

    assert await store.sealing_keys.newest("交通运输") == new
    entry = make.entry(kind=EntryKind.sealing_key_changed)
    assert await store.sealing_keys.end(new.id, make.now + timedelta(days=1), entry)
    assert not await store.sealing_keys.end(new.id, make.now, make.entry())
    assert await store.sealing_keys.newest("交通运输") == old
    assert (await store.sealing_keys.read(new.id)).ended_entry == entry.id
    assert await store.sealing_keys.newest("民政") is None
    assert await store.sealing_keys.newest("民政\x00") is None
    assert await store.sealing_keys.read("slk_x") is None


async def test_keys_are_listed_by_id(store, make):
    """Ended ones too, page by page."""
    keys = [make.sealing_key(kid=f"k-{number}") for number in range(3)]
    for each in keys:
        await store.sealing_keys.add(each, make.entry())
    await store.sealing_keys.end(keys[0].id, make.now, make.entry())

    first = await store.sealing_keys.listing(after="", limit=2)
    rest = await store.sealing_keys.listing(after=first[-1].id, limit=2)

    assert [each.id for each in (*first, *rest)] == [each.id for each in keys]
    assert await store.sealing_keys.listing(after="slk\x00", limit=2) == []


async def test_two_keys_of_one_name_do_not_stand_together(store, make):
    """The department would not know which of them opens; once one is ended the name is free, and nothing was written."""
    first, second = make.sealing_key(), make.sealing_key()
    await store.sealing_keys.add(first, make.entry())
    refused = make.entry()

    with pytest.raises(Conflict):
        await store.sealing_keys.add(second, refused)

    entries = await store.entries.find(request=None, after="", limit=5)
    assert refused.id not in {each.id for each in entries}
    await store.sealing_keys.end(first.id, make.now, make.entry())
    await store.sealing_keys.add(second, make.entry())
    assert await store.sealing_keys.newest("交通运输") == second


async def test_a_change_and_its_entry_are_one(store, make):
    """An entry that is there already writes neither."""
    known = make.entry()
    await store.sealing_keys.add(make.sealing_key(), known)

    with pytest.raises(Conflict):
        await store.sealing_keys.add(make.sealing_key(kid="k-2"), known)

    assert len(await store.sealing_keys.listing(after="", limit=5)) == 1
