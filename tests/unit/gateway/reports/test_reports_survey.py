"""Reading the roll-ups for a report on causes: every page, with the forms of what is handed over known by then."""

from collections.abc import Sequence
from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest
from gap_bench import application, catalogue, form, sums_of, typed

from gateway.errors import NotFound, NotValid
from gateway.records import CauseFilter, CausePage, CauseSum
from gateway.reports.survey import Extent, Period, Scope, require_counted, survey

WEEK = Period(date(2026, 11, 16), date(2026, 11, 23))


class Shelf:
    """Sums, as the store pages them: one place at a time."""

    def __init__(self, kept: Sequence[CauseSum]) -> None:
        self.rollups, self.kept, self.asked = self, list(kept), list[CauseFilter]()

    async def causes(self, wanted: CauseFilter, *, after: str, limit: int) -> CausePage:
        """The next one."""
        self.asked.append(wanted)
        first = int(after or 0)
        return CausePage(self.kept[first : first + 1], str(first + 1) if first + 1 < len(self.kept) else None)


class Library:
    """Knows one form."""

    async def form(self, form_id: str, version: int | None) -> Any:
        if form_id != "review":
            raise NotFound("unknown_form", "no such form")
        return form()

    def compiled(self, made: Any, compile_form: Any) -> Any:
        return catalogue().forms[made.id]


async def surveyed(kept: Sequence[CauseSum], *, scope: Scope = Scope(), period: Period = WEEK) -> Any:  # noqa: B008
    """What a report was handed, what was asked, and the catalogue by then."""
    shelf, known, taken = Shelf(kept), catalogue(forms=()), list[CauseSum]()
    runtime: Any = SimpleNamespace(store=shelf, library=Library())
    await survey(scope, period, taken.extend, runtime, catalogue=known)
    return SimpleNamespace(taken=taken, asked=shelf.asked, known=known)


async def test_every_page_is_read() -> None:
    """Nothing is sampled, whatever there is."""
    kept = sums_of([application(typed("name"), form=f"form-{number}") for number in range(7)])

    assert (await surveyed(kept)).taken == kept


async def test_the_forms_that_were_met_are_known() -> None:
    """One that is published no more is not, and that is no fault."""
    found = await surveyed(sums_of([application(typed("name")), application(typed("name"), form="gone")]))

    assert set(found.known.forms) == {"review"}


async def test_what_is_wanted_is_asked_of_the_store() -> None:
    """Form and department go with every page; a week is of days."""
    found = await surveyed([], scope=Scope("review", "交通"))

    (asked,) = found.asked
    assert (asked.form, asked.department, asked.segment) == ("review", "交通", None)
    assert {each.grain for each in asked.stretches} == {"d"}


async def test_an_empty_period_asks_nothing() -> None:
    """It has no days."""
    assert (await surveyed([], period=Period(WEEK.since, WEEK.since))).asked == []


def test_by_segment_only_months_are_counted() -> None:
    """A week is refused, a month is not."""
    require_counted(Scope(segment="taiwan"), Period(date(2026, 11, 1), date(2026, 12, 1)))
    require_counted(Scope(), WEEK)
    with pytest.raises(NotValid):
        require_counted(Scope(segment="taiwan"), WEEK)


def test_a_month_is_thirty_days() -> None:
    """Seven a week are thirty a month; a period of no days has nothing."""
    assert Extent(WEEK, 10).a_month(7) == 30
    assert Extent(Period(WEEK.since, WEEK.since), 0).a_month(7) == 0
