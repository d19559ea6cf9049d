"""Entries that nobody let wait for a place: a worker of an older program, still running beside this one, writes such.

They are durable, and would be proven never. A look now and then finds them by the order of their ids.
"""

from datetime import datetime, timedelta

from gateway.ports import NewReference, TreeLog

_LOOK_BACK = timedelta(days=7)
_OVERLAP = timedelta(minutes=10)
_AT_ONCE = 5_000
_EVERY = timedelta(hours=1)


class Forgotten:
    """Finds them: the first look goes back a week, each further one to shortly before the last."""

    def __init__(self, log: TreeLog, new_reference: NewReference) -> None:
        self._log = log
        self._new_reference = new_reference
        self._looked_at: datetime | None = None

    async def run(self, now: datetime) -> int:
        """How many wait now that did not; looks once an hour however often it is run. Raises `StoreUnavailable`."""
        if self._looked_at is not None and timedelta(0) <= now - self._looked_at < _EVERY:
            return 0
        since = now - _LOOK_BACK if self._looked_at is None else min(self._looked_at, now) - _OVERLAP
        after, found = self._new_reference("aud", since), 0
        while after:
            after, queued = await self._log.queue_forgotten(after=after, limit=_AT_ONCE)
            found += queued
        self._looked_at = now
        return found
