"""Submissions in memory."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from msgspec import structs

from gateway.errors import Conflict
from gateway.records import (
    Entry,
    SnapshotFilter,
    Submission,
    SubmissionWrite,
    Submittable,
    TypedAnswers,
)
from gateway.slots import Snapshot, from_facts, to_facts
from gateway.store.memory_disputes import (
    insert_disputes,
    join_disputes,
    open_tickets,
    require_joinable,
    require_storable,
)
from gateway.store.memory_profiles import check_values, keep_values
from gateway.store.memory_tables import MemoryTables, page, require_zones
from gateway.store.refusals import already_recorded


class MemorySubmissions:
    """`gateway.ports.Submissions` in memory."""

    def __init__(self, tables: MemoryTables) -> None:
        self._tables = tables

    async def to_submit(self, resolution_id: str, now: datetime) -> Submittable | None:
        """See `gateway.ports.Submissions.to_submit`."""
        tables = self._tables
        require_zones(now)
        draft = tables.drafts.get(resolution_id)
        if draft is None:
            return None
        keys = {ref: tables.wrapped[ref] for ref in draft.subjects if ref in tables.wrapped}
        standing = (
            value
            for value in tables.profile_values.values()
            if value.id not in tables.profile_ends and value.expires_at > now
        )
        held: dict[str, frozenset[str]] = {}
        for value in standing:
            if value.subject_ref in draft.subjects:
                held[value.subject_ref] = held.get(value.subject_ref, frozenset()) | {value.item}
        made, tickets = await self.of_resolution(resolution_id), open_tickets(tables, draft.subjects)
        return Submittable(draft, keys, made, held, tickets)

    async def of_resolution(self, resolution_id: str) -> Submission | None:
        """See `gateway.ports.Submissions.of_resolution`."""
        made = self._tables.submissions.values()
        return next((each for each in made if each.resolution_id == resolution_id), None)

    async def read(self, submission_id: str) -> Submission | None:
        """See `gateway.ports.Submissions.read`."""
        return self._tables.submissions.get(submission_id)

    async def snapshots(self, submission_id: str) -> Sequence[Snapshot]:
        """See `gateway.ports.Submissions.snapshots`."""
        its = sorted(key for key in self._tables.snapshots if key[0] == submission_id)
        return [self._tables.snapshots[key] for key in its]

    async def listing(self, wanted: SnapshotFilter, *, after: str, limit: int) -> Sequence[Snapshot]:
        """See `gateway.ports.Submissions.listing`."""
        newest = {key[0]: self._tables.snapshots[key] for key in sorted(self._tables.snapshots)}
        matching = (each for each, shot in newest.items() if self._matches(shot, wanted))
        return [newest[each] for each in page(matching, after, limit)]

    def _matches(self, shot: Snapshot, wanted: SnapshotFilter) -> bool:
        made = self._tables.submissions[shot.submission_id]
        return (
            wanted.form in (None, shot.form)
            and wanted.department in (None, shot.department)
            and wanted.matter in (None, shot.matter)
            and wanted.segment in (None, shot.segment)
            and wanted.caller in (None, made.caller)
            and (wanted.since is None or made.submitted_at >= wanted.since)
            and (wanted.until is None or made.submitted_at < wanted.until)
            and (wanted.item is None or any(slot.item == wanted.item for slot in shot.slots))
        )

    async def resolutions(self, submission_ids: Sequence[str]) -> Mapping[str, str]:
        """See `gateway.ports.Submissions.resolutions`."""
        made = self._tables.submissions
        return {each: made[each].resolution_id for each in submission_ids if each in made}

    async def of_subject(self, ref: str, *, after: str, limit: int) -> Sequence[Submission]:
        """See `gateway.ports.Submissions.of_subject`."""
        made = self._tables.submissions
        theirs = (each for each, one in made.items() if ref in one.roles.values())
        return [made[each] for each in page(theirs, after, limit)]

    async def correct(self, later: Snapshot, entry: Entry) -> bool:
        """See `gateway.ports.Submissions.correct`."""
        tables = self._tables
        numbers = [number for made, number in tables.snapshots if made == later.submission_id]
        if max(numbers, default=0) != later.number - 1 or not numbers:
            return False
        tables.admit({}, None, later, entry)
        _freeze(tables, later)
        tables.log(entry)
        return True

    async def purge(self, now: datetime, entry: Callable[[int], Entry]) -> int:
        """See `gateway.ports.Submissions.purge`."""
        tables = self._tables
        require_zones(now)
        over = [
            each for each in tables.submissions.values() if each.sealed is not None and each.keep_until <= now
        ]
        late = [each for each in tables.typed_answers.values() if each.keep_until <= now and each.sealed]
        for made in over:
            tables.submissions[made.id] = replace(made, sealed=None)
        for kept in late:
            tables.typed_answers[kept.resolution_id] = replace(kept, sealed=b"")
        if over or late:
            tables.log(entry(len(over) + len(late)))
        return len(over) + len(late)

    async def keep_typed(self, kept: TypedAnswers, entry: Entry) -> bool:
        """See `gateway.ports.Submissions.keep_typed`."""
        tables = self._tables
        tables.admit({}, None, kept, entry)
        if kept.resolution_id in tables.typed_answers:
            return False
        if kept.resolution_id not in tables.drafts:
            raise already_recorded()
        tables.typed_answers[kept.resolution_id] = kept
        tables.log(entry)
        return True

    async def typed(self, resolution_id: str) -> TypedAnswers | None:
        """See `gateway.ports.Submissions.typed`."""
        kept = self._tables.typed_answers.get(resolution_id)
        return kept if kept is not None and kept.sealed else None


def check_submission(tables: MemoryTables, write: SubmissionWrite) -> None:
    """Nothing, or a `Conflict`: why that cannot be written."""
    made = write.submission
    tables.admit(tables.submissions, made.id, made, write.snapshot)
    draft = tables.drafts.get(made.resolution_id)
    is_empty = draft is None or draft.sealed is None
    taken = any(each.resolution_id == made.resolution_id for each in tables.submissions.values())
    if taken or (is_empty and not write.was_purged):
        raise already_recorded()
    check_values(tables, write.kept)
    require_storable(tables, write.disputes)
    require_joinable(tables, write.joins)
    if write.was_purged and any(tables.is_erased(ref) for ref in made.roles.values()):
        raise already_recorded()


def write_submission(tables: MemoryTables, write: SubmissionWrite) -> None:
    """As `gateway.store.submissions.write_submissions`, for one that was checked."""
    made = write.submission
    draft = tables.drafts.get(made.resolution_id)
    if draft is not None:
        tables.drafts[draft.id] = structs.replace(draft, sealed=None)
    tables.submissions[made.id] = made
    _freeze(tables, write.snapshot)
    keep_values(tables, write.kept)
    insert_disputes(tables, write.disputes)
    join_disputes(tables, write.joins)


def empty_submissions(tables: MemoryTables, ref: str, drafts: set[str]) -> None:
    """As `gateway.store.submissions.empty_submissions`."""
    for made in [each for each in tables.submissions.values() if ref in each.roles.values()]:
        tables.submissions[made.id] = replace(made, sealed=None)
    for kept in [each for each in tables.typed_answers.values() if each.resolution_id in drafts]:
        tables.typed_answers[kept.resolution_id] = replace(kept, sealed=b"")


def refusal_of(tables: MemoryTables, write: SubmissionWrite | None) -> Conflict | None:
    """Why that cannot be written; None when it can."""
    try:
        if write is not None:
            check_submission(tables, write)
    except Conflict as refusal:
        return refusal
    return None


def _freeze(tables: MemoryTables, shot: Snapshot) -> None:
    """Keep a snapshot as it is read again: its slots by path."""
    tables.snapshots[shot.submission_id, shot.number] = replace(shot, slots=from_facts(to_facts(shot.slots)))
    if not shot.is_test:
        tables.uncounted[shot.submission_id, shot.number] = None
