"""Counting causes again from the log alone, as their words say (`gateway.reports.cause_counts`), and as slowly. Pure.

It shares with the roll-ups the words of the contract, and no code that counts.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

import orjson

from field_registry.outcomes import Disposition, OutcomeCode, Tier
from gateway.slots import Slot

Cell = tuple[str, ...]
"""Kind, field, item, source, outcome, disposition and marks of a cell."""
Counts = dict[str, int]

_C, _D = OutcomeCode, Disposition
_NO_ANSWER = (_C.timeout, _C.source_error, _C.circuit_open, _C.maintenance, _C.pending)
_HOLDS_NOTHING = (_C.empty_at_source, _C.not_found, _C.not_applicable)
_HOLDS_WRONG = (_C.invalid_value, _C.conflict, _C.wrong_subject)
_OTHER_ANSWERS = (_C.filled, _C.filled_stale, _C.denied_by_source, _C.disputed)
_EMPTY = (_D.blank, _D.cleared)


def count_causes(slots: Sequence[Slot]) -> Mapping[Cell, Counts]:
    """What one application counts, by cell."""
    cells: defaultdict[Cell, Counts] = defaultdict(dict)
    for cell in [each for slot in slots for each in _cells_of(slot)]:
        cells[cell]["slots"] = cells[cell].get("slots", 0) + 1
        if cell[0] == "slot":
            cells[cell]["applications"] = 1
    spots: defaultdict[Cell, set[Cell]] = defaultdict(set)
    fields: defaultdict[str, set[Cell]] = defaultdict(set)
    for slot in slots:
        if not _is_supplied(slot) and slot.disposition not in _EMPTY:
            spots[_spot(slot)].add(_slot_cell(slot))
        if _is_again(slot):
            fields[slot.field].add(_slot_cell(slot))
    for first in map(min, spots.values()):
        cells[first]["leads"] = cells[first].get("leads", 0) + 1
    for first in map(min, fields.values()):
        cells[first]["asked"] = 1
    for item, members in _together(spots):
        cells["both", "", item, "", "", "", orjson.dumps(sorted(members)).decode()]["applications"] = 1
    return cells


def _cells_of(slot: Slot) -> Iterator[Cell]:
    if not _is_supplied(slot) or _is_again(slot):
        yield _slot_cell(slot)
    mark = _seen(slot)
    if mark:
        yield ("seen", "", slot.item or "", "", "", "", mark)
    if slot.outcome is _C.filled_stale and slot.tier in (Tier.A, Tier.B) and slot.source is not None:
        yield ("stale", "", "", slot.source, "", "", "")


def _slot_cell(slot: Slot) -> Cell:
    marks = ("s" if _is_supplied(slot) else "") + ("o" if slot.obtainable else "")
    item, source = slot.item or "", slot.source or ""
    return ("slot", slot.field, item, source, slot.outcome.value, slot.disposition.value, marks)


def _is_supplied(slot: Slot) -> bool:
    return slot.tier in (Tier.A, Tier.B, Tier.C)


def _is_again(slot: Slot) -> bool:
    return slot.obtainable and slot.disposition in (_D.typed, _D.edited)


def _seen(slot: Slot) -> str | None:
    """What a source said of the item, where somebody had something to say."""
    answered = slot.outcome in (*_HOLDS_NOTHING, *_HOLDS_WRONG, *_OTHER_ANSWERS)
    if not slot.attempted or not answered or slot.tier is Tier.C:
        return None
    if slot.tier in (Tier.A, Tier.B) and slot.outcome in (_C.filled, _C.filled_stale):
        return "kept" if slot.disposition is _D.kept else "filled"
    return None if slot.disposition in _EMPTY else "answered"


def _spot(slot: Slot) -> Cell:
    """Kind, field, item and source: what those slots share that the same fixes would open."""
    item, source, code = slot.item or "", slot.source or "", slot.outcome
    if source and code in _NO_ANSWER:
        return ("late", "", "", source)
    if item and code in _HOLDS_NOTHING:
        return ("nothing", "", item, "")
    if source and code is _C.denied_by_source:
        return ("permit", "", item, source)
    if source and code in _HOLDS_WRONG:
        return ("mend", "", item, source)
    kind = "unbound" if code is _C.no_binding else "other"
    if code is _C.no_ground and not slot.obtainable:
        kind = "ground"
    return (kind, slot.field, item, "")


def _together(spots: Iterable[Cell]) -> Iterator[tuple[str, list[Cell]]]:
    """Item and spots that stand open together; "" and those that one consent may open."""
    every = list(spots)
    for item in sorted({item for _, _, item, _ in every if item}):
        members = [
            each[:3] for each in every if each[2] == item and each[0] in ("nothing", "unbound", "ground")
        ]
        if len(members) > 1:
            yield item, members
    without_ground = [each[:3] for each in every if each[0] == "ground"]
    if len(without_ground) > 1:
        yield "", without_ground
