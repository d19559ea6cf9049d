"""Steps 8 and 9 in one: from decisions and replies to one outcome per field, as often as decisions change.

The second gate may find a consent withdrawn; then the same answers are combined again under the narrower decisions,
and what lost its ground falls out everywhere at once. What sources said is not needed for that, and not kept.
"""

from dataclasses import dataclass
from datetime import datetime

from msgspec import Struct

from field_registry import OutcomeCode
from forms.fill import Filled, fill
from forms.outcomes import Counts, FieldOutcome, counts
from gateway.resolution.asking import Replies
from gateway.resolution.combine import Combined, Readings, combine, less_refused, read
from gateway.resolution.plan import Plan
from policies import Decision

_UNASKED = frozenset({OutcomeCode.skipped_hidden, OutcomeCode.office_use, OutcomeCode.no_binding})


@dataclass(frozen=True, slots=True)
class Reoffered:
    """What an application of before added: paths offered from there, and paths whose source says otherwise by now."""

    submission_id: str
    offered: frozenset[str]
    changed: frozenset[str]


class Settled(Struct, frozen=True, eq=False):
    """Everything known about a request once its sources have answered. `again`: what an application of before added."""

    plan: Plan
    decisions: tuple[Decision, ...]
    combined: Combined
    filled: Filled
    counts: Counts
    again: Reoffered | None = None

    def place_of(self, outcome: FieldOutcome) -> int | None:
        """The place of the ask whose answer, or silence, a field shows; None when nothing was asked for it."""
        if outcome.answered or outcome.outcome in _UNASKED:
            return None  # another field of the same item may have been asked for; this one was not
        return self.combined.chosen.get(self.plan.compiled.key_of[outcome.field.path])


def settle(plan: Plan, decisions: tuple[Decision, ...], replies: Replies, now: datetime) -> Settled:
    """One outcome per field under these decisions. A refused ask gives its reason, whatever its source said."""
    return _settled(plan, decisions, read(plan, decisions, replies, now), now)


def narrow(settled: Settled, decisions: tuple[Decision, ...], now: datetime) -> Settled:
    """The same answers under fewer decisions."""
    return _settled(settled.plan, decisions, less_refused(settled.combined.readings, decisions), now)


def _settled(plan: Plan, decisions: tuple[Decision, ...], readings: Readings, now: datetime) -> Settled:
    combined = combine(plan, readings)
    filled = fill(plan.compiled.lines, combined.found, visible=plan.visible, answers=plan.answers, now=now)
    return Settled(plan, decisions, combined, filled, counts(filled.outcomes))
