"""A filled form as a document: its own layout, each value with a mark for where it came from. Pure.

The result is a typst source, which is fixed, and data for it, which holds every text; nothing that was typed is ever
markup. Every field of the form has its place: those that a layout forgets stand below it in a table of their own.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from forms.definition import Field, FieldKind, Form, Group
from forms.layout import Cell, Layout, Place, Row, columns_of, is_long, placed, sections_layout
from forms.print_cells import SHEET_MM, Origin, Shown, choices_of, is_kept, sign_of, value_cell
from forms.print_template import FORM_SOURCE, NUMBER_MM

__all__ = [
    "FORM_SOURCE",
    "Facts",
    "Origin",
    "Shown",
    "form_data",
    "layout_on_paper",
    "texts_of",
]

_WHOLE = frozenset({FieldKind.signature, FieldKind.consent_box, FieldKind.display, FieldKind.upload})
_BY_HAND = 16
"""Millimetres that a signature or an office's remark needs."""
TIERS: Mapping[str, tuple[str, str]] = {
    "A": ("权威数源", "register"),
    "B": ("电子证照", "electronic licence"),
    "C": ("本人档案", "own record"),
    "D": ("材料识别", "read from a document"),
    "E": ("推算得出", "derived"),
}
"""What the letter behind a mark says."""
_UNMARKED = "未加标记的内容由填表人填写。 Unmarked: filled in by hand."


@dataclass(frozen=True, slots=True)
class Facts:
    """What stands around the fields. `qr`: an SVG; empty without. `notice`: in a box above, "预览" or "已脱敏"."""

    number: str = ""
    case: str = ""
    qr: str = field(default="", repr=False)
    footer: str = ""
    remarks: str = ""
    notice: str = ""


def form_data(form: Form, shown: Mapping[str, Shown], facts: Facts) -> dict[str, Any]:
    """The data of `FORM_SOURCE`. `shown`: by slot path ("children.0.name"); what is not there is blank."""
    legend = _Legend()
    layout = layout_on_paper(form)
    return {
        "title": form.name,
        "author": form.department,
        "name": form.name,
        "name_en": form.name_en,
        "form": form.id,
        "version": str(form.version),
        "head_first": _heads(form, layout),
        "head_later": f"{form.name}（续）" + (f"\n凭证编号：{facts.number}" if facts.number else ""),
        "matter": form.matter,
        "department": form.department,
        "number": facts.number,
        "case": facts.case,
        "qr": facts.qr,
        "notice": facts.notice,
        "blocks": _blocks(form, layout, shown, legend),
        "notes": list(layout.notes),
        "legend": legend.lines(),
        "remarks": "\n".join(each for each in (_UNMARKED, facts.remarks) if each),
        "footer": facts.footer,
    }


def _heads(form: Form, layout: Layout) -> str:
    """What stands at the left above the first page: its number, its version, the matter."""
    number = [f"表号：{layout.form_no}"] if layout.form_no else []
    return "\n".join([*number, f"{form.id}　第 {form.version} 版", f"事项：{form.matter}"])


def texts_of(form: Form, shown: Mapping[str, Shown]) -> Iterator[tuple[str, str]]:
    """Every text that the document prints, with the path of the field it stands in; "form" for the form's own."""
    yield "form", form.name + form.name_en + form.department + form.matter
    yield "form", "".join(each.label + each.label_en for each in form.groups)
    layout = layout_on_paper(form)
    yield "form", layout.form_no + "".join(layout.notes)
    for cell in (cell for row in layout.rows for cell in row):
        yield "form", cell.text + cell.closing + "".join(word for _, word in cell.choices)
    for each in form.fields:
        yield each.path, each.label + each.label_en + "".join(word for _, word in choices_of(each))
    for path, slot in shown.items():
        yield path, slot.text + (slot.own or "")
        if slot.origin is not None:
            yield path, slot.origin.source + slot.origin.department


def layout_on_paper(form: Form) -> Layout:
    """The form's own layout, with what it forgets below; or else a table made of its sections."""
    if form.layout is None:
        return sections_layout(_sections(form, set()))
    columns = len(form.layout.widths)
    missing = [place for _, places in _sections(form, placed(form.layout)) for place in places]
    below = tuple(row for place in missing for row in _spread(place, columns))
    return replace(form.layout, rows=form.layout.rows + below)


def _sections(form: Form, done: set[str]) -> list[tuple[str, list[Place]]]:
    sections: dict[str, list[Place]] = {}
    seen = set(done)
    for each in form.fields:
        path = each.group or each.path
        if path not in seen:
            seen.add(path)
            sections.setdefault(each.section, []).append(
                Place(path, each.group is not None, each.kind in _WHOLE, is_long(each.schema), _height(each))
            )
    return list(sections.items())


def _height(each: Field) -> int:
    """What is signed or filled in by the office is written by hand."""
    return _BY_HAND if each.kind is FieldKind.signature or each.office_use else 0


def _spread(place: Place, columns: int) -> list[Row]:
    """What a layout forgot, in rows of its own across that many columns, its label before it or above it."""
    if place.is_group:
        return [(Cell(group=place.path, colspan=columns),)]
    whole = Cell(field=place.path, colspan=columns)
    if place.is_whole:
        return [(whole,)]
    label = Cell(label=place.path)
    if columns == 1:
        return [(label,), (whole,)]
    return [(label, Cell(field=place.path, colspan=columns - 1))]


def _blocks(
    form: Form, layout: Layout, shown: Mapping[str, Shown], legend: "_Legend"
) -> list[dict[str, Any]]:
    """Grids, each headed by its section, and between them tables of rows: what has a head repeats it on a new page."""
    blocks: list[dict[str, Any]] = []
    for row, taken in zip(layout.rows, columns_of(layout), strict=True):
        first = row[0] if row else Cell()
        group = form.group(first.group) if first.group else None
        if group is not None:
            blocks.append(_rows_of(form, group, first, shown, legend) | {"head": _head_left(blocks)})
            continue
        is_head = first.heading and first.colspan == len(layout.widths)
        hangs = sum(map(len, taken)) < len(layout.widths)
        if is_head or _begins(first, blocks, hangs=hangs):
            blocks.append({"kind": "grid", "widths": list(layout.widths), "head": "", "cells": []})
        if is_head:
            blocks[-1]["head"] = first.text
        else:
            blocks[-1]["cells"] += _cells(form, row, [_mm(layout, mine) for mine in taken], shown, legend)
    return blocks


def _begins(first: Cell, blocks: list[dict[str, Any]], *, hangs: bool) -> bool:
    """Whether a row opens a block: behind a table of rows, and where the head of a block stands at its edge.

    `hangs`: a cell of a row above still stands in this one, which belongs to that row then.
    """
    if not blocks or blocks[-1]["kind"] != "grid":
        return True
    return first.vertical and bool(blocks[-1]["cells"]) and not hangs


def _head_left(blocks: list[dict[str, Any]]) -> str:
    """The head of a section that has only rows; it stands over their table instead."""
    if blocks and blocks[-1]["kind"] == "grid" and not blocks[-1]["cells"]:
        return str(blocks.pop()["head"])
    return ""


def _mm(layout: Layout, columns: Iterable[int]) -> float:
    return SHEET_MM * sum(layout.widths[each] for each in columns) / sum(layout.widths)


def _rows_of(
    form: Form, group: Group, cell: Cell, shown: Mapping[str, Shown], legend: "_Legend"
) -> dict[str, Any]:
    columns = [each for each in form.fields if each.group == group.path]
    numbers = sorted({number for path in shown if (number := _row_number(path, group.path)) is not None})
    widths = cell.widths if len(cell.widths) == len(columns) else (1,) * len(columns)
    made = [
        [
            value_cell(each, shown.get(f"{group.path}.{number}.{_leaf(each, group)}"), legend.mark)
            | {"boxes": []}
            for each in columns
        ]
        for number in numbers or [0]
    ]
    wide = [(SHEET_MM - NUMBER_MM) * each / sum(widths) for each in widths]
    return {
        "kind": "rows",
        "label": cell.text or group.label,
        "en": group.label_en,
        "widths": list(widths),
        "columns": [{"text": each.label, "en": each.label_en} for each in columns],
        "rows": made,
        "kept": [is_kept(zip(row, wide, strict=True)) for row in made],
    }


def _row_number(path: str, group: str) -> int | None:
    number = path.removeprefix(f"{group}.").partition(".")[0] if path.startswith(f"{group}.") else ""
    return int(number) if number.isascii() and number.isdigit() else None


def _leaf(column: Field, group: Group) -> str:
    return column.path.removeprefix(f"{group.path}.")


def _cells(
    form: Form, row: Row, widths: list[float], shown: Mapping[str, Shown], legend: "_Legend"
) -> list[dict[str, Any]]:
    made = [_content(form, cell, shown, legend) for cell in row]
    kept = is_kept(zip(made, widths, strict=True))
    return [
        {"office": False, **each, **_frame(cell), "kept": kept} for cell, each in zip(row, made, strict=True)
    ]


def _frame(cell: Cell) -> dict[str, Any]:
    names = ("colspan", "rowspan", "height", "vertical", "heading", "closing", "centred")
    return {name: getattr(cell, name) for name in names}


def _content(form: Form, cell: Cell, shown: Mapping[str, Shown], legend: "_Legend") -> dict[str, Any]:
    labelled = form.field(cell.label) if cell.label else None
    if labelled is not None:
        required = labelled.required
        return {"kind": "label", "text": labelled.label, "en": labelled.label_en, "required": required}
    inside = form.field(cell.field) if cell.field else None
    if inside is not None:
        return value_cell(inside, shown.get(inside.path), legend.mark, cell)
    return {"kind": "text" if cell.text else "empty", "text": cell.text}


class _Legend:
    """The sources of a document in the order in which they are met, each with its mark."""

    def __init__(self) -> None:
        self._marks: dict[Origin, str] = {}

    def mark(self, origin: Origin) -> str:
        """Its number and tier: ①A."""
        if origin not in self._marks:
            self._marks[origin] = f"{sign_of(len(self._marks))}{origin.tier}"
        return self._marks[origin]

    def lines(self) -> list[dict[str, str]]:
        """What each mark means."""
        return [{"mark": mark, "text": _said_of(origin)} for origin, mark in self._marks.items()]


def _said_of(origin: Origin) -> str:
    zh, en = TIERS.get(origin.tier, (origin.tier, ""))
    named = "·".join(part for part in (origin.department, origin.source) if part)
    return f"{named}（{zh} {en}）" if named else f"{zh} {en}"


def labels_of(form: Form, paths: Iterable[str]) -> dict[str, str]:
    """The label of each slot: of a column with its group's and the number of the row."""
    columns = {each.path: each for each in form.fields}
    return {path: _label(form, path, columns) for path in paths}


def _label(form: Form, path: str, columns: Mapping[str, Field]) -> str:
    if path in columns:
        return columns[path].label
    for group in form.groups:
        number = _row_number(path, group.path)
        column = columns.get(f"{group.path}.{path.split('.', group.path.count('.') + 2)[-1]}")
        if number is not None and column is not None:
            return f"{group.label} {number + 1} {column.label}"
    return path
