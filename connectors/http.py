"""The one way out over HTTP: every request has a deadline, a size limit and a checked address.

Promises: no redirect is followed; no proxy of the environment is used; nothing is decompressed (we ask for plain
answers, so a bomb stays small); the name is resolved by us, judged, and the judged address is the one connected to,
until it is resolved again; a read is retried once, only when the connection failed before any byte of an answer;
no error quotes an address, a body or the client library's message (which holds the whole URL).
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from enum import Enum

from pyreqwest.client import Client, ClientBuilder
from pyreqwest.exceptions import ClientClosedError, NetworkError, PyreqwestError, RequestTimeoutError
from pyreqwest.http import Url

from connectors.addresses import address_refusal, is_address, may_connect, parse_networks
from connectors.errors import BadConfiguration, SourceBroken, SourceFault, SourceTimeout
from connectors.http_messages import HttpAnswer, HttpRequest
from connectors.protocol import Environment
from connectors.substitution import file_path

PIN_SECONDS = 300.0
"""How long a judged address is used before its name is resolved again."""

Resolver = Callable[[str, int], Awaitable[Sequence[str]]]
"""Host and port → IP addresses as text, best first."""


class _Failure(Enum):
    timed_out = "the source did not answer in time"
    unreachable = "the connection to the source failed"
    cut_short = "the answer broke off"
    too_large = "the answer is larger than the limit"
    unusable = "the request could not be sent"

    def fault(self) -> SourceFault:
        """The exception for it, with nothing attached."""
        return SourceTimeout(self.value) if self is _Failure.timed_out else SourceBroken(self.value)


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
        url = _parse(base_url)
        self._scheme, self._host, self._port = url.scheme, url.host_str or "", url.port_or_known_default or 0
        self.base_url = str(url).rstrip("/")
        """Without a trailing slash; request paths are appended to it."""
        self._environment, self._resolver = environment, resolver
        self._tls = {what: file_path(path, environment, f"tls.{what}") for what, path in (tls or {}).items()}
        self._networks = parse_networks(environment.allowed_networks)
        self._is_literal = is_address(self._host)
        if self._is_literal and not self._may_connect(self._host):
            raise BadConfiguration(address_refusal("base_url", self._host))
        self._client: Client | None = None
        self._retired: Client | None = None
        self._pinned, self._pinned_until, self._avoided = "", 0.0, ""
        self._pinning = asyncio.Lock()
        self._closed = False

    async def send(self, request: HttpRequest, deadline: float) -> HttpAnswer:
        """The answer, whatever its status; raises `SourceTimeout` or `SourceBroken`."""
        failure = _Failure.unreachable
        loop = asyncio.get_running_loop()
        for _ in range(2 if request.is_read else 1):
            client = self._client
            if client is None or not (self._is_literal or loop.time() < self._pinned_until):
                client = await self._current(loop, deadline)
            outcome = await self._attempt(client, request, deadline - loop.time())
            if isinstance(outcome, HttpAnswer):
                return outcome
            failure = outcome
            if failure is not _Failure.unreachable:
                break
            self._avoided, self._pinned_until = self._pinned, 0.0  # the host may have moved
        raise failure.fault()

    async def close(self) -> None:
        """Drop every connection; `send` afterwards raises `SourceBroken`. Calling twice is harmless."""
        self._closed = True
        clients, self._client, self._retired = (self._client, self._retired), None, None
        for client in clients:
            if client is not None:
                await client.close()

    async def _attempt(self, client: Client, request: HttpRequest, remaining: float) -> HttpAnswer | _Failure:
        """Returns failures, as one raised in a handler would carry the library's own error with it."""
        if remaining <= 0:
            return _Failure.timed_out
        answered = False
        try:
            builder = client.request(request.method, request.url).timeout(timedelta(seconds=remaining))
            for name, value in request.headers:
                builder = builder.header(name, value)
            if request.body is not None:
                builder = builder.body_bytes(request.body)
            sending, is_over = builder.build_streamed(), False
            response = await sending.__aenter__()
            answered = True
            try:
                limit = self._environment.max_body_bytes
                declared = response.get_header("content-length")
                if declared is not None and declared.isdecimal() and int(declared[:18]) > limit:
                    return _Failure.too_large
                # Never more than was asked for, whatever was declared (a chunked answer may declare any length),
                # and one wake-up however many pieces it comes in.
                body = await response.body_reader.read(limit + 1)
                is_over = body is None or len(body) <= limit
                if not is_over:
                    return _Failure.too_large
                return HttpAnswer(response.status, b"" if body is None else bytes(body))
            finally:
                # An answer read to its end has nothing left to close, and closing contends for the interpreter's lock.
                if not is_over:
                    await sending.__aexit__(None, None, None)
        except RequestTimeoutError:
            return _Failure.timed_out
        except ClientClosedError:
            return _Failure.unusable
        except NetworkError:
            return _Failure.cut_short if answered else _Failure.unreachable
        except (PyreqwestError, ValueError, OSError):
            return _Failure.cut_short if answered else _Failure.unusable

    async def _current(self, loop: asyncio.AbstractEventLoop, deadline: float) -> Client:
        """A client pinned to a judged address, resolving the name when the pin has run out."""
        if self._closed:
            raise SourceBroken("the connector is closed")
        remaining = deadline - loop.time()
        try:
            async with asyncio.timeout(max(remaining, 0)):
                async with self._pinning:
                    return await self._pin(loop)
        except TimeoutError:
            pass
        raise SourceTimeout("the source's name was not resolved in time")

    async def _pin(self, loop: asyncio.AbstractEventLoop) -> Client:
        if self._client is not None and (self._is_literal or loop.time() < self._pinned_until):
            return self._client  # another request resolved it while this one waited for the lock
        address = self._host if self._is_literal else await self._judged_address()
        if self._client is None or address != self._pinned:
            if self._retired is not None:
                await self._retired.close()
            # Requests may still be under way on the old one: it is closed when the next takes its place.
            self._retired, self._client = self._client, self._build(address)
        self._pinned, self._pinned_until = address, loop.time() + PIN_SECONDS
        return self._client

    async def _judged_address(self) -> str:
        try:
            found = await self._resolver(self._host, self._port)
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

    def _build(self, address: str) -> Client:
        builder = (
            ClientBuilder()
            .user_agent("oncegate")
            .no_proxy()
            .follow_redirects(False)
            .referer(False)
            .http1_only()
            .https_only(self._scheme == "https")
            .gzip(False)
            .brotli(False)
            .zstd(False)
            .deflate(False)
        )
        if not self._is_literal:
            builder = builder.resolve(self._host, address, self._port)
        if "ca" in self._tls:
            builder = builder.add_root_certificate_pem(self._read("ca"))
        if "certificate" in self._tls:
            builder = builder.identity_pem(self._read("key") + b"\n" + self._read("certificate"))
        return builder.build()

    def _read(self, what: str) -> bytes:
        try:
            return self._tls[what].read_bytes()
        except OSError:
            pass
        raise SourceBroken(f"tls.{what}: the file cannot be read")


def _parse(base_url: str) -> Url:
    try:
        url = Url.parse(base_url)
    except (ValueError, PyreqwestError):
        raise BadConfiguration(f"base_url: {base_url!r} is not a URL like https://host:port/path") from None
    if url.scheme not in ("http", "https") or not url.host_str:
        raise BadConfiguration("base_url: must begin with http:// or https:// and name a host")
    if url.username or url.password or url.query_string or url.fragment:
        raise BadConfiguration(
            "base_url: must not carry a user, password, query or fragment; use `auth` and `request`"
        )
    return url
