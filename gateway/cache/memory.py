"""The cache of one process: bounded, forgets on time, and forgets the least used values first when full.

What `add_once` remembers is kept apart and never forgotten early: forgetting a replay id would let a replay through.
When that memory is full it refuses instead. Used from one event loop; needs no lock because nothing here waits.
"""

import heapq
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime, timedelta

from gateway.errors import CacheUnavailable
from gateway.records import Sighting


class MemoryCache:
    """A `Cache` in this process. `monotonic`: seconds that never go back; handed in by tests."""

    def __init__(
        self, max_entries: int = 100_000, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._max_entries = max_entries
        self._monotonic = monotonic
        self._values: OrderedDict[str, tuple[float, bytes]] = OrderedDict()
        self._seen: set[str] = set()
        self._expiries: list[tuple[float, str]] = []  # a heap: the next of `_seen` to expire is first
        self._name = secrets.token_urlsafe(9)
        self._since: datetime | None = None

    async def add_once(self, key: str, ttl: timedelta) -> bool:
        """True the first time within `ttl`; raises `CacheUnavailable` when there is no room to remember."""
        self._forget_expired()
        if key in self._seen:
            return False
        if len(self._seen) >= self._max_entries:
            raise CacheUnavailable(
                "cache_full", "Too many requests are remembered at the moment. Try again shortly."
            )
        self._seen.add(key)
        heapq.heappush(self._expiries, (self._monotonic() + ttl.total_seconds(), key))
        return True

    async def sight(self, key: str, ttl: timedelta, now: datetime) -> Sighting:
        """`add_once`; this memory remembers everything since it was first asked."""
        self._since = self._since or now
        return Sighting(await self.add_once(key, ttl), self._name, self._since)

    async def get(self, key: str) -> bytes | None:
        """The value, unless it expired or gave way to others."""
        expires, value = self._values.get(key, (0.0, None))
        if value is None:
            return None
        if self._monotonic() >= expires:
            del self._values[key]
            return None
        self._values.move_to_end(key)
        return value

    async def put(self, key: str, value: bytes, ttl: timedelta) -> None:
        """Keep the value; the least recently used one gives way when full."""
        self._values[key] = (self._monotonic() + ttl.total_seconds(), value)
        self._values.move_to_end(key)
        if len(self._values) > self._max_entries:
            self._values.popitem(last=False)

    async def delete(self, key: str) -> None:
        """Forget the value."""
        self._values.pop(key, None)

    async def ping(self) -> None:
        """Always answers."""

    async def close(self) -> None:
        """Nothing to let go of."""

    def _forget_expired(self) -> None:
        now = self._monotonic()
        while self._expiries and self._expiries[0][0] <= now:
            self._seen.discard(heapq.heappop(self._expiries)[1])
