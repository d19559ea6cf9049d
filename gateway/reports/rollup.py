"""Roll-ups: from frozen snapshots to what is added to cells of days and months. Pure.

It has to be quick: a province is 100 million slots a month.

What a slot counts depends on its kind alone (disposition, tier, flags), and the leaf of an entry keeps slots of one
kind together. So a cell first counts how many slots of each kind came, and only at the end what these make.

Cells of whole applications ("form") tell apart form, matter, department and segment, by day and month. Those of
fields, items and sources tell apart segment and department by month only: a day of a field by segment is hardly ever
more than one application, and would cost as many rows as there are slots.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

import orjson

from field_registry.outcomes import Disposition, Tier
from gateway.records import CauseDelta, Countable, Counted, Delta, RollupKey
from gateway.reports.cause_counts import CauseCells, Group
from gateway.reports.measures import COUNTERS, Measures, kind_measures, of_application
from gateway.reports.periods import DAY, MONTH, number_of
from gateway.reports.rates import DEFINITION

_MANUAL = frozenset({"typed", "edited", "disputed"})
_APPLICATIONS, _ZERO_TYPED, _BASELINE_SLOTS, _BASELINE_MANUAL = range(-4, 0)
_BESIDE = {
    _APPLICATIONS: "applications",
    _ZERO_TYPED: "zero_typed",
    _BASELINE_SLOTS: "baseline_slots",
    _BASELINE_MANUAL: "baseline_manual",
}
"""What a cell counts beside kinds of slots: what applications count in it, as far as slots do not say it."""
Kind = tuple[str, str | None, str]
"""Disposition, tier and flags of a slot, as the leaf of an entry writes them."""
Kinds = int | tuple[int, ...]
"""What one application has in one cell: the number of the kind of its slot, or of each if there are more."""
Cell = defaultdict[int, int]
"""How many slots of each kind; and the four counts above."""
Bucket = tuple[str, str, str, int, str, str, str]
"""Cells that differ in their key alone: dimension, grain, form, start, segment, department, matter."""


def count(snapshots: Iterable[Countable]) -> Counted:
    """What these snapshots add to cells. Test applications and other definitions add nothing."""
    cells = Cells()
    for each in snapshots:
        cells.add(each)
    return cells.counted()


class _Found(NamedTuple):
    # Of one application: slots by kind, and kinds by field, item and source ("" for none).
    whole: dict[int, int]
    fields: dict[str, Kinds]
    items: dict[str, Kinds]
    sources: dict[str, Kinds]


class Cells:
    """What some snapshots add to cells, while they are being counted."""

    def __init__(self) -> None:
        self._kinds: dict[Kind, int] = {}
        self._typed: set[int] = set()
        self._manual: set[int] = set()
        self._cells: dict[Bucket, dict[str, Cell]] = {}
        self._causes = CauseCells()

    def __len__(self) -> int:
        return sum(map(len, self._cells.values())) + len(self._causes)

    def add(self, counted: Countable) -> None:
        """Count one snapshot."""
        if counted.is_test or counted.definition != DEFINITION:
            return
        groups = orjson.loads(counted.facts)
        self._causes.add(counted, groups)
        found = self._found(groups)
        form, segment, department = counted.form, counted.segment, counted.department
        for grain in (DAY, MONTH):
            start = number_of(counted.on, grain)
            self._add_whole(("form", grain, form, start, segment, department, counted.matter), found, counted)
            whom = (segment, department, "") if grain == MONTH else ("", "", "")
            self._add_slots(("field", grain, form, start, *whom), found.fields, counted.sign)
            self._add_slots(("item", grain, "", start, *whom), found.items, counted.sign)
            self._add_slots(("source", grain, "", start, *whom), found.sources, counted.sign)

    def counted(self) -> Counted:
        """What every cell is to be added."""
        return Counted(list(self.deltas()), list(self._causes.deltas()))

    def causes(self) -> Iterator[CauseDelta]:
        """What every cell of causes is to be added, as they are taken: all at once would be held in memory."""
        return self._causes.deltas()

    def deltas(self) -> Iterator[Delta]:
        """What every cell of rates is to be added, bucket by bucket, as they are taken."""
        units = self._units()
        for bucket in sorted(self._cells):
            dimension, grain, form, start, *whom = bucket
            for key in sorted(self._cells[bucket]):
                yield (
                    RollupKey(dimension, grain, form, key, start, *whom),
                    _sum(self._cells[bucket][key], units),
                )

    def _found(self, groups: Iterable[Group]) -> _Found:
        whole: dict[int, int] = {}
        fields: dict[str, Kinds] = {}
        items: dict[str, Kinds] = {}
        sources: dict[str, Kinds] = {}
        for disposition, _, tier, source, flags, alike in groups:
            kind = self._number((disposition, tier, flags))
            whole[kind] = whole.get(kind, 0) + len(alike)
            for _, field, item in alike:
                _join(fields, field, kind)
                _join(items, item or "", kind)
                _join(sources, source or "", kind)
        return _Found(whole, fields, items, sources)

    def _number(self, kind: Kind) -> int:
        number = self._kinds.get(kind)
        if number is None:
            number = self._kinds[kind] = len(self._kinds)
            if kind[0] == "typed":
                self._typed.add(number)
            if kind[0] in _MANUAL:
                self._manual.add(number)
        return number

    def _add_whole(self, bucket: Bucket, found: _Found, counted: Countable) -> None:
        cell = self._cells.setdefault(bucket, {}).setdefault("", defaultdict(int))
        self._add_many(cell, found.whole.items(), counted.sign)
        if counted.baseline:
            manual = sum(times for kind, times in found.whole.items() if kind in self._manual)
            cell[_BASELINE_SLOTS] += counted.baseline * counted.sign
            cell[_BASELINE_MANUAL] += manual * counted.sign

    def _add_slots(self, bucket: Bucket, places: Mapping[str, Kinds], sign: int) -> None:
        cells = self._cells.setdefault(bucket, {})
        for key, kinds in places.items():
            cell = cells.get(key)
            if cell is None:
                cell = cells[key] = defaultdict(int)
            if isinstance(kinds, int):  # mostly; the other way comes to the same
                cell[kinds] += sign
            else:
                self._add_many(cell, ((kind, 1) for kind in kinds), sign)

    def _add_many(self, cell: Cell, kinds: Iterable[tuple[int, int]], sign: int) -> None:
        """Slots of one application. A unit counts its slot as if it were the only one; that is put right here."""
        slots = untyped = 0
        for kind, times in kinds:
            cell[kind] += times * sign
            slots += times
            untyped += 0 if kind in self._typed else times
        cell[_APPLICATIONS] += (1 - slots) * sign
        cell[_ZERO_TYPED] += (int(untyped == slots) - untyped) * sign

    def _units(self) -> Mapping[int, "_Unit"]:
        """Kind → what a slot of it counts as the only one of its application."""
        units = {number: _unit(_measures(kind)) for kind, number in self._kinds.items()}
        return units | {beside: ((COUNTERS.index(name), 1),) for beside, name in _BESIDE.items()}


_Unit = Sequence[tuple[int, int]]
# Places in `COUNTERS`, and the counts there that are not zero.


def _join(places: dict[str, Kinds], name: str, kind: int) -> None:
    before = places.get(name)
    if before is None:
        places[name] = kind
    else:
        places[name] = (before, kind) if isinstance(before, int) else (*before, kind)


def _sum(cell: Cell, units: Mapping[int, _Unit]) -> tuple[int, ...]:
    total = [0] * len(COUNTERS)
    for kind, times in cell.items():
        for at, each in units[kind]:
            total[at] += each * times
    return tuple(total)


def _unit(slot: Measures) -> _Unit:
    counts = (slot + of_application(slot)).counts
    return tuple((at, each) for at, each in enumerate(counts) if each)


@lru_cache(maxsize=4096)
def _measures(kind: Kind) -> Measures:
    disposition, tier, flags = kind
    mapped, attempted, obtainable, identity, grounded = (mark == "1" for mark in flags)
    marks = (mapped, attempted, obtainable, identity, grounded)
    return kind_measures(Disposition(disposition), None if tier is None else Tier(tier), marks)
