"""The store over SQL, and its smaller parts: clients, drafts, reading the log, idempotency keys."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Connection, Insert, Row, delete, exists, select, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite

from gateway.ports import (
    Clients,
    ConsentRequests,
    Consents,
    Disputes,
    Drafts,
    Entries,
    EntrySearch,
    FormVersions,
    Gates,
    IdempotencyKeys,
    Identities,
    Operators,
    Outbox,
    Profiles,
    Publications,
    Replays,
    Rollups,
    SealedCells,
    SealingKeys,
    SourceHealth,
    Subjects,
    Submissions,
    TreeLog,
)
from gateway.records import Client, Draft, Entry, EntryFilter, EntryKind
from gateway.store.cells import SqlCells
from gateway.store.consent_requests import SqlConsentRequests
from gateway.store.consents import SqlConsents
from gateway.store.database import Database
from gateway.store.disputes import SqlDisputes
from gateway.store.entry_search import SqlEntrySearch
from gateway.store.gates import SqlGates
from gateway.store.identities import SqlIdentities
from gateway.store.log import entry_of, write_entries
from gateway.store.messages import SqlOutbox
from gateway.store.moving import misfit
from gateway.store.operators import SqlOperators
from gateway.store.profiles import SqlProfiles
from gateway.store.publications import SqlFormVersions, SqlPublications
from gateway.store.refusals import LEFT_BEHIND, is_id, require_separate
from gateway.store.replays import SqlReplays
from gateway.store.rollups import SqlRollups
from gateway.store.sealing_keys import SqlSealingKeys
from gateway.store.source_health import SqlSourceHealth
from gateway.store.subjects import SqlSubjects
from gateway.store.submissions import SqlSubmissions
from gateway.store.tables import audit_entry, client, idempotency, resolution, resolution_consent
from gateway.store.tree import SqlTreeLog

# A statement may take 3 seconds; emptying 5,000 answers takes a tenth of one.
_PORTION = 5_000


class SqlStore:
    """`gateway.ports.Store` over SQLite or PostgreSQL. Building one opens nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.gates: Gates = SqlGates(database)
        self.publications: Publications = SqlPublications(database)
        self.forms: FormVersions = SqlFormVersions(database)
        self.clients: Clients = SqlClients(database)
        self.operators: Operators = SqlOperators(database)
        self.consents: Consents = SqlConsents(database)
        self.consent_requests: ConsentRequests = SqlConsentRequests(database)
        self.subjects: Subjects = SqlSubjects(database)
        self.cells: SealedCells = SqlCells(database)
        self.drafts: Drafts = SqlDrafts(database)
        self.entries: Entries = SqlEntries(database)
        self.search: EntrySearch = SqlEntrySearch(database)
        self.log: TreeLog = SqlTreeLog(database)
        self.log_for_readers: TreeLog = SqlTreeLog(database.for_readers())
        self.idempotency: IdempotencyKeys = SqlIdempotencyKeys(database)
        self.replays: Replays = SqlReplays(database)
        self.rollups: Rollups = SqlRollups(database)
        self.source_health: SourceHealth = SqlSourceHealth(database)
        self.profiles: Profiles = SqlProfiles(database)
        self.submissions: Submissions = SqlSubmissions(database)
        self.disputes: Disputes = SqlDisputes(database)
        self.outbox: Outbox = SqlOutbox(database)
        self.identities: Identities = SqlIdentities(database)
        self.sealing_keys: SealingKeys = SqlSealingKeys(database)

    async def ping(self) -> None:
        """Nothing, or `StoreUnavailable`."""
        await self._database.ping()

    async def check_schema(self) -> str | None:
        """See `gateway.ports.Store.check_schema`."""
        self._database.stopped = await self._database.read(misfit)
        return self._database.stopped

    async def weaknesses(self) -> Sequence[str]:
        """See `gateway.ports.Store.weaknesses`."""
        return await self._database.weaknesses()

    async def close(self) -> None:
        """Close every connection."""
        await self._database.close()


class SqlClients:
    """`gateway.ports.Clients` over SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._insert = (sqlite if database.is_sqlite else postgresql).insert(client)

    async def client(self, client_id: str) -> Client | None:
        """See `gateway.ports.Clients.client`."""
        if not is_id(client_id):
            return None
        query = select(client).where(client.c.id == client_id, client.c.disabled_at.is_(None))
        row = await self._database.read(lambda connection: connection.execute(query).one_or_none())
        return None if row is None else _client(row)

    async def put(self, registered: Client, at: datetime) -> None:
        """See `gateway.ports.Clients.put`."""
        put = self._putting(registered, at)
        await self._database.write(lambda connection: connection.execute(put).close())

    async def change(self, registered: Client, entry: Entry) -> None:
        """See `gateway.ports.Clients.change`."""
        put = self._putting(registered, entry.at)

        def work(connection: Connection) -> None:
            connection.execute(put).close()
            write_entries(connection, [entry])

        await self._database.write(work)

    async def listing(self, *, after: str, limit: int) -> Sequence[Client]:
        """See `gateway.ports.Clients.listing`."""
        if not is_id(after):
            return []
        query = select(client).where(client.c.id > after).order_by(client.c.id).limit(limit)
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        return [_client(row) for row in rows]

    def _putting(self, registered: Client, at: datetime) -> Insert:
        require_separate(registered.roles)
        row = {
            "id": registered.id,
            "name": registered.name,
            "department": registered.department,
            "roles": orjson.dumps(sorted(registered.roles)).decode(),
            "secret_hash": registered.secret_hash,
            "jwks": None if registered.jwks is None else orjson.dumps(dict(registered.jwks)).decode(),
            "disabled_at": registered.disabled_at,
            "bound": registered.bound,
            "webhook": registered.webhook,
        }
        putting: Insert = self._insert.values({**row, "created_at": at}).on_conflict_do_update(
            index_elements=["id"], set_=row
        )
        return putting


def _client(row: Row[Any]) -> Client:
    return Client(
        id=row.id,
        name=row.name,
        department=row.department,
        roles=frozenset(orjson.loads(row.roles)),
        secret_hash=row.secret_hash,
        jwks=None if row.jwks is None else orjson.loads(row.jwks),
        disabled_at=row.disabled_at,
        bound=row.bound,
        webhook=row.webhook,
    )


class SqlDrafts:
    """`gateway.ports.Drafts` over SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(self, resolution_id: str) -> Draft | None:
        """See `gateway.ports.Drafts.read`."""
        if not is_id(resolution_id):
            return None
        query = select(resolution).where(resolution.c.id == resolution_id)
        of_draft = resolution_consent.c.resolution_id == resolution_id
        links = (
            select(resolution_consent.c.consent_id).where(of_draft).order_by(resolution_consent.c.consent_id)
        )

        def work(connection: Connection) -> Draft | None:
            row = connection.execute(query).one_or_none()
            if row is None:
                return None
            columns = row._asdict()
            subjects = tuple((columns.pop("subjects") or "").split())
            return Draft(**columns, consents=tuple(connection.scalars(links).all()), subjects=subjects)

        return await self._database.read(work)

    async def purge_expired(self, now: datetime, entry: Callable[[int], Entry]) -> int:
        """See `gateway.ports.Drafts.purge_expired`. Over `_PORTION` drafts it takes several transactions."""
        # What a withdrawal holds at this moment it purges itself; to wait for it could be to wait in a circle.
        over = (
            select(resolution.c.id)
            .where(resolution.c.valid_until <= now, resolution.c.sealed.is_not(None))
            .limit(_PORTION)
            .with_for_update(skip_locked=True)
        )
        empty = update(resolution).where(resolution.c.id.in_(over)).values(sealed=None)

        def work(connection: Connection) -> int:
            purged = connection.execute(empty).rowcount
            if purged:
                write_entries(connection, [entry(purged)])
            return purged

        return await _in_portions(self._database, work)


class SqlEntries:
    """`gateway.ports.Entries` over SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, *, request: str | None, after: str, limit: int) -> Sequence[Entry]:
        """See `gateway.ports.Entries.find`."""
        return await self.search(EntryFilter(request=request), after=after, limit=limit)

    async def search(self, wanted: EntryFilter, *, after: str, limit: int) -> Sequence[Entry]:
        """See `gateway.ports.Entries.search`."""
        if not all(map(is_id, (after, wanted.request or "", wanted.caller or ""))):
            return []
        column = audit_entry.c
        equal = {
            column.request: wanted.request,
            column.kind: wanted.kind.value if wanted.kind else None,
            column.caller: wanted.caller,
        }
        conditions = [at == value for at, value in equal.items() if value is not None]
        if wanted.since is not None:
            conditions.append(column.at >= wanted.since)
        if wanted.until is not None:
            conditions.append(column.at < wanted.until)
        page = select(audit_entry).where(column.id > after, *conditions).order_by(column.id).limit(limit)
        rows = await self._database.read(lambda connection: connection.execute(page).all())
        return [entry_of(row) for row in rows]

    async def without_outcome(
        self, *, after: str, before: datetime, limit: int, until: str | None = None
    ) -> Sequence[Entry]:
        """See `gateway.ports.Entries.without_outcome`."""
        other = audit_entry.alias()
        closed = exists().where(
            other.c.request == audit_entry.c.request, other.c.kind == EntryKind.outcome.value
        )
        query = (
            select(audit_entry)
            .where(audit_entry.c.id > after, audit_entry.c.kind == EntryKind.intent.value)
            .where(audit_entry.c.at < before, ~closed)
            .order_by(audit_entry.c.id)
            .limit(limit)
        )
        if until is not None:
            query = query.where(audit_entry.c.id < until)
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        return [entry_of(row) for row in rows]


class SqlIdempotencyKeys:
    """`gateway.ports.IdempotencyKeys` over SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._insert = (sqlite if database.is_sqlite else postgresql).insert(idempotency)

    async def claim(self, caller: str, key: str, digest: str, now: datetime) -> tuple[str, str | None] | None:
        """See `gateway.ports.IdempotencyKeys.claim`."""
        row = {"caller": caller, "key": key, "request_digest": digest, "resource": None, "created_at": now}
        left_behind = idempotency.c.resource.is_(None) & (idempotency.c.created_at <= now - LEFT_BEHIND)
        claim = self._insert.values(row).on_conflict_do_update(
            index_elements=["caller", "key"],
            set_={"request_digest": digest, "created_at": now},
            where=left_behind,
        )
        found = select(idempotency.c.request_digest, idempotency.c.resource).where(*_of(caller, key))

        def work(connection: Connection) -> tuple[str, str | None] | None:
            if connection.execute(claim, execution_options={"preserve_rowcount": True}).rowcount == 1:
                return None
            # The conflict has locked the row, so it is still there.
            digest_before, resource = connection.execute(found).one()
            return digest_before, resource

        return await self._database.write(work)

    async def settle(self, caller: str, key: str, resource: str) -> None:
        """See `gateway.ports.IdempotencyKeys.settle`."""
        settled = update(idempotency).where(*_of(caller, key), idempotency.c.resource.is_(None))
        statement = settled.values(resource=resource)
        await self._database.write(lambda connection: connection.execute(statement).close())

    async def release(self, caller: str, key: str) -> None:
        """See `gateway.ports.IdempotencyKeys.release`."""
        statement = delete(idempotency).where(*_of(caller, key), idempotency.c.resource.is_(None))
        await self._database.write(lambda connection: connection.execute(statement).close())

    async def purge(self, before: datetime) -> int:
        """See `gateway.ports.IdempotencyKeys.purge`."""
        whose = tuple_(idempotency.c.caller, idempotency.c.key)
        old = (
            select(idempotency.c.caller, idempotency.c.key)
            .where(idempotency.c.created_at < before)
            .limit(_PORTION)
        )
        statement = delete(idempotency).where(whose.in_(old))
        return await _in_portions(self._database, lambda connection: connection.execute(statement).rowcount)


async def _in_portions(database: Database, work: Callable[[Connection], int]) -> int:
    total = 0
    while True:
        done = await database.write(work)
        total += done
        if done < _PORTION:
            return total


def _of(caller: str, key: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return idempotency.c.caller == caller, idempotency.c.key == key
