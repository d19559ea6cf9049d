"""The workbook: what an office opens, and what nobody can smuggle into it."""

from datetime import UTC, date, datetime
from io import BytesIO
from zipfile import ZipFile

import openpyxl
import pytest

from gateway.reports.rates import Rate
from gateway.reports.sheets import Column, Sheet, rate_cells, rate_columns, sheet
from gateway.reports.workbook import write_workbook

MADE = datetime(2026, 11, 1, 8, tzinfo=UTC)
COLUMNS = (Column("名称", "name", 30), *rate_columns("回填率", "M4"))


def written(*sheets: Sheet) -> bytes:
    return write_workbook(sheets, title="报表", made_at=MADE)


def opened(*sheets: Sheet) -> openpyxl.Workbook:
    return openpyxl.load_workbook(BytesIO(written(*sheets)))


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1+2", "@SUM(A1)", "=cmd|' /C calc'!A0", "\t=1", "＝1"])
def test_no_text_is_a_formula(text: str) -> None:
    """Whatever a name begins with, it is written as text: in cells, in notes and in headings."""
    book = opened(sheet("s", [Column(text, text)], [[text]], [text]))

    cells = [cell for row in book["s"].iter_rows() for cell in row]
    assert {cell.data_type for cell in cells} == {"s"}
    content = ZipFile(BytesIO(written(sheet("s", [Column(text, text)], [[text]], [text]))))
    assert b"<f>" not in content.read("xl/worksheets/sheet1.xml")


def test_a_name_that_looks_like_a_formula_stays_text_when_it_is_edited() -> None:
    """Its cell carries the quote mark that a spreadsheet keeps."""
    book = opened(sheet("s", [Column("a", "a")], [["=1+1"], ["民政"]]))

    assert [row[0].quotePrefix for row in book["s"].iter_rows(min_row=2)] == [True, False]


def test_a_rate_is_numbers_with_its_counts() -> None:
    """The share as a number shown in percent, numerator and denominator beside it; nothing where it is withheld."""
    rows = [
        ["民政", *rate_cells(Rate(7, 13))],
        ["公安", *rate_cells(Rate(0, 0))],
        ["水利", *rate_cells(None)],
    ]
    page = opened(sheet("s", COLUMNS, rows))["s"]

    values = [[cell.value for cell in row] for row in page.iter_rows(min_row=2)]
    assert values == [["民政", 7 / 13, 7, 13], ["公安", None, 0, 0], ["水利", None, None, None]]
    assert page["B2"].number_format == "0.0%"


def test_headings_are_chinese_with_english_and_stay_in_sight() -> None:
    """The header row is frozen below the notes, columns have their widths, rows can be filtered."""
    page = opened(sheet("回填率", COLUMNS, [["民政", 0.5, 1, 2]], ["期间 2026-10", "口径 rates/1"]))["回填率"]

    assert page["A3"].value == "名称\nname"
    assert page.freeze_panes == "A4"
    assert page.auto_filter.ref == "A3:D4"
    assert page.column_dimensions["A"].width == 30


def test_times_and_days_are_dates() -> None:
    """Not text: an office sorts and filters by them."""
    page = opened(sheet("s", [Column("日", "day"), Column("时", "at")], [[date(2026, 10, 1), MADE]]))["s"]

    assert page["A2"].is_date
    assert page["B2"].value == MADE.replace(tzinfo=None)


@pytest.mark.parametrize("text", ["a\x00b", "\ud800", "x" * 40_000, "￾"])
def test_what_a_spreadsheet_cannot_hold_does_not_spoil_the_file(text: str) -> None:
    """A character or length that the format refuses is replaced or cut, and the file opens."""
    page = opened(sheet("s", [Column("a", "a")], [[text]]))["s"]

    assert 1 <= len(str(page["A2"].value)) <= 32_767


def test_an_empty_report_is_a_sheet_with_headings() -> None:
    """No rows, no fault."""
    page = opened(sheet("s", COLUMNS, []))["s"]

    assert page["A1"].value == "名称\nname"
    assert page.max_row == 1


def test_a_row_that_does_not_fit_is_our_mistake() -> None:
    """It is refused when the sheet is made, not found by the reader."""
    with pytest.raises(ValueError, match="4 cells"):
        sheet("s", COLUMNS, [["民政"]])
