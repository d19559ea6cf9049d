"""`http_json`: requests from templates, answers by pointers, pages, authorisation."""

import asyncio
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors import BadConfiguration, SourceBroken, SourceDenied, build_connector
from connectors.kinds import http_json_mapping as m
from connectors.protocol import Found
from field_registry import Missing, OutcomeCode, Subject, SubjectKind
from field_registry.items import Datatype


def subject(id_no: str, id_type: str = "414") -> Subject:
    """Somebody with that document."""
    return Subject(SubjectKind.person, id_type, id_no)


def request_of(config: dict[str, Any], who: Subject, extra: m.Parameters | None = None) -> Any:
    """The rendered request."""
    return m.render(m.compile_request(config, []), "http://civil/api", who, extra or [])


@pytest.mark.parametrize("id_no", ["E1/../2", "a b&c=d?e#f", "号码%2F", "..%", "'\";--", "\r\nX: y"])
def test_an_identifier_is_only_ever_data(id_no: str) -> None:
    """Percent-encoded in path and query, JSON in the body: it can become no other path, parameter or header."""
    config = {
        "method": "POST",
        "path": "/p/{id_no}.json",
        "query": {"t": "{id_type}", "n": "{id_no}"},
        "body": {"deep": [{"n": "{id_no}"}, 7, None, True]},
    }
    request = request_of(config, subject(id_no))
    parts = urlsplit(request.url)

    assert parts.path == f"/api/p/{quote(id_no, safe='')}.json"
    assert parse_qs(parts.query) == {"t": ["414"], "n": [id_no]}
    assert json.loads(request.body) == {"deep": [{"n": id_no}, 7, None, True]}
    assert request.headers == (("content-type", "application/json"),)


def _rendered(template: m.RequestTemplate, who: Subject) -> Any:
    """The request, or why there is none."""
    try:
        return m.render(template, "http://civil/api", who, [])
    except SourceBroken as fault:
        return str(fault)


_REST: tuple[dict[str, Any], ...] = (
    {},
    {"headers": {"X-App": "a"}},
    {"headers": {"X-No": "{id_no}"}},
    {"query": {"t": "{id_type}"}},
    {"method": "POST"},
    {"method": "POST", "body": {"n": "{id_no}"}},
)
_pieces = st.sampled_from(["/{id_no}", "/p/{id_no}.json", "/p", "/..", ".", "{id_type}", "/号"])


@given(
    st.lists(_pieces, max_size=3).map("".join),
    st.one_of(st.sampled_from(["35058219910603996X", "E1", "", "..", "号码", "²"]), st.text(max_size=8)),
)
def test_the_short_way_to_a_request_makes_the_same_one(path: str, id_no: str) -> None:
    """A path that alone names the subject is filled at once; what comes of it is what the long way makes."""
    for rest in _REST:
        template = m.compile_request({"path": path, **rest}, [("authorization", "Bearer x")])
        for who in (subject(id_no), subject("E1"), subject("号码")):
            assert _rendered(template, who) == _rendered(replace(template, around=None), who)


@pytest.mark.parametrize("issuer", ["USA", "", "a&b=\r\n号"])
def test_a_request_may_name_the_country(issuer: str) -> None:
    """The country goes where the template names it, as data; where nobody said one, it is empty."""
    who = Subject(SubjectKind.person, "414", "E1", issuer)
    config = {
        "method": "POST",
        "path": "/p",
        "query": {"c": "{issuer}", "n": "{id_no}"},
        "body": {"doc": ["{issuer}-{id_no}"]},
    }
    request = request_of(config, who)

    assert parse_qs(urlsplit(request.url).query, keep_blank_values=True) == {"c": [issuer], "n": ["E1"]}
    assert json.loads(request.body) == {"doc": [f"{issuer}-E1"]}


@pytest.mark.parametrize("id_no", ["..", ".", "", "  "])
def test_an_identifier_that_would_change_the_path_is_not_sent(id_no: str) -> None:
    """Dots climb, and nothing asks for everybody."""
    with pytest.raises(SourceBroken):
        request_of({"path": "/p/{id_no}"}, subject(id_no))


@pytest.mark.parametrize("id_no", ["a\r\nX-Role: admin", "号"])
def test_an_identifier_cannot_break_a_header(id_no: str) -> None:
    """Line breaks and what is not ASCII are refused, without being shown."""
    with pytest.raises(SourceBroken) as caught:
        request_of({"path": "/p", "headers": {"X-Id": "{id_no}"}}, subject(id_no))

    assert id_no not in str(caught.value)


@pytest.mark.parametrize("name", ["Content-Length", "transfer-encoding"])
def test_how_long_a_body_is_is_not_for_a_configuration_to_say(name: str) -> None:
    """Found when it is loaded, with the name of the header, and not in every request."""
    with pytest.raises(BadConfiguration, match=name):
        m.compile_request({"path": "/p", "headers": {name: "2"}}, [])


@pytest.mark.parametrize(
    "config",
    [
        {"path": "/p/{name}"},
        {"path": "/p/{issuer}/{id_no}"},
        {"path": "/p", "query": {"a": "{x}"}},
        {"path": "/p", "headers": {"a": "{x}"}},
        {"path": "/p", "headers": {"a": "b\r\nc: d"}},
        {"path": "/p", "headers": {"a b": "c"}},
        {"method": "POST", "path": "/p", "body": {"a": ["{x}"]}},
        {"method": "GET", "path": "/p", "body": {}},
    ],
)
def test_a_template_that_cannot_work_is_refused_when_built(config: dict[str, Any]) -> None:
    """Unknown placeholders, broken headers, a GET with a body."""
    with pytest.raises(BadConfiguration, match="request"):
        m.compile_request(config, [])


def test_the_signature_covers_query_and_body() -> None:
    """Sorted, percent-encoded pairs under HMAC-SHA256; a body adds its digest; any change changes it."""
    query = [("b", "x y"), ("a", "号/"), ("a1", "~")]
    message = "a=%E5%8F%B7%2F&a1=~&b=x%20y"
    plain = m.signature_of(query, "k", None)

    assert plain == hmac.new(b"k", message.encode(), hashlib.sha256).hexdigest()
    assert m.signature_of(query[::-1], "k", None) == plain
    digest = hashlib.sha256(b"{}").hexdigest()
    assert (
        m.signature_of(query, "k", b"{}")
        == hmac.new(b"k", f"{message}\n{digest}".encode(), hashlib.sha256).hexdigest()
    )
    assert len({plain, m.signature_of(query, "K", None), m.signature_of(query[1:], "k", None)}) == 3


ANSWER = {
    "success": {"pointer": "/code", "equals": [0, "0"]},
    "not_found": {"pointer": "/code", "equals": [404]},
    "denied": {"pointer": "/code", "equals": [403]},
    "record": "/data",
}


def interpreted(document: object, ask: Any, **overrides: Any) -> Any:
    """The one reply for a document."""
    [reply] = m.interpret(m.compile_answer(ANSWER | overrides), document, [ask()])
    return reply.reason if isinstance(reply, Missing) else reply.raw


@pytest.mark.parametrize(
    ("document", "reply"),
    [
        ({"code": 0, "data": {"name": "陈"}}, "陈"),
        ({"code": "0", "data": [{"name": "陈"}]}, "陈"),
        ({"code": 404, "data": {"name": "陈"}}, OutcomeCode.not_found),
        ({"code": 0, "data": []}, OutcomeCode.not_found),
        ({"code": 0, "data": {}}, OutcomeCode.not_found),
        ({"code": 0, "data": None}, OutcomeCode.not_found),
        ({"code": 0, "data": [{"name": "陈"}, {"name": "林"}]}, OutcomeCode.identity_ambiguous),
        ({"code": 0, "data": {"name": " "}}, OutcomeCode.empty_at_source),
        ({"code": 0, "data": {"x": 1}}, OutcomeCode.empty_at_source),
    ],
)
def test_an_answer_is_read_as_configured(document: object, reply: object, ask: Any) -> None:
    """Status first, then the one record, then the attribute."""
    assert interpreted(document, ask) == reply


@pytest.mark.parametrize(
    "document",
    [
        {"code": 1, "data": {}},
        {"code": False, "data": {"name": "x"}},
        {"code": 0},
        {"code": 0, "data": 7},
        [],
    ],
)
def test_an_answer_that_breaks_the_agreement_is_a_fault(document: object, ask: Any) -> None:
    """Another status, `false` for 0, no record key, a record that is no object."""
    with pytest.raises(SourceBroken):
        interpreted(document, ask)


def test_a_refusal_by_business_code_is_denied(ask: Any) -> None:
    """The source's own code for it."""
    with pytest.raises(SourceDenied):
        interpreted({"code": 403}, ask)


@pytest.fixture
def fetch(http_server: Any, source: Any, environment: Any, person: Subject) -> Callable[..., Any]:
    """Run a JSON service (request line and body → document) and ask it; gives replies and the requests seen."""

    async def run(
        serve: Callable[[str, bytes], object], config: dict[str, Any], asks: Any, seconds: float = 2
    ) -> tuple[Any, list[bytes]]:
        seen: list[bytes] = []

        async def handler(request: bytes, reader: Any, writer: Any) -> None:
            seen.append(request)
            head, _, body = request.partition(b"\r\n\r\n")
            answer = json.dumps(serve(head.split()[1].decode(), body)).encode()
            writer.write(
                b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: %d\r\n\r\n" % len(answer) + answer
            )

        async with http_server(handler) as place:
            made = source(connector="http_json", config={"base_url": f"http://{place}/api"} | config)
            connector = build_connector(made, environment())
            try:
                return await connector.fetch(person, asks, asyncio.get_running_loop().time() + seconds), seen
            finally:
                await connector.close()

    return run


def pages(total: int, size: int, *, echo: Callable[[int], str] = lambda page: "x", tell: bool = True) -> Any:
    """A service of `total` rows, `size` at a time."""

    def serve(target: str, body: bytes) -> object:
        asked = (
            json.loads(body)
            if body
            else {key: int(value[0]) for key, value in parse_qs(urlsplit(target).query).items()}
        )
        page = asked["page"]
        rows = [{"n": number} for number in range(total)][(page - 1) * size : page * size]
        return {"data": {"id": echo(page), "list": rows} | ({"total": total} if tell else {})}

    return serve


PAGED = {
    "request": {"path": "/p"},
    "answer": {"record": "/data", "echo": "/id"},
    "paging": {
        "parameter": "page",
        "size_parameter": "size",
        "size": 3,
        "rows": "/data/list",
        "max_pages": 4,
    },
}


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(("total", "calls"), [(1, 1), (3, 1), (4, 2), (12, 4)])
async def test_pages_become_one_list(fetch: Any, ask: Any, method: str, total: int, calls: int) -> None:
    """All rows in order, with no call more than needed; page numbers go where the request has its parameters."""
    config = json.loads(json.dumps(PAGED))
    config["paging"]["total"] = "/data/total"
    if method == "POST":
        config["request"] |= {"method": "POST", "body": {"zjhm": "{id_no}"}}
    rows = ask("person.rows", "/list", datatype=Datatype.rows, columns=(("row.n", "/n"),))
    [reply], seen = await fetch(pages(total, 3), config, [rows])

    assert [row["row.n"] for row in reply.raw] == list(range(total))
    assert len(seen) == calls


async def test_pages_without_a_total_end_with_a_short_one(fetch: Any, ask: Any) -> None:
    """A page that is not full is the last."""
    rows = ask("person.rows", "/list", datatype=Datatype.rows, columns=(("row.n", "/n"),))
    [reply], seen = await fetch(pages(7, 3, tell=False), PAGED, [rows])

    assert len(reply.raw) == 7
    assert len(seen) == 3


@pytest.mark.parametrize(
    "serve",
    [
        pages(100, 3),
        pages(7, 3, echo=lambda page: f"person {page}"),
        lambda target, body: {"data": {"id": "x", "list": {"not": "a list"}}},
    ],
)
async def test_a_list_that_cannot_be_trusted_is_a_fault(fetch: Any, ask: Any, serve: Any) -> None:
    """Too many pages, a page about somebody else, no list at all: never half a list."""
    with pytest.raises(SourceBroken):
        await fetch(serve, PAGED, [ask("person.rows", "/list", datatype=Datatype.rows)])


@pytest.mark.parametrize(
    ("auth", "sent"),
    [
        ({"kind": "none"}, b""),
        ({"kind": "header", "header": "X-Api-Key", "secret": "key"}, b"x-api-key: s3cret\r\n"),
        ({"kind": "bearer", "secret": "key"}, b"authorization: bearer s3cret\r\n"),
        ({"kind": "hmac_query", "key_id": "app1", "secret": "key"}, b"appid=app1&ts=1767240000&nonce="),
    ],
)
async def test_a_request_is_authorised_as_configured(
    fetch: Any, ask: Any, auth: dict[str, str], sent: bytes
) -> None:
    """The secret is looked up by its name; a signed query never holds it."""
    config = {"request": {"path": "/p/{id_no}"}, "answer": {}, "auth": auth}
    [reply], [request] = await fetch(lambda target, body: {"name": "陈"}, config, [ask()])

    assert isinstance(reply, Found)
    assert sent in request.lower()
    if auth["kind"] == "hmac_query":
        query = [
            (key, value[0]) for key, value in parse_qs(urlsplit(request.split()[1].decode()).query).items()
        ]
        assert query[-1] == ("sign", m.signature_of(query[:-1], "s3cret", None))
        assert b"s3cret" not in request


async def test_a_secret_that_is_no_header_is_refused_unshown(source: Any, environment: Any) -> None:
    """The message names the key of the configuration, not the secret."""
    config = {
        "base_url": "http://127.0.0.1",
        "request": {"path": "/"},
        "answer": {},
        "auth": {"kind": "bearer", "secret": "key"},
    }
    with pytest.raises(BadConfiguration) as caught:
        build_connector(
            source(connector="http_json", config=config), environment(secrets={"key": "a\nb-s3cret"})
        )

    assert "auth" in str(caught.value)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "health", "ok"),
    [
        (200, "/health", True),
        (204, "/health", True),
        (404, "/health", False),
        (404, None, True),
        (500, None, False),
    ],
)
async def test_health_looks_at_the_source_without_naming_anybody(
    http_server: Any,
    answer_with: Any,
    source: Any,
    environment: Any,
    status: int,
    health: str | None,
    ok: bool,
) -> None:
    """A configured path must answer 2xx; without one, any answer but a server error will do."""
    seen: list[bytes] = []
    async with http_server(answer_with(b"", status, seen=seen)) as place:
        config = {"base_url": f"http://{place}", "request": {"path": "/p/{id_no}"}, "answer": {}}
        config |= {"health": {"path": health}} if health else {}
        connector = build_connector(source(connector="http_json", config=config), environment())
        found = await connector.health()
        await connector.close()

    assert found.ok is ok
    assert seen[0].split()[1].decode() == (health or "/")
