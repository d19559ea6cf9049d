"""`GET /v1/reports/backfill…`: rates with their counts, and the slots behind them."""

from datetime import date, datetime
from typing import Annotated

from pydantic import Field

from gateway.http.schemas.resolutions import Answered


class RateBody(Answered):
    """A rate with its counts; `rate` to three places, null where nothing could be counted."""

    rate: float | None
    numerator: int
    denominator: int


class MacroBody(Answered):
    """The mean of the rates of `forms` forms; null where there was none."""

    rate: float | None
    forms: int


class CellBody(Answered):
    """What was counted together. Where it is `withheld`, because of too few applications, all of it is null.

    `partial`: outside the hall, some of its applications are told in the total only. `rates`: micro, sums over slots.
    `macro`: mean over forms; null in cells that are not of whole applications.
    """

    withheld: bool
    partial: bool
    applications: int | None
    rates: dict[str, RateBody] | None
    macro: dict[str, MacroBody] | None
    counts: dict[str, int] | None


class CellRow(CellBody):
    """One line of a table. `key`: "" for what has none; months and days are written 2026-10 and 2026-10-28.

    `form`: of a field. `name`: of a field its form's.
    """

    key: str
    form: str | None
    name: str | None


class SectionBody(Answered):
    """One table, by one thing."""

    by: str
    rows: list[CellRow]
    next_cursor: str | None


class BackfillReport(Answered):
    """The rates of a period. `to` is not in it; both are days in China, null without bound; `period` says it.

    `public`: as it may be seen outside the hall. `waiting`: snapshots that are not counted yet.
    """

    definition: str
    from_: Annotated[date | None, Field(alias="from")]
    to: date | None
    period: str
    form: str | None
    department: str | None
    segment: str | None
    public: bool
    waiting: int
    total: CellBody
    sections: list[SectionBody]


class SlotBody(Answered):
    """One frozen slot: paths and codes, never a value. `snapshot`: the number of the newest, frozen at `at`."""

    submission: str
    snapshot: int
    at: datetime
    form: str
    form_version: int
    matter: str
    department: str
    segment: str
    path: str
    field: str
    item: str | None
    source: str | None
    outcome: str
    tier: str | None
    disposition: str
    mapped: bool
    attempted: bool
    obtainable: bool
    identity: bool
    grounded: bool


class SlotPage(Answered):
    """One page of slots. `is_complete`: whether every application was looked through."""

    slots: list[SlotBody]
    next_cursor: str | None
    is_complete: bool
