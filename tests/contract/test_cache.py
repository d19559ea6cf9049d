"""One suite for every cache: the one of the process and a real Valkey keep the same promises."""

import asyncio
import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
import redis

from gateway.cache import MemoryCache, make_cache
from gateway.cache.redis import RedisCache
from gateway.errors import CacheUnavailable
from gateway.ports import Cache

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
BLINK = timedelta(milliseconds=30)
NOWHERE = "redis://127.0.0.1:1/0"


@pytest.fixture(params=["memory", "valkey"])
async def cache(request: pytest.FixtureRequest) -> AsyncIterator[Cache]:
    """A cache of each kind, closed afterwards."""
    url = None if request.param == "memory" else request.getfixturevalue("valkey_url")
    made = make_cache(url)
    yield made
    await made.close()


@pytest.fixture
def key() -> str:
    """A key no other test uses: the server is shared."""
    return uuid4().hex


async def test_a_key_is_added_once(cache: Cache, key: str) -> None:
    """The first caller gets True, every later one False."""
    assert [await cache.add_once(key, MINUTE) for _ in range(3)] == [True, False, False]


async def test_only_one_of_many_at_once_adds(cache: Cache, key: str) -> None:
    """Whatever the concurrency, there is one winner."""
    answers = await asyncio.gather(*(cache.add_once(key, MINUTE) for _ in range(40)))

    assert sorted(answers) == [False] * 39 + [True]


async def test_what_was_added_is_forgotten_on_time(cache: Cache, key: str) -> None:
    """After its time the key may be added again, and not before."""
    assert await cache.add_once(key, BLINK)
    assert not await cache.add_once(key, MINUTE)
    await asyncio.sleep(0.1)

    assert await cache.add_once(key, MINUTE)


async def test_a_key_is_sighted_once_by_one_memory(cache: Cache, key: str) -> None:
    """New for the first caller alone; the memory has one name and remembers since it was first asked."""
    sights = [await cache.sight(key, MINUTE, NOW + number * MINUTE) for number in range(3)]
    other = await cache.sight(f"{key}-other", MINUTE, NOW)

    assert [each.is_new for each in (*sights, other)] == [True, False, False, True]
    assert len({each.memory for each in (*sights, other)}) == 1
    assert {each.since for each in sights} == {sights[0].since} == {other.since}


async def test_what_was_added_is_sighted(cache: Cache, key: str) -> None:
    """`sight` and `add_once` share one memory."""
    await cache.add_once(key, MINUTE)

    assert not (await cache.sight(key, MINUTE, NOW)).is_new


async def test_a_value_comes_back_as_it_was(cache: Cache, key: str) -> None:
    """Bytes in, the same bytes out, also empty and binary ones."""
    for value in (b"", b"value", bytes(range(256))):
        await cache.put(key, value, MINUTE)

        assert await cache.get(key) == value


async def test_what_was_never_put_is_none(cache: Cache, key: str) -> None:
    """A miss is no error."""
    assert await cache.get(key) is None


async def test_a_value_is_forgotten_on_time(cache: Cache, key: str) -> None:
    """A value never outlives its time."""
    await cache.put(key, b"value", BLINK)
    await asyncio.sleep(0.1)

    assert await cache.get(key) is None


async def test_a_value_is_replaced(cache: Cache, key: str) -> None:
    """The last put wins, with its own time."""
    await cache.put(key, b"old", BLINK)
    await cache.put(key, b"new", MINUTE)
    await asyncio.sleep(0.1)

    assert await cache.get(key) == b"new"


async def test_a_value_can_be_deleted_twice(cache: Cache, key: str) -> None:
    """Deleting what is not there is no error."""
    await cache.put(key, b"value", MINUTE)
    await cache.delete(key)
    await cache.delete(key)

    assert await cache.get(key) is None


async def test_replay_ids_and_values_do_not_meet(cache: Cache, key: str) -> None:
    """A replay id is no value, cannot be overwritten by one, and cannot be deleted."""
    await cache.add_once(key, MINUTE)
    assert await cache.get(key) is None

    await cache.put(key, b"value", MINUTE)
    await cache.delete(key)

    assert not await cache.add_once(key, MINUTE)


async def test_a_cache_that_is_there_answers_the_ping(cache: Cache) -> None:
    """Readiness sees it."""
    await cache.ping()


async def test_closing_twice_is_harmless(cache: Cache) -> None:
    """Shutdown may be called from two places."""
    await cache.close()
    await cache.close()


# --- a memory that forgot


async def test_another_process_is_another_memory(key: str) -> None:
    """What one process remembers its successor does not, and does not pretend to."""
    first, second = MemoryCache(), MemoryCache()
    before = await first.sight(key, MINUTE, NOW)
    after = await second.sight(key, MINUTE, NOW + MINUTE)

    assert before.memory != after.memory
    assert after.since == NOW + MINUTE


async def test_a_flush_is_another_memory(valkey_url: str, key: str) -> None:
    """Flushed under open connections: the same key is new again, and the name says that it may not be."""
    cache = RedisCache(valkey_url)
    before = await cache.sight(key, MINUTE, NOW)
    with redis.Redis.from_url(valkey_url) as server:
        server.flushall()
    after = await cache.sight(key, MINUTE, NOW + MINUTE)
    await cache.close()

    assert (before.is_new, after.is_new) == (True, True)
    assert before.memory != after.memory
    assert (before.since, after.since) == (NOW, NOW + MINUTE)


async def test_a_memory_of_another_run_of_the_server_is_another(valkey_url: str, key: str) -> None:
    """Restarted from an older dump the name is still there, but of a run that is over."""
    cache = RedisCache(valkey_url)
    before = await cache.sight(key, MINUTE, NOW)
    with redis.Redis.from_url(valkey_url) as server:
        server.set("oncegate:memory", f"{'0' * 40} {before.memory.split(' ', 1)[1]}")
    after = await cache.sight(f"{key}-other", MINUTE, NOW + MINUTE)
    await cache.close()

    assert before.memory != after.memory
    assert after.since == NOW + MINUTE


async def test_workers_share_a_memory(valkey_url: str, key: str) -> None:
    """Over one server, what one worker saw the other one knows, under the same name."""
    first, second = RedisCache(valkey_url), RedisCache(valkey_url)
    sights = [await each.sight(key, MINUTE, NOW) for each in (first, second)]
    await asyncio.gather(first.close(), second.close())

    assert [each.is_new for each in sights] == [True, False]
    assert sights[0].memory == sights[1].memory


# --- memory only


async def test_the_memory_forgets_the_least_used_value_first() -> None:
    """When full, what was read last stays."""
    cache = MemoryCache(max_entries=2)
    for name in ("a", "b"):
        await cache.put(name, b"value", MINUTE)
    await cache.get("a")

    await cache.put("c", b"value", MINUTE)

    assert [await cache.get(name) for name in ("a", "b", "c")] == [b"value", None, b"value"]


async def test_the_memory_never_forgets_a_replay_id_early() -> None:
    """Full of replay ids it refuses: to forget one would let its replay through."""
    seconds = [0.0]
    cache = MemoryCache(max_entries=2, monotonic=lambda: seconds[0])
    await cache.add_once("a", timedelta(seconds=60))
    await cache.add_once("b", timedelta(seconds=10))

    with pytest.raises(CacheUnavailable):
        await cache.add_once("c", MINUTE)
    assert not await cache.add_once("a", MINUTE)

    seconds[0] = 10.0
    assert await cache.add_once("c", MINUTE)
    assert not await cache.add_once("a", MINUTE)


async def test_many_values_do_not_push_out_replay_ids() -> None:
    """Hints and replay ids have separate room."""
    cache = MemoryCache(max_entries=2)
    await cache.add_once("a", MINUTE)
    for number in range(10):
        await cache.put(str(number), b"value", MINUTE)

    assert not await cache.add_once("a", MINUTE)


# --- a server that is away


@pytest.mark.parametrize("method", ["add_once", "sight", "get", "put", "delete", "ping"])
async def test_every_method_says_that_the_server_is_away(method: str) -> None:
    """No method hangs, answers or raises anything else, and the message names no address."""
    cache = RedisCache(NOWHERE)
    arguments = {
        "add_once": ("k", MINUTE),
        "sight": ("k", MINUTE, NOW),
        "get": ("k",),
        "put": ("k", b"v", MINUTE),
        "delete": ("k",),
    }

    with pytest.raises(CacheUnavailable) as caught:
        await getattr(cache, method)(*arguments.get(method, ()))

    assert (caught.value.status, caught.value.code) == (503, "cache_unavailable")
    assert "127.0.0.1" not in str(caught.value)
    await cache.close()


async def test_a_server_that_never_answers_is_given_up() -> None:
    """A moment of silence is enough."""
    with socket.create_server(("127.0.0.1", 0)) as silent:  # connects by its backlog, and nobody ever reads
        cache = RedisCache(f"redis://127.0.0.1:{silent.getsockname()[1]}/0", timeout_seconds=0.1)

        async with asyncio.timeout(2):
            with pytest.raises(CacheUnavailable):
                await cache.add_once("k", MINUTE)
        await cache.close()
