"""The shared account of rate limits, on Redis or Valkey: tokens that one worker gives and another takes.

Tokens lie here for a fifth of a second. One script does it all, so that no token is ever taken twice. Keys hold
client ids and random references of subjects, never an identifier.
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from gateway.errors import CacheUnavailable

_TOKENS = "oncegate:rate:"
_WISHES = "oncegate:rate-wishes"
_KEPT_MS = 200
_WISHED_MS = 500

# KEYS: the wishes, what is given to, what is taken from. ARGV: kept for, most, wished for, number given, the amounts
# given, then the names and amounts wanted. Times are the server's: workers' clocks may differ.
_SETTLE = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local given = tonumber(ARGV[4])
for place = 1, given do
  local key = KEYS[1 + place]
  local tokens = tonumber(redis.call('GET', key) or '0') + tonumber(ARGV[4 + place])
  redis.call('SET', key, math.min(tokens, tonumber(ARGV[2])), 'PX', ARGV[1])
end
local taken = {}
for place = 1, #KEYS - 1 - given do
  local key = KEYS[1 + given + place]
  local name = ARGV[4 + given + 2 * place - 1]
  local tokens = tonumber(redis.call('GET', key) or '0')
  local part = math.min(tokens, tonumber(ARGV[4 + given + 2 * place]))
  if part > 0 then redis.call('DECRBY', key, part) end
  redis.call('ZADD', KEYS[1], now + ARGV[3], name)
  taken[place] = part
end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return {taken, redis.call('ZRANGE', KEYS[1], 0, 999)}
"""


class RedisRateAccount:
    """A `RateAccount` on the server that `url` names. A late answer is worth nothing: it gives up soon."""

    def __init__(self, url: str, *, timeout_seconds: float = 0.1) -> None:
        self._redis: Redis = Redis.from_url(
            url,
            socket_timeout=timeout_seconds,
            socket_connect_timeout=timeout_seconds,
            retry=Retry(NoBackoff(), 0),  # a script that is sent twice gives twice
        )

    async def settle(
        self, given: Mapping[str, int], wanted: Mapping[str, int], *, most: int
    ) -> tuple[Mapping[str, int], Sequence[str]]:
        """See `gateway.ports.RateAccount.settle`."""
        keys = [_WISHES, *(f"{_TOKENS}{who}" for who in (*given, *wanted))]
        wants = (part for who, tokens in wanted.items() for part in (who, tokens))
        arguments: list[Any] = [_KEPT_MS, most, _WISHED_MS, len(given), *given.values(), *wants]
        try:
            answer = await self._redis.eval(_SETTLE, len(keys), *keys, *arguments)
        except (RedisError, OSError) as error:
            raise CacheUnavailable(
                "cache_unavailable", "The shared cache cannot be reached; each worker goes on alone."
            ) from error
        taken, wished = cast(tuple[list[int], list[bytes]], answer)
        return dict(zip(wanted, taken, strict=True)), [who.decode() for who in wished]

    async def close(self) -> None:
        """Close every connection."""
        await self._redis.aclose()
