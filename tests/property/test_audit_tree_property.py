"""The tree at any size, grown in any steps: one root, and proofs that hold for it and for nothing else."""

from functools import cache
from hashlib import sha256

from hypothesis import example, given
from hypothesis import strategies as st

from gateway.audit.tree import (
    TileId,
    consistency_proof,
    consistency_tiles,
    edge,
    grow,
    inclusion_proof,
    inclusion_tiles,
    pack_entries,
    parse_tile_path,
    root,
    tile_path,
    unpack_entries,
    verify_consistency,
    verify_inclusion,
)

LARGEST = 700
LEAVES = [sha256(b"\x00" + str(nth).encode()).digest() for nth in range(66_000)]

sizes = st.integers(1, LARGEST) | st.sampled_from([1, 2, 255, 256, 257, 511, 512, 513, LARGEST])
hashes = st.binary(min_size=32, max_size=32)


def left_of(count: int) -> int:
    """How many of so many leaves go left: the largest power of two that is smaller."""
    left = 1
    while left * 2 < count:
        left *= 2
    return left


@cache
def naive(low: int, high: int) -> bytes:
    """MTH of RFC 6962 over LEAVES[low:high]."""
    if high - low < 2:
        return LEAVES[low] if high > low else sha256(b"").digest()
    middle = low + left_of(high - low)
    return sha256(b"\x01" + naive(low, middle) + naive(middle, high)).digest()


def naive_path(index: int, low: int, high: int) -> tuple[bytes, ...]:
    """PATH of RFC 6962 section 2.1.1."""
    if high - low == 1:
        return ()
    middle = low + left_of(high - low)
    if index < middle:
        return (*naive_path(index, low, middle), naive(middle, high))
    return (*naive_path(index, middle, high), naive(low, middle))


def naive_subproof(old: int, low: int, high: int, known: bool) -> tuple[bytes, ...]:
    """SUBPROOF of RFC 6962 section 2.1.2."""
    if old == high:
        return () if known else (naive(low, high),)
    middle = low + left_of(high - low)
    if old <= middle:
        return (*naive_subproof(old, low, middle, known), naive(middle, high))
    return (*naive_subproof(old, middle, high, False), naive(low, middle))


TILES = dict(grow(0, {}, LEAVES[:LARGEST]).tiles)


def only(wanted: tuple[TileId, ...]) -> dict[TileId, bytes]:
    """These tiles of the largest tree and no others."""
    return {tile: TILES[tile] for tile in wanted}


def flip(value: bytes, bit: int) -> bytes:
    """The same bytes with one bit turned."""
    at, shift = divmod(bit % (len(value) * 8), 8)
    return value[:at] + bytes([value[at] ^ 1 << shift]) + value[at + 1 :]


def test_one_by_one_every_size_has_its_root():
    """From 0 to 700, a leaf at a time, keeping only the edge: each root is the one the definition gives."""
    tiles: dict[TileId, bytes] = {}
    for size in range(LARGEST):
        assert root(size, tiles) == naive(0, size)
        grown = grow(size, tiles, [LEAVES[size]])
        assert grown.root == naive(0, size + 1)
        held = tiles | dict(grown.tiles)
        tiles = {tile: held[tile] for tile in edge(size + 1)}


@given(st.lists(st.integers(0, 300), max_size=8))
@example([255, 1, 256, 1])
@example([256, 256, 188])
def test_steps_do_not_matter(steps):
    """However the leaves are cut into batches, the tiles and the root are the same."""
    tiles: dict[TileId, bytes] = {}
    size = 0
    for step in steps:
        grown = grow(size, {tile: tiles[tile] for tile in edge(size)}, LEAVES[size : size + step])
        tiles, size = tiles | dict(grown.tiles), grown.size
        assert grown.root == naive(0, size)

    assert size == sum(steps)
    assert tiles == dict(grow(0, {}, LEAVES[:size]).tiles)


def test_past_the_second_level():
    """Across 65,536 leaves, where a third level begins, roots and proofs stay right."""
    first = grow(0, {}, LEAVES[:65_500])
    tiles, size = dict(first.tiles), first.size
    for step in (35, 1, 1, 300):
        grown = grow(size, {tile: tiles[tile] for tile in edge(size)}, LEAVES[size : size + step])
        tiles, old, size = tiles | dict(grown.tiles), size, grown.size
        assert grown.root == naive(0, size)
        proof = consistency_proof(old, size, {tile: tiles[tile] for tile in consistency_tiles(old, size)})
        assert verify_consistency(old, size, naive(0, old), grown.root, proof)
        for index in (0, 255, 256, 65_499, size - 1):
            path = inclusion_proof(index, size, {tile: tiles[tile] for tile in inclusion_tiles(index, size)})
            assert path == naive_path(index, 0, size)
            assert verify_inclusion(LEAVES[index], index, size, path, grown.root)


def test_every_proof_of_small_trees():
    """All leaves and all earlier sizes of all trees up to 40: each proof is the RFC's, and verifies."""
    for size in range(1, 41):
        for index in range(size):
            path = inclusion_proof(index, size, TILES)
            assert path == naive_path(index, 0, size)
            assert verify_inclusion(LEAVES[index], index, size, path, naive(0, size))
        for old in range(1, size + 1):
            proof = consistency_proof(old, size, TILES)
            assert proof == naive_subproof(old, 0, size, True)
            assert verify_consistency(old, size, naive(0, old), naive(0, size), proof)


@given(sizes, st.integers(0), st.integers(0), st.integers(0))
def test_inclusion_is_proved_and_nothing_beside_it(size, number, which, bit):
    """The proof needs the tiles it asked for alone; with any bit turned, or for another leaf, it proves nothing."""
    index = number % size
    path = inclusion_proof(index, size, only(inclusion_tiles(index, size)))
    leaf, top = LEAVES[index], naive(0, size)

    assert path == naive_path(index, 0, size)
    assert verify_inclusion(leaf, index, size, path, top)
    parts = [leaf, top, *path]
    parts[which % len(parts)] = flip(parts[which % len(parts)], bit)
    assert not verify_inclusion(parts[0], index, size, parts[2:], parts[1])
    other = (index + 1 + which % size) % size
    assert verify_inclusion(leaf, other, size, path, top) == (other == index)
    assert not verify_inclusion(leaf, index, size, [*path, top], top)
    assert not path or not verify_inclusion(leaf, index, size, path[:-1], top)


@given(sizes, st.integers(0), st.integers(0), st.integers(0))
def test_consistency_is_proved_and_nothing_beside_it(new, number, which, bit):
    """The proof needs the tiles it asked for alone; with any bit of root or step turned it proves nothing."""
    old = number % new + 1
    proof = consistency_proof(old, new, only(consistency_tiles(old, new)))

    assert proof == naive_subproof(old, 0, new, True)
    assert verify_consistency(old, new, naive(0, old), naive(0, new), proof)
    parts = [naive(0, old), naive(0, new), *proof]
    parts[which % len(parts)] = flip(parts[which % len(parts)], bit)
    assert not verify_consistency(old, new, parts[0], parts[1], parts[2:])
    assert not verify_consistency(old, new, naive(0, old), naive(0, new), [*proof, naive(0, old)])
    assert not proof or not verify_consistency(old, new, naive(0, old), naive(0, new), proof[1:])


@given(sizes, st.integers(0), hashes)
def test_a_rewritten_past_is_not_consistent(new, number, other):
    """A log that changed one old leaf has no proof, its own included, from the root it once showed."""
    changed = number % new
    old = min(changed + 1 + number % 3, new)
    rewritten = grow(0, {}, [*LEAVES[:changed], other, *LEAVES[changed + 1 : new]])
    proof = consistency_proof(old, new, rewritten.tiles)

    assert verify_consistency(old, new, root(old, rewritten.tiles), rewritten.root, proof)
    assert not verify_consistency(old, new, naive(0, old), rewritten.root, proof)


@given(
    st.integers(-3, 20), st.integers(-3, 20), st.lists(st.binary(max_size=40) | hashes, max_size=6), hashes
)
def test_verifying_never_raises(one, other, proof, top):
    """Whatever stands in a proof, the answer is yes or no, and for what nobody proved it is no."""
    assert verify_inclusion(LEAVES[0], one, other, proof, top) is False
    assert verify_consistency(one, other, LEAVES[0], top, proof) is False


@given(st.none() | st.integers(0, 63), st.integers(0, 2**55 - 1), st.integers(1, 256))
def test_every_tile_has_one_path(level, index, width):
    """A path leads back to its tile."""
    assert parse_tile_path(tile_path(level, index, width)) == (level, index, width)


@given(st.text(alphabet="tile/entris0123456789x.p", max_size=24).map("tile/".__add__))
def test_no_tile_has_two_paths(path):
    """Any text is refused, or is exactly the path of what it names."""
    try:
        level, index, width = parse_tile_path(path)
    except ValueError:
        return

    assert tile_path(level, index, width) == path


@given(st.lists(st.binary(max_size=40)), st.integers(1, 41))
def test_bundles_come_apart_as_they_were_packed(entries, cut):
    """What was packed is unpacked; a bundle cut inside an entry is not read as fewer entries."""
    bundle = pack_entries(entries)

    assert unpack_entries(bundle) == entries
    if entries and cut < 2 + len(entries[-1]):
        try:
            unpack_entries(bundle[:-cut])
        except ValueError:
            return
        raise AssertionError("a cut bundle was read")
