"""Subjects in memory."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import orjson
from msgspec import structs

from gateway.audit.entries import subjects_of
from gateway.records import ConsentEvent, Entry, EntryKind, Erasure, NewSubject, StoredConsent
from gateway.store.memory_disputes import empty_disputes
from gateway.store.memory_identities import alike, contested, end_by_erasure
from gateway.store.memory_profiles import empty_profile
from gateway.store.memory_submissions import empty_submissions
from gateway.store.memory_tables import MemoryTables, empty, require_zones
from gateway.store.refusals import ENDED_BY_ERASURE, erased_key
from gateway.store.subjects import together
from policies.consent import ConsentState

_OF_A_RESOLUTION = frozenset({EntryKind.intent, EntryKind.outcome})


@dataclass(frozen=True, slots=True)
class _Erasing:
    """What erasing one document will do: nothing is done before its entry is made."""

    ref: str
    done: Erasure
    ends: Sequence[tuple[ConsentEvent, Entry]]
    drafts: set[str]


class MemorySubjects:
    """`gateway.ports.Subjects` in memory."""

    def __init__(self, tables: MemoryTables) -> None:
        self._tables = tables

    async def refs(self, subjects: Mapping[str, NewSubject]) -> Mapping[str, str]:
        """See `gateway.ports.Subjects.refs`."""
        found, claimed = self._tables.refs(subjects), contested(self._tables)
        return {key: ref for key, ref in found.items() if ref not in claimed}

    async def find(self, key: str) -> str | None:
        """See `gateway.ports.Subjects.find`."""
        ref = self._tables.subjects.get(key)
        return None if ref in contested(self._tables) else ref

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
        refs = alike(tables, ref)
        if any(ref not in tables.first_seen or tables.is_erased(ref) for ref in refs):
            return None
        erased = [self._erasing(each, end) for each in refs]
        done = together([each.done for each in erased], ref, refs)
        told = entry(done)
        for each in erased:
            self._erase_one(each, at)
        end_by_erasure(tables, refs, at, told.id)
        tables.log(told)
        return done

    def _erasing(self, ref: str, end: Callable[[StoredConsent], tuple[ConsentEvent, Entry]]) -> "_Erasing":
        tables = self._tables
        consents = [each for each in tables.consents.values() if each.subject_ref == ref]
        standing = [each for each in consents if each.consent.standing.state in ENDED_BY_ERASURE]
        of_resolutions = (each for each in tables.entries.values() if each.kind in _OF_A_RESOLUTION)
        about = {each.request for each in of_resolutions if _is_about(each, ref)}
        drafts = {each for each in about if each is not None}
        kept = [each for each in drafts if (draft := tables.drafts.get(each)) and draft.sealed is not None]
        ends = [end(each) for each in standing]
        return _Erasing(ref, Erasure(len(consents), len(standing), len(kept)), ends, drafts)

    def _erase_one(self, erased: "_Erasing", at: datetime) -> None:
        tables, ref = self._tables, erased.ref
        empty(tables.drafts, lambda draft: draft.id in erased.drafts)
        key = next(key for key, other in tables.subjects.items() if other == ref)
        tables.subjects[erased_key(ref)] = tables.subjects.pop(key)
        tables.wrapped.pop(ref, None)
        for event, ended in erased.ends:
            tables.events[event.id] = event
            tables.log(ended)
        self._empty(ref, at, {event.consent_id for event, _ in erased.ends})
        empty_submissions(tables, ref, erased.drafts)

    def _empty(self, ref: str, at: datetime, ended: set[str]) -> None:
        tables = self._tables
        empty_profile(tables, ref, at)
        empty_disputes(tables, ref, at)
        for stored in [each for each in tables.consents.values() if each.subject_ref == ref]:
            agreed = stored.consent
            if agreed.id in ended:
                over = structs.replace(agreed.standing, state=ConsentState.terminated)
                agreed = structs.replace(agreed, standing=over)
            agreed = structs.replace(agreed, subject_key=erased_key(ref))  # as a join finds it
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
