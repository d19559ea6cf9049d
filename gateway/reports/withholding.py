"""What is told outside the hall, so that nobody can work out a cell of a few applications. Pure.

**Blocks.** The applications of a calendar month are put into blocks, each application into one, and each block of at
least `LEAST` applications. Every number outside the hall is a sum of whole blocks, of months that are over. So whatever
is added and subtracted, of tables by different things, of periods that overlap, of a department's own view and that of
everybody, comes to whole blocks again: to nothing, or to at least `LEAST` applications. A test attacks it so.

A block is of one form, matter, department and kind of applicant where these are enough; else kinds are put together,
else forms of one department, else departments. What a block is not told by stands in no line of that table, only in
the total. Fields are told apart within months, forms and departments whose block is their own; items and sources not at
all, because they cut across fields.

It does not cover what is corrected after it was told (a block then differs by that one slot), nor who knows the others
of a block by name.
"""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from gateway.reports.measures import Measures, together

Key = TypeVar("Key", bound=Hashable)

LEAST = 10
"""A cell of fewer applications is not published outside the hall (contract, section 3)."""


def withheld(applications: Mapping[Key, int], *, least: int = LEAST) -> frozenset[Key]:
    """The keys of one table that are not told apart, smallest first; none when every cell is large enough.

    None, or at least two that come to at least `least` together, if the table does.

    >>> sorted(withheld({"a": 3, "b": 40, "c": 12}))
    ['a', 'c']
    """
    by_size = sorted(applications, key=lambda key: (applications[key], str(key)))
    hidden = [key for key in by_size if applications[key] < least]
    for key in by_size[len(hidden) :]:
        if not hidden or (len(hidden) > 1 and sum(applications[each] for each in hidden) >= least):
            break
        hidden.append(key)
    return frozenset(hidden)


class Atom(NamedTuple):
    """The applications of one month that are alike in everything by which tables tell them apart."""

    month: str
    form: str
    matter: str
    department: str
    segment: str


@dataclass(frozen=True, slots=True)
class Block:
    """Applications that are told together. What they are not all alike in, or may not be told by, is None."""

    month: str
    form: str | None
    matter: str | None
    department: str | None
    segment: str | None
    measures: Measures


Atoms = Mapping[Atom, Measures]


def blocks_of(atoms: Atoms) -> list[Block]:
    """The blocks of these applications, month by month; a month of fewer than `LEAST` in all has none."""
    months = sorted({atom.month for atom in atoms})
    of_month = ({atom: each for atom, each in atoms.items() if atom.month == month} for month in months)
    return [block for month, its in zip(months, of_month, strict=True) for block in _of_month(month, its)]


def _of_month(month: str, atoms: Atoms) -> list[Block]:
    apart, pooled = _told_apart(atoms, lambda atom: atom.department)
    blocks = [_block(month, pooled)] if _applications(pooled) >= LEAST else []
    for of_department in apart:
        blocks += _of_department(month, of_department)
    return blocks


def _of_department(month: str, atoms: Atoms) -> list[Block]:
    department = next(iter(atoms)).department
    apart, pooled = _told_apart(atoms, lambda atom: (atom.form, atom.matter))
    blocks = [_block(month, pooled, department=department)] if pooled else []
    for of_form in apart:
        first = next(iter(of_form))
        place = {"form": first.form, "matter": first.matter, "department": department}
        segments, rest = _told_apart(of_form, lambda atom: atom.segment)
        blocks += [_block(month, each, **place, segment=next(iter(each)).segment) for each in segments]
        blocks += [_block(month, rest, **place)] if rest else []
    return blocks


def _told_apart(atoms: Atoms, part: Callable[[Atom], Hashable]) -> tuple[list[Atoms], Atoms]:
    """The parts that are large enough, and the atoms of all the others together."""
    parts = _parted(atoms, part)
    hidden = withheld({key: _applications(each) for key, each in parts.items()})
    pooled = {atom: each for key in hidden for atom, each in parts[key].items()}
    return [each for key, each in parts.items() if key not in hidden], pooled


def _parted(atoms: Atoms, part: Callable[[Atom], Hashable]) -> dict[Hashable, dict[Atom, Measures]]:
    found: dict[Hashable, dict[Atom, Measures]] = {}
    for atom, measures in atoms.items():
        if measures.applications > 0:
            found.setdefault(part(atom), {})[atom] = measures
    return found


def _applications(atoms: Atoms) -> int:
    return sum(each.applications for each in atoms.values())


def _block(
    month: str,
    atoms: Atoms,
    *,
    form: str | None = None,
    matter: str | None = None,
    department: str | None = None,
    segment: str | None = None,
) -> Block:
    return Block(month, form, matter, department, segment, together(atoms.values()))
