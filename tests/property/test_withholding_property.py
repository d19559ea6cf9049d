"""What is told outside the hall, attacked: no tables, added and subtracted, come to the applications of a few.

The attacker has every table of every period of whole months, everybody's and each department's own, and knows of each
line which applications it could be of. That is more than anybody has: in these tests each atom of the month counts a
power of two of slots, so that a line itself says which atoms are in it.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import combinations
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(
    0, str(Path(__file__).parents[1] / "unit" / "gateway" / "reports")
)  # that directory is no package

from gap_bench import D, Out, application, slot, sums_of, typed

from gateway.records import CauseSum
from gateway.reports.measures import Measures
from gateway.reports.outside import Told, field_lines, of_department
from gateway.reports.outside_causes import tellable
from gateway.reports.withholding import LEAST, Atom, blocks_of, withheld

MONTHS, FORMS, DEPARTMENTS = ("202609", "202610", "202611"), ("a", "b", "c"), ("民政", "税务", "交通")
SEGMENTS = ("resident", "taiwan", "enterprise")
BY = ("form", "department", "matter", "segment", "month")
Line = frozenset[Atom]

sizes = st.one_of(st.integers(1, 9), st.integers(1, 60))
towns = st.dictionaries(
    st.builds(
        lambda month, form, department, segment: Atom(month, form, f"matter-{form}", department, segment),
        *map(st.sampled_from, (MONTHS, FORMS, DEPARTMENTS, SEGMENTS)),
    ),
    sizes,
    max_size=14,
)


def measured(town: Mapping[Atom, int]) -> dict[Atom, Measures]:
    """Each atom with a power of two of slots."""
    return {
        atom: Measures(applications=count, eligible=1 << at)
        for at, (atom, count) in enumerate(sorted(town.items()))
    }


def published(town: Mapping[Atom, int]) -> set[Line]:
    """The atoms of every line that anybody outside the hall can see, of every period."""
    atoms = measured(town)
    names = {measures.eligible: atom for atom, measures in atoms.items()}
    lines: set[Line] = set()
    for months in [MONTHS[begin:end] for begin, end in combinations(range(len(MONTHS) + 1), 2)]:
        of_period = {atom: each for atom, each in atoms.items() if atom.month in months}
        whole = Told(of_period, blocks_of(of_period))
        for seen in (whole, *(of_department(whole, each) for each in DEPARTMENTS)):
            for measures in _told(seen):
                lines.add(frozenset(name for bit, name in names.items() if measures.eligible & bit))
    return lines


def _told(seen: Told) -> Iterator[Measures]:
    cells = [
        seen.total(),
        *(seen.total(form) for form in FORMS),
        *(line for by in BY for line in seen.table(by)),
    ]
    for cell in cells:
        if cell.measures is not None:
            yield cell.measures
        yield from cell.forms  # the mean over forms is made of these


@settings(max_examples=300, deadline=None)
@given(towns)
def test_no_line_is_of_a_few(town: dict[Atom, int]) -> None:
    """Whatever is told is of ten applications or more."""
    for line in published(town):
        assert sum(town[atom] for atom in line) >= LEAST


@settings(max_examples=150, deadline=None)
@given(towns)
def test_subtracting_lines_never_leaves_a_few(town: dict[Atom, int]) -> None:
    """A line less another, less a third, plus a fourth: what it leaves is nothing, or ten applications or more."""
    lines = sorted(published(town), key=sorted)
    for one, other in combinations(lines, 2):
        for bigger, smaller in ((one, other), (other, one)):
            if smaller < bigger:
                assert sum(town[atom] for atom in bigger - smaller) >= LEAST
        assert not one & other or one <= other or other <= one or _is_large(one & other, town)


def _is_large(atoms: Line, town: Mapping[Atom, int]) -> bool:
    # What two lines share can be had where a third is what they are together.
    return sum(town[atom] for atom in atoms) >= LEAST


@settings(max_examples=150, deadline=None)
@given(towns)
def test_no_combination_of_lines_singles_a_few_out(town: dict[Atom, int]) -> None:
    """Whatever multiples of lines are added: no set of atoms of fewer than ten applications can be solved for."""
    lines, atoms = sorted(published(town), key=sorted), sorted(town)
    rows = _reduced([[Fraction(atom in line) for atom in atoms] for line in lines])

    for few in _few(town):
        assert not _spans(rows, [Fraction(atom in few) for atom in atoms])


def _few(town: Mapping[Atom, int]) -> Iterator[Line]:
    """Sets of one, two or three atoms that come to fewer than ten applications."""
    small = [atom for atom, count in town.items() if count < LEAST]
    for many in (1, 2, 3):
        for some in combinations(small, many):
            if sum(town[atom] for atom in some) < LEAST:
                yield frozenset(some)


def _reduced(rows: Sequence[list[Fraction]]) -> list[tuple[int, list[Fraction]]]:
    """The rows in echelon form, each with the place of its first number."""
    found: list[tuple[int, list[Fraction]]] = []
    for row in rows:
        rest = _less(found, row)
        place = next((at for at, each in enumerate(rest) if each), None)
        if place is not None:
            found.append((place, [each / rest[place] for each in rest]))
    return found


def _less(rows: Sequence[tuple[int, list[Fraction]]], row: list[Fraction]) -> list[Fraction]:
    for place, of in rows:
        if row[place]:
            times = row[place]
            row = [each - times * other for each, other in zip(row, of, strict=True)]
    return row


def _spans(rows: Sequence[tuple[int, list[Fraction]]], wanted: list[Fraction]) -> bool:
    return not any(_less(rows, wanted))


@settings(max_examples=150, deadline=None)
@given(towns)
def test_everybody_is_in_one_block(town: dict[Atom, int]) -> None:
    """No application is told twice; a month of ten and more tells of all of them."""
    atoms = measured(town)
    blocks = blocks_of(atoms)

    for month in MONTHS:
        count = sum(each for atom, each in town.items() if atom.month == month)
        told = sum(block.measures.applications for block in blocks if block.month == month)
        assert told == (count if count >= LEAST else 0)
    bits = [block.measures.eligible for block in blocks]
    assert sum(bits) == sum(
        each.eligible for each in atoms.values() if any(each.eligible & bit for bit in bits)
    )


def test_tables_that_are_each_sound_gave_a_small_form_away() -> None:
    """The attack that one table's own rule cannot stop: a department is its large form and three applications more."""
    town = {
        Atom("202610", "a", "matter-a", "民政", "resident"): 100,
        Atom("202610", "b", "matter-b", "民政", "resident"): 3,
        Atom("202610", "c", "matter-c", "税务", "resident"): 11,
    }
    large, small, other = town
    lines = published(town)

    # By form b is withheld with c; by department 民政 stands as it is. Less form a, it would be b.
    assert frozenset({large}) not in lines or frozenset({large, small}) not in lines
    assert frozenset({large, small, other}) in lines


def test_the_attack_finds_what_sound_tables_give_away_together() -> None:
    """Withheld table by table, as one table alone would have it, the three applications of form b are solved for."""
    town = {
        Atom("202610", "a", "matter-a", "民政", "resident"): 100,
        Atom("202610", "b", "matter-b", "民政", "resident"): 3,
        Atom("202610", "c", "matter-c", "税务", "resident"): 11,
        Atom("202610", "a", "matter-a", "税务", "resident"): 20,
    }
    lines: set[Line] = {frozenset(town)}
    for by in ("form", "department"):
        cells: dict[str, set[Atom]] = {}
        for atom in town:
            cells.setdefault(getattr(atom, by), set()).add(atom)
        hidden = withheld({key: sum(town[atom] for atom in each) for key, each in cells.items()})
        lines |= {frozenset(each) for key, each in cells.items() if key not in hidden}
    few_asked = {atom for atom in town if atom.form == "b"}
    lines.add(frozenset(town) - few_asked)  # the same a month before, when nobody asked for b

    rows = _reduced([[Fraction(atom in line) for atom in town] for line in lines])
    assert any(_spans(rows, [Fraction(atom in few) for atom in town]) for few in _few(town))


def test_two_overlapping_periods_give_no_month_away() -> None:
    """September and October, less September, is October: withheld there, it is withheld in both."""
    town = {
        Atom("202609", "a", "matter-a", "民政", "resident"): 50,
        Atom("202610", "a", "matter-a", "民政", "resident"): 3,
        Atom("202610", "b", "matter-b", "民政", "resident"): 40,
    }
    september, october, _ = sorted(town)
    lines = published(town)

    assert frozenset({september}) in lines
    assert frozenset({september, october}) not in lines
    assert frozenset({october}) not in lines


fields = st.dictionaries(st.sampled_from("fghijk"), st.integers(1, 40), min_size=1)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from(MONTHS), fields, min_size=1))
def test_fields_of_overlapping_periods_give_no_month_away(of_months: dict[str, dict[str, int]]) -> None:
    """A field of few applications in one month is in the line of no period; nor is what the form's total leaves."""
    atoms = {Atom(month, "a", "m", "民政", "resident"): Measures(applications=50) for month in of_months}
    cells = {
        (month, "民政"): {
            field: Measures(
                applications=count, eligible=1 << (6 * MONTHS.index(month) + "fghijk".index(field))
            )
            for field, count in of.items()
        }
        for month, of in of_months.items()
    }
    for month, of in cells.items():
        lines = field_lines("a", {month: of}, Told(atoms, blocks_of(atoms)))
        shown = {line.key for line in lines if line.measures is not None}
        hidden = of.keys() - shown
        assert all(of[key].applications >= LEAST for key in shown)
        assert len(hidden) != 1 or len(of) == 1
    together = {line.key: line for line in field_lines("a", cells, Told(atoms, blocks_of(atoms)))}
    apart = [
        line
        for month, of in cells.items()
        for line in field_lines("a", {month: of}, Told(atoms, blocks_of(atoms)))
    ]
    for key, line in together.items():
        told = [each.measures.eligible for each in apart if each.key == key and each.measures is not None]
        assert (line.measures.eligible if line.measures is not None else 0) == sum(told)


people = st.builds(
    lambda its, form, department: application(*its, form=form, department=department),
    st.lists(
        st.sampled_from(
            [
                slot("name"),
                typed("policy"),
                typed("phone", obtainable=True),
                typed("name", Out.timeout, source="civil", attempted=True, obtainable=True),
                slot("sex", Out.filled, D.edited, obtainable=True),
                slot("note", Out.no_binding, D.blank),
            ]
        ),
        min_size=1,
        max_size=5,
        unique_by=lambda each: each.field,
    ),
    st.sampled_from(FORMS[:2]),
    st.sampled_from(DEPARTMENTS[:2]),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(people, max_size=40))
def test_no_cause_of_a_few_is_told(whole: list[Any]) -> None:
    """Every cell that gaps and repeat collection are made of is of ten applications, and so is what a total leaves."""
    atoms: dict[Atom, Measures] = {}
    for each in whole:
        atom = Atom("202611", each.form, each.matter, each.department, each.segment)
        atoms[atom] = atoms.get(atom, Measures()) + Measures(applications=1)
    every = [each for each in sums_of(whole) if each.key.kind == "slot"]
    told = tellable(every, "202611", Told(atoms, blocks_of(atoms)))

    assert all(each.counts[1] >= LEAST for each in told)
    for form in FORMS:
        for department in DEPARTMENTS:
            left = _left(every, told, form, department)
            assert not told or not left or len(left) > 1 or not _is_told(told, form, department)
            if left and _is_told(told, form, department):
                assert sum(left) >= LEAST


def _is_told(told: Sequence[CauseSum], form: str, department: str) -> bool:
    return any((each.place.form, each.place.department) == (form, department) for each in told)


def _left(every: Sequence[CauseSum], told: Sequence[CauseSum], form: str, department: str) -> list[int]:
    """The applications of each cell of that form and department that is not told."""
    here = {
        each.key: each.counts[1]
        for each in every
        if (each.place.form, each.place.department) == (form, department)
    }
    shown = {each.key for each in told if (each.place.form, each.place.department) == (form, department)}
    return [count for key, count in here.items() if key not in shown]
