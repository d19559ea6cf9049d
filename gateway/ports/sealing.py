"""The keys that departments have their values sealed to."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from gateway.records import Entry, SealingKey


class SealingKeys(Protocol):
    """Public keys of departments. Never from a cache: a key that is ended seals nothing more."""

    async def newest(self, department: str) -> SealingKey | None:
        """The newest key of that department that stands; None when it has none."""
        ...

    async def read(self, key_id: str) -> SealingKey | None:
        """That key as it stands now, an ended one too."""
        ...

    async def add(self, made: SealingKey, entry: Entry) -> None:
        """Register a key with its entry; raises `Conflict` where that department has one of that `kid` standing."""
        ...

    async def end(self, key_id: str, at: datetime, entry: Entry) -> bool:
        """End a key, with its entry; False, and nothing written, when it does not stand."""
        ...

    async def listing(self, *, after: str, limit: int) -> Sequence[SealingKey]:
        """All keys, ended ones too, by id."""
        ...
