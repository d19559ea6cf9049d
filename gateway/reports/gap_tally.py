"""What the gap report counts: rates, reasons, and what would have to be done for which slots. Made of roll-ups. Pure.

The order in which sums are taken makes no difference.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from field_registry.outcomes import Disposition, OutcomeCode
from gateway.records import CauseKey, CausePlace, CauseSum
from gateway.reports.cause_counts import ANSWERED, BOTH, KEPT, SEEN, SLOT, spots_of
from gateway.reports.gap_causes import EMPTY, NOTHING, Catalogue, FixKind, Needs, cause_of, needs_of
from gateway.reports.measures import Measures
from gateway.reports.rates import Rate
from gateway.slots import Slot


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


Reason = tuple[OutcomeCode, str | None, bool]
"""Outcome, source, and whether it has been put right since."""


@dataclass(slots=True)
class Count:
    """What one group of applications comes to. `supplied`: kept slots of tier A, B and C (the numerator of M4)."""

    applications: int = 0
    eligible: int = 0
    answered: int = 0
    supplied: int = 0
    causes: Counter[Reason] = field(default_factory=Counter)

    @property
    def m4(self) -> Rate:
        """The backfill rate."""
        return Rate(self.supplied, self.answered)

    def add(self, measures: Measures) -> None:
        """Count what these measures say, reasons apart."""
        self.applications += measures.applications
        self.eligible += measures.eligible
        self.answered += measures.answered
        self.supplied += measures.kept_a + measures.kept_b + measures.kept_c


class _Judged(NamedTuple):
    # `needs`: of slots that stand open; nothing for those left blank.
    reason: Reason
    needs: Needs


@dataclass(slots=True, eq=False)
class Tally:
    """Everything of the roll-ups that the report needs. `total`, `segments`: counts.

    `open`: form, needs and item → slots that the person filled in. `spots`: form and needs → applications with such a
    slot, once for each spot. `together`: form and the needs of spots that stand open together → applications, which
    `spots` has counted once for each of them. `seen`: by item; "" of all together.
    """

    catalogue: Catalogue
    total: Count = field(default_factory=Count)
    segments: dict[str, Count] = field(default_factory=dict)
    open: Counter[tuple[str, Needs, str]] = field(default_factory=Counter)
    spots: Counter[tuple[str, Needs]] = field(default_factory=Counter)
    together: Counter[tuple[str, tuple[Needs, ...]]] = field(default_factory=Counter)
    seen: dict[str, Seen] = field(default_factory=dict)
    _judged: dict[tuple[str, str], dict[CauseKey, "_Judged | None"]] = field(default_factory=dict)

    def rates(self, segments: Mapping[str, Measures]) -> None:
        """Count whole applications, by segment."""
        for segment, measures in segments.items():
            self.total.add(measures)
            self._segment(segment).add(measures)

    def take(self, sums: Iterable[CauseSum]) -> None:
        """Count these sums. The catalogue knows their forms by now, as far as they are published."""
        for each in sums:
            slots, _, leads, _ = each.counts
            if each.key.kind == SLOT:
                self._slots(each.place, each.key, slots, leads)
            elif each.key.kind == SEEN:
                self._see(each.key, slots)
            elif each.key.kind == BOTH:
                self._both(each.place, each.key, each.counts[1])

    def applications(self, opened: Iterable[Needs]) -> int:
        """How many applications have a slot that needs one of these."""
        wanted = frozenset(opened)
        once_a_spot = sum(count for (_, needs), count in self.spots.items() if needs in wanted)
        again = sum(
            count * max(0, sum(needs in wanted for needs in both) - 1)
            for (_, both), count in self.together.items()
        )
        return once_a_spot - again

    def _slots(self, place: CausePlace, key: CauseKey, slots: int, leads: int) -> None:
        judged = self._judge(place, key)
        if judged is None:
            return
        self.total.causes[judged.reason] += slots
        self._segment(place.segment).causes[judged.reason] += slots
        if judged.needs:
            self.open[place.form, judged.needs, key.item] += slots
            if leads:
                self.spots[place.form, judged.needs] += leads

    def _segment(self, segment: str) -> Count:
        if segment not in self.segments:
            self.segments[segment] = Count()
        return self.segments[segment]

    def _judge(self, place: CausePlace, key: CauseKey) -> "_Judged | None":
        """Why those slots were not filled; None where they were, and are counted because they were typed again."""
        known = self._judged.setdefault((place.form, place.department), {})
        if key not in known:
            known[key] = self._judge_anew(place, key)
        return known[key]

    def _judge_anew(self, place: CausePlace, key: CauseKey) -> "_Judged | None":
        cause = cause_of(_slot(key), place.form, place.department, self.catalogue)
        if cause is None or "s" in key.marks:
            return None
        is_open = Disposition(key.disposition) not in EMPTY
        return _Judged((cause.outcome, cause.source, cause.done), cause.needs if is_open else NOTHING)

    def _see(self, key: CauseKey, slots: int) -> None:
        for item in {key.item, ""}:
            seen = self.seen.setdefault(item, Seen())
            seen.answers += slots
            seen.filled += 0 if key.marks == ANSWERED else slots
            seen.kept += slots if key.marks == KEPT else 0

    def _both(self, place: CausePlace, key: CauseKey, applications: int) -> None:
        """One consent opens what it opens whatever the item; anything else is of one item."""
        needs = [needs_of(spot, place.form, place.department, self.catalogue) for spot in spots_of(key)]
        of_class = [each for each in needs if each and _is_consent(each) == (not key.item)]
        if len(of_class) > 1:
            self.together[place.form, tuple(sorted(of_class, key=sorted))] += applications


def _is_consent(needs: Needs) -> bool:
    return any(fix.kind is FixKind.consent for fix in needs)


def _slot(key: CauseKey) -> Slot:
    """A slot that has this cause."""
    return Slot(
        path=key.field,
        field=key.field,
        item=key.item or None,
        source=key.source or None,
        outcome=OutcomeCode(key.outcome),
        tier=None,
        disposition=Disposition(key.disposition),
        obtainable="o" in key.marks,
    )
