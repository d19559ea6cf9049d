"""Sheets as an XLSX file that an office opens without being asked anything: no formula, no macro, no outside link.

Text is written as text, whatever it begins with: a name that starts with "=" is a name. Header rows stay in sight,
columns can be filtered, and the same sheets give the same cells.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from io import BytesIO
from typing import Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter

from gateway.reports.sheets import Cell, Column, Sheet

_HEADING = Font(bold=True, color="FFFFFF")
_HEADING_FILL = PatternFill("solid", fgColor="1F4E79")
_NOTE = Font(color="57606A", italic=True)
_WRAPPED = Alignment(wrap_text=True, vertical="center", horizontal="center")
# XML 1.0 has no place for them, and a spreadsheet refuses the whole file over one.
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_LONGEST = 32_767  # characters in a cell
_STARTS_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write_workbook(sheets: Sequence[Sheet], *, title: str, made_at: datetime) -> bytes:
    """The file. `made_at`: when, in its properties. Times in cells are UTC and name no zone: the format has none."""
    book = Workbook(write_only=True)
    book.properties.title, book.properties.creator = title, "OnceGate 一采通"
    book.properties.created = book.properties.modified = made_at.replace(tzinfo=None)
    for each in sheets:
        _write_sheet(book, each)
    kept = BytesIO()
    book.save(kept)
    return kept.getvalue()


def _write_sheet(book: Any, table: Sheet) -> None:
    page = book.create_sheet(table.name[:31])
    first = len(table.notes) + 1
    page.freeze_panes = f"A{first + 1}"
    for index, column in enumerate(table.columns, start=1):
        page.column_dimensions[get_column_letter(index)].width = column.width
    if table.rows and table.columns:
        last = get_column_letter(len(table.columns))
        page.auto_filter.ref = f"A{first}:{last}{first + len(table.rows)}"
    for note in table.notes:
        page.append([_text_cell(page, note, _NOTE)])
    page.append([_heading(page, column) for column in table.columns])
    for row in table.rows:
        page.append([_cell(page, value, of) for value, of in zip(row, table.columns, strict=True)])


def _heading(page: Any, column: Column) -> Any:
    cell = _text_cell(page, column.heading, _HEADING)
    cell.fill, cell.alignment = _HEADING_FILL, _WRAPPED
    return cell


def _cell(page: Any, value: Cell, column: Column) -> Any:
    if isinstance(value, str):
        return _text_cell(page, value)
    cell = WriteOnlyCell(page, value.replace(tzinfo=None) if isinstance(value, datetime) else value)
    if column.is_share:
        cell.number_format = "0.0%"
    elif isinstance(value, int | float):
        cell.number_format = "#,##0" if isinstance(value, int) else "0.00"
    return cell


def _text_cell(page: Any, text: str, font: Font | None = None) -> Any:
    """A cell that is text for good: its type says so, and so does its quote mark once somebody edits it."""
    clean = _UNPRINTABLE.sub("�", text)[:_LONGEST]
    cell = WriteOnlyCell(page, clean)
    cell.data_type = "s"
    if clean.startswith(_STARTS_FORMULA):
        cell.quotePrefix = True
    if font is not None:
        cell.font = font
    return cell
