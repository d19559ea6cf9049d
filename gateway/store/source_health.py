"""How sources did, by day: `gateway.ports.SourceHealth` over SQL.

Every worker adds to the same rows, in the same order, so that none waits for another in a circle.
"""

from collections.abc import Sequence
from datetime import date

from sqlalchemy import Connection, Insert, Table, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite

from gateway.records import AnswerCount, CallCount
from gateway.store.database import Database
from gateway.store.health_tables import form_day, source_day
from gateway.store.refusals import is_id


class SqlSourceHealth:
    """`gateway.ports.SourceHealth` over SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._add_calls = self._adding(source_day)
        self._add_answers = self._adding(form_day)

    def _adding(self, table: Table) -> Insert:
        insert = (sqlite if self._database.is_sqlite else postgresql).insert(table)
        keys = [column.name for column in table.primary_key]
        together = table.c.count + insert.excluded.count
        adding: Insert = insert.on_conflict_do_update(index_elements=keys, set_={"count": together})
        return adding

    async def add(self, day: date, calls: Sequence[CallCount], answers: Sequence[AnswerCount]) -> None:
        """See `gateway.ports.SourceHealth.add`."""
        of_calls = [
            {
                "source": each.source,
                "day": day,
                "outcome": each.outcome,
                "up_to_ms": each.up_to_ms,
                "count": each.count,
            }
            for each in sorted(calls, key=lambda each: (each.source, each.outcome, each.up_to_ms))
        ]
        of_answers = [
            {"form": each.form, "day": day, "up_to_ms": each.up_to_ms, "count": each.count}
            for each in sorted(answers, key=lambda each: (each.form, each.up_to_ms))
        ]

        def work(connection: Connection) -> None:
            if of_calls:
                connection.execute(self._add_calls, of_calls)
            if of_answers:
                connection.execute(self._add_answers, of_answers)

        await self._database.write(work)

    async def calls(self, since: date, until: date) -> Sequence[CallCount]:
        """See `gateway.ports.SourceHealth.calls`."""
        column = source_day.c
        what = (column.source, column.outcome, column.up_to_ms)
        query = (
            select(*what, func.sum(column.count))
            .where(column.day >= since, column.day < until)
            .group_by(*what)
            .order_by(*what)
        )
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        return [CallCount(source, outcome, up_to, int(count)) for source, outcome, up_to, count in rows]

    async def answers(self, since: date, until: date, *, after: str, limit: int) -> Sequence[AnswerCount]:
        """See `gateway.ports.SourceHealth.answers`."""
        if not is_id(after):
            return []
        column = form_day.c
        within = (column.day >= since, column.day < until, column.form > after)
        forms = select(column.form).where(*within).distinct().order_by(column.form).limit(limit)
        query = (
            select(column.form, column.up_to_ms, func.sum(column.count))
            .where(*within, column.form.in_(forms))
            .group_by(column.form, column.up_to_ms)
            .order_by(column.form, column.up_to_ms)
        )
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        return [AnswerCount(form, up_to, int(count)) for form, up_to, count in rows]

    async def purge(self, before: date) -> int:
        """See `gateway.ports.SourceHealth.purge`."""

        def work(connection: Connection) -> int:
            gone = [
                connection.execute(delete(table).where(table.c.day < before)).rowcount
                for table in (source_day, form_day)
            ]
            return sum(gone)

        return await self._database.write(work)
