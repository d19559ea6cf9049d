"""Reading applications for a report: all of them where they are few, else an even part of every day, and it says so.

What roll-ups do not keep (which outcome, which slots together) is only in the snapshots. To read a province's month
would take hours; a report that must be on a screen reads some thousands, the first of each day.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from gateway.errors import NotFound
from gateway.records import CellFilter, SnapshotFilter
from gateway.reports.gap_causes import Catalogue
from gateway.reports.measures import COUNTERS
from gateway.reports.periods import begins, stretches
from gateway.resolution.compiled import compile_form
from gateway.runtime import Runtime
from gateway.slots import Snapshot

_PAGE = 500
_MONTH_DAYS = 30
_APPLICATIONS = COUNTERS.index("applications")


@dataclass(frozen=True, slots=True)
class Period:
    """Days in China, `until` excluded."""

    since: date
    until: date

    @property
    def days(self) -> int:
        """How many; 0 for one that ends before it begins."""
        return max(0, (self.until - self.since).days)


@dataclass(frozen=True, slots=True)
class Extent:
    """How many applications were read, of how many there are. `period`: of what days."""

    period: Period
    read: int
    total: int

    @property
    def is_complete(self) -> bool:
        """Whether all were read."""
        return self.read >= self.total

    def a_month(self, count: int) -> int:
        """That many of the applications read, as so many a month of all."""
        if not self.read or not self.period.days:
            return 0
        return round(count * self.total * _MONTH_DAYS / (self.read * self.period.days))


async def survey(
    wanted: SnapshotFilter,
    period: Period,
    take: Callable[[Sequence[Snapshot]], None],
    catalogue: Catalogue,
    runtime: Runtime,
    *,
    most: int,
    progress: Callable[[int], None] = lambda _: None,
) -> Extent:
    """Hand `take` about `most` applications of that period, at the most; the catalogue knows their forms by then.

    Tests are left out. `progress` is told how many were read so far. Raises `StoreUnavailable`.
    """
    read, is_complete = 0, True
    a_day = max(1, most // max(1, period.days))
    for number in range(period.days):
        day = period.since + timedelta(days=number)
        of_day = replace(wanted, since=begins(day), until=begins(day + timedelta(days=1)))
        found, has_more = await _first(of_day, a_day, runtime)
        await learn_forms(catalogue, {each.form for each in found}, runtime)
        await asyncio.to_thread(take, found)  # the service goes on answering meanwhile
        read, is_complete = read + len(found), is_complete and not has_more
        progress(read)
    total = read if is_complete else max(read + 1, await _applications(wanted, period, runtime))
    return Extent(period, read, total)


async def _first(wanted: SnapshotFilter, most: int, runtime: Runtime) -> tuple[list[Snapshot], bool]:
    """The first of those applications, and whether there are more."""
    found: list[Snapshot] = []
    after = ""
    while True:
        asked = min(_PAGE, most - len(found) + 1)
        page = await runtime.store.submissions.listing(wanted, after=after, limit=asked)
        found.extend(page)
        if len(page) < asked or len(found) > most:
            break
        after = page[-1].submission_id
    return [each for each in found[:most] if not each.is_test], len(found) > most


async def _applications(wanted: SnapshotFilter, period: Period, runtime: Runtime) -> int:
    """How many there are, by the roll-ups."""
    cells = CellFilter(
        "form",
        ("segment",),
        tuple(stretches(period.since, period.until)),
        form=wanted.form,
        department=wanted.department,
        segment=wanted.segment,
    )
    sums = await runtime.store.rollups.cells(cells, after=(), limit=_PAGE)
    return sum(counts[_APPLICATIONS] for _, counts in sums)


def catalogue_of(runtime: Runtime) -> Catalogue:
    """The registry in force; it knows no form yet."""
    published = runtime.library.published
    return Catalogue(published.registry, published.day)


async def learn_forms(catalogue: Catalogue, forms: set[str], runtime: Runtime) -> None:
    """Let the catalogue know these forms, as far as they are published."""
    for form_id in sorted(forms - catalogue.forms.keys()):
        try:
            form = await runtime.library.form(form_id, None)
        except NotFound:
            continue
        catalogue.learn(runtime.library.compiled(form, compile_form))
