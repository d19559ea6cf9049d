"""How often a caller may call: a token bucket for each, in the process, without waiting for anybody.

Of several workers each has its share, limit/workers. Where there is a shared account they lend one another what they
do not need, ten times a second and in the background (`gateway.security.rate_sharing`). Tokens come into being in the
buckets only and are never copied, so that over any period T all workers together let at most limit·T + burst requests
through, with the account, without it, and while it is lost.
"""

import time
from collections.abc import Callable, Iterable, Mapping

_MOST_KEPT = 10_000
# Seconds that a token which changes hands may be under way: its share of the burst is kept back for it.
UNDER_WAY = 0.5
BORROWED_FOR = 0.15


class Bucket:
    """What one caller has left in this worker. `borrowed`: of other workers', until `until`."""

    __slots__ = ("at", "borrowed", "is_short", "tokens", "until")

    def __init__(self, tokens: float, at: float) -> None:
        self.tokens, self.at = tokens, at
        self.borrowed, self.until = 0, 0.0
        self.is_short = False


class RateLimits:
    """The buckets of one worker. Used from one event loop; needs no lock because nothing here waits.

    `per_second`, `burst`: of all workers together; 0 per second is no limit. `monotonic`: seconds that never go back.
    `lends`: whether a shared account moves tokens between the workers.
    """

    def __init__(
        self,
        per_second: float,
        burst: float,
        *,
        workers: int = 1,
        lends: bool = False,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        kept_back = UNDER_WAY * per_second if lends and workers > 1 else 0.0
        self.per_second = per_second
        self.lends = 0 < kept_back <= burst - workers
        self._rate = per_second / workers
        # Never less than one: a caller that may call at all has to be able to.
        self._most = max(1.0, (burst - (kept_back if self.lends else 0.0)) / workers)
        self._monotonic = monotonic
        self._buckets: dict[str, Bucket] = {}

    def take(self, who: str) -> float:
        """0.0 when this caller may go on, which uses a token up; else the seconds until there is one again."""
        rate = self._rate
        if not rate:
            return 0.0
        now = self._monotonic()
        bucket = self._buckets.get(who) or self._new(who, now)
        tokens = min(self._most, bucket.tokens + (now - bucket.at) * rate)
        bucket.at = now
        if tokens >= 1.0:
            bucket.tokens = tokens - 1.0
            return 0.0
        bucket.tokens = tokens
        bucket.is_short = True
        if bucket.borrowed and now < bucket.until:
            bucket.borrowed -= 1
            return 0.0
        return (1.0 - tokens) / rate

    def left(self, who: str) -> bool:
        """Whether `take` would let this caller go on; uses nothing up."""
        bucket = self._buckets.get(who)
        return bucket is None or not self._rate or self._now(bucket) >= 1.0

    # ------------------------------------------------------------ lending

    def wants(self) -> dict[str, int]:
        """Who has come short since the last look, and how many tokens a tenth of a second of theirs would take."""
        short = [who for who, bucket in self._buckets.items() if bucket.is_short]
        for who in short:
            self._buckets[who].is_short = False
        return dict.fromkeys(short, max(1, int(self.per_second * BORROWED_FOR)))

    def spare(self, wished: Iterable[str]) -> dict[str, int]:
        """What this worker gives of its own to those who came short elsewhere; it is gone from here at once."""
        given: dict[str, int] = {}
        for who in wished:
            bucket = self._buckets.get(who) or self._new(who, self._monotonic())
            tokens = self._now(bucket)
            given[who] = 0 if bucket.is_short else int(tokens - self._most / 2)
            bucket.tokens, bucket.at = tokens - max(0, given[who]), self._monotonic()
        return {who: tokens for who, tokens in given.items() if tokens > 0}

    def borrow(self, taken: Mapping[str, int], asked_at: float) -> None:
        """Tokens of others, for a moment from when they were asked for; what was borrowed before is gone."""
        for who, tokens in taken.items():
            bucket = self._buckets.get(who)
            if bucket is not None:
                bucket.borrowed, bucket.until = tokens, asked_at + BORROWED_FOR

    def now(self) -> float:
        """The time that tokens are counted by."""
        return self._monotonic()

    # ------------------------------------------------------------ keeping

    def _now(self, bucket: Bucket) -> float:
        return min(self._most, bucket.tokens + (self._monotonic() - bucket.at) * self._rate)

    def _new(self, who: str, now: float) -> Bucket:
        """A full bucket. Full ones are as good as none: they are what goes when there are too many."""
        if len(self._buckets) >= _MOST_KEPT:
            self._buckets = {
                who: bucket for who, bucket in self._buckets.items() if self._now(bucket) < self._most
            }
        while (
            len(self._buckets) >= _MOST_KEPT
        ):  # ten thousand callers at work at once: the first seen begin anew
            self._buckets.pop(next(iter(self._buckets)))
        bucket = self._buckets[who] = Bucket(self._most, now)
        return bucket
