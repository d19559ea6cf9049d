"""The tree of the log in every store: places without gaps, one appender at a time, nothing written when signing fails."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from gateway.records import Extension, NewSubject, Tail, Tile


class Appender:
    """Appends by remembering what it was given; the tiles are made up."""

    def __init__(self, make: Any, *, fails: bool = False, about: tuple[str, ...] = ()) -> None:
        self.tails: list[Tail] = []
        self._make, self._fails, self._about = make, fails, about

    def __call__(self, tail: Tail) -> Extension:
        """As long as what waits."""
        self.tails.append(tail)
        if self._fails:
            raise RuntimeError("cannot sign")
        size = tail.size + len(tail.waiting)
        about = [(ref, index) for index in range(tail.size, size) for ref in self._about]
        return Extension(size, {(0, 0): b"h" * size, (1, 0): b"r"}, f"note {size}", self._make.now, about)


def edge(size: int) -> Sequence[Tile]:
    """Everything there is."""
    return [(0, 0), (1, 0)] if size else []


async def written(store: Any, make: Any, count: int) -> list[Any]:
    """So many entries, through the gates."""
    entries = [make.entry() for _ in range(count)]
    await store.gates.commit([make.passage(entry=entry) for entry in entries])
    return entries


async def test_an_empty_log(store: Any, make: Any) -> None:
    """Nothing waits, nothing is placed, nothing is signed."""
    assert await store.log.extend(edge, Appender(make), most=10) == 0
    assert (await store.log.size(), await store.log.checkpoint()) == (0, None)
    assert await store.log.waiting_since() is None
    assert await store.log.leaves(0, 10) == []
    assert await store.log.place_of("aud_unknown") is None


async def test_what_waits_gets_its_place(store: Any, make: Any) -> None:
    """In the order in which they were written, from 0, each once; the leaves can be read back by place."""
    entries = await written(store, make, 5)
    assert await store.log.waiting_since() == entries[0].at
    append = Appender(make)

    assert await store.log.extend(edge, append, most=3) == 3
    assert await store.log.extend(edge, append, most=3) == 2
    assert await store.log.extend(edge, append, most=3) == 0

    assert [tail.size for tail in append.tails] == [0, 3]
    assert [await store.log.place_of(entry.id) for entry in entries] == [(1, place) for place in range(5)]
    assert await store.log.leaves(1, 4) == [entry.leaf for entry in entries[1:4]]
    assert await store.log.leaves(4, 99) == [entries[4].leaf]
    assert await store.log.waiting_since() is None


async def test_ids_and_clocks_do_not_decide_the_order(store: Any, make: Any) -> None:
    """A withdrawal that was committed before an intent stands before it, even if its id was made later."""
    first, second = make.entry(), make.entry()
    assert first.id < second.id
    await store.gates.commit([make.passage(entry=second)])
    await store.gates.commit([make.passage(entry=first)])
    await store.log.extend(edge, Appender(make), most=10)

    assert [await store.log.place_of(entry.id) for entry in (second, first)] == [(1, 0), (1, 1)]


async def test_tiles_grow_and_checkpoints_stay(store: Any, make: Any) -> None:
    """A tile is replaced by its longer self; every checkpoint can be read, the newest first of all."""
    await written(store, make, 2)
    append = Appender(make)
    await store.log.extend(edge, append, most=10)
    await written(store, make, 1)
    await store.log.extend(edge, append, most=10)

    assert append.tails[1].tiles == {(0, 0): b"hh", (1, 0): b"r"}
    assert await store.log.tiles([(0, 0), (7, 7)]) == {(0, 0): b"hhh"}
    assert await store.log.tiles([]) == {}
    assert await store.log.checkpoint() == "note 3"
    assert await store.log.checkpoints(after=0, limit=10) == [(2, "note 2"), (3, "note 3")]
    assert await store.log.checkpoints(after=2, limit=10) == [(3, "note 3")]
    assert await store.log.checkpoints(after=0, limit=1) == [(2, "note 2")]


async def test_what_cannot_be_signed_is_not_placed(store: Any, make: Any) -> None:
    """The entries wait on, and the next try places them."""
    await written(store, make, 2)
    with pytest.raises(RuntimeError):
        await store.log.extend(edge, Appender(make, fails=True), most=10)

    assert (await store.log.size(), await store.log.checkpoint()) == (0, None)
    assert await store.log.extend(edge, Appender(make), most=10) == 2


async def test_every_kind_of_writing_waits(store: Any, make: Any, recorded: Any) -> None:
    """A consent's entry, a publication's and a passage's: nothing is logged that gets no place."""
    await recorded()
    await store.publications.publish(make.publication(), make.entry())
    await store.forms.publish(make.form(), make.entry())
    await written(store, make, 1)

    assert await store.log.extend(edge, Appender(make), most=10) == 4


async def test_many_at_it_place_everything_once(store: Any, make: Any) -> None:
    """However many try at once, indexes have no gap and no entry has two."""
    entries = await written(store, make, 60)
    append = Appender(make)

    done = await asyncio.gather(*(store.log.extend(edge, append, most=7) for _ in range(30)))
    while await store.log.extend(edge, append, most=7):
        pass

    places = [await store.log.place_of(entry.id) for entry in entries]
    assert sorted(places) == [(1, place) for place in range(60)]
    assert sum(each or 0 for each in done) <= 60
    assert await store.log.waiting_since() is None


async def test_the_oldest_that_waits_tells_the_lag(store: Any, make: Any) -> None:
    """By the time it was written."""
    early = make.entry(at=make.now - timedelta(minutes=5))
    await store.gates.commit([make.passage(entry=early)])
    await written(store, make, 1)

    assert await store.log.waiting_since() == make.now - timedelta(minutes=5)


async def test_what_is_about_a_subject_is_found_by_it(store: Any, make: Any) -> None:
    """Whole entries with their places, in order of these; page by page; nothing about anybody else."""
    mine = sorted(await written(store, make, 3), key=lambda entry: entry.id)
    await store.log.extend(edge, Appender(make, about=("sub_me", "sub_spouse")), most=10)
    theirs = await written(store, make, 1)
    await store.log.extend(edge, Appender(make, about=("sub_spouse",)), most=10)

    assert await store.log.about("sub_me", after=-1, limit=10) == list(enumerate(mine))
    assert await store.log.about("sub_me", after=-1, limit=2) == [(0, mine[0]), (1, mine[1])]
    assert await store.log.about("sub_me", after=1, limit=2) == [(2, mine[2])]
    assert await store.log.about("sub_me", after=2, limit=2) == []
    assert await store.log.about("sub_spouse", after=2, limit=10) == [(3, theirs[0])]


@pytest.mark.parametrize("unknown", ["sub_nobody", "", "sub_\x00"])
async def test_nothing_is_about_nobody(store: Any, make: Any, unknown: str) -> None:
    """A reference that was never given out finds nothing, and breaks nothing."""
    await written(store, make, 1)
    await store.log.extend(edge, Appender(make, about=("sub_me",)), most=10)

    assert await store.log.about(unknown, after=-1, limit=10) == []


async def test_what_waits_is_about_nobody_yet(store: Any, make: Any) -> None:
    """Found once it is placed; not when its placing failed."""
    await written(store, make, 1)
    with pytest.raises(RuntimeError):
        await store.log.extend(edge, Appender(make, fails=True, about=("sub_me",)), most=10)
    assert await store.log.about("sub_me", after=-1, limit=10) == []

    await store.log.extend(edge, Appender(make, about=("sub_me",)), most=10)

    assert len(await store.log.about("sub_me", after=-1, limit=10)) == 1


async def test_looking_for_a_subject_does_not_make_one(store: Any, make: Any) -> None:
    """Its reference when it has one; None, and still none afterwards, when it has not."""
    await store.subjects.refs({"key-1": NewSubject("person", "sub_1", make.now)})

    assert await store.subjects.find("key-1") == "sub_1"
    assert await store.subjects.find("key-2") is None
    assert await store.subjects.find("key-2") is None
    given = await store.subjects.refs({"key-2": NewSubject("person", "sub_2", make.now)})
    assert given == {"key-2": "sub_2"}
