"""The service's own jobs: what is published is taken up again and again, whatever becomes of it once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from field_registry import Registry, Source
from gateway.app import create_app, make_runtime, open_sources
from gateway.audit.entries import make_entry
from gateway.curation import Publisher
from gateway.jobs import every
from gateway.records import EntryKind, Publication
from gateway.security import new_reference
from gateway.settings import Settings
from gateway.store.memory import MemoryStore
from policies import Policy

NOW = datetime(2026, 11, 21, tzinfo=UTC)


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[tuple[MemoryStore, httpx.AsyncClient]]:
    """A service over a store in memory that looks for new versions all the time."""
    store = MemoryStore()
    publisher = Publisher(store, "test", NOW, new_reference)
    await publisher.registry(Registry.of(0, items=(), sources=(), bindings=()))
    await publisher.policy(Policy.of(0, (), ()))
    app = create_app(Settings(state_dir=tmp_path, registry_refresh_seconds=0.1), store=store)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client,
    ):
        yield store, client


async def publish_policy(store: MemoryStore, version: int, document: bytes) -> None:
    """A policy as another program may have published it."""
    entry = make_entry(
        f"aud_{version}", EntryKind.policy_published, NOW, caller="test", request=None, facts={}
    )
    await store.publications.publish(
        Publication("policy", version, "0" * 64, None, NOW, "test", document), entry
    )


async def readiness(client: httpx.AsyncClient, **wanted: Any) -> dict[str, Any]:
    """What /readyz says as soon as it says that, or after three seconds."""
    told: dict[str, Any] = {}
    for _ in range(60):
        told = (await client.get("/readyz")).json()
        if all(told[name] == value for name, value in wanted.items()):
            break
        await asyncio.sleep(0.05)
    return told


async def test_a_version_that_cannot_be_read_does_not_stop_the_next(
    served: tuple[MemoryStore, httpx.AsyncClient],
) -> None:
    """A policy this program does not understand is told by /readyz; the one after it is taken up."""
    store, client = served
    await publish_policy(store, 2, b'{"rules": [{"from": "the future"}]}')
    stuck = await readiness(client, ready=False)
    await publish_policy(store, 3, orjson.dumps({"purposes": [], "rules": []}))
    again = await readiness(client, policy_version=3)

    assert (stuck["policy_version"], len(stuck["problems"])) == (1, 1)
    assert (again["policy_version"], again["ready"]) == (3, True)


def test_one_source_that_cannot_be_built_leaves_the_others(tmp_path: Path) -> None:
    """A source whose configuration is wrong is left out, and answers `source_error` when asked."""
    broken = Source("broken", "坏", "测试", "no_such_kind")
    sound = Source("sound", "好", "测试", "sandbox", config={"personas": {}})
    registry = Registry.of(1, items=(), sources=(broken, sound), bindings=())
    runtime = make_runtime(Settings(state_dir=tmp_path), store=MemoryStore())

    sources = open_sources(registry, runtime)

    assert {name: sources.state_of(name) for name in ("broken", "sound")} == {
        "broken": "open",
        "sound": "closed",
    }


def test_the_day_of_bindings_is_chinas(tmp_path: Path) -> None:
    """Before anything is published, no day has begun."""
    runtime = make_runtime(Settings(state_dir=tmp_path), store=MemoryStore())

    assert runtime.library.published.day == date.min


async def test_a_job_that_swallows_its_cancellation_ends() -> None:
    """A service stops even when a client library answers a cancellation with an ordinary return."""
    begun, rounds = asyncio.Event(), 0

    async def swallow() -> None:
        nonlocal rounds
        rounds += 1
        begun.set()
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()

    job = asyncio.create_task(every(0.0, swallow))
    await begun.wait()
    job.cancel()
    ended, _ = await asyncio.wait([job], timeout=2.0)

    assert (ended, rounds) == ({job}, 1)


async def test_a_job_that_fails_runs_again() -> None:
    """Whatever it raises."""
    thrice, rounds = asyncio.Event(), 0

    async def fail() -> None:
        nonlocal rounds
        rounds += 1
        if rounds == 3:
            thrice.set()
        raise ValueError

    job = asyncio.create_task(every(0.0, fail))
    await asyncio.wait_for(thrice.wait(), 2.0)
    job.cancel()

    assert await asyncio.gather(job, return_exceptions=True)


async def test_a_service_that_stops_keeps_how_its_sources_did(tmp_path: Path) -> None:
    """What was counted since the last flush is written before the store is closed."""
    store = MemoryStore()
    app = create_app(Settings(state_dir=tmp_path), store=store, clock=lambda: NOW)
    async with app.router.lifespan_context(app):
        app.state.runtime.telemetry.source_call("civil", "filled", 0.01)

    (call,) = await store.source_health.calls(NOW.date(), NOW.date() + timedelta(days=1))
    assert (call.source, call.count) == ("civil", 1)
