"""`GET /v1/reports/open`: statistics that anybody may have."""

from datetime import date, datetime
from typing import Annotated

from pydantic import Field

from gateway.http.schemas.report_gaps import CountedRate
from gateway.http.schemas.resolutions import Answered


class OpenPeriodBody(Answered):
    """One month of the calendar in that zone; `to` is its first day no more."""

    from_: Annotated[date, Field(alias="from")]
    to: date
    zone: str


class OpenMetadata(Answered):
    """Whose figures they are and how they were counted.

    `withheld`: table → rows of fewer than `least_applications`, and those that would give them away. `made_at`: to the
    hour.
    """

    title: str
    title_en: str
    publisher: str
    licence: str
    definition: str
    period: OpenPeriodBody
    made_at: datetime
    delay_days: int
    least_applications: int
    withheld: dict[str, int]


class OpenRow(Answered):
    """One row. Where it is `withheld` every number is null."""

    code: str
    name: str
    withheld: bool
    applications: int | None
    M3: CountedRate | None
    M4: CountedRate | None
    M4a: CountedRate | None
    M7: CountedRate | None
    M9: CountedRate | None


class OpenMonthBody(Answered):
    """One month: `by-form`, `by-department`, `by-segment`."""

    metadata: OpenMetadata
    tables: dict[str, list[OpenRow]]
