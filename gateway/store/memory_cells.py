"""Every sealed cell in memory, by place."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from msgspec import Struct, structs

from gateway.records import Cell
from gateway.store.cells import root_of
from gateway.store.memory_tables import MemoryTables, page


class MemoryCells:
    """`gateway.ports.SealedCells` in memory."""

    def __init__(self, tables: MemoryTables) -> None:
        self._tables = tables

    async def count(self, place: str, *, after: str, limit: int) -> tuple[str | None, Mapping[str, int]]:
        """See `gateway.ports.SealedCells.count`."""
        cells = {row: cell.sealed for row, cell in self._cells(place).items()}
        rows = page(cells, after, limit)
        roots = (root_of(cells[row]) for row in rows)
        return _next(rows, limit), Counter(root for root in roots if root is not None)

    async def renew(
        self, place: str, renewed: Callable[[Cell], bytes | None], *, after: str, limit: int
    ) -> tuple[str | None, int]:
        """See `gateway.ports.SealedCells.renew`."""
        cells = self._cells(place)
        rows = page(cells, after, limit)
        changed = {row: cell for row in rows if (cell := renewed(cells[row])) is not None}
        for row, cell in changed.items():
            self._put(place, row, cell)
        return _next(rows, limit), len(changed)

    def _cells(self, place: str) -> dict[str, Cell]:
        tables = self._tables
        table, column = place.split(".")
        if table == "subject":
            refs = (ref for ref in tables.subjects.values() if not tables.is_erased(ref))
            return {ref: Cell(ref, key := tables.wrapped.get(ref, b""), ref, key) for ref in refs}
        found = {row: (record, getattr(record, column)) for row, record in self._table(table).items()}
        return {row: self._cell(row, *each) for row, each in found.items() if each[1] is not None}

    def _cell(self, row: str, record: Any, sealed: bytes) -> Cell:
        ref = getattr(record, "subject_ref", None)
        return Cell(row, sealed, ref, self._tables.wrapped.get(ref or ""))

    def _table(self, name: str) -> dict[str, Any]:
        tables = self._tables
        by_name: dict[str, dict[str, Any]] = {
            "consent": tables.consents,
            "consent_request": tables.requests,
            "operator": tables.operators,
            "resolution": tables.drafts,
            "audit_entry": tables.entries,
            "profile_value": tables.profile_values,
            "submission": tables.submissions,
            "typed_answers": tables.typed_answers,
            "dispute": tables.disputes,
            "dispute_event": tables.dispute_events,
            "identity_link": tables.links,
            "identity_document": tables.identity_documents,
        }
        return by_name[name]

    def _put(self, place: str, row: str, cell: bytes) -> None:
        name, column = place.split(".")
        if name == "subject":
            self._tables.wrapped[row] = cell
            return
        table = self._table(name)
        change = structs.replace if isinstance(table[row], Struct) else replace
        table[row] = change(table[row], **{column: cell})


def _next(rows: list[str], limit: int) -> str | None:
    return rows[-1] if len(rows) == limit else None
