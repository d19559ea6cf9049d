"""The log in SQL as its readers search it: in bounded steps, on connections that no gate waits for.

Ids, requests, officers and cases are found by index. Anything else is looked for through a stretch of entries in order
of id: the database sifts them for bytes of the leaf, so that only what may match is brought here.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, literal, select

from gateway.records import Entry, EntryFilter, EntryKind, Scanned
from gateway.store.bulk import among
from gateway.store.database import Database
from gateway.store.log import entry_of
from gateway.store.refusals import is_id
from gateway.store.tables import audit_about, audit_entry, audit_place
from gateway.store.tree import standing_at

_MOST_OF_REQUESTS = 10_000
_e = audit_entry.c
_OF_REQUESTS = (
    select(audit_entry)
    .where(among(_e.request, "requests"), among(_e.kind, "kinds"))
    .order_by(_e.id)
    .limit(_MOST_OF_REQUESTS)
)


class SqlEntrySearch:
    """`gateway.ports.EntrySearch` over SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database.for_readers()

    async def entry(self, entry_id: str) -> Entry | None:
        """See `gateway.ports.EntrySearch.entry`."""
        if not is_id(entry_id):
            return None
        query = select(audit_entry).where(_e.id == entry_id)
        row = await self._database.read(lambda connection: connection.execute(query).one_or_none())
        return None if row is None else entry_of(row)

    async def scan(
        self, wanted: EntryFilter, *, after: str, upto: str | None, most: int, limit: int
    ) -> Scanned:
        """See `gateway.ports.EntrySearch.scan`."""
        if not all(map(is_id, (after, upto or "", *texts_of(wanted)))):
            return Scanned((), None)
        stretch = [_e.id > after] if upto is None else [_e.id > after, _e.id <= upto]
        conditions = [*_equal(wanted), *_times(wanted), *self._telling(wanted)]
        last = select(_e.id).where(*stretch).order_by(_e.id).limit(1).offset(most - 1)

        def work(connection: Connection) -> Scanned:
            end = None if is_indexed(wanted) else connection.scalar(last)
            within = [*stretch, _e.id <= end] if end else stretch
            page = select(audit_entry).where(*within, *conditions).order_by(_e.id).limit(limit)
            found = [entry_of(row) for row in connection.execute(page)]
            return Scanned(found, found[-1].id if len(found) == limit else end)

        return await self._database.read(work)

    def _telling(self, wanted: EntryFilter) -> list[ColumnElement[bool]]:
        place_in = func.instr if self._database.is_sqlite else func.pg_catalog.position
        return [place_in(_e.leaf, literal(told)) > 0 for told in wanted.telling]

    async def of_requests(self, requests: Sequence[str], kinds: Sequence[EntryKind]) -> Sequence[Entry]:
        """See `gateway.ports.EntrySearch.of_requests`."""
        of = {"requests": [each for each in requests if is_id(each)], "kinds": [each.value for each in kinds]}
        rows = await self._database.read(lambda connection: connection.execute(_OF_REQUESTS, of).all())
        return [entry_of(row) for row in rows]

    async def about(
        self, subject_ref: str, *, beyond: int | None, limit: int, newest_first: bool = False
    ) -> Sequence[tuple[int, Entry]]:
        """See `gateway.ports.EntrySearch.about`."""
        if not is_id(subject_ref):
            return []
        at = audit_about.c.index
        query = (
            select(at.label("place"), audit_entry)
            .join_from(audit_about, audit_place, standing_at(at))
            .join(audit_entry, _e.id == audit_place.c.entry_id)
            .where(audit_about.c.subject_ref == subject_ref)
            .order_by(at.desc() if newest_first else at)
            .limit(limit)
        )
        if beyond is not None:
            query = query.where(at < beyond if newest_first else at > beyond)
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        return [(row[0], entry_of(row[1:])) for row in rows]

    async def count_about(self, subject_ref: str, *others: str) -> int:
        """See `gateway.ports.EntrySearch.count_about`."""
        refs = [ref for ref in (subject_ref, *others) if is_id(ref)]
        counted = func.count(audit_about.c.index.distinct()) if others else func.count()
        query = select(counted).select_from(audit_about).where(audit_about.c.subject_ref.in_(refs))
        if not refs:
            return 0
        return await self._database.read(lambda connection: connection.scalar(query)) or 0


def is_indexed(wanted: EntryFilter) -> bool:
    """Whether an index leads to what is wanted, so that no stretch has to be walked through."""
    return any(each is not None for each in (wanted.request, wanted.actor_key, wanted.case_key))


def texts_of(wanted: EntryFilter) -> tuple[str, ...]:
    """The texts that a filter compares with."""
    return tuple(each or "" for each in (wanted.request, wanted.caller, wanted.actor_key, wanted.case_key))


def _equal(wanted: EntryFilter) -> list[ColumnElement[bool]]:
    values: Mapping[Any, str | None] = {
        _e.request: wanted.request,
        _e.kind: wanted.kind.value if wanted.kind else None,
        _e.caller: wanted.caller,
        _e.actor_key: wanted.actor_key,
        _e.case_key: wanted.case_key,
    }
    return [column == value for column, value in values.items() if value is not None]


def _times(wanted: EntryFilter) -> list[ColumnElement[bool]]:
    since = [] if wanted.since is None else [_e.at >= wanted.since]
    return since if wanted.until is None else [*since, _e.at < wanted.until]
