"""Addresses of sources as they are understood, and requests as bytes: one request each, with what was asked for."""

import gc
from typing import Any

import pytest
from httptools import HttpRequestParser
from hypothesis import given
from hypothesis import strategies as st

from connectors.errors import BadConfiguration
from connectors.http_messages import HttpRequest
from connectors.http_origin import parse_origin

CIVIL = "http://civil.example"


class Heard:
    """What a server understands of some bytes: its requests, each with method, target, headers and body."""

    def __init__(self, message: bytes) -> None:
        self.requests: list[dict[str, Any]] = []
        self._parser = HttpRequestParser(self)
        self._parser.feed_data(message)

    def on_message_begin(self) -> None:
        """Another one."""
        self.requests.append({"target": b"", "headers": [], "body": b"", "is_whole": False})

    def on_url(self, piece: bytes) -> None:
        """A piece of the target."""
        self.requests[-1]["target"] += piece

    def on_header(self, name: bytes, value: bytes) -> None:
        """One more."""
        self.requests[-1]["headers"].append((name.decode(), value.decode()))

    def on_body(self, piece: bytes) -> None:
        """A piece of the body."""
        self.requests[-1]["body"] += piece

    def on_message_complete(self) -> None:
        """It ends here."""
        self.requests[-1] |= {"is_whole": True, "method": self._parser.get_method().decode()}


def understood(message: bytes | None) -> dict[str, Any]:
    """The one request in it."""
    assert message is not None
    (request,) = Heard(message).requests
    assert request.pop("is_whole")
    return request


def target_of(url: str, base_url: str = CIVIL) -> str | None:
    """The target that a request for that address is sent with; None when it is not sent."""
    message = parse_origin(base_url).message(HttpRequest("GET", url))
    return None if message is None else understood(message)["target"].decode()


# ---- addresses


@pytest.mark.parametrize(
    ("base_url", "host", "port", "normal"),
    [
        ("http://civil.example", "civil.example", 80, "http://civil.example"),
        ("HTTPS://Civil.Example/", "civil.example", 443, "https://civil.example"),
        ("http://civil.example:80/a/", "civil.example", 80, "http://civil.example/a"),
        ("https://civil.example:443", "civil.example", 443, "https://civil.example"),
        ("https://civil.example:80", "civil.example", 80, "https://civil.example:80"),
        ("http://civil.example:/", "civil.example", 80, "http://civil.example"),
        ("http://civil_1.example.", "civil_1.example.", 80, "http://civil_1.example."),
        ("http://bücher.example/ä b", "xn--bcher-kva.example", 80, "http://xn--bcher-kva.example/%C3%A4%20b"),
        ("http://公安.example", "xn--55q79v.example", 80, "http://xn--55q79v.example"),
        ("http://civil。example", "civil.example", 80, "http://civil.example"),
        ("http://civil.example/%7Ea%2fb", "civil.example", 80, "http://civil.example/%7Ea%2fb"),
        ("http://[2001:DB8:0::1]:8080/x", "2001:db8::1", 8080, "http://[2001:db8::1]:8080/x"),
        *((f"http://{odd}/", "127.0.0.1", 80, "http://127.0.0.1")
          for odd in ("127.1", "2130706433", "0x7f000001", "0X7F.1", "0177.0.0.1", "017700000001", "127.0.0.1.",
                      "１２７.０.０.１", "127。0。0。1")),
    ],
)  # fmt: skip
def test_an_address_is_understood_in_its_usual_spelling(
    base_url: str, host: str, port: int, normal: str
) -> None:
    """Case, default ports, other alphabets, every way to write an IPv4 address: one place, however it is spelt."""
    origin = parse_origin(base_url)

    assert (origin.host, origin.port, origin.base_url) == (host, port, normal)
    assert origin.is_secure == base_url.lower().startswith("https")


@pytest.mark.parametrize(
    "base_url",
    [
        "",
        "civil.example",
        "//civil.example",
        "ftp://civil.example",
        "http:///path",
        "http://:80",
        "http://user@civil.example",
        "http://user:pw@civil.example",
        "http://@civil.example",
        "http://civil.example\\@evil.example",
        "http://evil.example\\civil.example",
        "http://civil.example?a",
        "http://civil.example#a",
        "http://civil.example:99999",
        "http://civil.example:0",
        "http://civil.example:-1",
        "http://civil.example:8o",
        "http://civil example",
        "http://civil.example\x00",
        "http://civil.example%00",
        "http://civil.example%2eevil",
        "http://a..b",
        "http://.",
        "http://.civil",
        f"http://{'a' * 64}",
        f"http://{'a.' * 130}b",
        f"http://{'ü' * 64}",
        "http://\ud800",
        "http://civil/\ud800",
        "http://[::1",
        "http://[civil]",
        "http://[fe80::1%25eth0]",
        "http://[fe80::1%eth0]",
        "http://8.8.8.8%.evil.example",
        "http://8.8.8.8%25x",
        "http://256.1.1.1",
        "http://0x100000000",
        "http://0x",
        "http://08.1.1.1",
        "http://straße.example",
        "http://STRAẞE.example",
        "http://a\u200db.example",
        "http://civil\uff0fevil",
        "http://civil\uff20evil",
    ],
)
def test_an_address_that_is_none_is_refused(base_url: str) -> None:
    """What is no address, what different readers read differently, and what only begins like an IP address."""
    with pytest.raises(BadConfiguration, match="base_url"):
        parse_origin(base_url)


@given(st.text(max_size=60))
def test_any_text_is_an_address_or_refused(text: str) -> None:
    """Whatever is configured as a host: `BadConfiguration`, or a host and a base that can stand in a request."""
    for base_url in (text, f"http://{text}", f"https://civil.example/{text}"):
        try:
            origin = parse_origin(base_url)
        except BadConfiguration:
            continue
        assert understood(origin.message(HttpRequest("GET", origin.base_url + "/x")))["target"].endswith(
            b"/x"
        )
        assert understood(origin.message(HttpRequest("GET", origin.given)))["target"] == b"/"


# ---- targets


@pytest.mark.parametrize(
    ("url", "target"),
    [
        (f"{CIVIL}", "/"),
        (f"{CIVIL}/", "/"),
        (f"{CIVIL}?a=1", "/?a=1"),
        (f"{CIVIL}#top", "/"),
        (f"{CIVIL}/a?b=c&d=%E4%B8%AD#top", "/a?b=c&d=%E4%B8%AD"),
        (f"{CIVIL}/a%2Fb%zz%", "/a%2Fb%zz%"),
        (f"{CIVIL}/中/%E4%B8%AD", "/%E4%B8%AD/%E4%B8%AD"),
        (f"{CIVIL}/a b<c>\"d\"|{{}}^`\\", "/a%20b%3Cc%3E%22d%22%7C%7B%7D%5E%60%5C"),
        (f"{CIVIL}/a\r\nx: y\x00\x7f\t", "/a%0D%0Ax:%20y%00%7F%09"),
        (f"{CIVIL}/a HTTP/1.1\r\n\r\nGET /b", "/a%20HTTP/1.1%0D%0A%0D%0AGET%20/b"),
        (f"{CIVIL}/@evil.example//x/../y", "/@evil.example//x/../y"),
        (f"{CIVIL}//evil.example/", "//evil.example/"),
    ],
)  # fmt: skip
def test_a_target_is_encoded_once(url: str, target: str) -> None:
    """What cannot stand in a request line is percent-encoded; what is encoded already stays; a fragment stays here."""
    assert target_of(url) == target


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/a",
        "nonsense",
        "http://civil.example.evil/",
        "http://civil.examples/",
        "http://civil.example@evil/",
        "http://civil.example:8080/",
        "http://civil.example:80@evil/",
        "http://civil.example\\.evil/",
        "http://civil.example;/",
        "http://civil.example%2f/",
        "http://civil.example\r\n/",
        "https://civil.example/",
        "http://other.example/",
        "http://civil.example/\ud800",
        " http://civil.example/",
    ],
)
def test_a_request_for_another_place_is_not_sent(url: str) -> None:
    """However much an address begins like ours: another host, port or scheme hears nothing from us, nor do we send it on."""
    assert target_of(url) is None


@pytest.mark.parametrize(
    "given",
    [
        "http://Civil.Example:80",
        "http://civil.example:80",
        "https://civil.example:443",
        "http://bücher.example",
        "http://127.1:8",
    ],
)
def test_a_request_may_name_the_place_as_it_was_written(given: str) -> None:
    """An issuer or a webhook says its address its own way, with a default port or capitals; it is the same place."""
    origin = parse_origin(given)

    for url in (f"{given}/a", f"{origin.base_url}/a"):
        request = understood(origin.message(HttpRequest("GET", url)))
        assert request["target"] == b"/a"
        assert dict(request["headers"])["host"] == origin.base_url.partition("//")[2]


# ---- messages


def test_a_request_says_what_it_needs_to() -> None:
    """Host, agent, what we accept, and how long the body is; a request that says the first three itself is heard."""
    plain = understood(
        parse_origin("http://civil.example:8080").message(HttpRequest("GET", "http://civil.example:8080/a"))
    )
    own = (("Accept", "application/json"), ("HOST", "other"), ("user-agent", "x"))
    with_body = understood(parse_origin(CIVIL).message(HttpRequest("POST", f"{CIVIL}/a", own, "中".encode())))

    assert plain == {
        "method": "GET",
        "target": b"/a",
        "headers": [
            ("host", "civil.example:8080"),
            ("user-agent", "oncegate"),
            ("accept", "*/*"),
            ("accept-encoding", "identity"),
        ],
        "body": b"",
    }
    assert with_body == {
        "method": "POST",
        "target": b"/a",
        "headers": [("accept-encoding", "identity"), ("content-length", "3"), *own],
        "body": "中".encode(),
    }


@pytest.mark.parametrize(
    "request_",
    [
        HttpRequest("GET", f"{CIVIL}/", (("x", "a\r\nb"),)),
        HttpRequest("GET", f"{CIVIL}/", (("x", "a\nb"),)),
        HttpRequest("GET", f"{CIVIL}/", (("x", "a\x00b"),)),
        HttpRequest("GET", f"{CIVIL}/", (("x", "a\r"),)),
        HttpRequest("GET", f"{CIVIL}/", (("x", "中"),)),
        HttpRequest("GET", f"{CIVIL}/", (("x", " a"),)),
        HttpRequest("GET", f"{CIVIL}/", (("", "a"),)),
        HttpRequest("GET", f"{CIVIL}/", (("x:", "a"),)),
        HttpRequest("GET", f"{CIVIL}/", (("x ", "a"),)),
        HttpRequest("GET", f"{CIVIL}/", (("x\r\ny", "a"),)),
        HttpRequest("GET", f"{CIVIL}/", (("ü", "a"),)),
        HttpRequest("POST", f"{CIVIL}/", (("Content-Length", "1"),), b"{}"),
        HttpRequest("GET", f"{CIVIL}/", (("content-length", "0"),)),
        HttpRequest(
            "POST", f"{CIVIL}/", (("Transfer-Encoding", "chunked"),), b"0\r\n\r\nGET / HTTP/1.1\r\n\r\n"
        ),
        *(
            HttpRequest(method, f"{CIVIL}/")
            for method in ("", "G T", "get", "GET\r\n", "GET /x HTTP/1.1\r\n", "HEAD", "CONNECT", "GÉT")
        ),
    ],
)
def test_what_could_be_two_requests_is_none(request_: HttpRequest) -> None:
    """A name, value or method that ends a line, a second word on the length, a method whose answers end elsewhere."""
    assert parse_origin(CIVIL).message(request_) is None


def test_what_is_kept_of_one_request_is_not_said_in_another() -> None:
    """Requests one after another over one origin: each with its own headers, method and body, whichever came before."""
    origin = parse_origin(CIVIL)
    requests = [
        HttpRequest(method, f"{CIVIL}/{number}", headers, body)
        for number in range(3)
        for method in ("", "GET", "POST", "DELETE")
        for headers in ((), (("x", "1"),), (("x", "2"),), (("x", "a\r\nb"),))
        for body in (None, b"", b"{}")
    ]

    assert [origin.message(each) for each in requests] == [
        parse_origin(CIVIL).message(each) for each in requests
    ]


def test_headers_that_are_gone_are_not_taken_for_those_that_took_their_place() -> None:
    """Headers made anew for each request, at the same place in memory, are each said."""
    origin = parse_origin(CIVIL)
    for number in range(200):
        message = origin.message(HttpRequest("GET", CIVIL, (("x", str(number)),)))
        assert dict(understood(message)["headers"])["x"] == str(number)
        gc.collect(0)


NAMES = st.one_of(
    st.sampled_from(
        [
            "x",
            "Host",
            "host",
            "content-length",
            "Transfer-Encoding",
            "connection",
            "upgrade",
            "expect",
            "accept",
        ]
    ),
    st.text(max_size=8),
)
VALUES = st.one_of(
    st.sampled_from(["chunked", "upgrade", "close", "0", "a\r\n\r\nGET / HTTP/1.1"]), st.text(max_size=20)
)
TEXTS = st.text(st.characters(exclude_categories=()), max_size=40)


@given(
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "HEAD", "get", "GET\n", "POST / HTTP/1.1\r\n"]),
    rest=st.one_of(TEXTS, TEXTS.map("/{}".format), st.just("/ok")),
    headers=st.lists(st.tuples(NAMES, VALUES), max_size=4),
    body=st.none() | st.binary(max_size=40),
)
def test_a_message_is_one_request_or_none(
    method: str, rest: str, headers: list[tuple[str, str]], body: bytes | None
) -> None:
    """Whatever text is given: nothing is sent, or a server reads exactly that one request out of it."""
    message = parse_origin(CIVIL).message(HttpRequest(method, CIVIL + rest, tuple(headers), body))
    if message is None:
        return
    head, _, sent = message.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    said = [tuple(line.decode().split(": ", 1)) for line in lines[1:]]
    target = lines[0].split(b" ")[1]

    assert lines[0] == b"%b %b HTTP/1.1" % (method.encode(), target)
    assert target.startswith(b"/")
    assert said[len(said) - len(headers) :] == headers
    assert [name for name, _ in said].count("content-length") == (
        body is not None or method in ("POST", "PUT")
    )
    assert sent == (body or b"")
    assert {"host", "user-agent", "accept"} <= {name.lower() for name, _ in said}
    if not {name.lower() for name, _ in headers} & {
        "upgrade",
        "connection",
    }:  # after which a parser reads no further
        request = understood(message)
        assert (request["method"], request["target"], request["body"]) == (method, target, body or b"")
        assert request["headers"] == said
