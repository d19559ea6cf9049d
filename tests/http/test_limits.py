"""The edge: size, encoding, depth, trace ids, headers, and the containment of what nobody foresaw."""

import asyncio
import io
import json
import logging
import re
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
import structlog
from fastapi import FastAPI, Request
from hypothesis import given
from hypothesis import strategies as st
from starlette.responses import Response, StreamingResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.errors import Conflict
from gateway.http.limits import BODY, EdgeMiddleware, json_depth_ok
from gateway.http.problems import register_problem_handlers
from gateway.http.routing import header_of
from gateway.settings import Settings
from gateway.telemetry import Telemetry, configure_logging

JSON = {"content-type": "application/json"}
LIMIT = 1_000
SENT = "350102199001011234"


def make_app() -> FastAPI:
    """An application that echoes, streams, hangs and breaks, behind the edge."""
    app = FastAPI(openapi_url=None)
    telemetry = app.state.telemetry = Telemetry()
    register_problem_handlers(app, telemetry)
    app.add_middleware(
        EdgeMiddleware,
        max_body_bytes=LIMIT,
        max_json_depth=4,
        telemetry=telemetry,
        other_bodies=("/v1/forms/import",),
        body_seconds=0.2,
    )

    async def echo(request: Request) -> Response:
        """The body as it arrived, and the trace id as routes see it."""
        return Response(await request.body(), headers={"seen-trace": request.state.trace_id})

    for path in ("/v1/echo", "/v1/forms/import", "/oauth/token"):
        app.add_api_route(path, echo, methods=["GET", "POST", "PUT", "DELETE"])

    @app.get("/v1/broken/{id_no}")
    async def broken(id_no: str) -> None:
        raise RuntimeError(f"no such person: {id_no}")

    @app.get("/v1/breaks-late")
    async def breaks_late() -> StreamingResponse:
        async def parts() -> AsyncIterator[bytes]:
            yield b"begun"
            raise RuntimeError(SENT)

        return StreamingResponse(parts())

    @app.get("/page")
    async def page() -> Response:
        return Response(
            "<p>", headers={"content-security-policy": "default-src 'self'", "cache-control": "max-age=9"}
        )

    return app


@pytest.fixture
def app() -> FastAPI:
    """The application, fresh."""
    return make_app()


@pytest.fixture
async def http(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client to whom the edge lets no exception through."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gate") as client:
        yield client


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What is logged, as JSON lines."""
    stream, root = io.StringIO(), logging.getLogger()
    before = root.handlers[:], root.level
    configure_logging(Settings(log_json=True), stream)
    yield stream
    structlog.reset_defaults()
    root.handlers[:] = before[0]
    root.setLevel(before[1])


def refused(answer: httpx.Response) -> tuple[int, str]:
    """Status and code of a problem."""
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["code"]


async def streamed(*parts: bytes) -> AsyncIterator[bytes]:
    """A body of unannounced length."""
    for part in parts:
        yield part


# --- bodies


async def test_a_good_body_arrives_unchanged(http: httpx.AsyncClient) -> None:
    """Announced or streamed, the route reads the same bytes."""
    body = '{"name": "林晓"}'.encode()

    assert (await http.post("/v1/echo", content=body, headers=JSON)).content == body
    assert (await http.post("/v1/echo", content=streamed(body[:5], body[5:]), headers=JSON)).content == body


async def test_a_body_may_be_as_long_as_the_limit(http: httpx.AsyncClient) -> None:
    """The limit itself still passes."""
    body = b'"' + b"a" * (LIMIT - 2) + b'"'

    assert (await http.post("/v1/echo", content=body, headers=JSON)).content == body


@pytest.mark.parametrize("path", ["/v1/echo", "/v1/forms/import", "/oauth/token"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "GET"])
async def test_a_body_over_the_limit_is_refused(http: httpx.AsyncClient, method: str, path: str) -> None:
    """On every path and method, whether its length is announced or found out."""
    body = b'"' + b"a" * (LIMIT - 1) + b'"'

    announced = await http.request(method, path, content=body, headers=JSON)
    found_out = await http.request(method, path, content=streamed(body[:600], body[600:]), headers=JSON)

    assert refused(announced) == refused(found_out) == (413, "body_too_large")


@pytest.mark.parametrize(
    "body",
    [
        '{"a": "林"}'.encode("utf-16"),
        '{"a": "林"}'.encode("utf-16-le"),
        '{"a": "林"}'.encode("gb18030"),
        b"\xef\xbb\xbf{}",
        b'{"a": "\xff"}',
        b'{"a": "\xc0\xaf"}',
        b'{"a": "\xed\xa0\x80"}',
    ],
    ids=["UTF-16", "UTF-16 without mark", "GB 18030", "byte order mark", "no UTF-8", "overlong", "surrogate"],
)
async def test_only_utf_8_is_json(http: httpx.AsyncClient, body: bytes) -> None:
    """Other encodings are told at once, not as a fault in some field."""
    answer = await http.post("/v1/echo", content=body, headers=JSON)

    assert refused(answer) == (400, "not_json")


@pytest.mark.parametrize(
    "content_type",
    [None, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/jsonp",
     "application/json; charset=gbk", "application/json; charset=utf-16", ""],
)  # fmt: skip
async def test_what_is_not_called_json_is_refused(http: httpx.AsyncClient, content_type: str | None) -> None:
    """A form posted by a foreign page is no API call; a charset other than UTF-8 is none of ours."""
    headers = {} if content_type is None else {"content-type": content_type}

    assert refused(await http.post("/v1/echo", content=b"{}", headers=headers)) == (415, "json_required")


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "Application/JSON", "application/json; charset=utf-8", 'application/json;charset="UTF-8"',
     "application/merge-patch+json"],
)  # fmt: skip
async def test_what_is_called_json_passes(http: httpx.AsyncClient, content_type: str) -> None:
    """However it is spelled."""
    answer = await http.post("/v1/echo", content=b"{}", headers={"content-type": content_type})

    assert answer.status_code == 200


@pytest.mark.parametrize("path", ["/v1/forms/import", "/oauth/token"])
async def test_other_paths_take_other_bodies(http: httpx.AsyncClient, path: str) -> None:
    """A form at the token endpoint, a spreadsheet at the import."""
    answer = await http.post(path, content=b"\xff\xfe", headers={"content-type": "application/octet-stream"})

    assert answer.content == b"\xff\xfe"


async def test_no_body_needs_no_type(http: httpx.AsyncClient) -> None:
    """`POST …/withdraw` says everything in its path."""
    assert (await http.post("/v1/echo")).status_code == 200


async def test_deep_nesting_is_refused(http: httpx.AsyncClient) -> None:
    """Four deep passes, five does not, and a bomb neither harms nor delays."""
    at_limit = await http.post("/v1/echo", content=b'{"a":[[[1]]]}', headers=JSON)
    beyond = await http.post("/v1/echo", content=b'{"a":[[[[1]]]]}', headers=JSON)
    bomb = await http.post("/v1/echo", content=b"[" * LIMIT, headers=JSON)

    assert at_limit.status_code == 200
    assert refused(beyond) == refused(bomb) == (400, "json_too_deep")


async def call(
    app: ASGIApp, messages: list[Message], method: str = "POST", path: str = "/v1/echo"
) -> list[Message]:
    """What the application sends when a server gives it those messages and then nothing more."""
    sent: list[Message] = []
    waiting = iter(messages)

    async def receive() -> Message:
        for message in waiting:
            return message
        await asyncio.sleep(10)
        raise AssertionError("nothing more comes")

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [(b"content-type", b"application/json")]
    scope = {"type": "http", "method": method, "path": path, "headers": headers, "query_string": b""}
    await app(scope, receive, send)
    return sent


async def test_a_body_that_drips_is_given_up(app: FastAPI) -> None:
    """Whoever sends a byte and then nothing does not hold a place for ever."""
    sent = await call(app, [{"type": "http.request", "body": b"{", "more_body": True}])

    assert sent[0]["status"] == 408
    assert json.loads(sent[1]["body"])["code"] == "body_too_slow"


async def test_a_service_that_ends_does_not_wait_for_a_body(app: FastAPI) -> None:
    """Cancelled by the server is not the client's slowness; and the clock of one body does not run into the next."""
    begun: Message = {"type": "http.request", "body": b"{", "more_body": True}
    reading = asyncio.create_task(call(app, [begun]))
    await asyncio.sleep(0.01)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading

    await call(app, [{"type": "http.request", "body": b"{}"}])
    await asyncio.sleep(0.25)  # longer than a body may take


async def test_a_client_that_hangs_up_is_not_answered(app: FastAPI) -> None:
    """There is nobody to tell, and nothing to log."""
    begun: Message = {"type": "http.request", "body": b"{", "more_body": True}

    assert await call(app, [begun, {"type": "http.disconnect"}]) == []


async def test_a_route_still_hears_of_a_disconnect() -> None:
    """After the body was replayed, what the server says reaches the route: event streams need it."""
    heard: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        heard.extend([await receive(), await receive()])

    edge = EdgeMiddleware(app, max_body_bytes=LIMIT, max_json_depth=4)
    await call(edge, [{"type": "http.request", "body": b"{}"}, {"type": "http.disconnect"}])

    assert [message["type"] for message in heard] == ["http.request", "http.disconnect"]


async def test_other_protocols_pass_untouched() -> None:
    """Lifespan and websocket are not the edge's business."""
    seen: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope)

    never: Any = None
    await EdgeMiddleware(app, max_body_bytes=1, max_json_depth=1)({"type": "lifespan"}, never, never)

    assert seen == [{"type": "lifespan"}]


# --- depth


def depth_of(value: object) -> int:
    """How deep a JSON value nests, the slow and obvious way."""
    if isinstance(value, dict):
        return 1 + max(map(depth_of, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(depth_of, value), default=0)
    return 0


json_values = st.recursive(
    st.none() | st.integers() | st.text(alphabet='[]{}"\\a林', max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text('[{"\\', max_size=3), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(json_values, st.integers(1, 6))
def test_depth_is_judged_exactly(value: object, limit: int) -> None:
    """Brackets in strings, escapes and mixed kinds never mislead the scan."""
    body = json.dumps(value, ensure_ascii=False).encode()

    assert json_depth_ok(body, limit) == (depth_of(value) <= limit)


@pytest.mark.parametrize(
    "body", [b"[" * 9, b"[{" * 5, b'{"a":"[[[[[[', b'["\\\\",' * 5, b"[]" * 5 + b"[" * 5]
)
def test_what_does_not_close_is_no_json(body: bytes) -> None:
    """Malformed bodies end here or at the parser, never in an endless scan."""
    assert not json_depth_ok(body, 4)


@pytest.mark.parametrize(
    "piece",
    [b"[]", b'["a",', b'"\\', b'["', b'{"a":', b'""', b"\\", b'\\"[', b'"[', b"[[]", b'"\\\\"['],
)
def test_no_body_takes_long(piece: bytes) -> None:
    """A megabyte of any pattern is judged in a moment: an escaped quote once took minutes."""
    body = piece * (1_000_000 // len(piece)) + b"[" * 9
    began = time.perf_counter()
    json_depth_ok(body, 32)

    assert time.perf_counter() - began < 1.0


# --- traces and headers


async def test_a_valid_trace_is_taken_up(http: httpx.AsyncClient) -> None:
    """The caller's trace id goes on, with a span of ours."""
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    parent = f"00-{trace}-00f067aa0ba902b7-01"

    answer = await http.get("/v1/echo", headers={"traceparent": parent})

    assert answer.headers["trace-id"] == answer.headers["seen-trace"] == trace
    assert re.fullmatch(rf"00-{trace}-[0-9a-f]{{16}}-01", answer.headers["traceparent"])
    assert answer.headers["traceparent"] != parent


@pytest.mark.parametrize(
    "parent",
    [
        "",
        "nonsense",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
        f"00-{SENT}-00f067aa0ba902b7-01",
    ],
)
async def test_an_invalid_trace_is_replaced(http: httpx.AsyncClient, parent: str) -> None:
    """Nothing that is not a trace id comes back in the place of one."""
    answer = await http.get("/v1/echo", headers={"traceparent": parent})

    assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["trace-id"])
    assert answer.headers["trace-id"] not in parent


async def test_a_later_version_of_traces_may_say_more(http: httpx.AsyncClient) -> None:
    """As the specification asks of version 00 readers."""
    parent = "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more"

    answer = await http.get("/v1/echo", headers={"traceparent": parent})

    assert answer.headers["trace-id"] == "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.mark.parametrize("path", ["/v1/echo", "/nowhere", f"/v1/broken/{SENT}"])
async def test_every_answer_carries_the_security_headers(http: httpx.AsyncClient, path: str) -> None:
    """Good answers, problems and accidents alike."""
    headers = (await http.get(path)).headers

    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert headers["referrer-policy"] == "no-referrer"


async def test_a_page_may_set_its_own_policy(http: httpx.AsyncClient) -> None:
    """What an answer says itself is neither doubled nor overridden."""
    headers = (await http.get("/page")).headers

    assert headers.get_list("content-security-policy") == ["default-src 'self'"]
    assert headers.get_list("cache-control") == ["max-age=9"]


# --- containment


async def test_what_nobody_foresaw_is_a_500_without_a_word_about_it(
    http: httpx.AsyncClient, app: FastAPI, log: io.StringIO
) -> None:
    """The caller gets a trace id; the log gets one line with type and place; nobody gets the text or the path."""
    answer = await http.get(f"/v1/broken/{SENT}")

    assert refused(answer) == (500, "internal")
    assert SENT not in answer.text
    (line,) = [json.loads(text) for text in log.getvalue().splitlines()]
    assert (line["event"], line["exception"], line["route"]) == (
        "unforeseen",
        "RuntimeError",
        "/v1/broken/{id_no}",
    )
    assert line["trace_id"] == answer.headers["trace-id"]
    assert SENT not in log.getvalue()
    assert b'oncegate_problems_total{code="internal"} 1.0' in app.state.telemetry.render()


async def test_an_answer_that_breaks_after_it_began_just_ends(app: FastAPI, log: io.StringIO) -> None:
    """No second answer is written into the first and none is completed; the log says where."""
    sent = await call(app, [], "GET", "/v1/breaks-late")

    assert [message.get("status", message.get("body")) for message in sent] == [200, b"begun"]
    assert sent[-1]["more_body"]
    assert "RuntimeError" in log.getvalue()
    assert SENT not in log.getvalue()


async def test_an_error_of_another_middleware_is_a_problem(app: FastAPI) -> None:
    """Whatever is raised below the edge is answered."""

    async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
        raise Conflict("some_code", "Read again.")

    edge = EdgeMiddleware(refuse, max_body_bytes=LIMIT, max_json_depth=4)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(edge), base_url="http://gate") as client:
        assert refused(await client.get("/")) == (409, "some_code")


@given(
    st.lists(
        st.tuples(
            st.sampled_from([b"accept-language", b"authorization", b"cookie"]),
            st.binary(max_size=4),
        )
    )
)
def test_a_header_is_read_as_the_framework_reads_it(headers: list[tuple[bytes, bytes]]) -> None:
    """The first of several, in Latin-1; None where there is none."""
    request = Request({"type": "http", "headers": headers})

    for name in ("accept-language", "authorization", "cookie"):
        assert header_of(request, name.encode()) == request.headers.get(name)


async def test_a_body_that_was_read_is_not_received_again() -> None:
    """A route may still receive it, as one message; who finds it in the scope need not."""
    seen: list[Any] = []

    async def route(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append((scope[BODY], await receive()))

    edge = EdgeMiddleware(route, max_body_bytes=99, max_json_depth=9)
    parts = iter([(b"[1,", True), (b"2]", False)])

    async def receive() -> Message:
        body, more = next(parts)
        return {"type": "http.request", "body": body, "more_body": more}

    async def send(_: Message) -> None:
        raise AssertionError

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/x",
        "headers": [(b"content-type", b"application/json")],
    }
    await edge(scope, receive, send)

    assert seen == [(b"[1,2]", {"type": "http.request", "body": b"[1,2]", "more_body": False})]
