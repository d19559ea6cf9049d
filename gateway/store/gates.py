"""The gate in SQL: consents re-read under lock, uses taken, entries and drafts written, in one transaction.

PostgreSQL locks the rows (`FOR UPDATE`, in order of id, so that two workers never wait for one another in a circle);
SQLite's BEGIN IMMEDIATE has locked everything already. A batch of requests shares the transaction. Their `write`s are
called on the transaction's thread, and a second time when one of the batch turns out not to be storable.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any

import orjson
from sqlalchemy import Connection, Select, bindparam, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import StatementError

from gateway.errors import BadRequest, Conflict
from gateway.records import Draft, GateRequest, GateView, GateWrite, NewSubject
from gateway.store.bulk import among, insert_rows
from gateway.store.database import Database, refusal_of
from gateway.store.log import write_entries
from gateway.store.refusals import is_id, used_up
from gateway.store.tables import consent, resolution, resolution_consent, subject
from policies.consent import Consent, ConsentState, Standing

_c = consent.c
_HELD: Select[Any] = (
    select(  # in the order in which `_consent` takes them
        *(_c.id, subject.c.key, _c.purpose, _c.form, _c.terms),
        *(_c.state, _c.not_before, _c.expires_at, _c.uses_left, _c.subject_ref),
    )
    .join_from(consent, subject, subject.c.ref == _c.subject_ref)
    .where(among(_c.id, "ids"))
    .order_by(_c.id)
    .with_for_update(of=consent)
)
_REFS = select(subject.c.key, subject.c.ref).where(among(subject.c.key, "keys"))
_TAKE = update(consent).where(_c.id == bindparam("consent_id")).values(uses_left=bindparam("left"))


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
    request: GateRequest[Any], held: dict[str, Consent], refs: Mapping[str, str]
) -> GateWrite[Any] | Exception:
    """What one request writes, with the uses it takes already taken from `held`; its own error if it fails.

    A use that is not left is never taken, whatever `write` believes. A defect in one request's `write` must not spoil
    the others of its batch, hence the containment.
    """
    consents = {consent_id: held[consent_id] for consent_id in request.consents if consent_id in held}
    try:
        write = request.write(GateView(consents, refs))
    except Exception as error:  # noqa: BLE001  (handed to whom it concerns)
        return error
    taken: dict[str, Consent] = {}
    for consent_id in write.use:
        agreed = consents.get(consent_id)
        if agreed is None:
            return used_up()
        left = agreed.standing.uses_left
        if left is not None:
            if left <= 0:
                return used_up()
            taken[consent_id] = replace(agreed, standing=replace(agreed.standing, uses_left=left - 1))
    held.update(taken)
    return write


def _together(requests: Sequence[GateRequest[Any]], connection: Connection) -> Sequence[Any]:
    held, refs = _read(connection, requests)
    before = dict(held)
    passed = [pass_one(request, held, refs) for request in requests]
    _take_uses(connection, before, held)
    _insert(connection, [write for write in passed if isinstance(write, GateWrite)])
    return [each.result if isinstance(each, GateWrite) else each for each in passed]


def _apart(requests: Sequence[GateRequest[Any]], connection: Connection) -> Sequence[Any]:
    """The same, each behind a savepoint of its own: dearer, for when one of them breaks a statement."""
    held, refs = _read(connection, requests)
    results: list[Any] = []
    for request in requests:
        before = dict(held)
        passed = pass_one(request, held, refs)
        if isinstance(passed, GateWrite):
            try:
                with connection.begin_nested():
                    _take_uses(connection, before, held)
                    _insert(connection, [passed])
            except (StatementError, UnicodeError, OverflowError) as error:
                refusal = refusal_of(error)
                if refusal is None:
                    raise
                held = before
                results.append(refusal)
                continue
        results.append(passed.result if isinstance(passed, GateWrite) else passed)
    return results


def _read(
    connection: Connection, requests: Sequence[GateRequest[Any]]
) -> tuple[dict[str, Consent], dict[str, str]]:
    """The consents of these requests, locked, and the references of their subjects."""
    ids = sorted({each for request in requests for each in request.consents if is_id(each)})
    rows = connection.execute(_HELD, {"ids": ids}).all() if ids else ()
    refs = {row[1]: row[9] for row in rows}
    # A consent brings its subject's reference along; only subjects without one have to be looked up.
    wanted = {key: of for request in requests for key, of in request.subjects.items() if key not in refs}
    if wanted:
        refs.update(subject_refs(connection, wanted))
    return {row[0]: consent_of(row) for row in rows}, refs


def subject_refs(connection: Connection, subjects: Mapping[str, NewSubject]) -> dict[str, str]:
    """key → reference, given now to subjects that had none."""
    keys = list(subjects)
    known = known_refs(connection, keys)
    new = [
        {"ref": each.ref, "key": key, "kind": each.kind, "created_at": each.at}
        for key, each in sorted(subjects.items())  # in one order everywhere: no two wait in a circle
        if key not in known
    ]
    if not new:
        return known
    connection.execute(_insertion(connection.dialect.name), new)
    return known_refs(connection, keys)


def known_refs(connection: Connection, keys: Sequence[str]) -> dict[str, str]:
    """key → reference of those that have one."""
    return dict(connection.execute(_REFS, {"keys": keys}).all())


@lru_cache(maxsize=2)
def _insertion(dialect: str) -> Any:
    insert_subject = (sqlite if dialect == "sqlite" else postgresql).insert(subject)
    return insert_subject.on_conflict_do_nothing(index_elements=["key"])


def consent_of(row: Sequence[Any]) -> Consent:
    """A consent from the first nine columns of a row."""
    # By place: looking each column up by its name took twice as long as everything else here.
    consent_id, subject_key, purpose, form, terms, state, not_before, expires_at, uses_left = row[:9]
    standing = Standing(STATES[state], not_before, expires_at, uses_left)
    return Consent(consent_id, subject_key, purpose, form, *_terms(terms), standing)


@lru_cache(maxsize=1024)
def _terms(text: str) -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    """What a column says, which is read every time. Most people agree to the same items of the same few forms."""
    terms = orjson.loads(text)
    return frozenset(terms["recipients"]), frozenset(terms["permitted"]), frozenset(terms["denied"])


def _take_uses(connection: Connection, before: Mapping[str, Consent], after: Mapping[str, Consent]) -> None:
    taken = [
        {"consent_id": consent_id, "left": agreed.standing.uses_left}
        for consent_id, agreed in after.items()
        if agreed is not before[consent_id]
    ]
    if taken:
        connection.execute(_TAKE, taken)


def _insert(connection: Connection, writes: Sequence[GateWrite[Any]]) -> None:
    drafts = [write.draft for write in writes if write.draft is not None]
    links = [
        {"resolution_id": draft.id, "consent_id": consent_id}
        for draft in drafts
        for consent_id in draft.consents
    ]
    write_entries(connection, [write.entry for write in writes])
    insert_rows(connection, resolution, [_draft_row(draft) for draft in drafts])
    insert_rows(connection, resolution_consent, links)


def _draft_row(draft: Draft) -> dict[str, Any]:
    return {
        "id": draft.id,
        "caller": draft.caller,
        "form": draft.form,
        "form_version": draft.form_version,
        "created_at": draft.created_at,
        "valid_until": draft.valid_until,
        "sealed": draft.sealed,
    }
