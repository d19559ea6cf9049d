"""How statements are run on databases whose drivers block: on threads of the connector's own, never past their time.

A caller that gives up leaves its thread at work. What ends that is the database's own limit; where a server does not
keep to it, or drips its answer, the line to it is cut soon after.
"""

import asyncio
import socket
import struct
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Protocol

from sqlalchemy import Connection, Engine, TextClause
from sqlalchemy.exc import DBAPIError

from connectors.errors import SourceTimeout
from connectors.kinds import sql_mapping as m
from field_registry import Source

POOL_SIZE = 8
"""Connections kept open to one source; up to its `max_concurrent` are opened under load."""

GRACE_SECONDS = 1.0
"""How long after its deadline a line is cut: the server, told the same time, should have ended the statement itself."""

NONSENSE = (RuntimeError, AssertionError, ValueError, LookupError, struct.error)
"""What drivers raise, besides their own errors, for bytes that are not their protocol."""

Parameters = Mapping[str, str]
Batch = Sequence[tuple[TextClause, int]]
"""Statements with the number of rows to read of each, at most."""


class Database(Protocol):
    """Something that runs statements."""

    async def run(self, batch: Batch, parameters: Parameters, deadline: float) -> list[list[m.Row]]:
        """The rows of each statement; `deadline` in the event loop's time."""

    async def close(self) -> None:
        """Drop every connection."""


class Line:
    """The network line that one call uses at the moment, to be cut from another thread."""

    __slots__ = ("_is_cut", "_lock", "_socket")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._is_cut = False

    def hold(self, used: socket.socket | None) -> None:
        """From now on it is this one, or none. Raises `SourceTimeout` when the call was cut already."""
        with self._lock:
            self._socket = used
            if self._is_cut and used is not None:
                raise SourceTimeout("the database did not answer in time")

    def cut(self) -> None:
        """End whatever is read or written on it now."""
        with self._lock:
            self._is_cut = True
            if self._socket is not None:
                with suppress(OSError):
                    # Not the method of a TLS socket, which takes its state away from under the thread that reads.
                    socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


class ThreadDatabase:
    """A database behind a blocking driver; threads are few."""

    def __init__(self, engine: Engine, source: Source) -> None:
        threads = min(POOL_SIZE, source.max_concurrent)
        self._engine = engine
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="oncegate-sql")
        self._here = threading.local()

    async def run(self, batch: Batch, parameters: Parameters, deadline: float) -> list[list[m.Row]]:
        """See `Database`."""
        loop, line = asyncio.get_running_loop(), Line()
        seconds = deadline - loop.time()
        guard = loop.call_later(seconds + GRACE_SECONDS, line.cut)
        work = (batch, parameters, time.monotonic() + seconds, line)
        rows = await loop.run_in_executor(self._threads, self._retrying, *work)
        guard.cancel()  # not when the caller gave up: the thread may be at work still
        return rows

    async def close(self) -> None:
        """See `Database`."""
        await asyncio.to_thread(self._threads.shutdown, wait=True, cancel_futures=True)
        self._engine.dispose()

    def prepare(self, connection: Connection, until: float) -> None:
        """Make a connection ready for one batch that must end at `until`, in monotonic time."""

    @property
    def line(self) -> Line:
        """The line of the call that this thread works for."""
        line: Line = self._here.line
        return line

    def _retrying(self, batch: Batch, parameters: Parameters, until: float, line: Line) -> list[list[m.Row]]:
        try:
            return self._once(batch, parameters, until, line)
        except DBAPIError as error:
            if not error.connection_invalidated or time.monotonic() >= until:
                raise
        return self._once(
            batch, parameters, until, line
        )  # the pooled connection had died; reading again is safe

    def _once(self, batch: Batch, parameters: Parameters, until: float, line: Line) -> list[list[m.Row]]:
        self._here.line = line
        try:
            with self._engine.connect() as connection:
                return self._read(connection, batch, parameters, until)
        finally:
            line.hold(None)

    def _read(
        self, connection: Connection, batch: Batch, parameters: Parameters, until: float
    ) -> list[list[m.Row]]:
        try:
            self.prepare(connection, until)
            return [_rows(connection, each, parameters, until) for each in batch]
        except NONSENSE:
            connection.invalidate()  # nobody knows what would be read from it next
            raise


def _rows(
    connection: Connection, each: tuple[TextClause, int], parameters: Parameters, until: float
) -> list[m.Row]:
    """The rows of one statement; none is begun that must not end."""
    if time.monotonic() >= until:
        raise SourceTimeout("no time was left for all statements")
    statement, most = each
    with connection.execute(statement, named(statement, parameters)) as result:
        return [m.plain(row.items()) for row in result.mappings().fetchmany(most)]


def named(statement: TextClause, parameters: Parameters) -> dict[str, str]:
    """Only what the statement names: drivers refuse more."""
    return {key: parameters[key] for key in statement._bindparams}


def pool(source: Source) -> dict[str, Any]:
    """The arguments of an engine that are the same for every database."""
    size = min(POOL_SIZE, source.max_concurrent)
    return {
        "pool_size": size,
        "max_overflow": source.max_concurrent - size,
        "pool_timeout": source.timeout.total_seconds(),
        "pool_recycle": 1800,
        "hide_parameters": True,
    }
