"""The gate in SQL: consents re-read under lock, uses taken, entries and drafts written, in one transaction.

PostgreSQL locks the rows (`FOR UPDATE`, in order of id, so that two workers never wait for one another in a circle);
SQLite's BEGIN IMMEDIATE has locked everything already. A batch of requests shares the transaction. Their `write`s are
called on the transaction's thread, and a second time when one of the batch turns out not to be storable.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import lru_cache, partial
from typing import Any

import orjson
from msgspec.structs import replace
from sqlalchemy import Connection, Select, bindparam, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import StatementError

from gateway.errors import BadRequest, Conflict
from gateway.records import Draft, GateRequest, GateView, GateWrite, NewSubject
from gateway.store.bulk import Part, among, read_rows, write_rows
from gateway.store.database import Database, refusal_of
from gateway.store.disputes import of_column
from gateway.store.linked import NOTHING_LINKED, Disputed, Linked, linked_documents
from gateway.store.log import entry_rows
from gateway.store.profiles import note_differences
from gateway.store.refusals import already_recorded, is_id, used_up
from gateway.store.submissions import write_submissions
from gateway.store.tables import consent, resolution, resolution_consent, subject
from policies.consent import Consent, ConsentState, Frequency, Standing, take
from policies.scope import AgreedScope

_c = consent.c
LIMITS = (_c.case_key, _c.frequency_count, _c.frequency_seconds, _c.window_began, _c.window_uses)
"""What `consent_of` wants after the first nine columns."""
_HELD: Select[Any] = (
    select(  # in the order in which `_consent` takes them
        *(_c.id, subject.c.key, _c.purpose, _c.form, _c.terms),
        *(_c.state, _c.not_before, _c.expires_at, _c.uses_left),
        *LIMITS,
        *(_c.subject_ref, subject.c.wrapped_key, subject.c.disputed, subject.c.linked_to),
    )
    .join_from(consent, subject, subject.c.ref == _c.subject_ref)
    .where(among(_c.id, "ids"))
    .order_by(_c.id)
    .with_for_update(of=consent)
)
_s = subject.c
_REFS = select(_s.key, _s.ref, _s.wrapped_key, _s.disputed, _s.linked_to).where(among(_s.key, "keys"))
_BY_REF = select(_s.key, _s.ref, _s.wrapped_key, _s.disputed, _s.linked_to).where(among(_s.ref, "refs"))
_ERASED = select(subject.c.erased_at).where(subject.c.ref == bindparam("ref"))
_TAKE = update(consent).where(_c.id == bindparam("consent_id")).values(uses_left=bindparam("left"))
_TAKE_OFTEN = _TAKE.values(window_began=bindparam("began"), window_uses=bindparam("used"))


KnownSubject = tuple[str, str, bytes | None, str | None, str | None]
"""Blind index, reference, wrapped key, what it disputes, and with what it is linked, of one subject."""

STATES = {state.value: state for state in ConsentState}
"""The state of each name: what `ConsentState(name)` gives, without its cost for every row."""


class SqlGates:
    """`gateway.ports.Gates` over SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def commit(self, requests: Sequence[GateRequest[Any]]) -> Sequence[Any]:
        """See `gateway.ports.Gates.commit`."""
        try:
            return await self._database.write(partial(_together, requests))
        except (
            Conflict,
            BadRequest,
        ):  # one of them cannot be stored: find out which, and let the others pass
            return await self._database.write(partial(_apart, requests))


def pass_one(
    request: GateRequest[Any],
    held: dict[str, Consent],
    refs: Mapping[str, str],
    wrapped: Mapping[str, bytes],
    disputed: Mapping[str, Mapping[str, str]],
    linked: Linked = NOTHING_LINKED,
) -> GateWrite[Any] | Exception:
    """What one request writes, with the uses it takes already taken from `held`; its own error if it fails.

    A use that is not left is never taken, whatever `write` believes. A defect in one request's `write` must not spoil
    the others of its batch, hence the containment.
    """
    consents = {consent_id: held[consent_id] for consent_id in request.consents if consent_id in held}
    try:
        write = request.write(GateView(consents, refs, wrapped, disputed, linked))
    except Exception as error:  # noqa: BLE001  (handed to whom it concerns)
        return error
    taken: dict[str, Consent] = {}
    for consent_id in write.use:
        agreed = consents.get(consent_id)
        if agreed is None:
            return used_up()
        standing = take(agreed.standing, write.used_at or write.entry.at)
        if standing is None:
            return used_up()
        if standing is not agreed.standing:
            taken[consent_id] = replace(agreed, standing=standing)
    held.update(taken)
    return write


def _together(requests: Sequence[GateRequest[Any]], connection: Connection) -> Sequence[Any]:
    held, refs, wrapped, disputed, linked = _read(connection, requests)
    before = dict(held)
    passed = [pass_one(request, held, refs, wrapped, disputed, linked) for request in requests]
    _write(connection, before, held, [write for write in passed if isinstance(write, GateWrite)])
    return [each.result if isinstance(each, GateWrite) else each for each in passed]


def _apart(requests: Sequence[GateRequest[Any]], connection: Connection) -> Sequence[Any]:
    """The same, each behind a savepoint of its own: dearer, for when one of them breaks a statement."""
    held, refs, wrapped, disputed, linked = _read(connection, requests)
    results: list[Any] = []
    for request in requests:
        before = dict(held)
        passed = pass_one(request, held, refs, wrapped, disputed, linked)
        if isinstance(passed, GateWrite):
            try:
                with connection.begin_nested():
                    _write(connection, before, held, [passed])
            except (StatementError, UnicodeError, OverflowError, Conflict) as error:
                refusal = error if isinstance(error, Conflict) else refusal_of(error)
                if refusal is None:
                    raise
                held = before
                results.append(refusal)
                continue
        results.append(passed.result if isinstance(passed, GateWrite) else passed)
    return results


def _read(
    connection: Connection, requests: Sequence[GateRequest[Any]]
) -> tuple[dict[str, Consent], dict[str, str], dict[str, bytes], Disputed, Linked]:
    """The consents of these requests, locked, and what is known of their subjects."""
    ids = sorted({each for request in requests for each in request.consents if is_id(each)})
    rows = read_rows(connection, _HELD, {"ids": ids}) if ids else ()
    subjects = [(row[1], row[14], row[15], row[16], row[17]) for row in rows]
    # A consent brings its subject's reference and key along; only subjects without one have to be looked up.
    known = {row[0] for row in subjects}
    wanted = {key: of for request in requests for key, of in request.subjects.items() if key not in known}
    if wanted:
        subjects += subjects_of(connection, wanted)
    refs = {key: ref for key, ref, *_ in subjects}
    unread = {ref for request in requests for ref in request.about}.difference(refs.values())
    if unread:  # those that no consent brought along: their disputes may be younger than the first gate
        subjects += _rows(connection, _BY_REF, {"refs": sorted(unread)})
    wrapped = {ref: key for _, ref, key, *_ in subjects if key is not None}
    disputed = {ref: of_column(text) for _, ref, _, text, _ in subjects if text is not None}
    groups = {group for *_, group in subjects if group is not None}
    linked = linked_documents(connection, groups, disputed) if groups else NOTHING_LINKED
    return {row[0]: consent_of(row) for row in rows}, refs, wrapped, disputed, linked


def subjects_of(connection: Connection, subjects: Mapping[str, NewSubject]) -> Sequence[KnownSubject]:
    """What is known of each; what had no reference is given one now, and a key of its own."""
    keys = list(subjects)
    known = known_subjects(connection, keys)
    missing = subjects.keys() - {row[0] for row in known}
    if not missing:
        return known
    # In one order everywhere: no two wait in a circle.
    new = [_subject_row(key, subjects[key]) for key in sorted(missing)]
    connection.execute(_insertion(connection.dialect.name), new)
    return known_subjects(connection, keys)


def known_subjects(connection: Connection, keys: Sequence[str]) -> Sequence[KnownSubject]:
    """What is known of those that are known."""
    return _rows(connection, _REFS, {"keys": keys})


def _rows(
    connection: Connection, query: Select[Any], wanted: Mapping[str, Sequence[str]]
) -> list[KnownSubject]:
    return [(row[0], row[1], row[2], row[3], row[4]) for row in read_rows(connection, query, wanted)]


def require_not_erased(connection: Connection, ref: str) -> None:
    """Nothing, or a refusal: that subject was erased. To be asked after a row that refers to it was inserted.

    The insert has waited for an erasure under way (its foreign key wants the subject's row), so that this one sees it.
    """
    if connection.scalar(_ERASED, {"ref": ref}) is not None:
        raise already_recorded()


def _subject_row(key: str, new: NewSubject) -> dict[str, Any]:
    return {
        "ref": new.ref,
        "key": key,
        "kind": new.kind,
        "created_at": new.at,
        "wrapped_key": None if new.new_key is None else new.new_key(new.ref),
    }


@lru_cache(maxsize=2)
def _insertion(dialect: str) -> Any:
    insert_subject = (sqlite if dialect == "sqlite" else postgresql).insert(subject)
    return insert_subject.on_conflict_do_nothing(index_elements=["key"])


def consent_of(row: Sequence[Any]) -> Consent:
    """A consent from the first fourteen columns of a row."""
    # By place: looking each column up by its name took twice as long as everything else here.
    consent_id, subject_key, purpose, form, terms, state, not_before, expires_at, uses_left = row[:9]
    case_key, count = row[9:11]
    often = None if count is None else Frequency(count, timedelta(seconds=row[11]), row[12], row[13])
    standing = Standing(STATES[state], not_before, expires_at, uses_left, often)
    agreed = _terms(terms)
    return Consent(consent_id, subject_key, purpose, form, *agreed[:3], standing, case_key, *agreed[3:])


_Terms = tuple[frozenset[str], frozenset[str], frozenset[str], AgreedScope, timedelta | None]


@lru_cache(maxsize=1024)
def _terms(text: str) -> _Terms:
    """What a column says, which is read every time. Most people agree to the same items of the same few forms."""
    terms = orjson.loads(text)
    permitted, life = terms["permitted"], terms.get("data_life")
    return (
        frozenset(terms["recipients"]),
        frozenset(permitted),
        frozenset(terms["denied"]),
        tuple(zip(permitted, terms.get("scope", ()), strict=False)),
        None if life is None else timedelta(seconds=life),
    )


def terms_of(agreed: Consent) -> str:
    """What the column `terms` says of a consent; its times and counts have columns of their own."""
    digests = dict(agreed.scope)
    terms: dict[str, Any] = {
        "recipients": sorted(agreed.recipients),
        "permitted": sorted(agreed.permitted),
        "denied": sorted(agreed.denied),
    }
    if agreed.scope:
        terms["scope"] = [digests[item] for item in terms["permitted"]]
    if agreed.data_life is not None:
        terms["data_life"] = int(agreed.data_life.total_seconds())
    return orjson.dumps(terms).decode()


def _write(
    connection: Connection,
    before: Mapping[str, Consent],
    after: Mapping[str, Consent],
    writes: Sequence[GateWrite[Any]],
) -> None:
    """The uses that were taken, and all that these passages write."""
    drafts = [write.draft for write in writes if write.draft is not None]
    links = [
        {"resolution_id": draft.id, "consent_id": consent_id}
        for draft in drafts
        for consent_id in draft.consents
    ]
    parts: list[Part] = [
        (_TAKE, _uses(before, after)),
        *entry_rows([write.entry for write in writes]),
        (resolution, [_draft_row(draft) for draft in drafts]),
        (resolution_consent, links),
    ]
    write_rows(connection, parts)
    _take_often(connection, before, after)
    note_differences(connection, [each for write in writes for each in write.differences])
    write_submissions(connection, [write.submission for write in writes if write.submission is not None])


def _uses(before: Mapping[str, Consent], after: Mapping[str, Consent]) -> list[dict[str, Any]]:
    return [
        {"consent_id": consent_id, "left": agreed.standing.uses_left}
        for consent_id, agreed in after.items()
        if agreed is not before[consent_id] and agreed.standing.frequency is None
    ]


def _take_often(connection: Connection, before: Mapping[str, Consent], after: Mapping[str, Consent]) -> None:
    often = [
        {
            "consent_id": consent_id,
            "left": agreed.standing.uses_left,
            "began": agreed.standing.frequency.began,
            "used": agreed.standing.frequency.used,
        }
        for consent_id, agreed in after.items()
        if agreed is not before[consent_id] and agreed.standing.frequency is not None
    ]
    if often:
        connection.execute(_TAKE_OFTEN, often)


def _draft_row(draft: Draft) -> dict[str, Any]:
    return {
        "id": draft.id,
        "caller": draft.caller,
        "form": draft.form,
        "form_version": draft.form_version,
        "created_at": draft.created_at,
        "valid_until": draft.valid_until,
        "sealed": draft.sealed,
        "subjects": " ".join(draft.subjects) or None,
    }
