"""The migrations make exactly the tables the program uses, on both databases, and can be undone and done again."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, inspect, text
from sqlalchemy.engine import make_url

from gateway.errors import StoreUnavailable
from gateway.store.all_tables import metadata
from gateway.store.migrate import alembic_config, differences, migrate
from gateway.store.schema import NEWEST, pending


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.servers)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of an empty database of each kind."""
    if request.param == "sqlite":
        (tmp_path / "100% state").mkdir()
        return f"sqlite:///{tmp_path}/100% state/oncegate.db"
    return str(request.getfixturevalue("postgres_server").new_database())


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    """A transaction of our own."""
    parsed = make_url(url)
    engine = create_engine(
        parsed.set(drivername="sqlite") if parsed.get_backend_name() == "sqlite" else parsed
    )
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def tables_of(url: str) -> set[str]:
    """The names of the tables that are there."""
    with connected(url) as connection:
        return set(inspect(connection).get_table_names())


def test_the_migrations_make_the_tables(url: str) -> None:
    """After migrating nothing is missing and nothing is left over, and nothing is pending."""
    revision = migrate(url)

    assert pending(url) == (revision, revision)
    assert differences(url) == []
    assert tables_of(url) == {*metadata.tables, "alembic_version"}


def test_migrating_twice_changes_nothing(url: str) -> None:
    """The second run finds nothing to do."""
    revision = migrate(url)
    with connected(url) as connection:
        row = "('sub_1', 'k', 'person', '2026-01-01 00:00:00')"
        connection.execute(text(f"INSERT INTO subject (ref, key, kind, created_at) VALUES {row}"))

    assert migrate(url) == revision
    with connected(url) as connection:
        assert connection.scalar(text("SELECT count(*) FROM subject")) == 1


def test_down_to_nothing_and_up_again(url: str) -> None:
    """Every migration can be undone; done again the schema is the same."""
    revision = migrate(url)
    with connected(url) as connection:
        command.downgrade(alembic_config(connection), "base")
    assert tables_of(url) == {"alembic_version"}

    assert migrate(url) == revision
    assert differences(url) == []


def test_a_database_that_was_never_migrated_is_pending(url: str) -> None:
    """It is at no revision, and asking makes no tables."""
    at, newest = pending(url)

    assert at is None
    assert newest


def test_a_missing_table_is_a_difference(url: str) -> None:
    """The comparison sees what it is for."""
    migrate(url)
    with connected(url) as connection:
        connection.execute(text("DROP TABLE consent_event"))
        connection.execute(text("ALTER TABLE client ADD COLUMN hobby VARCHAR(10)"))

    told = str(differences(url))

    assert "consent_event" in told
    assert "hobby" in told


def test_many_processes_may_migrate_at_once(url: str) -> None:
    """Workers that start together all find the newest schema afterwards; none fails."""
    results: list[object] = []

    def run() -> None:
        try:
            results.append(migrate(url))
        except Exception as error:
            results.append(error)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert results == [pending(url)[1]] * 4


def test_a_schema_of_a_newer_program_is_refused(url: str) -> None:
    """A revision nobody here knows: nothing is touched, and the sentence says what to do."""
    migrate(url)
    with connected(url) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(StoreUnavailable, match="schema_unknown"):
        migrate(url)
    assert pending(url)[0] == "9999"


def test_a_migration_that_fails_leaves_nothing_half_made(url: str) -> None:
    """A table in the way: the whole migration is undone, on SQLite too."""
    with connected(url) as connection:
        connection.execute(text("CREATE TABLE resolution (mine INTEGER)"))

    with pytest.raises(StoreUnavailable):
        migrate(url)

    assert tables_of(url) - {"alembic_version"} == {"resolution"}
    assert pending(url)[0] is None


@pytest.mark.parametrize(
    "address", ["postgresql+psycopg://nobody@127.0.0.1:1/x", "sqlite:////proc/no/oncegate.db"]
)
def test_a_database_out_of_reach_is_said_so(address: str) -> None:
    """No error of the driver or the system leaves, and no password with it."""
    with pytest.raises(StoreUnavailable, match="store_unavailable"):
        migrate(address)


def test_a_new_sqlite_file_gets_its_directory_and_a_write_ahead_log(tmp_path: Path) -> None:
    """The file is in WAL mode, as every process that opens it finds it."""
    migrate(f"sqlite:///{tmp_path}/new/state/oncegate.db")

    with closing(sqlite3.connect(tmp_path / "new/state/oncegate.db")) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_the_purge_reads_only_what_is_still_to_be_purged(url: str) -> None:
    """The index of expiry covers drafts that still hold an answer, whatever the number of those that do not."""
    migrate(url)
    with connected(url) as connection:
        index = next(
            each
            for each in inspect(connection).get_indexes("resolution")
            if each["column_names"] == ["valid_until"]
        )

    options = index["dialect_options"]
    assert "sealed IS NOT NULL" in str(options.get("sqlite_where", options.get("postgresql_where")))


def test_the_newest_schema_is_the_head_of_the_scripts(request: pytest.FixtureRequest) -> None:
    """The service knows the newest revision by heart, so that starting it needs no Alembic."""
    config = Config()
    config.set_main_option("script_location", str(request.config.rootpath / "alembic"))

    assert ScriptDirectory.from_config(config).get_current_head() == NEWEST
