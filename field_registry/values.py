"""What is known about one item of one subject: a value with its provenance, or the reason there is none."""

from datetime import date, datetime

from msgspec import Struct

from field_registry.outcomes import OutcomeCode, Tier

Scalar = str | int | bool
RowCells = dict[str, Scalar | None]


class Provenance(Struct, frozen=True):
    """Where a value comes from.

    `recorded_at`: the day the register recorded it, None when it does not say.
    `retrieved_at`: UTC, when we asked, not when the source recorded it.
    """

    source: str
    tier: Tier
    recorded_at: date | None
    retrieved_at: datetime


class Value(Struct, frozen=True):
    """A normalised value and where it comes from. `value` is JSON-ready: text, integer, boolean, or rows."""

    value: object
    provenance: Provenance

    def __repr__(self) -> str:
        """The source only: a value never stands in a traceback."""
        return f"Value(…, from {self.provenance.source})"


class Missing(Struct, frozen=True):
    """Why there is no value. `detail` names what is wrong without repeating anybody's data."""

    reason: OutcomeCode
    detail: str = ""
