"""What the gap report counts of applications: rates, reasons, and what would have to be done for which slots. Pure.

The order in which applications are added makes no difference.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from field_registry import Tier
from field_registry.outcomes import FILLED, Disposition, OutcomeCode
from gateway.reports.gap_causes import ANSWERS, REGISTERED, Catalogue, Cause, Needs, cause_of
from gateway.reports.rates import Rate
from gateway.slots import Slot, Snapshot

_EMPTY = frozenset({Disposition.blank, Disposition.cleared})


@dataclass(slots=True)
class Seen:
    """What sources of tier A and B gave of one item where there was a value: answers, those filled, those kept."""

    answers: int = 0
    filled: int = 0
    kept: int = 0

    @property
    def rate(self) -> Rate:
        """Kept of what was answered."""
        return Rate(self.kept, self.answers)


CauseKey = tuple[OutcomeCode, str | None, bool]
"""Outcome, source, and whether it has been put right since."""


@dataclass(slots=True)
class Count:
    """What one group of applications comes to. `supplied`: kept slots of tier A, B and C (the numerator of M4)."""

    applications: int = 0
    eligible: int = 0
    answered: int = 0
    supplied: int = 0
    causes: Counter[CauseKey] = field(default_factory=Counter)

    @property
    def m4(self) -> Rate:
        """The backfill rate."""
        return Rate(self.supplied, self.answered)


@dataclass(slots=True, eq=False)
class Tally:
    """Everything of the applications read so far that the report needs. `total`, `segments`: counts.

    `open`: form, needs and item → slots that the person filled in. `together`: form and the needs of its open slots
    → applications. `seen`: by item; "" of all together.
    """

    catalogue: Catalogue
    total: Count = field(default_factory=Count)
    segments: dict[str, Count] = field(default_factory=dict)
    open: Counter[tuple[str, Needs, str]] = field(default_factory=Counter)
    together: Counter[tuple[str, frozenset[Needs]]] = field(default_factory=Counter)
    seen: dict[str, Seen] = field(default_factory=dict)

    def add(self, snapshots: Iterable[Snapshot]) -> None:
        """Count these applications; tests are not counted."""
        for snapshot in snapshots:
            if not snapshot.is_test:
                self._application(snapshot)

    def _application(self, snapshot: Snapshot) -> None:
        groups = (self.total, self.segments.setdefault(snapshot.segment, Count()))
        wanted: set[Needs] = set()
        for slot in snapshot.slots:
            cause = cause_of(slot, snapshot.form, snapshot.department, self.catalogue)
            for group in groups:
                _count(group, slot, cause)
            self._see(slot)
            if cause is not None and cause.needs and slot.disposition not in _EMPTY:
                self.open[snapshot.form, cause.needs, slot.item or ""] += 1
                wanted.add(cause.needs)
        for group in groups:
            group.applications += 1
        if wanted:
            self.together[snapshot.form, frozenset(wanted)] += 1

    def _see(self, slot: Slot) -> None:
        if not slot.attempted or slot.outcome not in ANSWERS or slot.tier is Tier.C:
            return
        is_filled = slot.outcome in FILLED and slot.tier in REGISTERED
        if not is_filled and slot.disposition in _EMPTY:
            return  # neither the source nor the person had anything to say
        for key in (slot.item or "", "") if slot.item else ("",):
            seen = self.seen.setdefault(key, Seen())
            seen.answers += 1
            seen.filled += is_filled
            seen.kept += is_filled and slot.disposition is Disposition.kept


def _count(group: Count, slot: Slot, cause: Cause | None) -> None:
    group.eligible += 1
    group.answered += slot.disposition not in _EMPTY
    if cause is None:
        group.supplied += slot.disposition is Disposition.kept
    else:
        group.causes[cause.outcome, cause.source, cause.done] += 1
