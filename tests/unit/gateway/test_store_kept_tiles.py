"""Tiles kept for proofs: only what is as long as it must be, and never more than a bounded number."""

from gateway.store.kept_tiles import KeptTiles

WHOLE = bytes(256 * 32)


def test_what_is_long_enough_is_found() -> None:
    """A tile that has begun serves until more of it is wanted; another tree's never does."""
    kept = KeptTiles()
    kept.keep(1, {(1, 0): bytes(64)})

    assert kept.long_enough(1, {(1, 0): 32}) == {(1, 0): bytes(64)}
    assert kept.long_enough(1, {(1, 0): 64, (1, 1): 32}) == {(1, 0): bytes(64)}
    assert kept.long_enough(1, {(1, 0): 96}) == {}
    assert kept.long_enough(2, {(1, 0): 32}) == {}


def test_a_shorter_tile_never_takes_the_place_of_a_longer() -> None:
    """Two readers may finish in any order."""
    kept = KeptTiles()
    kept.keep(1, {(1, 0): bytes(64)})
    kept.keep(1, {(1, 0): bytes(32)})

    assert kept.long_enough(1, {(1, 0): 64}) == {(1, 0): bytes(64)}


def test_whole_tiles_of_leaf_hashes_are_not_kept() -> None:
    """There are too many; the last one, which every proof wants, is kept until it is whole."""
    kept = KeptTiles()
    kept.keep(1, {(0, 5): bytes(32), (0, 4): WHOLE, (1, 0): WHOLE})
    before = kept.long_enough(1, {(0, 5): 32, (0, 4): 32, (1, 0): 32})
    kept.keep(1, {(0, 5): WHOLE})

    assert set(before) == {(0, 5), (1, 0)}
    assert kept.long_enough(1, {(0, 5): 32}) == {}


def test_what_was_wanted_last_stays() -> None:
    """However many tiles a log has, no more than so many are kept."""
    kept = KeptTiles(most=2)
    kept.keep(1, {(1, 0): WHOLE, (1, 1): WHOLE})
    kept.long_enough(1, {(1, 0): 32})
    kept.keep(1, {(1, 2): WHOLE})

    assert set(kept.long_enough(1, {(1, place): 32 for place in range(3)})) == {(1, 0), (1, 2)}
