"""The outcome of one field slot, and the counts made of outcomes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from field_registry import OutcomeCode, Provenance
from field_registry.outcomes import FILLED
from forms.definition import Field


@dataclass(slots=True)  # not frozen: one per slot and request, and freezing doubles the cost of making it
class FieldOutcome:
    """What happened to one slot.

    `path`: the slot's own ("children.0.name"); `field`: the field it is a slot of. `value`, `provenance`: set when and
    only when the outcome is `filled` or `filled_stale`. `reason`: why in detail ("already_answered", "row_not_matched",
    a `Missing.detail` ...), "" when the outcome says it all. `answered`: the person typed something here, which
    is kept; `answer_path`: where in the answers it stands, since a row may have moved. `eligible`: counts in the
    rates (contract, section 3). `mapped`: eligible, and has a published binding. `row`: number of the row, from 0.
    """

    path: str
    field: Field
    outcome: OutcomeCode
    value: object = None
    provenance: Provenance | None = None
    reason: str = ""
    answered: bool = False
    eligible: bool = False
    mapped: bool = False
    row: int | None = None
    answer_path: str | None = None

    @property
    def stale(self) -> bool:
        """Whether the value is older than the item's freshness."""
        return self.outcome is OutcomeCode.filled_stale

    @property
    def has_value(self) -> bool:
        """Whether something is offered here."""
        return self.outcome in FILLED

    def __repr__(self) -> str:
        """Path and outcome only: a value never stands in a traceback."""
        return f"FieldOutcome({self.path}, {self.outcome}, …)"


@dataclass(frozen=True, slots=True)
class Counts:
    """How many slots ended how; `by_outcome` adds up to `fields`.

    M1 is `mapped` of `eligible`, M3 is `filled` of `eligible` (rates/1). `by_outcome` holds no zeros and is in the
    order of the closed list.
    """

    fields: int
    eligible: int
    filled: int
    mapped: int
    by_outcome: Mapping[OutcomeCode, int]


def counts(outcomes: Iterable[FieldOutcome]) -> Counts:
    """The counts of these outcomes."""
    fields = eligible = filled = mapped = 0
    tally: dict[OutcomeCode, int] = {}
    for each in outcomes:
        fields += 1
        eligible += each.eligible
        mapped += each.mapped
        filled += each.outcome in FILLED
        tally[each.outcome] = tally.get(each.outcome, 0) + 1
    return Counts(
        fields, eligible, filled, mapped, {code: tally[code] for code in OutcomeCode if code in tally}
    )
