"""How a form looks on paper: a grid of cells, as the offices' own tables are. Pure data, and one that is always there.

A form version may carry its true layout; without one the sections make a bordered table. Either way every field has
its place, so that printing loses nothing.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from forms.errors import BadForm

_HALF = 4
"""Columns of the layout made of sections: two fields to a row, each with its label."""
_LONG = 50
"""Characters from which a field has a row for itself."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell: at most one of a fixed `text`, the `label` of a field, a `field`, or all rows of a `group`.

    `label`, `field`, `group`: paths. `colspan`, `rowspan`: columns and rows it takes, from 1. `height`: at least so
    many millimetres. `vertical`: one character below another, as the heads of blocks stand at the left edge. `heading`:
    the head of a section.
    """

    text: str = ""
    label: str | None = None
    field: str | None = None
    group: str | None = None
    colspan: int = 1
    rowspan: int = 1
    height: int = 0
    vertical: bool = False
    heading: bool = False


Row = tuple[Cell, ...]
_EMPTY = Cell()


@dataclass(frozen=True, slots=True)
class Layout:
    """The grid. `widths`: of its columns, relative to one another. `form_no`: as printed at the head (表号)."""

    widths: tuple[int, ...]
    rows: tuple[Row, ...]
    form_no: str = ""


def from_data(data: Any, pointer: str) -> Layout:
    """The layout that plain data describes; raises `BadForm` with the place of what cannot be read."""
    known = ("widths", "rows", "form_no")
    if not isinstance(data, Mapping) or not {"widths", "rows"} <= set(data) <= set(known):
        raise BadForm(pointer, f"a layout has the keys {', '.join(known)}; the first two are needed")
    if not isinstance(data["widths"], list | tuple) or not all(
        isinstance(each, int) for each in data["widths"]
    ):
        raise BadForm(f"{pointer}/widths", "widths are whole numbers, one per column")
    rows = [
        tuple(_cell(cell, f"{pointer}/rows/{number}/{place}") for place, cell in enumerate(row))
        for number, row in enumerate(_lists(data["rows"], f"{pointer}/rows"))
    ]
    return Layout(tuple(data["widths"]), tuple(rows), data.get("form_no", ""))


def _lists(rows: Any, pointer: str) -> Sequence[Sequence[Any]]:
    if not isinstance(rows, list | tuple) or not all(isinstance(row, list | tuple) for row in rows):
        raise BadForm(pointer, "rows are lists of cells")
    return rows


def _cell(data: Any, pointer: str) -> Cell:
    known = Cell.__dataclass_fields__
    if not isinstance(data, Mapping) or not set(data) <= set(known):
        raise BadForm(pointer, f"a cell is a mapping; its keys are {', '.join(known)}")
    return Cell(**data)


def to_data(layout: Layout) -> dict[str, Any]:
    """The layout as JSON-ready data, without what is the default."""
    rows = [[_plain(cell) for cell in row] for row in layout.rows]
    plain: dict[str, Any] = {"widths": list(layout.widths), "rows": rows}
    return {**plain, "form_no": layout.form_no} if layout.form_no else plain


def _plain(cell: Cell) -> dict[str, Any]:
    said = {name: getattr(cell, name) for name in Cell.__dataclass_fields__}
    return {name: value for name, value in said.items() if value != getattr(_EMPTY, name)}


def placed(layout: Layout) -> set[str]:
    """The paths of the fields and groups that have their place in it."""
    return {
        path for row in layout.rows for cell in row for path in (cell.field, cell.group) if path is not None
    }


def sections_layout(entries: Iterable[tuple[str, Sequence["Place"]]]) -> Layout:
    """A bordered table of sections: title, then its fields two to a row, long ones and groups in rows of their own."""
    rows: list[Row] = []
    for title, places in entries:
        if title:
            rows.append((Cell(text=title, colspan=_HALF, heading=True),))
        rows += _paired(places)
    return Layout((3, 5, 3, 5), tuple(rows))


@dataclass(frozen=True, slots=True)
class Place:
    """A field or group that wants its place. `is_whole`: its label stands inside, as a signature's does.

    `height`: millimetres it needs to be written into by hand; 0 for what is printed.
    """

    path: str
    is_group: bool = False
    is_whole: bool = False
    is_long: bool = False
    height: int = 0


def _paired(places: Sequence[Place]) -> list[Row]:
    rows: list[Row] = []
    waiting: tuple[Cell, ...] = ()
    for place in places:
        if place.is_group or place.is_whole or place.is_long or place.height:
            rows += _close(waiting)
            waiting = ()
            rows.append(_row_of_its_own(place))
            continue
        waiting += (Cell(label=place.path), Cell(field=place.path))
        if len(waiting) == _HALF:
            rows.append(waiting)
            waiting = ()
    return rows + _close(waiting)


def _close(waiting: tuple[Cell, ...]) -> list[Row]:
    return [(waiting[0], Cell(field=waiting[1].field, colspan=_HALF - 1))] if waiting else []


def _row_of_its_own(place: Place) -> Row:
    if place.is_group:
        return (Cell(group=place.path, colspan=_HALF),)
    if place.is_whole:
        return (Cell(field=place.path, colspan=_HALF, height=place.height),)
    return Cell(label=place.path), Cell(field=place.path, colspan=_HALF - 1, height=place.height)


def is_long(schema: Mapping[str, Any]) -> bool:
    """Whether a leaf's own schema lets it be longer than half a row holds."""
    most = schema.get("maxLength")
    return isinstance(most, int) and most > _LONG


def fits(layout: Layout, note: Callable[[int, str], None]) -> None:
    """Tell of every row whose cells do not add up to the columns, counting those that hang down from above."""
    hanging = [0] * len(layout.widths)
    for number, row in enumerate(layout.rows):
        free = [place for place, rows_left in enumerate(hanging) if rows_left == 0]
        wanted = sum(cell.colspan for cell in row)
        if wanted != len(free):
            note(number, f"its cells take {wanted} columns, and {len(free)} of {len(hanging)} are free")
        hanging = [max(0, rows_left - 1) for rows_left in hanging]
        for cell in row:
            mine, free = free[: cell.colspan], free[cell.colspan :]
            for place in mine:
                hanging[place] = cell.rowspan - 1
    if any(hanging):
        note(len(layout.rows) - 1, "a cell hangs down below the last row")
