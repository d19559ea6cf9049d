"""Consents and subjects in SQL."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import Connection, Row, Select, insert, select, update

from gateway.records import ConsentEvent, Entry, NewSubject, StoredConsent
from gateway.store.bulk import among
from gateway.store.database import Database
from gateway.store.gates import consent_of, known_refs, subject_refs
from gateway.store.log import write_entries
from gateway.store.refusals import is_id
from gateway.store.tables import consent, consent_event, resolution, resolution_consent, subject
from policies.consent import ConsentState

_c = consent.c
_JOINED: Select[Any] = (
    select(  # in the order in which `_stored` takes them
        *(_c.id, subject.c.key, _c.purpose, _c.form, _c.terms),
        *(_c.state, _c.not_before, _c.expires_at, _c.uses_left),
        *(_c.subject_ref, subject.c.kind, _c.recorded_by, _c.department, _c.recorded_at, _c.sealed),
    )
    .join_from(consent, subject, subject.c.ref == _c.subject_ref)
    .order_by(_c.id)
)
_BY_IDS = _JOINED.where(among(consent.c.id, "ids"))


class SqlConsents:
    """`gateway.ports.Consents` over SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(self, consent_ids: Sequence[str]) -> Mapping[str, StoredConsent]:
        """See `gateway.ports.Consents.read`."""
        ids = [consent_id for consent_id in consent_ids if is_id(consent_id)]

        def work(connection: Connection) -> Sequence[Row[Any]]:
            return connection.execute(_BY_IDS, {"ids": ids}).all()

        return {row[0]: _stored(row) for row in await self._database.read(work)} if ids else {}

    async def add(self, stored: StoredConsent, event: ConsentEvent, entry: Entry) -> None:
        """See `gateway.ports.Consents.add`."""

        def work(connection: Connection) -> None:
            connection.execute(insert(consent), _consent_row(stored))
            write_entries(connection, [entry])
            connection.execute(insert(consent_event), _event_row(event))

        await self._database.write(work)

    async def move(
        self, event: ConsentEvent, entry: Entry, *, allowed_from: frozenset[ConsentState], purge_drafts: bool
    ) -> bool:
        """See `gateway.ports.Consents.move`."""
        moved = (
            update(consent)
            .where(consent.c.id == event.consent_id)
            .where(consent.c.state.in_([state.value for state in allowed_from]))
            .values(state=event.state.value)
        )

        def work(connection: Connection) -> bool:
            if connection.execute(moved).rowcount == 0:
                return False
            write_entries(connection, [entry])
            connection.execute(insert(consent_event), _event_row(event))
            if purge_drafts:
                connection.execute(_purge_drafts_of(event.consent_id))
            return True

        return await self._database.write(work)

    async def of_subject(self, subject_ref: str, *, after: str, limit: int) -> Sequence[StoredConsent]:
        """See `gateway.ports.Consents.of_subject`."""
        if not is_id(subject_ref):
            return []
        return await self._page(_JOINED.where(consent.c.subject_ref == subject_ref), after, limit)

    async def listing(self, *, after: str, limit: int) -> Sequence[StoredConsent]:
        """See `gateway.ports.Consents.listing`."""
        return await self._page(_JOINED, after, limit)

    async def _page(self, query: Select[Any], after: str, limit: int) -> Sequence[StoredConsent]:
        if not is_id(after):
            return []
        page = query.where(consent.c.id > after).limit(limit)
        rows = await self._database.read(lambda connection: connection.execute(page).all())
        return [_stored(row) for row in rows]


class SqlSubjects:
    """`gateway.ports.Subjects` over SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def refs(self, subjects: Mapping[str, NewSubject]) -> Mapping[str, str]:
        """See `gateway.ports.Subjects.refs`."""
        found = await self._database.read(lambda connection: known_refs(connection, list(subjects)))
        if found.keys() >= subjects.keys():
            return found
        return await self._database.write(lambda connection: subject_refs(connection, subjects))

    async def find(self, key: str) -> str | None:
        """See `gateway.ports.Subjects.find`."""
        return (await self._database.read(lambda connection: known_refs(connection, [key]))).get(key)


def _purge_drafts_of(consent_id: str) -> Any:
    of_consent = select(resolution_consent.c.resolution_id).where(
        resolution_consent.c.consent_id == consent_id
    )
    return (
        update(resolution)
        .where(resolution.c.id.in_(of_consent), resolution.c.sealed.is_not(None))
        .values(sealed=None)
    )


def _stored(row: Sequence[Any]) -> StoredConsent:
    return StoredConsent(consent_of(row), *row[9:])


def _consent_row(stored: StoredConsent) -> dict[str, Any]:
    agreed, standing = stored.consent, stored.consent.standing
    terms = {
        "recipients": sorted(agreed.recipients),
        "permitted": sorted(agreed.permitted),
        "denied": sorted(agreed.denied),
    }
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
        "terms": orjson.dumps(terms).decode(),
        "sealed": stored.sealed,
    }


def _event_row(event: ConsentEvent) -> dict[str, Any]:
    return {
        "id": event.id,
        "consent_id": event.consent_id,
        "at": event.at,
        "state": event.state.value,
        "actor_kind": event.actor_kind,
        "reason": event.reason,
        "entry_id": event.entry_id,
    }
