"""Sources that are databases: one SELECT per subject with bound parameters, on connections that cannot write.

SQLite opens with `mode=ro` and `query_only`; PostgreSQL (also openGauss and Kingbase) with
`default_transaction_read_only` and a statement timeout; MySQL and MariaDB (`sql_mysql`) with read-only transactions
and the limit that each of them knows.
PostgreSQL is asked from the event loop; the others, whose drivers block, from threads (`sql_running`).
What may be asked and how rows are read is pure and stands in `sql_mapping`; where a database may live is judged in
`sql_address`.
Does not cover a database function with side effects outside its database.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from sqlalchemy import URL, Connection, TextClause, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.util import await_only

from connectors.errors import BadConfiguration, SourceBroken, SourceDenied, SourceFault, SourceTimeout
from connectors.kinds import sql_mapping as m
from connectors.kinds.sql_address import Server, check_parameters
from connectors.kinds.sql_running import NONSENSE, Batch, Database, Parameters, ThreadDatabase, named, pool
from connectors.load import load_schema
from connectors.protocol import Connector, Environment, Health, Reply
from connectors.substitution import FromPlace, file_path
from field_registry import Ask, Source, Subject

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

name = "sql"
config_schema = load_schema(name)

HEALTH_SECONDS = 5.0

_COMPARES_LOOSELY = frozenset({"mysql", "mariadb"})
"""Databases where `column = :id_no` may be true of another's number: by collation, or compared as floating numbers."""
_TOOK_TOO_LONG = frozenset({"57014", "SQLITE_INTERRUPT", 1317, 1969, 3024})
_REFUSED_US = frozenset(
    {"42501", "28P01", "28000", "SQLITE_AUTH"}
    # MySQL: the database, password, table, column; a privilege; a routine; MariaDB: no password, the account locked
    | {1044, 1045, 1142, 1143, 1227, 1370, 1698, 4151}
    | {3118, 1820, 1862}  # MySQL: the account locked, its password expired
)


def build(source: Source, environment: Environment) -> Connector:
    """A connector to that database; opens nothing. Raises `BadConfiguration`, also for a missing driver."""
    return SqlConnector(source, environment)


class SqlConnector:
    """One database. See `connectors.protocol` for what every connector promises."""

    def __init__(self, source: Source, environment: Environment) -> None:
        config = source.config
        self._id = source.id
        self._query = _statement(config["query"], "query")
        self._rows = {key: _statement(query, f"rows.{key}") for key, query in config.get("rows", {}).items()}
        self._about = m.about_columns(config)
        self._database = _database(_url(config, environment), source, environment)
        self._closed = False

    def __repr__(self) -> str:
        """The source's id; an address may hold a password."""
        return f"SqlConnector({self._id})"

    async def fetch(self, subject: Subject, asks: Sequence[Ask], deadline: float) -> Sequence[Reply]:
        """One reply per ask, in order; one statement, and one more per repeating item asked for."""
        names = m.rows_wanted(asks, self._rows)
        # Two rows are enough to know that there is more than one.
        batch = [(self._query, 2), *((self._rows[key], m.MAX_ROWS + 1) for key in names)]
        about = {"id_no": subject.id_no, "id_type": subject.id_type, "issuer": subject.issuer}
        records, *lists = await self._run(batch, about, deadline)
        if any(len(rows) > m.MAX_ROWS for rows in lists):
            raise SourceBroken(f"a rows statement gave more than {m.MAX_ROWS} rows for one subject")
        by_name = dict(zip(names, lists, strict=True))
        return m.interpret(records, by_name, asks, subject, self._about)

    async def health(self) -> Health:
        """Whether the database answers SELECT 1."""
        try:
            await self._run([(text("SELECT 1"), 1)], {}, asyncio.get_running_loop().time() + HEALTH_SECONDS)
        except SourceFault as fault:
            return Health(False, str(fault))
        return Health(True)

    async def close(self) -> None:
        """Drop every connection."""
        if not self._closed:
            self._closed = True
            await self._database.close()

    async def _run(self, batch: Batch, parameters: Parameters, deadline: float) -> list[list[m.Row]]:
        """Every statement's rows. Faults are raised outside the handler: the driver's error holds the parameters."""
        if self._closed:
            raise SourceBroken("the connector is closed")
        if deadline <= asyncio.get_running_loop().time():
            raise SourceTimeout("no time was left to ask the database")
        try:
            async with asyncio.timeout_at(deadline):
                return await self._database.run(batch, parameters, deadline)
        except TimeoutError:
            fault: SourceFault = SourceTimeout("the database did not answer in time")
        except (SQLAlchemyError, OSError, *NONSENSE) as error:
            fault = _fault(error)
        raise fault


class _AsyncDatabase:
    """PostgreSQL."""

    def __init__(self, engine: "AsyncEngine") -> None:
        self._engine = engine

    async def run(self, batch: Batch, parameters: Parameters, deadline: float) -> list[list[m.Row]]:
        try:
            return await self._once(batch, parameters)
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise
        return await self._once(batch, parameters)  # the pooled connection had died; reading again is safe

    async def _once(self, batch: Batch, parameters: Parameters) -> list[list[m.Row]]:
        async with self._engine.connect() as connection:
            gathered = []
            for statement, most in batch:
                result = await connection.execute(statement, named(statement, parameters))
                gathered.append([m.plain(row.items()) for row in result.mappings().fetchmany(most)])
            return gathered

    async def close(self) -> None:
        await self._engine.dispose()


class _Sqlite(ThreadDatabase):
    """A file."""

    def prepare(self, connection: Connection, until: float) -> None:
        """SQLite asks as it works whether its time is over."""
        connection.info[_LIMIT].until = until


class _Limit:
    """When the statement under way on one SQLite connection must end; read by SQLite itself as it works."""

    __slots__ = ("until",)

    def __init__(self) -> None:
        self.until = float("inf")

    def is_over(self) -> int:
        return int(time.monotonic() > self.until)


_LIMIT = "oncegate_limit"


def _statement(query: str, where: str) -> TextClause:
    clause = text(m.check_statement(query, where))
    m.check_parameters(list(clause.compile().params), where)
    return clause


def _url(config: Mapping[str, Any], environment: Environment) -> URL:
    try:
        url = make_url(config["url"])
    except ArgumentError:
        raise BadConfiguration(
            "url: is not like postgresql://user@host/database or sqlite:///file.db"
        ) from None
    if "password" in config:
        secret = environment.secrets.get(config["password"]["secret"])
        if not secret:
            raise BadConfiguration(f"password.secret: no secret is named {config['password']['secret']!r}")
        url = url.set(password=secret)
    if url.get_backend_name() != "sqlite":
        return url
    if not url.database or url.database == ":memory:":
        raise BadConfiguration("url: sqlite needs a file, as in sqlite:///register.db")
    file = FromPlace(url.database) if isinstance(config["url"], FromPlace) else url.database
    return url.set(database=str(file_path(file, environment, "url")))


def _database(url: URL, source: Source, environment: Environment) -> Database:
    makers: dict[str, Callable[[], Database]] = {
        "sqlite": lambda: _sqlite(url, source),
        "postgresql": lambda: _postgresql(url, source, _server(url, "postgresql", 5432, environment)),
        "postgres": lambda: _postgresql(url, source, _server(url, "postgresql", 5432, environment)),
        "mysql": lambda: _mysql(url, source, _server(url, "mysql", 3306, environment)),
        "mariadb": lambda: _mysql(url, source, _server(url, "mysql", 3306, environment)),
    }
    backend = url.drivername.partition("+")[0]
    if backend not in makers:
        raise BadConfiguration(
            f"url: {backend!r} is not a database we speak. Known: sqlite, postgresql, mysql, mariadb"
        )
    if backend in _COMPARES_LOOSELY:
        m.check_loose_rows(source.config)
    try:
        return makers[backend]()
    except ImportError as error:
        extra = "mysql" if backend in _COMPARES_LOOSELY else "postgres"
        raise BadConfiguration(f"url: {backend} needs a driver; install oncegate[{extra}]") from error


def _server(url: URL, database: str, port: int, environment: Environment) -> Server:
    check_parameters(database, url.query)
    if not url.host:  # the driver would take a socket of this machine, or what its environment says
        raise BadConfiguration("url: names no host")
    return Server(url.host, url.port or port, environment)


def _sqlite(url: URL, source: Source) -> Database:
    place = URL.create(
        "sqlite", database="file:" + quote(str(url.database)), query={"mode": "ro", "uri": "true"}
    )
    engine = create_engine(place, isolation_level="AUTOCOMMIT", **pool(source))
    event.listen(engine, "connect", _harden_sqlite)
    return _Sqlite(engine, source)


def _harden_sqlite(connection: Any, entry: ConnectionPoolEntry) -> None:
    connection.execute("PRAGMA query_only=ON")
    limit = entry.info[_LIMIT] = _Limit()
    connection.set_progress_handler(
        limit.is_over, 10_000
    )  # every 10,000 steps of its machine, about a millisecond


def _postgresql(url: URL, source: Source, server: Server) -> Database:
    from sqlalchemy.ext.asyncio import create_async_engine  # brings the whole ORM along: a fifth of the start

    seconds = source.timeout.total_seconds()
    options = f"-c default_transaction_read_only=on -c statement_timeout={int(seconds * 1000)}"
    engine = create_async_engine(
        url.set(drivername="postgresql+psycopg"),
        # One statement is one transaction, read-only by the option: no BEGIN and ROLLBACK around each.
        isolation_level="AUTOCOMMIT",
        connect_args={
            "options": options,
            "connect_timeout": max(2, int(seconds)),
            "application_name": "oncegate",
        },
        **pool(source),
    )

    @event.listens_for(engine.sync_engine, "do_connect")
    def _pin(_dialect: Any, _record: Any, _args: Any, parameters: dict[str, Any]) -> None:
        addresses = await_only(server.look_up_soon())
        # The name stays beside each address: certificates are judged by it.
        parameters["host"] = ",".join([parameters["host"]] * len(addresses))
        parameters["hostaddr"] = ",".join(addresses)

    return _AsyncDatabase(engine)


def _mysql(url: URL, source: Source, server: Server) -> Database:
    from connectors.kinds.sql_mysql import MysqlDatabase  # its driver is an extra

    return MysqlDatabase(url, source, server)


def _fault(error: BaseException) -> SourceFault:
    """The fault for a driver's error, by its code alone: its text holds the statement's parameters."""
    if isinstance(error, PoolTimeout):
        return SourceTimeout("no connection to the database became free in time")
    original = error.orig if isinstance(error, DBAPIError) else error
    # MySQL's SQLSTATE says little ("HY000"); its number, the first argument, says more.
    first = original.args[0] if original is not None and original.args else None
    code = first if isinstance(first, int) else getattr(original, "sqlstate", None)
    code = code or getattr(original, "sqlite_errorname", None)
    if code in _TOOK_TOO_LONG:
        return SourceTimeout("the database ended the statement: it took too long")
    if code in _REFUSED_US:
        return SourceDenied("the database refused us")
    return SourceBroken(f"the database query failed ({type(error).__name__}, {code or 'no code'})")
