"""Counting causes: from frozen slots to what reports of gaps and of repeat collection are made of. Pure.

Kinds of cells (`CauseKey.kind`):

- `slot`: slots that no register, licence or profile filled, and slots typed or edited though they could have been had,
  told apart by everything that what to do about them depends on. `marks`: "s" a value was offered, "o" obtainable.
- `seen`: what sources of tier A and B said of an item where there was a value. `marks`: "kept", "filled" or "answered".
- `both`: applications in which several spots of one item stand open together; `marks` names them. Of no item: all
  spots without a ground, which one consent may open together.
- `stale`: values of a source that were older than their freshness; at no place.

Counters (`CAUSE_COUNTERS`): `slots`; of `slot` and `both`, `applications` that have one; `leads` and `asked` count each
application once for a *spot*, and once for a field that was asked again, at the first of its cells. So the leads of any
spots, less what `both` says of those that stand open together, are so many applications, not so many slots.

A *spot* is what open slots have in common that are opened by the same fixes, whatever is published when the report is
made: a source that is late, an item that a source does not hold, a field without binding. By day, `seen` does not tell
segments apart: nearly every slot is of it, and it would cost as many rows.

It has to be quick, as `gateway.reports.rollup` has: while counting, keys and spots are small numbers, and the counters
of a cell are one number, thirty-two bits each.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from field_registry.outcomes import FILLED, Disposition, OutcomeCode, Tier
from gateway.records import CauseCell, CauseCounts, CauseDelta, CauseKey, CausePlace, Countable
from gateway.reports.gap_causes import ANSWERS, EMPTY, REGISTERED, SUPPLIED, Spot, SpotKind, spot_of
from gateway.reports.periods import DAY, MONTH, number_of

SLOT, SEEN, BOTH, STALE = "slot", "seen", "both", "stale"
KEPT, FILLED_ONLY, ANSWERED = "kept", "filled", "answered"
AGAIN = frozenset({Disposition.typed, Disposition.edited})
NOWHERE = CausePlace("", "", "", "")
_OF_AN_ITEM = frozenset({SpotKind.nothing, SpotKind.unbound, SpotKind.ground})
_ATTEMPTED, _OBTAINABLE = 1, 2  # places in the flags of a slot
_BITS = 32
_APPLICATION, _LEAD, _ASKED = 1 << _BITS, 1 << 2 * _BITS, 1 << 3 * _BITS

Group = Sequence[Any]
"""Slots that are alike, as a snapshot holds them (`gateway.slots.to_facts`)."""
_Found = dict[int, int]  # the number of a key → its counters in one


class _Trait(NamedTuple):
    # What slots that are alike count. `marks`: of a cell of `slot`; None for none. `seen`: None for none.
    marks: str | None
    is_open: bool
    is_again: bool
    seen: str | None
    is_stale: bool


class CauseCells:
    """What some snapshots add to cells of causes, while they are being counted."""

    def __init__(self) -> None:
        self._names = _Names()
        self._cells: dict[tuple[str, CausePlace, int], defaultdict[int, int]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._cells.values()))

    def add(self, counted: Countable, groups: Iterable[Group]) -> None:
        """Count one snapshot that counts. `groups`: its facts, read."""
        slots, seen, stale = _found(groups, self._names)
        place = CausePlace(counted.form, counted.matter, counted.department, counted.segment)
        for grain in (DAY, MONTH):
            start = number_of(counted.on, grain)
            self._add((grain, place, start), slots, counted.sign)
            self._add(
                (grain, place if grain == MONTH else place._replace(segment=""), start), seen, counted.sign
            )
            if stale:
                self._add((grain, NOWHERE, start), stale, counted.sign)

    def deltas(self) -> Iterator[CauseDelta]:
        """What every cell is to be added, place by place."""
        keys = self._names.keys
        for (grain, place, start), cells in self._cells.items():
            for number, counts in cells.items():
                if counts:
                    yield CauseCell(grain, place, start, keys[number]), _apart(counts)

    def _add(self, bucket: tuple[str, CausePlace, int], found: _Found, sign: int) -> None:
        cells = self._cells.get(bucket)
        if cells is None:
            cells = self._cells[bucket] = defaultdict(int)
        for number, counts in found.items():
            cells[number] += counts * sign


@lru_cache(maxsize=16_384)
def _apart(counts: int) -> CauseCounts:
    """The counters that one number holds, below zero too."""
    found = []
    for _ in range(4):
        low = ((counts + (1 << _BITS - 1)) & ((1 << _BITS) - 1)) - (1 << _BITS - 1)
        found.append(low)
        counts = (counts - low) >> _BITS
    return found[0], found[1], found[2], found[3]


class _Names:
    """Keys and spots as numbers."""

    def __init__(self) -> None:
        self.keys: list[CauseKey] = []
        self.spots: list[Spot] = []
        self.spot_of_key: list[int] = []
        self._keys: dict[CauseKey, int] = {}
        self._spots: dict[Spot, int] = {}
        self.slots: defaultdict[tuple[Any, ...], dict[tuple[str, str | None], int]] = defaultdict(dict)
        self.seen: defaultdict[str, dict[str | None, int]] = defaultdict(dict)

    def number(self, key: CauseKey) -> int:
        """The number of a key, a new one for a new key."""
        number = self._keys.get(key)
        if number is None:
            number = self._keys[key] = len(self.keys)
            self.keys.append(key)
            self.spot_of_key.append(self._spot(_spot(key)) if key.kind == SLOT else -1)
        return number

    def _spot(self, spot: Spot) -> int:
        number = self._spots.get(spot)
        if number is None:
            number = self._spots[spot] = len(self.spots)
            self.spots.append(spot)
        return number


def _found(groups: Iterable[Group], names: _Names) -> tuple[_Found, _Found, _Found]:
    """What one application has in cells of `slot` and `both`, of `seen`, and of `stale`."""
    slots: _Found = {}
    seen: _Found = {}
    stale: _Found = {}
    opened: list[int] = []
    again: list[int] = []
    for disposition, outcome, tier, source, flags, alike in groups:
        trait = _trait(disposition, outcome, tier, flags)
        if trait.seen is not None:
            _count_seen(seen, alike, trait.seen, names)
        if trait.is_stale and source is not None:
            number = names.number(CauseKey(STALE, "", "", source, "", "", ""))
            stale[number] = stale.get(number, 0) + len(alike)
        if trait.marks is not None:
            met = _count_slots(slots, alike, (trait.marks, outcome, disposition, source), names)
            opened += met if trait.is_open else ()
            again += met if trait.is_again else ()
    return _with_leads(slots, opened, again, names), seen, stale


def _count_seen(seen: _Found, alike: Group, mark: str, names: _Names) -> None:
    known = names.seen[mark]
    for _, _, item in alike:
        number = known.get(item)
        if number is None:
            number = known[item] = names.number(CauseKey(SEEN, "", item or "", "", "", "", mark))
        seen[number] = seen.get(number, 0) + 1


def _count_slots(
    slots: _Found, alike: Group, kind: tuple[str, str, str, str | None], names: _Names
) -> list[int]:
    known, met = names.slots[kind], []
    for _, field, item in alike:
        number = known.get((field, item))
        if number is None:
            marks, outcome, disposition, source = kind
            key = CauseKey(SLOT, field, item or "", source or "", outcome, disposition, marks)
            number = known[field, item] = names.number(key)
        slots[number] = slots.get(number, _APPLICATION) + 1
        met.append(number)
    return met


def _with_leads(slots: _Found, opened: Iterable[int], again: Iterable[int], names: _Names) -> _Found:
    leading: dict[int, int] = {}
    for number in opened:
        _lead(leading, names.spot_of_key[number], number, names)
    asking: dict[str, int] = {}
    for number in again:
        _lead(asking, names.keys[number].field, number, names)
    for number in leading.values():
        slots[number] += _LEAD
    for number in asking.values():
        slots[number] += _ASKED
    for together in _together([names.spots[each] for each in leading]):
        slots[names.number(together)] = _APPLICATION
    return slots


def _lead(leading: dict[Any, int], of: int | str, number: int, names: _Names) -> None:
    """The first key in order leads, so that what is taken back is what was counted."""
    before = leading.get(of)
    if before is None or (before != number and names.keys[number] < names.keys[before]):
        leading[of] = number


def _together(spots: Iterable[Spot]) -> list[CauseKey]:
    """The cells of `both` that an application with these open spots is counted in."""
    classes: defaultdict[str, list[Spot]] = defaultdict(list)
    for spot in spots:
        if spot.item and spot.kind in _OF_AN_ITEM:
            classes[spot.item].append(spot)
        if spot.kind is SpotKind.ground:
            classes[""].append(spot)
    return [_both_key(item, members) for item, members in classes.items() if len(members) > 1]


def _both_key(item: str, members: Iterable[Spot]) -> CauseKey:
    told = orjson.dumps(sorted([spot.kind.value, spot.field, spot.item] for spot in members)).decode()
    return CauseKey(BOTH, "", item, "", "", "", told)


def spots_of(key: CauseKey) -> list[Spot]:
    """The spots that a cell of `both` is of."""
    return [Spot(SpotKind(kind), field, item, "") for kind, field, item in orjson.loads(key.marks)]


def _spot(key: CauseKey) -> Spot:
    code = OutcomeCode(key.outcome)
    return spot_of(code, field=key.field, item=key.item, source=key.source, obtainable="o" in key.marks)


@lru_cache(maxsize=4096)
def _trait(disposition: str, outcome: str, tier: str | None, flags: str) -> _Trait:
    disposed, code, of = Disposition(disposition), OutcomeCode(outcome), None if tier is None else Tier(tier)
    attempted, obtainable = flags[_ATTEMPTED] == "1", flags[_OBTAINABLE] == "1"
    supplied, again = of in SUPPLIED, obtainable and disposed in AGAIN
    has_cell = not supplied or again
    return _Trait(
        marks=f"{'s' if supplied else ''}{'o' if obtainable else ''}" if has_cell else None,
        is_open=not supplied and disposed not in EMPTY,
        is_again=again,
        seen=_seen(disposed, code, of) if attempted else None,
        is_stale=code is OutcomeCode.filled_stale and of in REGISTERED,
    )


def _seen(disposed: Disposition, code: OutcomeCode, tier: Tier | None) -> str | None:
    """What an attempted slot shows of its item; None where neither source nor person had anything to say."""
    if code not in ANSWERS or tier is Tier.C:
        return None
    if code in FILLED and tier in REGISTERED:
        return KEPT if disposed is Disposition.kept else FILLED_ONLY
    return None if disposed in EMPTY else ANSWERED
