"""Reading the log as a tree: its newest checkpoint, tiles by their paths, proofs, earlier checkpoints."""

from collections.abc import Sequence

from gateway.audit.note import Checkpoint, Verifier, open_note
from gateway.audit.proofs import TlogProof
from gateway.audit.tree import TileId, inclusion_proof, inclusion_tiles, pack_entries, parse_tile_path
from gateway.ports import TreeLog

_TILE_WIDTH = 256
_HASH_BYTES = 32
_AT_ONCE = 5_000


async def newest(log: TreeLog, keys: Sequence[str]) -> tuple[str, Checkpoint] | None:
    """The newest checkpoint as signed and as read; None before the first. `keys`: the log's verifier keys."""
    note = await log.checkpoint()
    if note is None:
        return None
    return note, Checkpoint.parse(open_note(note, [Verifier.parse(key) for key in keys]).text)


async def tile_at(path: str, log: TreeLog) -> bytes | None:
    """The content of "tile/0/000", "tile/entries/000.p/7" ...; None where the log is not that long.

    Raises `ValueError` for what is no such path (C2SP tlog-tiles).
    """
    level, index, width = parse_tile_path(path)
    if level is None:
        leaves = await log.leaves(index * _TILE_WIDTH, index * _TILE_WIDTH + width)
        return pack_entries(leaves) if len(leaves) == width else None
    hashes = (await log.tiles([(level, index)])).get((level, index), b"")
    return hashes[: width * _HASH_BYTES] if len(hashes) >= width * _HASH_BYTES else None


async def proof_of(entry_id: str, log: TreeLog, keys: Sequence[str]) -> TlogProof | None:
    """The proof that an entry is under the newest checkpoint; None while it has no place."""
    signed = await newest(log, keys)  # first: what has its place by then may be younger than the checkpoint
    index = await log.place_of(entry_id)
    if signed is None or index is None or index >= signed[1].size:
        return None
    note, checkpoint = signed
    tiles = await log.tiles(inclusion_tiles(index, checkpoint.size))
    known = {TileId(*tile): hashes for tile, hashes in tiles.items()}
    return TlogProof(index, inclusion_proof(index, checkpoint.size, known), note)


async def checkpoints_before(log: TreeLog, size: int) -> list[tuple[int, str]]:
    """Size and note of every checkpoint of fewer entries, by size."""
    found: list[tuple[int, str]] = []
    while more := await log.checkpoints(after=found[-1][0] if found else 0, limit=_AT_ONCE):
        found += more
    return [each for each in found if each[0] < size]
