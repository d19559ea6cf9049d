"""Measures: what is counted of slots, for one cell of a report. Every rate is made of these and nothing else.

Measures add up: those of a year are the sum of its months, those of a department the sum of its forms. They subtract
too, which is how a later snapshot takes the place of an earlier one. Pure.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from functools import lru_cache
from operator import attrgetter
from typing import Self

from field_registry.outcomes import Disposition, Tier
from gateway.slots import Slot, Snapshot

_D = Disposition
_REGISTERED = frozenset({Tier.A, Tier.B})
_SUPPLIED = frozenset({Tier.A, Tier.B, Tier.C})
_COLLECTED = frozenset({_D.typed, _D.edited, _D.disputed})


@dataclass(frozen=True, slots=True)
class Measures:
    """Counts of one cell. All but the first two and those of the baseline count slots.

    `applications`: that have a slot in the cell. `zero_typed`: those of them without a typed slot in it. `resolved`:
    attempted and given a value of tier A, B or C. `offered_ab`, `disputed_ab`: of tier A or B. `missed`: typed or
    edited though obtainable (M7). `releases`: values of tier A, B or C that were given; `grounded`: with a ground.
    `baseline_slots`, `baseline_manual`: of applications whose form has a baseline, the baseline's slots, and slots that
    were typed, edited or disputed; in cells of whole applications only. `identity_…`: of fields that tell who somebody
    is.
    """

    applications: int = 0
    zero_typed: int = 0
    eligible: int = 0
    mapped: int = 0
    attempted: int = 0
    resolved: int = 0
    offered: int = 0
    offered_ab: int = 0
    kept_a: int = 0
    kept_b: int = 0
    kept_c: int = 0
    kept_d: int = 0
    kept_e: int = 0
    edited: int = 0
    disputed: int = 0
    disputed_ab: int = 0
    typed: int = 0
    blank: int = 0
    cleared: int = 0
    missed: int = 0
    releases: int = 0
    grounded: int = 0
    baseline_slots: int = 0
    baseline_manual: int = 0
    identity_eligible: int = 0
    identity_offered: int = 0
    identity_answered: int = 0
    identity_kept_ab: int = 0
    identity_kept_c: int = 0

    def __add__(self, other: Self) -> Self:
        """Both together."""
        return type(self)(*map(int.__add__, self.counts, other.counts))

    def __sub__(self, other: Self) -> Self:
        """These without the others."""
        return type(self)(*map(int.__sub__, self.counts, other.counts))

    def times(self, number: int) -> Self:
        """So many times these."""
        return type(self)(*(each * number for each in self.counts))

    @property
    def counts(self) -> tuple[int, ...]:
        """Every count, in the order of `COUNTERS`."""
        return _counts(self)

    @property
    def kept(self) -> int:
        """Slots kept of any tier."""
        return self.kept_a + self.kept_b + self.kept_c + self.kept_d + self.kept_e

    @property
    def manual(self) -> int:
        """Slots that cost the person a hand: typed, edited or disputed."""
        return self.typed + self.edited + self.disputed

    @property
    def answered(self) -> int:
        """Slots that were not empty at submission."""
        return self.kept + self.manual


COUNTERS = tuple(each.name for each in fields(Measures))
"""The names of the counts, in the order in which the store keeps them."""

_counts: Callable[[Measures], tuple[int, ...]] = attrgetter(*COUNTERS)


def measures_of(snapshot: Snapshot) -> Measures:
    """What one application counts as a whole; nothing when it is a test."""
    return Measures() if snapshot.is_test else application(snapshot.slots, snapshot.baseline)


def application(slots: Iterable[Slot], baseline: int | None = None) -> Measures:
    """What these slots of one application count together. `baseline`: slots of its form's baseline, if it has one."""
    counted = together(slot_measures(slot) for slot in slots)
    return counted + of_application(counted, baseline)


def of_application(counted: Measures, baseline: int | None = None) -> Measures:
    """What an application counts beside its slots, which count so much."""
    return Measures(
        applications=1,
        zero_typed=int(not counted.typed),
        baseline_slots=baseline or 0,
        baseline_manual=counted.manual if baseline else 0,
    )


def slot_measures(slot: Slot) -> Measures:
    """What one slot counts."""
    flags = (slot.mapped, slot.attempted, slot.obtainable, slot.identity, slot.grounded)
    return kind_measures(slot.disposition, slot.tier, flags)


Flags = tuple[bool, bool, bool, bool, bool]
"""mapped, attempted, obtainable, identity, grounded: as the leaf of an entry writes them."""


@lru_cache(maxsize=4096)
def kind_measures(disposition: Disposition, tier: Tier | None, flags: Flags) -> Measures:
    """What any slot of that kind counts: nothing else about a slot matters to the rates."""
    mapped, attempted, obtainable, identity, grounded = flags
    offered, supplied, registered = tier is not None, tier in _SUPPLIED, tier in _REGISTERED
    kept = tier.value if tier is not None and disposition is _D.kept else ""
    return Measures(
        eligible=1,
        mapped=int(mapped),
        attempted=int(attempted),
        resolved=int(attempted and supplied),
        offered=int(offered),
        offered_ab=int(registered),
        **{f"kept_{each.lower()}": int(kept == each) for each in "ABCDE"},
        edited=int(disposition is _D.edited),
        disputed=int(disposition is _D.disputed),
        disputed_ab=int(disposition is _D.disputed and registered),
        typed=int(disposition is _D.typed),
        blank=int(disposition is _D.blank),
        cleared=int(disposition is _D.cleared),
        missed=int(obtainable and disposition in (_D.typed, _D.edited)),
        releases=int(supplied),
        grounded=int(supplied and grounded),
        identity_eligible=int(identity),
        identity_offered=int(identity and offered),
        identity_answered=int(identity and (disposition in _COLLECTED or bool(kept))),
        identity_kept_ab=int(identity and registered and disposition is _D.kept),
        identity_kept_c=int(identity and tier is Tier.C and disposition is _D.kept),
    )


def together(many: Iterable[Measures]) -> Measures:
    """The sum of measures; zero of none."""
    return sum(many, Measures())
