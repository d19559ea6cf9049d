"""Reading applications for a report: all where they are few, an even part of every day where they are many."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from gap_bench import NOON, application, catalogue, form, slot

from gateway.errors import NotFound
from gateway.records import CellSum, SnapshotFilter
from gateway.reports.gap_report import withheld
from gateway.reports.measures import COUNTERS
from gateway.reports.survey import Extent, Period, survey
from gateway.slots import Snapshot

WEEK = Period(date(2026, 11, 16), date(2026, 11, 23))


class Shelf:
    """Applications, as the store lists them; `total`: what the roll-ups say there are."""

    def __init__(self, kept: Sequence[Snapshot], total: int) -> None:
        self.kept, self.total = sorted(kept, key=lambda each: each.submission_id), total
        self.submissions = self.rollups = self
        self.asked: list[int] = []

    async def listing(self, wanted: SnapshotFilter, *, after: str, limit: int) -> list[Snapshot]:
        """The next of that day."""
        self.asked.append(limit)
        assert wanted.since is not None
        assert wanted.until is not None
        fits = [
            each
            for each in self.kept
            if wanted.since <= each.at < wanted.until and each.submission_id > after
        ]
        return [each for each in fits if wanted.form in (None, each.form)][:limit]

    async def cells(self, wanted: Any, **_: Any) -> list[CellSum]:
        """One cell that counts all applications."""
        return [(("resident",), tuple(self.total if name == "applications" else 0 for name in COUNTERS))]


class Library:
    """Knows one form."""

    async def form(self, form_id: str, version: int | None) -> Any:
        if form_id != "review":
            raise NotFound("unknown_form", "no such form")
        return form()

    def compiled(self, made: Any, compile_form: Any) -> Any:
        return catalogue().forms[made.id]


async def surveyed(
    kept: Sequence[Snapshot], *, total: int = 0, most: int = 10_000, wanted: SnapshotFilter | None = None
) -> tuple[list[Snapshot], Extent, Any]:
    """What a report was handed, how far it goes, and the catalogue by then."""
    shelf, known, taken = Shelf(kept, total), catalogue(forms=()), []
    runtime: Any = SimpleNamespace(store=shelf, library=Library())
    extent = await survey(wanted or SnapshotFilter(), WEEK, taken.extend, known, runtime, most=most)
    return taken, extent, known


def week(a_day: int) -> list[Snapshot]:
    """So many applications on each day of the week."""
    days = [NOON - timedelta(days=5) + timedelta(days=each) for each in range(7)]
    return [application(slot("name"), at=day) for day in days for _ in range(a_day)]


async def test_few_are_read_to_the_last() -> None:
    """Across pages and days, each once, in order."""
    kept = week(600)
    taken, extent, _ = await surveyed(kept, total=1)

    assert sorted(each.submission_id for each in taken) == sorted(each.submission_id for each in kept)
    assert (extent.read, extent.total, extent.is_complete) == (4200, 4200, True)


async def test_of_many_the_first_of_each_day_are_read() -> None:
    """No day is left out; how many there are is told by the roll-ups."""
    taken, extent, _ = await surveyed(week(50), total=350, most=70)

    assert [sum(each.at == day for each in taken) for day in sorted({each.at for each in taken})] == [10] * 7
    assert (extent.read, extent.total, extent.is_complete) == (70, 350, False)


async def test_a_part_is_never_taken_for_the_whole() -> None:
    """Also while the roll-ups are behind."""
    _, extent, _ = await surveyed(week(50), total=0, most=70)

    assert not extent.is_complete


async def test_a_day_exactly_full_is_whole() -> None:
    """Reading stops where nothing follows."""
    _, extent, _ = await surveyed(week(10), total=999, most=70)

    assert (extent.total, extent.is_complete) == (70, True)


async def test_days_outside_the_period_and_tests_are_left_out() -> None:
    """The day before begins in China at 16:00 UTC; `until` is excluded."""
    kept = [
        application(slot("name"), at=NOON - timedelta(days=6)),
        application(slot("name"), at=NOON + timedelta(days=2)),
        application(slot("name"), is_test=True),
    ]
    taken, extent, _ = await surveyed(kept)

    assert (taken, extent.read, extent.total) == ([], 0, 0)


async def test_the_forms_that_were_met_are_known() -> None:
    """One that is published no more is not, and that is no fault."""
    _, _, known = await surveyed([application(slot("name")), application(slot("name"), form="gone")])

    assert set(known.forms) == {"review"}


async def test_what_is_wanted_is_asked_of_the_store() -> None:
    """A filter by form reads only its applications."""
    kept = [application(slot("name")), application(slot("name"), form="gone")]
    taken, _, _ = await surveyed(kept, wanted=SnapshotFilter(form="gone"))

    assert [each.form for each in taken] == ["gone"]


def test_a_month_of_all_is_worked_out_from_the_part() -> None:
    """Ten of a hundred read in a week: each stands for ten, and a month is thirty days."""
    extent = Extent(WEEK, read=10, total=100)

    assert extent.a_month(3) == round(3 * 10 * 30 / 7)
    assert replace(extent, read=0).a_month(3) == 0


@pytest.mark.parametrize(
    ("cells", "hidden"),
    [
        ({}, set()),
        ({"a": 10, "b": 99}, set()),
        ({"a": 9}, {"a"}),
        ({"a": 9, "b": 30, "c": 20}, {"a", "c"}),
        ({"a": 9, "b": 8, "c": 20}, {"a", "b"}),
    ],
)
def test_small_cells_are_withheld_so_that_none_can_be_worked_out(
    cells: dict[str, int], hidden: set[str]
) -> None:
    """A single small cell takes the next smallest with it: the total less the others would tell it."""
    assert set(withheld(cells, 10)) == hidden
