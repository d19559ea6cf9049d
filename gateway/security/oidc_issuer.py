"""An OpenID issuer, asked over the one way out: its metadata and keys, remembered for a while, and codes redeemed.

`connectors.http` sees to deadlines, sizes, redirects and addresses. Whatever the issuer does wrong is `Unavailable`
(try again) or `jws.Refused` (this log-in is over); nothing of its answers stands in either.
"""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

import orjson

from connectors.errors import BadConfiguration, SourceFault
from connectors.http import HttpClient
from connectors.http_messages import HttpAnswer, HttpRequest
from connectors.protocol import Environment
from gateway.errors import Unavailable
from gateway.ports import Clock
from gateway.security import jws

_SECONDS = 5.0
_METADATA_FOR = timedelta(hours=1)
_KEYS_FOR = timedelta(minutes=10)
_KEYS_NOT_BEFORE = timedelta(seconds=30)
"""A key id nobody knows makes us ask again, but no more often: anybody can invent one."""
_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")


class Issuer:
    """One issuer. Opens nothing until it is first asked."""

    def __init__(self, url: str, environment: Environment, clock: Clock) -> None:
        self.url = url
        self._environment = environment
        self._clock = clock
        self._clients: dict[str, HttpClient] = {}
        self._metadata: tuple[datetime, Mapping[str, Any]] | None = None
        self._jwks: tuple[datetime, Mapping[str, Any]] | None = None

    async def metadata(self) -> Mapping[str, Any]:
        """Its discovery document, checked: of this issuer, every endpoint as well protected as itself."""
        if self._metadata is None or self._metadata[0] + _METADATA_FOR <= self._clock():
            found = _object(await self._send("GET", f"{self.url}/.well-known/openid-configuration"))
            scheme = urlsplit(self.url).scheme
            endpoints = [found.get(name) for name in _ENDPOINTS]
            if found.get("issuer") != self.url or not all(
                isinstance(each, str) and urlsplit(each).scheme in ("https", scheme) for each in endpoints
            ):
                raise _unavailable()
            self._metadata = self._clock(), found
        return self._metadata[1]

    async def keys(self, kid: object) -> Mapping[str, Any]:
        """Its JWK Set; asked for again when it does not know that key id."""
        if self._jwks is None or not self._is_current(self._jwks, kid):
            found = _object(await self._send("GET", (await self.metadata())["jwks_uri"]))
            entries = found.get("keys")
            if not isinstance(entries, list) or not all(isinstance(each, dict) for each in entries):
                raise _unavailable()
            self._jwks = self._clock(), {"keys": entries}
        return self._jwks[1]

    async def redeem(self, form: Mapping[str, str], authorization: str | None) -> Mapping[str, Any]:
        """What the token endpoint gives for a code. Raises `jws.Refused` when it gives nothing."""
        headers = [("content-type", "application/x-www-form-urlencoded"), ("accept", "application/json")]
        if authorization is not None:
            headers.append(("authorization", authorization))
        address = (await self.metadata())["token_endpoint"]
        answer = await self._send("POST", address, tuple(headers), urlencode(form).encode())
        if answer.status in (400, 401, 403):
            raise jws.Refused("code_refused")
        return _object(answer)

    async def close(self) -> None:
        """Drop every connection."""
        for client in self._clients.values():
            await client.close()
        self._clients.clear()

    def _is_current(self, kept: tuple[datetime, Mapping[str, Any]], kid: object) -> bool:
        age = self._clock() - kept[0]
        known = kid is None or any(entry.get("kid") == kid for entry in kept[1]["keys"])
        return age < (_KEYS_FOR if known else _KEYS_NOT_BEFORE)

    async def _send(
        self, method: str, url: str, headers: tuple[tuple[str, str], ...] = (), body: bytes | None = None
    ) -> HttpAnswer:
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        deadline = asyncio.get_running_loop().time() + _SECONDS
        try:
            client = self._clients.get(origin)
            if client is None:
                client = self._clients[origin] = HttpClient(origin, self._environment)
            request = HttpRequest(method, url, headers, body, is_read=method == "GET")
            return await client.send(request, deadline)
        except (SourceFault, BadConfiguration) as error:
            raise _unavailable() from error


def _object(answer: HttpAnswer) -> Mapping[str, Any]:
    try:
        document = orjson.loads(answer.body) if answer.status == 200 else None
    except orjson.JSONDecodeError:
        document = None
    if not isinstance(document, dict):
        raise _unavailable()
    return document


def _unavailable() -> Unavailable:
    return Unavailable(
        "issuer_unavailable", "The OpenID issuer cannot be asked at the moment. Try again shortly."
    )
