"""The cache shared by all workers, on Redis or Valkey.

Every failure is `CacheUnavailable` within about a second: whoever may go on without the cache decides so, and
`add_once` never may. Run the server with `maxmemory-policy noeviction` (or `volatile-ttl` and room to spare): a policy
that evicts replay ids early would let a replay through. Keys hold digests and random ids, never an identifier.

A flush, a restart (even one that reads an older dump) and a change of server are noticed: `oncegate:memory` is gone
then, or names another run of the server, and a new one is begun in the same moment as the key is looked for.
"""

import secrets
from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta
from typing import TypeVar, cast

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from gateway.errors import CacheUnavailable
from gateway.records import Sighting

T = TypeVar("T")
_SEEN = "oncegate:seen:"
_VALUE = "oncegate:value:"
_MEMORY = "oncegate:memory"
_SIGHT = """
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
local memory = redis.call('GET', KEYS[2])
if not memory or string.sub(memory, 1, #run) ~= run then
  memory = run .. ' ' .. ARGV[2] .. ' ' .. ARGV[3]
  redis.call('SET', KEYS[2], memory)
end
local added = redis.call('SET', KEYS[1], '1', 'NX', 'PX', ARGV[1])
return {added and 1 or 0, memory}
"""


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
        self._sight = self._redis.register_script(_SIGHT)

    async def add_once(self, key: str, ttl: timedelta) -> bool:
        """True the first time within `ttl`, decided by the server for all workers."""
        return await _answer(self._redis.set(_SEEN + key, b"1", nx=True, px=_milliseconds(ttl))) is not None

    async def sight(self, key: str, ttl: timedelta, now: datetime) -> Sighting:
        """`add_once`, and the memory it was decided in, in one step of the server."""
        arguments = _milliseconds(ttl), int(now.timestamp() * 1000), secrets.token_urlsafe(9)
        keys = [_SEEN + key, _MEMORY]
        added, memory = await _answer(self._sight(keys=keys, args=arguments))
        _run, begun, _random = memory.decode().split(" ")
        return Sighting(added == 1, memory.decode(), datetime.fromtimestamp(int(begun) / 1000, UTC))

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
