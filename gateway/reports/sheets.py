"""Tables of a report before they become a file: headings in Chinese with English beside, rates with their counts.

A rate takes three columns, its share, numerator and denominator, so that whoever adds up a column adds counts and not
percentages. Pure.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from gateway.reports.rates import Rate

Cell = str | int | float | date | datetime | None
"""What a cell holds; None is an empty one."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `width`: in characters; `is_share`: its numbers are shares and shown as percentages."""

    zh: str
    en: str
    width: int = 12
    is_share: bool = False

    @property
    def heading(self) -> str:
        """Chinese with English below."""
        return f"{self.zh}\n{self.en}"


@dataclass(frozen=True, slots=True)
class Sheet:
    """One table. `name`: at most 31 characters, which is what a spreadsheet takes. `notes`: sentences above it."""

    name: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()


def rate_columns(zh: str, en: str, *, is_share: bool = True) -> tuple[Column, Column, Column]:
    """The three columns of a rate; one that is no share is a factor."""
    return (
        Column(zh, en, 14, is_share=is_share),
        Column(f"{zh}·分子", f"{en}, numerator", 14),
        Column(f"{zh}·分母", f"{en}, denominator", 14),
    )


def rate_cells(rate: Rate | None) -> tuple[Cell, Cell, Cell]:
    """Its three cells; empty where it is withheld. The share is unrounded: the spreadsheet rounds what it shows."""
    if rate is None:
        return None, None, None
    share = rate.numerator / rate.denominator if rate.denominator else None
    return share, rate.numerator, rate.denominator


def sheet(
    name: str, columns: Sequence[Column], rows: Iterable[Sequence[Cell]], notes: Sequence[str] = ()
) -> Sheet:
    """A sheet whose rows fit its columns; a row that does not is a mistake of ours, and raises `ValueError`."""
    kept = tuple(tuple(row) for row in rows)
    if any(len(row) != len(columns) for row in kept):
        raise ValueError(f"sheet {name}: a row does not have {len(columns)} cells")
    return Sheet(name, tuple(columns), kept, tuple(notes))
