"""The tree: its hashes, its tiles, its paths and its bundles, against answers worked out another way."""

import time
from hashlib import sha256

import pytest

from gateway.audit.tree import (
    EMPTY_ROOT,
    Grown,
    TileId,
    TreeBroken,
    consistency_proof,
    consistency_tiles,
    edge,
    grow,
    inclusion_proof,
    inclusion_tiles,
    leaf_hash,
    node_hash,
    pack_entries,
    parse_tile_path,
    root,
    tile_path,
    unpack_entries,
    verify_consistency,
    verify_inclusion,
    width,
)

ENTRIES = [bytes.fromhex(text) for text in (
    "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
)]  # fmt: skip
"""The entries whose tree the first implementations of RFC 6962 were tried on, and its roots at sizes 1 to 8."""
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def leaves(count: int) -> list[bytes]:
    """Leaf hashes of entries 0, 1, 2, ..."""
    return [sha256(b"\x00" + str(nth).encode()).digest() for nth in range(count)]


def naive_root(hashes: list[bytes]) -> bytes:
    """The root as RFC 6962 section 2.1 defines it, word by word."""
    if len(hashes) < 2:
        return hashes[0] if hashes else sha256(b"").digest()
    left = 1
    while left * 2 < len(hashes):
        left *= 2
    return sha256(b"\x01" + naive_root(hashes[:left]) + naive_root(hashes[left:])).digest()


@pytest.fixture(scope="module")
def thousand() -> Grown:
    """A tree of 1,000 leaves, appended at once, so that `tiles` are all it has."""
    return grow(0, {}, leaves(1000))


class TestHashes:
    def test_an_empty_tree_has_the_hash_of_nothing(self):
        """The root of no entries is SHA-256 of the empty string, and needs no tiles."""
        assert EMPTY_ROOT == sha256(b"").digest() == root(0, {})
        assert edge(0) == ()

    def test_leaves_and_nodes_cannot_be_taken_for_one_another(self):
        """A leaf is hashed after a zero byte, a node after a one: no entry has the hash of two subtrees."""
        left, right = leaves(2)

        assert leaf_hash(b"x") == sha256(b"\x00x").digest()
        assert node_hash(left, right) == sha256(b"\x01" + left + right).digest()
        assert leaf_hash(left + right) != node_hash(left, right)

    @pytest.mark.parametrize("size", range(1, 9))
    def test_known_roots(self, size):
        """The trees that other implementations publish have the same roots here."""
        grown = grow(0, {}, [leaf_hash(entry) for entry in ENTRIES[:size]])

        assert grown.root.hex() == ROOTS[size - 1]


class TestGrowing:
    def test_the_tiles_of_seventy_thousand(self):
        """273 full tiles and one of 112 hashes at level 0, one full and one of 17 at level 1, one of 1 at level 2."""
        grown = grow(0, {}, leaves(70_000))
        held = {tile: len(content) // 32 for tile, content in grown.tiles.items()}

        assert held == {
            **{TileId(0, nth): 256 for nth in range(273)},
            TileId(0, 273): 112,
            TileId(1, 0): 256,
            TileId(1, 1): 17,
            TileId(2, 0): 1,
        }
        assert edge(70_000) == (TileId(0, 273), TileId(1, 1), TileId(2, 0))
        assert all(width(tile, 70_000) == count for tile, count in held.items())

    @pytest.mark.parametrize(
        ("size", "expected"),
        [
            (1, [(0, 0)]),
            (255, [(0, 0)]),
            (256, [(1, 0)]),
            (257, [(0, 1), (1, 0)]),
            (65_535, [(0, 255), (1, 0)]),
            (65_536, [(2, 0)]),
            (65_537, [(0, 256), (2, 0)]),
            (2**40, [(5, 0)]),
        ],
    )
    def test_the_edge_is_what_was_begun(self, size, expected):
        """A full tile is not of the edge: its hash, one level up, stands for it."""
        assert list(edge(size)) == expected

    @pytest.mark.parametrize("size", [256, 512, 1000])
    def test_the_edge_is_enough_for_the_root_and_the_next_leaves(self, size):
        """Whoever has the tiles of `edge` needs no other to tell the root and to append."""
        before = grow(0, {}, leaves(size))
        kept = {tile: before.tiles[tile] for tile in edge(size)}
        grown = grow(size, kept, leaves(size + 300)[size:])

        assert root(size, kept) == before.root == naive_root(leaves(size))
        assert grown.root == naive_root(leaves(size + 300))

    def test_only_what_changed_is_given_back(self):
        """Appending one leaf to a full tile's tree gives the new tile alone; the leaf that fills one, its parent too."""
        tiles = dict(grow(0, {}, leaves(256)).tiles)
        one_more = grow(256, tiles, leaves(257)[256:])
        filled = grow(511, dict(grow(0, {}, leaves(511)).tiles), leaves(512)[511:])

        assert dict(one_more.tiles) == {TileId(0, 1): leaves(257)[256]}
        assert set(filled.tiles) == {TileId(0, 1), TileId(1, 0)}
        assert len(filled.tiles[TileId(0, 1)]) == 8192

    def test_appending_nothing_changes_nothing(self, thousand):
        """Without leaves the root is the same and no tile has changed."""
        assert grow(1000, thousand.tiles, []) == Grown(1000, thousand.root, {})

    def test_the_root_of_an_earlier_size_is_told_from_later_tiles(self, thousand):
        """A tile that has grown since still serves every earlier size."""
        told = [root(size, thousand.tiles) for size in (1, 255, 256, 300, 999)]

        assert told == [naive_root(leaves(size)) for size in (1, 255, 256, 300, 999)]

    def test_twenty_thousand_at_once_are_no_trouble(self):
        """A full batch is appended in a fraction of the time between two, and each hash is written once."""
        batch = leaves(20_000)
        begun = time.process_time()
        grown = grow(0, {}, batch)
        took = time.process_time() - begun

        assert took < 1
        assert sum(map(len, grown.tiles.values())) == (20_000 + 20_000 // 256) * 32


class TestBrokenTiles:
    @pytest.mark.parametrize(
        ("change", "says"),
        [
            (lambda tiles: tiles.pop(TileId(0, 3)), "Tile 3 of level 0 is missing"),
            (lambda tiles: tiles.pop(TileId(1, 0)), "Tile 0 of level 1 is missing"),
            (lambda tiles: tiles.update({TileId(0, 3): tiles[TileId(0, 3)][:-1]}), "has 7423 bytes"),
            (lambda tiles: tiles.update({TileId(0, 3): tiles[TileId(0, 3)][:-32]}), "wants 7424"),
            (lambda tiles: tiles.update({TileId(0, 3): tiles[TileId(0, 3)] + b"x" * 32}), "do not belong together"),
            (lambda tiles: tiles.update({TileId(1, 0): b""}), "Tile 0 of level 1 has 0 bytes"),
        ],
    )  # fmt: skip
    def test_growing_wants_exactly_the_edge(self, thousand, change, says):
        """A tile that is missing, cut or ahead of the size is refused by name, also when nothing is appended."""
        tiles = dict(thousand.tiles)
        change(tiles)

        with pytest.raises(TreeBroken, match=says):
            grow(1000, tiles, [])

    @pytest.mark.parametrize("content", [b"", b"x" * 31, b"x" * 33, b"x" * 8224])
    def test_reading_wants_whole_hashes_and_enough(self, thousand, content):
        """Roots and proofs are not told from a tile that is too short, odd or longer than any tile."""
        tiles = {**thousand.tiles, TileId(0, 3): content}

        with pytest.raises(TreeBroken, match="Tile 3 of level 0"):
            root(1000, tiles)
        with pytest.raises(TreeBroken, match="Tile 3 of level 0"):
            inclusion_proof(0, 1000, tiles)

    def test_an_entry_is_not_a_leaf_hash(self):
        """What is appended is 32 bytes long, or it was not hashed."""
        with pytest.raises(ValueError, match="leaf_hash"):
            grow(0, {}, [b"an entry"])

    def test_no_tree_has_a_negative_size(self):
        """A negative size is refused everywhere."""
        for ask in (lambda: edge(-1), lambda: root(-1, {}), lambda: grow(-1, {}, [])):
            with pytest.raises(ValueError, match="negative"):
                ask()


class TestProofs:
    def test_a_worked_inclusion_proof(self):
        """Leaf 2 of 5: its sibling 3, then the pair 0 and 1, then leaf 4 alone."""
        five = leaves(5)
        tiles = grow(0, {}, five).tiles

        assert inclusion_tiles(2, 5) == (TileId(0, 0),)
        assert inclusion_proof(2, 5, tiles) == (five[3], node_hash(five[0], five[1]), five[4])

    def test_worked_consistency_proofs(self):
        """3 in 5 starts from leaf 2; 4 in 5 is a whole subtree and starts beside it."""
        five = leaves(5)
        tiles = grow(0, {}, five).tiles
        pair = node_hash(five[0], five[1])

        assert consistency_proof(3, 5, tiles) == (five[2], five[3], pair, five[4])
        assert consistency_proof(4, 5, tiles) == (five[4],)
        assert consistency_proof(5, 5, tiles) == consistency_proof(0, 5, tiles) == ()
        assert consistency_tiles(5, 5) == consistency_tiles(0, 5) == ()

    def test_few_tiles_prove_an_entry_of_ten_million(self):
        """Two tiles for each level at most: what a verifier fetches does not grow with the log."""
        assert len(inclusion_tiles(1_234_567, 10_000_000)) <= 6
        assert len(consistency_tiles(1_234_567, 10_000_000)) <= 6

    @pytest.mark.parametrize(("index", "size"), [(0, 0), (5, 5), (-1, 5), (0, -1)])
    def test_no_proof_of_a_leaf_that_is_not_there(self, index, size):
        """A leaf outside the tree has neither proof nor tiles."""
        with pytest.raises(ValueError, match="has no leaf"):
            inclusion_proof(index, size, {})
        with pytest.raises(ValueError, match="has no leaf"):
            inclusion_tiles(index, size)

    @pytest.mark.parametrize(("old", "new"), [(6, 5), (-1, 5), (0, -1)])
    def test_no_proof_of_a_log_that_shrank(self, old, new):
        """A larger tree is no beginning of a smaller one."""
        with pytest.raises(ValueError, match="does not begin"):
            consistency_proof(old, new, {})

    def test_what_is_out_of_range_is_not_shown(self):
        """Negative or too large numbers and hashes of another length are false, not an error."""
        leaf = leaf_hash(b"x")

        assert verify_inclusion(leaf, 0, 1, [], leaf)
        assert not verify_inclusion(leaf, -1, 1, [], leaf)
        assert not verify_inclusion(leaf, 1, 1, [], leaf)
        assert not verify_inclusion(leaf, 0, 0, [], leaf)
        assert not verify_inclusion(leaf, 0, 1, [leaf], leaf)
        assert not verify_inclusion(b"", 0, 1, [], b"")
        assert not verify_inclusion(leaf, 0, 2, [b"x"], node_hash(leaf, b"x"))
        assert not verify_consistency(-1, 1, leaf, leaf, [])
        assert not verify_consistency(2, 1, leaf, leaf, [])

    def test_every_tree_begins_with_the_empty_one(self):
        """From size 0 only the empty root and an empty proof are right; at size 0 there is one root."""
        other = leaf_hash(b"x")

        assert verify_consistency(0, 0, EMPTY_ROOT, EMPTY_ROOT, [])
        assert verify_consistency(0, 7, EMPTY_ROOT, other, [])
        assert not verify_consistency(0, 0, EMPTY_ROOT, other, [])
        assert not verify_consistency(0, 0, other, other, [])
        assert not verify_consistency(0, 7, other, other, [])
        assert not verify_consistency(0, 7, EMPTY_ROOT, b"short", [])
        assert not verify_consistency(0, 7, EMPTY_ROOT, other, [other])

    def test_one_size_has_one_root(self):
        """At the same size the roots are equal and nothing is left to prove."""
        one, other = leaves(2)

        assert verify_consistency(5, 5, one, one, [])
        assert not verify_consistency(5, 5, one, other, [])
        assert not verify_consistency(5, 5, one, one, [one])


class TestPaths:
    @pytest.mark.parametrize(
        ("level", "index", "width", "path"),
        [
            (0, 0, 256, "tile/0/000"),
            (0, 1234067, 256, "tile/0/x001/x234/067"),
            (0, 1000, 5, "tile/0/x001/000.p/5"),
            (1, 999, 255, "tile/1/999.p/255"),
            (63, 7, 1, "tile/63/007.p/1"),
            (None, 0, 256, "tile/entries/000"),
            (None, 1234067, 112, "tile/entries/x001/x234/067.p/112"),
            (0, 2**55 - 1, 256, "tile/0/x036/x028/x797/x018/x963/967"),
        ],
    )
    def test_a_path_and_back(self, level, index, width, path):
        """A tile has one path, and the path names that tile."""
        assert tile_path(level, index, width) == path
        assert parse_tile_path(path) == (level, index, width)

    @pytest.mark.parametrize(
        "path",
        [
            "", "tile", "/tile/0/000", "tile/0/000/", "tile/0/000\n", "tile/0/0", "tile/0/0000", "tile/00/000",
            "tile/64/000", "tile/-1/000", "tile/0/x000/001", "tile/0/001/002", "tile/0/x001", "tile/0/x001/x002",
            "tile/0/000.p/0", "tile/0/000.p/256", "tile/0/000.p/05", "tile/0/000.p/", "tile/0/000.p", "tile/0/000.p/5/6",
            "tile/0/000/5", "tile/entry/000", "tile/Entries/000", "tile/0/x00١/000", "tile/０/000",
            "tile/0/x036/x028/x797/x018/x963/968", "tile/0/x001/x000/x000/x000/x000/x000/000",
        ],
    )  # fmt: skip
    def test_any_other_spelling_is_refused(self, path):
        """Leading zeros, widths that are none, further parts and foreign digits name no tile."""
        with pytest.raises(ValueError, match="tile"):
            parse_tile_path(path)

    @pytest.mark.parametrize(
        ("level", "index", "width"), [(-1, 0, 1), (64, 0, 1), (0, -1, 1), (0, 2**55, 1), (0, 0, 0), (0, 0, 257)]
    )  # fmt: skip
    def test_no_path_for_what_is_no_tile(self, level, index, width):
        """Levels, indexes and widths out of range are refused."""
        with pytest.raises(ValueError, match=r"tile"):
            tile_path(level, index, width)


class TestBundles:
    def test_entries_stand_after_their_length(self):
        """Two bytes of length, big-endian, then the entry; an empty entry is one too."""
        entries = [b"", b"abc", b"x" * 65_535]

        assert pack_entries(entries[:2]) == b"\x00\x00\x00\x03abc"
        assert unpack_entries(pack_entries(entries)) == entries
        assert pack_entries([]) == b""
        assert unpack_entries(b"") == []

    def test_an_entry_too_long_is_refused(self):
        """What two bytes cannot count is not cut but refused."""
        with pytest.raises(ValueError, match="65536 bytes"):
            pack_entries([b"x" * 65_536])

    @pytest.mark.parametrize(
        "bundle", [b"\x00", b"\x00\x01", b"\x00\x00\x00", b"\x00\x03ab", b"\x00\x01a\x00"]
    )
    def test_a_cut_bundle_is_refused(self, bundle):
        """A bundle ends where an entry ends."""
        with pytest.raises(ValueError, match="ends inside entry"):
            unpack_entries(bundle)
