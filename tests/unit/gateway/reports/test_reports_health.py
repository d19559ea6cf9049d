"""Keeping how sources did: each worker adds what it saw, once, to the day it saw it on."""

from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import StoreUnavailable
from gateway.records import NO_BOUND_MS, AnswerCount, CallCount
from gateway.reports.health import HealthFlush, increase
from gateway.store import MemoryStore
from gateway.store.refusals import unavailable
from gateway.telemetry import Telemetry

EVENING = datetime(2026, 11, 21, 15, 59, tzinfo=UTC)
"""One minute before midnight in China."""
DAY, NEXT = date(2026, 11, 21), date(2026, 11, 22)


class World:
    """What a flush needs of the runtime, with a clock that a test moves."""

    def __init__(self) -> None:
        self.now = EVENING
        self.telemetry, self.store = Telemetry(), MemoryStore()
        self.clock = lambda: self.now

    def flush(self) -> HealthFlush:
        """One worker's."""
        runtime: Any = SimpleNamespace(telemetry=self.telemetry, store=self.store, clock=self.clock)
        return HealthFlush(runtime)

    async def calls(self, day: date = DAY) -> list[CallCount]:
        """What is kept of that day."""
        return list(await self.store.source_health.calls(day, day + timedelta(days=1)))


@pytest.fixture
def world() -> World:
    """An empty store and fresh telemetry."""
    return World()


async def test_what_was_counted_is_kept_by_source_outcome_and_time(world: World) -> None:
    """A call stands under the shortest time it was within; one beyond all times under none."""
    for seconds in (0.01, 0.2, 99.0):
        world.telemetry.source_call("civil", "filled", seconds)
    world.telemetry.source_not_asked("civil", "circuit_open")
    await world.flush().flush()

    assert await world.calls() == [
        CallCount("civil", "circuit_open", 0, 1),
        CallCount("civil", "filled", 10, 1),
        CallCount("civil", "filled", 250, 1),
        CallCount("civil", "filled", NO_BOUND_MS, 1),
    ]


async def test_each_flush_adds_only_what_is_new(world: World) -> None:
    """Flushing again without calls writes nothing; with one call it writes that one."""
    flush = world.flush()
    world.telemetry.source_call("civil", "filled", 0.01)
    await flush.flush()
    await flush.flush()
    world.telemetry.source_call("civil", "filled", 0.01)
    await flush.flush()

    assert [each.count for each in await world.calls()] == [2]


async def test_counts_fall_on_the_day_in_china(world: World) -> None:
    """Midnight there is 16:00 UTC."""
    flush = world.flush()
    world.telemetry.source_call("civil", "filled", 0.01)
    await flush.flush()
    world.now += timedelta(minutes=2)
    world.telemetry.source_call("civil", "filled", 0.01)
    await flush.flush()

    assert [each.count for each in await world.calls(DAY)] == [1]
    assert [each.count for each in await world.calls(NEXT)] == [1]


async def test_answers_are_kept_by_form(world: World) -> None:
    """Each form has its own times; Prometheus is shown their sum alone."""
    for form, seconds in (("a", 0.01), ("a", 0.01), ("b", 0.4)):
        world.telemetry.resolution("answered", seconds, form)
    await world.flush().flush()

    kept = await world.store.source_health.answers(DAY, NEXT, after="", limit=9)
    assert kept == [AnswerCount("a", 10, 2), AnswerCount("b", 500, 1)]
    assert world.telemetry.registry.get_sample_value("oncegate_resolution_seconds_count") == 3


async def test_what_could_not_be_written_is_written_next_time(world: World) -> None:
    """A database that is away costs no count."""
    kept = world.store.source_health
    away = SimpleNamespace(is_away=True)

    class Flaky:
        async def add(self, *counts: Any) -> None:
            if away.is_away:
                raise unavailable()
            await kept.add(*counts)

    world.store.source_health = Flaky()  # type: ignore[assignment]
    flush = world.flush()
    world.telemetry.source_call("civil", "filled", 0.01)
    with pytest.raises(StoreUnavailable):
        await flush.flush()
    world.telemetry.source_call("civil", "filled", 0.01)
    away.is_away = False
    await flush.flush()

    assert [each.count for each in await kept.calls(DAY, NEXT)] == [2]


async def test_old_days_are_forgotten(world: World) -> None:
    """A year and a month are kept."""
    await world.store.source_health.add(DAY - timedelta(days=401), [CallCount("civil", "filled", 5, 1)], [])
    await world.store.source_health.add(DAY - timedelta(days=400), [CallCount("civil", "filled", 5, 1)], [])

    assert await world.flush().forget() == 1


@given(
    st.lists(st.dictionaries(st.sampled_from("abc"), st.integers(0, 9)), max_size=6),
)
def test_increases_add_up_to_what_stands_at_the_end(steps: list[dict[str, int]]) -> None:
    """However often a counter is read in between, its increases sum to it."""
    total: dict[str, int] = {}
    summed: dict[str, int] = {}
    for step in steps:
        later = {key: total.get(key, 0) + step.get(key, 0) for key in {*total, *step}}
        for key, count in increase(total, later).items():
            summed[key] = summed.get(key, 0) + count
        total = later

    assert summed == {key: count for key, count in total.items() if count}
