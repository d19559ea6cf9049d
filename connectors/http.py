"""The one way out over HTTP: every request has a deadline, a size limit and a checked address.

Promises: no redirect is followed; no proxy of the environment is used; nothing is decompressed (we ask for plain
answers, so a bomb stays small); the name is resolved by us, judged, and the judged address is the one connected to,
until it is resolved again; a read is retried once, only when the connection failed before any byte of an answer;
no error quotes an address, a body or the client library's message (which holds the whole URL).
"""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence

from connectors.addresses import address_refusal, is_address, may_connect, parse_networks
from connectors.errors import BadConfiguration, SourceBroken, SourceTimeout
from connectors.http_line import Failure, Lines
from connectors.http_messages import HttpAnswer, HttpRequest
from connectors.http_origin import Origin, parse_origin
from connectors.protocol import Environment
from connectors.substitution import file_path

PIN_SECONDS = 300.0
"""How long a judged address is used before its name is resolved again."""

Resolver = Callable[[str, int], Awaitable[Sequence[str]]]
"""Host and port → IP addresses as text, best first."""


async def resolve_by_system(host: str, port: int) -> Sequence[str]:
    """The addresses the operating system knows for that name."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


class HttpClient:
    """The connection pool to one origin, with every limit applied. Opens nothing until the first request."""

    def __init__(
        self,
        base_url: str,
        environment: Environment,
        *,
        tls: Mapping[str, str] | None = None,
        resolver: Resolver = resolve_by_system,
    ) -> None:
        self._origin: Origin = parse_origin(base_url)
        self._host = self._origin.host
        self.base_url = self._origin.base_url
        """Without a trailing slash; request paths are appended to it."""
        self._environment, self._resolver = environment, resolver
        self._tls = {what: file_path(path, environment, f"tls.{what}") for what, path in (tls or {}).items()}
        self._networks = parse_networks(environment.allowed_networks)
        self._is_literal = is_address(self._host)
        if self._is_literal and not self._may_connect(self._host):
            raise BadConfiguration(address_refusal("base_url", self._host))
        self._lines: Lines | None = None
        self._pinned, self._pinned_until, self._avoided = "", 0.0, ""
        self._pinning = asyncio.Lock()
        self._closed = False

    async def send(self, request: HttpRequest, deadline: float) -> HttpAnswer:
        """The answer, whatever its status; raises `SourceTimeout` or `SourceBroken`."""
        message = self._origin.message(request)
        if message is None:
            raise _fault(Failure.unusable)
        failure = Failure.unreachable
        # What may not be repeated never meets a connection that the source is about to close.
        anew = not request.is_read
        for _ in range(2 if request.is_read else 1):
            lines = self._lines
            if lines is None or not (self._is_literal or lines.now() < self._pinned_until):
                lines = await self._current(deadline)
            outcome = await lines.exchange(message, deadline, anew=anew)
            if isinstance(outcome, HttpAnswer):
                return outcome
            failure, anew = outcome, True
            if failure is Failure.unreachable:
                self._avoided, self._pinned_until = self._pinned, 0.0  # the host may have moved
            elif failure is not Failure.hung_up:
                break
        raise _fault(failure)

    async def close(self) -> None:
        """Drop every connection; `send` afterwards raises `SourceBroken`. Calling twice is harmless."""
        self._closed = True
        lines, self._lines = self._lines, None
        if lines is not None:
            lines.close(at_once=True)

    async def _current(self, deadline: float) -> Lines:
        """Connections to a judged address, resolving the name when the pin has run out."""
        if self._closed:
            raise SourceBroken("the connector is closed")
        loop = asyncio.get_running_loop()
        remaining = deadline - loop.time()
        try:
            async with asyncio.timeout(max(remaining, 0)):
                async with self._pinning:
                    return await self._pin(loop)
        except TimeoutError:
            pass
        raise SourceTimeout("the source's name was not resolved in time")

    async def _pin(self, loop: asyncio.AbstractEventLoop) -> Lines:
        if self._lines is not None and (self._is_literal or loop.time() < self._pinned_until):
            return self._lines  # another request resolved it while this one waited for the lock
        address = self._host if self._is_literal else await self._judged_address()
        if self._lines is None or address != self._pinned:
            if self._lines is not None:
                self._lines.close()  # what is under way there comes to its end
            self._lines = self._lines_to(address)
        self._pinned, self._pinned_until = address, loop.time() + PIN_SECONDS
        return self._lines

    async def _judged_address(self) -> str:
        try:
            found = await self._resolver(self._host, self._origin.port)
        except OSError:
            found = ()
        if not found and self._pinned:
            return self._pinned  # a DNS outage is no reason to lose a source that was judged before
        if not found:
            raise SourceBroken("the source's name cannot be resolved")
        allowed = [address for address in found if self._may_connect(address)]
        if not allowed:
            raise SourceBroken("the source's name leads to an address that is not allowed")
        return next((address for address in allowed if address != self._avoided), allowed[0])

    def _may_connect(self, address: str) -> bool:
        environment = self._environment
        return may_connect(address, allow_private=environment.allow_private_addresses, allowed=self._networks)

    def _lines_to(self, address: str) -> Lines:
        return Lines(
            address.strip("[]"),
            self._origin.port,
            limit=self._environment.max_body_bytes,
            tls=self._context() if self._origin.is_secure else None,
            name=self._host.rstrip("."),  # which a name may end with, and no certificate does
        )

    def _context(self) -> ssl.SSLContext:
        """The machine's authorities and the configured one; our certificate where one is configured."""
        context = ssl.create_default_context()
        if "ca" in self._tls:
            self._load("ca", lambda: context.load_verify_locations(self._tls["ca"]))
        if "certificate" in self._tls:
            load = context.load_cert_chain
            # Without a password, OpenSSL asks the terminal for the one of an encrypted key.
            self._load("certificate", lambda: load(self._tls["certificate"], self._tls["key"], password=""))
        return context

    @staticmethod
    def _load(what: str, load: Callable[[], None]) -> None:
        try:
            load()
        except OSError:  # of which a file that holds no certificate is one
            pass
        else:
            return
        raise SourceBroken(f"tls.{what}: the file cannot be read")


def _fault(failure: Failure) -> SourceBroken | SourceTimeout:
    """The exception for it, with nothing attached."""
    return (SourceTimeout if failure is Failure.timed_out else SourceBroken)(failure.value)
