"""Connections to one source that stay open between requests: one request at a time, a bound on what comes back.

The event loop speaks TCP and TLS and httptools (llhttp) reads the answers; ours is what a source may do to us. What it
sends unasked is nobody's answer and ends its connection; more than the limit is not waited for; where an answer ends
is never guessed. Nothing is raised: what went wrong is a `Failure`, to which no address and no content clings.
"""

import asyncio
import select
import ssl
from enum import Enum
from typing import cast

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from connectors.http_messages import HttpAnswer

IDLE_SECONDS = 30.0
"""How long an unused connection is kept. Firewalls and servers forget them after a minute or more."""

_MOST_AROUND = 64_000
"""Bytes in a row that are no body: a head, a trailer, what is between chunks. A register's head has some hundred."""


class Failure(Enum):
    """Why there is no answer, in words that may be told."""

    timed_out = "the source did not answer in time"
    unreachable = "the connection to the source failed"
    """Before any byte of an answer came: a read may be tried once more."""
    hung_up = "the source closed the connection"
    """The same on a connection that served before: that it was old says nothing about the address."""
    cut_short = "the answer broke off"
    too_large = "the answer is larger than the limit"
    unusable = "the request could not be sent"


class Line(asyncio.Protocol):
    """One connection. `ask` only while `is_open` and nothing else is asked."""

    def __init__(self, loop: asyncio.AbstractEventLoop, limit: int) -> None:
        self._loop, self._limit = loop, limit
        self._parser = HttpResponseParser(self)
        self._transport: asyncio.Transport
        self._told: asyncio.Future[HttpAnswer | Failure] | None = None
        self._has_served = False
        self._body: bytes | bytearray
        self.is_open = False
        self.idle_since = 0.0
        self._begin()

    def ask(self, message: bytes) -> "asyncio.Future[HttpAnswer | Failure]":
        """What becomes of that request. Whoever stops waiting must `drop` the line."""
        self._begin()
        self._told = told = self._loop.create_future()
        self._transport.write(message)
        return told

    def time_out(self) -> None:
        """Give up the request under way."""
        self._fail(Failure.timed_out)

    def is_quiet(self) -> bool:
        """Whether nothing waits to be read: neither its end nor what would be taken for the answer of the next."""
        return not self._unread.poll(0)

    def drop(self) -> None:
        """Cut the connection at once."""
        self.is_open = False
        self._transport.abort()

    # ---- what the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The line is there."""
        self._transport, self.is_open = cast("asyncio.Transport", transport), True
        self._unread = select.poll()
        self._unread.register(transport.get_extra_info("socket").fileno(), select.POLLIN)

    def data_received(self, data: bytes) -> None:
        """A piece of an answer, or something that nobody asked for."""
        if self._told is None or self._told.done():
            self.drop()
            return
        self._has_begun = True
        self._around += len(data)
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade):
            self._fail(Failure.cut_short)
        if self._around > _MOST_AROUND:
            self._fail(Failure.too_large)

    def eof_received(self) -> None:
        """The source has said all: an answer without a length ends here. Over TLS (on uvloop) only its word counts."""
        self.is_open = False
        if self._told is not None and self._has_head and not self._has_end:
            self._tell()

    def connection_lost(self, error: Exception | None) -> None:
        """The connection is gone, by whomever."""
        self.is_open = False
        if self._has_begun:
            self._settle(Failure.cut_short)
        else:
            self._settle(Failure.hung_up if self._has_served else Failure.unreachable)

    # ---- what the parser calls

    def on_message_begin(self) -> None:
        """Another answer begins: the one that was asked for, or after an interim one; else it was not asked for."""
        if self._told is None or self._told.done():
            self.drop()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Whether the answer says where it ends, and if it says so, whether that is too far."""
        size = len(name)
        if size == _LENGTH and name.lower() == b"content-length":
            self._has_end = True
            if value.isdigit() and int(value[:18]) > self._limit:
                self._fail(Failure.too_large)
        elif size == _CODING and name.lower() == b"transfer-encoding":
            self._has_end = True

    def on_headers_complete(self) -> None:
        """The head is complete; what follows is counted as body."""
        self._has_head = True

    def on_body(self, body: bytes) -> None:
        """A piece of the body, never kept beyond the limit."""
        self._around = 0
        if len(self._body) + len(body) > self._limit:
            self._fail(Failure.too_large)
        elif not self._body:
            self._body = body  # mostly all of it: nothing is copied
        elif isinstance(self._body, bytearray):
            self._body += body
        else:
            self._body = bytearray(self._body) + body

    def on_message_complete(self) -> None:
        """The answer is whole. An interim one (RFC 9110 section 15.2) only says that there will be one."""
        status = self._parser.get_status_code()
        if status == _SWITCHED:
            self._fail(Failure.cut_short)
            return
        if 100 <= status < 200:
            self._begin()
            self._has_begun = True
            return
        # A source that answers before it has heard all may take the rest for a request.
        if not self._parser.should_keep_alive() or self._transport.get_write_buffer_size():
            self.drop()
        self._tell()

    # ----

    def _begin(self) -> None:
        self._has_begun = self._has_head = self._has_end = False
        self._around = 0
        self._body = b""

    def _tell(self) -> None:
        self._has_served = True
        self._settle(HttpAnswer(self._parser.get_status_code(), bytes(self._body)))

    def _fail(self, failure: Failure) -> None:
        self._settle(failure)
        self.drop()

    def _settle(self, outcome: HttpAnswer | Failure) -> None:
        """Told once; an unused connection keeps nothing about anybody."""
        told, self._told, self._body = self._told, None, b""
        if told is not None and not told.done():
            told.set_result(outcome)


_SWITCHED = 101  # to another protocol, which nobody asked for: what follows is no HTTP
_LENGTH, _CODING = len(b"content-length"), len(b"transfer-encoding")


class Lines:
    """The connections to one address, on one event loop. `tls`: None speaks plainly; `name`: whose certificate."""

    def __init__(
        self, address: str, port: int, *, limit: int, tls: ssl.SSLContext | None = None, name: str = ""
    ) -> None:
        self._loop = asyncio.get_running_loop()  # asking for it costs a system call (on Python 3.11)
        self._address, self._port, self._limit = address, port, limit
        self._tls, self._name = tls, name
        self._idle: list[Line] = []
        self._busy: set[Line] = set()
        self._closed = False

    async def exchange(self, message: bytes, deadline: float, *, anew: bool = False) -> HttpAnswer | Failure:
        """What becomes of that request by `deadline` (event-loop time). `anew`: over a connection of its own."""
        now = self._loop.time()
        if now >= deadline:
            return Failure.timed_out
        line = None if anew else self._idle_line(now)
        if line is None:
            found = await self._connect(deadline)
            if isinstance(found, Failure):
                return found
            line = found
        told = line.ask(message)
        self._busy.add(line)
        patience = self._loop.call_at(deadline, line.time_out)
        try:
            return await told
        finally:
            patience.cancel()
            # After one of its own, one spare is enough: nobody else may come and clear them away.
            self._give_back(
                line, self._loop.time(), may_keep=not told.cancelled() and not (anew and self._idle)
            )

    def now(self) -> float:
        """The time by which deadlines are told."""
        return self._loop.time()

    def close(self, *, at_once: bool = False) -> None:
        """Keep no connection any more. `at_once`: those under way are cut; else they end with their request."""
        self._closed = True
        lines, self._idle = [*self._idle, *(self._busy if at_once else ())], []
        for line in lines:
            line.drop()

    def _idle_line(self, now: float) -> Line | None:
        """The one used last: the others may grow old and be closed."""
        while self._idle and self._idle[0].idle_since < now - IDLE_SECONDS:
            self._idle.pop(0).drop()
        while self._idle:
            line = self._idle.pop()
            if line.is_open and line.is_quiet():
                return line
            line.drop()
        return None

    def _give_back(self, line: Line, now: float, *, may_keep: bool) -> None:
        """An answer that nobody waits for must not be the next one's."""
        self._busy.discard(line)
        if not line.is_open:
            return
        if self._closed or not may_keep:
            line.drop()
            return
        line.idle_since = now
        self._idle.append(line)

    async def _connect(self, deadline: float) -> Line | Failure:
        try:
            async with asyncio.timeout_at(deadline):
                _, line = await self._loop.create_connection(
                    lambda: Line(self._loop, self._limit),
                    self._address,
                    self._port,
                    ssl=self._tls,
                    server_hostname=self._name if self._tls else None,
                )
        except TimeoutError:
            return Failure.timed_out
        except OSError:  # of which the faults of certificates are some
            return Failure.unreachable
        return line
