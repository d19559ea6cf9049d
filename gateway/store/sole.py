"""One service per SQLite file: a second one is refused at its start, whatever started it.

Two services on one file would starve one another of its one writer, and each would keep limits and memories of its own.
Commands beside the service are safe and stay allowed. A copy of the file is another file: the guard finds that one.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.engine import make_url

from gateway.errors import StartError


class SecondService(StartError):
    """Another service works on this database file already."""


@contextmanager
def sole_service(url: str) -> Iterator[None]:
    """Hold that database for one service, as long as the process lives at most; raises `SecondService`.

    Nothing for a database that several may work on, or that is in memory.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or parsed.database in (None, "", ":memory:"):
        yield
        return
    path = Path(f"{parsed.database}.service")
    with path.open("a", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise SecondService(
                f"Another service works on {path.name.removesuffix('.service')} already. Stop that one first; "
                "several processes over one database need PostgreSQL."
            ) from None
        yield
