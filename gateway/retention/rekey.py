"""Bringing what is sealed under the newest root key, batch by batch, beside running workers.

Each batch is a transaction of its own. What is done already is passed over, so that a run that was broken off is taken
up by running it again. Entries of the log are never changed and answers live a day: those are only counted.
"""

import base64
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from gateway.audit.noting import note
from gateway.errors import CannotOpen
from gateway.records import Cell, EntryKind
from gateway.runtime import Runtime

Progress = Callable[[str, int], None]
"""Place and how many more of its rows were looked at."""

_AT_ONCE = 500
_COUNTED_AT_ONCE = 5_000
_UNDER_ROOT, _UNDER_SUBJECT = b"\x01", b"\x02"

RENEWED = (
    "subject.wrapped_key",
    "consent.sealed",
    "consent_request.sealed",
    "operator.sealed",
    "operator.totp",
    "profile_value.sealed",
    "dispute.sealed",
    "dispute_event.sealed",
    "submission.sealed",
    "identity_link.sealed",
    "identity_document.sealed",
)
"""Brought under the newest root, in this order: first the keys that consents are then sealed under."""

_OF_SUBJECTS = frozenset(
    {
        *("consent.sealed", "consent_request.sealed", "profile_value.sealed"),
        *("dispute.sealed", "dispute_event.sealed", "identity_document.sealed"),
    }
)
"""Those whose cells belong under the key of their subject."""

LEFT = {
    "resolution.sealed": "answers; gone within a day",
    "typed_answers.sealed": "what was typed into answers; gone a day later",
    "audit_entry.sealed": "private parts of entries; entries are never changed",
}
"""Only counted, and why."""


@dataclass(frozen=True, slots=True)
class Rewrapped:
    """What came of it: cells renewed by place, how many could not be opened, and the newest root they stand on."""

    root: str
    cells: Mapping[str, int]
    lost: int
    entry: str


async def rewrap(runtime: Runtime, progress: Progress = lambda place, rows: None) -> Rewrapped:
    """Bring every cell that may be changed under the newest root, or under its subject's key; an entry counts them.

    Subjects from before there were keys get one. A cell that cannot be opened is left as it is, and counted.
    """
    renewal, done = _Renewal(runtime), Counter[str]()
    for place in RENEWED:
        after: str | None = ""
        while after is not None:
            after, renewed = await runtime.store.cells.renew(
                place, partial(renewal.of, place), after=after, limit=_AT_ONCE
            )
            done[place] += renewed
            progress(place, _AT_ONCE)
    cells = {place: count for place, count in done.items() if count}
    facts = {"key": runtime.keys.root, "cells": cells, "lost": renewal.lost}
    entry = await note(EntryKind.keys_rewrapped, facts, runtime)
    return Rewrapped(runtime.keys.root, cells, renewal.lost, entry)


async def root_uses(
    runtime: Runtime, progress: Progress = lambda place, rows: None
) -> dict[str, dict[str, int]]:
    """Root key id → place → how many cells stand on it. Reads every cell's first bytes."""
    uses: dict[str, Counter[str]] = {}
    for place in (*RENEWED, *LEFT):
        after: str | None = ""
        while after is not None:
            after, found = await runtime.store.cells.count(place, after=after, limit=_COUNTED_AT_ONCE)
            for root, cells in found.items():
                uses.setdefault(root, Counter())[place] += cells
            progress(place, _COUNTED_AT_ONCE)
    return {root: dict(cells) for root, cells in uses.items()}


class _Renewal:
    """What a cell is replaced by. Counts what it cannot open."""

    def __init__(self, runtime: Runtime) -> None:
        self._keys, self._sealer = runtime.keys, runtime.sealer
        self._newest = _UNDER_ROOT + base64.urlsafe_b64decode(runtime.keys.root)
        self.lost = 0

    def of(self, place: str, cell: Cell) -> bytes | None:
        """The renewed cell; None to leave it as it is. Called in a transaction: pure but for the count."""
        try:
            return self._key(cell) if place == "subject.wrapped_key" else self._cell(place, cell)
        except CannotOpen:
            self.lost += 1
            return None

    def _key(self, cell: Cell) -> bytes | None:
        if not cell.sealed:
            return self._keys.new(cell.row)
        return None if cell.sealed.startswith(self._newest) else self._keys.rewrap(cell.sealed, cell.row)

    def _cell(self, place: str, cell: Cell) -> bytes | None:
        if not cell.sealed or cell.sealed.startswith(_UNDER_SUBJECT):
            return None
        key = (
            self._keys.open(cell.wrapped_key, cell.subject)
            if place in _OF_SUBJECTS and cell.subject
            else None
        )
        if key is None and cell.sealed.startswith(self._newest):
            return None
        table, column = place.split(".")
        opened = self._sealer.open(cell.sealed, table=table, column=column, row=cell.row)
        return self._sealer.seal(opened, table=table, column=column, row=cell.row, key=key)
