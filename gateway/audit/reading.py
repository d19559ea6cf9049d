"""Reading the log as trees: the newest checkpoint, tiles by their paths, proofs, earlier checkpoints.

`keys`: verifier keys of the log under the name of its first tree, wherever they are wanted.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from gateway.audit.note import Checkpoint, Verifier
from gateway.audit.proofs import TlogProof
from gateway.audit.shards import open_checkpoint
from gateway.audit.tree import (
    TileId,
    inclusion_proof,
    inclusion_tiles,
    pack_entries,
    parse_tile_path,
)
from gateway.audit.tree import width as width_of
from gateway.ports import TreeLog
from gateway.records import Place, Tile

_TILE_WIDTH = 256
_HASH_BYTES = 32
_AT_ONCE = 5_000


class Signed(NamedTuple):
    """A tree's newest checkpoint: which tree, the note as it was signed, and what it states."""

    shard: int
    note: str
    checkpoint: Checkpoint


async def newest(log: TreeLog, keys: Sequence[str], *, shard: int | None = None) -> Signed | None:
    """The newest checkpoint of that tree, None being the present one; None before the first."""
    note = await log.checkpoint(shard=shard)
    if note is None:
        return None
    return _opened(note, tuple(keys))


async def every_shard(log: TreeLog, keys: Sequence[str]) -> list[Signed]:
    """The newest checkpoint of every tree, oldest tree first."""
    return [_opened(head.note, tuple(keys)) for head in await log.shards() if head.note is not None]


@lru_cache(maxsize=64)
def _opened(note: str, keys: tuple[str, ...]) -> Signed:
    """The same note under the same keys says the same: its signatures are checked once."""
    shard, checkpoint = open_checkpoint(note, [Verifier.parse(key) for key in keys])
    return Signed(shard, note, checkpoint)


async def tile_at(path: str, log: TreeLog, *, shard: int | None = None) -> bytes | None:
    """The content of "tile/0/000", "tile/entries/000.p/7" ...; None where the tree is not that long.

    Raises `ValueError` for what is no such path (C2SP tlog-tiles).
    """
    level, index, width = parse_tile_path(path)
    if level is None:
        leaves = await log.leaves(index * _TILE_WIDTH, index * _TILE_WIDTH + width, shard=shard)
        return pack_entries(leaves) if len(leaves) == width else None
    hashes = (await log.tiles([(level, index)], shard=shard)).get((level, index), b"")
    return hashes[: width * _HASH_BYTES] if len(hashes) >= width * _HASH_BYTES else None


async def proof_of(entry_id: str, log: TreeLog, keys: Sequence[str]) -> TlogProof | None:
    """The proof that an entry is in its tree; None while it has no place.

    Under the newest checkpoint that a witness cosigned if that covers the entry, else under the newest.
    """

    def wanted(place: Place, note: str) -> Mapping[Tile, int]:
        size = _opened(note, tuple(keys)).checkpoint.size
        needed = inclusion_tiles(place.index, size) if place.index < size else ()
        return {tile: width_of(tile, size) * _HASH_BYTES for tile in needed}

    parts = await log.proof_parts(entry_id, wanted)
    if parts is None:
        return None
    index, size = parts.place.index, _opened(parts.note, tuple(keys)).checkpoint.size
    if index >= size:
        return None
    known = {TileId(*tile): hashes for tile, hashes in parts.tiles.items()}
    return TlogProof(index, inclusion_proof(index, size, known), parts.note)


async def checkpoints_before(
    log: TreeLog, size: int, *, shard: int | None = None
) -> AsyncIterator[Sequence[tuple[int, str]]]:
    """Size and note of every kept checkpoint of fewer entries, by size, some thousands at a time."""
    after = -1
    while more := await log.checkpoints(after=after, limit=_AT_ONCE, shard=shard):
        yield [each for each in more if each[0] < size]
        after = more[-1][0]
        if after >= size:
            return
