"""Submissions in SQL: what was handed in, its frozen slots, and what waits to be counted.

The draft a submission came from is emptied in the transaction that writes it. Of two submissions of one draft the
second finds it empty, or the draft's id taken, and writes nothing; so does one that an erasure or a withdrawal has
overtaken, for these empty the draft too.
"""

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from datetime import date, datetime
from typing import Any

import orjson
from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    bindparam,
    exists,
    func,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from gateway.records import (
    DisputeState,
    Draft,
    Entry,
    OpenTicket,
    SnapshotFilter,
    Submission,
    SubmissionWrite,
    Submittable,
    TypedAnswers,
)
from gateway.slots import Snapshot, from_facts, to_facts
from gateway.store.bulk import Part, among, write_rows
from gateway.store.database import Database
from gateway.store.dispute_tables import dispute
from gateway.store.disputes import insert_disputes, join_disputes
from gateway.store.gathered import hexed, is_word_of, json_rows, read_rows
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
_v, _d = profile_value.c, dispute.c
_ME, _OTHER = subject.alias("me"), subject.alias("other")
_CONSENTS = select(json_rows(resolution_consent.c.consent_id)).where(
    resolution_consent.c.resolution_id == _r.id
)
_KEYS = select(json_rows(_ME.c.ref, hexed(_ME.c.wrapped_key))).where(
    is_word_of(_ME.c.ref, _r.subjects), _ME.c.wrapped_key.is_not(None)
)
_HELD = select(json_rows(_v.subject_ref, _v.item)).where(
    is_word_of(_v.subject_ref, _r.subjects), _v.ended_at.is_(None), _v.expires_at > bindparam("now")
)


def _tickets(of: Any) -> Select[Any]:
    """Open tickets of the subject `of`, as one that is found by `_ME`."""
    return select(
        json_rows(
            *(_ME.c.ref, _d.id, _d.subject_ref, _d.item, _d.source, _d.state, _d.department),
            *(_d.due, _d.level, _d.steps, _d.resolution_id, _d.submission_id, hexed(of.c.wrapped_key)),
        )
    ).where(is_word_of(_ME.c.ref, _r.subjects), _d.closed_at.is_(None))


# Apart: joined by either of two columns they would be found by no index.
_OWN_TICKETS = _tickets(_ME).join_from(_ME, dispute, _d.subject_ref == _ME.c.ref)
_LINKED_TICKETS = (
    _tickets(_OTHER)
    .join_from(_ME, _OTHER, and_(_OTHER.c.linked_to == _ME.c.linked_to, _OTHER.c.ref != _ME.c.ref))
    .join(dispute, _d.subject_ref == _OTHER.c.ref)
)
_GATHERED = tuple(
    each.correlate(resolution).scalar_subquery()
    for each in (_CONSENTS, _KEYS, _HELD, _OWN_TICKETS, _LINKED_TICKETS)
)
_TO_SUBMIT = (
    select(*resolution.columns, *_GATHERED, *submission.columns)
    .join_from(resolution, submission, _s.resolution_id == _r.id, isouter=True)
    .where(_r.id == bindparam("id"))
)
_RESOLUTIONS = select(_s.id, _s.resolution_id).where(among(_s.id, "ids"))
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
        return None if row is None else _submission(row._asdict())

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

    async def resolutions(self, submission_ids: Sequence[str]) -> Mapping[str, str]:
        """See `gateway.ports.Submissions.resolutions`."""
        named = {"ids": [each for each in submission_ids if is_id(each)]}
        rows = await self._database.read(lambda connection: connection.execute(_RESOLUTIONS, named).all())
        return {row[0]: row[1] for row in rows}

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
        return [_submission(row._asdict()) for row in rows]

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
            write_rows(connection, _snapshot_parts([later]))
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
        return None if row is None else TypedAnswers(**_with_subjects(row._asdict()))


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
    parts: list[Part] = [
        (submission, [_row(write.submission) for write in writes]),
        (submission_subject, [row for write in writes for row in _about(write.submission)]),
        *_snapshot_parts([write.snapshot for write in writes]),
    ]
    write_rows(connection, parts)
    insert_profile_values(connection, [value for write in writes for value in write.kept])
    insert_disputes(connection, [opened for write in writes for opened in write.disputes])
    join_disputes(connection, [join for write in writes for join in write.joins])


def _subjects_of(writes: Sequence[SubmissionWrite]) -> set[str]:
    """Those about whom more is written than an erasure finds by their draft.

    A draft that was empty before tells no erasure that it is handed in at this moment; the subject's row does.
    """
    kept = {value.subject_ref for write in writes for value in write.kept}
    disputing = {opened.subject_ref for write in writes for opened in write.disputes}
    disputing |= {join.ticket.subject_ref for write in writes for join in write.joins}
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
    row = connection.execute(_TO_SUBMIT, {"id": resolution_id, "now": now}).one_or_none()
    if row is None:
        return None
    of_draft, gathered, made = row[: len(_DRAFT)], row[len(_DRAFT) : -len(_MADE)], row[-len(_MADE) :]
    consents, keys, held, *tickets = (read_rows(text) for text in gathered)
    items: dict[str, frozenset[str]] = {}
    for ref, item in held:
        items[ref] = items.get(ref, frozenset()) | {item}
    draft = _with_subjects(dict(zip(_DRAFT, of_draft, strict=True)))
    return Submittable(
        Draft(**draft, consents=tuple(sorted(each[0] for each in consents))),
        {ref: bytes.fromhex(key) for ref, key in keys},
        None if made[0] is None else _submission(dict(zip(_MADE, made, strict=True))),
        items,
        tuple(_ticket(each) for found in tickets for each in found),
    )


_DRAFT, _MADE = resolution.columns.keys(), submission.columns.keys()
_TICKET = tuple(each.name for each in fields(OpenTicket))  # in the order in which `_tickets` gathers them


def _ticket(row: Sequence[Any]) -> OpenTicket:
    of_ticket = dict(zip(_TICKET, row, strict=True))
    key = of_ticket["wrapped_key"]
    read = {
        "state": DisputeState(of_ticket["state"]),
        "due": date.fromisoformat(of_ticket["due"]),
        "wrapped_key": None if key is None else bytes.fromhex(key),
    }
    return OpenTicket(**{**of_ticket, **read})


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


def _snapshot_parts(shots: Sequence[Snapshot]) -> list[Part]:
    waiting = [
        {"submission_id": shot.submission_id, "number": shot.number} for shot in shots if not shot.is_test
    ]
    return [(snapshot, [_snapshot_row(shot) for shot in shots]), (snapshot_uncounted, waiting)]


def _submission(columns: Mapping[str, Any]) -> Submission:
    columns = _with_subjects(columns)
    return Submission(
        **{**columns, "roles": orjson.loads(columns["roles"]), "said": columns["said"].encode()}
    )


def _with_subjects(columns: Mapping[str, Any]) -> dict[str, Any]:
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
