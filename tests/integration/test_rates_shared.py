"""Workers that share a caller's rate through a real Valkey, and go on without it when it is killed."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from gateway.cache import make_rate_account
from gateway.cache.redis_rates import RedisRateAccount
from gateway.errors import CacheUnavailable
from gateway.jobs import every
from gateway.security.rate_limits import RateLimits
from gateway.security.rate_sharing import EVERY_SECONDS, RateSharing

pytestmark = pytest.mark.servers

PER_SECOND, BURST, WORKERS = 200.0, 400, 4


class Worker:
    """One worker: its limits, and its job that settles ten times a second."""

    def __init__(self, url: str) -> None:
        self.limits = RateLimits(PER_SECOND, BURST, workers=WORKERS, lends=True)
        self.account = RedisRateAccount(url)
        sharing = RateSharing(self.limits, self.account)
        self._job = asyncio.create_task(every(EVERY_SECONDS, sharing.settle))

    async def stop(self) -> None:
        self._job.cancel()
        await asyncio.gather(self._job, return_exceptions=True)
        await self.account.close()


async def rush(worker: Worker, seconds: float) -> int:
    """How many requests went through when one comes every two milliseconds."""
    passed, until = 0, time.monotonic() + seconds
    while time.monotonic() < until:
        passed += not worker.limits.take("hall")
        await asyncio.sleep(0.002)
    return passed


async def test_a_caller_at_one_worker_has_its_whole_rate_until_valkey_is_killed(valkey_server: Any) -> None:
    """Lent by the others; killed, it has its share alone, at once and for as long; back, it is lent again."""
    workers = [Worker(valkey_server.url) for _ in range(WORKERS)]
    busy = workers[0]
    try:
        await rush(busy, 2.5)  # the burst is over
        lent = await rush(busy, 2.0)
        valkey_server.kill()
        await rush(busy, 0.5)  # what was borrowed is gone
        begun = time.monotonic()
        alone = await rush(busy, 2.0)
        lasted = time.monotonic() - begun
        valkey_server.start()
        await rush(busy, 0.5)
        again = await rush(busy, 2.0)
    finally:
        for worker in workers:
            await worker.stop()

    share = PER_SECOND / WORKERS
    assert alone <= share * lasted + 1
    assert alone >= 0.8 * share * 2.0
    assert lent > 2 * alone
    assert again > 2 * alone


async def test_no_period_sees_more_than_the_limit_and_the_burst(valkey_server: Any) -> None:
    """Four workers that all want everything, for three seconds, with a kill in the middle."""
    workers = [Worker(valkey_server.url) for _ in range(WORKERS)]
    begun = time.monotonic()
    try:
        first = await asyncio.gather(*(rush(worker, 1.5) for worker in workers))
        valkey_server.kill()
        then = await asyncio.gather(*(rush(worker, 1.5) for worker in workers))
    finally:
        lasted = time.monotonic() - begun
        for worker in workers:
            await worker.stop()

    assert sum(first) + sum(then) <= PER_SECOND * lasted + BURST


async def test_tokens_are_taken_once_whoever_asks(valkey_url: str) -> None:
    """What one worker left, two take between them; more than fits is not kept."""
    one, two = RedisRateAccount(valkey_url), RedisRateAccount(valkey_url)
    try:
        await one.settle({"hall": 30}, {}, most=20)
        taken = [(await each.settle({}, {"hall": 15}, most=20))[0]["hall"] for each in (one, two, one)]
        _, wished = await two.settle({}, {}, most=20)
    finally:
        await one.close()
        await two.close()

    assert taken == [15, 5, 0]
    assert wished == ["hall"]


async def test_what_lies_there_is_gone_in_a_moment(valkey_url: str) -> None:
    """Tokens and wishes are of the moment: nothing is saved up in the account."""
    account = RedisRateAccount(valkey_url)
    try:
        await account.settle({"hall": 10}, {"library": 1}, most=20)
        await asyncio.sleep(0.6)
        taken, wished = await account.settle({}, {"hall": 10}, most=20)
    finally:
        await account.close()

    assert taken == {"hall": 0}
    assert wished == ["hall"]


async def test_a_server_that_is_gone_is_said_soon(valkey_server: Any) -> None:
    """Within a moment, and as what it is."""
    account = RedisRateAccount(valkey_server.url)
    valkey_server.kill()
    begun = time.monotonic()

    with pytest.raises(CacheUnavailable):
        await account.settle({"hall": 1}, {}, most=1)
    await account.close()

    assert time.monotonic() - begun < 1.0


@pytest.mark.parametrize(
    ("url", "workers", "there_is_one"),
    [(None, 4, False), ("redis://127.0.0.1:1/0", 1, False), ("redis://127.0.0.1:1/0", 4, True)],
)
async def test_an_account_is_wanted_where_there_is_somebody_to_lend_to(
    url: str | None, workers: int, there_is_one: bool
) -> None:
    """Several workers and a place that all can reach."""
    account = make_rate_account(url, workers)

    assert (account is not None) == there_is_one
    closing: Callable[[], Any] | None = getattr(account, "close", None)
    if closing is not None:
        await closing()
