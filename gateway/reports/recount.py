"""Counting again from the log alone, slot by slot, and comparing with the roll-ups. Pure.

Written as the contract reads and as slowly: it shares with the roll-ups what a slot is, and no code that counts. Where
both come to the same numbers, neither the way through the snapshots nor the way through the log has lost a slot.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from field_registry.outcomes import Disposition, Tier
from gateway.reports.recount_causes import count_causes
from gateway.slots import Slot, from_facts

Cell = tuple[str, ...]
"""By what ("form", "field" …), then the groups of that table; "cause" with its place and what it counts."""
Counts = Mapping[str, int]
RECEIVED, CORRECTED = "submission.received", "submission.corrected"
_BESIDE_UTC = timedelta(hours=8)
_DEFINITION = "rates/1"


@dataclass(frozen=True, slots=True)
class Difference:
    """One number of one cell that is not the same."""

    cell: Cell
    counter: str
    log: int
    rollups: int

    def __str__(self) -> str:
        """In one line."""
        place = " / ".join(self.cell[1:])
        cell = f"{self.cell[0]} {place or '（无）'}"
        return f"{cell}: {self.counter} is {self.log} in the log, {self.rollups} in the roll-ups"


class Recount:
    """The log counted again. Corrections first, then what was received: each application counts as it stands last.

    `since` inclusive, `until` not: days in China on which applications were handed in.
    """

    def __init__(self, since: date | None = None, until: date | None = None) -> None:
        self._since, self._until = since, until
        self._corrected: dict[str, Mapping[str, Any]] = {}
        self._seen: set[str] = set()
        self._cells: defaultdict[Cell, defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))
        self.applications = 0
        self.slots = 0
        self.sealed = 0
        """Applications whose slots are more than a leaf holds, and were not handed in opened."""

    @property
    def cells(self) -> Mapping[Cell, Counts]:
        """Every cell with the counts that are not zero."""
        return {
            cell: {name: each for name, each in counts.items() if each}
            for cell, counts in self._cells.items()
        }

    def correct(self, leaf: Mapping[str, Any]) -> None:
        """Take note of a correction; the one of the highest number counts."""
        before = self._corrected.get(leaf["submission"])
        if before is None or before["snapshot"] < leaf["snapshot"]:
            self._corrected[leaf["submission"]] = leaf

    def receive(self, leaf: Mapping[str, Any]) -> None:
        """Count an application, as its last correction has it."""
        submission = leaf["submission"]
        if submission in self._seen:
            return
        self._seen.add(submission)
        on = _day(leaf["at"])
        if (self._since is not None and on < self._since) or (self._until is not None and on >= self._until):
            return
        standing = self._corrected.get(submission, leaf)
        if not standing["is_test"] and standing["definition"] == _DEFINITION:
            self._count(standing, on)

    def _count(self, leaf: Mapping[str, Any], on: date) -> None:
        if is_sealed(leaf):
            self.sealed += 1
            return
        slots = from_facts(leaf["slots"])
        self.applications += 1
        self.slots += len(slots)
        whole = _counted(slots)
        whole.update(_of_baseline(slots, leaf["baseline"]))
        for cell in _whole_cells(leaf, on):
            self._add(cell, whole)
        for cell, of_cell in _slot_cells(leaf["form"][0], slots).items():
            self._add(cell, _counted(of_cell))
        for cause, counts in count_causes(slots).items():
            self._add(("cause", *_place(cause[0], leaf), *cause), counts)

    def _add(self, cell: Cell, counts: Counts) -> None:
        kept = self._cells[cell]
        for name, each in counts.items():
            kept[name] += each


def _place(kind: str, leaf: Mapping[str, Any]) -> tuple[str, str, str, str]:
    """Form, matter, department and segment, as far as cells of that kind tell them apart whatever the period."""
    if kind == "stale":
        return "", "", "", ""
    return leaf["form"][0], leaf["matter"], leaf["department"], "" if kind == "seen" else leaf["segment"]


def is_sealed(leaf: Mapping[str, Any]) -> bool:
    """Whether the slots were too many for a leaf, and stand in the entry's private part."""
    return "slots" in leaf.get("omitted", ())


def _day(written: str) -> date:
    return (datetime.fromisoformat(written) + _BESIDE_UTC).date()


def _whole_cells(leaf: Mapping[str, Any], on: date) -> Iterator[Cell]:
    form = leaf["form"][0]
    yield ("form", form)
    yield ("department", leaf["department"], form)
    yield ("matter", leaf["matter"], form)
    yield ("segment", leaf["segment"], form)
    yield ("month", f"{on.year}{on.month:02d}", form)


def _slot_cells(form: str, slots: Iterable[Slot]) -> Mapping[Cell, list[Slot]]:
    cells: defaultdict[Cell, list[Slot]] = defaultdict(list)
    for slot in slots:
        cells["field", form, slot.field].append(slot)
        cells["item", slot.item or ""].append(slot)
        cells["source", slot.source or ""].append(slot)
    return cells


def _of_baseline(slots: Sequence[Slot], baseline: int | None) -> Counts:
    if not baseline:
        return {}
    by_hand = (Disposition.typed, Disposition.edited, Disposition.disputed)
    return {
        "baseline_slots": baseline,
        "baseline_manual": sum(slot.disposition in by_hand for slot in slots),
    }


def _counted(slots: Sequence[Slot]) -> dict[str, int]:
    """What these slots of one application count, each after the contract's words."""
    counts: defaultdict[str, int] = defaultdict(int)
    counts["applications"] = 1
    if all(slot.disposition is not Disposition.typed for slot in slots):
        counts["zero_typed"] = 1
    for slot in slots:
        for name in _names(slot):
            counts[name] += 1
    return counts


def _names(slot: Slot) -> Iterator[str]:
    """The counts that this slot stands in."""
    yield "eligible"
    if slot.mapped:
        yield "mapped"
    if slot.attempted:
        yield "attempted"
        if slot.tier in (Tier.A, Tier.B, Tier.C):
            yield "resolved"
    if slot.tier is not None:
        yield from _names_of_offer(slot, slot.tier)
    if slot.disposition is not Disposition.kept:
        yield slot.disposition.value
    if slot.disposition in (Disposition.typed, Disposition.edited) and slot.obtainable:
        yield "missed"
    if slot.identity:
        yield from _names_of_identity(slot)


def _names_of_offer(slot: Slot, tier: Tier) -> Iterator[str]:
    yield "offered"
    if tier in (Tier.A, Tier.B):
        yield "offered_ab"
        if slot.disposition is Disposition.disputed:
            yield "disputed_ab"
    if tier in (Tier.A, Tier.B, Tier.C):
        yield "releases"
        if slot.grounded:
            yield "grounded"
    if slot.disposition is Disposition.kept:
        yield f"kept_{tier.value.lower()}"


def _names_of_identity(slot: Slot) -> Iterator[str]:
    yield "identity_eligible"
    kept = slot.tier is not None and slot.disposition is Disposition.kept
    if slot.tier is not None:
        yield "identity_offered"
    if kept or slot.disposition in (Disposition.typed, Disposition.edited, Disposition.disputed):
        yield "identity_answered"
    if kept and slot.tier in (Tier.A, Tier.B):
        yield "identity_kept_ab"
    if kept and slot.tier is Tier.C:
        yield "identity_kept_c"


def differences(
    log: Mapping[Cell, Counts], rollups: Mapping[Cell, Counts], *, most: int = 20
) -> list[Difference]:
    """The first numbers that differ, in order of cell, causes last; none where both are equal to the slot."""
    found: list[Difference] = []
    for cell in sorted(log.keys() | rollups.keys(), key=lambda cell: (cell[0] == "cause", cell)):
        here, there = log.get(cell, {}), rollups.get(cell, {})
        for name in sorted(here.keys() | there.keys()):
            if here.get(name, 0) != there.get(name, 0):
                found.append(Difference(cell, name, here.get(name, 0), there.get(name, 0)))
                if len(found) == most:
                    return found
    return found
