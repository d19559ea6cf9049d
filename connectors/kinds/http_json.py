"""Sources that answer JSON over HTTP: one look-up per subject, by GET or POST, from templates.

What is asked and how answers are read is pure and stands in `http_json_mapping`; here is the sending.
"""

import asyncio
import secrets
from collections.abc import Sequence
from typing import Any

from connectors import mapping
from connectors.errors import BadConfiguration, SourceBroken, SourceFault
from connectors.http import HttpClient
from connectors.http_messages import HttpAnswer, HttpRequest
from connectors.kinds import http_json_mapping as m
from connectors.load import load_schema
from connectors.protocol import Connector, Environment, Health, Reply
from connectors.strict_json import parse_json
from field_registry import Ask, Source, Subject

name = "http_json"
config_schema = load_schema(name)

HEALTH_SECONDS = 5.0


def build(source: Source, environment: Environment) -> Connector:
    """A connector to that source; opens nothing. Raises `BadConfiguration`."""
    return HttpJsonConnector(source, environment)


class HttpJsonConnector:
    """One HTTP source. See `connectors.protocol` for what every connector promises."""

    def __init__(self, source: Source, environment: Environment) -> None:
        config = source.config
        self._id, self._clock = source.id, environment.clock
        self._auth, self._signing = _auth(config.get("auth", {"kind": "none"}), environment)
        self._request = m.compile_request(config["request"], self._auth)
        self._answer = m.compile_answer(config["answer"])
        self._paging = m.compile_paging(config.get("paging"))
        self._health_path = config.get("health", {}).get("path", "")
        self._client = HttpClient(config["base_url"], environment, tls=config.get("tls"))

    def __repr__(self) -> str:
        """The source's id."""
        return f"HttpJsonConnector({self._id})"

    async def fetch(self, subject: Subject, asks: Sequence[Ask], deadline: float) -> Sequence[Reply]:
        """One reply per ask, in order; one request, or one per page."""
        document = _document(await self._client.send(self._look_up(subject, 0), deadline))
        if document is None:
            return mapping.every(asks, mapping.NOT_FOUND)
        if self._paging is not None:
            await self._complete(self._paging, document, subject, deadline)
        return m.interpret(self._answer, document, asks)

    async def health(self) -> Health:
        """Whether the health path answers 2xx; without one, whether the host answers anything but a server error."""
        deadline = asyncio.get_running_loop().time() + HEALTH_SECONDS
        request = m.render_health(self._client.base_url, self._health_path or "/", self._auth, self._signer())
        try:
            answer = await self._client.send(request, deadline)
        except SourceFault as fault:
            return Health(False, str(fault))
        ok = 200 <= answer.status < 300 if self._health_path else answer.status < 500
        return Health(ok, f"HTTP {answer.status}")

    async def close(self) -> None:
        """Drop every connection."""
        await self._client.close()

    def _look_up(self, subject: Subject, number: int) -> HttpRequest:
        """The request for one page."""
        extra = [] if self._paging is None else m.page_parameters(self._paging, number)
        signer = None if self._signing is None else self._signer()
        return m.render(self._request, self._client.base_url, subject, extra, signer)

    async def _complete(self, paging: m.Paging, document: Any, subject: Subject, deadline: float) -> None:
        """Append the rows of the later pages to the list in `document`, the first page."""
        rows = m.rows_of(paging, document)
        page, last = document, len(rows)
        about = m.echo_of(self._answer, document) if m.has_more(paging, page, len(rows), last) else None
        for number in range(1, paging.max_pages + 1):
            if not m.has_more(paging, page, len(rows), last):
                return
            if number == paging.max_pages:
                break
            page = _document(await self._client.send(self._look_up(subject, number), deadline))
            m.interpret(self._answer, page, ())  # a later page can fail or be refused as the first can
            if m.echo_of(self._answer, page) != about:
                raise SourceBroken("a later page is not about the subject of the first")
            more = m.rows_of(paging, page)
            rows.extend(more)
            last = len(more)
        raise SourceBroken(f"the list has more than paging.max_pages ({paging.max_pages}) pages")

    def _signer(self) -> m.Signer | None:
        signing = self._signing
        if signing is None:
            return None
        stamp, nonce = int(self._clock().timestamp()), secrets.token_hex(8)
        return lambda query, body: m.sign(query, body, signing, timestamp=stamp, nonce=nonce)


def _document(answer: HttpAnswer) -> Any:
    """What was answered, None when the source has no such record."""
    return None if m.refuse_status(answer.status) else parse_json(answer.body)


def _auth(config: dict[str, str], environment: Environment) -> tuple[m.Parameters, m.Signing | None]:
    """The headers that authorise us, and how queries are signed."""
    kind = config["kind"]
    if kind == "none":
        return [], None
    secret = environment.secrets.get(config["secret"])
    if not secret:
        known = ", ".join(sorted(environment.secrets)) or "none"
        raise BadConfiguration(f"auth.secret: no secret is named {config['secret']!r}. Known: {known}")
    if kind == "hmac_query":
        return [], m.Signing(
            key_id=config["key_id"],
            secret=secret,
            key_param=config.get("key_param", "appid"),
            timestamp_param=config.get("timestamp_param", "ts"),
            nonce_param=config.get("nonce_param", "nonce"),
            signature_param=config.get("signature_param", "sign"),
        )
    header = (config["header"], secret) if kind == "header" else ("authorization", f"Bearer {secret}")
    m.check_header(*header, "auth")
    return [header], None
