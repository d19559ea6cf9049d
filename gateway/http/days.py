"""Days in a query, written out: `from` included, `to` not, by China's calendar."""

from datetime import date, timedelta
from typing import Annotated

from fastapi import Query
from pydantic import BeforeValidator, WithJsonSchema

from gateway.errors import BadRequest
from gateway.reports.periods import day_of
from gateway.reports.survey import Period
from gateway.runtime import Runtime

_FIRST, _LAST = date(2000, 1, 1), date(2200, 1, 1)
_LONGEST, _USUAL = timedelta(days=366), timedelta(days=30)


def _day(text: str) -> date:
    """That day; what no calendar of ours reaches is its first or last."""
    if len(text) != len("2026-10-01"):  # the standard library reads 20261001 and 2026-W40-4 too
        raise ValueError("a day is written like 2026-10-01")
    return min(max(date.fromisoformat(text), _FIRST), _LAST)


# Pydantic's own takes numbers for days too.
Day = Annotated[date, BeforeValidator(_day), WithJsonSchema({"type": "string", "format": "date"})]
Since = Annotated[Day | None, Query(alias="from", description="First day in China; 30 days before `to`.")]
Until = Annotated[Day | None, Query(alias="to", description="Day after the last; tomorrow when left out.")]


def period_of(since: date | None, until: date | None, runtime: Runtime) -> Period:
    """Those days, the last thirty where none are named; raises `BadRequest` for none and for more than a year."""
    last = until or day_of(runtime.clock()) + timedelta(days=1)
    period = Period(since or last - _USUAL, last)
    if period.since >= period.until or period.until - period.since > _LONGEST:
        raise BadRequest(
            "period_invalid", "`from` must lie before `to`, and at most 366 days; `to` itself is not counted."
        )
    return period
