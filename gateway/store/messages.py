"""The outbox in SQL: what clients are to be told by webhook, written with what it tells of, tried until answered."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, insert, select, update

from gateway.records import Message
from gateway.store.bulk import among
from gateway.store.database import Database
from gateway.store.dispute_tables import message
from gateway.store.refusals import is_id

_m = message.c
_ALL: Select[Any] = select(message).order_by(_m.id)
_TAKEN = update(message).where(among(_m.id, "ids"))


def insert_messages(connection: Connection, messages: Sequence[Message]) -> None:
    """Put messages into the outbox, in the transaction of what they tell of."""
    if messages:
        connection.execute(insert(message), [_columns(each) for each in messages])


class SqlOutbox:
    """`gateway.ports.Outbox` over SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self, now: datetime, until: datetime, *, limit: int) -> Sequence[Message]:
        """See `gateway.ports.Outbox.claim`."""
        due = (
            _ALL.where(_m.next_at.is_not(None), _m.next_at <= now)
            .order_by(None)
            .order_by(_m.next_at, _m.id)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )

        waits = select(_m.id).where(_m.next_at.is_not(None), _m.next_at <= now).limit(1)
        if await self._database.read(lambda connection: connection.scalar(waits)) is None:
            return []  # mostly; a transaction that writes would hold up others for nothing

        def work(connection: Connection) -> list[Message]:
            taken = [_message(row) for row in connection.execute(due)]
            if taken:
                ids = {"ids": [each.id for each in taken]}
                connection.execute(_TAKEN.values(next_at=until), ids)
            return taken

        return await self._database.write(work)

    async def settle(self, settled: Message) -> None:
        """See `gateway.ports.Outbox.settle`."""
        put = (
            update(message)
            .where(_m.id == settled.id, _m.delivered_at.is_(None))
            .values(
                next_at=settled.next_at,
                tries=settled.tries,
                delivered_at=settled.delivered_at,
                failure=settled.failure,
            )
        )
        await self._database.write(lambda connection: connection.execute(put).close())

    async def about(self, about: str, *, after: str, limit: int) -> Sequence[Message]:
        """See `gateway.ports.Outbox.about`."""
        if not is_id(about) or not is_id(after):
            return []
        page = _ALL.where(_m.about == about, _m.id > after).limit(limit)
        rows = await self._database.read(lambda connection: connection.execute(page).all())
        return [_message(row) for row in rows]


def _message(row: Row[Any]) -> Message:
    return Message(**row._asdict())


def _columns(each: Message) -> dict[str, Any]:
    names = ("id", "client", "about", "created_at", "body", "next_at", "tries", "delivered_at", "failure")
    return {name: getattr(each, name) for name in names}
