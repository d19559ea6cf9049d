"""The address of a source, read once, and requests to it as bytes. Pure but for how addresses are spelt.

A request is written only if nothing in it can end a line or a request before its end.
"""

import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import quote, urlsplit

from connectors.addresses import is_address
from connectors.errors import BadConfiguration
from connectors.http_messages import HttpRequest

_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"(?=.{1,253}\Z)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*\.?")
_DISPUTED = frozenset("ßς\u200c\u200d")
_NUMBERS = re.compile(r"(0x[0-9a-f]*|[0-9]+)(\.(0x[0-9a-f]*|[0-9]+)){0,3}\.?")
_METHOD = re.compile(r"(?!(HEAD|CONNECT)\Z)[A-Z]+")  # of those two, an answer's length says nothing
_TARGET = re.compile(r"/[!$-;=?-\[\]_a-z~]*")  # printable, and neither " # < > \\ ^ ` { | }
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[!-~]([\t -~]*[!-~])?|")
_SAFE = "!$%&'()*+,-./:;=?@[]_~"
_FRAMING = frozenset({"content-length", "transfer-encoding"})
_CARRIES_BODY = frozenset({"POST", "PUT", "PATCH"})


@dataclass(slots=True, eq=False)
class Origin:
    """Where a source lives. `host`: lower case, an IP address in its usual spelling; `base_url`: without a final slash.

    `place`, `given`: scheme and place in their usual spelling and as they were written; the address of a request
    begins with either.
    """

    host: str
    port: int
    is_secure: bool
    base_url: str
    given: str
    place: str
    _kept: tuple[object, str, str] = (None, "", "")

    def message(self, request: HttpRequest) -> bytes | None:
        """The request as it is sent; None for one that cannot be, or that is meant for another place."""
        target = self._target(request.url)
        if target is None:
            return None
        headers, method, rest = self._kept
        # Most sources are asked with the very same headers each time: looked through and written once.
        if request.body is not None or headers is not request.headers or method != request.method:
            written = self._rest(request)
            if written is None:
                return None
            rest = written
            if request.body is None:
                self._kept = request.headers, request.method, rest
        head = f"{request.method} {target} {rest}".encode("ascii")
        return head if request.body is None else head + request.body

    def _rest(self, request: HttpRequest) -> str | None:
        """What follows the target; None where something in it could end a line or the request."""
        if not _METHOD.fullmatch(request.method):
            return None
        if any(name.lower() in _FRAMING for name, _ in request.headers):
            return None  # we say how long a body is; two who say so are two requests to somebody
        lines = ["HTTP/1.1"]
        for name, value in (*self._added(request), *request.headers):
            if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
                return None
            lines.append(f"{name}: {value}")
        return "\r\n".join([*lines, "", ""])

    def _target(self, url: str) -> str | None:
        for beginning in (self.place, self.given):
            target = url[len(beginning) :]
            # What follows tells it from the place of another host, or port, that begins like this one.
            if url.startswith(beginning) and target[:1] in ("/", "", "?", "#"):
                break
        else:
            return None
        if target[:1] != "/":
            target = f"/{target}"
        if _TARGET.fullmatch(target):
            return target
        try:
            return quote(target.partition("#")[0], safe=_SAFE)
        except UnicodeEncodeError:  # half a character, which has no bytes
            return None

    def _added(self, request: HttpRequest) -> Iterator[tuple[str, str]]:
        """What every request says unless it says it otherwise itself; how long its body is, it may not say."""
        said = {name.lower() for name, _ in request.headers}
        ours = (("host", self.place.partition("//")[2]), ("user-agent", "oncegate"), ("accept", "*/*"))
        yield from (each for each in ours if each[0] not in said)
        yield "accept-encoding", "identity"
        if request.body is not None or request.method in _CARRIES_BODY:
            yield "content-length", str(len(request.body or b""))


def parse_origin(base_url: str) -> Origin:
    """The origin and path of an address; raises `BadConfiguration` that says what is wrong with it."""
    try:
        parts = urlsplit(base_url)
        host, port = _host(parts.hostname or ""), parts.port
        path = quote(parts.path, safe=_SAFE).rstrip("/")
    except ValueError:
        raise BadConfiguration(f"base_url: {base_url!r} is not a URL like https://host:port/path") from None
    if parts.scheme not in _PORTS or not host or port == 0:
        raise BadConfiguration("base_url: must begin with http:// or https:// and name a host")
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise BadConfiguration(
            "base_url: must not carry a user, password, query or fragment; use `auth` and `request`"
        )
    usual = _PORTS[parts.scheme]
    shown = f"[{host}]" if ":" in host else host
    place = f"{parts.scheme}://{shown}" + (f":{port}" if port not in (None, usual) else "")
    given = f"{parts.scheme}://{parts.netloc}"
    return Origin(host, port or usual, parts.scheme == "https", place + path, given, place)


def _host(host: str) -> str:
    """The host as it is resolved or connected to; raises `ValueError` for what can be none.

    >>> _host("2130706433"), _host("bücher.example")
    ('127.0.0.1', 'xn--bcher-kva.example')
    """
    if is_address(host):
        if "%" in host:  # a zone, or a name that would be judged by the address it begins with
            raise ValueError("an address with more behind it")
        return str(ip_address(host))
    if _DISPUTED & set(host):  # "straße" is "strasse" to IDNA 2003 (ours) and somebody else to IDNA 2008
        raise ValueError("no one name")
    named = host if host.isascii() else host.encode("idna").decode("ascii")
    if _NUMBERS.fullmatch(named):  # what systems take for an IPv4 address, however it is spelt
        try:
            return socket.inet_ntoa(socket.inet_aton(named.rstrip(".")))
        except OSError:
            raise ValueError("no address") from None
    if named and not _HOST.fullmatch(named):
        raise ValueError("no host name")
    return named
