"""A database that is brought to another schema while a service works on it: that service writes nothing any more."""

import threading
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import create_engine, text
from typer.testing import CliRunner

from gateway.app import create_app
from gateway.audit.noting import note
from gateway.cli import app as command_line
from gateway.errors import StartError, StoreUnavailable
from gateway.records import EntryKind
from gateway.settings import Settings
from gateway.store.migrate import migrate
from gateway.store.moving import announced
from gateway.store.schema import NEWEST, pending
from gateway.store.sole import sole_service

NOW = datetime(2026, 11, 21, 2, tzinfo=UTC)
BOTH = ["sqlite", pytest.param("postgresql", marks=pytest.mark.servers)]


@pytest.fixture(params=BOTH)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of a migrated database of each kind."""
    made = f"sqlite:///{tmp_path}/oncegate.db"
    if request.param == "postgresql":
        made = str(request.getfixturevalue("postgres_server").new_database())
    migrate(made)
    return made


@pytest.fixture
async def worker(url: str, tmp_path: Path) -> AsyncIterator[Any]:
    """A service of this program on it, whose jobs a test runs."""
    app = create_app(Settings(state_dir=tmp_path, database_url=url), clock=lambda: NOW)
    yield app
    await app.state.runtime.ledger.drain()
    await app.state.runtime.store.close()


def move_to(url: str, revision: str) -> None:
    """What a newer program's migration leaves behind."""
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :at"), {"at": revision})
    engine.dispose()


async def write(app: Any) -> None:
    """One entry."""
    await note(EntryKind.drafts_purged, {"drafts": 1}, app.state.runtime)


async def ready(app: Any) -> httpx.Response:
    """What the readiness check says."""
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as http:
        return await http.get("/readyz")


async def test_an_older_worker_stops_writing_and_says_why(url: str, worker: Any) -> None:
    """Every write is refused as by a database that is away; entries that stand are read; /readyz names both schemas."""
    await write(worker)
    move_to(url, "9999")

    assert await worker.state.runtime.store.check_schema() is not None
    with pytest.raises(StoreUnavailable) as refused:
        await write(worker)
    kept = await worker.state.runtime.store.entries.find(request=None, after="", limit=10)
    answer = await ready(worker)

    assert refused.value.code == "schema_moved"
    assert len(kept) == 1
    assert answer.status_code == 503
    assert f"at schema 9999, and this program knows {NEWEST}" in " ".join(answer.json()["problems"])


async def test_a_schema_that_comes_back_is_written_again(url: str, worker: Any) -> None:
    """Whoever restores the database of this program need not start it again."""
    move_to(url, "9999")
    await worker.state.runtime.store.check_schema()
    move_to(url, NEWEST)

    assert await worker.state.runtime.store.check_schema() is None
    await write(worker)


async def test_the_sequencer_of_an_older_worker_signs_nothing(url: str, worker: Any) -> None:
    """The tree of the log is the newer program's to extend."""
    await write(worker)
    move_to(url, "9999")
    await worker.state.runtime.store.check_schema()

    with pytest.raises(StoreUnavailable):
        await worker.state.sequencer.run()
    assert await worker.state.runtime.store.log.size() == 0


@pytest.mark.servers
async def test_workers_stop_before_the_schema_moves(postgres_server: Any, tmp_path: Path) -> None:
    """The migration announces itself, and moves nothing before every worker has looked."""
    url = postgres_server.new_database()
    migrate(url, "0006")
    move_to(url, NEWEST)  # to this program it is its own, and to the migration of the next one an older one
    app = create_app(Settings(state_dir=tmp_path, database_url=url), clock=lambda: NOW)
    move_to(url, "0006")
    begun, done = threading.Event(), threading.Event()

    def migration() -> None:
        begun.set()
        with announced(url, wait=1.0):
            done.set()

    thread = threading.Thread(target=migration)
    thread.start()
    begun.wait()
    said = None
    while said is None or "about to be" not in said:
        said = await app.state.runtime.store.check_schema()
        assert not done.is_set()
    thread.join()

    move_to(url, NEWEST)
    assert await app.state.runtime.store.check_schema() is None
    await app.state.runtime.store.close()


def test_a_service_over_a_file_has_to_be_stopped_first(tmp_path: Path) -> None:
    """Nothing is migrated beneath it; without anything to migrate it may go on."""
    url = f"sqlite:///{tmp_path}/oncegate.db"
    migrate(url, "0006")
    with sole_service(url):
        with pytest.raises(StartError, match="Stop that one first"), announced(url):
            pass
        refused = CliRunner().invoke(command_line, ["migrate", "--state", str(tmp_path)])
        at = pending(url)[0]
    migrated = CliRunner().invoke(command_line, ["migrate", "--state", str(tmp_path)])
    with sole_service(url):
        again = CliRunner().invoke(command_line, ["migrate", "--state", str(tmp_path)])

    assert (refused.exit_code, at) == (1, "0006")
    assert "Stop that one first" in refused.output
    assert (migrated.exit_code, again.exit_code, pending(url)[0]) == (0, 0, NEWEST)


def test_a_new_database_waits_for_nobody(url: str, tmp_path: Path) -> None:
    """Nor does one that is where it should be."""
    began = time.monotonic()
    with announced(url), announced(f"sqlite:///{tmp_path}/new/oncegate.db"):
        pass

    assert time.monotonic() - began < 2
