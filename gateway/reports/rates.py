"""Rates, definition version `rates/1` (contract, section 3). A rate always carries its counts. Pure."""

from dataclasses import dataclass

DEFINITION = "rates/1"
"""The version of the definitions these rates follow."""


@dataclass(frozen=True, slots=True)
class Rate:
    """A share of slots, as counts.

    >>> str(Rate(11, 14))
    '78.6 % (11/14)'
    """

    numerator: int
    denominator: int

    @property
    def value(self) -> float | None:
        """The share rounded to a tenth of a percent, as 0 to 1; None when nothing could be counted."""
        return round(self.numerator / self.denominator, 3) if self.denominator else None

    def __str__(self) -> str:
        """*rate (numerator/denominator)*, or a dash when nothing could be counted."""
        counts = f"({self.numerator}/{self.denominator})"
        return (
            f"{100 * self.numerator / self.denominator:.1f} % {counts}" if self.denominator else f"– {counts}"
        )

    def as_dict(self) -> dict[str, float | int | None]:
        """For machines."""
        return {"rate": self.value, "numerator": self.numerator, "denominator": self.denominator}
