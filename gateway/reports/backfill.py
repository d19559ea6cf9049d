"""The backfill report: every rate by form, field, item, source, department, matter, segment, month or day.

Made of roll-ups alone: a form's year is a dozen cells. A section is one table, by one thing. *Micro* rates divide the
sums of a cell; *macro* rates are the mean over the forms in it, and stand only where a cell is of whole applications.

Inside the hall everything is shown. Others see whole months that are over, told in blocks of ten applications and more
(`gateway.reports.withholding`); a renderer sees its own department's.
"""

import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from gateway.errors import NotAllowed, NotValid
from gateway.records import Caller, CallerRole, CellFilter, CellSum
from gateway.reports.asking import require_known, require_period
from gateway.reports.measures import Measures, together
from gateway.reports.outside import ToldCell, month_begun, told, told_fields
from gateway.reports.periods import days_only, is_whole_months, stretches
from gateway.reports.rates import Macro, macro_of
from gateway.runtime import Runtime

_HALL = frozenset({CallerRole.data_admin, CallerRole.operator, CallerRole.auditor})
_ALL = 1_000_000
_MAC = 32  # characters: 128 bits


@dataclass(frozen=True, slots=True)
class By:
    """What a section is by: the roll-up it is summed from, and its groups.

    `has_forms`: the last group is the form, so that the mean over forms can be given.
    """

    dimension: str
    groups: tuple[str, ...]
    has_forms: bool = False


BY: Mapping[str, By] = {
    "form": By("form", ("form",)),
    "field": By("field", ("form", "key")),
    "item": By("item", ("key",)),
    "source": By("source", ("key",)),
    "department": By("form", ("department", "form"), has_forms=True),
    "matter": By("form", ("matter", "form"), has_forms=True),
    "segment": By("form", ("segment", "form"), has_forms=True),
    "month": By("form", ("month", "form"), has_forms=True),
    "day": By("form", ("day",)),
}
"""Everything that the report can be by."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is wanted. `since` inclusive, `until` not: days in China. `is_public`: as others than the hall see it."""

    by: tuple[str, ...] = ("form",)
    since: date | None = None
    until: date | None = None
    form: str | None = None
    department: str | None = None
    segment: str | None = None
    is_public: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """One cell of a section. `form`: of a field. `macro`: None where it is not of whole applications.

    `measures`: None where they are withheld. `is_partial`: some of its applications are told in the total only.
    """

    key: str
    form: str | None
    measures: Measures | None
    macro: Mapping[str, Macro] | None
    is_partial: bool = False

    @property
    def is_withheld(self) -> bool:
        """Whether it is of too few applications for whoever asked."""
        return self.measures is None


@dataclass(frozen=True, slots=True)
class Section:
    """One table. `cursor`: where it goes on; None at its end."""

    by: str
    lines: Sequence[Line]
    cursor: str | None


@dataclass(frozen=True, slots=True)
class Report:
    """The report. `total`: of everything that was asked about. `waiting`: snapshots that are not counted yet."""

    asked: Asked
    total: Line
    sections: Sequence[Section]
    waiting: int


def asked_by(caller: Caller, asked: Asked) -> Asked:
    """What that caller may be shown of what they ask for; raises `NotAllowed` for another department's.

    The hall's reporting roles see everything; a renderer its own department, as the public would.
    """
    if not _HALL.isdisjoint(caller.roles):
        return asked
    if asked.department not in (None, caller.department):
        raise NotAllowed("other_department", "You may see the numbers of your own department. Leave it out.")
    return replace(asked, department=caller.department, is_public=True)


async def backfill_report(asked: Asked, runtime: Runtime, *, limit: int = 100, cursor: str = "") -> Report:
    """The report, each section's first `limit` lines; with `cursor` the lines after it, of the one thing it is by.

    Raises `NotValid` for what the roll-ups do not tell apart, for a segment that is none and for a cursor that we did
    not give, `BadRequest` for a period without days, `NotFound` for an unknown form, `StoreUnavailable`.
    """
    _require(asked, cursor)
    asked = _over(asked, runtime) if asked.is_public else asked
    after = _opened(cursor, asked.by[0], runtime)
    await require_known(asked.form, asked.segment, runtime)
    if asked.is_public:
        total, tables = await _outside(asked, runtime)
        sections = [_paged(name, tables[name], limit, after) for name in asked.by]
    else:
        total = await _total(asked, runtime)
        sections = [await _section(name, asked, runtime, limit, after) for name in asked.by]
    sealed = [_sealed(each, runtime) for each in sections]
    return Report(asked, total, sealed, await runtime.store.rollups.waiting())


def _over(asked: Asked, runtime: Runtime) -> Asked:
    """The months of it that are over: of one under way, two answers would differ by those who came between them."""
    begun = month_begun(runtime)
    if asked.since is not None and asked.since >= begun:
        raise _not_valid("from", "Outside the hall a month is told once it is over; ask for an earlier one.")
    return replace(asked, until=begun if asked.until is None else min(asked.until, begun))


async def _outside(asked: Asked, runtime: Runtime) -> tuple[Line, Mapping[str, list[Line]]]:
    """The total and the tables as others than the hall are told them."""
    whole = await told(asked.since, asked.until, runtime, department=asked.department)
    tables: dict[str, list[Line]] = {}
    for name in asked.by:
        if name == "field" and asked.form is not None:
            cells = await told_fields(asked.form, asked.since, asked.until, whole, runtime)
        else:
            cells = whole.table(name)
        tables[name] = [_told_line(each, BY[name].has_forms) for each in cells]
    return _told_line(whole.total(asked.form), has_forms=True), tables


def _told_line(cell: ToldCell, has_forms: bool) -> Line:
    has_macro = has_forms and cell.measures is not None
    return Line(
        cell.key, cell.form, cell.measures, macro_of(cell.forms) if has_macro else None, cell.is_partial
    )


async def _total(asked: Asked, runtime: Runtime) -> Line:
    forms = [Measures(*counts) for _, counts in await _cells(BY["form"], asked, runtime)]
    return Line("", None, together(forms), macro_of(forms))


async def _section(name: str, asked: Asked, runtime: Runtime, limit: int, cursor: str) -> Section:
    by = BY[name]
    if by.has_forms:  # a line is of several cells
        return _paged(name, _lines(by, await _cells(by, asked, runtime)), limit, cursor)
    after = () if not cursor else tuple(cursor.split("\t")) if name == "field" else (cursor,)
    rows = await _cells(by, asked, runtime, after=after, limit=limit + 1, days=name == "day")
    more = len(rows) > limit
    lines = _lines(by, rows[:limit])
    return Section(name, lines, _cursor(lines[-1]) if more else None)


async def _cells(
    by: By,
    asked: Asked,
    runtime: Runtime,
    *,
    after: tuple[str, ...] = (),
    limit: int = _ALL,
    days: bool = False,
) -> Sequence[CellSum]:
    period = (days_only if days else stretches)(asked.since, asked.until)
    if not period:
        return []
    wanted = CellFilter(by.dimension, by.groups, tuple(period), asked.form, asked.department, asked.segment)
    found = await runtime.store.rollups.cells(wanted, after=after, limit=limit)
    return [each for each in found if any(each[1])]  # a corrected application may leave a cell of nothing


def _lines(by: By, cells: Iterable[CellSum]) -> list[Line]:
    if not by.has_forms:
        return [
            Line(group[-1], group[0] if len(group) > 1 else None, Measures(*counts), None)
            for group, counts in cells
        ]
    of_forms: dict[str, list[Measures]] = {}
    for group, counts in cells:
        of_forms.setdefault(group[0], []).append(Measures(*counts))
    return [Line(key, None, together(forms), macro_of(forms)) for key, forms in of_forms.items()]


def _paged(name: str, lines: Sequence[Line], limit: int, cursor: str) -> Section:
    rest = [line for line in lines if _cursor(line) > cursor]
    shown = rest[:limit]
    return Section(name, shown, _cursor(shown[-1]) if len(rest) > limit else None)


def _sealed(section: Section, runtime: Runtime) -> Section:
    """The same with a cursor that nobody else can make, and that fits no other table."""
    if section.cursor is None:
        return section
    return replace(section, cursor=f"{section.cursor}.{_mac(section.cursor, section.by, runtime)}")


def _opened(cursor: str, by: str, runtime: Runtime) -> str:
    """Where that table goes on; raises `NotValid` for a cursor that was not given for it."""
    after, _, mac = cursor.rpartition(".")
    if cursor and not hmac.compare_digest(mac.encode(), _mac(after, by, runtime).encode()):
        raise _not_valid("cursor", "This cursor belongs to another report. Begin anew without one.")
    return after


def _mac(after: str, by: str, runtime: Runtime) -> str:
    return runtime.fingerprint(f"\0backfill\0{by}\0{after}".encode())[:_MAC]


def _cursor(line: Line) -> str:
    return line.key if line.form is None else f"{line.form}\t{line.key}"


def _require(asked: Asked, cursor: str) -> None:
    """Nothing, or `NotValid`: what is kept cannot answer that, or may not."""
    require_period(asked.since, asked.until)
    whole_months = is_whole_months(asked.since, asked.until)
    dimensions = {BY[name].dimension for name in asked.by}
    if cursor and len(asked.by) > 1:
        raise _not_valid("cursor", "Page through one section at a time: give `by` once.")
    if asked.form is not None and dimensions & {"item", "source"}:
        raise _not_valid(
            "form", "Items and sources are counted over all forms. Use by=field with form, or leave form out."
        )
    apart = asked.department is not None or asked.segment is not None
    if dimensions - {"form"} and apart and not whole_months:
        raise _not_valid(
            "from",
            "Fields, items and sources are counted by department and segment month by month: begin and end with a "
            "month, or leave those out.",
        )
    if asked.is_public:
        _require_public(asked, whole_months)


def _require_public(asked: Asked, whole_months: bool) -> None:
    # Anything that cuts across blocks could be subtracted from them.
    if not whole_months or "day" in asked.by:
        raise _not_valid(
            "from", "Outside the hall reports are of whole months: from=2026-10-01&to=2026-11-01."
        )
    if {"item", "source"} & set(asked.by):
        raise _not_valid("by", "Items and sources are told inside the hall only; use by=field with a form.")
    if asked.segment is not None:
        raise _not_valid("segment", "Outside the hall reports are not filtered by segment; use by=segment.")
    if ("field" in asked.by) != (asked.form is not None):
        raise _not_valid("form", "Outside the hall `form` goes with by=field, and by=field with `form`.")


def _not_valid(pointer: str, sentence: str) -> NotValid:
    finding: dict[str, Any] = {"pointer": f"/{pointer}", "code": "not_counted_so", "detail": sentence}
    return NotValid("not_counted_so", sentence, errors=[finding])
