"""The log in SQL: entries as they are written, and the tree that the sequencer builds over them.

Whoever writes an entry puts its id among those that wait, in the same transaction. One process at a time takes what
waits, gives it places without gaps and extends the tree. On PostgreSQL a lock that lives as long as the transaction
says whose turn it is; on SQLite its one writer does. Within a batch the order is that of writing: what one consent's
row makes wait for one another stands in the tree in the order in which it was committed.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, select, text, tuple_
from sqlalchemy.dialects import postgresql, sqlite

from gateway.records import Entry, EntryKind, Extension, Tail, Tile
from gateway.store.bulk import insert_rows
from gateway.store.database import Database
from gateway.store.refusals import is_id
from gateway.store.tables import (
    audit_about,
    audit_checkpoint,
    audit_entry,
    audit_pending,
    audit_place,
    audit_tile,
)

_TURN = text("SELECT pg_try_advisory_xact_lock(7017017)")
_SIZE = select(func.coalesce(func.max(audit_place.c.index) + 1, 0))
_WAITING = (
    select(audit_entry.c.id, audit_entry.c.leaf, audit_pending.c.number)
    .join_from(audit_pending, audit_entry, audit_entry.c.id == audit_pending.c.entry_id)
    .order_by(audit_pending.c.number)
)
_PLACED = delete(audit_pending).where(audit_pending.c.number == bindparam("placed"))
_NEWEST = select(audit_checkpoint.c.note).order_by(audit_checkpoint.c.size.desc()).limit(1)
_OLDEST_WAITING = (
    select(audit_entry.c.at)
    .join_from(audit_pending, audit_entry, audit_entry.c.id == audit_pending.c.entry_id)
    .order_by(audit_pending.c.number)
    .limit(1)
)


def write_entries(connection: Connection, entries: Sequence[Entry]) -> None:
    """Append entries, and let them wait for their places."""
    insert_rows(connection, audit_entry, [entry_row(entry) for entry in entries])
    insert_rows(connection, audit_pending, [{"entry_id": entry.id} for entry in entries])


def entry_row(entry: Entry) -> dict[str, Any]:
    """The columns of one entry."""
    return {
        "id": entry.id,
        "kind": entry.kind.value,
        "at": entry.at,
        "request": entry.request,
        "caller": entry.caller,
        "leaf": entry.leaf,
        "sealed": entry.sealed,
    }


def entry_of(row: Sequence[Any]) -> Entry:
    """An entry from the columns of its table."""
    entry_id, kind, *rest = row
    return Entry(entry_id, EntryKind(kind), *rest)


class SqlTreeLog:
    """`gateway.ports.TreeLog` over SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database
        upsert = (sqlite if database.is_sqlite else postgresql).insert(audit_tile)
        self._put_tile = upsert.on_conflict_do_update(
            index_elements=["level", "index"], set_={"hashes": upsert.excluded.hashes}
        )

    async def extend(
        self, edge: Callable[[int], Sequence[Tile]], append: Callable[[Tail], Extension], *, most: int
    ) -> int | None:
        """See `gateway.ports.TreeLog.extend`."""

        def work(connection: Connection) -> int | None:
            if not self._database.is_sqlite and not connection.scalar(_TURN):
                return None
            rows = connection.execute(_WAITING.limit(most)).all()
            if not rows:
                return 0
            waiting = [(row[0], row[1]) for row in rows]
            size = int(connection.scalar(_SIZE) or 0)
            extension = append(
                Tail(size, _tiles(connection, edge(size)), connection.scalar(_NEWEST), waiting)
            )
            _write(connection, self._put_tile, waiting, extension)
            connection.execute(_PLACED, [{"placed": row[2]} for row in rows])
            return len(rows)

        return await self._database.write(work)

    async def size(self) -> int:
        """See `gateway.ports.TreeLog.size`."""
        return int(await self._database.read(lambda connection: connection.scalar(_SIZE)) or 0)

    async def checkpoint(self) -> str | None:
        """See `gateway.ports.TreeLog.checkpoint`."""
        return await self._database.read(lambda connection: connection.scalar(_NEWEST))

    async def checkpoints(self, *, after: int, limit: int) -> Sequence[tuple[int, str]]:
        """See `gateway.ports.TreeLog.checkpoints`."""
        query = (
            select(audit_checkpoint.c.size, audit_checkpoint.c.note)
            .where(audit_checkpoint.c.size > after)
            .order_by(audit_checkpoint.c.size)
            .limit(limit)
        )
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        return [(row[0], row[1]) for row in rows]

    async def tiles(self, wanted: Sequence[Tile]) -> Mapping[Tile, bytes]:
        """See `gateway.ports.TreeLog.tiles`."""
        return await self._database.read(lambda connection: _tiles(connection, wanted))

    async def leaves(self, begin: int, end: int) -> Sequence[bytes]:
        """See `gateway.ports.TreeLog.leaves`."""
        query = (
            select(audit_entry.c.leaf)
            .join_from(audit_place, audit_entry, audit_entry.c.id == audit_place.c.entry_id)
            .where(audit_place.c.index >= begin, audit_place.c.index < end)
            .order_by(audit_place.c.index)
        )
        return await self._database.read(lambda connection: connection.scalars(query).all())

    async def place_of(self, entry_id: str) -> int | None:
        """See `gateway.ports.TreeLog.place_of`."""
        if not is_id(entry_id):
            return None
        query = select(audit_place.c.index).where(audit_place.c.entry_id == entry_id)
        return await self._database.read(lambda connection: connection.scalar(query))

    async def about(self, subject_ref: str, *, after: int, limit: int) -> Sequence[tuple[int, Entry]]:
        """See `gateway.ports.TreeLog.about`."""
        if not is_id(subject_ref):
            return []
        query = (
            select(audit_about.c.index.label("place"), audit_entry)
            .join_from(audit_about, audit_place, audit_place.c.index == audit_about.c.index)
            .join(audit_entry, audit_entry.c.id == audit_place.c.entry_id)
            .where(audit_about.c.subject_ref == subject_ref, audit_about.c.index > after)
            .order_by(audit_about.c.index)
            .limit(limit)
        )
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        return [(row[0], entry_of(row[1:])) for row in rows]

    async def waiting_since(self) -> datetime | None:
        """See `gateway.ports.TreeLog.waiting_since`."""
        return await self._database.read(lambda connection: connection.scalar(_OLDEST_WAITING))


def _write(
    connection: Connection, put_tile: Any, waiting: Sequence[tuple[str, bytes]], extension: Extension
) -> None:
    begin = extension.size - len(waiting)
    places = [{"index": index, "entry_id": entry_id} for index, (entry_id, _) in enumerate(waiting, begin)]
    tiles = [
        {"level": level, "index": index, "hashes": hashes}
        for (level, index), hashes in extension.tiles.items()
    ]
    checkpoint = {"size": extension.size, "at": extension.at, "note": extension.note}
    insert_rows(connection, audit_place, places)
    insert_rows(connection, audit_about, [{"subject_ref": ref, "index": at} for ref, at in extension.about])
    connection.execute(put_tile, tiles)
    connection.execute(insert(audit_checkpoint), checkpoint)


def _tiles(connection: Connection, wanted: Sequence[Tile]) -> dict[Tile, bytes]:
    if not wanted:
        return {}
    key = tuple_(audit_tile.c.level, audit_tile.c.index)
    query = select(audit_tile).where(key.in_([tuple(tile) for tile in wanted]))
    return {(row[0], row[1]): row[2] for row in connection.execute(query)}
