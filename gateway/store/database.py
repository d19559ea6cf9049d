"""The database as the stores see it: one function, one transaction, the same on SQLite and PostgreSQL.

A transaction runs whole on a thread of its own with a plain driver: handing each statement to an event loop costs more
CPU than the statements (measured: twice, on both databases). Work must therefore touch nothing of the loop.

SQLite: one writer connection (several starve one another for seconds); every write begins IMMEDIATE, so that what it
reads cannot change before it commits; WAL with synchronous=FULL, so that a commit is on disk. A second process on the
same file (a command beside the service) is safe: it waits its turn. The file must lie on a local disk.

PostgreSQL: statements end after `STATEMENT_SECONDS`. A server that is silent altogether is left after `patience`, and
the line to it is cut so that the thread comes free.

The log is read by everybody on two connections of its own, so that no crowd of readers keeps a gate waiting.

Whatever the driver raises leaves here as `StoreUnavailable`, except what the database refused: see `refusal_of`.
"""

import asyncio
import os
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from copy import copy
from datetime import timedelta
from typing import Any, Generic, Self, TypeVar

import structlog
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, SQLAlchemyError, StatementError

from gateway.errors import GatewayError, StoreUnavailable
from gateway.store import refusals

T = TypeVar("T")
log = structlog.get_logger(__name__)

STATEMENT_SECONDS = 3
_PATIENCE = timedelta(seconds=4)
_SQLITE_READERS = 4
_WRITER_CACHE_KIB = 8_000
"""Holds the upper pages of every index: with 20,000 people's consents (300 MB) a resolution reads 5 pages instead of 7
with SQLite's own 2,000, and 4 with 64,000. What readers hold is void with the next commit."""
_BROWSERS = 2
_MOST_BROWSING = 32
"""Reads of the log that may be under way or wait at once: some milliseconds each, so none outlasts its patience."""
_POSTGRES: dict[str, Any] = {
    "connect_timeout": STATEMENT_SECONDS,
    "options": f"-c statement_timeout={STATEMENT_SECONDS}s",
    # Firewalls forget idle connections without a word; a probe every half minute keeps or exposes them.
    "keepalives_idle": 30,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 8_000,
}


class Database:
    """Transactions over one URL. Building one opens nothing; after `close` the next use opens it again."""

    def __init__(self, url: str, *, pool_size: int = 8, patience: timedelta = _PATIENCE) -> None:
        parsed = make_url(url)
        self.is_sqlite = parsed.get_backend_name() == "sqlite"
        self._patience = patience.total_seconds()
        if self.is_sqlite:
            self._writer = _Lane(
                sqlite_engine(parsed, pool_size=1, begin="BEGIN IMMEDIATE", cache_kib=_WRITER_CACHE_KIB), 1
            )
            self._reader = _Lane(sqlite_engine(parsed, pool_size=_SQLITE_READERS), _SQLITE_READERS)
        else:
            self._writer = self._reader = _Lane(_postgres_engine(parsed, pool_size), pool_size)
        browsing = (sqlite_engine if self.is_sqlite else _postgres_engine)(parsed, pool_size=_BROWSERS)
        self._browser = _Lane(browsing, _BROWSERS, most=_MOST_BROWSING)
        self._outage = _Outage()
        self.stopped: str | None = None
        """Why nothing may be written any more; None while it may."""

    def for_readers(self) -> Self:
        """The same database for whoever reads the log: it reads on connections that nothing else waits for.

        Its `read` raises `Unavailable` at once when too many read already: better than to let them wait.
        """
        view = copy(self)
        view._reader = self._browser
        return view

    async def read(self, work: Callable[[Connection], T]) -> T:
        """What `work` reads. Each of its statements sees what was committed before it; there is no transaction."""
        try:
            return await self._run(self._reader, work, writes=False)
        except StoreUnavailable as error:
            if not _was_cut(error.__cause__):
                raise
        # The server was started again since this lane was used last; the pool drops its other connections as well.
        return await self._run(self._reader, work, writes=False)

    async def write(self, work: Callable[[Connection], T]) -> T:
        """What `work` gives in a write transaction: committed when it returns, rolled back when it raises.

        Cancelling the caller does not undo it. After `StoreUnavailable` nothing was written, unless the database fell
        silent during the very commit: then an entry may tell of something that was not released, never the reverse.
        """
        if self.stopped is not None:
            raise refusals.not_written_any_more(self.stopped)
        return await self._run(self._writer, work, writes=True)

    async def ping(self) -> None:
        """Nothing, or `StoreUnavailable`."""
        await self.read(lambda connection: connection.execute(text("SELECT 1")).close())

    async def weaknesses(self) -> list[str]:
        """What would lose committed entries when the server's machine is lost; raises `StoreUnavailable`."""
        return [] if self.is_sqlite else await self.read(_weaknesses)

    async def close(self) -> None:
        """Wait for what is running, then close every connection."""
        for lane in {self._writer, self._reader, self._browser}:
            await asyncio.to_thread(lane.close)

    async def _run(self, lane: "_Lane", work: Callable[[Connection], T], *, writes: bool) -> T:
        transaction = _Transaction(lane.engine if writes else lane.reading, work, writes=writes)
        try:
            async with asyncio.timeout(self._patience):
                result = await lane.run(transaction)
        except (
            SQLAlchemyError,
            OSError,
            UnicodeError,
            OverflowError,
        ) as error:  # a TimeoutError is an OSError
            transaction.give_up()
            refusal = refusals.log_busy() if lane.kept_waiting(transaction) else refusal_of(error)
            if refusal is not None:
                raise refusal from None  # the driver's sentence quotes what was to be stored
            self._outage.begins(error)
            raise refusals.unavailable() from error
        self._outage.ends()
        return result


def refusal_of(error: Exception) -> GatewayError | None:
    """What the database refused, for the caller to act on; None when it is the database that is in trouble."""
    if isinstance(error, IntegrityError):
        return refusals.already_recorded()
    not_by_driver = isinstance(error, StatementError) and not isinstance(error, DBAPIError)
    if not_by_driver or isinstance(error, DataError | UnicodeError | OverflowError):
        return refusals.not_storable()
    return None


def _was_cut(error: BaseException | None) -> bool:
    return isinstance(error, DBAPIError) and error.connection_invalidated


class _Outage:
    """Logged once when it begins and once when it ends."""

    def __init__(self) -> None:
        self._lasts = False

    def begins(self, error: Exception) -> None:
        if not self._lasts:
            log.error("store_unavailable", error=type(error).__name__)
        self._lasts = True

    def ends(self) -> None:
        if self._lasts:
            log.info("store_available_again")
            self._lasts = False


class _Lane:
    """An engine and as many threads as it has connections, so that no thread waits for a connection.

    `reading`: the same connections without a transaction, which would cost two round trips more. `most`: how many may
    be under way or wait at once; further ones are refused.
    """

    def __init__(self, engine: Engine, size: int, *, most: int | None = None) -> None:
        self.engine = engine
        self._most = most
        self._under_way = 0
        self.reading = (
            engine if _is_sqlite(engine) else engine.execution_options(isolation_level="AUTOCOMMIT")
        )
        self._size = size
        self.threads = self._new_threads()

    async def run(self, transaction: "_Transaction[T]") -> T:
        if self._most is not None and self._under_way >= self._most:
            raise refusals.log_busy()
        self._under_way += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self.threads, transaction.run)
        finally:
            self._under_way -= 1

    def kept_waiting(self, transaction: "_Transaction[Any]") -> bool:
        """Whether it is this lane that was full, and not the database that is away."""
        return self._most is not None and not transaction.has_begun

    def close(self) -> None:
        closing, self.threads = self.threads, self._new_threads()
        closing.shutdown()
        self.engine.dispose()

    def _new_threads(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self._size, thread_name_prefix="store")  # starts none before it is used


class _Transaction(Generic[T]):
    """One transaction on its thread, which the loop may give up."""

    def __init__(self, engine: Engine, work: Callable[[Connection], T], *, writes: bool) -> None:
        self._engine = engine
        self._work = work
        self._writes = writes
        self._given_up = False
        self.has_begun = False
        self._at_work: Connection | None = None
        self._lock = (
            threading.Lock()
        )  # a line is cut while it is this transaction's, not when it is the next one's

    def run(self) -> T:
        self.has_begun = True
        with self._engine.connect() as connection:
            self._at_work = connection
            try:
                result = self._work(connection)
                if self._given_up:
                    raise TimeoutError
                if self._writes:
                    connection.commit()
                return result
            finally:
                connection.rollback()  # here, where a silent server can still be left; nothing after a commit
                with self._lock:
                    self._at_work = None

    def give_up(self) -> None:
        """Let nothing be committed any more, and wake the thread if it waits for a silent server."""
        self._given_up = True
        with self._lock:
            if self._at_work is not None and not _is_sqlite(self._engine):
                _cut(self._at_work)


# What each setting must be, and what to do. A release is answered once its entry is committed: an entry that is lost
# afterwards, with the disk it was on, is a release that nobody can account for.
_DURABLE = {
    "fsync": ("on", "Set fsync = on: a power failure would lose committed entries."),
    "full_page_writes": ("on", "Set full_page_writes = on: a power failure would corrupt the database."),
    "synchronous_commit": (
        "on remote_apply",
        "Set synchronous_commit = on: entries count as committed too early.",
    ),
}
_NO_STANDBY = (
    "Set synchronous_standby_names: without a synchronous standby a lost disk loses committed entries."
)


def _weaknesses(connection: Connection) -> list[str]:
    said = [
        remedy
        for name, (wanted, remedy) in _DURABLE.items()
        if str(connection.scalar(text(f"SHOW {name}"))) not in wanted.split()
    ]
    standby = connection.scalar(text("SHOW synchronous_standby_names"))
    return said if standby else [*said, _NO_STANDBY]


def _is_sqlite(engine: Engine) -> bool:
    return engine.dialect.name == "sqlite"


def _cut(connection: Connection) -> None:
    with suppress(SQLAlchemyError, OSError):
        descriptor = os.dup(connection.connection.driver_connection.fileno())  # type: ignore[union-attr]
        with socket.socket(fileno=descriptor) as line:
            line.shutdown(socket.SHUT_RDWR)


def sqlite_engine(
    url: URL,
    *,
    pool_size: int,
    begin: str | None = None,
    foreign_keys: bool = True,
    wait_seconds: int = STATEMENT_SECONDS,
    cache_kib: int = 2_000,
) -> Engine:
    """An engine on a SQLite file whose transactions begin with `begin`; None: each statement for itself."""
    # Whatever driver the URL names, it is the standard library's that is used.
    # Named parameters, as on PostgreSQL: rows are the same mappings on both.
    engine = create_engine(
        url.set(drivername=f"sqlite+{_BeginsItself.driver}"),
        begin=begin,
        pool_size=pool_size,
        max_overflow=0,
        hide_parameters=True,
        paramstyle="named",
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # the driver must not begin transactions of its own
        waits = f"busy_timeout={wait_seconds * 1000}"
        references = f"foreign_keys={int(foreign_keys)}"
        cache = f"cache_size=-{cache_kib}"
        for pragma in (waits, "journal_mode=WAL", "synchronous=FULL", references, cache):
            connection.execute(f"PRAGMA {pragma}").close()

    return engine


class _BeginsItself(SQLiteDialect_pysqlite):
    """The standard library's SQLite, in transactions that begin with `begin`; None: each statement for itself.

    A dialect of our own, where an event would do: an engine with one listener asks for listeners at every statement,
    which is a fifth of what SQLAlchemy costs here.
    """

    driver = "oncegate"
    supports_statement_cache = True

    def __init__(self, begin: str | None = None, **options: Any) -> None:
        super().__init__(**options)
        self._begin = begin

    def do_begin(self, dbapi_connection: Any) -> None:
        """See `sqlalchemy.engine.Dialect`; what it raises is wrapped as what a statement raises."""
        if self._begin is not None:
            dbapi_connection.cursor().execute(self._begin).close()


registry.register(f"sqlite.{_BeginsItself.driver}", __name__, _BeginsItself.__name__)


def _postgres_engine(url: URL, pool_size: int) -> Engine:
    # What the URL says for itself wins: a connection pooler in between may refuse `options`.
    given = {name: value for name, value in _POSTGRES.items() if name not in url.query}
    return create_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=STATEMENT_SECONDS,
        connect_args=given,
        hide_parameters=True,
    )
