"""The edge: what is settled about a request before any route sees it, and about every answer before it leaves.

One pure ASGI middleware, outermost: gives the request its trace id, reads the body up to its limit, refuses what
cannot be JSON in UTF-8 of sane depth, puts the security headers on every answer, and contains what nobody foresaw.
The body is read whole because all three checks need it whole; the limit keeps that small.
"""

import asyncio
import json
import re
from collections.abc import Iterable
from operator import itemgetter
from typing import Any, NamedTuple, NoReturn

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.errors import BadRequest, GatewayError, TooLarge
from gateway.http.problems import HttpProblem, problem_response
from gateway.randomness import RandomChunks
from gateway.telemetry import Telemetry, bind_trace, get_logger, locations

_log = get_logger(__name__)
_TRACEPARENT = re.compile(
    rb"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-.*)?"
)
_NEITHER_QUOTE_NOR_BRACKET = bytes(set(range(256)) - set(b'"[]{}'))
_CONSTANTS = re.compile(rb"NaN|Infinity")
_SQUARE = bytes.maketrans(b"{}", b"[]")
_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
)
"""On every answer that does not set its own."""
_TICK = 0.001  # seconds: uvloop counts in milliseconds, and a sum of two such numbers may be a hair above the third
_name_of = itemgetter(0)
_NAMES = frozenset(map(_name_of, _HEADERS))
HEADERS = "oncegate.headers"
"""Where the scope of a request holds the first header of each name, by its name in small letters."""
BODY = "oncegate.body"
"""Where the scope of a request holds its whole body, once it was read here: nobody has to receive it again."""


class _Trace(NamedTuple):
    id: str
    parent: str


class _ClientGone(Exception):
    """The client hung up before its body was complete; there is nobody to answer."""


class EdgeMiddleware:
    """The edge around an application; add it last, so that it is outermost.

    `json_prefixes`: beginnings of the paths whose bodies must be JSON, except those in `other_bodies`.
    `body_seconds`: how long a body may take to arrive.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        max_body_bytes: int,
        max_json_depth: int,
        telemetry: Telemetry | None = None,
        json_prefixes: tuple[str, ...] = ("/v1/",),
        other_bodies: tuple[str, ...] = (),
        body_seconds: float = 30.0,
    ) -> None:
        self._app = app
        self._max_body_bytes = max_body_bytes
        self._max_json_depth = max_json_depth
        self._telemetry = telemetry
        self._json_prefixes = json_prefixes
        self._other_bodies = other_bodies
        self._body_seconds = body_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; raises nothing but cancellation."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = scope[HEADERS] = dict(reversed(scope["headers"]))
        trace = _trace(headers.get(b"traceparent", b""))
        scope.setdefault("state", {})["trace_id"] = trace.id
        bind_trace(trace.id)
        answer = _Answer(send, trace)
        try:
            await self._app(scope, await self._checked(scope, headers, receive), answer)
        except _ClientGone:
            return
        except GatewayError as error:
            await self._refuse(error, trace, scope, receive, answer)
        except Exception as error:  # noqa: BLE001
            # The containment boundary of the service. Type and place only: the text could quote a person's data.
            where = locations(error)
            _log.error("unforeseen", exception=type(error).__name__, at=where, route=_route_of(scope))
            await self._refuse(_UNFORESEEN, trace, scope, receive, answer)

    async def _refuse(
        self, error: GatewayError, trace: _Trace, scope: Scope, receive: Receive, answer: "_Answer"
    ) -> None:
        if self._telemetry is not None:
            self._telemetry.problem(error.code)
        if not answer.begun:  # else the answer just ends here, and the server closes the connection
            await problem_response(error, trace.id)(scope, receive, answer)

    async def _checked(self, scope: Scope, headers: dict[bytes, bytes], receive: Receive) -> Receive:
        """A receive that gives the whole body, checked; raises `GatewayError` when it may not come in."""
        if scope["method"] in ("GET", "HEAD", "OPTIONS") and not _announces_body(headers):
            return receive
        announced = headers.get(b"content-length", b"0")
        if announced.isdigit() and int(announced[:20]) > self._max_body_bytes:
            raise self._too_large()
        body = await self._read(receive)
        if body and self._must_be_json(scope["path"]):
            _check_media_type(headers.get(b"content-type", b""))
            _check_json(body, self._max_json_depth)
        scope[BODY] = body
        return _replay(body, receive)

    async def _read(self, receive: Receive) -> bytes:
        parts: list[bytes] = []
        size = 0
        loop = asyncio.get_running_loop()
        task = asyncio.current_task(loop)
        assert task is not None, "an application is served by tasks"
        until = loop.time() + self._body_seconds
        guard = loop.call_at(until, task.cancel)  # asyncio.timeout takes 6 µs more, and most bodies are here
        try:
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise _ClientGone
                parts.append(message.get("body", b""))
                size += len(parts[-1])
                if size > self._max_body_bytes:
                    raise self._too_large()
                if not message.get("more_body", False):
                    return b"".join(parts)
        except asyncio.CancelledError:
            if loop.time() < until - _TICK or task.uncancel():  # somebody else wants it to end
                raise
            raise HttpProblem(
                408, "body_too_slow", "The body did not arrive in time. Send it again."
            ) from None
        finally:
            guard.cancel()

    def _must_be_json(self, path: str) -> bool:
        return path.startswith(self._json_prefixes) and not path.startswith(self._other_bodies or ("\0",))

    def _too_large(self) -> TooLarge:
        return TooLarge(
            "body_too_large", f"The body may have at most {self._max_body_bytes} bytes. Send less."
        )


class _Answer:
    """A send that puts our headers on the answer and remembers whether it has begun."""

    __slots__ = ("_send", "_trace", "begun")

    def __init__(self, send: Send, trace: _Trace) -> None:
        self._send = send
        self._trace = trace
        self.begun = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.begun = True
            headers = message.get("headers", ())
            message["headers"] = [*headers, *self._missing(headers)]
        await self._send(message)

    def _missing(self, headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        present = set(map(_name_of, headers))
        trace_id, parent = self._trace.id.encode(), self._trace.parent.encode()
        ours = [(b"trace-id", trace_id), (b"traceparent", parent)]
        if present.isdisjoint(_NAMES):  # every answer but a page's
            return [*_HEADERS, *ours]
        return [*(header for header in _HEADERS if header[0] not in present), *ours]


def json_depth_ok(body: bytes, max_depth: int) -> bool:
    """Whether brackets nest at most `max_depth` deep. May be False, too, for brackets that do not match: no JSON.

    Linear and at the speed of C whatever the body, some 15 ms for a hostile megabyte: a regular expression for
    strings took minutes for one of escaped quotes.
    """
    if body.count(b"{") + body.count(b"[") <= max_depth:
        return True
    brackets = _without_strings(body).translate(_SQUARE)
    for _ in range(max_depth):
        brackets = brackets.replace(b"[]", b"")
        if not brackets:
            return True
    return False


def _without_strings(body: bytes) -> bytes:
    """The brackets that stand outside strings, in order."""
    if b"\\" in body:  # pairs of backslashes first: what then still precedes a quote escapes it
        body = body.replace(b"\\\\", b"").replace(b'\\"', b"")
    quotes = body.translate(None, _NEITHER_QUOTE_NOR_BRACKET).replace(b'""', b"")
    return b"".join(quotes.split(b'"')[::2])


def _check_json(body: bytes, max_depth: int) -> None:
    try:
        body.decode()
    except UnicodeDecodeError:
        raise _not_json("The body is not UTF-8. Send one JSON document in UTF-8.") from None
    if body.startswith(b"\xef\xbb\xbf"):
        raise _not_json("The body begins with a byte order mark. Send it without (RFC 8259, section 8.1).")
    if not json_depth_ok(body, max_depth):
        raise BadRequest(
            "json_too_deep", f"The body may nest at most {max_depth} deep, with brackets that match."
        )
    if _CONSTANTS.search(
        body
    ):  # in a string they are words; parsers take them as numbers, which JSON does not have
        try:
            json.loads(body, parse_constant=_no_constant)
        except ValueError:
            raise _not_json(
                "The body is not JSON: NaN and Infinity are no numbers. Send null instead."
            ) from None


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _check_media_type(header: bytes) -> None:
    if header == b"application/json":  # as nearly everybody sends it
        return
    media_type, *parameters = (part.strip().lower() for part in header.split(b";"))
    is_json = media_type == b"application/json" or media_type.endswith(b"+json")
    charsets = [
        part.removeprefix(b"charset=").strip(b'"') for part in parameters if part.startswith(b"charset=")
    ]
    if not is_json or any(charset != b"utf-8" for charset in charsets):
        raise HttpProblem(415, "json_required", "Send the body as Content-Type: application/json, in UTF-8.")


def _not_json(detail: str) -> BadRequest:
    return BadRequest("not_json", detail)


def _announces_body(headers: dict[bytes, bytes]) -> bool:
    return headers.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in headers


def _replay(body: bytes, receive: Receive) -> Receive:
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


_RANDOM = RandomChunks(8 + 16)  # of a span and of a trace


def _trace(header: bytes) -> _Trace:
    """The caller's trace when it sent a valid one (W3C Trace Context), else a new one; our own span either way."""
    sent = _TRACEPARENT.fullmatch(header) if header else None
    if sent and header.startswith(b"00") and sent[2]:  # only later versions may say more
        sent = None
    random = _RANDOM.take().hex()
    trace_id = sent[1].decode() if sent else random[16:]
    return _Trace(trace_id, f"00-{trace_id}-{random[:16]}-01")


def _route_of(scope: Any) -> str:
    """The template of the route, never the path itself: a path can hold what a person typed."""
    return str(getattr(scope.get("route"), "path", "?"))


_UNFORESEEN = HttpProblem(500, "internal", "Something went wrong here. Report the trace_id to the operator.")
