"""Reading the roll-ups for a report on causes: all of a period, some places at a time, and nothing is sampled."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import date

from gateway.errors import NotFound, NotValid
from gateway.records import CauseFilter, CauseSum, CellFilter
from gateway.reports.gap_causes import Catalogue
from gateway.reports.measures import Measures
from gateway.reports.periods import is_whole_months, stretches
from gateway.resolution.compiled import compile_form
from gateway.runtime import Runtime

_PLACES = 100
"""Places to a statement: it must be done in a second or two, however many slots a province has."""
_GROUPS = 5_000
_MONTH_DAYS = 30


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
class Scope:
    """Whose applications a report is of; None is everybody's. `department`: that handed them in."""

    form: str | None = None
    department: str | None = None
    segment: str | None = None


@dataclass(frozen=True, slots=True)
class Extent:
    """How many applications a report is of. `waiting`: snapshots handed in that are not counted yet."""

    period: Period
    counted: int
    waiting: int = 0

    def a_month(self, count: int) -> int:
        """That many in the period, as so many a month of thirty days."""
        return round(count * _MONTH_DAYS / self.period.days) if self.period.days else 0


Progress = Callable[[int], None]
"""Called with how many sums have been read."""


def require_counted(scope: Scope, period: Period) -> None:
    """Nothing, or `NotValid`: what sources say is told apart by segment month by month."""
    if scope.segment is not None and not is_whole_months(period.since, period.until):
        sentence = (
            "By segment causes are counted month by month: begin and end with a month, or leave segment out."
        )
        finding = {"pointer": "/from", "code": "not_counted_so", "detail": sentence}
        raise NotValid("not_counted_so", sentence, errors=[finding])


async def survey(
    scope: Scope,
    period: Period,
    take: Callable[[Sequence[CauseSum]], None],
    runtime: Runtime,
    *,
    catalogue: Catalogue | None = None,
    progress: Progress = lambda _: None,
) -> None:
    """Hand `take` every sum of that period; the catalogue knows the forms of what is handed over by then.

    Raises `NotValid` for what is not counted so, `StoreUnavailable`.
    """
    require_counted(scope, period)
    read = 0
    async for sums in _pages(scope, period, runtime):
        if catalogue is not None:
            await learn_forms(catalogue, {each.place.form for each in sums}, runtime)
        await asyncio.to_thread(take, sums)  # the service goes on answering meanwhile
        read += len(sums)
        progress(read)


async def _pages(scope: Scope, period: Period, runtime: Runtime) -> AsyncIterator[Sequence[CauseSum]]:
    parts = tuple(stretches(period.since, period.until))
    wanted = CauseFilter(parts, scope.form, scope.department, scope.segment)
    after: str | None = "" if parts else None
    while after is not None:
        page = await runtime.store.rollups.causes(wanted, after=after, limit=_PLACES)
        yield page.sums
        after = page.after


async def measured(by: str, scope: Scope, period: Period, runtime: Runtime) -> dict[str, Measures]:
    """Whole applications of that period by "segment" or "department", those of nothing left out."""
    parts = tuple(stretches(period.since, period.until))
    wanted = CellFilter("form", (by,), parts, scope.form, scope.department, scope.segment)
    found = await runtime.store.rollups.cells(wanted, after=(), limit=_GROUPS) if parts else ()
    return {key: Measures(*counts) for (key,), counts in found if any(counts)}


async def extent_of(period: Period, applications: int, runtime: Runtime) -> Extent:
    """So many applications of that period; how many snapshots wait to be counted, of whatever period."""
    return Extent(period, applications, await runtime.store.rollups.waiting())


def catalogue_of(runtime: Runtime) -> Catalogue:
    """The registry in force; it knows no form yet."""
    published = runtime.library.published
    return Catalogue(published.registry, published.day)


async def learn_forms(catalogue: Catalogue, forms: set[str], runtime: Runtime) -> None:
    """Let the catalogue know these forms, as far as they are published."""
    for form_id in sorted(forms - catalogue.forms.keys() - {""}):
        try:
            form = await runtime.library.form(form_id, None)
        except NotFound:
            continue
        catalogue.learn(runtime.library.compiled(form, compile_form))
