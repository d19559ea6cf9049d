"""Roll-ups against the plain way of counting: whatever was submitted, in whatever order and portions."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from field_registry.outcomes import Disposition, OutcomeCode, Tier
from gateway.records import CAUSE_COUNTERS, Countable, RollupKey
from gateway.reports.backfill import BY
from gateway.reports.backfill_slots import OPENED, Part, counts_in
from gateway.reports.measures import COUNTERS, Measures, measures_of, slot_measures, together
from gateway.reports.periods import day_of, days_only, stretches
from gateway.reports.rates import rates_of
from gateway.reports.recount import Recount, differences
from gateway.reports.rollup import count
from gateway.reports.withholding import LEAST, withheld
from gateway.slots import Slot, Snapshot, to_facts

BEGIN = datetime(2026, 9, 20, tzinfo=UTC)
PLACES = (("name", "person.name"), ("sex", "person.sex"), ("children.name", "person.name"), ("notes", None))


@st.composite
def slots(draw: st.DrawFn) -> tuple[Slot, ...]:
    """Some slots of one application, rows among them."""
    found = []
    for number in range(draw(st.integers(0, 8))):
        field, item = draw(st.sampled_from(PLACES))
        path = f"{field}.{number}"
        flags = draw(st.tuples(*[st.booleans()] * 5))
        found.append(
            Slot(
                *(path, field, item, draw(st.sampled_from([None, "civil", "tax"]))),
                *(draw(st.sampled_from(OutcomeCode)), draw(st.sampled_from([None, *Tier]))),
                *(draw(st.sampled_from(Disposition)), *flags),
            )
        )
    return tuple(sorted(found, key=lambda slot: slot.path))


@st.composite
def snapshots(draw: st.DrawFn) -> tuple[Snapshot, ...]:
    """Applications of some forms over a few months, some of them corrected, some of them tests."""
    found: list[Snapshot] = []
    for number in range(draw(st.integers(0, 6))):
        form = draw(st.sampled_from(["marriage", "review"]))
        first = Snapshot(
            *(f"smn_{number}", 1, BEGIN + timedelta(hours=draw(st.integers(0, 2400))), form, 1),
            *(f"matter-{form}", draw(st.sampled_from(["民政", "税务"]))),
            *(draw(st.sampled_from(["resident", "taiwan"])), 1, 1, draw(slots())),
            baseline=draw(st.sampled_from([None, 12])),
            is_test=draw(st.integers(0, 9)) == 0,
        )
        later = [
            replace(first, number=2 + at, at=first.at + timedelta(days=40), slots=draw(slots()))
            for at in range(draw(st.integers(0, 2)))
        ]
        found += [first, *later]
    return tuple(found)


def countables(of: Sequence[Snapshot]) -> list[Countable]:
    """What the store hands to be counted, in order: each snapshot, less the one before it."""
    first = {each.submission_id: each for each in of if each.number == 1}
    found = []
    for at, each in enumerate(of):
        found.append(countable(1, each, first))
        if each.number > 1:
            found.append(countable(-1, of[at - 1], first))
    return found


def countable(sign: int, of: Snapshot, first: Mapping[str, Snapshot]) -> Countable:
    """One of them."""
    return Countable(
        *(sign, day_of(first[of.submission_id].at), of.form, of.matter, of.department, of.segment),
        *(of.definition, of.baseline, of.is_test, orjson.dumps(to_facts(of.slots))),
    )


def summed(portions: Sequence[Sequence[Countable]]) -> dict[RollupKey, Measures]:
    """The cells, each portion counted by itself."""
    cells: dict[RollupKey, Measures] = {}
    for portion in portions:
        for key, counts in count(portion).cells:
            cells[key] = cells.get(key, Measures()) + Measures(*counts)
    return {key: each for key, each in cells.items() if each != Measures()}


def standing(of: Sequence[Snapshot]) -> list[Snapshot]:
    """The snapshots that count: the newest of each application."""
    return list({each.submission_id: each for each in of}.values())


def whole(cells: Mapping[RollupKey, Measures], dimension: str, grain: str) -> Measures:
    """The sum over one dimension."""
    return together(each for key, each in cells.items() if (key.dimension, key.grain) == (dimension, grain))


OF_APPLICATIONS = {"applications", "zero_typed", "baseline_slots", "baseline_manual"}
SLOT_COUNTERS = [name for name in COUNTERS if name not in OF_APPLICATIONS]


@given(snapshots())
def test_the_cells_of_every_dimension_come_to_the_total(of: tuple[Snapshot, ...]) -> None:
    """By day and by month, of forms, fields, items and sources: no slot is lost or counted twice."""
    cells = summed([countables(of)])
    total = together(measures_of(each) for each in standing(of))

    for grain in ("d", "m"):
        assert whole(cells, "form", grain) == total
        for dimension in ("field", "item", "source"):
            came_to = whole(cells, dimension, grain)
            assert all(getattr(came_to, name) == getattr(total, name) for name in SLOT_COUNTERS)


@given(snapshots(), st.randoms(use_true_random=False), st.integers(1, 5))
def test_order_and_portions_change_nothing(of: tuple[Snapshot, ...], random: Any, size: int) -> None:
    """Folded one by one, shuffled, or all together: the cells are the same."""
    every = countables(of)
    shuffled = random.sample(every, len(every))
    portions = [shuffled[at : at + size] for at in range(0, len(shuffled), size)]

    assert summed(portions) == summed([every])


@given(snapshots())
def test_counted_and_taken_back_is_nothing(of: tuple[Snapshot, ...]) -> None:
    """Every count has its opposite."""
    every = countables(of)

    assert summed([every, [replace(each, sign=-each.sign) for each in every]]) == {}


@given(snapshots())
def test_the_log_counted_again_is_equal_to_the_slot(of: tuple[Snapshot, ...]) -> None:
    """The slow way from the leaves of entries and the quick way through roll-ups come to the same tables."""
    recount = Recount()
    for each in of:
        if each.number > 1:
            recount.correct(leaf(each))
    for each in of:
        if each.number == 1:
            recount.receive(leaf(each))

    assert differences(recount.cells, tables(summed([countables(of)])) | causes(countables(of))) == []


@given(snapshots())
def test_a_slot_that_the_rollups_lost_is_found(of: tuple[Snapshot, ...]) -> None:
    """One count that is too low by one is named, with its cell."""
    cells = tables(summed([countables(of)]))
    if not cells:
        return
    cell = min(cells)
    name = min(cells[cell])
    altered = {**cells, cell: {**cells[cell], name: cells[cell][name] - 1}}

    found = differences(cells, altered)

    assert [(each.cell, each.counter, each.log - each.rollups) for each in found] == [(cell, name, 1)]


def leaf(of: Snapshot) -> dict[str, Any]:
    """What the entry of that snapshot says."""
    return {
        "submission": of.submission_id,
        "snapshot": of.number,
        "at": f"{of.at.replace(tzinfo=None).isoformat(timespec='microseconds')}Z",
        "form": [of.form, of.form_version],
        **{name: getattr(of, name) for name in ("matter", "department", "segment", "definition", "baseline")},
        "is_test": of.is_test,
        "slots": to_facts(of.slots),
    }


def causes(of: Sequence[Countable]) -> dict[tuple[str, ...], dict[str, int]]:
    """The causes of whole months; what was seen is summed over segments, as it is by day."""
    found: dict[tuple[str, ...], Counter[str]] = {}
    for (grain, place, _, key), counts in count(of).causes:
        if grain == "m":
            told = place._replace(segment="") if key.kind == "seen" else place
            cell = found.setdefault(("cause", *told, *key), Counter())
            cell.update(dict(zip(CAUSE_COUNTERS, counts, strict=True)))
    return {
        cell: named
        for cell, counts in found.items()
        if (named := {name: each for name, each in counts.items() if each})
    }


def tables(cells: Mapping[RollupKey, Measures]) -> dict[tuple[str, ...], dict[str, int]]:
    """The months, grouped as the tables of the report are."""
    found: dict[tuple[str, ...], Measures] = {}
    for key, each in cells.items():
        told = {**key._asdict(), "month": key.start // 100}
        for name, by in BY.items():
            if name != "day" and key.dimension == by.dimension and key.grain == "m":
                cell = (name, *(str(told[group]) for group in by.groups))
                found[cell] = found.get(cell, Measures()) + each
    named = {cell: dict(zip(COUNTERS, each.counts, strict=True)) for cell, each in found.items()}
    return {
        cell: {name: each for name, each in counts.items() if each}
        for cell, counts in named.items()
        if any(counts.values())
    }


@given(slots())
def test_a_rate_is_opened_to_exactly_its_slots(of: tuple[Slot, ...]) -> None:
    """As many slots as its numerator and its denominator say."""
    rates = rates_of(together(slot_measures(slot) for slot in of))

    for name in OPENED:
        assert sum(counts_in(slot, name, Part.numerator) for slot in of) == rates[name].numerator
        assert sum(counts_in(slot, name, Part.denominator) for slot in of) == rates[name].denominator


@given(slots())
def test_no_share_is_above_one(of: tuple[Slot, ...]) -> None:
    """What is counted above is counted below, for every rate that is a share of slots; M6 where offers are real."""
    offered = [slot for slot in of if (slot.tier is not None) == (slot.disposition in _OF_OFFERS)]
    rates = rates_of(together(slot_measures(slot) for slot in offered))

    for name in OPENED:
        if name != "M8":
            assert 0 <= rates[name].numerator <= rates[name].denominator


_OF_OFFERS = {Disposition.kept, Disposition.edited, Disposition.disputed, Disposition.cleared}


@given(st.dates(date(2025, 1, 1), date(2027, 12, 31)), st.dates(date(2025, 1, 1), date(2027, 12, 31)))
def test_a_period_is_its_days_each_once(since: date, until: date) -> None:
    """Months in the middle and days at the edges: no day twice, none missing, none beyond."""
    months = stretches(since, until)
    covered = [
        day
        for at in range((date(2028, 2, 1) - date(2024, 12, 1)).days)
        if (day := date(2024, 12, 1) + timedelta(days=at))
        for each in months
        if each.begin <= _start(day, each.grain) < each.end
    ]

    assert covered == [since + timedelta(days=at) for at in range(max(0, (until - since).days))]
    assert len(days_only(since, until)) == (since < until)


def _start(day: date, grain: str) -> int:
    return day.year * 10_000 + day.month * 100 + (day.day if grain == "d" else 0)


@given(st.dictionaries(st.text("abcdef", min_size=1, max_size=3), st.integers(1, 40)))
def test_a_withheld_cell_cannot_be_worked_out(applications: dict[str, int]) -> None:
    """Small cells are withheld; what all the others leave of the total is of two cells and ten applications."""
    hidden = withheld(applications)

    assert {key for key, each in applications.items() if each < LEAST} <= hidden
    if hidden and hidden != applications.keys():
        assert len(hidden) > 1
        assert sum(applications[key] for key in hidden) >= LEAST
    if min(applications.values(), default=LEAST) >= LEAST:
        assert hidden == frozenset()
