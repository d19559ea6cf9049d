"""What is made of the same few objects in every request, made once: told apart by identity, for they are dear to hash.

The asks of a call belong to their form: they are the very same tuple each time it is resolved.
"""

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

Made = TypeVar("Made")

_MOST = 1_024
"""Kept at once; then all are forgotten, which costs no more than making them again."""


class ByIdentity(Generic[Made]):
    """What `make` makes of a tuple whose members never change; of any other sequence it is made each time."""

    def __init__(self, make: Callable[[Sequence[Any]], Made]) -> None:
        self._make = make
        # The tuple is kept with it: nothing else can have its identity meanwhile.
        self._kept: dict[int, tuple[Sequence[Any], Made]] = {}

    def of(self, things: Sequence[Any]) -> Made:
        """What was made of that very tuple before, or is made now."""
        known = self._kept.get(id(things))
        if known is not None:
            return known[1]
        made = self._make(things)
        if type(things) is tuple:
            if len(self._kept) >= _MOST:
                self._kept.clear()
            self._kept[id(things)] = things, made
        return made
