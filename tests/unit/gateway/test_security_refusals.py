"""Refusals as entries: durable soon, bounded, and patient while the database is away."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from gateway.app import make_runtime
from gateway.errors import StoreUnavailable
from gateway.records import Entry, EntryFilter, EntryKind, GateRequest
from gateway.runtime import Runtime
from gateway.security.refusals import MOST_PER_SECOND, Refusals
from gateway.settings import Settings
from gateway.store.memory import MemoryGates, MemoryStore

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        """The time a test set."""
        return self.now


class GatesAway(MemoryGates):
    """Gates of a database that can be away, before or after it has written."""

    away = ""

    async def commit(self, requests: Sequence[GateRequest[Any]]) -> Sequence[Any]:
        """As the port promises, and as a connection breaks."""
        if self.away == "before":
            raise StoreUnavailable("store_unavailable", "Try again.")
        results = await super().commit(requests)
        if self.away == "after":
            raise StoreUnavailable("store_unavailable", "Try again.")
        return results


class House:
    """A runtime over a store in memory, its refusals and its clock."""

    def __init__(self, directory: Path) -> None:
        self.store, self.clock = MemoryStore(), Clock()
        self.gates = GatesAway(self.store.gates._tables)  # type: ignore[attr-defined]
        self.store.gates = self.gates
        self.runtime: Runtime = make_runtime(
            Settings(state_dir=directory), store=self.store, clock=self.clock
        )
        self.refusals = Refusals(self.runtime)

    async def entries(self) -> list[Entry]:
        """Every refusal in the log."""
        found = EntryFilter(kind=EntryKind.access_refused)
        return list(await self.store.entries.search(found, after="", limit=5_000))

    async def reasons(self) -> list[str]:
        """Their reasons, in order."""
        return [orjson.loads(each.leaf)["reason"] for each in await self.entries()]


@pytest.fixture
def house(tmp_path: Path) -> House:
    """A house nobody was refused at yet."""
    return House(tmp_path)


async def until_written(house: House, many: int) -> None:
    """Return when so many are written, or after a second."""
    for _ in range(100):
        if len(await house.entries()) >= many:
            return
        await asyncio.sleep(0.01)


async def test_a_refusal_is_written_without_being_waited_for(house: House) -> None:
    """Noting returns at once; the entry is there a moment later, with no job to help."""
    house.refusals.add("token_expired", proof="bearer", client="hall")
    at_once = len(await house.entries())
    await until_written(house, 1)

    (entry,) = await house.entries()
    leaf = orjson.loads(entry.leaf)
    assert at_once == 0
    assert (leaf["reason"], leaf["proof"], leaf["client"]) == ("token_expired", "bearer", "hall")
    assert (entry.caller, entry.sealed) == ("oncegate", None)


async def test_who_was_proven_is_the_caller(house: House) -> None:
    """A claim is not held against whom it names; what a proven client tried is."""
    house.refusals.add("role_required", proof="bearer", client="hall", is_proven=True)
    house.refusals.add("signature_wrong", proof="assertion", client="hall")
    await house.refusals.flush()

    assert [each.caller for each in await house.entries()] == ["hall", "oncegate"]


async def test_each_second_has_its_own_room(house: House) -> None:
    """Ten a second are entries; the rest of each is counted, and told once by reason."""
    for _ in range(3):
        for number in range(MOST_PER_SECOND + 2):
            house.refusals.add("first" if number % 2 else "second", proof="none")
        house.clock.now += timedelta(seconds=1)
    await house.refusals.flush()

    *written, many = [orjson.loads(each.leaf) for each in await house.entries()]
    assert len(written) == 3 * MOST_PER_SECOND
    assert (many["refusals"], many["by_reason"]) == (6, {"first": 3, "second": 3})
    assert await house.refusals.flush() == 0


async def test_they_wait_while_the_database_is_away(house: House) -> None:
    """Nothing is lost by an outage: written when it is over, each once, in order."""
    house.gates.away = "before"
    for number in range(3):
        house.refusals.add(f"r{number}", proof="none")
    await asyncio.sleep(0.05)
    with pytest.raises(StoreUnavailable):
        await house.refusals.flush()

    house.gates.away = ""

    assert await house.refusals.flush() == 3
    assert await house.reasons() == ["r0", "r1", "r2"]


async def test_what_was_written_unheard_is_not_written_twice(house: House) -> None:
    """The database took it and then fell silent: trying again finds it there, and is content."""
    house.gates.away = "after"
    house.refusals.add("once", proof="none")
    with pytest.raises(StoreUnavailable):
        await house.refusals.flush()
    house.gates.away = ""
    await house.refusals.flush()

    assert await house.reasons() == ["once"]


async def test_a_long_outage_does_not_fill_the_memory(house: House) -> None:
    """A thousand wait; what comes after is counted."""
    house.gates.away = "before"
    for _ in range(150):
        for _ in range(MOST_PER_SECOND):
            house.refusals.add("r", proof="none")
        house.clock.now += timedelta(seconds=1)
    await asyncio.sleep(0)
    house.gates.away = ""
    await house.refusals.flush()

    *written, many = [orjson.loads(each.leaf) for each in await house.entries()]
    assert (len(written), many["refusals"]) == (1_000, 500)
