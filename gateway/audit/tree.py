"""The Merkle tree of the log: SHA-256 as RFC 6962 says, kept in tiles as C2SP tlog-tiles says.

Hashes lie in tiles of 256: level 0 holds the leaf hashes, every hash of level L + 1 is the root of one full tile of
level L. A tile that is not full is a prefix of what it will be, so a tile read late serves every earlier size too.
Nothing is read or written here: whoever asks first learns which tiles are needed, then hands them in.

The two `verify_` functions follow RFC 9162 and share no code with what makes the proofs: a mistake there is found here.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple

HASH_BYTES = 32
"""Length of every hash in the tree."""
_TILE_HASHES = 256
_TILE_BYTES = _TILE_HASHES * HASH_BYTES
_MOST_LEVEL = 63
_MOST_INDEX = 2**55  # a tree stays under 2**63 leaves, the largest number a database column holds
_MOST_ENTRY_BYTES = 0xFFFF
_TILE_PATH = re.compile(
    r"tile/(entries|[0-9]{1,2})/((?:x[0-9]{3}/){0,5}[0-9]{3})(?:\.p/([0-9]{1,3}))?", re.ASCII
)

EMPTY_ROOT = sha256().digest()


class TreeBroken(ValueError):
    """Tiles that were handed in are missing, cut or too long; what was asked for cannot be told from them."""


class TileId(NamedTuple):
    """Where a tile stands: its level, 0 for leaf hashes, and its place in that level, from 0."""

    level: int
    index: int  # type: ignore[assignment]  # hides tuple.index, which nobody asks of a tile's name


@dataclass(frozen=True, slots=True)
class Grown:
    """A tree after leaves were appended. `tiles`: each tile that is new or has changed, with its whole content."""

    size: int
    root: bytes
    tiles: Mapping[TileId, bytes]


def leaf_hash(data: bytes) -> bytes:
    """The hash of one entry as a leaf (RFC 6962 section 2.1)."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of two subtrees side by side (RFC 6962 section 2.1)."""
    return sha256(b"\x01" + left + right).digest()


# ---------------------------------------------------------------- growing


def edge(size: int) -> tuple[TileId, ...]:
    """The tiles, one at most of each level, that a tree of this size has begun and not filled.

    They are all that appending to the tree needs, and all that its root needs: a full tile counts through its hash
    one level up. A tree of 256 leaves has no such tile at level 0, and one of a single hash at level 1.
    """
    _require_size(size)
    return tuple(TileId(level, full) for level, full, begun in _levels(size) if begun)


def width(tile: TileId, size: int) -> int:
    """How many hashes this tile has in a tree of this size: 0 when not begun, at most 256."""
    return max(0, min(_TILE_HASHES, (size >> 8 * tile.level) - tile.index * _TILE_HASHES))


def grow(size: int, tiles: Mapping[TileId, bytes], leaves: Sequence[bytes]) -> Grown:
    """The tree after appending these leaf hashes. `tiles`: those of `edge(size)`, exactly as long as `size` says.

    TreeBroken when one is missing, or shorter or longer: then size and tiles do not belong together.
    """
    begun = {tile: _whole(tile, size, tiles) for tile in edge(size)}
    if any(len(leaf) != HASH_BYTES for leaf in leaves):
        raise ValueError("A leaf hash is not 32 bytes long; append `leaf_hash(entry)`, not the entry.")
    changed: dict[TileId, bytes] = {}
    level, above = 0, list(leaves)
    while above:
        last = TileId(level, size >> 8 * (level + 1))
        content = begun.get(last, b"") + b"".join(above)
        chunks = [content[at : at + _TILE_BYTES] for at in range(0, len(content), _TILE_BYTES)]
        changed.update({TileId(level, last.index + nth): chunk for nth, chunk in enumerate(chunks)})
        above = [_fold(chunk) for chunk in chunks if len(chunk) == _TILE_BYTES]
        level += 1
    new_size = size + len(leaves)
    return Grown(new_size, root(new_size, begun | changed), changed)


def root(size: int, tiles: Mapping[TileId, bytes]) -> bytes:
    """The root of the tree of this size. `tiles`: those of `edge(size)`, or what they have grown into since."""
    _require_size(size)
    return _range_hash(0, size, tiles) if size else EMPTY_ROOT


# ---------------------------------------------------------------- proofs


def inclusion_tiles(index: int, size: int) -> tuple[TileId, ...]:
    """The tiles that `inclusion_proof` needs, lowest level first, each once."""
    return _tiles_under(_inclusion_ranges(index, size))


def inclusion_proof(index: int, size: int, tiles: Mapping[TileId, bytes]) -> tuple[bytes, ...]:
    """The hashes that lead from leaf `index` to the root of the tree of this size, from the leaf's side up.

    ValueError when the tree has no such leaf. Rule: RFC 6962 section 2.1.1.
    """
    return tuple(_range_hash(low, high, tiles) for low, high in _inclusion_ranges(index, size))


def consistency_tiles(old: int, new: int) -> tuple[TileId, ...]:
    """The tiles, of the tree of size `new`, that `consistency_proof` needs, each once."""
    return _tiles_under(_consistency_ranges(old, new))


def consistency_proof(old: int, new: int, tiles: Mapping[TileId, bytes]) -> tuple[bytes, ...]:
    """The hashes that show the tree of size `new` to begin with the tree of size `old`.

    Empty when both are the same or `old` is 0; ValueError when `old` is larger. Rule: RFC 6962 section 2.1.2.
    """
    return tuple(_range_hash(low, high, tiles) for low, high in _consistency_ranges(old, new))


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether the proof shows leaf hash `leaf` to be leaf `index` of the tree of that size and root.

    Never raises; whatever is malformed is not shown. Rule: RFC 9162 section 2.1.3.2.
    """
    if not 0 <= index < size or not _all_hashes(leaf, *proof):
        return False
    here, last, found = index, size - 1, leaf
    for step in proof:
        if last == 0:
            return False
        if here & 1 or here == last:
            found = node_hash(step, found)
            here, last = _climb_to_right_child(here, last)
        else:
            found = node_hash(found, step)
        here, last = here >> 1, last >> 1
    return last == 0 and found == root


def verify_consistency(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether the proof shows the tree (new, new_root) to begin with the tree (old, old_root).

    Never raises. Every tree begins with the empty one, whose root must then be EMPTY_ROOT; must not be used to judge
    `new_root` in that case, of which nothing is shown. Rule: RFC 9162 section 2.1.4.2.
    """
    if not 0 <= old <= new:
        return False
    if old == 0 and old_root != EMPTY_ROOT:
        return False
    if old == new:
        return old_root == new_root and not proof
    if old == 0:
        return len(new_root) == HASH_BYTES and not proof
    if not proof or not _all_hashes(old_root, *proof):
        return False
    # A whole subtree is its own first step: RFC 9162 leaves it out of the proof.
    path = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    here, last = old - 1, new - 1
    while here & 1:
        here, last = here >> 1, last >> 1
    found_old = found_new = path[0]
    for step in path[1:]:
        if last == 0:
            return False
        if here & 1 or here == last:
            found_old, found_new = node_hash(step, found_old), node_hash(step, found_new)
            here, last = _climb_to_right_child(here, last)
        else:
            found_new = node_hash(found_new, step)
        here, last = here >> 1, last >> 1
    return last == 0 and (found_old, found_new) == (old_root, new_root)


# ---------------------------------------------------------------- names and bundles


def tile_path(level: int | None, index: int, width: int = _TILE_HASHES) -> str:
    """The path under which a tile, or with level None an entry bundle, is published.

    >>> tile_path(0, 1234067), tile_path(None, 7, 5)
    ('tile/0/x001/x234/067', 'tile/entries/007.p/5')
    """
    if not ((level is None or 0 <= level <= _MOST_LEVEL) and 0 <= index < _MOST_INDEX):
        raise ValueError(
            "No tile has this level or index: levels go from 0 to 63, indexes from 0 to 2**55 - 1."
        )
    if not 1 <= width <= _TILE_HASHES:
        raise ValueError("A tile holds 1 to 256 hashes.")
    head, parts = index // 1000, [f"{index % 1000:03}"]
    while head:
        head, part = divmod(head, 1000)
        parts.append(f"x{part:03}")
    kind = "entries" if level is None else str(level)
    suffix = "" if width == _TILE_HASHES else f".p/{width}"
    return f"tile/{kind}/{'/'.join(reversed(parts))}{suffix}"


def parse_tile_path(path: str) -> tuple[int | None, int, int]:
    """Level (None: entry bundle), index and width of a published path.

    ValueError for any path that `tile_path` does not write: a thing has one name, or caches hold it twice.
    """
    match = _TILE_PATH.fullmatch(path)
    if match is None:
        raise ValueError("This is not the path of a tile.")
    kind, places, part = match.groups()
    level = None if kind == "entries" else int(kind)
    index = int(places.replace("x", "").replace("/", ""))
    width = _TILE_HASHES if part is None else int(part)
    if tile_path(level, index, width) != path:
        raise ValueError("This is not how the path of that tile is written.")
    return level, index, width


def pack_entries(entries: Iterable[bytes]) -> bytes:
    """An entry bundle: each entry after its length as two bytes, big-endian. ValueError above 65,535 bytes."""
    packed: list[bytes] = []
    for entry in entries:
        if len(entry) > _MOST_ENTRY_BYTES:
            raise ValueError(f"An entry of {len(entry)} bytes does not fit a bundle; 65535 is the most.")
        packed += (len(entry).to_bytes(2, "big"), entry)
    return b"".join(packed)


def unpack_entries(bundle: bytes) -> list[bytes]:
    """The entries of a bundle. ValueError when it ends inside one."""
    entries: list[bytes] = []
    at = 0
    while at < len(bundle):
        begin = at + 2
        at = begin + int.from_bytes(bundle[at:begin], "big")
        if max(begin, at) > len(bundle):
            raise ValueError(f"The bundle ends inside entry {len(entries)}; it was cut or is no bundle.")
        entries.append(bundle[begin:at])
    return entries


# ---------------------------------------------------------------- how
# A proof is a list of leaf ranges [low, high) that the RFC's recursion leaves aside; the hash of a range is folded from
# its whole subtrees, and each of these lies in one tile. So tiles to fetch and hashes to send come from one list.


def _levels(size: int) -> Iterator[tuple[int, int, int]]:
    # (level, full tiles, hashes in the tile after them), from the leaves up
    level = 0
    while size:
        yield level, size // _TILE_HASHES, size % _TILE_HASHES
        level, size = level + 1, size // _TILE_HASHES


def _inclusion_ranges(index: int, size: int) -> list[tuple[int, int]]:
    if not 0 <= index < size:
        raise ValueError(f"A tree of size {size} has no leaf {index}.")
    low, high, aside = 0, size, []
    while high - low > 1:
        middle = low + _left(high - low)
        if index < middle:
            aside.append((middle, high))
            high = middle
        else:
            aside.append((low, middle))
            low = middle
    return aside[::-1]


def _consistency_ranges(old: int, new: int) -> list[tuple[int, int]]:
    if not 0 <= old <= new:
        raise ValueError(f"A tree of size {new} does not begin with one of size {old}.")
    if old == 0:
        return []
    low, high, aside = 0, new, []
    while old != high:
        middle = low + _left(high - low)
        if old <= middle:
            aside.append((middle, high))
            high = middle
        else:
            aside.append((low, middle))
            low = middle
    # At low 0 the rest is the old tree itself, whose root the verifier has.
    return [(low, high), *aside[::-1]] if low else aside[::-1]


def _left(count: int) -> int:
    # The largest power of two smaller than `count`: how many leaves go left (RFC 6962 section 2.1).
    return 1 << ((count - 1).bit_length() - 1)


def _subtrees(low: int, high: int) -> Iterator[tuple[int, int]]:
    # (height, place) of the whole subtrees of a range, largest first; each starts at a multiple of its size
    while low < high:
        height = (high - low).bit_length() - 1
        yield height, low >> height
        low += 1 << height


def _tile_of(height: int, place: int) -> tuple[TileId, int, int]:
    # The tile a whole subtree lies in, its first hash there and how many: at heights 8, 16, ... one hash.
    level, inside = divmod(height, 8)
    index, first = divmod(place << inside, _TILE_HASHES)
    return TileId(level, index), first, 1 << inside


def _tiles_under(ranges: Iterable[tuple[int, int]]) -> tuple[TileId, ...]:
    return tuple(sorted({_tile_of(*subtree)[0] for low, high in ranges for subtree in _subtrees(low, high)}))


def _range_hash(low: int, high: int, tiles: Mapping[TileId, bytes]) -> bytes:
    hashes = [_subtree_hash(*subtree, tiles) for subtree in _subtrees(low, high)]
    found = hashes.pop()
    while hashes:
        found = node_hash(hashes.pop(), found)
    return found


def _subtree_hash(height: int, place: int, tiles: Mapping[TileId, bytes]) -> bytes:
    tile, first, count = _tile_of(height, place)
    content = _content(tile, tiles)
    end = (first + count) * HASH_BYTES
    if len(content) < end or len(content) > _TILE_BYTES or len(content) % HASH_BYTES:
        raise TreeBroken(
            f"Tile {tile.index} of level {tile.level} has {len(content)} bytes; at least {end} are needed, "
            f"32 for each hash and {_TILE_BYTES} at most."
        )
    return _fold(content[first * HASH_BYTES : end])


def _whole(tile: TileId, size: int, tiles: Mapping[TileId, bytes]) -> bytes:
    content, wanted = _content(tile, tiles), width(tile, size) * HASH_BYTES
    if len(content) != wanted:
        raise TreeBroken(
            f"Tile {tile.index} of level {tile.level} has {len(content)} bytes; a tree of size {size} wants "
            f"{wanted}. Size and tiles do not belong together."
        )
    return content


def _content(tile: TileId, tiles: Mapping[TileId, bytes]) -> bytes:
    if tile not in tiles:
        raise TreeBroken(f"Tile {tile.index} of level {tile.level} is missing.")
    return tiles[tile]


def _fold(hashes: bytes) -> bytes:
    # The root over 1, 2, 4, ... 256 hashes side by side.
    while len(hashes) > HASH_BYTES:
        pairs = range(0, len(hashes), 2 * HASH_BYTES)
        hashes = b"".join([sha256(b"\x01" + hashes[at : at + 64]).digest() for at in pairs])
    return hashes


def _climb_to_right_child(here: int, last: int) -> tuple[int, int]:
    # Past the levels where the last subtree stands alone (RFC 9162: "right-shift until LSB(fn) is set or fn is 0").
    while here and not here & 1:
        here, last = here >> 1, last >> 1
    return here, last


def _all_hashes(*values: bytes) -> bool:
    return all(len(value) == HASH_BYTES for value in values)


def _require_size(size: int) -> None:
    if size < 0:
        raise ValueError("A tree has no negative size.")
