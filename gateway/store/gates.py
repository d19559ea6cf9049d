"""The gate in SQL: consents re-read under lock, uses taken, entries and drafts written, in one transaction.

PostgreSQL locks the rows (`FOR UPDATE`, in order of id, so that two workers never wait for one another in a circle);
SQLite's BEGIN IMMEDIATE has locked everything already. A batch of requests shares the transaction. Their `write`s are
called on the transaction's thread, and a second time when one of the batch turns out not to be storable.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from sqlalchemy import Connection, bindparam, select, update
from sqlalchemy.exc import StatementError

from gateway.errors import BadRequest, Conflict
from gateway.records import Draft, Entry, GateRequest, GateWrite
from gateway.store.bulk import among, insert_rows
from gateway.store.database import Database, refusal_of
from gateway.store.refusals import is_id, used_up
from gateway.store.tables import audit_entry, consent, resolution, resolution_consent
from policies.consent import ConsentState, Standing

_STANDINGS = select(
    consent.c.id, consent.c.state, consent.c.not_before, consent.c.expires_at, consent.c.uses_left
).order_by(consent.c.id)
_BY_IDS = _STANDINGS.where(among(consent.c.id, "ids")).with_for_update()
_TAKE = update(consent).where(consent.c.id == bindparam("consent_id")).values(uses_left=bindparam("left"))

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


def pass_one(request: GateRequest[Any], standings: dict[str, Standing | None]) -> GateWrite[Any] | Exception:
    """What one request writes, with the uses it takes already taken from `standings`; its own error if it fails.

    A use that is not left is never taken, whatever `write` believes. A defect in one request's `write` must not spoil
    the others of its batch, hence the containment.
    """
    try:
        write = request.write({consent_id: standings.get(consent_id) for consent_id in request.consents})
    except Exception as error:  # noqa: BLE001  (handed to whom it concerns)
        return error
    taken: dict[str, Standing | None] = {}
    for consent_id in write.use:
        standing = standings.get(consent_id)
        if consent_id not in request.consents or standing is None:
            return used_up()
        if standing.uses_left is not None:
            if standing.uses_left <= 0:
                return used_up()
            taken[consent_id] = replace(standing, uses_left=standing.uses_left - 1)
    standings.update(taken)
    return write


def _together(requests: Sequence[GateRequest[Any]], connection: Connection) -> Sequence[Any]:
    standings = _locked(connection, requests)
    before = dict(standings)
    passed = [pass_one(request, standings) for request in requests]
    _take_uses(connection, before, standings)
    _insert(connection, [write for write in passed if isinstance(write, GateWrite)])
    return [each.result if isinstance(each, GateWrite) else each for each in passed]


def _apart(requests: Sequence[GateRequest[Any]], connection: Connection) -> Sequence[Any]:
    """The same, each behind a savepoint of its own: dearer, for when one of them breaks a statement."""
    standings = _locked(connection, requests)
    results: list[Any] = []
    for request in requests:
        before = dict(standings)
        passed = pass_one(request, standings)
        if isinstance(passed, GateWrite):
            try:
                with connection.begin_nested():
                    _take_uses(connection, before, standings)
                    _insert(connection, [passed])
            except (StatementError, UnicodeError, OverflowError) as error:
                refusal = refusal_of(error)
                if refusal is None:
                    raise
                standings = before
                results.append(refusal)
                continue
        results.append(passed.result if isinstance(passed, GateWrite) else passed)
    return results


def _locked(connection: Connection, requests: Sequence[GateRequest[Any]]) -> dict[str, Standing | None]:
    ids = sorted({each for request in requests for each in request.consents if is_id(each)})
    if not ids:
        return {}
    rows = connection.execute(_BY_IDS, {"ids": ids})
    return {row[0]: Standing(STATES[row[1]], row[2], row[3], row[4]) for row in rows}


def _take_uses(
    connection: Connection, before: Mapping[str, Standing | None], after: Mapping[str, Standing | None]
) -> None:
    taken = [
        {"consent_id": consent_id, "left": standing.uses_left}
        for consent_id, standing in after.items()
        if standing is not None and standing is not before[consent_id]
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
    insert_rows(connection, audit_entry, [entry_row(write.entry) for write in writes])
    insert_rows(connection, resolution, [_draft_row(draft) for draft in drafts])
    insert_rows(connection, resolution_consent, links)


def entry_row(entry: Entry) -> dict[str, Any]:
    """The columns of one entry."""
    return {
        "id": entry.id,
        "kind": entry.kind.value,
        "at": entry.at,
        "request": entry.request,
        "caller": entry.caller,
        "leaf": entry.leaf,
        "sealed": entry.sealed,
    }


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
