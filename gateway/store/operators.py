"""Operators and their sessions, in SQL and in memory. Every change rides with its entry; tries are counted first.

Only one of two who log in with the same code gets in: the step is a compare-and-set, and it decides.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Connection, Delete, Row, delete, insert, or_, select, update

from gateway.records import Arrival, Entry, Operator, OperatorSession, Origin, Tried, Waits
from gateway.store.database import Database
from gateway.store.log import write_entries
from gateway.store.memory_tables import MemoryTables, page
from gateway.store.operator_tables import operator_origin
from gateway.store.refusals import already_recorded, changed_meanwhile, is_id, require_separate
from gateway.store.tables import operator, operator_session
from gateway.store.tries import FORGOTTEN_AFTER, TriedFrom, count_try

_o, _s, _p = operator.c, operator_session.c, operator_origin.c


class SqlOperators:
    """`gateway.ports.Operators` over SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, login_key: str) -> Operator | None:
        """See `gateway.ports.Operators.find`."""
        return (
            await self._one(select(operator).where(_o.login_key == login_key)) if is_id(login_key) else None
        )

    async def operator(self, operator_id: str) -> Operator | None:
        """See `gateway.ports.Operators.operator`."""
        return await self._one(select(operator).where(_o.id == operator_id)) if is_id(operator_id) else None

    async def listing(self, *, after: str, limit: int) -> Sequence[Operator]:
        """See `gateway.ports.Operators.listing`."""
        if not is_id(after):
            return []
        query = select(operator).where(_o.id > after).order_by(_o.id).limit(limit)
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        return [_operator(row) for row in rows]

    async def add(self, made: Operator, entry: Entry) -> None:
        """See `gateway.ports.Operators.add`."""
        require_separate(made.roles)
        row = asdict(made) | {"roles": _roles_text(made)}

        def work(connection: Connection) -> None:
            connection.execute(insert(operator), row)
            write_entries(connection, [entry])

        await self._database.write(work)

    async def change(self, read: Operator, changed: Operator, entry: Entry) -> None:
        """See `gateway.ports.Operators.change`."""
        require_separate(changed.roles)
        values = differing(read, changed)
        if "roles" in values:
            values["roles"] = _roles_text(changed)
        as_read = (*_as_judged(read), _o.disabled_at.is_not_distinct_from(read.disabled_at))
        replaced = update(operator).where(*as_read).values(values)
        over = (
            update(operator_session)
            .where(_s.operator == read.id, _s.ended_at.is_(None))
            .values(ended_at=entry.at)
        )

        def work(connection: Connection) -> None:
            if connection.execute(replaced).rowcount == 0:
                raise changed_meanwhile()
            connection.execute(over)
            if "password_hash" in values:
                connection.execute(delete(operator_origin).where(_p.operator == read.id))
            write_entries(connection, [entry])

        await self._database.write(work)

    async def attempt(self, operator_id: str, origin: Origin, now: datetime, *, waits: Waits) -> Tried | None:
        """See `gateway.ports.Operators.attempt`."""
        # The row is locked, so that a hundred tries at once are no more than a hundred in a row.
        asked = select(operator).where(_o.id == operator_id).with_for_update()

        def work(connection: Connection) -> Tried | None:
            row = connection.execute(asked).one_or_none()
            if row is None:
                return None
            connection.execute(_stale(operator_id, now))
            places = _places(connection, operator_id, origin)
            count = count_try(_operator(row), places, origin, now, waits)
            if count is None:
                return None
            after = count.operator
            counted = {"failed_logins": after.failed_logins, "locked_until": after.locked_until}
            connection.execute(update(operator).where(_o.id == operator_id).values(counted))
            _put_places(
                connection, operator_id, {count.origin: count.place} if count.origin is not None else {}
            )
            return count.tried

        return await self._database.write(work) if is_id(operator_id) else None

    async def log_in(
        self,
        read: Operator,
        step: int | None,
        session: OperatorSession,
        entry: Entry,
        *,
        password: str | None,
        arrival: Arrival | None = None,
    ) -> bool:
        """See `gateway.ports.Operators.log_in`."""
        forgets = arrival is None or arrival.forgets_strangers
        values: dict[str, Any] = {"failed_logins": 0, "locked_until": None} if forgets else {"id": read.id}
        conditions = [*_as_judged(read), _o.disabled_at.is_(None)]
        if step is not None:
            values["totp_last_step"] = step
            conditions.append(_o.totp_last_step < step)
        if password is not None:
            values |= {"password_hash": password, "must_change_password": False}
        entered = update(operator).where(*conditions).values(values)

        def work(connection: Connection) -> bool:
            if connection.execute(entered).rowcount == 0:
                return False
            connection.execute(insert(operator_session), asdict(session))
            _put_places(connection, read.id, arrived(arrival, session.created_at))
            write_entries(connection, [entry])
            return True

        return await self._database.write(work)

    async def session(self, session_id: str) -> OperatorSession | None:
        """See `gateway.ports.Operators.session`."""
        if not is_id(session_id):
            return None
        query = select(operator_session).where(_s.id == session_id)
        row = await self._database.read(lambda connection: connection.execute(query).one_or_none())
        return None if row is None else OperatorSession(*row)

    async def end(self, session_id: str, at: datetime, entry: Entry) -> bool:
        """See `gateway.ports.Operators.end`."""
        ended = (
            update(operator_session)
            .where(_s.id == session_id, _s.ended_at.is_(None), _s.expires_at > at)
            .values(ended_at=at)
        )

        def work(connection: Connection) -> bool:
            if connection.execute(ended).rowcount == 0:
                return False
            write_entries(connection, [entry])
            return True

        return await self._database.write(work) if is_id(session_id) else False

    async def _one(self, query: Any) -> Operator | None:
        row = await self._database.read(lambda connection: connection.execute(query).one_or_none())
        return None if row is None else _operator(row)


def _as_judged(read: Operator) -> tuple[ColumnElement[bool], ...]:
    """That operator, if nothing has changed that they were judged by when they were read."""
    return (
        _o.id == read.id,
        _o.roles == _roles_text(read),
        _o.department == read.department,
        _o.password_hash.is_not_distinct_from(read.password_hash),
    )


def _stale(operator_id: str, now: datetime) -> Delete:
    """What `TriedFrom.is_over` says, for every place of an operator."""
    is_strange = or_(_p.known_until.is_(None), _p.known_until <= now)
    return delete(operator_origin).where(
        _p.operator == operator_id, _p.seen_at <= now - FORGOTTEN_AFTER, is_strange
    )


def _places(connection: Connection, operator_id: str, origin: Origin) -> dict[str, TriedFrom]:
    keys = [each for each in (origin.device, origin.address) if each is not None]
    rows = connection.execute(select(operator_origin).where(_p.operator == operator_id, _p.origin.in_(keys)))
    return {row.origin: TriedFrom(*row[2:]) for row in rows}


def _put_places(connection: Connection, operator_id: str, places: Mapping[str, TriedFrom]) -> None:
    """Keep these places as they are now. The operator's row is locked, so nobody is in between."""
    if places:
        replaced = delete(operator_origin).where(_p.operator == operator_id, _p.origin.in_(list(places)))
        rows = [{"operator": operator_id, "origin": key, **asdict(each)} for key, each in places.items()]
        connection.execute(replaced)
        connection.execute(insert(operator_origin), rows)


def arrived(arrival: Arrival | None, now: datetime) -> dict[str, TriedFrom]:
    """Device and address of somebody who came in, as they are kept: known, and nothing failed there."""
    if arrival is None:
        return {}
    place = TriedFrom(known_until=arrival.known_until, seen_at=now)
    return {each: place for each in (arrival.origin.device, arrival.origin.address) if each is not None}


def _roles_text(of: Operator) -> str:
    return orjson.dumps(sorted(of.roles)).decode()


def _operator(row: Row[Any]) -> Operator:
    columns = row._asdict()
    return Operator(**columns | {"roles": frozenset(orjson.loads(columns["roles"]))})


def differing(read: Operator, changed: Operator) -> dict[str, Any]:
    """What a change writes: the columns that it changes, and no others, for tries may be counted meanwhile.

    The step stays in any case: what was read before a log-in must not make its code good again.
    """
    before, after = asdict(read), asdict(changed)
    names = [name for name in after if after[name] != before[name] and name != "totp_last_step"]
    return {"id": read.id} | {name: after[name] for name in names}


def _judged_by(of: Operator) -> tuple[Any, ...]:
    return of.roles, of.department, of.password_hash


class MemoryOperators:
    """`gateway.ports.Operators` in memory."""

    def __init__(self, tables: MemoryTables) -> None:
        self._tables = tables

    async def find(self, login_key: str) -> Operator | None:
        """See `gateway.ports.Operators.find`."""
        return next((each for each in self._tables.operators.values() if each.login_key == login_key), None)

    async def operator(self, operator_id: str) -> Operator | None:
        """See `gateway.ports.Operators.operator`."""
        return self._tables.operators.get(operator_id)

    async def listing(self, *, after: str, limit: int) -> Sequence[Operator]:
        """See `gateway.ports.Operators.listing`."""
        operators = self._tables.operators
        return [operators[each] for each in page(operators, after, limit)]

    async def add(self, made: Operator, entry: Entry) -> None:
        """See `gateway.ports.Operators.add`."""
        require_separate(made.roles)
        self._tables.admit(self._tables.operators, made.id, made, entry)
        if await self.find(made.login_key) is not None:
            raise already_recorded()
        self._tables.operators[made.id] = made
        self._tables.log(entry)

    async def change(self, read: Operator, changed: Operator, entry: Entry) -> None:
        """See `gateway.ports.Operators.change`."""
        tables = self._tables
        require_separate(changed.roles)
        tables.admit({}, None, changed, entry)
        found = tables.operators.get(read.id)
        if found is None or _judged_by(found) != _judged_by(read) or found.disabled_at != read.disabled_at:
            raise changed_meanwhile()
        values = differing(read, changed)
        tables.operators[read.id] = replace(found, **values)
        if "password_hash" in values:
            tables.operator_origins.pop(read.id, None)
        for session in tables.sessions.values():
            if session.operator == read.id and session.ended_at is None:
                tables.sessions[session.id] = replace(session, ended_at=entry.at)
        tables.log(entry)

    async def attempt(self, operator_id: str, origin: Origin, now: datetime, *, waits: Waits) -> Tried | None:
        """See `gateway.ports.Operators.attempt`."""
        found = self._tables.operators.get(operator_id)
        places = self._tables.operator_origins.setdefault(operator_id, {})
        for gone in [key for key, place in places.items() if place.is_over(now)]:
            del places[gone]
        count = None if found is None else count_try(found, places, origin, now, waits)
        if count is None:
            return None
        self._tables.operators[operator_id] = count.operator
        if count.origin is not None:
            places[count.origin] = count.place
        return count.tried

    async def log_in(
        self,
        read: Operator,
        step: int | None,
        session: OperatorSession,
        entry: Entry,
        *,
        password: str | None,
        arrival: Arrival | None = None,
    ) -> bool:
        """See `gateway.ports.Operators.log_in`."""
        tables, found = self._tables, self._tables.operators.get(read.id)
        if (
            found is None
            or found.disabled_at is not None
            or _judged_by(found) != _judged_by(read)
            or (step or found.totp_last_step + 1) <= found.totp_last_step
        ):
            return False
        tables.admit(tables.sessions, session.id, session, entry)
        entered = found
        if arrival is None or arrival.forgets_strangers:
            entered = replace(found, failed_logins=0, locked_until=None)
        if step is not None:
            entered = replace(entered, totp_last_step=step)
        if password is not None:
            entered = replace(entered, password_hash=password, must_change_password=False)
        tables.operators[read.id] = entered
        tables.operator_origins.setdefault(read.id, {}).update(arrived(arrival, session.created_at))
        tables.sessions[session.id] = session
        tables.log(entry)
        return True

    async def session(self, session_id: str) -> OperatorSession | None:
        """See `gateway.ports.Operators.session`."""
        return self._tables.sessions.get(session_id)

    async def end(self, session_id: str, at: datetime, entry: Entry) -> bool:
        """See `gateway.ports.Operators.end`."""
        found = self._tables.sessions.get(session_id)
        if found is None or found.ended_at is not None or found.expires_at <= at:
            return False
        self._tables.admit({}, None, entry)
        self._tables.sessions[session_id] = replace(found, ended_at=at)
        self._tables.log(entry)
        return True
