"""Readers of the log have connections of their own: however many there are, no gate waits for them."""

import asyncio
import threading
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection

from gateway.errors import StoreUnavailable, Unavailable
from gateway.store import Database, SqlStore

SECONDS = 5.0


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """One on which gates have a single connection."""
    made = Database(database_url, pool_size=1)
    yield made
    await made.close()


class Crowd:
    """Readers that stay until they are let go."""

    def __init__(self, database: Database) -> None:
        self._reading = database.for_readers()
        self._go = threading.Event()
        self._tasks: list[asyncio.Task[Any]] = []

    async def gather(self, count: int) -> None:
        """So many begin to read."""
        self._tasks += [asyncio.create_task(self._reading.read(self._stay)) for _ in range(count)]
        await asyncio.sleep(0.05)

    def _stay(self, _: Connection) -> bool:
        return self._go.wait(SECONDS)

    async def leave(self) -> list[Any]:
        """What each of them got."""
        self._go.set()
        return await asyncio.gather(*self._tasks, return_exceptions=True)


async def test_a_crowd_of_readers_keeps_no_gate_waiting(database: Database, make: Any) -> None:
    """With every reader's connection held, entries are committed and read at once."""
    crowd, store = Crowd(database), SqlStore(database)
    await crowd.gather(20)

    async with asyncio.timeout(SECONDS / 2):
        assert await store.gates.commit([make.passage()]) == [True]
        assert len(await store.entries.find(request=None, after="", limit=10)) == 1

    assert await crowd.leave() == [True] * 20


async def test_readers_beyond_the_room_are_told_at_once(database: Database) -> None:
    """They are not let in to wait; once the crowd has gone there is room again."""
    crowd, store = Crowd(database), SqlStore(database)
    await crowd.gather(32)

    for read in (
        store.search.entry("aud_1"),
        store.log_for_readers.checkpoint(),
        store.search.count_about("x"),
    ):
        with pytest.raises(Unavailable) as refused:
            await read
        assert refused.value.code == "log_busy"

    await crowd.leave()
    assert await store.log_for_readers.checkpoint() is None


async def test_waiting_in_the_crowd_is_no_outage(database_url: str) -> None:
    """Whoever waited too long is told that the log is busy, not that the database is away."""
    database = Database(database_url, pool_size=1, patience=timedelta(seconds=0.3))
    crowd = Crowd(database)
    await crowd.gather(2)

    with pytest.raises(Unavailable) as refused:
        await database.for_readers().read(lambda _: None)
    held = await crowd.leave()
    await database.close()

    assert (refused.value.code, isinstance(refused.value, StoreUnavailable)) == ("log_busy", False)
    assert len(held) == 2
