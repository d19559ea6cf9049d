"""Exports of a period: what the reports say, gathered once, as a workbook, a briefing, or open statistics."""

from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from gateway.errors import NotFound
from gateway.records import DisputeState
from gateway.reports.backfill import Asked, Line, Report, backfill_report
from gateway.reports.briefing import Briefing, GapLine, Group, SourceLine
from gateway.reports.exempt_report import exempt_document, exempt_report
from gateway.reports.gap_report import gap_document, gap_report
from gateway.reports.league_report import league_report
from gateway.reports.measures import Measures
from gateway.reports.open_data import (
    Imprint,
    OpenMonth,
    OpenTable,
    may_be_published,
    next_month,
)
from gateway.reports.outside import Told, told
from gateway.reports.periods import begins, day_of
from gateway.reports.rates import Rate
from gateway.reports.repeat_report import repeat_document, repeat_report
from gateway.reports.survey import Period, Scope
from gateway.runtime import Runtime
from gateway.submissions.segments import segment_name

ALL = 1_000_000
"""Lines of a section: an export has all of them."""
STEPS = 20
_OPEN = {
    "form": ("by-form", "按表单", "by form"),
    "department": ("by-department", "按受理部门", "by department"),
    "segment": ("by-segment", "按申请人类别", "by kind of applicant"),
}
_UNANSWERED = frozenset({DisputeState.open, DisputeState.referred})
_PAGE = 500


@dataclass(frozen=True, slots=True, eq=False)
class Gathered:
    """Everything the reports say of a period. The last four are documents as the reports' routes answer them."""

    period: Period
    backfill: Report
    gaps: dict[str, Any]
    repeat: dict[str, Any]
    sources: dict[str, Any]
    exempt: dict[str, Any]


async def gather(period: Period, runtime: Runtime) -> Gathered:
    """The reports of that period, by everything there is. Raises `StoreUnavailable`."""
    everything = ("form", "field", "item", "source", "department", "matter", "segment", "month", "day")
    asked = Asked(everything, period.since, period.until)
    lines = await exempt_report(period, runtime)
    return Gathered(
        period=period,
        backfill=await backfill_report(asked, runtime, limit=ALL),
        gaps=gap_document(await gap_report(Scope(), period, runtime, steps=STEPS)),
        repeat=repeat_document(await repeat_report(Scope(), period, runtime)),
        sources=await league_report(period, runtime),
        exempt=exempt_document(period, lines, lines, observed=True),
    )


async def briefing_of(month: date, hall: str, runtime: Runtime) -> Briefing:
    """The briefing of that month; `hall`: who issues it. Raises `NotFound` where nothing was handed in."""
    period = Period(month, next_month(month))
    now = await _backfill(period, runtime)
    if not _measured(now.total).applications:
        raise NotFound("nothing_handed_in", "No application of that month is counted; ask for another month.")
    before = await _backfill(Period((month - timedelta(days=1)).replace(day=1), month), runtime)
    names = await _form_names(runtime)
    gaps = gap_document(await gap_report(Scope(), period, runtime, steps=8))
    return Briefing(
        month=month,
        made_at=runtime.clock(),
        hall=hall,
        scope="全部表单 · all forms",
        now=_measured(now.total),
        before=None if not _measured(before.total).applications else _measured(before.total),
        days={_day(line.key): _measured(line) for line in _lines(now, "day")},
        departments=_groups(now, before, "department", {}),
        forms=_groups(now, before, "form", names),
        gaps=[_gap(step) for step in gaps["steps"]],
        repeat=_groups(now, before, "department", {}),
        sources=[
            _source(line) for line in (await league_report(period, runtime))["sources"] if line["calls"]
        ],
        disputes=await _disputes(period, runtime),
    )


async def open_month(month: date, imprint: Imprint, runtime: Runtime) -> OpenMonth:
    """That month as it may be published; raises `NotFound` before it may."""
    if not may_be_published(month, day_of(runtime.clock()), imprint.delay_days):
        raise NotFound(
            "not_published_yet",
            f"A month is published once it has been over for {imprint.delay_days} days. Ask for an earlier one.",
        )
    whole = await told(month, next_month(month), runtime)
    names = await _form_names(runtime)
    return OpenMonth(month, tuple(_open_table(by, whole, names) for by in _OPEN))


def _open_table(by: str, whole: Told, names: dict[str, str]) -> OpenTable:
    rows = [
        (cell.key, _name(by, cell.key, names), None if cell.is_partial else cell.measures)
        for cell in whole.table(by)
    ]
    return OpenTable(*_OPEN[by], tuple(rows))


def _name(by: str, code: str, names: dict[str, str]) -> str:
    if by == "segment":
        return segment_name(code)
    return names.get(code, code) if by == "form" else code


async def _backfill(period: Period, runtime: Runtime) -> Report:
    asked = Asked(("form", "department", "day"), period.since, period.until)
    return await backfill_report(asked, runtime, limit=ALL)


async def _form_names(runtime: Runtime) -> dict[str, str]:
    return {name: (await runtime.library.form(name, None)).name for name in runtime.library.published.forms}


def _lines(report: Report, by: str) -> list[Line]:
    return [line for section in report.sections if section.by == by for line in section.lines]


def _measured(line: Line) -> Measures:
    return line.measures or Measures()


def _groups(now: Report, before: Report, by: str, names: dict[str, str]) -> list[Group]:
    earlier = {line.key: line.measures for line in _lines(before, by)}
    return [
        Group(names.get(line.key, line.key), line.measures, earlier.get(line.key)) for line in _lines(now, by)
    ]


def _gap(step: dict[str, Any]) -> GapLine:
    departments = dict.fromkeys(fix["department"] for fix in step["fixes"] if fix["department"])
    return GapLine(
        cause="，并".join(fix["what"] for fix in step["fixes"]),
        fixed_by="、".join(departments),
        slots=step["slots"],
        forms=step["form_count"],
        gain=step["points"],
    )


def _source(line: dict[str, Any]) -> SourceLine:
    wrong = line["confirmed_wrong"]
    return SourceLine(
        name=line["name"],
        answered=_rate(line["available"]),
        p95_ms=line["ms"]["p95"],
        confirmed=None if wrong is None else _rate(wrong),
    )


def _rate(told: dict[str, Any]) -> Rate:
    return Rate(told["numerator"], told["denominator"])


async def _disputes(period: Period, runtime: Runtime) -> list[tuple[str, str, int]]:
    """How the disputes opened in that period stand now."""
    counts: Counter[str] = Counter()
    for each in await runtime.store.disputes.counts(begins(period.since), begins(period.until)):
        counts.update(
            confirmed=each.confirmed, upheld=each.upheld, open=each.unanswered, withdrawn=each.withdrawn
        )
    return [
        ("新收", "opened", sum(counts.values())),
        ("查实更正", "found right, corrected", counts["confirmed"]),
        ("维持原值", "upheld", counts["upheld"]),
        ("撤回", "withdrawn", counts["withdrawn"]),
        ("办理中", "not answered yet", counts["open"]),
        ("其中逾期", "of these overdue", await _overdue(period, runtime)),
    ]


async def _overdue(period: Period, runtime: Runtime) -> int:
    """How many of them are unanswered and were due before today."""
    after, found = "", 0
    while True:
        page = await runtime.store.disputes.listing(
            department=None, states=_UNANSWERED, due_before=day_of(runtime.clock()), after=after, limit=_PAGE
        )
        found += sum(begins(period.since) <= each.opened_at < begins(period.until) for each in page)
        if len(page) < _PAGE:
            return found
        after = page[-1].id


def _day(key: str) -> date:
    """The day that a cell's key names, e.g. 20261121."""
    return date(int(key[:4]), int(key[4:6]), int(key[6:8]))
