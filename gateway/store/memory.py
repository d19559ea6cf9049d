"""The store in memory, under the contract of the SQL one: for tests, and as the shortest reading of that contract.

No method waits for anything between its first look and its last change, so each is atomic on its event loop. Nothing
outlives the process; not for production.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from msgspec import structs

from gateway.errors import BadRequest, Conflict
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
)
from gateway.records import (
    Client,
    ConsentEnd,
    ConsentEvent,
    Draft,
    Entry,
    EntryFilter,
    EntryKind,
    FormPublication,
    GateRequest,
    GateWrite,
    Publication,
    RequestAnswer,
    StoredConsent,
)
from gateway.store.gates import pass_one
from gateway.store.memory_cells import MemoryCells
from gateway.store.memory_consent_requests import MemoryConsentRequests, settle
from gateway.store.memory_disputes import MemoryDisputes, MemoryOutbox, open_items_of
from gateway.store.memory_entry_search import MemoryEntrySearch
from gateway.store.memory_identities import MemoryIdentities, linked_documents
from gateway.store.memory_profiles import MemoryProfiles, note_differences
from gateway.store.memory_rollups import MemoryRollups
from gateway.store.memory_sealing_keys import MemorySealingKeys
from gateway.store.memory_source_health import MemorySourceHealth
from gateway.store.memory_subjects import MemorySubjects
from gateway.store.memory_submissions import MemorySubmissions, refusal_of, write_submission
from gateway.store.memory_tables import MemoryTables, empty, page, require_zones, with_standing
from gateway.store.memory_tree import MemoryTreeLog
from gateway.store.operators import MemoryOperators
from gateway.store.refusals import (
    LEFT_BEHIND,
    already_recorded,
    no_such_form_version,
    no_such_version,
    require_separate,
    version_exists,
)
from gateway.store.replays import MemoryReplays
from policies.consent import ConsentState


class MemoryStore:
    """`gateway.ports.Store` in this process's memory. Must be used from one event loop."""

    def __init__(self) -> None:
        tables = MemoryTables()
        self.gates: Gates = MemoryGates(tables)
        self.publications: Publications = MemoryPublications(tables)
        self.forms: FormVersions = MemoryFormVersions(tables)
        self.clients: Clients = MemoryClients(tables)
        self.operators: Operators = MemoryOperators(tables)
        self.consents: Consents = MemoryConsents(tables)
        self.consent_requests: ConsentRequests = MemoryConsentRequests(tables)
        self.subjects: Subjects = MemorySubjects(tables)
        self.cells: SealedCells = MemoryCells(tables)
        self.drafts: Drafts = MemoryDrafts(tables)
        self.entries: Entries = MemoryEntries(tables)
        self.search: EntrySearch = MemoryEntrySearch(tables)
        self.log = self.log_for_readers = MemoryTreeLog(tables)
        self.idempotency: IdempotencyKeys = MemoryIdempotencyKeys(tables)
        self.replays: Replays = MemoryReplays()
        self.rollups: Rollups = MemoryRollups(tables)
        self.source_health: SourceHealth = MemorySourceHealth()
        self.profiles: Profiles = MemoryProfiles(tables)
        self.submissions: Submissions = MemorySubmissions(tables)
        self.disputes: Disputes = MemoryDisputes(tables)
        self.outbox: Outbox = MemoryOutbox(tables)
        self.identities: Identities = MemoryIdentities(tables)
        self.sealing_keys: SealingKeys = MemorySealingKeys(tables)

    async def ping(self) -> None:
        """Nothing: memory is always there."""

    async def check_schema(self) -> str | None:
        """None: what is in memory was made by this program."""
        return None

    async def weaknesses(self) -> Sequence[str]:
        """It forgets everything when the process ends."""
        return ["The store is in memory: what is written is lost when the process ends."]

    async def close(self) -> None:
        """Nothing to let go of; what was stored stays readable."""


class _Part:
    def __init__(self, tables: MemoryTables) -> None:
        self._tables = tables


class MemoryGates(_Part):
    """`gateway.ports.Gates` in memory."""

    async def commit(self, requests: Sequence[GateRequest[Any]]) -> Sequence[Any]:
        """See `gateway.ports.Gates.commit`."""
        return [self._pass(request) for request in requests]

    def _pass(self, request: GateRequest[Any]) -> Any:
        consents = self._tables.consents
        held = {key: consents[key].consent for key in request.consents if key in consents}
        refs = {agreed.subject_key: consents[key].subject_ref for key, agreed in held.items()}
        refs |= self._tables.refs({key: new for key, new in request.subjects.items() if key not in refs})
        disputed = open_items_of(self._tables)
        linked = linked_documents(self._tables, disputed)
        write = pass_one(request, held, refs, self._tables.wrapped, disputed, linked)
        if not isinstance(write, GateWrite):
            return write
        refusal = self._refusal(write)
        if refusal is not None:
            return refusal
        for consent_id in write.use:
            consents[consent_id] = with_standing(consents[consent_id], held[consent_id].standing)
        if write.draft is not None:
            ordered = tuple(sorted(write.draft.consents))
            self._tables.drafts[write.draft.id] = structs.replace(write.draft, consents=ordered)
        note_differences(self._tables, write.differences)
        self._tables.log(write.entry)
        if write.submission is not None:
            write_submission(self._tables, write.submission)
        return write.result

    def _refusal(self, write: GateWrite[Any]) -> Exception | None:
        try:
            self._tables.admit({}, None, write.entry)
            if write.draft is not None:
                self._tables.admit(self._tables.drafts, write.draft.id, write.draft)
        except (Conflict, BadRequest) as refusal:
            return refusal
        return refusal_of(self._tables, write.submission)


class MemoryPublications(_Part):
    """`gateway.ports.Publications` in memory."""

    async def latest(self, kind: str, on: date) -> int | None:
        """See `gateway.ports.Publications.latest`."""
        effective = (
            published.version
            for published in self._tables.publications.values()
            if published.kind == kind and (published.effective_from is None or published.effective_from <= on)
        )
        return max(effective, default=None)

    async def load(self, kind: str, version: int) -> Publication:
        """See `gateway.ports.Publications.load`."""
        published = self._tables.publications.get((kind, version))
        if published is None:
            raise no_such_version(kind, version)
        return published

    async def publish(self, published: Publication, entry: Entry) -> None:
        """See `gateway.ports.Publications.publish`."""
        _publish(
            self._tables, self._tables.publications, (published.kind, published.version), published, entry
        )


class MemoryFormVersions(_Part):
    """`gateway.ports.FormVersions` in memory."""

    async def current(self) -> Mapping[str, int]:
        """See `gateway.ports.FormVersions.current`."""
        return dict(sorted(self._tables.forms))  # of one id the highest version comes last and stays

    async def listing(self, *, after: str, limit: int) -> Sequence[FormPublication]:
        """See `gateway.ports.FormVersions.listing`."""
        newest = dict(sorted(self._tables.forms))
        return [
            replace(self._tables.forms[form_id, newest[form_id]], document=b"")
            for form_id in page(newest, after, limit)
        ]

    async def load(self, form_id: str, version: int) -> FormPublication:
        """See `gateway.ports.FormVersions.load`."""
        form = self._tables.forms.get((form_id, version))
        if form is None:
            raise no_such_form_version(form_id, version)
        return form

    async def publish(self, form: FormPublication, entry: Entry) -> None:
        """See `gateway.ports.FormVersions.publish`."""
        _publish(self._tables, self._tables.forms, (form.id, form.version), form, entry)


class MemoryClients(_Part):
    """`gateway.ports.Clients` in memory."""

    async def client(self, client_id: str) -> Client | None:
        """See `gateway.ports.Clients.client`."""
        client = self._tables.clients.get(client_id)
        return None if client is None or client.disabled_at is not None else client

    async def put(self, registered: Client, at: datetime) -> None:
        """See `gateway.ports.Clients.put`."""
        require_separate(registered.roles)
        require_zones(registered, at)
        self._tables.clients[registered.id] = registered

    async def change(self, registered: Client, entry: Entry) -> None:
        """See `gateway.ports.Clients.change`."""
        self._tables.admit({}, None, entry)
        await self.put(registered, entry.at)
        self._tables.log(entry)

    async def listing(self, *, after: str, limit: int) -> Sequence[Client]:
        """See `gateway.ports.Clients.listing`."""
        clients = self._tables.clients
        return [clients[each] for each in page(clients, after, limit)]


_CAN_EXPIRE = frozenset({ConsentState.given, ConsentState.renewed, ConsentState.paused})


class MemoryConsents(_Part):
    """`gateway.ports.Consents` in memory."""

    async def read(self, consent_ids: Sequence[str]) -> Mapping[str, StoredConsent]:
        """See `gateway.ports.Consents.read`."""
        tables = self._tables
        return {each: tables.consent(each) for each in consent_ids if each in tables.consents}

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
        tables, consent = self._tables, stored.consent
        tables.admit(tables.consents, consent.id, stored, consent.standing, event, entry)
        is_known = stored.subject_ref in tables.subjects.values() and not tables.is_erased(stored.subject_ref)
        if event.id in tables.events or not is_known:
            raise already_recorded()
        if answers is not None and not settle(tables, answers):
            return False
        if ends is not None and not await self.move(
            ends.event, ends.entry, allowed_from=ends.allowed_from, purge_drafts=True
        ):
            return False
        tables.consents[consent.id] = stored
        tables.events[event.id] = event
        tables.log(entry)
        return True

    async def move(
        self, event: ConsentEvent, entry: Entry, *, allowed_from: frozenset[ConsentState], purge_drafts: bool
    ) -> bool:
        """See `gateway.ports.Consents.move`."""
        tables = self._tables
        stored = tables.consents.get(event.consent_id)
        if stored is None or stored.consent.standing.state not in allowed_from:
            return False
        tables.admit(tables.events, event.id, event, entry)
        standing = structs.replace(stored.consent.standing, state=event.state)
        tables.consents[event.consent_id] = with_standing(stored, standing)
        tables.events[event.id] = event
        tables.log(entry)
        if purge_drafts:
            empty(tables.drafts, lambda draft: event.consent_id in draft.consents)
        return True

    async def expire(
        self, now: datetime, tell: Callable[[StoredConsent], tuple[ConsentEvent, Entry]], *, most: int
    ) -> int:
        """See `gateway.ports.Consents.expire`."""
        consents = self._tables.consents
        over = [
            stored
            for stored in consents.values()
            if (now_so := stored.consent.standing).state in _CAN_EXPIRE and now_so.expires_at <= now
        ][:most]
        for stored in over:
            event, entry = tell(stored)
            await self.move(event, entry, allowed_from=_CAN_EXPIRE, purge_drafts=False)
        return len(over)

    async def events(self, consent_id: str, *, after: str, limit: int) -> Sequence[ConsentEvent]:
        """See `gateway.ports.Consents.events`."""
        events = self._tables.events
        its = (each for each, event in events.items() if event.consent_id == consent_id)
        return [events[event_id] for event_id in page(its, after, limit)]

    async def of_subject(self, subject_ref: str, *, after: str, limit: int) -> Sequence[StoredConsent]:
        """See `gateway.ports.Consents.of_subject`."""
        consents = self._tables.consents
        theirs = (each for each, stored in consents.items() if stored.subject_ref == subject_ref)
        return [self._tables.consent(consent_id) for consent_id in page(theirs, after, limit)]

    async def listing(self, *, after: str, limit: int) -> Sequence[StoredConsent]:
        """See `gateway.ports.Consents.listing`."""
        consents = self._tables.consents
        return [self._tables.consent(consent_id) for consent_id in page(consents, after, limit)]


class MemoryDrafts(_Part):
    """`gateway.ports.Drafts` in memory."""

    async def read(self, resolution_id: str) -> Draft | None:
        """See `gateway.ports.Drafts.read`."""
        return self._tables.drafts.get(resolution_id)

    async def purge_expired(self, now: datetime, entry: Callable[[int], Entry]) -> int:
        """See `gateway.ports.Drafts.purge_expired`."""
        purged = empty(self._tables.drafts, lambda draft: draft.valid_until <= now)
        if purged:
            self._tables.log(entry(purged))
        return purged


class MemoryEntries(_Part):
    """`gateway.ports.Entries` in memory."""

    async def find(self, *, request: str | None, after: str, limit: int) -> Sequence[Entry]:
        """See `gateway.ports.Entries.find`."""
        return await self.search(EntryFilter(request=request), after=after, limit=limit)

    async def search(self, wanted: EntryFilter, *, after: str, limit: int) -> Sequence[Entry]:
        """See `gateway.ports.Entries.search`."""
        entries = self._tables.entries
        matching = (
            entry.id
            for entry in entries.values()
            if wanted.request in (None, entry.request)
            and wanted.kind in (None, entry.kind)
            and wanted.caller in (None, entry.caller)
            and (wanted.since is None or entry.at >= wanted.since)
            and (wanted.until is None or entry.at < wanted.until)
        )
        return [entries[entry_id] for entry_id in page(matching, after, limit)]

    async def without_outcome(
        self, *, after: str, before: datetime, limit: int, until: str | None = None
    ) -> Sequence[Entry]:
        """See `gateway.ports.Entries.without_outcome`."""
        entries = self._tables.entries.values()
        closed = {entry.request for entry in entries if entry.kind is EntryKind.outcome}
        lost = {
            entry.id: entry
            for entry in entries
            if entry.kind is EntryKind.intent and entry.at < before and entry.request not in closed
            if until is None or entry.id < until
        }
        return [lost[entry_id] for entry_id in page(lost, after, limit)]


class MemoryIdempotencyKeys(_Part):
    """`gateway.ports.IdempotencyKeys` in memory."""

    async def claim(self, caller: str, key: str, digest: str, now: datetime) -> tuple[str, str | None] | None:
        """See `gateway.ports.IdempotencyKeys.claim`."""
        require_zones(now)
        before = self._tables.keys.get((caller, key))
        if before is not None:
            digest_before, resource, claimed_at = before
            if resource is not None or claimed_at > now - LEFT_BEHIND:
                return digest_before, resource
        self._tables.keys[caller, key] = (digest, None, now)
        return None

    async def settle(self, caller: str, key: str, resource: str) -> None:
        """See `gateway.ports.IdempotencyKeys.settle`."""
        before = self._tables.keys.get((caller, key))
        if before is not None and before[1] is None:
            self._tables.keys[caller, key] = (before[0], resource, before[2])

    async def release(self, caller: str, key: str) -> None:
        """See `gateway.ports.IdempotencyKeys.release`."""
        before = self._tables.keys.get((caller, key))
        if before is not None and before[1] is None:
            del self._tables.keys[caller, key]

    async def purge(self, before: datetime) -> int:
        """See `gateway.ports.IdempotencyKeys.purge`."""
        old = [whose for whose, (_, _, claimed_at) in self._tables.keys.items() if claimed_at < before]
        for whose in old:
            del self._tables.keys[whose]
        return len(old)


def _publish(
    tables: MemoryTables, table: dict[Any, Any], key: tuple[str, int], published: Any, entry: Entry
) -> None:
    require_zones(published, entry)
    if key in table or entry.id in tables.entries:
        raise version_exists(key[1])
    table[key] = published
    tables.log(entry)
