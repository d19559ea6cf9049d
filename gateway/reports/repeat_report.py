"""The report of repeat collection over a period: read, count, and say it as data."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gateway.records import SnapshotFilter
from gateway.reports.gap_causes import Catalogue
from gateway.reports.gap_report import MOST_READ, extent_document
from gateway.reports.rates import DEFINITION, Rate
from gateway.reports.repeat import Advice, RepeatRow, RepeatTally, rows_of
from gateway.reports.survey import Extent, Period, catalogue_of, survey
from gateway.runtime import Runtime

_ADVICE: dict[Advice, tuple[str, str]] = {
    Advice.bind: (
        "在表单中将该栏目对应到数据项，由系统自动填写。",
        "Name the item in the form, so that it is filled from the source.",
    ),
    Advice.ask_first: (
        "已有数源和依据：请先调取再请当事人核对，不要先让其填写。",
        "A source and a ground exist: fetch first, then let the person check instead of typing.",
    ),
    Advice.press_source: (
        "数源未能及时应答：请数源单位限期恢复，并可稍后重新调取。",
        "The source did not answer in time: have its owner restore it, and fetch again later.",
    ),
    Advice.verify: (
        "当事人多有修改：请数源单位核实登记内容。",
        "People often change what the register says: have its owner verify it.",
    ),
    Advice.drop: (
        "新版表单已不再要求填写，无需处理。",
        "The newest version of the form asks for it no more; nothing to do.",
    ),
}


@dataclass(frozen=True, slots=True, eq=False)
class RepeatReport:
    """Everything the report says; `rows` begins with what cost most."""

    extent: Extent
    tally: RepeatTally
    rows: list[RepeatRow]
    catalogue: Catalogue


async def repeat_report(
    wanted: SnapshotFilter,
    period: Period,
    runtime: Runtime,
    *,
    most: int = MOST_READ,
    progress: Callable[[int], None] = lambda _: None,
) -> RepeatReport:
    """The report of those applications. Raises `StoreUnavailable`."""
    catalogue, tally = catalogue_of(runtime), RepeatTally()
    extent = await survey(wanted, period, tally.add, catalogue, runtime, most=most, progress=progress)
    return RepeatReport(extent, tally, rows_of(tally, catalogue), catalogue)


def repeat_document(
    report: RepeatReport, *, skip: int = 0, limit: int | None = None, at_least: int = 0
) -> dict[str, Any]:
    """The report as JSON: that part of its rows, and every department's rate. `at_least`: as for gaps."""
    told = [row for row in report.rows if row.again.applications >= at_least]
    departments = {
        name: office for name, office in report.tally.departments.items() if office.applications >= at_least
    }
    total = Rate(
        sum(office.again for office in departments.values()),
        sum(office.by_hand for office in departments.values()),
    )
    shown = told[skip:] if limit is None else told[skip : skip + limit]
    return {
        "definition": DEFINITION,
        **extent_document(report.extent),
        "m7": total.as_dict(),
        "departments": [
            {"department": name, "applications": office.applications, "m7": office.m7.as_dict()}
            for name, office in sorted(departments.items(), key=lambda each: (-each[1].again, each[0]))
        ],
        "rows": [_row(row, report) for row in shown],
        "rows_in_all": len(told),
        "withheld": len(report.rows) - len(told),
    }


def _row(row: RepeatRow, report: RepeatReport) -> dict[str, Any]:
    zh, en = _ADVICE[row.advice]
    sources = report.catalogue.registry.sources
    return {
        "department": row.department,
        "form": row.form,
        "form_name": row.form_name,
        "field": row.field,
        "label": row.label,
        "item": row.item.id if row.item is not None else None,
        "item_name": row.item.name if row.item is not None else None,
        "owner": row.item.department if row.item is not None else None,
        "sources": [
            {"id": each, "name": sources[each].name if each in sources else each} for each in row.sources
        ],
        "times": row.again.times,
        "times_a_month": report.extent.a_month(row.again.times),
        "applications": row.again.applications,
        "last_seen": row.again.last.isoformat(),
        "outcome": row.outcome.value,
        "advice": row.advice.value,
        "what": zh,
        "what_en": en,
    }
