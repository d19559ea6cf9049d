"""Rows of a repeating group: the source's matched with the person's, so that neither loses one."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from field_registry import Item
from field_registry.codes import fold
from field_registry.errors import NotNormal
from field_registry.items import Datatype
from field_registry.normalise import normaliser_for


@dataclass(frozen=True, slots=True)
class Row:
    """One row to show.

    `cells`: what the source says of it (item id → cell), None when the source does not know it. `typed`: the number
    the person gave it, None when the person did not type it.
    """

    cells: Mapping[str, object] | None
    typed: int | None

    def __repr__(self) -> str:
        """Where the row comes from only: a cell never stands in a traceback."""
        return f"Row(known={self.cells is not None}, typed={self.typed})"


@dataclass(frozen=True, slots=True)
class MatchedRows:
    """The rows of one group in the order to show them. `dropped`: how many of the source's found no room."""

    rows: tuple[Row, ...]
    dropped: int = 0


def match_rows(
    source: Sequence[Mapping[str, object]],
    typed: Mapping[int, Hashable | None],
    *,
    key_of: Callable[[Mapping[str, object]], Hashable | None],
    max_rows: int,
) -> MatchedRows:
    """The source's rows in its order, each with the person's row of the same key; then the person's other rows.

    `typed`: row number as sent → its key, None when the person left the key blank: such a row matches nothing. Every
    typed row comes back exactly once, even beyond `max_rows`; what does not fit is taken from the end of the
    source's unmatched rows and counted.
    """
    waiting: dict[Hashable, list[int]] = {}
    for number, key in typed.items():
        if key is not None:
            waiting.setdefault(key, []).append(number)
    rows: list[Row] = []
    for cells in source:
        claims = waiting.get(key_of(cells))
        rows.append(Row(cells, claims.pop(0) if claims else None))
    matched = {row.typed for row in rows}
    extra = [Row(None, number) for number in typed if number not in matched]
    room = max_rows - len(typed)
    kept = _first_unmatched(rows, room)
    return MatchedRows((*kept, *extra), len(rows) - len(kept))


def _first_unmatched(rows: list[Row], room: int) -> list[Row]:
    kept = []
    for row in rows:
        if row.typed is None:
            room -= 1
        if row.typed is not None or room >= 0:
            kept.append(row)
    return kept


def identity_key(item: Item | None) -> Callable[[object], str | None]:
    """What turns a cell of the identity column into what rows are told apart by; None when there is nothing to compare.

    Typed and recorded identities are compared as their datatype spells them (a 15-digit resident ID equals its 18-digit
    form); what cannot be read as its datatype is compared folded.
    """
    normalise = normaliser_for(item) if item is not None and item.datatype is not Datatype.code else None

    def key(cell: object) -> str | None:
        if isinstance(cell, bool) or not isinstance(cell, str | int):
            return None
        normal: object = cell
        if normalise is not None:
            with suppress(NotNormal):
                normal = normalise(cell)
        return fold(str(normal)) or None if normal is not None else None

    return key
