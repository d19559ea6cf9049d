"""How sources did, by day: `gateway.ports.SourceHealth` in memory. Nothing waits between look and change."""

from collections import Counter
from collections.abc import Sequence
from datetime import date

from gateway.records import AnswerCount, CallCount
from gateway.store.refusals import is_id


class MemorySourceHealth:
    """`gateway.ports.SourceHealth` in memory."""

    def __init__(self) -> None:
        self._calls: Counter[tuple[date, str, str, int]] = Counter()
        self._answers: Counter[tuple[date, str, int]] = Counter()

    async def add(self, day: date, calls: Sequence[CallCount], answers: Sequence[AnswerCount]) -> None:
        """See `gateway.ports.SourceHealth.add`."""
        for call in calls:
            self._calls[day, call.source, call.outcome, call.up_to_ms] += call.count
        for answer in answers:
            self._answers[day, answer.form, answer.up_to_ms] += answer.count

    async def calls(self, since: date, until: date) -> Sequence[CallCount]:
        """See `gateway.ports.SourceHealth.calls`."""
        total: Counter[tuple[str, str, int]] = Counter()
        for (day, *what), count in self._calls.items():
            if since <= day < until:
                total[tuple(what)] += count  # type: ignore[index]  # a tuple of the rest of the key
        return [CallCount(*what, count) for what, count in sorted(total.items())]

    async def answers(self, since: date, until: date, *, after: str, limit: int) -> Sequence[AnswerCount]:
        """See `gateway.ports.SourceHealth.answers`."""
        total: Counter[tuple[str, int]] = Counter()
        for (day, form, up_to), count in self._answers.items():
            if since <= day < until and is_id(after) and form > after:
                total[form, up_to] += count
        shown = set(sorted({form for form, _ in total})[:limit])
        return [AnswerCount(*what, count) for what, count in sorted(total.items()) if what[0] in shown]

    async def purge(self, before: date) -> int:
        """See `gateway.ports.SourceHealth.purge`."""
        gone = 0
        for table in (self._calls, self._answers):
            old = [key for key in table if key[0] < before]
            gone += len(old)
            for key in old:
                del table[key]
        return gone
