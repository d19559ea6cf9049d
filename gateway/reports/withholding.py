"""Which cells of a table are not published: those of few applications, and what they could be worked out from. Pure.

Whoever sees a total and all cells but one can subtract. So a table withholds none, or at least two cells that come to
at least `LEAST` applications together. It covers one table: somebody who is given two tables of the same period by
different things may still compare them, which is why the outside is given whole months and no filters.
"""

from collections.abc import Hashable, Mapping
from typing import TypeVar

Key = TypeVar("Key", bound=Hashable)

LEAST = 10
"""A cell of fewer applications is not published outside the hall (contract, section 3)."""


def withheld(applications: Mapping[Key, int], *, least: int = LEAST) -> frozenset[Key]:
    """The keys that are not published, smallest cells first; none when every cell is large enough.

    >>> sorted(withheld({"a": 3, "b": 40, "c": 12}))
    ['a', 'c']
    """
    by_size = sorted(applications, key=lambda key: (applications[key], str(key)))
    hidden = [key for key in by_size if applications[key] < least]
    for key in by_size[len(hidden) :]:
        if not hidden or (len(hidden) > 1 and sum(applications[each] for each in hidden) >= least):
            break
        hidden.append(key)
    return frozenset(hidden)
