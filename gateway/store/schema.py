"""Which schema a database is at, without Alembic: a third of a second that no service needs to start.

`NEWEST` is the head of the scripts in `alembic/versions`; a test compares the two.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from gateway.errors import StoreUnavailable
from gateway.store.database import sqlite_engine

NEWEST = "0007"
_MIGRATION_SECONDS = 30
"""How long one process waits while others migrate the same file."""


def pending(url: str) -> tuple[str | None, str]:
    """The revision the database is at, and the newest one. They differ when `oncegate migrate` must be run."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite" and not Path(parsed.database or "").is_file():
        return None, NEWEST  # looking must not create it
    with transaction(url) as connection:
        return revision_of(connection), NEWEST


def revision_of(connection: Connection) -> str | None:
    """The revision Alembic noted in this database; None when it was never migrated."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    noted: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return noted


@contextmanager
def transaction(url: str, *, creates: bool = False) -> Iterator[Connection]:
    """One transaction on an engine of its own; raises `StoreUnavailable`. `creates`: make a SQLite file if need be."""
    try:
        engine = _engine(url, creates=creates)
        try:
            with engine.begin() as connection:
                yield connection
        finally:
            engine.dispose()
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
    return sqlite_engine(
        parsed, pool_size=1, begin=begin, foreign_keys=False, wait_seconds=_MIGRATION_SECONDS
    )
