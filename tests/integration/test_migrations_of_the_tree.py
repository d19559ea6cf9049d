"""A log that was begun before there could be several trees goes on in the first of them, on both databases."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import IntegrityError

from gateway.audit.entries import make_entry
from gateway.audit.guard import Guard
from gateway.audit.note import Checkpoint, Signer, Verifier, sign_note
from gateway.audit.sequencer import Sequencer
from gateway.audit.tree import grow, leaf_hash
from gateway.records import EntryKind, GateRequest, GateWrite
from gateway.store import Database, SqlStore
from gateway.store.migrate import alembic_config, migrate
from gateway.watch import LogWatch

NOW = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)
SIGNER = Signer.from_seed("log.example/a", b"\x01" * 32)
VERIFIER = Verifier.parse(SIGNER.verifier_key)
PLACED, WAITING = 300, 3
LEAVES = [b'{"id":"aud_%03d"}' % number for number in range(PLACED + WAITING)]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.servers)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of a database of each kind at the schema before, with a log in it."""
    made = f"sqlite:///{tmp_path}/oncegate.db"
    if request.param == "postgresql":
        made = str(request.getfixturevalue("postgres_server").new_database())
    migrate(made, "0003")
    with connected(made) as connection:
        begin_a_log(connection)
    return made


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    """A transaction of our own."""
    parsed = make_url(url)
    engine = create_engine(parsed.set(drivername="sqlite") if "sqlite" in url else parsed)
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def begin_a_log(connection: Connection) -> None:
    """Three hundred entries under one checkpoint, and three that wait."""
    grown = grow(0, {}, [leaf_hash(leaf) for leaf in LEAVES[:PLACED]])
    note = sign_note(Checkpoint(SIGNER.name, grown.size, grown.root).text(), [SIGNER])
    insert = {
        "audit_entry": "(id, kind, at, caller, leaf) VALUES (:id, 'drafts.purged', :at, 'hall', :leaf)",
        "audit_place": '("index", entry_id) VALUES (:index, :id)',
        "audit_pending": "(entry_id) VALUES (:id)",
        "audit_tile": '("level", "index", hashes) VALUES (:level, :index, :hashes)',
        "audit_checkpoint": "(size, at, note) VALUES (:size, :at, :note)",
    }
    at = NOW.isoformat(" ")[:19]
    rows = [
        {"id": f"aud_{number:03}", "index": number, "at": at, "leaf": leaf}
        for number, leaf in enumerate(LEAVES)
    ]
    tiles = [
        {"level": tile.level, "index": tile.index, "hashes": hashes} for tile, hashes in grown.tiles.items()
    ]
    kept = {"size": grown.size, "at": at, "note": note}
    for table, of_table in (
        ("audit_entry", rows),
        ("audit_place", rows[:PLACED]),
        ("audit_pending", rows[PLACED:]),
        ("audit_tile", tiles),
        ("audit_checkpoint", [kept]),
    ):
        connection.execute(text(f"INSERT INTO {table} {insert[table]}"), of_table)


async def grown_further(url: str, guard: Path) -> tuple[int, Checkpoint | None, object]:
    """How many entries found their places, what the guard keeps, and where the last entry stands."""
    store = SqlStore(Database(url))
    kept = Guard(guard, [VERIFIER])
    sequencer = Sequencer(store.log, [SIGNER], kept, lambda: NOW, LogWatch())
    try:
        await sequencer.adopt()
        entry = make_entry("aud_new", EntryKind.drafts_purged, NOW, caller="a", request=None, facts={})
        await store.gates.commit([GateRequest((), lambda _: GateWrite(entry, None))])
        return await sequencer.run(), kept.last(), await store.log.place_of("aud_new")
    finally:
        await store.close()


def test_the_log_goes_on_where_it_was(url: str, tmp_path: Path) -> None:
    """What had a place has it in the first tree, what waited waits on, and the next checkpoint extends the last."""
    migrate(url)

    placed, kept, place = asyncio.run(grown_further(url, tmp_path / "guard"))

    assert placed == WAITING + 1
    assert kept is not None
    assert (kept.origin, kept.size) == (SIGNER.name, PLACED + WAITING + 1)
    assert place == (1, PLACED + WAITING)
    with connected(url) as connection:
        assert connection.scalar(text("SELECT count(*) FROM audit_place WHERE shard = 1")) == kept.size


def test_back_and_forth_loses_nothing(url: str) -> None:
    """Undone, the tables are as they were; done again, as they had become."""
    migrate(url)
    with connected(url) as connection:
        command.downgrade(alembic_config(connection), "0003")
    with connected(url) as connection:
        assert connection.scalar(text("SELECT count(*) FROM audit_place")) == PLACED
        assert connection.scalar(text("SELECT count(*) FROM audit_pending")) == WAITING
    migrate(url)
    with connected(url) as connection:
        assert connection.scalar(text("SELECT count(*) FROM audit_tile WHERE shard = 1")) == 3


def test_a_log_of_several_trees_does_not_go_back(url: str) -> None:
    """The older schema has no room for them; nothing is changed."""
    migrate(url)
    with connected(url) as connection:
        connection.execute(
            text("INSERT INTO audit_checkpoint (shard, size, at, note) VALUES (2, 1, :at, 'note')"),
            {"at": "2026-11-21 02:00:00"},
        )
    with pytest.raises(RuntimeError, match="several shards"), connected(url) as connection:
        command.downgrade(alembic_config(connection), "0003")
    with connected(url) as connection:
        assert connection.scalar(text("SELECT max(shard) FROM audit_checkpoint")) == 2


def test_an_entry_waits_once(url: str) -> None:
    """The database itself refuses a second time."""
    migrate(url)
    with pytest.raises(IntegrityError), connected(url) as connection:
        connection.execute(text("INSERT INTO audit_pending (entry_id) VALUES ('aud_301')"))
