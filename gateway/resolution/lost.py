"""Intents that were never followed by an outcome: the process died in between, and nobody knows what left.

Each is closed by an outcome entry that says so, `unknown`: to be taken as released. A person's ledger then shows it,
and every intent of the log has an end.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import pairwise

import orjson

from gateway.audit.entries import make_entry
from gateway.audit.noting import ITSELF
from gateway.errors import Conflict
from gateway.records import Entry, EntryKind, GateRequest, GateWrite
from gateway.runtime import Runtime

LOST_AFTER = timedelta(seconds=60)
"""Longer than requests take: patience ends at 50 seconds, a commit at four. Should one outlive it all the same, its
real outcome follows, and whoever reads the log prefers that."""

_LOOK_BACK = timedelta(days=1)
_NEAR = timedelta(seconds=10)
"""One worker's entries are committed nearly in order of their times."""
_WIDE = 2 * LOST_AFTER
"""Clocks of workers differ: an entry may come later than its time says by this, and the time it takes to be lost."""
_WIDELY_EVERY = timedelta(minutes=10)
_AT_ONCE = 500
_SECONDS_A_ROUND = 1.0
_FACTS = ("form", "matter", "purpose", "registry", "policy", "department", "actor", "subjects")


class LostIntents:
    """Closes them. The first look goes back a day, each further one to shortly before where the last one ended.

    Every ten minutes a look goes back to before the last that did, for what a slow clock let come late. A look reads
    every entry of its stretch, so that each is read two or three times.

    What a service that was down for longer left behind is looked for a day at a time, the newest day first, for a
    second each round: to look through all years at once would keep the database from its work, and a day each round
    would take a service that is often started again longer than it ever runs. `steady`: seconds that never go back.
    """

    def __init__(self, *, steady: Callable[[], float] = time.monotonic) -> None:
        self._steady = steady
        self._seen: datetime | None = None
        """All that is older was looked through."""
        self._widely_seen: datetime | None = None
        """The same, by the last look for what came late."""
        self._older_than: datetime | None = None
        self._is_through = False

    async def close(self, runtime: Runtime) -> int:
        """How many were closed. Raises `StoreUnavailable`."""
        now = runtime.clock()
        lost = await self._close_recent(now - LOST_AFTER, runtime)
        until = self._steady() + _SECONDS_A_ROUND
        while not self._is_through and lost < _AT_ONCE and self._steady() < until:
            lost += await self._close_older(now, runtime)
        return lost

    async def _close_recent(self, end: datetime, runtime: Runtime) -> int:
        """How many were closed of those that nobody has looked at, or that may have come since."""
        widely, seen = self._widely_seen, self._seen
        if widely is None or seen is None or end < seen:  # the first, or the clock was put back
            is_wide, begin = True, end - _LOOK_BACK - _WIDE
        elif end - widely >= _WIDELY_EVERY:
            is_wide, begin = True, widely - _WIDE
        else:
            is_wide, begin = False, seen - _NEAR
        lost = await self._close_between(begin, end, runtime)
        if lost < _AT_ONCE:  # else the next look begins there again
            self._seen = end
            self._widely_seen = end if is_wide else widely
        return lost

    async def _close_older(self, now: datetime, runtime: Runtime) -> int:
        """How many were closed of the day before those that were looked through."""
        end = self._older_than or now - _LOOK_BACK
        oldest = await runtime.store.entries.find(request=None, after="", limit=1)
        self._is_through = not oldest or oldest[0].at >= end
        if self._is_through:
            return 0
        lost = await self._close_between(end - _LOOK_BACK - _WIDE, end, runtime)
        self._older_than = end if lost == _AT_ONCE else end - _LOOK_BACK
        return lost

    async def _close_between(self, begin: datetime, end: datetime, runtime: Runtime) -> int:
        # Ids begin with their time.
        lost = await runtime.store.entries.without_outcome(
            after=runtime.new_reference("aud", begin),
            before=runtime.clock() - LOST_AFTER,
            until=runtime.new_reference("aud", end),
            limit=_AT_ONCE,
        )
        for intent in lost:
            await self._close_one(intent, runtime)
        return len(lost)

    @staticmethod
    async def _close_one(intent: Entry, runtime: Runtime) -> None:
        told, now = orjson.loads(intent.leaf), runtime.clock()
        known = {name: told[name] for name in _FACTS if name in told}
        entry = make_entry(
            _closing_id(intent.id),
            EntryKind.outcome,
            now,
            caller=ITSELF,
            request=intent.request,
            facts={**known, "result": "unknown", "fields": {}, "intent": intent.id},
        )
        with suppress(Conflict):  # another worker closed it
            await runtime.ledger.pass_gate(GateRequest((), lambda _: GateWrite(entry, None)))
            runtime.telemetry.entries(EntryKind.outcome)


def _closing_id(intent_id: str) -> str:
    """The same for every worker, so that an intent is closed once: the next id after the intent's."""
    head, last = intent_id[:-1], intent_id[-1]
    return f"{head}{_NEXT.get(last, '0')}"


_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_NEXT = dict(pairwise(_DIGITS))
