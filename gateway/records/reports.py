"""What reports are counted from and kept in."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple

NO_BOUND_MS = 2**31 - 1
"""`up_to_ms` of what took longer than the longest time that is told apart."""


@dataclass(frozen=True, slots=True)
class CallCount:
    """How often calls to a source ended so. `outcome`: `filled` when it gave anything, else its first reason.

    `up_to_ms`: they took no longer than that (`NO_BOUND_MS`: any time); 0 where it was not asked at all, because its
    breaker was open or it is under maintenance.
    """

    source: str
    outcome: str
    up_to_ms: int
    count: int


@dataclass(frozen=True, slots=True)
class AnswerCount:
    """How many resolutions of a form were answered within `up_to_ms`, and not within the next shorter time."""

    form: str
    up_to_ms: int
    count: int


class Stretch(NamedTuple):
    """Cells of a roll-up of one grain ("d" or "m") whose start is `begin` or later and before `end`."""

    grain: str
    begin: int
    end: int


class RollupKey(NamedTuple):
    """Where a count of slots stands: one cell of the roll-ups.

    `dimension`: "form", "field", "item" or "source"; `key`: the path, item or source, "" for a form and for what has
    none. `grain`: "d" or "m". `start`: 20261121 for a day in China, 20261100 for a month. What a cell does not tell
    apart is "".
    """

    dimension: str
    grain: str
    form: str
    key: str
    start: int
    segment: str
    department: str
    matter: str


@dataclass(frozen=True, slots=True)
class Countable:
    """One snapshot as it is to be counted: once (`sign` 1), or taken back because a later one stands (-1).

    `on`: the day in China on which the application was handed in, whatever was corrected later. `facts`: JSON of
    `gateway.slots.to_facts`.
    """

    sign: int
    on: date
    form: str
    matter: str
    department: str
    segment: str
    definition: str
    baseline: int | None
    is_test: bool
    facts: bytes


Delta = tuple[RollupKey, Sequence[int]]
"""What is added to one cell: its counts in the order of `gateway.reports.measures.COUNTERS`."""


class CausePlace(NamedTuple):
    """Whose slots a cell of causes counts. What it does not tell apart is ""."""

    form: str
    matter: str
    department: str
    segment: str


class CauseKey(NamedTuple):
    """What a cell of causes counts; see `gateway.reports.cause_counts` for its kinds. What is not said is ""."""

    kind: str
    field: str
    item: str
    source: str
    outcome: str
    disposition: str
    marks: str


class CauseCell(NamedTuple):
    """Where a count of causes stands. `grain`, `start`: as in `RollupKey`."""

    grain: str
    place: CausePlace
    start: int
    key: CauseKey


CAUSE_COUNTERS = ("slots", "applications", "leads", "asked")
"""What a cell of causes counts; see `gateway.reports.cause_counts`."""
CauseCounts = tuple[int, int, int, int]
CauseDelta = tuple[CauseCell, CauseCounts]
"""What is added to one cell of causes."""


@dataclass(frozen=True, slots=True)
class Counted:
    """What some snapshots add to the roll-ups: to cells of rates, and to cells of causes."""

    cells: Sequence[Delta] = ()
    causes: Sequence[CauseDelta] = ()


@dataclass(frozen=True, slots=True)
class CauseFilter:
    """Which cells of causes are summed; None is any."""

    stretches: tuple[Stretch, ...]
    form: str | None = None
    department: str | None = None
    segment: str | None = None


class CauseSum(NamedTuple):
    """The sums of one cause at one place. `newest`: the last start, of a day or a month, that counts a slot of it."""

    place: CausePlace
    key: CauseKey
    counts: CauseCounts
    newest: int


@dataclass(frozen=True, slots=True)
class CausePage:
    """The sums of some places; `after`: where to go on, None at the end."""

    sums: Sequence[CauseSum]
    after: str | None


@dataclass(frozen=True, slots=True)
class CellFilter:
    """Which cells of the roll-ups are summed; None is any.

    `by`: what they are grouped by, of "form", "key", "segment", "department", "matter", "month" and "day".
    """

    dimension: str
    by: tuple[str, ...]
    stretches: tuple[Stretch, ...]
    form: str | None = None
    department: str | None = None
    segment: str | None = None


CellSum = tuple[tuple[str, ...], tuple[int, ...]]
"""One group of cells: what it is grouped by, in that order, and the sums of its counts."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """How many slots a form asked for before, to which M5 compares: named, dated, never changed.

    The one frozen last counts for submissions from then on. `dated`: of what day the form that was counted is.
    """

    form: str
    name: str
    dated: date
    slots: int
    frozen_at: datetime
    frozen_by: str
    entry_id: str
