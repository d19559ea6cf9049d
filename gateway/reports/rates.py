"""Rates, definition version `rates/1` (contract, section 3). A rate always carries its counts. Pure.

`RATES` holds one line per rate, as the contract has them. Two kinds of mean exist and are never mixed: *micro* divides
sums over all slots (`rates_of`), *macro* is the mean of the forms' own rates (`macro_of`). M10 is about sources, not
slots: the report of sources has it.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from math import fsum

from gateway.reports.measures import Measures

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


@dataclass(frozen=True, slots=True)
class Macro:
    """The mean of the rates of `forms` forms: of those for which there was anything to divide by."""

    value: float | None
    forms: int

    def __str__(self) -> str:
        """*mean (over so many forms)*."""
        shown = "–" if self.value is None else f"{100 * self.value:.1f} %"
        return f"{shown} ({self.forms} forms)"

    def as_dict(self) -> dict[str, float | int | None]:
        """For machines."""
        return {"rate": self.value, "forms": self.forms}


Counted = Callable[[Measures], int]


@dataclass(frozen=True, slots=True)
class RateDefinition:
    """One rate: its names, and what is divided by what.

    `of_slots`: both halves are sets of slots, so that the rate can be opened to them. `is_factor`: not a share but how
    many times (M8).
    """

    zh: str
    en: str
    numerator: Counted
    denominator: Counted
    of_slots: bool = True
    is_factor: bool = False

    def of(self, measures: Measures) -> Rate:
        """The rate of one cell."""
        return Rate(self.numerator(measures), self.denominator(measures))


def _supplied(measures: Measures) -> int:
    return measures.kept_a + measures.kept_b + measures.kept_c


def _supplied_identity(measures: Measures) -> int:
    return measures.identity_kept_ab + measures.identity_kept_c


_R = RateDefinition
RATES: Mapping[str, RateDefinition] = {
    "M1": _R("映射覆盖率", "mapping coverage", lambda m: m.mapped, lambda m: m.eligible),
    "M2": _R("数源命中率", "source resolve rate", lambda m: m.resolved, lambda m: m.attempted),
    "M3": _R("预填率", "pre-fill rate", lambda m: m.offered, lambda m: m.eligible),
    "M4": _R("回填率", "backfill rate", _supplied, lambda m: m.answered),
    "M4_identity": _R(
        "回填率（身份字段）",
        "backfill rate, identity fields",
        _supplied_identity,
        lambda m: m.identity_answered,
    ),
    "M4_without_identity": _R(
        "回填率（不含身份字段）",
        "backfill rate without identity fields",
        lambda m: _supplied(m) - _supplied_identity(m),
        lambda m: m.answered - m.identity_answered,
    ),
    "M4a": _R(
        "权威回填率", "authoritative backfill rate", lambda m: m.kept_a + m.kept_b, lambda m: m.answered
    ),
    "M4b": _R("辅助录入率", "assisted entry rate", lambda m: m.kept_d + m.kept_e, lambda m: m.answered),
    # One minus a share, as the share of the baseline that needs no hand: 1 − 6/20 is 14/20.
    "M5": _R(
        "人工填写减少率",
        "manual-entry reduction",
        lambda m: m.baseline_slots - m.baseline_manual,
        lambda m: m.baseline_slots,
        of_slots=False,
    ),
    "M6_correction": _R("修改率", "correction rate", lambda m: m.edited, lambda m: m.offered),
    "M6_dispute": _R("异议率", "dispute rate", lambda m: m.disputed_ab, lambda m: m.offered_ab),
    "M7": _R("重复采集率", "repeat-collection rate", lambda m: m.missed, lambda m: m.manual),
    "M8": _R("复用次数", "reuse factor", lambda m: m.offered, lambda m: m.manual, is_factor=True),
    "M9": _R(
        "零填写率",
        "zero-typing applications",
        lambda m: m.zero_typed,
        lambda m: m.applications,
        of_slots=False,
    ),
    "M11": _R("依据覆盖率", "ground coverage", lambda m: m.grounded, lambda m: m.releases),
}
"""Every rate of slots by its id, in the contract's order. The two of M4 keep identity fields apart."""


def rates_of(measures: Measures) -> dict[str, Rate]:
    """Every rate of one cell: micro, sums over slots."""
    return {name: defined.of(measures) for name, defined in RATES.items()}


def macro_of(forms: Iterable[Measures]) -> dict[str, Macro]:
    """The mean of each rate over forms, `forms` being one cell each."""
    cells = list(forms)
    return {name: _mean(defined.of(cell) for cell in cells) for name, defined in RATES.items()}


def _mean(rates: Iterable[Rate]) -> Macro:
    values = [rate.numerator / rate.denominator for rate in rates if rate.denominator]
    return Macro(round(fsum(values) / len(values), 3) if values else None, len(values))


def shown(name: str, found: Rate | Macro) -> str:
    """A rate or a mean of rates as people read it: a share in percent, a factor as so many times.

    >>> shown("M8", Rate(9, 6)), shown("M8", Macro(1.5, 3))
    ('×1.50 (9/6)', '×1.50 (3 forms)')
    """
    if not RATES[name].is_factor or found.value is None:
        return str(found)
    if isinstance(found, Macro):
        return f"×{found.value:.2f} ({found.forms} forms)"
    return f"×{found.numerator / found.denominator:.2f} ({found.numerator}/{found.denominator})"
