"""The registers as they run: an HTTP listener, a database file, a dropped file. Each can be given faults.

What the rest of the process knows of a register is its source, the place it publishes and `inflict`.
"""

import asyncio
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import groupby
from pathlib import Path
from typing import Protocol

import uvicorn
from starlette.types import ASGIApp

from gateway.demo.departments.base import Database, FileDrop, HttpService
from gateway.demo.errors import NoSuchFault
from gateway.demo.faults import Fault, FaultKind
from gateway.demo.records import City
from gateway.demo.services import build_service

HOST = "127.0.0.1"


class Register(Protocol):
    """One running register. `address`: what connectors need to know of it."""

    source: str
    place: str

    @property
    def address(self) -> str:
        """A URL or a path."""
        ...

    @property
    def calls(self) -> int:
        """How many calls reached it; 0 where nobody counts."""
        ...

    async def start(self) -> None:
        """Make it ready to be asked."""
        ...

    async def inflict(self, fault: Fault) -> None:
        """Give it that fault instead of the one it has. Raises `NoSuchFault` for one it cannot have."""
        ...

    async def stop(self) -> None:
        """Let go of everything."""
        ...


class Listener:
    """One application on a loopback port of its own, which it keeps while it is closed and opened again."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.port = 0
        self._server: _QuietServer | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """The address, without a slash at the end."""
        return f"http://{HOST}:{self.port}"

    async def open(self) -> None:
        """Listen; does nothing when already listening."""
        if self._server is not None:
            return
        bound = socket.socket()
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((HOST, self.port))
        self.port = bound.getsockname()[1]
        config = uvicorn.Config(
            self._app,
            log_level="critical",  # who slowed a register and leaves gets a traceback per waiting call otherwise
            access_log=False,
            lifespan="off",
            ws="none",
            date_header=False,
            timeout_graceful_shutdown=1,
        )
        self._server = _QuietServer(config)
        self._task = asyncio.create_task(self._server.serve(sockets=[bound]))
        await self._server.ready.wait()

    async def close(self) -> None:
        """Refuse connections from now on and end those that are open."""
        if self._server is not None and self._task is not None:
            self._server.force_exit = True
            self._server.should_exit = True
            await self._task
            self._server = None


class _QuietServer(uvicorn.Server):
    """A server that leaves signals to the process it is one of many in, and says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class HttpRegister:
    """A register asked over HTTP."""

    def __init__(self, service: HttpService, city: City, secret: str) -> None:
        self.source, self.place = service.source, service.place
        self._app = build_service(service, city, secret)
        self._listener = Listener(self._app)

    @property
    def address(self) -> str:
        """Its base URL."""
        return self._listener.url

    @property
    def calls(self) -> int:
        """How many look-ups reached it."""
        return self._app.calls

    async def start(self) -> None:
        """Listen."""
        await self._listener.open()

    async def inflict(self, fault: Fault) -> None:
        """Every fault is possible; `down` closes the socket."""
        self._app.fault = fault
        await (self._listener.close() if fault.kind is FaultKind.down else self._listener.open())

    async def stop(self) -> None:
        """Stop listening."""
        await self._listener.close()


class DatabaseRegister:
    """A register that is an SQLite database. `down` and `error` take its tables away, `slow` locks it."""

    calls = 0

    def __init__(self, database: Database, city: City, directory: Path) -> None:
        self.source, self.place = database.source, database.place
        self._database, self._city = database, city
        self._path = (directory / f"{database.source}.sqlite").resolve()
        self._lock: sqlite3.Connection | None = None
        self._is_away = False

    @property
    def address(self) -> str:
        """Its SQLAlchemy URL."""
        return f"sqlite:///{self._path}"

    async def start(self) -> None:
        """Write the database anew."""
        self._path.unlink(missing_ok=True)
        with closing(self._connect()) as connection:
            connection.execute("PRAGMA synchronous = OFF")  # it is made anew at every start
            connection.execute("BEGIN")
            for table, columns in self._database.tables.items():
                connection.execute(f"CREATE TABLE {table} ({columns})")
            rows = sorted(self._database.rows(self._city), key=lambda pair: pair[0])
            for table, pairs in groupby(rows, key=lambda pair: pair[0]):
                values = [row for _, row in pairs]
                marks = ", ".join("?" * len(values[0]))
                connection.executemany(f"INSERT INTO {table} VALUES ({marks})", values)  # noqa: S608 -- our own tables
            connection.execute("COMMIT")

    async def inflict(self, fault: Fault) -> None:
        """`down`, `error` and `slow` are possible."""
        _check(self.source, fault, {FaultKind.down, FaultKind.error, FaultKind.slow})
        self._unlock()
        self._put_away(fault.kind in (FaultKind.down, FaultKind.error))
        if fault.kind is FaultKind.slow:
            self._lock = self._connect()
            self._lock.execute("BEGIN EXCLUSIVE")
            asyncio.get_running_loop().call_later(fault.seconds, self._unlock)

    async def stop(self) -> None:
        """Let go of the lock, if any."""
        self._unlock()

    def _put_away(self, away: bool) -> None:
        """Rename the tables, so that connections that are open already notice too."""
        if away == self._is_away:
            return
        old, new = ("", "_away") if away else ("_away", "")
        with closing(self._connect()) as connection:
            for table in self._database.tables:
                connection.execute(f"ALTER TABLE {table}{old} RENAME TO {table}{new}")
        self._is_away = away

    def _unlock(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path, isolation_level=None)


class DropRegister:
    """A register that is a file replaced now and then. `down` takes it away, `garbage` spoils it."""

    calls = 0

    def __init__(self, drop: FileDrop, city: City, directory: Path) -> None:
        self.source, self.place = drop.source, drop.place
        self._drop, self._city = drop, city
        self._path = (directory / f"{drop.source}{drop.suffix}").resolve()

    @property
    def address(self) -> str:
        """Its path."""
        return str(self._path)

    async def start(self) -> None:
        """Write the file, and put it where it is read in one step."""
        fresh = self._path.with_name(f"new-{self._path.name}")
        self._drop.write(self._city, fresh)
        fresh.replace(self._path)

    async def inflict(self, fault: Fault) -> None:
        """`down` and `garbage` are possible."""
        _check(self.source, fault, {FaultKind.down, FaultKind.garbage})
        if fault.kind is FaultKind.down:
            self._path.unlink(missing_ok=True)
        elif fault.kind is FaultKind.garbage:
            self._path.write_bytes(b"\xff\xfe\x00garbage")
        else:
            await self.start()

    async def stop(self) -> None:
        """Nothing is held."""


def _check(source: str, fault: Fault, possible: set[FaultKind]) -> None:
    if fault.kind is not FaultKind.none and fault.kind not in possible:
        raise NoSuchFault(
            f"{source} cannot have the fault {fault.kind}; it can have: {', '.join(sorted(possible))}"
        )
