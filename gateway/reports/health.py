"""Keeping how sources did and how long answers took: what each worker counted since last time, added to its day.

Nothing is counted for this that telemetry does not count anyway. Every worker writes its own increase each ten seconds
and when it stops; one that dies takes at most its last ten seconds with it, and `LOST_AT_MOST_SECONDS` says so wherever
the numbers are shown.
"""

from collections import Counter
from collections.abc import Hashable, Mapping
from datetime import timedelta
from typing import TypeVar

from gateway.errors import StoreUnavailable
from gateway.records import NO_BOUND_MS, AnswerCount, CallCount
from gateway.reports.periods import day_of
from gateway.runtime import Runtime

Key = TypeVar("Key", bound=Hashable)

LOST_AT_MOST_SECONDS = 10.0
"""Between two flushes; what a crash can take with it."""

_KEPT = timedelta(days=400)  # a year to compare with, and a month to compare it in


class HealthFlush:
    """What this worker has counted and written. One per worker; `flush` is never run twice at once."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._calls: Mapping[tuple[str, str, int | None], int] = {}
        self._answers: Mapping[tuple[str, int | None], int] = {}

    async def flush(self) -> None:
        """Write what was counted since the last flush that succeeded; nothing when nothing was.

        Raises `StoreUnavailable`: then the next flush writes it too.
        """
        telemetry, clock = self._runtime.telemetry, self._runtime.clock
        so_far, answered = telemetry.calls_so_far(), telemetry.answers_so_far()
        calls = [
            CallCount(source, str(outcome), _written(up_to), count)
            for (source, outcome, up_to), count in increase(self._calls, so_far).items()
        ]
        answers = [
            AnswerCount(form, _written(up_to), count)
            for (form, up_to), count in increase(self._answers, answered).items()
        ]
        if not calls and not answers:
            return
        before, self._calls, self._answers = (self._calls, self._answers), so_far, answered
        try:
            await self._runtime.store.source_health.add(day_of(clock()), calls, answers)
        except StoreUnavailable:  # not when cancelled: the write goes on, and counting twice would be worse
            self._calls, self._answers = before
            raise

    async def forget(self) -> int:
        """Drop the days that are too old to be compared with; how many rows there were."""
        today = day_of(self._runtime.clock())
        return await self._runtime.store.source_health.purge(today - _KEPT)


def increase(before: Mapping[Key, int], now: Mapping[Key, int]) -> dict[Key, int]:
    """What of `now` is new.

    >>> increase({"a": 2}, {"a": 2, "b": 1})
    {'b': 1}
    """
    return dict(Counter(now) - Counter(before))


def _written(up_to: int | None) -> int:
    return NO_BOUND_MS if up_to is None else up_to
