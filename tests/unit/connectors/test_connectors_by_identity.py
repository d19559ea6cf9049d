"""What is made of the same tuple in every request is made once."""

import gc
import weakref
from collections.abc import Sequence
from typing import Any

from connectors.by_identity import _MOST, ByIdentity


def counted() -> tuple[ByIdentity[list[Any]], list[int]]:
    """One that notes how long each thing was that something was made of."""
    made: list[int] = []

    def make(things: Sequence[Any]) -> list[Any]:
        made.append(len(things))
        return list(things)

    return ByIdentity(make), made


def test_the_same_tuple_is_looked_at_once() -> None:
    """The very same object is given again."""
    kept, made = counted()
    things = tuple(range(3))

    assert kept.of(things) is kept.of(things)
    assert made == [3]


def test_an_equal_tuple_is_another() -> None:
    """What cannot be hashed cheaply is not compared either."""
    kept, made = counted()
    first, second = tuple(range(2)), tuple(range(2))

    assert kept.of(first) == kept.of(second)
    assert kept.of(first) is not kept.of(second)
    assert made == [2, 2]


def test_a_list_is_looked_at_each_time() -> None:
    """It may have changed."""
    kept, _ = counted()
    things = [1]
    assert kept.of(things) == [1]

    things.append(2)

    assert kept.of(things) == [1, 2]


def test_no_other_tuple_takes_the_place_of_one_that_is_gone() -> None:
    """Thousands of short-lived tuples, many at the same address: each gets what was made of itself."""
    kept, _ = counted()

    assert all(kept.of((number, number + 1)) == [number, number + 1] for number in range(3 * _MOST))


def test_not_more_is_kept_than_said() -> None:
    """Tuples are let go of once there are too many."""

    class Thing:
        pass

    kept, _ = counted()
    thing = Thing()
    seen = weakref.ref(thing)
    kept.of((thing,)).clear()
    del thing
    assert seen() is not None

    for number in range(_MOST):
        kept.of((number,))

    gc.collect()
    assert seen() is None
