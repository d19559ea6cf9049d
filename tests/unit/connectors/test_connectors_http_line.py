"""Connections that stay open: whose answer is whose, where it ends, how much is taken, and nothing left behind."""

import asyncio
import gc
import os
import random
import socket
import struct
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.errors import SourceBroken
from connectors.http import HttpClient
from connectors.http_line import IDLE_SECONDS, Failure, Line, Lines
from connectors.http_messages import HttpAnswer, HttpRequest

ON_EVERY_LOOP = True
Reader, Writer = asyncio.StreamReader, asyncio.StreamWriter
Handler = Callable[[bytes, Reader, Writer], Awaitable[None]]

HEAD = b"HTTP/1.1 200 OK\r\n"


@pytest.fixture(autouse=True)
async def complaints() -> AsyncIterator[list[str]]:
    """What the event loop had to complain of; nothing, unless a test takes it away."""
    heard: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: heard.append(repr(context)))
    yield heard
    await asyncio.sleep(0)

    assert heard == []


def soon(seconds: float = 20.0) -> float:
    """Event-loop time that many seconds from now."""
    return asyncio.get_running_loop().time() + seconds


async def until(claim: Callable[[], object]) -> None:
    """Returns when it holds; fails when it does not come to that."""
    for _ in range(5000):
        if claim():
            return
        await asyncio.sleep(0.001)
    pytest.fail("it never came to that")


def ok(body: bytes) -> bytes:
    """An answer that says how long it is."""
    return HEAD + b"content-length: %d\r\n\r\n%b" % (len(body), body)


def request(path: str = "/", body: bytes = b"") -> bytes:
    """A request for that path."""
    return f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body


def lines_to(place: str, *, limit: int = 1000, **options: Any) -> Lines:
    """Connections to a server of these tests."""
    host, _, port = place.rpartition(":")
    return Lines(host.strip("[]"), int(port), limit=limit, **options)


class Register:
    """A source that says, request by request, what it is told to; one list of turns per connection, the last for all.

    When a connection's turns are used up it waits for us to hang up. `seen`: connection number and path of requests.
    """

    def __init__(self, *turns: Sequence[bytes]) -> None:
        self.turns, self.seen = list(turns), list[tuple[int, str]]()
        self.connections, self.hung_up = 0, asyncio.Semaphore(0)

    async def __call__(self, first: bytes, reader: Reader, writer: Writer) -> None:
        """One connection."""
        self.connections += 1
        number, head = self.connections, first
        try:
            for turn in self.turns[min(number, len(self.turns)) - 1]:
                self.seen.append((number, head.split(b" ")[1].decode()))
                writer.write(turn)
                await writer.drain()
                head = await reader.readuntil(b"\r\n\r\n")
            self.seen.append((number, head.split(b" ")[1].decode()))
            await reader.read()
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
            pass
        finally:
            self.hung_up.release()


async def echo(head: bytes, reader: Reader, writer: Writer) -> None:
    """Answers each request with its path."""
    while True:
        writer.write(ok(head.split(b" ")[1]))
        head = await reader.readuntil(b"\r\n\r\n")


# ---- whose answer is whose


async def test_one_connection_serves_one_request_after_another(http_server: Any) -> None:
    """Who asks again finds the connection of the time before."""
    register = Register([ok(b"1"), ok(b"2"), ok(b"3")])
    async with http_server(register) as place:
        lines = lines_to(place)
        answers = [await lines.exchange(request(f"/{n}"), soon()) for n in "123"]
        lines.close()

    assert answers == [HttpAnswer(200, b"1"), HttpAnswer(200, b"2"), HttpAnswer(200, b"3")]
    assert register.seen == [(1, "/1"), (1, "/2"), (1, "/3")]


async def test_each_of_many_at_once_gets_its_own_answer(http_server: Any) -> None:
    """A connection has one request at a time, and stands in the pool once."""
    async with http_server(echo) as place:
        lines = lines_to(place)
        for _ in range(3):
            asked = [lines.exchange(request(f"/{n}"), soon()) for n in range(40)]
            answers = await asyncio.gather(*asked)
            assert answers == [HttpAnswer(200, b"/%d" % n) for n in range(40)]
        idle = lines._idle
        assert len(idle) == len(set(idle)) == 40
        assert lines._busy == set()
        lines.close()


async def test_whoever_gives_up_leaves_nothing_to_the_others(http_server: Any) -> None:
    """In a storm of requests given up at any moment, nobody is told an answer but his own, and every line comes to rest."""
    chance = random.Random(1)

    async def late(head: bytes, reader: Reader, writer: Writer) -> None:
        while True:
            answer = ok(head.split(b" ")[1])
            cut = chance.randrange(len(answer))
            writer.write(answer[:cut])
            await asyncio.sleep(chance.random() / 200)
            if writer.is_closing():
                return
            writer.write(answer[cut:])
            head = await reader.readuntil(b"\r\n\r\n")

    async def one(number: int) -> None:
        asked = asyncio.create_task(lines.exchange(request(f"/{number}"), soon(chance.choice((0.003, 9)))))
        if chance.random() < 0.5:
            await asyncio.sleep(chance.random() / 150)
            asked.cancel()
        with suppress(asyncio.CancelledError):
            assert await asked in (HttpAnswer(200, b"/%d" % number), Failure.timed_out)

    async with http_server(late) as place:
        lines = lines_to(place)
        for begin in range(0, 600, 30):
            await asyncio.gather(*(one(number) for number in range(begin, begin + 30)))
        assert lines._busy == set()
        assert len(lines._idle) == len(set(lines._idle))
        lines.close()


@pytest.mark.parametrize(
    "framing", ["content-length: 1\r\n\r\n1", "transfer-encoding: chunked\r\n\r\n1\r\n1\r\n0\r\n\r\n"]
)
@pytest.mark.parametrize("unasked", [ok(b"forged"), b"H", b"220 ready\r\n", b"\x00"])
async def test_what_comes_behind_an_answer_is_nobodys(
    http_server: Any, framing: str, unasked: bytes
) -> None:  # fmt: skip
    """Bytes in the same piece behind an answer (response splitting) end the connection; the next asks over a new one."""
    register = Register([HEAD + framing.encode() + unasked], [ok(b"2")])
    async with http_server(register) as place:
        lines = lines_to(place)
        first = await lines.exchange(request("/1"), soon())
        await register.hung_up.acquire()
        second = await lines.exchange(request("/2"), soon())
        lines.close()

    assert (first, second) == (HttpAnswer(200, b"1"), HttpAnswer(200, b"2"))
    assert register.seen == [(1, "/1"), (2, "/2")]


async def test_what_comes_unasked_later_is_nobodys(http_server: Any) -> None:
    """A second answer that comes when the first was read long ago ends the connection."""
    read, hung_up = asyncio.Event(), asyncio.Event()

    async def splits(head: bytes, reader: Reader, writer: Writer) -> None:
        writer.write(ok(head.split(b" ")[1]))
        await read.wait()
        if b"/1 " in head:
            writer.write(ok(b"forged"))
            with suppress(ConnectionError):
                assert await reader.read() == b""
            hung_up.set()

    async with http_server(splits) as place:
        lines = lines_to(place)
        first = await lines.exchange(request("/1"), soon())
        read.set()
        await hung_up.wait()
        second = await lines.exchange(request("/2"), soon())
        lines.close()

    assert (first, second) == (HttpAnswer(200, b"/1"), HttpAnswer(200, b"/2"))


@contextmanager
def threaded(serve: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server in a thread of its own, which goes on while the event loop is kept busy; yields its address."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(20)
        thread = threading.Thread(target=serve, args=(listening,))
        thread.start()
        try:
            yield f"127.0.0.1:{listening.getsockname()[1]}"
        finally:
            thread.join()


@pytest.mark.parametrize("ending", [ok(b"forged"), b"", None])
async def test_what_came_while_we_were_busy_is_seen_before_the_next_request(ending: bytes | None) -> None:
    """Unasked bytes, a farewell or a reset that the loop has not read yet keep a request off that connection."""
    answered, ended = threading.Event(), threading.Event()
    heard: list[bytes] = []

    def serve(listening: socket.socket) -> None:
        first, _ = listening.accept()
        with first:
            first.recv(1000)
            first.sendall(ok(b"1"))
            answered.wait(20)
            if ending is None:
                first.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                first.close()
            else:
                first.sendall(ending)
                first.shutdown(socket.SHUT_WR)
            ended.set()
            second, _ = listening.accept()
            with second:
                heard.append(second.recv(1000))
                second.sendall(ok(b"2"))
                second.recv(1)

    with threaded(serve) as place:
        lines = lines_to(place)
        first = await lines.exchange(request("/1"), soon())
        answered.set()
        ended.wait(20)  # the event loop sees nothing of it
        second = await lines.exchange(request("/2"), soon())
        lines.close()
        await asyncio.sleep(0)

    assert (first, second) == (HttpAnswer(200, b"1"), HttpAnswer(200, b"2"))
    assert heard == [request("/2")]


async def test_the_answer_to_one_who_gave_up_is_nobodys(http_server: Any) -> None:
    """A cancelled request takes its connection with it, however its answer would have come."""
    heard, given_up = asyncio.Event(), asyncio.Event()

    async def late(head: bytes, reader: Reader, writer: Writer) -> None:
        heard.set()
        if b"/1 " in head:
            writer.write(HEAD + b"content-length: 5\r\n\r\n")
            await given_up.wait()
        writer.write(b"first" if b"/1 " in head else ok(b"second"))
        await reader.read()

    async with http_server(late) as place:
        lines = lines_to(place)
        asked = asyncio.create_task(lines.exchange(request("/1"), soon()))
        await heard.wait()
        asked.cancel()
        given_up.set()
        with suppress(asyncio.CancelledError):
            await asked
        answer = await lines.exchange(request("/2"), soon())
        lines.close()

    assert asked.cancelled()
    assert answer == HttpAnswer(200, b"second")


async def test_a_request_not_all_heard_leaves_no_connection(http_server: Any) -> None:
    """An answer that comes before the source took the whole body counts; the rest of the body meets no next request."""
    register = Register([ok(b"enough")], [ok(b"2")])
    async with http_server(register) as place:
        lines = lines_to(place)
        early = asyncio.create_task(lines.exchange(b"POST /1 HTTP/1.1\r\n\r\n" + b"x" * 30_000_000, soon()))
        first = await early
        second = await lines.exchange(request("/2"), soon())
        lines.close()

    assert (first, second) == (HttpAnswer(200, b"enough"), HttpAnswer(200, b"2"))
    assert register.seen[0] == (1, "/1")
    assert (2, "/2") in register.seen


# ---- where an answer ends

CHUNKED = b"transfer-encoding: chunked\r\n\r\n"
WHOLE = {
    "length": ok(b"hello"),
    "chunks": HEAD + CHUNKED + b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
    "trailers": HEAD + CHUNKED + b"5\r\nhello\r\n0\r\nx-sum: 1\r\n\r\n",
    "extensions": HEAD + CHUNKED + b'5;a=b;c="d"\r\nhello\r\n0;last\r\n\r\n',
    "interim 100": b"HTTP/1.1 100 Continue\r\n\r\n" + ok(b"hello"),
    "interim 103, twice": b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n" * 2 + ok(b"hello"),
    "offered upgrade": HEAD + b"upgrade: h2c\r\nconnection: upgrade\r\ncontent-length: 5\r\n\r\nhello",
    "1.0, kept": b"HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 5\r\n\r\nhello",
}


@pytest.mark.parametrize("name", WHOLE)
async def test_an_answer_ends_where_it_says(http_server: Any, name: str) -> None:
    """However it is framed, it is whole without waiting for the end of the connection, which serves again."""
    register = Register([WHOLE[name], ok(b"next")])
    async with http_server(register) as place:
        lines = lines_to(place)
        answers = [await lines.exchange(request(), soon()) for _ in range(2)]
        lines.close()

    assert answers == [HttpAnswer(200, b"hello"), HttpAnswer(200, b"next")]
    assert register.connections == 1


@pytest.mark.parametrize(
    "head", ["204 X\r\n", "304 X\r\ncontent-length: 70\r\n", "204 X\r\ntransfer-encoding: chunked\r\n"]
)
async def test_some_answers_have_no_body(http_server: Any, head: str) -> None:
    """204 and 304 end with their heads, whatever those say of a length."""
    register = Register([f"HTTP/1.1 {head}\r\n".encode(), ok(b"next")])
    async with http_server(register) as place:
        lines = lines_to(place)
        first, second = [await lines.exchange(request(), soon()) for _ in range(2)]
        lines.close()

    assert first == HttpAnswer(int(head[:3]), b"")
    assert second == HttpAnswer(200, b"next")
    assert register.connections == 1


def hanging_up_after(said: bytes, *, reset: bool = False) -> Handler:
    """Says that and ends the connection, with a FIN or with an RST."""

    async def handler(head: bytes, reader: Reader, writer: Writer) -> None:
        writer.write(said)
        await writer.drain()
        if reset:
            await asyncio.sleep(0.02)  # what was said is to arrive before it
            linger = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            writer.transport.abort()

    return handler


@pytest.mark.parametrize(
    ("said", "reset", "outcome"),
    [
        (b"HTTP/1.0 200 OK\r\n\r\nhello", False, HttpAnswer(200, b"hello")),
        (HEAD + b"\r\n", False, HttpAnswer(200, b"")),
        (b"HTTP/1.1 100 X\r\n\r\n" + HEAD + b"\r\nhello", False, HttpAnswer(200, b"hello")),
        (HEAD + b"\r\nhello", True, Failure.cut_short),
        (ok(b"hello")[:-1], False, Failure.cut_short),
        (ok(b"hello")[:-1], True, Failure.cut_short),
        (HEAD + CHUNKED + b"5\r\nhello\r\n", False, Failure.cut_short),
        (HEAD + CHUNKED + b"5\r\nhello\r\n0\r\n", False, Failure.cut_short),
        (HEAD + b"transfer-encoding: gzip\r\n\r\nhello", False, Failure.cut_short),
        (HEAD + b"x: y\r\n", False, Failure.cut_short),
        (b"HTTP/1.1 100 Continue\r\n\r\n", False, Failure.cut_short),
        (b"H", False, Failure.cut_short),
        (b"", False, Failure.unreachable),
        (b"", True, Failure.unreachable),
    ],
)
async def test_the_end_of_the_connection_ends_only_answers_without_a_length(
    http_server: Any, said: bytes, reset: bool, outcome: HttpAnswer | Failure
) -> None:
    """A farewell (FIN) ends an answer that said nothing of its length; every other is cut short, and so is all by an RST."""
    async with http_server(hanging_up_after(said, reset=reset)) as place:
        lines = lines_to(place)
        told = await lines.exchange(request(), soon())

    assert told == outcome
    assert lines._idle == []


@pytest.mark.parametrize(
    "said",
    [
        HEAD + b"content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
        HEAD + b"transfer-encoding: chunked\r\ncontent-length: 2\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
        HEAD + b"content-length: 2\r\ncontent-length: 3\r\n\r\nhi!",
        HEAD + b"content-length: +2\r\n\r\nhi",
        HEAD + b"content-length: 0x2\r\n\r\nhi",
        HEAD + b"content-length: -1\r\n\r\nhi",
        HEAD + CHUNKED + b"-2\r\nhi\r\n0\r\n\r\n",
        HEAD + CHUNKED + b"2\nhi\r\n0\r\n\r\n",
        HEAD + CHUNKED + b"fffffffffffffffff\r\nhi",
        HEAD + b"content-length : 2\r\n\r\nhi",
        HEAD + b"x: \x00\r\ncontent-length: 2\r\n\r\nhi",
        b"HTTP/1.1 101 X\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n" + ok(b"hi"),
        b"HTTP/1.1 101 X\r\n\r\n" + ok(b"hi"),
        b"HTTP/1.1 2OO X\r\n\r\n",
        b"\x16\x03\x01\x02\x00",
        b"<html>",
    ],
)
async def test_where_an_answer_ends_is_not_guessed(http_server: Any, said: bytes) -> None:
    """Two lengths, a length that is none, another protocol: no answer, no waiting, no further use of the connection."""
    register = Register([said])
    async with http_server(register) as place:
        lines = lines_to(place)
        told = await lines.exchange(request(), soon())
        await register.hung_up.acquire()

    assert told is Failure.cut_short
    assert lines._idle == []


class Wire(asyncio.Transport):
    """A transport without a network."""

    def __init__(self) -> None:
        super().__init__({"socket": socket.socket})
        self.is_cut = False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """What stands for a socket."""
        return self

    def fileno(self) -> int:
        """Any."""
        return 0

    def write(self, data: Any) -> None:
        """To nobody."""

    def get_write_buffer_size(self) -> int:
        """Nothing waits."""
        return 0

    def abort(self) -> None:
        """Cut."""
        self.is_cut = True


@given(st.sampled_from(sorted(WHOLE)), st.lists(st.integers(0, 200)), st.booleans())
def test_an_answer_is_the_same_in_whatever_pieces(name: str, cuts: list[int], forged: bool) -> None:
    """Wherever the network cuts: the same answer; what follows it is never a part of it and ends the line."""
    loop = asyncio.new_event_loop()
    try:
        wire, line = Wire(), Line(loop, 5)
        line.connection_made(wire)
        told = line.ask(b"")
        said = WHOLE[name] + ok(b"forged") * forged
        edges = sorted({0, len(said), *(cut for cut in cuts if cut < len(said))})
        for begin, end in pairwise(edges):
            line.data_received(said[begin:end])

        assert told.result() == HttpAnswer(200, b"hello")
        assert wire.is_cut == forged == (not line.is_open)
    finally:
        loop.close()


# ---- how much is taken


async def flood(writer: Writer, piece: bytes) -> None:
    """That piece, until we hang up."""
    with suppress(ConnectionError):
        while True:
            writer.write(piece)
            await writer.drain()


@pytest.mark.parametrize(
    ("begin", "piece"),
    [
        (HEAD, b"x-more: y\r\n"),
        (HEAD, b"x" * 100),
        (HEAD + b"x: ", b"y" * 1000),
        (b"HTTP/1.1 200 ", b"O" * 1000),
        (HEAD + CHUNKED + b"2;x=", b"y" * 1000),
        (HEAD + CHUNKED + b"2\r\nhi\r\n0\r\n", b"x-more: y\r\n"),
        (HEAD + CHUNKED + b"2\r\nhi\r\n0\r\nx: ", b"y" * 1000),
        (HEAD + b"\r\n", b"y" * 1000),
        (HEAD + CHUNKED, b"3\r\nhi!\r\n"),
        (b"", b"\r\n" * 500),
    ],
)
async def test_what_never_ends_is_not_waited_for(http_server: Any, begin: bytes, piece: bytes) -> None:
    """An endless head, header, reason, extension, trailer or body is too large long before the deadline."""

    async def endless(head: bytes, reader: Reader, writer: Writer) -> None:
        writer.write(begin)
        await flood(writer, piece)

    async with http_server(endless) as place:
        told = await lines_to(place).exchange(request(), soon())

    assert told is Failure.too_large


async def test_a_large_body_right_behind_a_head_in_pieces_is_no_large_head(http_server: Any) -> None:
    """A head that comes line by line, its last line with a great part of the body, is as good as any."""
    body = b"x" * 200_000

    async def line_by_line(head: bytes, reader: Reader, writer: Writer) -> None:
        writer.write(HEAD)
        await asyncio.sleep(0.02)
        writer.write(ok(body).removeprefix(HEAD))

    async with http_server(line_by_line) as place:
        told = await lines_to(place, limit=len(body)).exchange(request(), soon())

    assert told == HttpAnswer(200, body)


@given(st.lists(st.integers(1, 4), min_size=1, max_size=60), st.integers(0, 40))
def test_no_more_than_the_limit_is_kept(sizes: list[int], limit: int) -> None:
    """Chunk by chunk: up to the limit all of it is told, over it nothing; and never is more kept."""
    loop = asyncio.new_event_loop()
    try:
        line = Line(loop, limit)
        line.connection_made(Wire())
        told = line.ask(b"")
        line.data_received(HEAD + CHUNKED)
        for size in sizes:
            if line.is_open:
                line.data_received(b"%x\r\n%b\r\n" % (size, b"x" * size))
            assert len(line._body) <= limit
        if line.is_open:
            line.data_received(b"0\r\n\r\n")

        fits = sum(sizes) <= limit
        assert told.result() == (HttpAnswer(200, b"x" * sum(sizes)) if fits else Failure.too_large)
    finally:
        loop.close()


async def test_an_unused_connection_keeps_nothing_about_anybody(http_server: Any) -> None:
    """When the caller lets go of an answer, it is gone, though its connection waits for the next."""
    async with http_server(Register([ok(b"35058219910603996X")])) as place:
        lines = lines_to(place)
        await lines.exchange(request(), soon())
        await asyncio.sleep(0)
        gc.collect()
        answers = [thing for thing in gc.get_objects() if isinstance(thing, HttpAnswer)]
        kept = [answer for answer in answers if answer.body == b"35058219910603996X"]
        bodies = [line._body for line in lines._idle]
        lines.close()

    assert kept == []
    assert bodies == [b""]


# ---- how long a connection lives


async def test_a_connection_the_source_closed_is_not_used_again(http_server: Any) -> None:
    """A source that hangs up between two requests is asked over a new connection, once."""
    register = Register([ok(b"1")], [ok(b"2")])

    async def closes(head: bytes, reader: Reader, writer: Writer) -> None:
        register.connections += 1
        register.seen.append((register.connections, head.split(b" ")[1].decode()))
        writer.write(ok(b"%d" % register.connections))

    async with http_server(closes) as place:
        lines = lines_to(place)
        first = await lines.exchange(request("/1"), soon())
        await until(lambda: not lines._idle[0].is_open)
        second = await lines.exchange(request("/2"), soon())
        lines.close()

    assert (first, second) == (HttpAnswer(200, b"1"), HttpAnswer(200, b"2"))
    assert register.seen == [(1, "/1"), (2, "/2")]


async def test_an_answer_that_says_close_is_the_last(http_server: Any) -> None:
    """`connection: close`, and HTTP/1.0 without `keep-alive`, end the connection from our side."""
    for head in (b"HTTP/1.1 200 OK\r\nconnection: close\r\n", b"HTTP/1.0 200 OK\r\n"):
        register = Register([head + b"content-length: 2\r\n\r\nhi"])
        async with http_server(register) as place:
            lines = lines_to(place)
            assert await lines.exchange(request(), soon()) == HttpAnswer(200, b"hi")
            await register.hung_up.acquire()
            assert lines._idle == []


async def test_a_connection_unused_for_too_long_is_dropped(http_server: Any) -> None:
    """After the idle time a connection is closed, not used; one a second younger is used."""
    register = Register([ok(b"1"), ok(b"2")], [ok(b"3")])
    async with http_server(register) as place:
        lines = lines_to(place)
        await lines.exchange(request("/1"), soon())
        lines._idle[0].idle_since -= IDLE_SECONDS - 10
        await lines.exchange(request("/2"), soon())
        lines._idle[0].idle_since -= IDLE_SECONDS + 1
        await lines.exchange(request("/3"), soon())
        await register.hung_up.acquire()
        lines.close()

    assert register.seen == [(1, "/1"), (1, "/2"), (2, "/3")]


async def test_requests_over_their_own_connections_leave_one_spare(http_server: Any) -> None:
    """However many ask over connections of their own: one is kept for whoever comes, the others are closed."""
    register = Register([ok(b"")])
    async with http_server(register) as place:
        lines = lines_to(place)
        for _ in range(5):
            await lines.exchange(request(), soon(), anew=True)
        for _ in range(4):
            await register.hung_up.acquire()
        spare = len(lines._idle)
        lines.close()

    assert register.connections == 5
    assert spare == 1


class Names:
    """A resolver that gives those addresses, and counts."""

    def __init__(self, *addresses: str) -> None:
        self.addresses, self.asked = addresses, 0

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        """The same each time."""
        self.asked += 1
        return self.addresses


async def test_a_read_that_met_a_closing_connection_is_asked_again(
    environment: Any, http_server: Any
) -> None:
    """The source closes as we ask: it answers once, over a new connection, at the same address, and no name is asked for."""
    seen: list[bytes] = []

    async def answers_once(head: bytes, reader: Reader, writer: Writer) -> None:
        writer.write(ok(head.split(b" ")[1]))
        with suppress(asyncio.IncompleteReadError):
            seen.append(await reader.readuntil(b"\r\n\r\n"))

    names = Names("127.0.0.1", "127.0.0.2")
    async with http_server(answers_once) as place:
        client = HttpClient(f"http://civil.example:{place[10:]}", environment(), resolver=names)
        answers = [await client.send(HttpRequest("GET", f"{client.base_url}/{n}"), soon()) for n in range(3)]
        await client.close()

    assert [answer.body for answer in answers] == [b"/0", b"/1", b"/2"]
    assert [head.split(b" ")[1] for head in seen] == [b"/1", b"/2"]
    assert names.asked == 1


async def test_what_may_not_be_repeated_never_meets_an_old_connection(
    environment: Any, http_server: Any
) -> None:
    """Neither a read before it nor another of its kind leaves it a connection that the source may be closing."""
    register = Register([ok(b""), ok(b"")])
    async with http_server(register) as place:
        client = HttpClient(f"http://{place}", environment())
        for is_read in (True, False, False, True):
            path = "/read" if is_read else "/write"
            await client.send(HttpRequest("POST", client.base_url + path, (), b"{}", is_read), soon())
        await client.close()

    assert [path for _, path in register.seen] == ["/read", "/write", "/write", "/read"]
    assert len({number for number, path in register.seen if path == "/write"}) == 2
    assert (1, "/write") not in register.seen


# ---- closing


@pytest.mark.parametrize(
    ("said", "told"),
    [(b"", Failure.unreachable), (HEAD, Failure.cut_short), (HEAD + b"\r\nhalf", Failure.cut_short)],
)
async def test_closing_at_once_cuts_what_is_under_way(
    http_server: Any, said: bytes, told: Failure
) -> None:  # fmt: skip
    """Half an answer never passes for a whole one because we were the ones who hung up."""
    register = Register([said])
    async with http_server(register) as place:
        lines = lines_to(place)
        asked = asyncio.create_task(lines.exchange(request(), soon()))
        taken = said.partition(b"\r\n\r\n")[2]
        await until(
            lambda: (
                register.seen
                and all(line._has_begun == bool(said) and line._body == taken for line in lines._busy)
            )
        )
        lines.close(at_once=True)
        outcome = await asked
        await register.hung_up.acquire()

    assert outcome is told
    assert lines._busy == set()


async def test_closing_lets_what_is_under_way_end(http_server: Any) -> None:
    """Without haste the request gets its answer, and its connection is closed behind it; idle ones are closed at once."""
    may_answer = asyncio.Event()
    register = Register([])

    async def waits(head: bytes, reader: Reader, writer: Writer) -> None:
        if b"/wait" in head:
            await may_answer.wait()
        writer.write(ok(b"done"))
        await register(head, reader, writer)

    async with http_server(waits) as place:
        lines = lines_to(place)
        asked = asyncio.create_task(lines.exchange(request("/wait"), soon()))
        await lines.exchange(request("/"), soon())
        lines.close()
        await register.hung_up.acquire()
        may_answer.set()
        outcome = await asked
        await register.hung_up.acquire()

    assert outcome == HttpAnswer(200, b"done")
    assert lines._idle == []


async def test_a_closed_client_ends_what_is_under_way(environment: Any, http_server: Any) -> None:
    """`close` with requests at every stage: each ends with an answer or a fault, and no connection is left."""
    register = Register([b""])
    async with http_server(register) as place:
        client = HttpClient(f"http://{place}", environment())
        asked = [
            asyncio.create_task(client.send(HttpRequest("GET", client.base_url + "/"), soon()))
            for _ in range(9)
        ]
        await until(lambda: register.connections == 9)
        await client.close()
        outcomes = await asyncio.gather(*asked, return_exceptions=True)
        for _ in range(9):
            await register.hung_up.acquire()

    assert [type(outcome) for outcome in outcomes] == [SourceBroken] * 9


# ---- deadlines


@pytest.mark.parametrize(
    "said", [b"", b"HTTP/1.1 ", HEAD + b"x: y\r\n", ok(b"hello")[:-2], HEAD + b"\r\nhello"]
)
async def test_a_deadline_ends_an_answer_wherever_it_is(http_server: Any, said: bytes) -> None:
    """Nothing, half a head or half a body by the deadline: timed out, and the connection is cut."""
    register = Register([said])
    async with http_server(register) as place:
        lines = lines_to(place)
        told = await lines.exchange(request(), soon(0.05))
        await register.hung_up.acquire()

    assert told is Failure.timed_out
    assert lines._idle == []


async def test_a_deadline_ends_connecting() -> None:
    """A host that does not take the connection is not waited for longer than any other."""
    with socket.socket() as full, socket.socket() as other, socket.socket() as third:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for filling in (other, third):
            filling.setblocking(False)
            filling.connect_ex(full.getsockname())
        told = await lines_to(f"127.0.0.1:{full.getsockname()[1]}").exchange(request(), soon(0.05))

    assert told is Failure.timed_out


async def test_a_source_that_reads_slowly_hears_all(http_server: Any) -> None:
    """A body of megabytes arrives whole at a source that takes its time; one that never reads costs the deadline only."""
    body = os.urandom(8_000_000)
    heard: list[bytes] = []

    async def slow(first: bytes, reader: Reader, writer: Writer) -> None:
        if b"/never" in first:
            await asyncio.sleep(30)
        rest = bytearray()
        while len(rest) < len(body):
            rest += await reader.read(100_000)
            await asyncio.sleep(0)
        heard.append(bytes(rest))
        writer.write(ok(b"thanks"))

    async with http_server(slow) as place:
        lines = lines_to(place)
        told = await lines.exchange(b"POST / HTTP/1.1\r\n\r\n" + body, soon())
        never = await lines.exchange(b"POST /never HTTP/1.1\r\n\r\n" + body, soon(0.1), anew=True)
        lines.close()

    assert told == HttpAnswer(200, b"thanks")
    assert heard == [body]
    assert never is Failure.timed_out


async def test_a_source_may_live_on_ipv6(environment: Any) -> None:
    """An address in brackets is connected to and named as the host."""
    heard: list[bytes] = []

    async def answer(reader: Reader, writer: Writer) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(ok(b"{}"))
        writer.close()

    async with await asyncio.start_server(answer, "::1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        client = HttpClient(f"http://[0:0:0::1]:{port}", environment())
        told = await client.send(HttpRequest("GET", client.base_url + "/"), soon())
        await client.close()

    assert told == HttpAnswer(200, b"{}")
    assert f"\r\nhost: [::1]:{port}\r\n".encode() in heard[0]


# ---- nothing left behind


def open_files() -> int:
    """How many descriptors this process holds."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


async def test_failures_leave_no_connection_behind(
    http_server: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """After two hundred failures of all kinds as many files are open as before, and the loop has nothing to say."""
    said = [
        b"",
        b"HTTP",
        ok(b"x" * 2000),
        ok(b"hi") * 2,
        HEAD + CHUNKED + b"zz",
        WHOLE["length"][:-2],
        b"\x00",
    ]

    async def fails(head: bytes, reader: Reader, writer: Writer) -> None:
        turn = int(head.split(b" ")[1][1:])
        writer.write(said[turn % len(said)])
        if turn % 3 == 0:
            writer.transport.abort()
        elif turn % 3 == 1:
            await reader.read()

    async with http_server(fails) as place:
        lines, gone = lines_to(place), lines_to("127.0.0.1:1")
        await lines.exchange(request("/0"), soon())
        before = open_files()
        for turn in range(200):
            asked = asyncio.create_task(lines.exchange(request(f"/{turn}"), soon(0.02)))
            if turn % 5 == 0:
                await asyncio.sleep(0.001)
                asked.cancel()
            with suppress(asyncio.CancelledError):
                await asked
            await gone.exchange(request(), soon())
        lines.close()
        await until(lambda: open_files() <= before)
        gc.collect()

    assert caplog.records == []
