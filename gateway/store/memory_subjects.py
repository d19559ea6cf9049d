"""Subjects in memory."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import orjson

from gateway.audit.entries import subjects_of
from gateway.records import ConsentEvent, Entry, EntryKind, Erasure, NewSubject, StoredConsent
from gateway.store.memory_tables import MemoryTables, empty, require_zones
from gateway.store.refusals import ENDED_BY_ERASURE, erased_key
from policies.consent import ConsentState

_OF_A_RESOLUTION = frozenset({EntryKind.intent, EntryKind.outcome})


class MemorySubjects:
    """`gateway.ports.Subjects` in memory."""

    def __init__(self, tables: MemoryTables) -> None:
        self._tables = tables

    async def refs(self, subjects: Mapping[str, NewSubject]) -> Mapping[str, str]:
        """See `gateway.ports.Subjects.refs`."""
        return self._tables.refs(subjects)

    async def find(self, key: str) -> str | None:
        """See `gateway.ports.Subjects.find`."""
        return self._tables.subjects.get(key)

    async def keys(self, refs: Sequence[str]) -> Mapping[str, bytes]:
        """See `gateway.ports.Subjects.keys`."""
        wrapped = self._tables.wrapped
        return {ref: wrapped[ref] for ref in refs if ref in wrapped}

    async def newest_record(self, ref: str) -> datetime | None:
        """See `gateway.ports.Subjects.newest_record`."""
        tables = self._tables
        if ref not in tables.first_seen:
            return None
        theirs = {key for key, stored in tables.consents.items() if stored.subject_ref == ref}
        moved = [event.at for event in tables.events.values() if event.consent_id in theirs]
        asked = [
            each.at for each in tables.entries.values() if _of_purpose(each.kind) and _is_about(each, ref)
        ]
        return max([tables.first_seen[ref], *moved, *asked])

    async def erase(
        self,
        ref: str,
        at: datetime,
        *,
        end: Callable[[StoredConsent], tuple[ConsentEvent, Entry]],
        entry: Callable[[Erasure], Entry],
    ) -> Erasure | None:
        """See `gateway.ports.Subjects.erase`."""
        tables = self._tables
        require_zones(at)
        key = next((key for key, other in tables.subjects.items() if other == ref), None)
        if key is None or key == erased_key(ref):
            return None
        consents = [each for each in tables.consents.values() if each.subject_ref == ref]
        standing = [each for each in consents if each.consent.standing.state in ENDED_BY_ERASURE]
        ends = [end(each) for each in standing]
        of_resolutions = (each for each in tables.entries.values() if each.kind in _OF_A_RESOLUTION)
        drafts = {each.request for each in of_resolutions if _is_about(each, ref)}
        done = Erasure(len(consents), len(standing), empty(tables.drafts, lambda draft: draft.id in drafts))
        told = entry(done)
        tables.subjects[erased_key(ref)] = tables.subjects.pop(key)
        tables.wrapped.pop(ref, None)
        for event, ended in ends:
            tables.events[event.id] = event
            tables.log(ended)
        self._empty(ref, at, {event.consent_id for event, _ in ends})
        tables.log(told)
        return done

    def _empty(self, ref: str, at: datetime, ended: set[str]) -> None:
        tables = self._tables
        for stored in [each for each in tables.consents.values() if each.subject_ref == ref]:
            agreed = stored.consent
            if agreed.id in ended:
                agreed = replace(agreed, standing=replace(agreed.standing, state=ConsentState.terminated))
            agreed = replace(agreed, subject_key=erased_key(ref))  # as a join finds it
            tables.consents[agreed.id] = replace(stored, consent=agreed, sealed=b"")
        for asked in [each for each in tables.requests.values() if each.subject_ref == ref]:
            emptied = replace(asked, sealed=None, proof="")
            if asked.state is ConsentState.requested:
                emptied = replace(emptied, state=ConsentState.terminated, answered_at=at)
            tables.requests[asked.id] = emptied


def _is_about(entry: Entry, ref: str) -> bool:
    return ref in subjects_of(orjson.loads(entry.leaf))


def _of_purpose(kind: EntryKind) -> bool:
    return kind in _OF_A_RESOLUTION or kind.value.startswith("consent.")
