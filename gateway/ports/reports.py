"""What reports are counted from."""

from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Protocol

from gateway.records import (
    AnswerCount,
    Baseline,
    CallCount,
    CauseFilter,
    CausePage,
    CellFilter,
    CellSum,
    Countable,
    Counted,
    Entry,
)


class Rollups(Protocol):
    """Counts of slots and of their causes by day and month, kept up to date from snapshots, and the baselines of forms.

    What waits to be counted is counted exactly once, whoever dies meanwhile and however many are at it.
    """

    async def fold(self, most: int, count: Callable[[Sequence[Countable]], Counted], now: datetime) -> int:
        """Count at most so many waiting snapshots, all in one transaction; how many there were.

        0 also while a rebuilding is under way. `count`: pure; called on the transaction's thread.
        """
        ...

    async def waiting(self) -> int:
        """How many snapshots are not counted yet."""
        ...

    async def cells(self, wanted: CellFilter, *, after: tuple[str, ...], limit: int) -> Sequence[CellSum]:
        """The sums of the next `limit` groups above `after` (`()`: from the first), in order."""
        ...

    async def causes(self, wanted: CauseFilter, *, after: str, limit: int) -> CausePage:
        """Every sum of the next `limit` places above `after` ("": from the first), in no order that means anything."""
        ...

    async def begin_rebuild(self, token: str, now: datetime) -> bool:
        """Begin counting anew beside the counts that are shown; False while another is at it.

        From now on until `end_rebuild`, nothing is folded, and snapshots that come wait.
        """
        ...

    async def rebuild_page(
        self, *, after: tuple[str, int], limit: int
    ) -> tuple[Sequence[Countable], tuple[str, int] | None]:
        """What the next `limit` snapshots that do not wait count, and after which to go on; None at the end."""
        ...

    async def add_rebuilt(self, token: str, counted: Counted, now: datetime) -> bool:
        """Add to the new counts; False when that rebuilding is no longer the one under way."""
        ...

    async def end_rebuild(self, token: str) -> bool:
        """Show the new counts instead of the old ones, at one moment, and forget those; False as above."""
        ...

    async def snapshots(self) -> int:
        """How many snapshots there are."""
        ...

    async def add_baseline(self, baseline: Baseline, entry: Entry) -> None:
        """Freeze a baseline, with its entry; raises `Conflict` when its form has one of that name."""
        ...

    async def baseline_of(self, form: str) -> Baseline | None:
        """The baseline of a form that was frozen last."""
        ...

    async def baselines(self, *, after: tuple[str, str], limit: int) -> Sequence[Baseline]:
        """All baselines, by form and name."""
        ...


class SourceHealth(Protocol):
    """How sources did and how long answers took, by day in China. Counts only."""

    async def add(self, day: date, calls: Sequence[CallCount], answers: Sequence[AnswerCount]) -> None:
        """Add to what is counted of that day; every worker adds what it saw itself."""
        ...

    async def calls(self, since: date, until: date) -> Sequence[CallCount]:
        """Calls of those days, `until` excluded, by source, outcome and time."""
        ...

    async def answers(self, since: date, until: date, *, after: str, limit: int) -> Sequence[AnswerCount]:
        """All answers of those days, `until` excluded, of the next `limit` forms above `after`, by form and time."""
        ...

    async def purge(self, before: date) -> int:
        """Forget the days before that one; how many rows there were."""
        ...
