"""What workers share for a while: cache, limits, used request ids."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from gateway.records import Sighting


class IdempotencyKeys(Protocol):
    """Who already asked for what under which key."""

    async def claim(self, caller: str, key: str, digest: str, now: datetime) -> tuple[str, str | None] | None:
        """None when the key is now ours; else (digest, resource or None) of who claimed it first.

        A claim that made nothing within a minute was left behind by a process that is gone: it can be claimed anew.
        """
        ...

    async def settle(self, caller: str, key: str, resource: str) -> None:
        """Remember what the request made; what is remembered already stays."""
        ...

    async def release(self, caller: str, key: str) -> None:
        """Forget a claim whose request failed; one that was settled stays."""
        ...

    async def purge(self, before: datetime) -> int:
        """Forget every key claimed before that time; how many there were."""
        ...


class Replays(Protocol):
    """What may be used once and never again: ids of assertions. Durable, shared by all workers."""

    async def add_once(self, key: str, until: datetime) -> bool:
        """True for exactly one caller per key, whatever the concurrency; remembered at least until that time.

        `key`: a keyed digest of at most 64 characters, never what was used itself. Raises `StoreUnavailable`, which
        must refuse.
        """
        ...

    async def was_used(self, key: str) -> bool:
        """Whether that key was used and is not forgotten; never from a cache. Raises `StoreUnavailable`."""
        ...

    async def purge(self, before: datetime) -> int:
        """Forget every key whose time was over before that; how many there were."""
        ...


class Cache(Protocol):
    """Short-lived memory shared by the workers: replay ids and hints. Never a grant, never a value in clear.

    Losing it makes the service slower, never more permissive. A failed read may be treated as a miss; a failed
    `add_once` or `sight` must refuse, because "has this been seen before" cannot be answered without it.
    Every method but `close` raises `CacheUnavailable` when the cache cannot be reached.
    """

    async def add_once(self, key: str, ttl: timedelta) -> bool:
        """True for exactly one caller per key until `ttl` has passed, whatever the concurrency."""
        ...

    async def sight(self, key: str, ttl: timedelta, now: datetime) -> Sighting:
        """`add_once`, and in the same moment which memory says so: flushed or restarted, it is another one."""
        ...

    async def get(self, key: str) -> bytes | None:
        """What was put under that key and has not expired; None otherwise."""
        ...

    async def put(self, key: str, value: bytes, ttl: timedelta) -> None:
        """Keep `value` for at most `ttl`; it may be forgotten sooner. Replaces what was there."""
        ...

    async def delete(self, key: str) -> None:
        """Forget a value; one that is not there is no error. What `add_once` remembers cannot be deleted."""
        ...

    async def ping(self) -> None:
        """Return when the cache answers; for readiness."""
        ...

    async def close(self) -> None:
        """Let go of connections. Calling twice is harmless."""
        ...


class RateAccount(Protocol):
    """What workers lend one another of a caller's rate: tokens that are moved, never made."""

    async def settle(
        self, given: Mapping[str, int], wanted: Mapping[str, int], *, most: int
    ) -> tuple[Mapping[str, int], Sequence[str]]:
        """Leave tokens and take tokens, by caller: what was taken, and who came short anywhere lately.

        `most`: tokens of one caller that may lie there; they are gone within a moment. Raises `CacheUnavailable`: what
        was given may be lost.
        """
        ...

    async def close(self) -> None:
        """Let go of connections. Calling twice is harmless."""
        ...
