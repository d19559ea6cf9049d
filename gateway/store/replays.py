"""What may be used once: `gateway.ports.Replays` over SQL and in memory.

It outlives a restart and the loss of any cache, so that an assertion that was used stays used for as long as it would
be believed. A key is remembered until `purge` finds its time over, never for less.
"""

from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite

from gateway.store.database import Database
from gateway.store.memory_tables import require_zones
from gateway.store.refusals import is_id, not_storable
from gateway.store.tables import used_once

# A statement may take 3 seconds; so many rows take a tenth of one.
_PORTION = 5_000
_LONGEST = 64


class SqlReplays:
    """`gateway.ports.Replays` over SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._insert = (sqlite if database.is_sqlite else postgresql).insert(used_once)

    async def add_once(self, key: str, until: datetime) -> bool:
        """See `gateway.ports.Replays.add_once`."""
        _require_key(key)
        row = self._insert.values(key=key, expires_at=until).on_conflict_do_nothing(index_elements=["key"])
        counted = {"preserve_rowcount": True}
        return await self._database.write(
            lambda connection: connection.execute(row, execution_options=counted).rowcount == 1
        )

    async def was_used(self, key: str) -> bool:
        """See `gateway.ports.Replays.was_used`."""
        _require_key(key)
        wanted = select(used_once.c.key).where(used_once.c.key == key)
        return await self._database.read(lambda connection: connection.execute(wanted).first() is not None)

    async def purge(self, before: datetime) -> int:
        """See `gateway.ports.Replays.purge`. Over `_PORTION` rows it takes several transactions."""
        over = select(used_once.c.key).where(used_once.c.expires_at < before).limit(_PORTION)
        forget = delete(used_once).where(used_once.c.key.in_(over))
        total = 0
        while True:
            forgotten = await self._database.write(lambda connection: connection.execute(forget).rowcount)
            total += forgotten
            if forgotten < _PORTION:
                return total


class MemoryReplays:
    """`gateway.ports.Replays` in memory. Nothing waits between look and change, so each method is atomic."""

    def __init__(self) -> None:
        self._used: dict[str, datetime] = {}

    async def add_once(self, key: str, until: datetime) -> bool:
        """See `gateway.ports.Replays.add_once`."""
        _require_key(key)
        require_zones(until)
        if key in self._used:
            return False
        self._used[key] = until
        return True

    async def was_used(self, key: str) -> bool:
        """See `gateway.ports.Replays.was_used`."""
        _require_key(key)
        return key in self._used

    async def purge(self, before: datetime) -> int:
        """See `gateway.ports.Replays.purge`."""
        over = [key for key, until in self._used.items() if until < before]
        for key in over:
            del self._used[key]
        return len(over)


def _require_key(key: str) -> None:
    """Nothing, or a refusal: a key is a digest, and SQLite would take one of any length."""
    if not is_id(key) or not 0 < len(key) <= _LONGEST:
        raise not_storable()
