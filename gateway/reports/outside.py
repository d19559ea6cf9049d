"""Rates as they are told outside the hall: read from the roll-ups, and summed by whole blocks alone.

See `gateway.reports.withholding` for what a block is, and why nothing told so can be subtracted to a few people.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from gateway.records import CellFilter
from gateway.reports.measures import Measures, together
from gateway.reports.periods import day_of, stretches
from gateway.reports.survey import Period
from gateway.reports.withholding import LEAST, Atom, Block, blocks_of, withheld
from gateway.runtime import Runtime

_ALL = 1_000_000
_Fields = dict[tuple[str, str], dict[str, Measures]]  # by month and department: field → what it counts


@dataclass(frozen=True, slots=True)
class ToldCell:
    """One line. `forms`: what each form in it counts, where it is of whole applications; `form`: of a field.

    `measures`: None where it is withheld. `is_partial`: some of its applications are told in the total only.
    """

    key: str
    form: str | None
    measures: Measures | None
    forms: Sequence[Measures] = ()
    is_partial: bool = False


@dataclass(frozen=True, slots=True)
class Told:
    """The months of a period as they may be told. `department`: None for everybody's."""

    atoms: Mapping[Atom, Measures]
    blocks: Sequence[Block]
    department: str | None = None

    def total(self, form: str | None = None) -> ToldCell:
        """All blocks of these applications; of one form those that are its own."""
        blocks = [each for each in self.blocks if form in (None, each.form)]
        return ToldCell(
            "", None, together(each.measures for each in blocks) if blocks else None, _forms(blocks)
        )

    def table(self, by: str) -> list[ToldCell]:
        """The lines by "form", "department", "matter", "segment" or "month", by key."""
        of_key: dict[str, list[Block]] = {
            key: [] for key in sorted({getattr(atom, by) for atom in self.atoms})
        }
        for block in self.blocks:
            key = getattr(block, by)
            if key is not None:
                of_key[key].append(block)
        counted = self._applications(by)
        return [_line(key, blocks, counted[key]) for key, blocks in of_key.items()]

    def has_own(self, month: str, form: str, department: str) -> bool:
        """Whether that form's applications in that month and department are in blocks of their own."""
        matters = {
            atom.matter for atom in self.atoms if atom[:2] == (month, form) and atom.department == department
        }
        own = {
            block.matter
            for block in self.blocks
            if (block.month, block.form, block.department) == (month, form, department)
        }
        return bool(matters) and matters == own

    def _applications(self, by: str) -> Mapping[str, int]:
        found: dict[str, int] = {}
        for atom, measures in self.atoms.items():
            key = getattr(atom, by)
            found[key] = found.get(key, 0) + measures.applications
        return found


def _line(key: str, blocks: Sequence[Block], applications: int) -> ToldCell:
    if not blocks:
        return ToldCell(key, None, None)
    measures = together(each.measures for each in blocks)
    return ToldCell(key, None, measures, _forms(blocks), measures.applications < applications)


def _forms(blocks: Iterable[Block]) -> list[Measures]:
    forms: dict[str, Measures] = {}
    for each in blocks:
        if each.form is not None:
            forms[each.form] = forms.get(each.form, Measures()) + each.measures
    return [forms[form] for form in sorted(forms)]


def month_begun(runtime: Runtime) -> date:
    """The first day of the month in China that is not over yet."""
    return day_of(runtime.clock()).replace(day=1)


def this_month_and_last(runtime: Runtime) -> Period:
    """What is told of without days where only whole months are counted."""
    begun = month_begun(runtime)
    return Period((begun - timedelta(days=1)).replace(day=1), (begun + timedelta(days=32)).replace(day=1))


async def told(
    since: date | None, until: date | None, runtime: Runtime, *, department: str | None = None
) -> Told:
    """The blocks of whole months that are over; of one department those that are its own."""
    parts = tuple(stretches(since, until))
    groups = ("month", "form", "matter", "department", "segment")
    wanted = CellFilter("form", groups, parts)
    found = await runtime.store.rollups.cells(wanted, after=(), limit=_ALL) if parts else ()
    atoms = {Atom(*group): Measures(*counts) for group, counts in found if any(counts)}
    return of_department(Told(atoms, blocks_of(atoms)), department)


def of_department(whole: Told, department: str | None) -> Told:
    """The same as one department may see it: only what is its own."""
    if department is None:
        return whole
    return Told(
        {atom: each for atom, each in whole.atoms.items() if atom.department == department},
        [block for block in whole.blocks if block.department == department],
        department,
    )


async def told_fields(
    form: str, since: date | None, until: date | None, whole: Told, runtime: Runtime
) -> list[ToldCell]:
    """The fields of a form, each of the months and departments in which it may be told apart."""
    parts = tuple(stretches(since, until))
    wanted = CellFilter("field", ("month", "department", "key"), parts, form, whole.department)
    found = await runtime.store.rollups.cells(wanted, after=(), limit=_ALL) if parts else ()
    cells: _Fields = {}
    for (month, department, key), counts in found:
        if counts[0] > 0:
            cells.setdefault((month, department), {})[key] = Measures(*counts)
    return field_lines(form, cells, whole)


def field_lines(form: str, cells: _Fields, whole: Told) -> list[ToldCell]:
    """The lines of fields, from what they count by month and department."""
    shown: dict[str, list[Measures]] = {key: [] for of in cells.values() for key in of}
    partial: set[str] = set()
    for (month, department), of_fields in cells.items():
        hidden = withheld({key: each.applications for key, each in of_fields.items()})
        is_own = whole.has_own(month, form, department)
        for key, measures in of_fields.items():
            if is_own and key not in hidden and measures.applications >= LEAST:
                shown[key].append(measures)
            else:
                partial.add(key)
    return [
        ToldCell(key, form, together(each) if each else None, (), key in partial and bool(each))
        for key, each in sorted(shown.items())
    ]
