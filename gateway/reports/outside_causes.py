"""Causes as they are told outside the hall: cell by cell of one month, form and department, none of few applications.

Both reports on causes are made of the same cells, so that neither can be subtracted from the other. Cells of few
applications are left out, with as many of the next smallest as keep them from being worked out of the total. What
sources say of an item is told of all items together.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, timedelta

from gateway.errors import NotValid
from gateway.records import CauseCounts, CauseKey, CausePlace, CauseSum
from gateway.reports.cause_counts import BOTH, SEEN, SLOT
from gateway.reports.gap_causes import Catalogue
from gateway.reports.outside import Told, month_begun, told
from gateway.reports.periods import is_whole_months
from gateway.reports.survey import Period, Scope, survey
from gateway.reports.withholding import LEAST, withheld
from gateway.runtime import Runtime

_Cells = dict[CausePlace, dict[CauseKey, CauseCounts]]


def period_outside(since: date | None, until: date | None, runtime: Runtime) -> Period:
    """Those months, the last one without; raises `NotValid` for parts of months and for what is not over."""
    begun = month_begun(runtime)
    last = until or begun
    first = since or (last - timedelta(days=1)).replace(day=1)
    if first >= last or last > begun or not is_whole_months(first, last):
        raise _not_told(
            "from",
            "Outside the hall reports are of whole months that are over: from=2026-10-01&to=2026-11-01, in November.",
        )
    return Period(first, last)


def require_no_segment(segment: str | None) -> None:
    """Nothing, or `NotValid`: kinds of applicants are told in the backfill report, and crossed with nothing."""
    if segment is not None:
        raise _not_told(
            "segment",
            "Outside the hall reports are not filtered by segment; use the backfill report by=segment.",
        )


def _not_told(pointer: str, sentence: str) -> NotValid:
    finding = {"pointer": f"/{pointer}", "code": "not_counted_so", "detail": sentence}
    return NotValid("not_counted_so", sentence, errors=[finding])


async def survey_outside(
    scope: Scope,
    period: Period,
    take: Callable[[Sequence[CauseSum]], None],
    runtime: Runtime,
    catalogue: Catalogue,
) -> Told:
    """Hand `take` what may be told of each of these months; the rates of the same months."""
    whole = await told(period.since, period.until, runtime, department=scope.department)
    for month in _months(period):
        sums: list[CauseSum] = []
        await survey(scope, month, sums.extend, runtime, catalogue=catalogue)
        take(tellable(sums, f"{month.since:%Y%m}", whole))
    return whole


def _months(period: Period) -> Iterator[Period]:
    first = period.since
    while first < period.until:
        after = (first + timedelta(days=32)).replace(day=1)
        yield Period(first, after)
        first = after


def tellable(sums: Iterable[CauseSum], month: str, whole: Told) -> list[CauseSum]:
    """What may be told of the causes of that month. `whole`: its rates, as they are told."""
    cells = _cells([each for each in sums if whole.has_own(month, each.place.form, each.place.department)])
    return [
        CauseSum(place, key, counts, 0)
        for place, of_place in cells.items()
        for key, counts in _shown(of_place).items()
    ]


def _cells(sums: Iterable[CauseSum]) -> _Cells:
    """The cells by form and department, of all kinds of applicants; what was seen, of all items."""
    cells: _Cells = {}
    for each in sums:
        if each.key.kind in (SLOT, BOTH, SEEN):
            place = CausePlace(each.place.form, "", each.place.department, "")
            key = each.key._replace(item="") if each.key.kind == SEEN else each.key
            of_place = cells.setdefault(place, {})
            slots, applications, leads, asked = map(int.__add__, of_place.get(key, (0, 0, 0, 0)), each.counts)
            of_place[key] = slots, applications, leads, asked
    return cells


def _shown(cells: dict[CauseKey, CauseCounts]) -> dict[CauseKey, CauseCounts]:
    hidden = withheld({key: counts[1] for key, counts in cells.items() if key.kind == SLOT})
    return {
        key: counts
        for key, counts in cells.items()
        if key.kind == SEEN or (counts[1] >= LEAST and key not in hidden)
    }
