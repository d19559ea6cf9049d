"""How a form looks on paper: a grid of cells, as the offices' own tables are. Pure data, and one that is always there.

A form version may carry its true layout; without one the sections make a bordered table. Either way every field has
its place, so that printing loses nothing.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from forms.errors import BadForm

Plain = TypeVar("Plain", int, str)
_HALF = 4
"""Columns of the layout made of sections: two fields to a row, each with its label."""
_LONG = 50
"""Characters from which a field has a row for itself."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell: at most one of a fixed `text`, the `label` of a field, a `field`, or all rows of a `group`.

    `label`, `field`, `group`: paths; a group's `text` is the head of its table. `colspan`, `rowspan`: columns and rows
    it takes, from 1. `height`: at least so many millimetres. `vertical`: one character below another, as the heads of
    blocks stand at the left edge. `heading`: the head of a section. `choices`: what a field may say, as (value as it is
    shown, word beside its box), printed with the box ticked. `closing`: what stands at the foot of a cell that is
    filled in by hand: who signs, the date. `centred`: the place of a photograph, or the head of a column. `widths`: of
    a group's columns.
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
    choices: tuple[tuple[str, str], ...] = ()
    closing: str = ""
    centred: bool = False
    widths: tuple[int, ...] = ()


Row = tuple[Cell, ...]
_EMPTY = Cell()


@dataclass(frozen=True, slots=True)
class Layout:
    """The grid. `widths`: of its columns, relative to one another. `form_no`: as printed at the head (表号).

    `notes`: how to fill it in (填表说明), one sentence each, below the grid.
    """

    widths: tuple[int, ...]
    rows: tuple[Row, ...]
    form_no: str = ""
    notes: tuple[str, ...] = ()


def from_data(data: Any, pointer: str) -> Layout:
    """The layout that plain data describes; raises `BadForm` with the place of what cannot be read."""
    known = tuple(Layout.__dataclass_fields__)
    if not isinstance(data, Mapping) or not {"widths", "rows"} <= set(data) <= set(known):
        raise BadForm(pointer, f"a layout has the keys {', '.join(known)}; the first two are needed")
    rows = [
        tuple(_cell(cell, f"{pointer}/rows/{number}/{place}") for place, cell in enumerate(row))
        for number, row in enumerate(_lists(data["rows"], f"{pointer}/rows"))
    ]
    return Layout(
        _all(int, data["widths"], f"{pointer}/widths"),
        tuple(rows),
        data.get("form_no", ""),
        _all(str, data.get("notes", ()), f"{pointer}/notes"),
    )


def _lists(rows: Any, pointer: str) -> Sequence[Sequence[Any]]:
    if not isinstance(rows, list | tuple) or not all(isinstance(row, list | tuple) for row in rows):
        raise BadForm(pointer, "rows are lists of cells")
    return rows


def _all(kind: type[Plain], values: Any, pointer: str) -> tuple[Plain, ...]:
    if not isinstance(values, list | tuple) or not all(isinstance(each, kind) for each in values):
        said = {int: "widths are whole numbers, one per column", str: "a list of texts is expected here"}
        raise BadForm(pointer, said[kind])
    return tuple(values)


def _cell(data: Any, pointer: str) -> Cell:
    known = Cell.__dataclass_fields__
    if not isinstance(data, Mapping) or not set(data) <= set(known):
        raise BadForm(pointer, f"a cell is a mapping; its keys are {', '.join(known)}")
    return Cell(
        **{
            **data,
            "choices": _choices(data.get("choices", ()), f"{pointer}/choices"),
            "widths": _all(int, data.get("widths", ()), f"{pointer}/widths"),
        }
    )


def _choices(data: Any, pointer: str) -> tuple[tuple[str, str], ...]:
    """Words, or pairs of one: what a value is shown as, and the word that is printed for it."""
    pairs = [each if isinstance(each, Mapping) else {each: each} for each in _listed(data, pointer)]
    if not all(len(each) == 1 and all(map(_is_text, (*each, *each.values()))) for each in pairs):
        raise BadForm(pointer, "each choice is a word, or {value as it is shown: word beside its box}")
    return tuple(pair for each in pairs for pair in each.items())


def _listed(data: Any, pointer: str) -> Sequence[Any]:
    if not isinstance(data, list | tuple) or not all(isinstance(each, str | Mapping) for each in data):
        raise BadForm(pointer, "choices are a list")
    return data


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def to_data(layout: Layout) -> dict[str, Any]:
    """The layout as JSON-ready data, without what is the default."""
    rows = [[_plain(cell) for cell in row] for row in layout.rows]
    plain: dict[str, Any] = {"widths": list(layout.widths), "rows": rows}
    more = {"form_no": layout.form_no, "notes": list(layout.notes)}
    return plain | {name: value for name, value in more.items() if value}


def _plain(cell: Cell) -> dict[str, Any]:
    said = {name: getattr(cell, name) for name in Cell.__dataclass_fields__}
    kept = {name: value for name, value in said.items() if value != getattr(_EMPTY, name)}
    if cell.choices:  # a list: whoever sorts the keys of a mapping would turn the boxes round
        kept["choices"] = [word if value == word else {value: word} for value, word in cell.choices]
    return kept | ({"widths": list(cell.widths)} if cell.widths else {})


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


def columns_of(layout: Layout) -> Iterator[list[tuple[int, ...]]]:
    """Per row the columns that each of its cells takes, beside those that hang down from above.

    A cell for which too few are free has fewer than it wants.
    """
    hanging = [0] * len(layout.widths)
    for row in layout.rows:
        free = [place for place, rows_left in enumerate(hanging) if rows_left == 0]
        hanging = [max(0, rows_left - 1) for rows_left in hanging]
        taken = []
        for cell in row:
            mine, free = free[: cell.colspan], free[cell.colspan :]
            taken.append(tuple(mine))
            for place in mine:
                hanging[place] = cell.rowspan - 1
        yield taken


def fits(layout: Layout, note: Callable[[int, str], None]) -> None:
    """Tell of every row whose cells do not add up to the columns, counting those that hang down from above."""
    hanging: dict[int, int] = {}
    for number, (row, taken) in enumerate(zip(layout.rows, columns_of(layout), strict=True)):
        free = len(layout.widths) - len(hanging)
        wanted = sum(cell.colspan for cell in row)
        if wanted != free:
            note(number, f"its cells take {wanted} columns, and {free} of {len(layout.widths)} are free")
        hanging = {place: left - 1 for place, left in hanging.items() if left > 1}
        hanging |= {
            place: cell.rowspan - 1
            for cell, mine in zip(row, taken, strict=True)
            for place in mine
            if cell.rowspan > 1
        }
    if hanging:
        note(len(layout.rows) - 1, "a cell hangs down below the last row")
