"""Bringing a database to the newest schema with Alembic, and knowing whether it is there.

A migration is one transaction on both databases, and only one process migrates at a time: the others wait, then find
nothing to do.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from gateway.errors import StoreUnavailable
from gateway.store.database import sqlite_engine
from gateway.store.tables import metadata

_PACKAGED = Path(__file__).parent / "migrations"
_CHECKOUT = Path(__file__).parents[2] / "alembic"
_ONE_AT_A_TIME = text(
    "SELECT pg_advisory_xact_lock(7461727)"
)  # the number means nothing but "migrating OnceGate"


def migrate(url: str, revision: str = "head") -> str:
    """The revision the database is at now. Creates a SQLite file's directory; raises `StoreUnavailable`."""
    with _transaction(url, creates=True) as connection:
        command.upgrade(alembic_config(connection), revision)
        return _current(connection) or ""


def pending(url: str) -> tuple[str | None, str | None]:
    """The revision the database is at, and the newest one. They differ when `oncegate migrate` must be run."""
    newest = ScriptDirectory.from_config(_config()).get_current_head()
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite" and not Path(parsed.database or "").is_file():
        return None, newest  # looking must not create it
    with _transaction(url) as connection:
        return _current(connection), newest


def differences(url: str) -> list[object]:
    """What the migrated schema lacks or has beyond `gateway.store.tables`; empty when they agree."""
    with _transaction(url) as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, metadata))


def alembic_config(connection: Connection) -> Config:
    """Alembic's configuration for commands over an open connection, in whose transaction they run."""
    config = _config()
    config.attributes["connection"] = connection
    return config


@contextmanager
def _transaction(url: str, *, creates: bool = False) -> Iterator[Connection]:
    try:
        engine = _engine(url, creates=creates)
        try:
            with engine.begin() as connection:
                if creates and connection.dialect.name == "postgresql":
                    connection.execute(_ONE_AT_A_TIME)
                yield connection
        finally:
            engine.dispose()
    except CommandError as error:
        raise StoreUnavailable(
            "schema_unknown",
            "The database is at a schema this program does not know; use the program that migrated it, or a newer one.",
        ) from error
    except (SQLAlchemyError, OSError) as error:
        raise StoreUnavailable(
            "store_unavailable", "The database cannot be reached or changed; check its address and rights."
        ) from error


def _engine(url: str, *, creates: bool) -> Engine:
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return create_engine(parsed, hide_parameters=True, connect_args={"connect_timeout": 3})
    if creates and parsed.database and parsed.database != ":memory:":
        file = Path(parsed.database)
        file.parent.mkdir(parents=True, exist_ok=True)
        # What SQLite puts beside it (-wal, -shm) takes its permissions over. Here, where nobody has it open: closing a
        # second descriptor of the file would drop every lock this process holds on it.
        if not file.exists():
            file.touch(mode=0o600)
    # A migration may copy a table and drop the old one, which checked references would forbid.
    begin = "BEGIN IMMEDIATE" if creates else "BEGIN"
    return sqlite_engine(parsed, pool_size=1, begin=begin, foreign_keys=False)


def _config() -> Config:
    config = Config()
    location = _PACKAGED if _PACKAGED.is_dir() else _CHECKOUT
    # Alembic interpolates "%" in options; a path may hold one.
    config.set_main_option("script_location", str(location).replace("%", "%%"))
    return config


def _current(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()
