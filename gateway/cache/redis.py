"""The cache shared by all workers, on Redis or Valkey.

Every failure is `CacheUnavailable` within about a second: whoever may go on without the cache decides so, and
`add_once` never may. Run the server with `maxmemory-policy noeviction` (or `volatile-ttl` and room to spare): a policy
that evicts replay ids early would let a replay through. Keys hold digests and random ids, never an identifier.
"""

from collections.abc import Awaitable
from datetime import timedelta
from typing import TypeVar, cast

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from gateway.errors import CacheUnavailable

T = TypeVar("T")
_SEEN = "oncegate:seen:"
_VALUE = "oncegate:value:"


class RedisCache:
    """A `Cache` on the server that `url` names (redis://, rediss://, unix://). Connects at first use."""

    def __init__(self, url: str, *, timeout_seconds: float = 1.0) -> None:
        self._redis: Redis = Redis.from_url(
            url,
            socket_timeout=timeout_seconds,
            socket_connect_timeout=timeout_seconds,
            # One retry, for the connection that the server closed while idle. A retried SET NX can only answer
            # "seen before" wrongly, which refuses one honest request and permits nothing.
            retry=Retry(NoBackoff(), 1),
        )

    async def add_once(self, key: str, ttl: timedelta) -> bool:
        """True the first time within `ttl`, decided by the server for all workers."""
        return await _answer(self._redis.set(_SEEN + key, b"1", nx=True, px=_milliseconds(ttl))) is not None

    async def get(self, key: str) -> bytes | None:
        """The value, unless it expired."""
        value = await _answer(self._redis.get(_VALUE + key))
        return cast(bytes | None, value)  # the client does not decode, so it is never text

    async def put(self, key: str, value: bytes, ttl: timedelta) -> None:
        """Keep the value; the server forgets it on time."""
        await _answer(self._redis.set(_VALUE + key, value, px=_milliseconds(ttl)))

    async def delete(self, key: str) -> None:
        """Forget the value."""
        await _answer(self._redis.delete(_VALUE + key))

    async def ping(self) -> None:
        """Return when the server answers."""
        await _answer(self._redis.ping())

    async def close(self) -> None:
        """Close every connection."""
        await self._redis.aclose()


async def _answer(call: Awaitable[T]) -> T:
    try:
        return await call
    except (RedisError, OSError) as error:
        # The message of the cause names host and port: for the log of the cause, not for the caller.
        raise CacheUnavailable(
            "cache_unavailable",
            "The shared cache cannot be reached. Try again shortly; nothing was released.",
        ) from error


def _milliseconds(ttl: timedelta) -> int:
    return max(1, int(ttl / timedelta(milliseconds=1)))
