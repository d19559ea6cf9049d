"""An OpenID issuer on loopback, honest or attacked, for operators and for persons."""

import asyncio
import base64
import hashlib
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from joserfc import jws
from joserfc.jwk import ECKey, OKPKey, RSAKey

from gateway.security import jws as ours

KEYS = {
    "RS256": RSAKey.generate_key(2048, {"kid": "rsa"}),
    "ES256": ECKey.generate_key("P-256", {"kid": "ec"}),
    "EdDSA": OKPKey.generate_key("Ed25519", {"kid": "ed"}),
}


class Issuer:
    """An OpenID issuer on loopback. `claims`, `header` and `key` change the id token; `answers` whole documents."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[str] = []
        self.forms: list[dict[str, str]] = []
        self.headers: dict[str, str] = {}
        self.claims: dict[str, Any] = {}
        self.header: dict[str, Any] = {}
        self.key: Any = KEYS["RS256"]
        self.alg = "RS256"
        self.answers: dict[str, tuple[int, Any]] = {}
        self.published = [key.as_dict(private=False) for key in KEYS.values()]
        self.codes: dict[str, dict[str, str]] = {}
        self.access_token: str | None = "opaque"
        self.mangle: Callable[[str], str] = lambda token: token
        self.now = 0
        self.metadata: dict[str, Any] = {}

    def authorize(self, location: str) -> str:
        """What the issuer's page does when somebody logs in: the code for that request."""
        asked = dict(parse_qsl(urlsplit(location).query))
        code = f"code-{len(self.codes)}"
        self.codes[code] = asked
        return code

    def token(self, form: dict[str, str]) -> tuple[int, Any]:
        """The token endpoint: PKCE checked, a code redeemed once."""
        asked = self.codes.pop(form.get("code", ""), None)
        verifier = form.get("code_verifier", "").encode()
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier).digest()).rstrip(b"=").decode()
        if (
            asked is None
            or asked["code_challenge"] != challenge
            or asked["redirect_uri"] != form["redirect_uri"]
        ):
            return 400, {"error": "invalid_grant"}
        claims = {
            "iss": self.url,
            "sub": "u-1",
            "aud": asked["client_id"],
            "iat": self.now,
            "exp": self.now + 300,
            "nonce": asked["nonce"],
            "roles": ["gov-admin", "staff"],
            "department": "数据局",
            "name": "王工",
        }
        changed = {name: value for name, value in (claims | self.claims).items() if value is not ...}
        answer = {"id_token": self.mangle(self.sign(changed)), "token_type": "Bearer"}
        return 200, answer | ({"access_token": self.access_token} if self.access_token else {})

    def sign(self, claims: dict[str, Any]) -> str:
        header = {"alg": self.alg, "kid": self.key.get("kid")} | self.header
        if self.alg == "EdDSA":  # the old name, which most issuers still use
            return ours.sign(header, claims, self.key)
        return jws.serialize_compact(header, json.dumps(claims), self.key, algorithms=[self.alg])

    def way_back(self, path: str) -> str:
        """Where a browser is sent that logs in at the page of that address."""
        asked = dict(parse_qsl(urlsplit(path).query))
        back = {"code": self.authorize(path), "state": asked["state"], "iss": self.url}
        return f"{asked['redirect_uri']}?{urlencode(back)}"

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        self.asked.append(path)
        if path in self.answers:
            return self.answers[path]
        if path == "/.well-known/openid-configuration":
            endpoints = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys"}
            found = {"issuer": self.url} | {name: f"{self.url}/{where}" for name, where in endpoints.items()}
            return 200, found | self.metadata
        if path == "/keys":
            return 200, {"keys": self.published}
        form = dict(parse_qsl(body.decode()))
        self.forms.append(form)
        return self.token(form)


@asynccontextmanager
async def served(issuer: Issuer, host: str = "127.0.0.1") -> AsyncIterator[None]:
    """The issuer behind a port of its own until the end of the block; a browser on its pages is sent back at once."""
    writers: list[asyncio.StreamWriter] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                first, *lines = head.split("\r\n")
                method, path, _ = first.split(" ")
                headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in lines if line)}
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                issuer.headers |= headers
                if path.startswith("/authorize"):
                    there = (
                        f"HTTP/1.1 303 X\r\nlocation: {issuer.way_back(path)}\r\ncontent-length: 0\r\n\r\n"
                    )
                    writer.write(there.encode())
                    continue
                status, content = issuer.answer(method, path, body)
                document = content if isinstance(content, bytes) else json.dumps(content).encode()
                start = f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\n"
                writer.write(f"{start}content-length: {len(document)}\r\n\r\n".encode() + document)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    issuer.url = f"http://{host}:{server.sockets[0].getsockname()[1]}"
    try:
        yield
    finally:
        server.close()
        for writer in writers:
            writer.close()
        await asyncio.gather(*(writer.wait_closed() for writer in writers), return_exceptions=True)
