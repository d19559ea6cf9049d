"""Sources that are MySQL or MariaDB: PyMySQL over a line that we opened, in sessions that cannot write.

What a session is told stands in `sql_session`. Rows are read one by one: a statement that finds too many costs neither
time nor memory. Does not cover what the account may do outside tables (write files on the server: FILE; hold locks
in a function): give it SELECT and nothing else.
"""

import socket
import time
from contextlib import closing
from typing import Any

from pymysql.cursors import SSCursor
from pymysql.err import Error
from sqlalchemy import URL, Connection, create_engine, event
from sqlalchemy.exc import DBAPIError

from connectors.errors import SourceBroken
from connectors.kinds import sql_session as words
from connectors.kinds.sql_address import Server
from connectors.kinds.sql_running import GRACE_SECONDS, NONSENSE, ThreadDatabase, pool
from field_registry import Source

_TIME, _BIT = 11, 16
"""Types of columns in the protocol."""

_UNKNOWN_VARIABLE = 1193


class MysqlDatabase(ThreadDatabase):
    """One MySQL or MariaDB. Raises `ImportError` when there is no driver."""

    def __init__(self, url: URL, source: Source, server: Server) -> None:
        words.check_url(url.query)
        self._seconds = source.timeout.total_seconds()
        # A little longer than the server's own limit, whose error leaves the connection usable.
        self._wait = self._seconds + GRACE_SECONDS
        self._server = server
        engine = create_engine(
            url.set(drivername="mysql+pymysql"),
            # One statement is one transaction: there is nothing to roll back when a connection is given back.
            isolation_level="AUTOCOMMIT",
            skip_autocommit_rollback=True,
            connect_args={
                "read_timeout": self._wait,
                "write_timeout": self._wait,
                "cursorclass": Unbuffered,
            },
            **pool(source),
        )
        event.listen(engine, "do_connect", self._connect, retval=True)
        super().__init__(engine, source)

    def prepare(self, connection: Connection, until: float) -> None:
        """Tell the session what it may do, whatever a function of the database told it meanwhile."""
        driver: Any = connection.connection.dbapi_connection
        self.line.hold(driver._sock)
        told = words.session(driver.get_server_info(), min(self._seconds, until - time.monotonic()))
        try:
            connection.exec_driver_sql(told)
        except DBAPIError as error:
            if error.orig is None or error.orig.args[:1] != (_UNKNOWN_VARIABLE,):
                raise
        else:
            return
        raise SourceBroken(words.TOO_OLD)

    def _connect(self, dialect: Any, _record: Any, args: Any, parameters: dict[str, Any]) -> Any:
        converters = dialect.loaded_dbapi.converters
        # A TIME is a time of the day in registers, and a BIT a yes or no; the driver has a span and bytes.
        decoders = {_TIME: converters.convert_time, _BIT: words.whole_number}
        parameters["conv"] = {**converters.conversions, **decoders}
        connection = dialect.connect(*args, **parameters, defer_connect=True)
        opened = self._server.connect(self._wait)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with closing(opened.dup()) as line:  # a handle that stays when TLS takes the socket over
            try:
                self.line.hold(line)
                connection.connect(opened)
            except BaseException:
                opened.close()
                raise
            finally:
                self.line.hold(None)
        self.line.hold(connection._sock)
        return connection


class Unbuffered(SSCursor):  # type: ignore[misc]
    """Gives rows as they come. When more come than were wanted, the line is closed instead of being read to the end."""

    connection: Any

    def close(self) -> None:
        """Be done with the result, however far it was read."""
        connection, result = self.connection, self._result
        self.connection = None
        if connection is None or result is None or not result.unbuffered_active:
            return
        if not self._is_at_end(connection, result):
            result.unbuffered_active, result.connection = False, None
            if connection.open:
                connection.close()

    __del__ = close

    @staticmethod
    def _is_at_end(connection: Any, result: Any) -> bool:
        try:
            return connection.open and result._read_rowdata_packet_unbuffered() is None
        except (Error, *NONSENSE):
            return False
