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
from alembic.util.exc import CommandError
from sqlalchemy import Connection, text

from gateway.errors import StoreUnavailable
from gateway.store.all_tables import metadata
from gateway.store.schema import revision_of, transaction

_PACKAGED = Path(__file__).parent / "migrations"
_CHECKOUT = Path(__file__).parents[2] / "alembic"
_ONE_AT_A_TIME = text(
    "SELECT pg_advisory_xact_lock(7461727)"
)  # the number means nothing but "migrating OnceGate"


def migrate(url: str, revision: str = "head") -> str:
    """The revision the database is at now. Creates a SQLite file's directory; raises `StoreUnavailable`."""
    with _migrating(url) as connection:
        command.upgrade(alembic_config(connection), revision)
        return revision_of(connection) or ""


def differences(url: str) -> list[object]:
    """What the migrated schema lacks or has beyond `gateway.store.tables`; empty when they agree."""
    with transaction(url) as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, metadata))


def alembic_config(connection: Connection) -> Config:
    """Alembic's configuration for commands over an open connection, in whose transaction they run."""
    config = _config()
    config.attributes["connection"] = connection
    return config


@contextmanager
def _migrating(url: str) -> Iterator[Connection]:
    try:
        with transaction(url, creates=True) as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(_ONE_AT_A_TIME)
            yield connection
    except CommandError as error:
        raise StoreUnavailable(
            "schema_unknown",
            "The database is at a schema this program does not know; use the program that migrated it, or a newer one.",
        ) from error


def _config() -> Config:
    config = Config()
    location = _PACKAGED if _PACKAGED.is_dir() else _CHECKOUT
    # Alembic interpolates "%" in options; a path may hold one.
    config.set_main_option("script_location", str(location).replace("%", "%%"))
    return config
