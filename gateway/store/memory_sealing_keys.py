"""Departments' encryption keys: `gateway.ports.SealingKeys` in memory."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from gateway.records import Entry, SealingKey
from gateway.store.memory_tables import MemoryTables, page, require_zones
from gateway.store.refusals import already_recorded


class MemorySealingKeys:
    """`gateway.ports.SealingKeys` in memory."""

    def __init__(self, tables: MemoryTables) -> None:
        self._tables = tables

    async def newest(self, department: str) -> SealingKey | None:
        """See `gateway.ports.SealingKeys.newest`."""
        standing = (each for each in self._standing() if each.department == department)
        return max(standing, key=lambda each: each.id, default=None)

    async def read(self, key_id: str) -> SealingKey | None:
        """See `gateway.ports.SealingKeys.read`."""
        return self._tables.sealing_keys.get(key_id)

    async def add(self, made: SealingKey, entry: Entry) -> None:
        """See `gateway.ports.SealingKeys.add`."""
        tables = self._tables
        tables.admit(tables.sealing_keys, made.id, made, entry)
        if any((each.department, each.kid) == (made.department, made.kid) for each in self._standing()):
            raise already_recorded()
        tables.sealing_keys[made.id] = made
        tables.log(entry)

    async def end(self, key_id: str, at: datetime, entry: Entry) -> bool:
        """See `gateway.ports.SealingKeys.end`."""
        tables, found = self._tables, self._tables.sealing_keys.get(key_id)
        if found is None or found.ended_at is not None:
            return False
        require_zones(at)
        tables.admit({}, None, entry)
        tables.sealing_keys[key_id] = replace(found, ended_at=at, ended_entry=entry.id)
        tables.log(entry)
        return True

    async def listing(self, *, after: str, limit: int) -> Sequence[SealingKey]:
        """See `gateway.ports.SealingKeys.listing`."""
        keys = self._tables.sealing_keys
        return [keys[each] for each in page(keys, after, limit)]

    def _standing(self) -> list[SealingKey]:
        return [each for each in self._tables.sealing_keys.values() if each.ended_at is None]
