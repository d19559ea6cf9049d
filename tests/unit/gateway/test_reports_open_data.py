"""Open statistics: what is withheld, what a total gives away, and files that everybody can read."""

import csv
import hashlib
import io
import json
from datetime import UTC, date, datetime

import pytest

from gateway.reports.measures import Measures
from gateway.reports.open_data import (
    PUBLISHED,
    Imprint,
    OpenMonth,
    OpenTable,
    document_of,
    files_of,
    may_be_published,
)

MADE = datetime(2026, 11, 9, 3, 47, 21, tzinfo=UTC)
IMPRINT = Imprint("示范市政务服务", "CC-BY-4.0", 7, MADE)
MANY = Measures(
    applications=40, zero_typed=4, eligible=100, offered=70, kept_a=60, kept_c=3, typed=30, missed=9
)


@pytest.mark.parametrize(
    ("today", "may"),
    [
        (date(2026, 10, 31), False),
        (date(2026, 11, 7), False),
        (date(2026, 11, 8), True),
        (date(2027, 1, 1), True),
    ],
)
def test_a_month_is_published_when_it_has_been_over_for_long_enough(today: date, may: bool) -> None:
    """Seven days after its end, not after its beginning."""
    assert may_be_published(date(2026, 10, 1), today, 7) is may


def published() -> OpenMonth:
    table = OpenTable(
        "by-form",
        "按表单",
        "by form",
        (("elderly", "高龄津贴", MANY), ("=evil", "=1+1", None), ("x", "x", None)),
    )
    return OpenMonth(date(2026, 10, 1), (table,))


def test_a_table_says_what_it_withholds() -> None:
    """The row stands, its numbers do not; the metadata counts them."""
    told = document_of(published(), IMPRINT)

    row = told["tables"]["by-form"][1]
    assert row["withheld"] is True
    assert row["applications"] is None
    assert {row[rate] for rate in PUBLISHED} == {None}
    assert told["metadata"]["withheld"] == {"by-form": 2}
    assert told["tables"]["by-form"][0]["M4"] == {"rate": 0.677, "numerator": 63, "denominator": 93}


def test_no_time_is_finer_than_the_hour() -> None:
    """When the figures were made is told to the hour, and for which whole month."""
    told = document_of(published(), IMPRINT)["metadata"]

    assert told["made_at"] == "2026-11-09T03:00:00Z"
    assert told["period"] == {"from": "2026-10-01", "to": "2026-11-01", "zone": "Asia/Shanghai"}


def test_nothing_rare_is_published() -> None:
    """Disputes and single corrections could be somebody."""
    text = json.dumps(document_of(published(), IMPRINT))

    assert "dispute" not in text
    assert set(PUBLISHED) <= {"M1", "M2", "M3", "M4", "M4a", "M5", "M7", "M9"}


def test_the_files_say_the_same_and_are_described() -> None:
    """CSV and JSON agree; the metadata gives every file's digest and every column's meaning."""
    files = files_of(published(), IMPRINT)
    told = json.loads(files["2026-10/metadata.json"])

    table = list(csv.DictReader(io.StringIO(files["2026-10/by-form.csv"].decode("utf-8-sig"))))
    assert table[0]["M4_numerator"] == "63"
    assert [row["withheld"] for row in table] == ["false", "true", "true"]
    assert list(table[0]) == [column["name"] for column in told["columns"]]
    for file in told["files"]:
        assert hashlib.sha256(files[file["name"]]).hexdigest() == file["sha256"]
    assert (told["licence"], told["definition"]) == ("CC-BY-4.0", "rates/1")


def test_a_csv_holds_no_formula() -> None:
    """A name that begins like one is quoted, for a CSV has no types."""
    content = files_of(published(), IMPRINT)["2026-10/by-form.csv"].decode("utf-8-sig")

    assert "'=1+1" in content
    assert not [cell for row in csv.reader(io.StringIO(content)) for cell in row if cell.startswith("=")]
