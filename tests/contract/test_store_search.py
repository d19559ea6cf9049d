"""Searching the log in every store: by key, by stretch, by subject; bounded steps that join without gap or overlap."""

from datetime import timedelta
from typing import Any

import pytest

from gateway.records import Entry, EntryFilter, EntryKind, Extension, Tail

MOST = {"after": "", "upto": None, "most": 100, "limit": 100}
_KINDS = (EntryKind.intent, EntryKind.outcome)


async def put(store: Any, make: Any, *entries: Entry) -> list[Entry]:
    """These entries, written through the gates."""
    await store.gates.commit([make.passage(entry=entry) for entry in entries])
    return list(entries)


def ids(entries: Any) -> list[str]:
    """Their ids."""
    return [entry.id for entry in entries]


async def test_an_entry_is_found_by_its_id(store: Any, make: Any) -> None:
    """Whole, as it was written; nothing for an id that was never given out."""
    (entry,) = await put(store, make, make.entry(actor_key="a" * 32, case_key="c" * 32))

    assert await store.search.entry(entry.id) == entry
    assert await store.search.entry("aud_unknown") is None
    assert await store.search.entry("aud_\x00") is None


@pytest.mark.parametrize("name", ["actor_key", "case_key", "request", "caller"])
async def test_entries_are_found_by_what_they_carry(store: Any, make: Any, name: str) -> None:
    """By officer, case, request or caller: those alone, in order of id."""
    mine = [make.entry(**{name: "mine"}) for _ in range(3)]
    other = make.entry(**{name: "theirs"})
    await put(store, make, other, *mine, make.entry())

    scanned = await store.search.scan(EntryFilter(**{name: "mine"}), **MOST)

    assert (ids(scanned.entries), scanned.after) == (ids(mine), None)


async def test_an_index_leads_past_any_stretch(store: Any, make: Any) -> None:
    """What an officer did is found however much lies between."""
    first, *_, last = await put(
        store, make, make.entry(actor_key="a"), *(make.entry() for _ in range(9)), make.entry(actor_key="a")
    )

    scanned = await store.search.scan(EntryFilter(actor_key="a"), **{**MOST, "most": 2})

    assert ids(scanned.entries) == [first.id, last.id]


async def test_a_stretch_ends_where_it_was_told_to(store: Any, make: Any) -> None:
    """Without an index so many entries are looked at; the next call goes on behind them; nothing twice, nothing lost."""
    entries = await put(
        store, make, *(make.entry(caller="hall" if number % 4 else "desk") for number in range(11))
    )
    found: list[str] = []
    after: str | None = ""
    calls = 0
    while after is not None:
        wanted = EntryFilter(caller="desk")
        scanned = await store.search.scan(wanted, **{**MOST, "after": after, "most": 3})
        found += ids(scanned.entries)
        after, calls = scanned.after, calls + 1

    assert found == [entries[at].id for at in (0, 4, 8)]
    assert calls == 4


async def test_a_full_page_goes_on_behind_its_last(store: Any, make: Any) -> None:
    """`limit` cuts within a stretch as well."""
    entries = await put(store, make, *(make.entry() for _ in range(5)))

    first = await store.search.scan(EntryFilter(), **{**MOST, "limit": 2})
    second = await store.search.scan(EntryFilter(), **{**MOST, "limit": 3, "after": first.after})

    assert ids(first.entries) + ids(second.entries) == ids(entries)


async def test_a_stretch_has_an_upper_end(store: Any, make: Any) -> None:
    """Ids above `upto` are not looked at."""
    entries = await put(store, make, *(make.entry() for _ in range(3)))

    scanned = await store.search.scan(EntryFilter(), **{**MOST, "upto": entries[1].id})

    assert (ids(scanned.entries), scanned.after) == (ids(entries[:2]), None)


async def test_kind_and_time_narrow(store: Any, make: Any) -> None:
    """`since` is inclusive, `until` is not."""
    early, at, late = await put(
        store,
        make,
        *(make.entry(at=make.now + timedelta(seconds=each), kind=EntryKind.outcome) for each in (-1, 0, 1)),
    )
    await put(store, make, make.entry())
    period = EntryFilter(kind=EntryKind.outcome, since=make.now, until=make.now + timedelta(seconds=1))

    assert ids((await store.search.scan(period, **MOST)).entries) == [at.id]
    assert (early.at < at.at < late.at) is True


@pytest.mark.parametrize("told", [(b'"person.name"',), (b'"person.name"', "民政".encode()), ()])
async def test_leaves_are_sifted_by_their_bytes(store: Any, make: Any, told: tuple[bytes, ...]) -> None:
    """Only what holds all of them; characters of any script, and what looks like a pattern, are bytes as any other."""
    match = make.entry(leaf='{"items":["person.name"],"department":"民政"}'.encode())
    other = make.entry(leaf=b'{"items":["person%name"]}')
    await put(store, make, match, other)

    found = (await store.search.scan(EntryFilter(telling=told), **MOST)).entries

    assert ids(found) == ([match.id] if told else [match.id, other.id])


@pytest.mark.parametrize("name", ["request", "caller", "actor_key"])
async def test_what_is_no_text_finds_nothing(store: Any, make: Any, name: str) -> None:
    """A NUL breaks no statement."""
    await put(store, make, make.entry())

    assert (await store.search.scan(EntryFilter(**{name: "x\x00"}), **MOST)).entries in ((), [])
    assert (await store.search.scan(EntryFilter(), **{**MOST, "after": "aud_\x00"})).after is None


async def test_resolutions_come_whole(store: Any, make: Any) -> None:
    """Of the kinds asked for, in order of id; of others' and of other kinds nothing."""
    base = make.entry(request="res_1")
    outcome = make.entry(request="res_1", kind=EntryKind.outcome)
    reread = make.entry(request="res_1", kind=EntryKind.reread)
    other = make.entry(request="res_2")
    await put(store, make, base, other, outcome, reread, make.entry(request="res_3"))

    found = await store.search.of_requests(["res_1", "res_2", "res_\x00"], _KINDS)

    assert ids(found) == [base.id, outcome.id, other.id]
    assert await store.search.of_requests([], _KINDS) == []


async def placed(store: Any, make: Any, count: int, *about: str) -> list[Entry]:
    """So many entries with their places, about those subjects."""
    entries = await put(store, make, *(make.entry() for _ in range(count)))

    def append(tail: Tail) -> Extension:
        size = tail.size + len(tail.waiting)
        named = [(ref, index) for index in range(tail.size, size) for ref in about]
        return Extension(size, {(0, 0): b"h" * size}, f"note {size}", make.now, named)

    await store.log.extend(lambda size: [(0, 0)] if size else [], append, most=100)
    return entries


async def test_what_is_about_a_subject_is_read_from_either_end(store: Any, make: Any) -> None:
    """Oldest or newest first, page by page, each entry once; the count is known without reading them."""
    mine = await placed(store, make, 5, "sub_me", "sub_spouse")
    await placed(store, make, 2, "sub_spouse")

    read: list[str] = []
    beyond: int | None = None
    while rows := await store.search.about("sub_me", beyond=beyond, limit=2, newest_first=True):
        read += [entry.id for _, entry in rows]
        beyond = rows[-1][0]

    assert read == ids(mine)[::-1]
    forward = await store.search.about("sub_me", beyond=None, limit=3)
    assert [entry.id for _, entry in forward] == ids(mine)[:3]
    further = await store.search.about("sub_me", beyond=forward[-1][0], limit=3)
    assert [entry.id for _, entry in further] == ids(mine)[3:]
    assert [await store.search.count_about(ref) for ref in ("sub_me", "sub_spouse", "x")] == [5, 7, 0]


@pytest.mark.parametrize("unknown", ["sub_nobody", "", "sub_\x00"])
async def test_nothing_is_about_nobody(store: Any, make: Any, unknown: str) -> None:
    """A reference that was never given out finds nothing, and breaks nothing."""
    await placed(store, make, 1, "sub_me")

    assert await store.search.about(unknown, beyond=None, limit=10) == []
    assert await store.search.count_about(unknown) == 0


async def test_readers_read_the_same_log(store: Any, make: Any) -> None:
    """What they see on their own connections is what was committed on the others."""
    (entry,) = await placed(store, make, 1, "sub_me")

    assert await store.log_for_readers.checkpoint() == await store.log.checkpoint() == "note 1"
    assert await store.log_for_readers.leaves(0, 9) == [entry.leaf]
