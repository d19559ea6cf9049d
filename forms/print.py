"""A filled form as a document: its own layout, each value with a mark for where it came from. Pure.

The result is a typst source, which is fixed, and data for it, which holds every text; nothing that was typed is ever
markup. Every field of the form has its place: those that a layout forgets stand below it in a table of their own.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from forms.definition import Field, FieldKind, Form, Group
from forms.layout import Cell, Layout, Place, Row, is_long, placed, sections_layout
from forms.print_template import FORM_SOURCE

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
_LINE_END = re.compile(r"\r\n|[\r\u2028\u2029]")
_LONG_WORD = re.compile(r"[!-~]{18,}")
_BREAK_EVERY = 12
_BY_HAND = 16
"""Millimetres that a signature or an office's remark needs."""
_BREAK = "\N{ZERO WIDTH SPACE}"
_CIRCLED = "①②③④⑤⑥⑦⑧⑨⑩⑪⑫⑬⑭⑮⑯⑰⑱⑲⑳"
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
class Origin:
    """Where a value came from. `tier`: A to E. `source`, `department`: names; empty for D and E."""

    tier: str
    source: str = ""
    department: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """What stands in one slot on paper, as a person reads it.

    `origin`: None for what was typed. `own`: of a disputed value, what the person says is right; None without a
    dispute. `is_hidden`: the question does not arise.
    """

    text: str = field(default="", repr=False)
    origin: Origin | None = None
    own: str | None = field(default=None, repr=False)
    is_hidden: bool = False


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
        "form_no": layout.form_no,
        "matter": form.matter,
        "department": form.department,
        "number": facts.number,
        "case": facts.case,
        "qr": facts.qr,
        "notice": facts.notice,
        "blocks": _blocks(form, layout, shown, legend),
        "legend": legend.lines(),
        "remarks": "\n".join(each for each in (_UNMARKED, facts.remarks) if each),
        "footer": facts.footer,
    }


def texts_of(form: Form, shown: Mapping[str, Shown]) -> Iterator[tuple[str, str]]:
    """Every text that the document prints, with the path of the field it stands in; "form" for the form's own."""
    yield "form", form.name + form.name_en + form.department + form.matter
    yield "form", "".join(each.label + each.label_en for each in form.groups)
    layout = layout_on_paper(form)
    yield "form", layout.form_no + "".join(cell.text for row in layout.rows for cell in row)
    for each in form.fields:
        yield each.path, each.label + each.label_en
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
    return Layout(form.layout.widths, form.layout.rows + below, form.layout.form_no)


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
    """Grids, and between them tables of rows, which alone can repeat their head on the next page."""
    blocks: list[dict[str, Any]] = []
    for row in layout.rows:
        group = form.group(row[0].group) if row and row[0].group else None
        if group is not None:
            blocks.append(_rows_of(form, group, shown, legend))
            continue
        if not blocks or blocks[-1]["kind"] != "grid":
            blocks.append({"kind": "grid", "widths": list(layout.widths), "cells": []})
        blocks[-1]["cells"] += [_cell(form, cell, shown, legend) for cell in row]
    return blocks


def _rows_of(form: Form, group: Group, shown: Mapping[str, Shown], legend: "_Legend") -> dict[str, Any]:
    columns = [each for each in form.fields if each.group == group.path]
    numbers = sorted({number for path in shown if (number := _row_number(path, group.path)) is not None})
    return {
        "kind": "rows",
        "label": group.label,
        "en": group.label_en,
        "columns": [{"text": each.label, "en": each.label_en} for each in columns],
        "rows": [
            [
                _field(each, shown.get(f"{group.path}.{number}.{_leaf(each, group)}"), legend)
                for each in columns
            ]
            for number in numbers or [0]
        ],
    }


def _row_number(path: str, group: str) -> int | None:
    number = path.removeprefix(f"{group}.").partition(".")[0] if path.startswith(f"{group}.") else ""
    return int(number) if number.isascii() and number.isdigit() else None


def _leaf(column: Field, group: Group) -> str:
    return column.path.removeprefix(f"{group.path}.")


def _cell(form: Form, cell: Cell, shown: Mapping[str, Shown], legend: "_Legend") -> dict[str, Any]:
    made = _content(form, cell, shown, legend)
    spans = {"colspan": cell.colspan, "rowspan": cell.rowspan, "height": cell.height}
    return {"office": False, **made, **spans, "vertical": cell.vertical, "heading": cell.heading}


def _content(form: Form, cell: Cell, shown: Mapping[str, Shown], legend: "_Legend") -> dict[str, Any]:
    labelled = form.field(cell.label) if cell.label else None
    if labelled is not None:
        required = labelled.required
        return {"kind": "label", "text": labelled.label, "en": labelled.label_en, "required": required}
    inside = form.field(cell.field) if cell.field else None
    if inside is not None:
        return _field(inside, shown.get(inside.path), legend)
    return {"kind": "text" if cell.text else "empty", "text": cell.text}


def _field(each: Field, slot: Shown | None, legend: "_Legend") -> dict[str, Any]:
    slot = slot or Shown()
    ticked = each.kind is FieldKind.consent_box and slot.text not in ("", "否")
    return {
        "kind": each.kind.value,
        "label": each.label,
        "office": each.office_use,
        "text": _breakable(slot.text),
        "hidden": slot.is_hidden,
        "mark": "" if slot.origin is None or not slot.text else legend.mark(slot.origin),
        "disputed": slot.own is not None,
        "own": _breakable(slot.own or ""),
        "ticked": ticked,
    }


def _breakable(text: str) -> str:
    """The text with places where a word too long for its cell may go on in the next line; they are not seen."""
    lines = _LINE_END.sub("\n", text)
    return _LONG_WORD.sub(lambda found: _BREAK.join(_pieces(found[0])), lines)


def _pieces(word: str) -> Sequence[str]:
    return [word[at : at + _BREAK_EVERY] for at in range(0, len(word), _BREAK_EVERY)]


class _Legend:
    """The sources of a document in the order in which they are met, each with its mark."""

    def __init__(self) -> None:
        self._marks: dict[Origin, str] = {}

    def mark(self, origin: Origin) -> str:
        """Its number and tier: ①A."""
        if origin not in self._marks:
            number = len(self._marks)
            sign = _CIRCLED[number] if number < len(_CIRCLED) else f"({number + 1})"
            self._marks[origin] = f"{sign}{origin.tier}"
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
