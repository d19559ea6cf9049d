"""The pure half of `http_json`: configuration → templates, subject → request, document → replies."""

import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import orjson

from connectors import mapping as m
from connectors.errors import BadConfiguration, SourceBroken, SourceDenied
from connectors.http_messages import HttpRequest
from connectors.protocol import Reply
from field_registry import Ask, Subject

Template = Callable[[Mapping[str, str]], str]
Parameters = list[tuple[str, str]]
Signer = Callable[[Parameters, bytes | None], Parameters]
"""Query and body → the query with its signature."""


@dataclass(frozen=True, slots=True)
class RequestTemplate:
    """How a look-up is asked, with every placeholder compiled."""

    method: str
    path: Template
    around: tuple[str, ...] | None
    """What stands around the number in the path, where that alone makes the request: nothing else names the subject."""
    query: tuple[tuple[str, Template], ...]
    headers: tuple[tuple[str, Template], ...]
    ready_headers: tuple[tuple[str, str], ...] | None
    """The headers themselves where none names the subject, which is usual."""
    body: Callable[[Mapping[str, str]], Any] | None
    is_read: bool


@dataclass(frozen=True, slots=True)
class Condition:
    """What the answer says at one place, compared with a closed list."""

    pointer: m.Pointer
    equals: tuple[Any, ...]

    def holds(self, document: Any) -> bool:
        """Whether the document has one of the values there. `true` is not 1."""
        said = m.look_up(document, self.pointer)
        return any(
            said == value and isinstance(said, bool) == isinstance(value, bool) for value in self.equals
        )


@dataclass(frozen=True, slots=True)
class AnswerTemplate:
    """How an answer is read."""

    success: Condition | None
    not_found: Condition | None
    denied: Condition | None
    record: m.Pointer
    echo: m.Pointer | None
    recorded_at: m.Pointer | None


@dataclass(frozen=True, slots=True)
class Paging:
    """How a long list is fetched. `rows`, `total`: in the whole document."""

    parameter: str
    start: int
    size_parameter: str
    size: int
    rows: m.Pointer
    total: m.Pointer | None
    max_pages: int


@dataclass(frozen=True, slots=True)
class Signing:
    """How a query is signed: the names of the parameters, and the key (never shown)."""

    key_id: str
    secret: str
    key_param: str
    timestamp_param: str
    nonce_param: str
    signature_param: str

    def __repr__(self) -> str:
        """The key's name only."""
        return f"Signing({self.key_id})"


def compile_request(config: Mapping[str, Any], auth: Parameters) -> RequestTemplate:
    """The request of a checked configuration, with the headers of `auth`; raises `BadConfiguration`."""
    method, body = config.get("method", "GET"), config.get("body")
    for header, text in config.get("headers", {}).items():
        check_header(header, text, f"request.headers.{header}")
    if method == "GET" and body is not None:
        raise BadConfiguration("request.body: a GET carries no body; use method POST")
    if "{issuer}" in config["path"]:
        raise BadConfiguration(
            "request.path: {issuer} is empty where nobody said the country, which would make it another path; "
            "put it in the query or the body"
        )
    fixed = auth if body is None else [*auth, ("content-type", "application/json")]
    headers = {**config.get("headers", {})}
    ready_headers = None if any("{" in text for text in headers.values()) else (*headers.items(), *fixed)
    return RequestTemplate(
        method=method,
        path=m.compile_template(config["path"], "request.path"),
        around=_around(config, ready_headers),
        query=_templates(config.get("query", {}), "request.query"),
        headers=_templates(headers, "request.headers") + _constants(fixed),
        ready_headers=ready_headers,
        body=None if body is None else _compile_body(body),
        is_read=bool(config.get("retry", True)),
    )


def compile_answer(config: Mapping[str, Any]) -> AnswerTemplate:
    """The reading of answers of a checked configuration."""
    return AnswerTemplate(
        success=_condition(config.get("success")),
        not_found=_condition(config.get("not_found")),
        denied=_condition(config.get("denied")),
        record=m.compile_pointer(config.get("record", "")),
        echo=m.compile_pointer(config["echo"]) if "echo" in config else None,
        recorded_at=m.compile_pointer(config["recorded_at"]) if "recorded_at" in config else None,
    )


def compile_paging(config: Mapping[str, Any] | None) -> Paging | None:
    """The paging of a checked configuration, None when it has none."""
    if config is None:
        return None
    return Paging(
        parameter=config["parameter"],
        start=config.get("start", 1),
        size_parameter=config.get("size_parameter", ""),
        size=config.get("size", 50),
        rows=m.compile_pointer(config["rows"]),
        total=m.compile_pointer(config["total"]) if "total" in config else None,
        max_pages=config.get("max_pages", 20),
    )


def render(
    template: RequestTemplate,
    base_url: str,
    subject: Subject,
    extra: Parameters,
    signer: Signer | None = None,
) -> HttpRequest:
    """The request for one subject, with `extra` parameters: in the query, or in the body when that is an object.

    Raises `SourceBroken` when the identifier cannot stand where the template wants it.
    """
    number = subject.id_no
    if template.around is not None and number.isascii() and number.isalnum() and not extra and signer is None:
        # What most look-ups are. Nothing is to be encoded, and no dot can climb out of the path.
        url = base_url + number.join(template.around)
        return HttpRequest(template.method, url, template.ready_headers or (), None, template.is_read)
    values = {"id_no": subject.id_no, "id_type": subject.id_type, "issuer": subject.issuer}
    query = [(name, fill(values)) for name, fill in template.query] if template.query else []
    content = None if template.body is None else template.body(values)
    if isinstance(content, dict):
        content.update((name, int(value)) for name, value in extra)
    else:
        query += extra
    body = None if content is None else orjson.dumps(content)
    if signer is not None:
        query = signer(query, body)
    return HttpRequest(
        method=template.method,
        url=base_url + _path(template.path, values) + _query(query),
        headers=_headers(template, values),
        body=body,
        is_read=template.is_read,
    )


def render_health(base_url: str, path: str, auth: Parameters, signer: Signer | None) -> HttpRequest:
    """A request about nobody, to see whether the source answers."""
    query = signer([], None) if signer is not None else []
    return HttpRequest("GET", base_url + path + _query(query), tuple(auth))


def sign(
    query: Parameters, body: bytes | None, signing: Signing, *, timestamp: int, nonce: str
) -> Parameters:
    """The query with key, time (seconds), nonce and signature; see `signature_of` for what is signed."""
    stamped = [
        *query,
        (signing.key_param, signing.key_id),
        (signing.timestamp_param, str(timestamp)),
        (signing.nonce_param, nonce),
    ]
    return [*stamped, (signing.signature_param, signature_of(stamped, signing.secret, body))]


def signature_of(query: Parameters, secret: str, body: bytes | None) -> str:
    """HMAC-SHA256, in hex, over the sorted pairs, percent-encoded as RFC 3986 says, joined with "=" and "&".

    With a body, a line feed and the hex SHA-256 of the body follow. The signature itself is not among the pairs.
    """
    message = urlencode(sorted(query), quote_via=quote, safe="")
    if body is not None:
        message += "\n" + hashlib.sha256(body).hexdigest()
    return hmac.new(secret.encode(), message.encode(), hashlib.sha256).hexdigest()


def refuse_status(status: int) -> bool:
    """Whether that HTTP status means there is no record; raises `SourceDenied` or `SourceBroken` for worse ones."""
    if status == 200:
        return False
    if status in (204, 404):
        return True
    if status in (401, 403):
        raise SourceDenied(f"the source answered HTTP {status}")
    if 300 <= status < 400:
        raise SourceBroken(f"the source answered HTTP {status}; redirects are not followed")
    raise SourceBroken(f"the source answered HTTP {status}")


def interpret(template: AnswerTemplate, document: Any, asks: Sequence[Ask]) -> Sequence[Reply]:
    """One reply per ask from a document; raises `SourceDenied` or `SourceBroken` for one that cannot be used."""
    if template.denied is not None and template.denied.holds(document):
        raise SourceDenied("the source refused, by its own status")
    if template.not_found is not None and template.not_found.holds(document):
        return m.every(asks, m.NOT_FOUND)
    if template.success is not None and not template.success.holds(document):
        raise SourceBroken("the answer's own status is not the configured success")
    record = _record(document, template.record)
    if record is None or record is m.AMBIGUOUS:
        return m.every(asks, record or m.NOT_FOUND)
    return m.replies_from(record, asks, m.about_record(record, template.echo, template.recorded_at))


def echo_of(template: AnswerTemplate, document: Any) -> str | None:
    """Whom the record of a document says it is about; None when there is no one record or it does not say."""
    record = _record(document, template.record)
    if record is None or record is m.AMBIGUOUS:
        return None
    return m.about_record(record, template.echo, None).echo


def rows_of(paging: Paging, document: Any) -> list[Any]:
    """The rows of one page; none when the document has none. Raises `SourceBroken` when it is no list."""
    rows = m.look_up(document, paging.rows)
    if rows is None:
        return []
    if not isinstance(rows, list):
        raise SourceBroken("paging.rows does not lead to a list in the answer")
    return rows


def has_more(paging: Paging, document: Any, so_far: int, last: int) -> bool:
    """Whether another page is to be fetched, after `last` rows on this one and `so_far` in all."""
    if not last:
        return False
    total = None if paging.total is None else m.look_up(document, paging.total)
    if isinstance(total, str) and total.isdecimal():
        total = int(total[:18])
    if isinstance(total, int):
        return so_far < total
    return last >= paging.size


def page_parameters(paging: Paging, number: int) -> Parameters:
    """The parameters that ask for the page `number` (0 for the first)."""
    parameters = [(paging.parameter, str(paging.start + number))]
    if paging.size_parameter:
        parameters.append((paging.size_parameter, str(paging.size)))
    return parameters


_FRAMING = frozenset({"content-length", "transfer-encoding"})


def check_header(name: str, value: str, where: str) -> None:
    """Raises `BadConfiguration` when the text cannot stand in an HTTP header, or is not for a configuration to say."""
    if not name.isascii() or not name or any(c in name for c in " :\r\n") or not _is_header_text(value):
        raise BadConfiguration(f"{where}: header names and values are printable ASCII without line breaks")
    if name.lower() in _FRAMING:
        raise BadConfiguration(f"{where}: {name} is set by us, by the body that is sent; leave it out")


def _record(document: Any, pointer: m.Pointer) -> Any:
    """The one record, None when there is none, `AMBIGUOUS` when there are more."""
    found = m.look_up(document, pointer)
    if found is None and pointer and not _has_key(m.look_up(document, pointer[:-1]), pointer[-1]):
        # An answer that lost its record changed its shape: calling that "no record" would hide it for weeks.
        raise SourceBroken("the answer has nothing where answer.record points")
    if isinstance(found, list):
        if len(found) > 1:
            return m.AMBIGUOUS
        found = found[0] if found else None
    if found is None or found == {}:
        return None
    if not isinstance(found, dict):
        raise SourceBroken("answer.record does not lead to an object in the answer")
    return found


def _has_key(node: Any, key: str) -> bool:
    return isinstance(node, dict) and key in node


def _condition(config: Mapping[str, Any] | None) -> Condition | None:
    if config is None:
        return None
    return Condition(m.compile_pointer(config["pointer"]), tuple(config["equals"]))


def _templates(config: Mapping[str, str], where: str) -> tuple[tuple[str, Template], ...]:
    return tuple((name, m.compile_template(text, f"{where}.{name}")) for name, text in config.items())


def _compile_body(node: Any) -> Callable[[Mapping[str, str]], Any]:
    if isinstance(node, str):
        return m.compile_template(node, "request.body")
    if isinstance(node, Mapping):
        parts = [(key, _compile_body(child)) for key, child in node.items()]
        return lambda values: {key: build(values) for key, build in parts}
    if isinstance(node, list):
        steps = [_compile_body(child) for child in node]
        return lambda values: [build(values) for build in steps]
    return lambda values: node


def _around(
    config: Mapping[str, Any], ready_headers: tuple[tuple[str, str], ...] | None
) -> tuple[str, ...] | None:
    path = config["path"]
    is_bare = config.get("body") is None and not config.get("query") and ready_headers is not None
    return tuple(path.split("{id_no}")) if is_bare and "{id_type}" not in path and "/." not in path else None


def _path(template: Template, values: Mapping[str, str]) -> str:
    path = template({"id_no": _quoted(values["id_no"]), "id_type": _quoted(values["id_type"])})
    # Dots would climb out of the path and an empty part would ask for the whole collection.
    climbs = "/." in path and any(part in (".", "..") for part in path.split("/"))
    if climbs or not values["id_no"].strip():
        raise SourceBroken("the identifier cannot stand in the request's path")
    return path


def _quoted(text: str) -> str:
    """Percent-encoded; most identifiers are letters and digits, which need nothing."""
    return text if text.isascii() and text.isalnum() else quote(text, safe="")


def _headers(template: RequestTemplate, values: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    if template.ready_headers is not None:
        return template.ready_headers
    headers = [(name, fill(values)) for name, fill in template.headers]
    if not all(_is_header_text(value) for _, value in headers):
        raise SourceBroken("the identifier cannot stand in a header of the request")
    return tuple(headers)


def _is_header_text(value: str) -> bool:
    return value.isascii() and value.isprintable()


def _query(query: Parameters) -> str:
    return "?" + urlencode(query, quote_via=quote, safe="") if query else ""


def _constants(headers: Parameters) -> tuple[tuple[str, Template], ...]:
    return tuple((name, _constant(value)) for name, value in headers)


def _constant(text: str) -> Template:
    return lambda values: text
