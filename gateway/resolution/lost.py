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
_AT_ONCE = 500
_SECONDS_A_ROUND = 1.0
_FACTS = ("form", "matter", "purpose", "registry", "policy", "department", "actor", "subjects")


class LostIntents:
    """Closes them. The first look goes back a day, each further one only to where the last one ended.

    What a service that was down for longer left behind is looked for a day at a time, the newest day first, for a
    second each round: to look through all years at once would keep the database from its work, and a day each round
    would take a service that is often started again longer than it ever runs. `steady`: seconds that never go back.
    """

    def __init__(self, *, steady: Callable[[], float] = time.monotonic) -> None:
        self._steady = steady
        self._looked_until = _LOOK_BACK
        self._older_than: datetime | None = None
        self._is_through = False

    async def close(self, runtime: Runtime) -> int:
        """How many were closed. Raises `StoreUnavailable`."""
        now = runtime.clock()
        lost = await self._close_between(now - self._looked_until, None, runtime)
        if lost < _AT_ONCE:
            self._looked_until = timedelta(minutes=5)  # several rounds, should one of them fail
        until = self._steady() + _SECONDS_A_ROUND
        while not self._is_through and lost < _AT_ONCE and self._steady() < until:
            lost += await self._close_older(now, runtime)
        return lost

    async def _close_older(self, now: datetime, runtime: Runtime) -> int:
        """How many were closed of the day before those that were looked through."""
        end = self._older_than or now - _LOOK_BACK
        oldest = await runtime.store.entries.find(request=None, after="", limit=1)
        self._is_through = not oldest or oldest[0].at >= end
        if self._is_through:
            return 0
        lost = await self._close_between(end - _LOOK_BACK, end, runtime)
        self._older_than = end if lost == _AT_ONCE else end - _LOOK_BACK
        return lost

    async def _close_between(self, begin: datetime, end: datetime | None, runtime: Runtime) -> int:
        # Ids begin with their time. Twice the time it takes to be lost covers clocks that differ between workers.
        lost = await runtime.store.entries.without_outcome(
            after=runtime.new_reference("aud", begin - 2 * LOST_AFTER),
            before=runtime.clock() - LOST_AFTER,
            until=None if end is None else runtime.new_reference("aud", end),
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
