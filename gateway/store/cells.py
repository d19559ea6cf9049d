"""Every column with ciphertext in it, by place: what stands on which root key, and bringing it under the newest.

The first byte says under what a cell is sealed; under a root key its id follows (`gateway.security.envelope`). An entry
of the log is never changed: what stands on an old root there stays on it.
"""

import base64
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    LargeBinary,
    Select,
    Table,
    bindparam,
    func,
    literal_column,
    select,
    update,
)

from gateway.records import Cell
from gateway.store.database import Database
from gateway.store.dispute_tables import dispute, dispute_event
from gateway.store.identity_tables import identity_document, identity_link
from gateway.store.profile_tables import profile_value
from gateway.store.refusals import is_id
from gateway.store.submission_tables import submission, typed_answers
from gateway.store.tables import audit_entry, consent, consent_request, operator, resolution, subject

UNDER_ROOT = b"\x01"
_PREFIX_BYTES = 7


def root_of(sealed: bytes) -> str | None:
    """Id of the root key that a cell stands on; None for one under a subject's key, or an empty one."""
    if sealed[:1] != UNDER_ROOT:
        return None
    return base64.urlsafe_b64encode(sealed[1:_PREFIX_BYTES]).decode()


class SqlCells:
    """`gateway.ports.SealedCells` over SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def count(self, place: str, *, after: str, limit: int) -> tuple[str | None, Mapping[str, int]]:
        """See `gateway.ports.SealedCells.count`."""
        key, cells = _COLUMNS[place]
        prefix = func.substr(
            cells, literal_column("1"), literal_column(str(_PREFIX_BYTES)), type_=LargeBinary
        )
        page = select(key, prefix).where(key > after).order_by(key).limit(limit)
        rows = (
            await self._database.read(lambda connection: connection.execute(page).all())
            if is_id(after)
            else []
        )
        roots = (root_of(bytes(row[1])) for row in rows if row[1] is not None)
        return _next(rows, limit), Counter(root for root in roots if root is not None)

    async def renew(
        self, place: str, renewed: Callable[[Cell], bytes | None], *, after: str, limit: int
    ) -> tuple[str | None, int]:
        """See `gateway.ports.SealedCells.renew`."""
        key, cells = _COLUMNS[place]
        page = _page(key, cells).where(key > after).order_by(key).limit(limit)
        put = update(cells.table).where(key == bindparam("row")).values({cells: bindparam("cell")})

        def work(connection: Connection) -> tuple[str | None, int]:
            rows = connection.execute(page).all()
            changed = [
                {"row": row[0], "cell": cell}
                for row in rows
                if (cell := renewed(Cell(row[0], row[1] or b"", row[2], row[3]))) is not None
            ]
            if changed:
                connection.execute(put, changed)
            return _next(rows, limit), len(changed)

        return await self._database.write(work)


def _page(key: Column[Any], cells: Column[Any]) -> Select[Any]:
    """Row, cell, subject and its wrapped key, locked: who erases meanwhile waits, and is not undone."""
    table: Table = cells.table
    if table is subject:
        page = select(key, cells, key, cells).where(subject.c.erased_at.is_(None))
    elif "subject_ref" in table.c:
        page = select(key, cells, table.c.subject_ref, subject.c.wrapped_key).join_from(
            table, subject, subject.c.ref == table.c.subject_ref
        )
    else:
        page = select(key, cells, literal_column("NULL"), literal_column("NULL"))
    if table is not subject:
        page = page.where(cells.is_not(None))
    return page.with_for_update(of=table)


def _next(rows: Sequence[Any], limit: int) -> str | None:
    return rows[-1][0] if len(rows) == limit else None


_COLUMNS: Mapping[str, tuple[Column[Any], Column[Any]]] = {
    f"{cells.table.name}.{cells.name}": (cells.table.primary_key.columns[0], cells)
    for cells in (
        subject.c.wrapped_key,
        consent.c.sealed,
        consent_request.c.sealed,
        operator.c.sealed,
        operator.c.totp,
        resolution.c.sealed,
        audit_entry.c.sealed,
        identity_link.c.sealed,
        identity_document.c.sealed,
        profile_value.c.sealed,
        submission.c.sealed,
        typed_answers.c.sealed,
        dispute.c.sealed,
        dispute_event.c.sealed,
    )
}
PLACES = tuple(_COLUMNS)
