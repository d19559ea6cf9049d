"""Exporting the log from its store: every tree with its kept checkpoints, read a few thousand rows at a time."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from gateway.audit.bundle import Tree, write_bundle
from gateway.audit.note import Checkpoint, Verifier
from gateway.audit.reading import Signed, checkpoints_before, every_shard
from gateway.audit.shards import keys_in_shard, open_checkpoint
from gateway.audit.tree import EMPTY_ROOT, Grown, edge, grow, leaf_hash
from gateway.ports import TreeLog

T = TypeVar("T")

_AT_ONCE = 5_120


@dataclass(frozen=True, slots=True)
class Exported:
    """What is in the bundle: entries and checkpoints of all trees together, and how many trees."""

    entries: int
    checkpoints: int
    shards: int


async def export_log(
    path: Path, log: TreeLog, keys: Sequence[str], progress: Callable[[int, int], None] | None = None
) -> Exported | None:
    """Write the whole log to `path` as `gateway.audit.bundle` says; None, and no file, when nothing was ever signed.

    `keys`: the log's, under the name of its first tree. `progress`: called with entries written and in all. An older
    tree that is no longer the one that was signed is written as far as it still is. ValueError when the present tree
    is not.
    """
    trees = await every_shard(log, keys)
    if not trees:
        return None
    reader = _Reader(log, asyncio.get_running_loop())
    *before, present = trees
    older = [(each.shard, signed) for each in before if (signed := await _as_signed(each, log, keys))]
    total = present.checkpoint.size + sum(signed.checkpoint.size for _, signed in older)
    tree = reader.tree(present, keys)
    await asyncio.to_thread(
        write_bundle,
        path,
        checkpoint=tree.checkpoint,
        earlier=tree.earlier,
        keys=tree.keys,
        entries=tree.entries,
        size=tree.size,
        older=((number, reader.tree(signed, keys)) for number, signed in older),
        progress=None if progress is None else lambda done: progress(done, total),
    )
    return Exported(total, reader.checkpoints + len(trees), len(older) + 1)


async def _as_signed(newest: Signed, log: TreeLog, keys: Sequence[str]) -> Signed | None:
    """The newest checkpoint of an older tree that its entries still give; None when none does."""
    fits, grown = None, Grown(0, EMPTY_ROOT, {})
    async for marks in _marks(newest, log):
        for number, note in marks:
            grown = await _grown_to(number, grown, log, newest.shard)
            stated = _read(note, newest, keys)
            if stated is None or (grown.size, grown.root) != (stated.size, stated.root):
                return fits
            fits = Signed(newest.shard, note, stated)
    return fits


async def _marks(newest: Signed, log: TreeLog) -> AsyncIterator[Sequence[tuple[int, str]]]:
    size = newest.checkpoint.size
    async for marks in checkpoints_before(log, size, shard=newest.shard):
        yield marks
    yield [(size, newest.note)]


async def _grown_to(size: int, tree: Grown, log: TreeLog, shard: int) -> Grown:
    """That tree with its entries up to `size`, as far as there are any; of its tiles only the edge."""
    for begin in range(tree.size, size, _AT_ONCE):
        leaves = await log.leaves(begin, min(begin + _AT_ONCE, size), shard=shard)
        more = grow(tree.size, tree.tiles, [leaf_hash(leaf) for leaf in leaves])
        held = {**tree.tiles, **more.tiles}
        tree = Grown(more.size, more.root, {tile: held[tile] for tile in edge(more.size)})
    return tree


def _read(note: str, newest: Signed, keys: Sequence[str]) -> Checkpoint | None:
    try:
        shard, stated = open_checkpoint(note, [Verifier.parse(key) for key in keys])
    except ValueError:
        return None
    return stated if shard == newest.shard else None


class _Reader:
    # What the writer, on a thread, pulls out of the store by way of its loop.

    def __init__(self, log: TreeLog, loop: asyncio.AbstractEventLoop) -> None:
        self._log = log
        self._loop = loop
        self.checkpoints = 0

    def tree(self, signed: Signed, keys: Sequence[str]) -> Tree:
        size = signed.checkpoint.size
        return Tree(
            signed.note, self._earlier(signed), keys_in_shard(keys, signed.shard), self._leaves(signed), size
        )

    def _leaves(self, signed: Signed) -> Iterator[bytes]:
        size = signed.checkpoint.size
        for begin in range(0, size, _AT_ONCE):
            reading = self._log.leaves(begin, min(begin + _AT_ONCE, size), shard=signed.shard)
            yield from asyncio.run_coroutine_threadsafe(reading, self._loop).result()

    def _earlier(self, signed: Signed) -> Iterator[tuple[int, str]]:
        earlier = checkpoints_before(self._log, signed.checkpoint.size, shard=signed.shard)
        while (found := asyncio.run_coroutine_threadsafe(_next(earlier), self._loop).result()) is not None:
            self.checkpoints += len(found)
            yield from found


async def _next(items: AsyncIterator[T]) -> T | None:
    return await anext(items, None)
