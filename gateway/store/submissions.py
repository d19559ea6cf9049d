"""Submissions in SQL: what was handed in, its frozen slots, and what waits to be counted.

The draft a submission came from is emptied in the transaction that writes it. Of two submissions of one draft the
second finds it empty, or the draft's id taken, and writes nothing; so does one that an erasure or a withdrawal has
overtaken, for these empty the draft too.
"""

import zlib
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Connection, Row, Select, bindparam, exists, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from gateway.records import (
    Draft,
    Entry,
    SnapshotFilter,
    Submission,
    SubmissionWrite,
    Submittable,
    TypedAnswers,
)
from gateway.slots import Snapshot, from_facts, to_facts
from gateway.store.bulk import among, insert_rows
from gateway.store.database import Database
from gateway.store.disputes import insert_disputes
from gateway.store.log import write_entries
from gateway.store.profile_tables import profile_value
from gateway.store.profiles import insert_profile_values, lock_subjects
from gateway.store.refusals import already_recorded, is_id
from gateway.store.submission_tables import (
    snapshot,
    snapshot_uncounted,
    submission,
    submission_subject,
    typed_answers,
)
from gateway.store.tables import resolution, resolution_consent, subject

_PORTION = 5_000
_s, _n, _r = submission.c, snapshot.c, resolution.c
_LINKED = select(resolution_consent.c.consent_id).where(resolution_consent.c.resolution_id == bindparam("id"))
_DRAFT = select(resolution).where(_r.id == bindparam("id"))
_OF_DRAFT = select(submission).where(_s.resolution_id == bindparam("id"))
_KEYS = select(subject.c.ref, subject.c.wrapped_key).where(
    among(subject.c.ref, "refs"), subject.c.wrapped_key.is_not(None)
)
_HELD = (
    select(profile_value.c.subject_ref, profile_value.c.item)
    .where(among(profile_value.c.subject_ref, "refs"), profile_value.c.ended_at.is_(None))
    .where(profile_value.c.expires_at > bindparam("now"))
)
_EMPTY_DRAFT = (
    update(resolution).where(_r.id == bindparam("draft"), _r.sealed.is_not(None)).values(sealed=None)
)


class SqlSubmissions:
    """`gateway.ports.Submissions` over SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._put_typed = (sqlite if database.is_sqlite else postgresql).insert(typed_answers)

    async def to_submit(self, resolution_id: str, now: datetime) -> Submittable | None:
        """See `gateway.ports.Submissions.to_submit`."""
        if not is_id(resolution_id):
            return None
        return await self._database.read(lambda connection: _submittable(connection, resolution_id, now))

    async def of_resolution(self, resolution_id: str) -> Submission | None:
        """See `gateway.ports.Submissions.of_resolution`."""
        return await self._one(_s.resolution_id == resolution_id) if is_id(resolution_id) else None

    async def read(self, submission_id: str) -> Submission | None:
        """See `gateway.ports.Submissions.read`."""
        return await self._one(_s.id == submission_id) if is_id(submission_id) else None

    async def _one(self, wanted: ColumnElement[bool]) -> Submission | None:
        query = select(submission).where(wanted)
        row = await self._database.read(lambda connection: connection.execute(query).one_or_none())
        return None if row is None else _submission(row)

    async def snapshots(self, submission_id: str) -> Sequence[Snapshot]:
        """See `gateway.ports.Submissions.snapshots`."""
        if not is_id(submission_id):
            return []
        query = select(snapshot).where(_n.submission_id == submission_id).order_by(_n.number)
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        return [snapshot_of(row) for row in rows]

    async def listing(self, wanted: SnapshotFilter, *, after: str, limit: int) -> Sequence[Snapshot]:
        """See `gateway.ports.Submissions.listing`."""
        texts = (wanted.form, wanted.department, wanted.matter, wanted.segment, wanted.caller, wanted.item)
        if not all(is_id(each or "") for each in (after, *texts)):
            return []
        return await self._database.read(lambda connection: _page(connection, wanted, after, limit))

    async def of_subject(self, ref: str, *, after: str, limit: int) -> Sequence[Submission]:
        """See `gateway.ports.Submissions.of_subject`."""
        if not is_id(ref) or not is_id(after):
            return []
        about = submission_subject.c
        page = (
            select(submission)
            .join_from(submission_subject, submission, _s.id == about.submission_id)
            .where(about.subject_ref == ref, about.submission_id > after)
            .order_by(_s.id)
            .limit(limit)
        )
        rows = await self._database.read(lambda connection: connection.execute(page).all())
        return [_submission(row) for row in rows]

    async def correct(self, later: Snapshot, entry: Entry) -> bool:
        """See `gateway.ports.Submissions.correct`."""
        # The row of the application is locked: two corrections follow one another.
        locked = select(_s.id).where(_s.id == later.submission_id).with_for_update()
        newest = select(func.max(_n.number)).where(_n.submission_id == later.submission_id)

        def work(connection: Connection) -> bool:
            connection.execute(locked).close()
            if connection.scalar(newest) != later.number - 1:
                return False
            write_entries(connection, [entry])
            _insert_snapshots(connection, [later])
            return True

        return await self._database.write(work) if is_id(later.submission_id) else False

    async def purge(self, now: datetime, entry: Callable[[int], Entry]) -> int:
        """See `gateway.ports.Submissions.purge`. Over `_PORTION` rows it takes several transactions."""
        total = 0
        while (done := await self._database.write(lambda each: _purge(each, now, entry))) >= _PORTION:
            total += done
        return total + done

    async def keep_typed(self, kept: TypedAnswers, entry: Entry) -> bool:
        """See `gateway.ports.Submissions.keep_typed`."""
        row = {
            "resolution_id": kept.resolution_id,
            "caller": kept.caller,
            "form": kept.form,
            "keep_until": kept.keep_until,
            "subjects": " ".join(kept.subjects) or None,
            "sealed": kept.sealed,
        }
        put = self._put_typed.values(row).on_conflict_do_nothing(index_elements=["resolution_id"])

        def work(connection: Connection) -> bool:
            if connection.execute(put, execution_options={"preserve_rowcount": True}).rowcount != 1:
                return False
            write_entries(connection, [entry])
            return True

        return await self._database.write(work)

    async def typed(self, resolution_id: str) -> TypedAnswers | None:
        """See `gateway.ports.Submissions.typed`."""
        if not is_id(resolution_id):
            return None
        kept = typed_answers.c
        query = select(typed_answers).where(kept.resolution_id == resolution_id, kept.sealed.is_not(None))
        row = await self._database.read(lambda connection: connection.execute(query).one_or_none())
        return None if row is None else TypedAnswers(**_with_subjects(row))


def write_submissions(connection: Connection, writes: Sequence[SubmissionWrite]) -> None:
    """Write submissions with everything that belongs to them, and empty their drafts.

    Raises `Conflict` where a draft was emptied before: somebody was first, or a consent or a subject is no more.
    """
    if not writes:
        return
    about = _subjects_of(writes)
    if about:
        lock_subjects(connection, about)
    for write in writes:
        if not write.was_purged:
            emptied = connection.execute(_EMPTY_DRAFT, {"draft": write.submission.resolution_id})
            if emptied.rowcount != 1:
                raise already_recorded()
    insert_rows(connection, submission, [_row(write.submission) for write in writes])
    insert_rows(connection, submission_subject, [row for write in writes for row in _about(write.submission)])
    _insert_snapshots(connection, [write.snapshot for write in writes])
    insert_profile_values(connection, [value for write in writes for value in write.kept])
    insert_disputes(connection, [dispute for write in writes for dispute in write.disputes])


def _subjects_of(writes: Sequence[SubmissionWrite]) -> set[str]:
    """Those about whom more is written than an erasure finds by their draft.

    A draft that was empty before tells no erasure that it is handed in at this moment; the subject's row does.
    """
    kept = {value.subject_ref for write in writes for value in write.kept}
    disputing = {dispute.subject_ref for write in writes for dispute in write.disputes}
    purged = {ref for write in writes if write.was_purged for ref in write.submission.roles.values()}
    return kept | disputing | purged


def empty_submissions(connection: Connection, ref: str, drafts: Sequence[str]) -> None:
    """Empty every final value about a subject that is erased, and what was typed into those drafts."""
    of_subject = select(submission_subject.c.submission_id).where(submission_subject.c.subject_ref == ref)
    connection.execute(update(submission).where(_s.id.in_(of_subject)).values(sealed=None))
    typed = update(typed_answers).where(among(typed_answers.c.resolution_id, "ids")).values(sealed=None)
    connection.execute(typed, {"ids": list(drafts)})


def snapshot_of(row: Row[Any]) -> Snapshot:
    """A snapshot from the columns of its table."""
    columns = row._asdict()
    return Snapshot(**{**columns, "slots": from_facts(orjson.loads(zlib.decompress(columns["slots"])))})


def _submittable(connection: Connection, resolution_id: str, now: datetime) -> Submittable | None:
    draft = connection.execute(_DRAFT, {"id": resolution_id}).one_or_none()
    if draft is None:
        return None
    columns = _with_subjects(draft)
    refs = list(columns["subjects"])
    consents = sorted(connection.scalars(_LINKED, {"id": resolution_id}))
    before = connection.execute(_OF_DRAFT, {"id": resolution_id}).one_or_none()
    keys = {row[0]: row[1] for row in connection.execute(_KEYS, {"refs": refs})} if refs else {}
    held: dict[str, set[str]] = {}
    if refs:
        for ref, item in connection.execute(_HELD, {"refs": refs, "now": now}):
            held.setdefault(ref, set()).add(item)
    return Submittable(
        Draft(**columns, consents=tuple(consents)),
        keys,
        None if before is None else _submission(before),
        {ref: frozenset(items) for ref, items in held.items()},
    )


def _page(connection: Connection, wanted: SnapshotFilter, after: str, limit: int) -> list[Snapshot]:
    """One page. Which slots are of an item only their leaves say: then pages are read until enough was found."""
    found: list[Snapshot] = []
    while True:
        rows = connection.execute(_newest(wanted, after).limit(limit)).all()
        shots = [snapshot_of(row) for row in rows]
        found += [shot for shot in shots if wanted.item is None or _has_item(shot, wanted.item)]
        if wanted.item is None or len(found) >= limit or len(rows) < limit:
            return found[:limit]
        after = rows[-1].submission_id


def _has_item(shot: Snapshot, item: str) -> bool:
    return any(slot.item == item for slot in shot.slots)


def _newest(wanted: SnapshotFilter, after: str) -> Select[Any]:
    later = snapshot.alias()
    outdated = exists().where(later.c.submission_id == _n.submission_id, later.c.number > _n.number)
    equal = {
        _n.form: wanted.form,
        _n.department: wanted.department,
        _n.matter: wanted.matter,
        _n.segment: wanted.segment,
        _s.caller: wanted.caller,
    }
    conditions = [column == value for column, value in equal.items() if value is not None]
    if wanted.since is not None:
        conditions.append(_s.submitted_at >= wanted.since)
    if wanted.until is not None:
        conditions.append(_s.submitted_at < wanted.until)
    return (
        select(snapshot)
        .join_from(snapshot, submission, _s.id == _n.submission_id)
        .where(_n.submission_id > after, ~outdated, *conditions)
        .order_by(_n.submission_id)
    )


def _purge(connection: Connection, now: datetime, entry: Callable[[int], Entry]) -> int:
    """How many cells of either kind were emptied, at most a portion of each."""
    purged = 0
    for table, key in ((submission, "id"), (typed_answers, "resolution_id")):
        over = (
            select(table.c[key])
            .where(table.c.keep_until <= now, table.c.sealed.is_not(None))
            .limit(_PORTION)
            .with_for_update(skip_locked=True)
        )
        emptied = update(table).where(table.c[key].in_(over)).values(sealed=None)
        purged += connection.execute(emptied).rowcount
    if purged:
        write_entries(connection, [entry(purged)])
    return purged


def _insert_snapshots(connection: Connection, shots: Sequence[Snapshot]) -> None:
    connection.execute(insert(snapshot), [_snapshot_row(shot) for shot in shots])
    waiting = [
        {"submission_id": shot.submission_id, "number": shot.number} for shot in shots if not shot.is_test
    ]
    insert_rows(connection, snapshot_uncounted, waiting)


def _submission(row: Row[Any]) -> Submission:
    columns = _with_subjects(row)
    return Submission(
        **{**columns, "roles": orjson.loads(columns["roles"]), "said": columns["said"].encode()}
    )


def _with_subjects(row: Row[Any]) -> dict[str, Any]:
    columns = row._asdict()
    return {**columns, "subjects": tuple((columns["subjects"] or "").split())}


def _row(made: Submission) -> dict[str, Any]:
    names = (
        *("id", "resolution_id", "caller", "department", "form", "form_version", "submitted_at", "entry_id"),
        *("digest", "keep_until", "sealed"),
    )
    return {
        **{name: getattr(made, name) for name in names},
        "roles": orjson.dumps(dict(made.roles), option=orjson.OPT_SORT_KEYS).decode(),
        "subjects": " ".join(made.subjects) or None,
        "said": made.said.decode(),
    }


def _about(made: Submission) -> list[dict[str, Any]]:
    return [{"subject_ref": ref, "submission_id": made.id} for ref in sorted(set(made.roles.values()))]


def _snapshot_row(shot: Snapshot) -> dict[str, Any]:
    names = (
        *("submission_id", "number", "at", "form", "form_version", "matter", "department", "segment"),
        *("registry_version", "policy_version", "definition", "baseline", "is_test"),
    )
    slots = zlib.compress(orjson.dumps(to_facts(shot.slots)), 1)
    return {**{name: getattr(shot, name) for name in names}, "slots": slots}
