"""One suite for every store: what may be used once is used once, and forgotten only when its time is over."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from gateway.errors import BadRequest
from gateway.records import Client
from gateway.store import Database, SqlStore

NOW = datetime(2026, 11, 21, 2, 0, 0, 123456, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


async def test_a_key_is_used_once(store) -> None:
    """The first caller gets True, every later one False, whatever time it names."""
    answers = [await store.replays.add_once("k", NOW + number * MINUTE) for number in range(3)]

    assert answers == [True, False, False]


async def test_only_one_of_many_at_once_uses_it(store) -> None:
    """Whatever the concurrency, there is one winner per key."""
    keys = [f"k{number % 4}" for number in range(40)]

    answers = await asyncio.gather(*(store.replays.add_once(key, NOW) for key in keys))

    assert sum(answers) == 4


async def test_what_was_used_is_known(store) -> None:
    """Asking uses nothing up; other keys are not touched, and what the purge forgot is not known any more."""
    before = await store.replays.was_used("k")
    await store.replays.add_once("k", NOW)
    after = [await store.replays.was_used(key) for key in ("k", "K", "k2")]
    is_new = await store.replays.add_once("k2", NOW)
    await store.replays.purge(NOW + MINUTE)

    assert (before, after, is_new) == (False, [True, False, False], True)
    assert not await store.replays.was_used("k")


async def test_a_key_whose_time_is_over_stays_used_until_it_is_purged(store) -> None:
    """Nothing is forgotten in passing: only the purge forgets."""
    await store.replays.add_once("k", NOW - 365 * 24 * 60 * MINUTE)

    assert not await store.replays.add_once("k", NOW)


async def test_the_purge_forgets_what_is_over_and_nothing_else(store) -> None:
    """Strictly before the time it is given; how many, is told."""
    for number in range(5):
        await store.replays.add_once(f"k{number}", NOW + number * MINUTE)

    purged = await store.replays.purge(NOW + 2 * MINUTE)
    used = [not await store.replays.add_once(f"k{number}", NOW) for number in range(5)]

    assert purged == 2
    assert used == [False, False, True, True, True]


async def test_many_are_purged_in_portions(store) -> None:
    """More than one transaction holds are all gone at the end."""
    await asyncio.gather(*(store.replays.add_once(f"k{number}", NOW) for number in range(60)))

    assert await store.replays.purge(NOW + MINUTE) == 60
    assert await store.replays.purge(NOW + MINUTE) == 0


@pytest.mark.parametrize("key", ["", "x" * 65, "a\x00", "\ud800", "a\nb"])
async def test_what_is_no_digest_is_refused(store, key: str) -> None:
    """A key too long or unprintable is refused before any database sees it, never taken for new."""
    with pytest.raises(BadRequest):
        await store.replays.add_once(key, NOW)


async def test_a_time_without_zone_is_refused(store) -> None:
    """Nobody could say when it is over."""
    with pytest.raises(BadRequest):
        await store.replays.add_once("k", NOW.replace(tzinfo=None))


async def test_another_process_knows_what_was_used(database_url: str) -> None:
    """It outlives the process: a store opened anew refuses the same key."""
    first = SqlStore(Database(database_url))
    await first.replays.add_once("k", NOW)
    await first.close()

    second = SqlStore(Database(database_url))
    again = await second.replays.add_once("k", NOW)
    await second.close()

    assert not again


@pytest.mark.parametrize("bound", [None, "dpop", "mtls"])
async def test_a_client_keeps_how_its_tokens_are_bound(store, bound: str | None) -> None:
    """What was registered comes back, in the listing too."""
    registered = Client("hall", "hall", "民政", frozenset({"renderer"}), "scrypt$…", bound=bound)
    await store.clients.put(registered, NOW)

    assert await store.clients.client("hall") == registered
    assert await store.clients.listing(after="", limit=5) == [registered]
