"""The report of repeat collection over a period: read, count, and say it as data."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from gateway.records import CauseFilter, Stretch
from gateway.reports.gap_causes import Catalogue
from gateway.reports.gap_report import extent_document
from gateway.reports.measures import Measures
from gateway.reports.outside_causes import survey_outside
from gateway.reports.periods import DAY
from gateway.reports.rates import DEFINITION, Rate
from gateway.reports.repeat import Advice, RepeatRow, RepeatTally, day_named, is_again, rows_of
from gateway.reports.survey import (
    Extent,
    Period,
    Progress,
    Scope,
    catalogue_of,
    extent_of,
    measured,
    survey,
)
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


_PLACES = 500


@dataclass(frozen=True, slots=True, eq=False)
class RepeatReport:
    """Everything the report says; `rows` begins with what cost most."""

    extent: Extent
    tally: RepeatTally
    rows: list[RepeatRow]
    catalogue: Catalogue


async def repeat_report(
    scope: Scope,
    period: Period,
    runtime: Runtime,
    *,
    skip: int = 0,
    limit: int | None = None,
    progress: Progress = lambda _: None,
) -> RepeatReport:
    """The report of those applications; of the rows to be shown, the day each was asked last is looked up.

    Raises `StoreUnavailable`.
    """
    catalogue, tally = catalogue_of(runtime), RepeatTally()
    await survey(scope, period, tally.take, runtime, catalogue=catalogue, progress=progress)
    tally.rates(await measured("department", scope, period, runtime))
    applications = sum(each.applications for each in tally.departments.values())
    rows = rows_of(tally, catalogue)
    until = len(rows) if limit is None else skip + limit
    rows[skip:until] = await _dated(rows[skip:until], runtime)
    return RepeatReport(await extent_of(period, applications, runtime), tally, rows, catalogue)


async def repeat_report_outside(scope: Scope, period: Period, runtime: Runtime) -> RepeatReport:
    """The report as others than the hall are told it, of whole months; the last day of a row is not told."""
    catalogue, tally = catalogue_of(runtime), RepeatTally()
    whole = await survey_outside(scope, period, tally.take, runtime, catalogue)
    for cell in whole.table("department"):
        if cell.measures is not None and scope.form is None:
            tally.rates({cell.key: cell.measures})
    measures = whole.total(scope.form).measures or Measures()
    if scope.form is not None and scope.department is not None and measures.applications:
        tally.rates({scope.department: measures})
    extent = await extent_of(period, measures.applications, runtime)
    return RepeatReport(extent, tally, rows_of(tally, catalogue), catalogue)


async def _dated(rows: Sequence[RepeatRow], runtime: Runtime) -> list[RepeatRow]:
    """The same with the day each was asked last; of whole months the roll-ups keep it by day only."""
    wanted = {(row.department, row.form, row.again.newest) for row in rows if row.last is None}
    days: dict[tuple[str, str, str], date] = {}
    for department, form, month in sorted(wanted):
        of_month = CauseFilter((Stretch(DAY, month, month + 100),), form, department)
        days |= {(department, form, field): day for field, day in await _newest(of_month, runtime)}
    return [
        row if row.last else replace(row, last=days.get((row.department, row.form, row.field)))
        for row in rows
    ]


async def _newest(wanted: CauseFilter, runtime: Runtime) -> Iterable[tuple[str, date]]:
    found: dict[str, int] = {}
    after: str | None = ""
    while after is not None:
        page = await runtime.store.rollups.causes(wanted, after=after, limit=_PLACES)
        for each in filter(is_again, page.sums):
            found[each.key.field] = max(found.get(each.key.field, 0), each.newest)
        after = page.after
    return [(field, day) for field, start in found.items() if (day := day_named(start)) is not None]


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
        "last_seen": row.last.isoformat() if row.last is not None else None,
        "outcome": row.outcome.value,
        "advice": row.advice.value,
        "what": zh,
        "what_en": en,
    }
