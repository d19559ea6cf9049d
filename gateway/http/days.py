"""Days in a query, written out: `from` included, `to` not, by China's calendar."""

from datetime import date
from typing import Annotated

from fastapi import Query
from pydantic import BeforeValidator, WithJsonSchema

_FIRST, _LAST = date(2000, 1, 1), date(2200, 1, 1)


def _day(text: str) -> date:
    """That day; what no calendar of ours reaches is its first or last."""
    if len(text) != len("2026-10-01"):  # the standard library reads 20261001 and 2026-W40-4 too
        raise ValueError("a day is written like 2026-10-01")
    return min(max(date.fromisoformat(text), _FIRST), _LAST)


# Pydantic's own takes numbers for days too.
Day = Annotated[date, BeforeValidator(_day), WithJsonSchema({"type": "string", "format": "date"})]
Since = Annotated[Day | None, Query(alias="from", description="First day in China; 30 days before `to`.")]
Until = Annotated[Day | None, Query(alias="to", description="Day after the last; tomorrow when left out.")]
