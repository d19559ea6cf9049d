"""The league table of sources and the answer times of forms over a period: read, and said as data."""

from collections import Counter
from typing import Any

from field_registry import Registry
from gateway.records import CauseFilter, CellFilter
from gateway.reports.cause_counts import NOWHERE, STALE
from gateway.reports.gap_report import extent_document
from gateway.reports.health import LOST_AT_MOST_SECONDS
from gateway.reports.league import SourceLine, Times, league, times_by_form
from gateway.reports.measures import COUNTERS
from gateway.reports.periods import begins, stretches
from gateway.reports.survey import Period, Scope, catalogue_of, extent_of, measured
from gateway.runtime import Runtime

_PAGE = 500
_OFFERED_AB = COUNTERS.index("offered_ab")


async def league_report(period: Period, runtime: Runtime) -> dict[str, Any]:
    """Every source with its availability, times, freshness and confirmed errors, the worst first."""
    store, registry = runtime.store, catalogue_of(runtime).registry
    calls = await store.source_health.calls(period.since, period.until)
    applications = sum(
        each.applications for each in (await measured("segment", Scope(), period, runtime)).values()
    )
    confirmed: Counter[str] = Counter()
    for each in await store.disputes.counts(begins(period.since), begins(period.until)):
        confirmed[each.source] += each.confirmed
    stale, delivered = await _stale(period, runtime), await _delivered(period, runtime)
    lines = league(calls, stale, delivered, confirmed, registry.sources)
    return {
        **extent_document(await extent_of(period, applications, runtime)),
        "lost_at_most_seconds": LOST_AT_MOST_SECONDS,
        "sources": [_line(line, registry) for line in lines],
    }


async def answer_times(period: Period, runtime: Runtime, *, after: str, limit: int) -> dict[str, Any]:
    """How long the first usable answer took, of the next `limit` forms above `after`."""
    counts = await runtime.store.source_health.answers(
        period.since, period.until, after=after, limit=limit + 1
    )
    forms = [
        {"form": form, "answers": answers, "ms": _times(times)}
        for form, answers, times in times_by_form(counts)
    ]
    return {
        "from": period.since.isoformat(),
        "to": period.until.isoformat(),
        "lost_at_most_seconds": LOST_AT_MOST_SECONDS,
        "forms": forms[:limit],
        "next_cursor": forms[limit - 1]["form"] if len(forms) > limit else None,
    }


async def _delivered(period: Period, runtime: Runtime) -> dict[str, int]:
    """Values of tier A and B that each source had in applications, by the roll-ups."""
    wanted = CellFilter("source", ("key",), tuple(stretches(period.since, period.until)))
    found: dict[str, int] = {}
    after: tuple[str, ...] = ()
    while page := await runtime.store.rollups.cells(wanted, after=after, limit=_PAGE):
        found.update({key: counts[_OFFERED_AB] for (key,), counts in page})
        after = page[-1][0]
    return found


async def _stale(period: Period, runtime: Runtime) -> dict[str, int]:
    """Of these, the values that were older than their freshness."""
    wanted = CauseFilter(
        tuple(stretches(period.since, period.until)), NOWHERE.form, NOWHERE.department, NOWHERE.segment
    )
    page = await runtime.store.rollups.causes(wanted, after="", limit=1)
    return {each.key.source: each.counts[0] for each in page.sums if each.key.kind == STALE}


def _line(line: SourceLine, registry: Registry) -> dict[str, Any]:
    source = registry.sources.get(line.source)
    return {
        "source": line.source,
        "name": source.name if source is not None else line.source,
        "department": source.department if source is not None else None,
        "available": line.available.as_dict(),
        "ms": _times(line.times),
        "calls": dict(line.calls),
        "stale": line.stale.as_dict(),
        "confirmed_wrong": None if line.wrong is None else line.wrong.as_dict(),
    }


def _times(times: Times) -> dict[str, int | None]:
    return {"p50": times.p50, "p95": times.p95, "p99": times.p99}
