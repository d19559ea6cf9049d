"""Open statistics: what may be told to everybody, of months that are over, and files to tell it by. Pure.

Nobody can be singled out: every number is a sum of whole blocks of ten applications and more, the same blocks whatever
a table is by and whoever is told (`gateway.reports.withholding`), so that no two tables subtract to a handful; months
are a fixed grid, published once a month has been over for so many days; nothing is told of a time finer than a month.
"""

import csv
import hashlib
import io
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import orjson

from gateway.reports.measures import Measures
from gateway.reports.rates import DEFINITION, RATES
from gateway.reports.withholding import LEAST

PUBLISHED = ("M3", "M4", "M4a", "M7", "M9")
"""The rates that are published; of others, such as disputes, a single case could be somebody."""


@dataclass(frozen=True, slots=True)
class OpenTable:
    """One table. `rows`: code, name and measures; None where they are withheld."""

    name: str
    zh: str
    en: str
    rows: tuple[tuple[str, str, Measures | None], ...]


@dataclass(frozen=True, slots=True)
class OpenMonth:
    """One month that may be published."""

    month: date
    tables: tuple[OpenTable, ...]


@dataclass(frozen=True, slots=True)
class Imprint:
    """Who publishes, under which licence, and after how many days."""

    publisher: str
    licence: str
    delay_days: int
    made_at: datetime


def may_be_published(month: date, today: date, delay_days: int) -> bool:
    """Whether that month has been over for so many days.

    >>> [may_be_published(date(2026, 10, 1), date(2026, 11, day), 7) for day in (7, 8)]
    [False, True]
    """
    return today >= next_month(month) + timedelta(days=delay_days)


def next_month(month: date) -> date:
    """The first day of the month after.

    >>> next_month(date(2026, 12, 1))
    datetime.date(2027, 1, 1)
    """
    return (month.replace(day=1) + timedelta(days=32)).replace(day=1)


def files_of(published: OpenMonth, imprint: Imprint) -> dict[str, bytes]:
    """File name → content: a CSV per table, the whole month as JSON, and what it all means."""
    month = f"{published.month:%Y-%m}"
    tables = {f"{month}/{table.name}.csv": _csv(table) for table in published.tables}
    document = orjson.dumps(document_of(published, imprint), option=orjson.OPT_INDENT_2)
    files = {**tables, f"{month}/{month}.json": document}
    told = {
        **metadata_of(published, imprint),
        "files": [
            {"name": name, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
            for name, content in files.items()
        ],
        "columns": _columns(),
    }
    return {**files, f"{month}/metadata.json": orjson.dumps(told, option=orjson.OPT_INDENT_2)}


def document_of(published: OpenMonth, imprint: Imprint) -> dict[str, Any]:
    """The month for machines."""
    tables = {
        table.name: [_row(code, name, measures) for code, name, measures in table.rows]
        for table in published.tables
    }
    return {"metadata": metadata_of(published, imprint), "tables": tables}


def metadata_of(published: OpenMonth, imprint: Imprint) -> dict[str, Any]:
    """Whose figures they are, how they were counted, and what was left out."""
    hour = imprint.made_at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    return {
        "title": f"政务服务表单回填率统计 {published.month:%Y-%m}",
        "title_en": f"Backfill rates of government service forms, {published.month:%Y-%m}",
        "publisher": imprint.publisher,
        "licence": imprint.licence,
        "definition": DEFINITION,
        "period": {
            "from": published.month.isoformat(),
            "to": next_month(published.month).isoformat(),
            "zone": "Asia/Shanghai",
        },
        "made_at": hour.isoformat().replace("+00:00", "Z"),
        "delay_days": imprint.delay_days,
        "least_applications": LEAST,
        "withheld": {
            table.name: sum(measures is None for _, _, measures in table.rows) for table in published.tables
        },
    }


def _row(code: str, name: str, measures: Measures | None) -> dict[str, Any]:
    rates = {rate: None if measures is None else RATES[rate].of(measures).as_dict() for rate in PUBLISHED}
    return {
        "code": code,
        "name": name,
        "withheld": measures is None,
        "applications": None if measures is None else measures.applications,
        **rates,
    }


def _csv(table: OpenTable) -> bytes:
    """The table with a byte-order mark, without which a spreadsheet shows Chinese as noise."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\r\n")
    writer.writerow(column["name"] for column in _columns())
    for code, name, measures in table.rows:
        row = _row(code, name, measures)
        numbers = [
            row[rate][part] if row[rate] is not None else None
            for rate in PUBLISHED
            for part in ("rate", "numerator", "denominator")
        ]
        writer.writerow(
            [_as_text(code), _as_text(name), str(row["withheld"]).lower(), row["applications"], *numbers]
        )
    return written.getvalue().encode("utf-8-sig")


def _as_text(text: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _columns() -> list[dict[str, str]]:
    """The columns of every CSV, with what they mean."""
    columns = [
        {"name": "code", "zh": "编码", "en": "code of the form, matter, department, group or day"},
        {"name": "name", "zh": "名称", "en": "name"},
        {"name": "withheld", "zh": "不公布", "en": "true: too few applications to be published"},
        {"name": "applications", "zh": "申请件数", "en": "applications"},
    ]
    for rate in PUBLISHED:
        defined = RATES[rate]
        columns += [
            {"name": rate, "zh": defined.zh, "en": f"{defined.en}, 0 to 1"},
            {"name": f"{rate}_numerator", "zh": f"{defined.zh}分子", "en": f"{defined.en}, numerator"},
            {"name": f"{rate}_denominator", "zh": f"{defined.zh}分母", "en": f"{defined.en}, denominator"},
        ]
    return columns
