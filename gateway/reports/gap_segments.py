"""Segment gaps: which kind of applicant is served worse than others, and by what. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from field_registry.outcomes import OutcomeCode
from gateway.reports.gap_tally import Count, Tally
from gateway.reports.gaps import share_of
from gateway.reports.rates import Rate


@dataclass(frozen=True, slots=True)
class OverRepresented:
    """A reason that meets one kind of applicant more than others. Both are shares of eligible slots."""

    outcome: OutcomeCode
    source: str | None
    share: Rate
    overall: Rate


@dataclass(frozen=True, slots=True)
class SegmentGap:
    """How one kind of applicant fares. `behind`: how far its backfill rate is below the overall one, share of 1."""

    segment: str
    applications: int
    m4: Rate
    behind: float
    causes: tuple[OverRepresented, ...]


def segment_gaps(tally: Tally, most: int = 3) -> list[SegmentGap]:
    """Every kind of applicant, the worst served first, with the reasons that meet it most out of proportion."""
    overall = share_of(tally.total.supplied, tally.total.answered)
    found = [
        SegmentGap(
            segment,
            count.applications,
            count.m4,
            float(overall - share_of(count.supplied, count.answered)) if count.answered else 0.0,
            tuple(list(_over_represented(count, tally.total))[:most]),
        )
        for segment, count in tally.segments.items()
    ]
    return sorted(found, key=lambda each: (-each.behind, each.segment))


def _over_represented(count: Count, total: Count) -> Iterator[OverRepresented]:
    """Reasons at least half as frequent again as overall, those with most slots above proportion first."""
    excess = []
    for key, slots in count.causes.items():
        due = Fraction(total.causes[key] * count.eligible, total.eligible)
        if 2 * slots >= 3 * due:
            excess.append((due - slots, key[0], key[1] or "", key))
    for _, outcome, _, key in sorted(excess, key=lambda each: each[:3]):
        yield OverRepresented(
            outcome, key[1], Rate(count.causes[key], count.eligible), Rate(total.causes[key], total.eligible)
        )
