"""Subjects in SQL: their references and wrapped keys, and the end of both.

On PostgreSQL whoever adds something about a subject waits at its row for an erasure under way (the foreign key wants
the row as it is) and then finds it erased: nothing is added behind an erasure's back.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, func, insert, or_, select, update

from gateway.records import ConsentEvent, Entry, EntryKind, Erasure, NewSubject, StoredConsent
from gateway.store.bulk import among
from gateway.store.consents import JOINED, event_row, stored_consent
from gateway.store.database import Database
from gateway.store.disputes import empty_disputes
from gateway.store.drafts_about import PLACED, answers_about, empty_answers
from gateway.store.gates import KnownSubject, known_subjects, subjects_of
from gateway.store.identities import alike, end_by_erasure, let_nobody_link
from gateway.store.linked import contested_among
from gateway.store.log import write_entries
from gateway.store.profiles import empty_profile
from gateway.store.refusals import ENDED_BY_ERASURE, erased_key, is_id
from gateway.store.submissions import empty_submissions
from gateway.store.tables import (
    audit_about,
    audit_entry,
    consent,
    consent_event,
    consent_request,
    subject,
)
from policies.consent import ConsentState

_KEYS = select(subject.c.ref, subject.c.wrapped_key).where(
    among(subject.c.ref, "refs"), subject.c.wrapped_key.is_not(None)
)
_OF_PURPOSE: ColumnElement[bool] = or_(
    audit_entry.c.kind.in_([EntryKind.intent.value, EntryKind.outcome.value]),
    audit_entry.c.kind.startswith("consent."),
)


class SqlSubjects:
    """`gateway.ports.Subjects` over SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def refs(self, subjects: Mapping[str, NewSubject]) -> Mapping[str, str]:
        """See `gateway.ports.Subjects.refs`."""
        found = await self._database.read(lambda connection: known_subjects(connection, list(subjects)))
        if len(found) < len(subjects):
            found = await self._database.write(lambda connection: subjects_of(connection, subjects))
        return await self._uncontested(found)

    async def find(self, key: str) -> str | None:
        """See `gateway.ports.Subjects.find`."""
        found = await self._database.read(lambda connection: known_subjects(connection, [key]))
        return (await self._uncontested(found)).get(key)

    async def _uncontested(self, found: Sequence[KnownSubject]) -> dict[str, str]:
        """key → reference, less those that two subjects claim; one statement more only where any is linked."""
        linked = {row[1] for row in found if row[4] is not None}
        if not linked:
            return {row[0]: row[1] for row in found}
        contested = await self._database.read(lambda connection: contested_among(connection, linked))
        return {row[0]: row[1] for row in found if row[1] not in contested}

    async def keys(self, refs: Sequence[str]) -> Mapping[str, bytes]:
        """See `gateway.ports.Subjects.keys`."""
        wanted = [ref for ref in refs if is_id(ref)]
        if not wanted:
            return {}
        rows = await self._database.read(lambda connection: connection.execute(_KEYS, {"refs": wanted}).all())
        return {row[0]: row[1] for row in rows}

    async def newest_record(self, ref: str) -> datetime | None:
        """See `gateway.ports.Subjects.newest_record`."""
        if not is_id(ref):
            return None
        seen = select(subject.c.created_at).where(subject.c.ref == ref)
        moved = (
            select(func.max(consent_event.c.at))
            .join_from(consent_event, consent, consent.c.id == consent_event.c.consent_id)
            .where(consent.c.subject_ref == ref)
        )
        asked = (
            select(audit_entry.c.at)
            .select_from(PLACED)
            .where(audit_about.c.subject_ref == ref, _OF_PURPOSE)
            .order_by(audit_about.c.index.desc())
            .limit(1)
        )

        def work(connection: Connection) -> list[datetime | None]:
            first = connection.scalar(seen)
            return [] if first is None else [first, connection.scalar(moved), connection.scalar(asked)]

        return max((each for each in await self._database.read(work) if each is not None), default=None)

    async def erase(
        self,
        ref: str,
        at: datetime,
        *,
        end: Callable[[StoredConsent], tuple[ConsentEvent, Entry]],
        entry: Callable[[Erasure], Entry],
    ) -> Erasure | None:
        """See `gateway.ports.Subjects.erase`."""

        def work(connection: Connection) -> Erasure | None:
            let_nobody_link(connection)
            refs = alike(connection, ref)
            _consents_of(connection, refs)  # locked first, as others do: else two could wait in a circle
            erased = [_erase_one(connection, each, at, end) for each in refs]
            if None in erased:
                return None
            done = together([each for each in erased if each is not None], ref, refs)
            told = entry(done)
            end_by_erasure(connection, refs, at, told.id)
            write_entries(connection, [told])
            return done

        return await self._database.write(work) if is_id(ref) else None


def together(erased: Sequence[Erasure], ref: str, refs: Sequence[str]) -> Erasure:
    """What erasing all documents of a subject did, asked for by the one of that reference; for every store."""
    counts = (sum(each.consents for each in erased), sum(each.ended for each in erased))
    others = tuple(each for each in refs if each != ref)
    return Erasure(*counts, sum(each.drafts for each in erased), others)


def _erase_one(
    connection: Connection,
    ref: str,
    at: datetime,
    end: Callable[[StoredConsent], tuple[ConsentEvent, Entry]],
) -> Erasure | None:
    if not _destroy_key(connection, ref, at):
        return None
    consents = _consents_of(connection, (ref,))
    standing = [each for each in consents if each.consent.standing.state in ENDED_BY_ERASURE]
    _end(connection, [end(each) for each in standing])
    _empty_consents(connection, ref, at)
    empty_profile(connection, ref, at)
    empty_disputes(connection, ref, at)
    return Erasure(len(consents), len(standing), _empty_drafts(connection, ref, at))


def _destroy_key(connection: Connection, ref: str, at: datetime) -> bool:
    destroyed = (
        update(subject)
        .where(subject.c.ref == ref, subject.c.erased_at.is_(None))
        .values(key=erased_key(ref), wrapped_key=None, erased_at=at)
    )
    return connection.execute(destroyed).rowcount == 1


def _consents_of(connection: Connection, refs: Sequence[str]) -> list[StoredConsent]:
    theirs = JOINED.where(among(consent.c.subject_ref, "refs")).with_for_update(of=consent)
    return [stored_consent(row) for row in connection.execute(theirs, {"refs": list(refs)})]


def _end(connection: Connection, ends: Sequence[tuple[ConsentEvent, Entry]]) -> None:
    if not ends:
        return
    ids = [event.consent_id for event, _ in ends]
    ended = update(consent).where(among(consent.c.id, "ids")).values(state=ConsentState.terminated.value)
    connection.execute(ended, {"ids": ids})
    write_entries(connection, [entry for _, entry in ends])
    connection.execute(insert(consent_event), [event_row(event) for event, _ in ends])


def _empty_consents(connection: Connection, ref: str, at: datetime) -> None:
    """What was recorded, and what was asked for: the cells that were sealed under a root key too."""
    connection.execute(update(consent).where(consent.c.subject_ref == ref).values(sealed=b""))
    theirs = update(consent_request).where(consent_request.c.subject_ref == ref)
    open_ones = theirs.where(consent_request.c.state == ConsentState.requested.value)
    connection.execute(open_ones.values(state=ConsentState.terminated.value, answered_at=at))
    connection.execute(theirs.values(sealed=None, proof=""))


def _empty_drafts(connection: Connection, ref: str, at: datetime) -> int:
    """How many answers about that subject, among others perhaps, were still kept."""
    ids = answers_about(connection, ref, at)
    # Answers first: that waits for whoever hands one of them in at this moment.
    emptied = empty_answers(connection, ids)
    empty_submissions(connection, ref, ids)
    return emptied
