"""Cursors of a look-up in the log: where it goes on, what noted it. Authenticated; one search's fits no other."""

import hmac
import re
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self

from gateway.errors import NotValid
from gateway.runtime import Runtime

_SAME_LOOK_SECONDS = 3_600
_MAC = 32  # characters: 128 bits
_ENTRY_ID = re.compile("aud_[0-9A-Z]{1,36}")


@dataclass(frozen=True, slots=True)
class Position:
    """After which id or place a page begins ("": at the first), and how much of the next resolution was shown."""

    after: str = ""
    skip: int = 0


@dataclass(frozen=True, slots=True)
class Turn:
    """One page's turn in a look-up. `search`: what is looked for, by whom. `entry`, `since`: what noted it, when."""

    search: bytes
    position: Position = Position()
    entry: str = ""
    since: int = 0
    is_noted: bool = False

    @classmethod
    def of(cls, cursor: str, search: bytes, runtime: Runtime) -> Self:
        """The turn that a cursor gives; the first one without. Raises `NotValid` for what we gave to no such search.

        The id of an entry begins a new look-up behind it.
        """
        if not cursor or _ENTRY_ID.fullmatch(cursor):
            return cls(search, Position(cursor))
        told, _, mac = cursor.rpartition(".")
        if not hmac.compare_digest(mac.encode(), _mac(told, search, runtime).encode()):
            raise foreign_cursor()
        entry, since, after, skip = told.split(".")
        is_fresh = runtime.clock().timestamp() - int(since) < _SAME_LOOK_SECONDS
        return cls(search, Position(after, int(skip)), entry, int(since), is_fresh)

    def noted(self, entry: str, now: datetime) -> Self:
        """The same, now that this entry tells of it."""
        return replace(self, entry=entry, since=int(now.timestamp()), is_noted=True)

    def at(self, position: Position, runtime: Runtime) -> str:
        """The cursor of the next page."""
        told = f"{self.entry}.{self.since}.{position.after}.{position.skip}"
        return f"{told}.{_mac(told, self.search, runtime)}"


def foreign_cursor() -> NotValid:
    """The refusal of a cursor that was not given to this search."""
    return NotValid("cursor_invalid", "This cursor belongs to another search. Begin anew without one.")


def _mac(told: str, search: bytes, runtime: Runtime) -> str:
    return runtime.fingerprint(b"\0cursor\0" + told.encode() + b"\0" + search)[:_MAC]
