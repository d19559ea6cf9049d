"""A hostile source over real HTTP harms its own fields only: the healthy source beside it always answers."""

import asyncio
import gzip
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from connectors import build_connector
from connectors.gather import Gatherer
from connectors.protocol import Found
from field_registry import Missing, Subject

GOOD = json.dumps({"data": {"id": "35058219910603996X", "name": "陈小满"}}).encode()
CONFIG = {
    "base_url": "${here}",
    "request": {"path": "/persons/{id_no}"},
    "answer": {"record": "/data", "echo": "/id"},
}
LIMIT = 20_000
Write = asyncio.StreamWriter


def ok(body: bytes, headers: str = "") -> bytes:
    """An answer with status 200."""
    return f"HTTP/1.1 200 OK\r\ncontent-length: {len(body)}\r\n{headers}\r\n".encode() + body


def saying(data: bytes) -> Callable[..., Any]:
    """A source that says exactly those bytes and hangs up."""

    async def handler(request: bytes, reader: object, writer: Write) -> None:
        writer.write(data)

    return handler


async def silent(request: bytes, reader: object, writer: Write) -> None:
    """Takes the request and never answers."""
    await asyncio.sleep(30)


async def drip(request: bytes, reader: object, writer: Write) -> None:
    """Promises a whole answer and sends a byte now and then."""
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
    for _ in range(1000):
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.02)


async def slow_headers(request: bytes, reader: object, writer: Write) -> None:
    """Never finishes its headers."""
    writer.write(b"HTTP/1.1 200 OK\r\n")
    for number in range(1000):
        writer.write(b"x-%d: y\r\n" % number)
        await writer.drain()
        await asyncio.sleep(0.02)


async def endless(request: bytes, reader: object, writer: Write) -> None:
    """Sends without end, without having said how much."""
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    for _ in range(10_000):
        writer.write(b"x" * 1000)
        await writer.drain()


async def endless_behind_a_length(request: bytes, reader: object, writer: Write) -> None:
    """Declares a few bytes and sends chunks without end: the chunks are what counts."""
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n")
    for _ in range(10_000):
        writer.write(b"3e8\r\n" + b"x" * 1000 + b"\r\n")
        await writer.drain()


def nested(depth: int) -> bytes:
    """A deep document."""
    return b'{"data":' + b"[" * depth + b"]" * depth + b"}"


HOSTILE = {
    "late": (silent, "timeout"),
    "drip-feed": (drip, "timeout"),
    "slow headers": (slow_headers, "timeout"),
    "huge, announced": (
        saying(b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999\r\n\r\n"),
        "source_error",
    ),
    "huge, large number": (saying(b"HTTP/1.1 200 OK\r\ncontent-length: 9999999999\r\n\r\n"), "source_error"),
    "huge, endless": (endless, "source_error"),
    "huge, behind a small length": (endless_behind_a_length, "source_error"),
    "html": (saying(ok(b"<html>login</html>", "content-type: text/html\r\n")), "source_error"),
    "html called json": (
        saying(ok(b"<!doctype html>", "content-type: application/json\r\n")),
        "source_error",
    ),
    "nothing at all": (saying(b""), "source_error"),
    "empty body": (saying(ok(b"")), "source_error"),
    "not http": (saying(b"220 smtp ready\r\n"), "source_error"),
    "a number": (saying(ok(b"7")), "source_error"),
    "a list": (saying(ok(b"[]")), "source_error"),
    "record is text": (saying(ok(b'{"data": "yes"}')), "source_error"),
    "record is missing": (saying(ok(b'{"date": {}}')), "source_error"),
    "record is null": (saying(ok(b'{"data": null}')), "not_found"),
    "no echo": (saying(ok(b'{"data": {"name": "x"}}')), "source_error"),
    "echo is an object": (saying(ok(b'{"data": {"id": {}, "name": "x"}}')), "source_error"),
    "two records": (saying(ok(b'{"data": [{"id": "1"}, {"id": "2"}]}')), "identity_ambiguous"),
    "duplicate keys": (saying(ok(GOOD.replace(b'"name"', b'"id": "1", "name"'))), "source_error"),
    "NaN": (saying(ok(b'{"data": {"id": "1", "name": NaN}}')), "source_error"),
    "not utf-8": (saying(ok(b'{"data": {"id": "\xff"}}')), "source_error"),
    "deep": (saying(ok(nested(5000))), "source_error"),
    "gzip bomb": (saying(ok(gzip.compress(b" " * 5_000_000), "content-encoding: gzip\r\n")), "source_error"),
    "redirect to metadata": (
        saying(b"HTTP/1.1 307 X\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n"),
        "source_error",
    ),
    "cut short": (saying(ok(GOOD)[:-5]), "source_error"),
    "length too long": (saying(b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n" + GOOD), "source_error"),
    "length negative": (saying(b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n" + GOOD), "source_error"),
    "two lengths": (
        saying(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 5\r\n\r\n" + GOOD),
        "source_error",
    ),
    "chunked garbage": (
        saying(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nhello"),
        "source_error",
    ),
    "500": (saying(b"HTTP/1.1 500 X\r\ncontent-length: 2\r\n\r\n{}"), "source_error"),
    "429": (saying(b"HTTP/1.1 429 X\r\ncontent-length: 2\r\n\r\n{}"), "source_error"),
    "401": (saying(b"HTTP/1.1 401 X\r\ncontent-length: 2\r\n\r\n{}"), "denied_by_source"),
    "403": (saying(b"HTTP/1.1 403 X\r\ncontent-length: 2\r\n\r\n{}"), "denied_by_source"),
    "404": (saying(b"HTTP/1.1 404 X\r\ncontent-length: 2\r\n\r\n{}"), "not_found"),
    "204": (saying(b"HTTP/1.1 204 X\r\n\r\n"), "not_found"),
}


@pytest.fixture
def beside(http_server: Any, source: Any, environment: Any, person: Subject, ask: Any, now: datetime) -> Any:
    """Ask a hostile source and a healthy one together; gives the hostile one's reply and the healthy one's."""

    async def run(hostile_place: str) -> tuple[Any, Any, list[str]]:
        async with http_server(saying(ok(GOOD))) as healthy_place:
            sources = {
                name: source(name, connector="http_json", config=CONFIG, timeout=timedelta(seconds=0.3))
                for name in ("hostile", "healthy")
            }
            places = {"hostile": f"http://{hostile_place}", "healthy": f"http://{healthy_place}"}
            connectors = {
                name: build_connector(made, environment(places={"here": places[name]}, max_body_bytes=LIMIT))
                for name, made in sources.items()
            }
            gatherer = Gatherer(sources, connectors)
            loop = asyncio.get_running_loop()
            begun = loop.time()
            with capture_logs() as logs:
                results = await gatherer.gather({(name, person): [ask()] for name in sources}, begun + 2, now)
            assert loop.time() - begun < 1.5
            await gatherer.close()
        return results["hostile", person][0], results["healthy", person][0], [str(line) for line in logs]

    return run


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_hostile_source_costs_its_own_fields_only(
    name: str, beside: Any, http_server: Any, person: Subject
) -> None:
    """Whatever the one says, it gets its reason in time, the other is filled, and nothing personal is shown."""
    handler, outcome = HOSTILE[name]
    async with http_server(handler) as place:
        hostile, healthy, logs = await beside(place)

    assert isinstance(hostile, Missing)
    assert hostile.reason.value == outcome
    assert isinstance(healthy, Found)
    assert healthy.raw == "陈小满"
    assert person.id_no not in hostile.detail + "".join(logs)


async def test_a_refused_connection_costs_its_own_fields_only(beside: Any) -> None:
    """Nobody listens there: `source_error`, at once."""
    hostile, healthy, _ = await beside("127.0.0.1:1")

    assert hostile.reason.value == "source_error"
    assert isinstance(healthy, Found)


async def test_a_redirect_is_not_followed(beside: Any, http_server: Any) -> None:
    """Not even to a place that would be allowed: nobody there hears of the person."""
    heard: list[bytes] = []

    async def listen(request: bytes, reader: object, writer: Write) -> None:
        heard.append(request)
        writer.write(ok(GOOD))

    async with http_server(listen) as other:
        target = f"HTTP/1.1 302 X\r\nlocation: http://{other}/\r\ncontent-length: 0\r\n\r\n".encode()
        async with http_server(saying(target)) as place:
            hostile, healthy, _ = await beside(place)

    assert hostile.reason.value == "source_error"
    assert isinstance(healthy, Found)
    assert heard == []


async def test_another_persons_record_is_told_by_its_echo(beside: Any, http_server: Any) -> None:
    """A record about somebody else arrives with that somebody's number, for the gateway to stop."""
    other = GOOD.replace(b"35058219910603996X", b"350582198802159987")
    async with http_server(saying(ok(other))) as place:
        hostile, healthy, _ = await beside(place)

    assert hostile.record.echo == "350582198802159987"
    assert healthy.record.echo == "35058219910603996X"
