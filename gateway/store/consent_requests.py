"""Requests for consents in SQL. A request is open while its state is `requested`; every change says so in its WHERE."""

import hmac
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, insert, select, update

from gateway.records import ConsentRequest, Entry, RequestAnswer
from gateway.store.database import Database
from gateway.store.gates import require_not_erased
from gateway.store.log import write_entries
from gateway.store.refusals import is_id
from gateway.store.tables import consent_request
from policies.consent import ConsentState

_c = consent_request.c
_OPEN = _c.state == ConsentState.requested.value
# What jobs look at, in the words of the partial index.
_NOT_EMPTY = _c.consent_id.is_(None) & _c.sealed.is_not(None)
_PORTION = 5_000


class SqlConsentRequests:
    """`gateway.ports.ConsentRequests` over SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, asked: ConsentRequest, entry: Entry) -> None:
        """See `gateway.ports.ConsentRequests.add`."""

        def work(connection: Connection) -> None:
            connection.execute(insert(consent_request), _row(asked))
            require_not_erased(connection, asked.subject_ref)
            write_entries(connection, [entry])

        await self._database.write(work)

    async def read(self, request_id: str) -> ConsentRequest | None:
        """See `gateway.ports.ConsentRequests.read`."""
        return await self._one(select(consent_request).where(_c.id == request_id), request_id)

    async def of_link(self, link: str) -> ConsentRequest | None:
        """See `gateway.ports.ConsentRequests.of_link`."""
        return await self._one(select(consent_request).where(_c.link == link), link)

    async def confirm(self, request_id: str, proof: str, *, most: int, entry: Entry) -> bool | None:
        """See `gateway.ports.ConsentRequests.confirm`."""
        # Locked, so that of guesses sent all at once each sees those before it.
        held = select(_c.proof, _c.failures).where(_c.id == request_id, _OPEN).with_for_update()
        counted = update(consent_request).where(_c.id == request_id)

        def work(connection: Connection) -> bool | None:
            row = connection.execute(held).one_or_none()
            if row is None or hmac.compare_digest(row.proof, proof):
                return None if row is None else True
            failures = row.failures + 1
            last = {"state": ConsentState.invalidated.value} if failures >= most else {}
            connection.execute(counted.values(failures=failures, **last))
            if last:
                write_entries(connection, [entry])
            return False

        return await self._database.write(work) if is_id(request_id) else None

    async def answer(self, given: RequestAnswer, entry: Entry) -> bool:
        """See `gateway.ports.ConsentRequests.answer`."""

        def work(connection: Connection) -> bool:
            if not settle_request(connection, given):
                return False
            write_entries(connection, [entry])
            return True

        return await self._database.write(work)

    async def over(self, now: datetime, *, limit: int) -> Sequence[ConsentRequest]:
        """See `gateway.ports.ConsentRequests.over`."""
        late = select(consent_request).where(_NOT_EMPTY, _c.expires_at <= now, _OPEN)
        page = late.order_by(_c.expires_at, _c.id).limit(limit)
        rows = await self._database.read(lambda connection: connection.execute(page).all())
        return [_of(row) for row in rows]

    async def purge(self, before: datetime, entry: Callable[[int], Entry]) -> int:
        """See `gateway.ports.ConsentRequests.purge`. Over `_PORTION` requests it takes several transactions."""
        over = select(_c.id).where(_NOT_EMPTY, _c.expires_at <= before, ~_OPEN).limit(_PORTION)
        empty = update(consent_request).where(_c.id.in_(over)).values(sealed=None)

        def work(connection: Connection) -> int:
            purged = connection.execute(empty).rowcount
            if purged:
                write_entries(connection, [entry(purged)])
            return purged

        total = done = await self._database.write(work)
        while done == _PORTION:
            done = await self._database.write(work)
            total += done
        return total

    async def _one(self, query: Select[Any], key: str) -> ConsentRequest | None:
        if not is_id(key):
            return None
        row = await self._database.read(lambda connection: connection.execute(query).one_or_none())
        return None if row is None else _of(row)


def settle_request(connection: Connection, given: RequestAnswer) -> bool:
    """Close an open request within a transaction; False when it is not open."""
    closed = (
        update(consent_request)
        .where(_c.id == given.request_id, _OPEN)
        .values(
            state=given.state.value, answered_at=given.at, sealed=given.sealed, consent_id=given.consent_id
        )
    )
    return connection.execute(closed).rowcount == 1


def _row(asked: ConsentRequest) -> dict[str, Any]:
    columns = {column.name: getattr(asked, column.name) for column in consent_request.columns}
    return {**columns, "state": asked.state.value}


def _of(row: Row[Any]) -> ConsentRequest:
    columns = row._asdict()
    return ConsentRequest(**{**columns, "state": ConsentState(columns["state"])})
