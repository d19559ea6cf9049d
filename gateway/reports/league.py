"""The league table of sources (M10): whether they answer, how fast, how fresh, how often wrong. Pure.

Causes are kept apart: a source that says it has no record has answered; one that errs, is late, or whose breaker is
open has not. Announced maintenance counts neither way.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from field_registry import OutcomeCode
from gateway.records import NO_BOUND_MS, AnswerCount, CallCount
from gateway.reports.gap_causes import OUTAGES
from gateway.reports.rates import Rate
from gateway.telemetry.metrics import BOUNDS_MS

_SHARES = (0.5, 0.95, 0.99)


@dataclass(frozen=True, slots=True)
class Times:
    """How long it took, in ms: half, 95 % and 99 % were no slower. None where nothing was timed.

    Read from counts per range, evenly within each; beyond the longest range told apart it is that range's begin.
    """

    p50: int | None = None
    p95: int | None = None
    p99: int | None = None


@dataclass(frozen=True, slots=True)
class SourceLine:
    """One source of the league. `calls`: by outcome, calls not made among them. `available`: of calls, those answered.

    `stale`: of its values handed in, those older than their freshness. `wrong`: of the same, those that a dispute found
    wrong; None while that is not known.
    """

    source: str
    available: Rate
    times: Times
    calls: Mapping[str, int]
    stale: Rate
    wrong: Rate | None


def league(
    calls: Sequence[CallCount],
    stale: Mapping[str, int],
    delivered: Mapping[str, int],
    confirmed: Mapping[str, int] | None,
    sources: Iterable[str],
) -> list[SourceLine]:
    """Every source, the least available first; those never called last.

    `delivered`: its values of tier A and B in applications; `stale`: those of them older than their freshness.
    `confirmed`: disputes that found it wrong; None: not known. `sources`: all that are registered; others that were
    called are told of too.
    """
    by_source: dict[str, list[CallCount]] = {source: [] for source in sources}
    for call in calls:
        by_source.setdefault(call.source, []).append(call)
    lines = [
        SourceLine(
            source=source,
            available=_available(its),
            times=times_of([(call.up_to_ms, call.count) for call in its if call.up_to_ms]),
            calls=_by_outcome(its),
            stale=Rate(stale.get(source, 0), delivered.get(source, 0)),
            wrong=None if confirmed is None else Rate(confirmed.get(source, 0), delivered.get(source, 0)),
        )
        for source, its in by_source.items()
    ]
    return sorted(lines, key=_worst_first)


def _worst_first(line: SourceLine) -> tuple[bool, float, int, str]:
    rate = line.available
    share = rate.numerator / rate.denominator if rate.denominator else 1.0
    return not rate.denominator, share, -(line.times.p95 or 0), line.source


def _available(calls: Iterable[CallCount]) -> Rate:
    outages = {code.value for code in OUTAGES}
    asked = [call for call in calls if call.outcome != OutcomeCode.maintenance.value]
    return Rate(
        sum(call.count for call in asked if call.outcome not in outages), sum(call.count for call in asked)
    )


def _by_outcome(calls: Iterable[CallCount]) -> dict[str, int]:
    counted: Counter[str] = Counter()
    for call in calls:
        counted[call.outcome] += call.count
    return dict(sorted(counted.items()))


def times_by_form(answers: Iterable[AnswerCount]) -> list[tuple[str, int, Times]]:
    """Per form, how many resolutions were answered and how long the first usable answer took, by form."""
    by_form: dict[str, list[tuple[int, int]]] = {}
    for answer in answers:
        by_form.setdefault(answer.form, []).append((answer.up_to_ms, answer.count))
    return [
        (form, sum(count for _, count in counts), times_of(counts))
        for form, counts in sorted(by_form.items())
    ]


def times_of(counts: Iterable[tuple[int, int]]) -> Times:
    """The three times of counts by the longest time of their range.

    >>> times_of([(100, 90), (250, 10)])
    Times(p50=78, p95=175, p99=235)
    """
    ranges: Counter[int] = Counter()
    for up_to, count in counts:
        ranges[up_to] += count
    ordered = sorted((up_to, count) for up_to, count in ranges.items() if count)
    if not ordered:
        return Times()
    return Times(*(_time(ordered, share) for share in _SHARES))


def _time(ordered: Sequence[tuple[int, int]], share: float) -> int:
    left, begin = share * sum(count for _, count in ordered), 0
    for up_to, count in ordered:
        begin = BOUNDS_MS[bisect_left(BOUNDS_MS, up_to) - 1] if up_to > BOUNDS_MS[0] else 0
        if count >= left:
            return begin if up_to == NO_BOUND_MS else round(begin + (up_to - begin) * left / count)
        left -= count
    return begin
