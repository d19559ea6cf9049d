"""Several trees in every store, the checkpoints that are kept of each, and entries that nobody let wait."""

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from gateway.errors import Conflict
from gateway.records import Extension, Head, Place, Tail
from gateway.store import Database, SqlStore
from gateway.store.tree import position

HOUR = timedelta(hours=1)


def edge(size: int) -> list[tuple[int, int]]:
    """Everything there is."""
    return [(0, 0)] if size else []


@pytest.fixture
def append(make: Any) -> Callable[[Tail], Extension]:
    """Appends with made-up tiles; the note tells tree and size."""

    def to(tail: Tail) -> Extension:
        size = tail.size + len(tail.waiting)
        about = [("sub_1", index) for index in range(tail.size, size)]
        return Extension(size, {(0, 0): b"%d" % tail.shard * size}, f"{tail.shard}/{size}", make.now, about)

    return to


async def placed(store: Any, make: Any, append: Any, count: int = 1) -> list[str]:
    """So many entries, each under a checkpoint of its own; their ids."""
    entries = [make.entry() for _ in range(count)]
    for entry in entries:
        await store.gates.commit([make.passage(entry=entry)])
        await store.log.extend(edge, append, most=10)
    return [entry.id for entry in entries]


async def test_a_new_tree_begins_with_its_entry(store: Any, make: Any, append: Any) -> None:
    """From then on it is the present one; the old one can be read as it was."""
    (old,) = await placed(store, make, append)
    first = make.entry()

    await store.log.open_shard(2, first, append)
    (new,) = await placed(store, make, append)

    assert await store.log.head() == Head(2, "2/2")
    assert await store.log.shards() == [Head(1, "1/1"), Head(2, "2/2")]
    assert [await store.log.place_of(each) for each in (old, first.id, new)] == [(1, 0), (2, 0), (2, 1)]
    assert (await store.log.size(), await store.log.size(shard=1)) == (2, 1)
    assert (await store.log.checkpoint(shard=1), await store.log.checkpoint(shard=3)) == ("1/1", None)
    assert await store.log.checkpoints(after=0, limit=9) == [(1, "2/1"), (2, "2/2")]
    assert await store.log.checkpoints(after=0, limit=9, shard=1) == [(1, "1/1")]
    assert await store.log.tiles([(0, 0)]) == {(0, 0): b"22"}
    assert await store.log.tiles([(0, 0)], shard=1) == {(0, 0): b"1"}
    assert await store.log.leaves(0, 1) == [first.leaf]
    assert await store.log.leaves(0, 9, shard=1) == [b'{"v":1}']


async def test_a_new_tree_is_above_every_one_there_is(store: Any, make: Any, append: Any) -> None:
    """The same number again, a lower one, or an entry that exists already: nothing is written."""
    await placed(store, make, append)
    first = make.entry()
    await store.log.open_shard(3, first, append)

    for shard, entry in ((3, make.entry()), (2, make.entry()), (1, make.entry()), (4, first)):
        with pytest.raises(Conflict):
            await store.log.open_shard(shard, entry, append)

    assert [head.shard for head in await store.log.shards()] == [1, 3]
    assert await store.log.size() == 1


async def test_what_cannot_be_signed_opens_nothing(store: Any, make: Any) -> None:
    """Neither the tree nor its entry is there afterwards."""

    def fails(_: Tail) -> Extension:
        raise ZeroDivisionError

    first = make.entry()
    with suppress(ZeroDivisionError):
        await store.log.open_shard(2, first, fails)

    assert await store.log.head() == Head(1, None)
    assert await store.log.place_of(first.id) is None
    assert await store.entries.find(request=None, after="", limit=9) == []


async def test_what_is_about_a_subject_goes_on_in_the_next_tree(store: Any, make: Any, append: Any) -> None:
    """By position, which sorts: all of the first tree before anything of the second."""
    one, two = await placed(store, make, append, 2)
    await store.log.open_shard(2, make.entry(), append)
    (three,) = await placed(store, make, append)

    found = await store.log.about("sub_1", after=-1, limit=10)

    assert [entry.id for _, entry in found][:2] == [one, two]
    assert found[-1][1].id == three
    assert [at for at, _ in found] == sorted(at for at, _ in found)
    assert found[-1][0] == position(Place(2, 1))
    following = await store.log.about("sub_1", after=found[1][0], limit=1)
    assert [at for at, _ in following] == [position(Place(2, 0))]


async def test_checkpoints_can_be_forgotten_but_not_the_newest(store: Any, make: Any, append: Any) -> None:
    """Of each tree; what is not there is not counted."""
    await placed(store, make, append, 4)

    assert await store.log.drop_checkpoints(1, [1, 3, 4, 9]) == 2
    assert await store.log.drop_checkpoints(1, []) == 0
    assert await store.log.drop_checkpoints(2, [2]) == 0
    assert await store.log.checkpoints(after=0, limit=9) == [(2, "1/2"), (4, "1/4")]


async def test_checkpoints_are_found_by_when_they_were_signed(store: Any, make: Any, append: Any) -> None:
    """Those before a moment, by size, page by page."""
    await placed(store, make, append, 3)

    async def before(moment: Any, after: int = 0, limit: int = 9, shard: int = 1) -> list[int]:
        found = await store.log.signed_before(moment, shard=shard, after=after, limit=limit)
        return [size for size, _, _ in found]

    assert await before(make.now) == []
    assert await before(make.now + HOUR) == [1, 2, 3]
    assert await before(make.now + HOUR, after=1, limit=1) == [2]
    assert await before(make.now + HOUR, shard=2) == []
    ((_, at, note), *_) = await store.log.signed_before(make.now + HOUR, shard=1, after=0, limit=1)
    assert (at, note) == (make.now, "1/1")


async def test_a_cosignature_is_kept_with_its_checkpoint(store: Any, make: Any, append: Any) -> None:
    """If the checkpoint is still the one that was looked at; the newest that has one can be found."""
    await placed(store, make, append, 3)
    assert await store.log.cosigned() is None

    assert await store.log.cosign(1, 2, "1/2", "cosigned 2")
    assert not await store.log.cosign(1, 2, "1/2", "raced")
    assert not await store.log.cosign(1, 9, "1/9", "nowhere")
    assert await store.log.cosign(1, 1, "1/1", "cosigned 1")

    assert await store.log.cosigned() == (2, "cosigned 2")
    assert await store.log.cosigned(shard=2) is None
    assert await store.log.checkpoints(after=1, limit=1) == [(2, "cosigned 2")]


async def test_a_proof_rests_on_the_newest_checkpoint(store: Any, make: Any, append: Any) -> None:
    """Of the tree in which the entry stands; with the tiles that place and note ask for, as far as there are any."""
    (old, _) = await placed(store, make, append, 2)
    await store.log.open_shard(2, make.entry(), append)
    (new,) = await placed(store, make, append)
    waiting = make.entry()
    await store.gates.commit([make.passage(entry=waiting)])
    asked: list[tuple[Place, str]] = []

    def wanted(place: Place, note: str) -> dict[tuple[int, int], int]:
        asked.append((place, note))
        return {(0, 0): 2, (1, 7): 1}

    found = [await store.log.proof_parts(each, wanted) for each in (old, new)]

    assert [(each.place, each.note) for each in found] == asked == [((1, 0), "1/2"), ((2, 1), "2/2")]
    assert [each.tiles for each in found] == [{(0, 0): b"11"}, {(0, 0): b"22"}]
    assert await store.log.proof_parts(waiting.id, wanted) is None
    assert await store.log.proof_parts("no\0id", wanted) is None


async def test_a_proof_rests_on_a_cosigned_checkpoint_that_covers_it(
    store: Any, make: Any, append: Any
) -> None:
    """The newest such; what came after every cosigned one rests on the newest of all."""
    entries = await placed(store, make, append, 4)
    for size in (2, 3):
        await store.log.cosign(1, size, f"1/{size}", f"cosigned {size}")

    found = [await store.log.proof_parts(each, lambda _place, _note: {}) for each in entries]

    assert [each.note for each in found] == ["cosigned 3", "cosigned 3", "cosigned 3", "1/4"]


async def test_a_tile_that_has_grown_is_read_again(store: Any, make: Any, append: Any) -> None:
    """A proof under a longer tree gets as much of the tile as that tree has; one under a shorter tree no less than it needs."""
    (first,) = await placed(store, make, append)

    async def tile(length: int) -> bytes:
        parts = await store.log.proof_parts(first, lambda _place, _note: {(0, 0): length})
        return bytes(parts.tiles[0, 0])

    assert await tile(1) == b"1"
    await placed(store, make, append, 2)
    assert await tile(3) == b"111"
    assert (await tile(1)).startswith(b"1")


@pytest.fixture
async def older(database_url: str, make: Any) -> Any:
    """A store, and what writes an entry as a program from before there was a tree did."""
    store = SqlStore(Database(database_url))
    engine = create_engine(database_url)

    def write(entry_id: str) -> None:
        with engine.begin() as connection:
            connection.execute(
                text(
                    "INSERT INTO audit_entry (id, kind, at, caller, leaf) VALUES (:id, 'intent', :at, 'a', :leaf)"
                ),
                {"id": entry_id, "at": make.now.replace(tzinfo=None).isoformat(" "), "leaf": b"{}"},
            )

    yield store, write
    engine.dispose()
    await store.close()


async def test_what_nobody_let_wait_is_found(older: Any, make: Any, append: Any) -> None:
    """Entries that neither wait nor have a place, a portion at a time; each is placed once then."""
    store, write = older
    await placed(store, make, append, 3)
    await store.gates.commit([make.passage(entry=make.entry())])  # waits
    forgotten = [make.id("aud") for _ in range(2)]
    for entry_id in forgotten:
        write(entry_id)

    after, found = await store.log.queue_forgotten(after="", limit=5)
    assert found == 1
    assert await store.log.queue_forgotten(after=after, limit=5) == (forgotten[1], 1)
    assert await store.log.queue_forgotten(after=forgotten[1], limit=5) == ("", 0)
    assert await store.log.queue_forgotten(after="", limit=50) == (forgotten[1], 0)

    assert await store.log.extend(edge, append, most=10) == 3
    assert [await store.log.place_of(each) for each in forgotten] == [(1, 4), (1, 5)]
    assert await store.log.queue_forgotten(after="", limit=50) == (forgotten[1], 0)


@pytest.mark.servers
async def test_a_lower_number_that_is_committed_later_is_not_lost(
    migrated_postgres: Callable[[], str], make: Any, append: Any
) -> None:
    """PostgreSQL draws numbers before it commits: a writer that is slower than the sequencer is placed afterwards."""
    url = migrated_postgres()
    store, engine = SqlStore(Database(url)), create_engine(url)
    slow = make.entry()
    with engine.connect() as writer:
        writer.execute(
            text(
                "INSERT INTO audit_entry (id, kind, at, caller, leaf) VALUES (:id, 'intent', :at, 'a', :leaf)"
            ),
            {"id": slow.id, "at": make.now, "leaf": b"{}"},
        )
        writer.execute(text("INSERT INTO audit_pending (entry_id) VALUES (:id)"), {"id": slow.id})
        await placed(store, make, append, 2)
        writer.commit()

    assert await store.log.extend(edge, append, most=10) == 1
    assert await store.log.place_of(slow.id) == (1, 2)
    engine.dispose()
    await store.close()
