"""A schema that moves on while programs that know the older one are at work: they stop writing before it does.

Whoever brings the schema on announces it first, waits until every worker has looked, and moves it then (PostgreSQL);
over a SQLite file there is one service, which has to be stopped. A worker looks every two seconds, and writes nothing
any more once the schema is, or is about to be, another than its own: it would write rows that the newer program reads
amiss. Reading goes on; /readyz says why.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from gateway.errors import StoreUnavailable
from gateway.store.schema import NEWEST, pending, revision_of
from gateway.store.sole import sole_service

LOOKED_AT_EVERY = 2.0
"""Seconds between two looks of a worker."""
ANNOUNCED_SECONDS = 3 * LOOKED_AT_EVERY
"""How long the schema stays as it is once it is announced that it moves: a look may be a round late."""
_NUMBER = 7461728  # of an advisory lock; it means nothing but "moving OnceGate's schema on"
_IS_ANNOUNCED = text(f"SELECT NOT pg_try_advisory_xact_lock_shared({_NUMBER})")
_ANNOUNCE = text(f"SELECT pg_advisory_lock({_NUMBER})")


def misfit(connection: Connection) -> str | None:
    """Why this program must write nothing to that database; None when the schema is its own and stays so."""
    if connection.dialect.name == "postgresql" and connection.scalar(_IS_ANNOUNCED):
        return "The database is about to be brought to another schema; nothing is written meanwhile."
    at = revision_of(connection)
    if at in (None, NEWEST):
        return None
    return (
        f"The database is at schema {at}, and this program knows {NEWEST}: it writes nothing any more. "
        "Stop it, and start the program that migrated the database."
    )


@contextmanager
def announced(url: str, *, wait: float = ANNOUNCED_SECONDS) -> Iterator[None]:
    """Around a migration: every worker of an older program has stopped writing. At once where there is nothing to do.

    Raises `StartError` while a service works on that SQLite file, `StoreUnavailable`.
    """
    at, newest = pending(url)
    if at in (None, newest):
        yield
    elif make_url(url).get_backend_name() == "sqlite":
        with sole_service(url):
            yield
    else:
        with _lock(url):
            time.sleep(wait)
            yield


@contextmanager
def _lock(url: str) -> Iterator[None]:
    """The announcement, which ends with its connection whatever becomes of this process."""
    engine = create_engine(make_url(url), hide_parameters=True, connect_args={"connect_timeout": 3})
    try:
        with engine.connect() as connection:
            connection.execute(_ANNOUNCE)
            yield
    except SQLAlchemyError as error:
        raise StoreUnavailable(
            "store_unavailable", "The database cannot be reached or changed; check its address and rights."
        ) from error
    finally:
        engine.dispose()
