"""Consents and subjects in SQL."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, insert, select, update

from gateway.records import ConsentEnd, ConsentEvent, Entry, RequestAnswer, StoredConsent
from gateway.store.bulk import among
from gateway.store.consent_requests import settle_request
from gateway.store.database import Database
from gateway.store.gates import LIMITS, STATES, consent_of, require_not_erased, terms_of
from gateway.store.log import write_entries
from gateway.store.refusals import is_id
from gateway.store.tables import consent, consent_event, resolution, resolution_consent, subject
from policies.consent import ConsentState

_c = consent.c
JOINED: Select[Any] = (
    select(  # in the order in which `_stored` takes them
        *(_c.id, subject.c.key, _c.purpose, _c.form, _c.terms),
        *(_c.state, _c.not_before, _c.expires_at, _c.uses_left),
        *LIMITS,
        *(_c.subject_ref, subject.c.kind, _c.recorded_by, _c.department, _c.recorded_at, _c.sealed),
        *(subject.c.wrapped_key, _c.renews),
    )
    .join_from(consent, subject, subject.c.ref == _c.subject_ref)
    .order_by(_c.id)
)
_BY_IDS = JOINED.where(among(consent.c.id, "ids"))
_CAN_EXPIRE = [state.value for state in (ConsentState.given, ConsentState.renewed, ConsentState.paused)]
_EXPIRE = update(consent).where(among(_c.id, "ids")).values(state=ConsentState.expired.value)
_e = consent_event.c
_EVENTS: Select[Any] = select(
    *(_e.id, _e.consent_id, _e.at, _e.state, _e.actor_kind, _e.reason, _e.entry_id, _e.actor)
).order_by(_e.id)


class SqlConsents:
    """`gateway.ports.Consents` over SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(self, consent_ids: Sequence[str]) -> Mapping[str, StoredConsent]:
        """See `gateway.ports.Consents.read`."""
        ids = [consent_id for consent_id in consent_ids if is_id(consent_id)]

        def work(connection: Connection) -> Sequence[Row[Any]]:
            return connection.execute(_BY_IDS, {"ids": ids}).all()

        return {row[0]: stored_consent(row) for row in await self._database.read(work)} if ids else {}

    async def add(
        self,
        stored: StoredConsent,
        event: ConsentEvent,
        entry: Entry,
        *,
        ends: ConsentEnd | None = None,
        answers: RequestAnswer | None = None,
    ) -> bool:
        """See `gateway.ports.Consents.add`."""

        def work(connection: Connection) -> bool:
            if answers is not None and not settle_request(connection, answers):
                return False
            if ends is not None and not _move(connection, ends, True):
                return False
            connection.execute(insert(consent), _consent_row(stored))
            require_not_erased(connection, stored.subject_ref)
            write_entries(connection, [entry])
            connection.execute(insert(consent_event), event_row(event))
            return True

        return await self._database.write(work)

    async def move(
        self, event: ConsentEvent, entry: Entry, *, allowed_from: frozenset[ConsentState], purge_drafts: bool
    ) -> bool:
        """See `gateway.ports.Consents.move`."""
        end = ConsentEnd(event, entry, allowed_from)
        return await self._database.write(lambda connection: _move(connection, end, purge_drafts))

    async def expire(
        self,
        now: datetime,
        tell: Callable[[StoredConsent], tuple[ConsentEvent, Entry]],
        *,
        most: int,
    ) -> int:
        """See `gateway.ports.Consents.expire`."""
        over = (
            JOINED.where(_c.state.in_(_CAN_EXPIRE), _c.expires_at <= now)
            .order_by(None)
            .order_by(_c.expires_at)
            .limit(most)
            .with_for_update(of=consent, skip_locked=True)
        )

        def work(connection: Connection) -> int:
            told = [tell(stored_consent(row)) for row in connection.execute(over)]
            if told:
                ids = [event.consent_id for event, _ in told]
                connection.execute(_EXPIRE, {"ids": ids})
                write_entries(connection, [entry for _, entry in told])
                connection.execute(insert(consent_event), [event_row(event) for event, _ in told])
            return len(told)

        return await self._database.write(work)

    async def events(self, consent_id: str, *, after: str, limit: int) -> Sequence[ConsentEvent]:
        """See `gateway.ports.Consents.events`."""
        if not is_id(consent_id) or not is_id(after):
            return []
        page = _EVENTS.where(_e.consent_id == consent_id, _e.id > after).limit(limit)
        rows = await self._database.read(lambda connection: connection.execute(page).all())
        return [_event(row) for row in rows]

    async def of_subject(self, subject_ref: str, *, after: str, limit: int) -> Sequence[StoredConsent]:
        """See `gateway.ports.Consents.of_subject`."""
        if not is_id(subject_ref):
            return []
        return await self._page(JOINED.where(consent.c.subject_ref == subject_ref), after, limit)

    async def listing(self, *, after: str, limit: int) -> Sequence[StoredConsent]:
        """See `gateway.ports.Consents.listing`."""
        return await self._page(JOINED, after, limit)

    async def _page(self, query: Select[Any], after: str, limit: int) -> Sequence[StoredConsent]:
        if not is_id(after):
            return []
        page = query.where(consent.c.id > after).limit(limit)
        rows = await self._database.read(lambda connection: connection.execute(page).all())
        return [stored_consent(row) for row in rows]


def _move(connection: Connection, end: ConsentEnd, purge_drafts: bool) -> bool:
    moved = (
        update(consent)
        .where(consent.c.id == end.event.consent_id)
        .where(consent.c.state.in_([state.value for state in end.allowed_from]))
        .values(state=end.event.state.value)
    )
    if connection.execute(moved).rowcount == 0:
        return False
    write_entries(connection, [end.entry])
    connection.execute(insert(consent_event), event_row(end.event))
    if purge_drafts:
        connection.execute(_purge_drafts_of(end.event.consent_id))
    return True


def _purge_drafts_of(consent_id: str) -> Any:
    of_consent = select(resolution_consent.c.resolution_id).where(
        resolution_consent.c.consent_id == consent_id
    )
    return (
        update(resolution)
        .where(resolution.c.id.in_(of_consent), resolution.c.sealed.is_not(None))
        .values(sealed=None)
    )


def stored_consent(row: Sequence[Any]) -> StoredConsent:
    """A consent from a row of `JOINED`."""
    return StoredConsent(consent_of(row), *row[14:])


def _consent_row(stored: StoredConsent) -> dict[str, Any]:
    agreed, standing = stored.consent, stored.consent.standing
    often = standing.frequency
    return {
        "id": agreed.id,
        "subject_ref": stored.subject_ref,
        "purpose": agreed.purpose,
        "form": agreed.form,
        "state": standing.state.value,
        "not_before": standing.not_before,
        "expires_at": standing.expires_at,
        "uses_left": standing.uses_left,
        "recorded_by": stored.recorded_by,
        "department": stored.department,
        "recorded_at": stored.recorded_at,
        "terms": terms_of(agreed),
        "sealed": stored.sealed,
        "case_key": agreed.case_key,
        "frequency_count": often and often.count,
        "frequency_seconds": often and int(often.per.total_seconds()),
        "window_began": often and often.began,
        "window_uses": often and often.used,
        "renews": stored.renews,
    }


def _event(row: Sequence[Any]) -> ConsentEvent:
    event_id, consent_id, at, state, *rest = row
    return ConsentEvent(event_id, consent_id, at, STATES[state], *rest)


def event_row(event: ConsentEvent) -> dict[str, Any]:
    """The columns of one event."""
    return {
        "id": event.id,
        "consent_id": event.consent_id,
        "at": event.at,
        "state": event.state.value,
        "actor_kind": event.actor_kind,
        "reason": event.reason,
        "entry_id": event.entry_id,
        "actor": event.actor,
    }
