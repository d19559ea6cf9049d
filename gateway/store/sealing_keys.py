"""Departments' encryption keys: `gateway.ports.SealingKeys` over SQL."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection, Row, insert, select, update

from gateway.records import Entry, SealingKey
from gateway.store.database import Database
from gateway.store.log import write_entries
from gateway.store.refusals import already_recorded, is_id
from gateway.store.sealing_tables import sealing_key

_k = sealing_key.c


class SqlSealingKeys:
    """`gateway.ports.SealingKeys` over SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def newest(self, department: str) -> SealingKey | None:
        """See `gateway.ports.SealingKeys.newest`."""
        standing = select(sealing_key).where(_k.department == department, _k.ended_at.is_(None))
        return await self._one(standing.order_by(_k.id.desc()).limit(1), department)

    async def read(self, key_id: str) -> SealingKey | None:
        """See `gateway.ports.SealingKeys.read`."""
        return await self._one(select(sealing_key).where(_k.id == key_id), key_id)

    async def _one(self, query: Any, named: str) -> SealingKey | None:
        if not is_id(named):
            return None
        row = await self._database.read(lambda connection: connection.execute(query).one_or_none())
        return None if row is None else _key(row)

    async def add(self, made: SealingKey, entry: Entry) -> None:
        """See `gateway.ports.SealingKeys.add`."""
        same = select(_k.id).where(
            _k.department == made.department, _k.kid == made.kid, _k.ended_at.is_(None)
        )
        row = {column.name: getattr(made, column.name) for column in sealing_key.columns}
        row["jwk"] = orjson.dumps(dict(made.jwk)).decode()

        def work(connection: Connection) -> None:
            if connection.execute(same).first() is not None:
                raise already_recorded()
            connection.execute(insert(sealing_key), row)
            write_entries(connection, [entry])

        await self._database.write(work)

    async def end(self, key_id: str, at: datetime, entry: Entry) -> bool:
        """See `gateway.ports.SealingKeys.end`."""
        ended = (
            update(sealing_key)
            .where(_k.id == key_id, _k.ended_at.is_(None))
            .values(ended_at=at, ended_entry=entry.id)
        )

        def work(connection: Connection) -> bool:
            if connection.execute(ended).rowcount != 1:
                return False
            write_entries(connection, [entry])
            return True

        return await self._database.write(work) if is_id(key_id) else False

    async def listing(self, *, after: str, limit: int) -> Sequence[SealingKey]:
        """See `gateway.ports.SealingKeys.listing`."""
        if not is_id(after):
            return []
        query = select(sealing_key).where(_k.id > after).order_by(_k.id).limit(limit)
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        return [_key(row) for row in rows]


def _key(row: Row[Any]) -> SealingKey:
    return SealingKey(**{**row._asdict(), "jwk": orjson.loads(row.jwk)})
