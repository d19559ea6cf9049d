"""The trees over the log in SQL: what waits gets its place, tiles grow, checkpoints are kept.

One process at a time takes what waits, gives it places without gaps and extends the tree. On PostgreSQL a lock that
lives as long as the transaction says whose turn it is; on SQLite its one writer does. Within a batch the order is that
of writing: what one consent's row makes wait for one another stands in the tree in the order in which it was committed.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    bindparam,
    delete,
    func,
    literal_column,
    select,
    text,
    tuple_,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from gateway.records import Entry, Extension, Head, Place, ProofParts, Tail, Tile
from gateway.store.bulk import insert_rows
from gateway.store.database import Database
from gateway.store.kept_tiles import KeptTiles
from gateway.store.log import entry_of, entry_row
from gateway.store.refusals import already_recorded, is_id
from gateway.store.tables import (
    audit_about,
    audit_checkpoint,
    audit_entry,
    audit_pending,
    audit_place,
    audit_tile,
)

_place, _tile, _checkpoint = audit_place.c, audit_tile.c, audit_checkpoint.c

_TURN = text("SELECT pg_advisory_xact_lock(7017017)")
_TRY_TURN = text("SELECT pg_try_advisory_xact_lock(7017017)")
_CURRENT = select(func.coalesce(func.max(_checkpoint.shard), 1)).scalar_subquery()
_HEAD = select(audit_checkpoint).order_by(_checkpoint.shard.desc(), _checkpoint.size.desc()).limit(1)
_SIZE = select(func.coalesce(func.max(_place.index) + 1, 0))
_OF_ITS_TREE = select(_checkpoint.note).where(_checkpoint.shard == _place.shard)
_BASIS = select(
    _place.shard,
    _place.index,
    func.coalesce(
        _OF_ITS_TREE.where(_checkpoint.cosigned, _checkpoint.size > _place.index)
        .order_by(_checkpoint.size.desc())
        .limit(1)
        .scalar_subquery(),
        _OF_ITS_TREE.order_by(_checkpoint.size.desc()).limit(1).scalar_subquery(),
    ),
).where(_place.entry_id == bindparam("entry"))
_WAITING = (
    select(audit_entry.c.id, audit_entry.c.leaf, audit_pending.c.number)
    .join_from(audit_pending, audit_entry, audit_entry.c.id == audit_pending.c.entry_id)
    .order_by(audit_pending.c.number)
    .limit(bindparam("most"))
)
_OLDEST_WAITING = (
    select(audit_entry.c.at)
    .join_from(audit_pending, audit_entry, audit_entry.c.id == audit_pending.c.entry_id)
    .order_by(audit_pending.c.number)
    .limit(1)
)
# A list of keys is a statement written anew each time, which costs more than asking for each of a few.
_FEW_TILES = 4
_TILE = select(_tile.hashes).where(
    _tile.shard == bindparam("at_shard"),
    _tile.level == bindparam("at_level"),
    _tile.index == bindparam("at_index"),
)
# On SQLite nobody else has written since the batch was read. On PostgreSQL numbers are drawn before they are committed:
# a lower one may appear later, so those that were placed are named.
_PLACED_UP_TO = text("DELETE FROM audit_pending WHERE number <= :last")
_PLACED = text("DELETE FROM audit_pending WHERE number = ANY(:numbers)")
_FORGOTTEN = (
    ~select(_place.entry_id).where(_place.entry_id == audit_entry.c.id).exists(),
    ~select(audit_pending.c.entry_id).where(audit_pending.c.entry_id == audit_entry.c.id).exists(),
)
_SHARD_BITS = 48
_IN_SHARD = (1 << _SHARD_BITS) - 1
_SHIFT = literal_column(str(_SHARD_BITS), Integer)  # PostgreSQL shifts by an integer, not by a bigint


def position(place: Place) -> int:
    """A place as one number that sorts: of the first tree the index itself."""
    return (place.shard - 1 << _SHARD_BITS) + place.index


def standing_at(at: ColumnElement[int]) -> ColumnElement[bool]:
    """Whether an entry's place is the one that this number says."""
    in_shard = _place.shard == at.bitwise_rshift(_SHIFT) + 1
    return in_shard & (_place.index == at.bitwise_and(_IN_SHARD))


class SqlTreeLog:
    """`gateway.ports.TreeLog` over SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._kept = KeptTiles()
        upsert = (sqlite if database.is_sqlite else postgresql).insert(audit_tile)
        self._put_tile = upsert.on_conflict_do_update(
            index_elements=["shard", "level", "index"], set_={"hashes": upsert.excluded.hashes}
        )

    async def extend(
        self, edge: Callable[[int], Sequence[Tile]], append: Callable[[Tail], Extension], *, most: int
    ) -> int | None:
        """See `gateway.ports.TreeLog.extend`."""

        def work(connection: Connection) -> int | None:
            if not self._database.is_sqlite and not connection.scalar(_TRY_TURN):
                return None
            rows = connection.execute(_WAITING, {"most": most}).all()
            if not rows:
                return 0
            shard, note = _head(connection)
            size = int(connection.scalar(_SIZE.where(_place.shard == shard)) or 0)
            tiles = _tiles(connection, edge(size), shard)
            tail = Tail(size, tiles, note, [(row[0], row[1]) for row in rows], shard)
            self._write(connection, tail, append(tail))
            self._forget_waiting(connection, [row[2] for row in rows])
            return len(rows)

        return await self._database.write(work)

    async def open_shard(self, shard: int, entry: Entry, append: Callable[[Tail], Extension]) -> None:
        """See `gateway.ports.TreeLog.open_shard`."""
        tail = Tail(0, {}, None, [(entry.id, entry.leaf)], shard)

        def work(connection: Connection) -> None:
            self._take_turn(connection)
            if _head(connection).shard >= shard:
                raise already_recorded()
            insert_rows(connection, audit_entry, [entry_row(entry)])
            self._write(connection, tail, append(tail))

        await self._database.write(work)

    def _take_turn(self, connection: Connection) -> None:
        if not self._database.is_sqlite:
            connection.execute(_TURN)

    def _write(self, connection: Connection, tail: Tail, extension: Extension) -> None:
        shard = tail.shard
        places = [
            {"shard": shard, "index": index, "entry_id": entry_id}
            for index, (entry_id, _) in enumerate(tail.waiting, tail.size)
        ]
        about = [{"subject_ref": ref, "index": position(Place(shard, at))} for ref, at in extension.about]
        tiles = [
            {"shard": shard, "level": level, "index": index, "hashes": hashes}
            for (level, index), hashes in extension.tiles.items()
        ]
        signed = {"shard": shard, "size": extension.size, "at": extension.at, "note": extension.note}
        insert_rows(connection, audit_place, places)
        insert_rows(connection, audit_about, about)
        connection.execute(self._put_tile, tiles)
        insert_rows(connection, audit_checkpoint, [signed])

    def _forget_waiting(self, connection: Connection, numbers: list[int]) -> None:
        if self._database.is_sqlite:
            connection.execute(_PLACED_UP_TO, {"last": numbers[-1]})
        else:
            connection.execute(_PLACED, {"numbers": numbers})

    async def head(self) -> Head:
        """See `gateway.ports.TreeLog.head`."""
        return await self._database.read(_head)

    async def shards(self) -> Sequence[Head]:
        """See `gateway.ports.TreeLog.shards`."""

        def work(connection: Connection) -> list[Head]:
            found: list[Head] = []
            newest = _HEAD.where(_checkpoint.shard < bindparam("below"))
            below = _MOST_SHARDS
            while row := connection.execute(newest, {"below": below}).one_or_none():
                found.append(Head(row.shard, row.note))
                below = row.shard
            return found[::-1]

        return await self._database.read(work)

    async def size(self, *, shard: int | None = None) -> int:
        """See `gateway.ports.TreeLog.size`."""
        query = _SIZE.where(_place.shard == _or_current(shard))
        return int(await self._database.read(lambda connection: connection.scalar(query)) or 0)

    async def checkpoint(self, *, shard: int | None = None) -> str | None:
        """See `gateway.ports.TreeLog.checkpoint`."""
        if shard is None:
            return (await self.head()).note
        query = _HEAD.where(_checkpoint.shard == shard)
        row = await self._database.read(lambda connection: connection.execute(query).one_or_none())
        return None if row is None else str(row.note)

    async def checkpoints(
        self, *, after: int, limit: int, shard: int | None = None
    ) -> Sequence[tuple[int, str]]:
        """See `gateway.ports.TreeLog.checkpoints`."""
        query = (
            select(_checkpoint.size, _checkpoint.note)
            .where(_checkpoint.shard == _or_current(shard), _checkpoint.size > after)
            .order_by(_checkpoint.size)
            .limit(limit)
        )
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        return [(row[0], row[1]) for row in rows]

    async def signed_before(
        self, moment: datetime, *, shard: int, after: int, limit: int
    ) -> Sequence[tuple[int, datetime, str]]:
        """See `gateway.ports.TreeLog.signed_before`."""
        query = (
            select(_checkpoint.size, _checkpoint.at, _checkpoint.note)
            .where(_checkpoint.shard == shard, _checkpoint.size > after, _checkpoint.at < moment)
            .order_by(_checkpoint.size)
            .limit(limit)
        )
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        return [(row[0], row[1], row[2]) for row in rows]

    async def drop_checkpoints(self, shard: int, sizes: Sequence[int]) -> int:
        """See `gateway.ports.TreeLog.drop_checkpoints`."""
        newest = select(func.max(_checkpoint.size)).where(_checkpoint.shard == shard).scalar_subquery()
        statement = delete(audit_checkpoint).where(
            _checkpoint.shard == shard, _checkpoint.size.in_(list(sizes)), _checkpoint.size < newest
        )
        return await self._database.write(lambda connection: connection.execute(statement).rowcount)

    async def cosign(self, shard: int, size: int, before: str, note: str) -> bool:
        """See `gateway.ports.TreeLog.cosign`."""
        key = (_checkpoint.shard == shard, _checkpoint.size == size, _checkpoint.note == before)
        cosigned = update(audit_checkpoint).where(*key).values(note=note, cosigned=True)
        return await self._database.write(lambda connection: connection.execute(cosigned).rowcount) == 1

    async def cosigned(self, *, shard: int | None = None) -> tuple[int, str] | None:
        """See `gateway.ports.TreeLog.cosigned`."""
        query = (
            select(_checkpoint.size, _checkpoint.note)
            .where(_checkpoint.shard == _or_current(shard), _checkpoint.cosigned)
            .order_by(_checkpoint.size.desc())
            .limit(1)
        )
        row = await self._database.read(lambda connection: connection.execute(query).one_or_none())
        return None if row is None else (row[0], row[1])

    async def tiles(self, wanted: Sequence[Tile], *, shard: int | None = None) -> Mapping[Tile, bytes]:
        """See `gateway.ports.TreeLog.tiles`."""
        return await self._database.read(lambda connection: _tiles(connection, wanted, shard))

    async def leaves(self, begin: int, end: int, *, shard: int | None = None) -> Sequence[bytes]:
        """See `gateway.ports.TreeLog.leaves`."""
        query = (
            select(audit_entry.c.leaf)
            .join_from(audit_place, audit_entry, audit_entry.c.id == _place.entry_id)
            .where(_place.shard == _or_current(shard), _place.index >= begin, _place.index < end)
            .order_by(_place.index)
        )
        return await self._database.read(lambda connection: connection.scalars(query).all())

    async def place_of(self, entry_id: str) -> Place | None:
        """See `gateway.ports.TreeLog.place_of`."""
        if not is_id(entry_id):
            return None
        query = select(_place.shard, _place.index).where(_place.entry_id == entry_id)
        row = await self._database.read(lambda connection: connection.execute(query).one_or_none())
        return None if row is None else Place(*row)

    async def proof_parts(
        self, entry_id: str, wanted: Callable[[Place, str], Mapping[Tile, int]]
    ) -> ProofParts | None:
        """See `gateway.ports.TreeLog.proof_parts`."""
        if not is_id(entry_id):
            return None

        def work(connection: Connection) -> ProofParts | None:
            row = connection.execute(_BASIS, {"entry": entry_id}).one_or_none()
            if row is None:
                return None
            place = Place(row[0], row[1])
            needed = wanted(place, row[2])
            kept = self._kept.long_enough(place.shard, needed)
            read = _tiles(connection, [tile for tile in needed if tile not in kept], place.shard)
            self._kept.keep(place.shard, read)
            return ProofParts(place, row[2], kept | read)

        return await self._database.read(work)

    async def about(self, subject_ref: str, *, after: int, limit: int) -> Sequence[tuple[int, Entry]]:
        """See `gateway.ports.TreeLog.about`."""
        if not is_id(subject_ref):
            return []
        at = audit_about.c.index
        query = (
            select(at.label("place"), audit_entry)
            .join_from(audit_about, audit_place, standing_at(at))
            .join(audit_entry, audit_entry.c.id == _place.entry_id)
            .where(audit_about.c.subject_ref == subject_ref, at > after)
            .order_by(at)
            .limit(limit)
        )
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        return [(row[0], entry_of(row[1:])) for row in rows]

    async def waiting_since(self) -> datetime | None:
        """See `gateway.ports.TreeLog.waiting_since`."""
        return await self._database.read(lambda connection: connection.scalar(_OLDEST_WAITING))

    async def queue_forgotten(self, *, after: str, limit: int) -> tuple[str, int]:
        """See `gateway.ports.TreeLog.queue_forgotten`."""
        some = select(audit_entry.c.id).where(audit_entry.c.id > after).order_by(audit_entry.c.id)
        last = select(func.max(some.limit(limit).subquery().c.id))
        until = await self._database.read(lambda connection: connection.scalar(last))
        if until is None:
            return "", 0
        forgotten = select(audit_entry.c.id).where(
            audit_entry.c.id > after, audit_entry.c.id <= until, *_FORGOTTEN
        )
        if not await self._database.read(lambda connection: connection.scalar(forgotten.limit(1))):
            return until, 0

        def work(connection: Connection) -> int:
            self._take_turn(connection)  # else one that is being placed could be taken for forgotten
            ids = connection.scalars(forgotten.order_by(audit_entry.c.id)).all()
            insert_rows(connection, audit_pending, [{"entry_id": each} for each in ids])
            return len(ids)

        return until, await self._database.write(work)


_MOST_SHARDS = 1 << 15


def _or_current(shard: int | None) -> Any:
    return _CURRENT if shard is None else shard


def _head(connection: Connection) -> Head:
    row = connection.execute(_HEAD).one_or_none()
    return Head(1, None) if row is None else Head(row.shard, row.note)


def _tiles(connection: Connection, wanted: Sequence[Tile], shard: int | None) -> dict[Tile, bytes]:
    if shard is not None and len(wanted) <= _FEW_TILES:
        read = ((tile, connection.scalar(_TILE, _key(shard, tile))) for tile in wanted)
        return {tile: hashes for tile, hashes in read if hashes is not None}
    key = tuple_(_tile.level, _tile.index)
    query = select(_tile.level, _tile.index, _tile.hashes).where(
        _tile.shard == _or_current(shard), key.in_([tuple(tile) for tile in wanted])
    )
    return {(row[0], row[1]): row[2] for row in connection.execute(query)} if wanted else {}


def _key(shard: int, tile: Tile) -> dict[str, int]:
    return {"at_shard": shard, "at_level": tile[0], "at_index": tile[1]}
