"""The city's citizens' issuer: an OpenID provider on loopback at which a visitor logs in as anybody of the city.

It stands for 闽政通 and its like, and asks for no proof: everybody in the city is synthetic. What it says it signs; a
code is redeemed once, with its PKCE verifier, and only for the loopback. Clients are not checked.
"""

import base64
import hashlib
import secrets
import time
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any
from urllib.parse import parse_qsl, urlencode

from joserfc.jwk import OKPKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from forms.load import load_forms
from gateway.curation import SHIPPED
from gateway.demo.records import City
from gateway.demo.subjects import plain_subjects
from gateway.security import jws

_ALGORITHM, _LEVEL = "EdDSA", "substantial"
_CASTS_PER_FORM = 2
_MOST_CODES = 1_000
_LOOPBACK = ("http://127.0.0.1:", "http://localhost:")
_PAGE = """<!doctype html>
<html lang="zh-CN">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>示范市公众登录 · Citizens' log-in</title>
</head>
<body style="font: 20px/1.6 sans-serif; max-width: 46rem; margin: auto; padding: 20px">
<h1>示范市公众登录 <span lang="en">Citizens' log-in</span></h1>
<p>演示用，人物均为虚构。请选择以谁的身份登录。<br>
<span lang="en">A demonstration; everybody is made up. Choose whom to log in as.</span></p>
<ul>{people}</ul>
</body>
</html>"""
_PERSON = '<li style="padding: 18px 0"><a href="as?{query}">{name}</a> {id_no}</li>'


class CitizensIssuer:
    """The issuer as an application. `url`: where it listens, to be set before it is asked anything."""

    def __init__(self, city: City) -> None:
        self.url = ""
        self._city = city
        self._key = OKPKey.generate_key("Ed25519", {"kid": "citizens"})
        self._codes: dict[str, tuple[dict[str, str], str]] = {}
        self.app = Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self._metadata),
                Route("/keys", self._keys),
                Route("/authorize", self._choose),
                Route("/as", self._log_in),
                Route("/token", self._token, methods=["POST"]),
            ]
        )

    async def _metadata(self, request: Request) -> Response:
        where = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys"}
        endpoints = {name: f"{self.url}/{path}" for name, path in where.items()}
        return JSONResponse({"issuer": self.url, **endpoints})

    async def _keys(self, request: Request) -> Response:
        key = self._key.as_dict(private=False, use="sig", alg=_ALGORITHM)
        return JSONResponse({"keys": [key]})

    async def _choose(self, request: Request) -> Response:
        """The page on which a visitor says who they are."""
        people = "".join(
            _PERSON.format(
                query=escape(urlencode({**request.query_params, "person": id_no})),
                name=escape(self._city.persons[id_no].name),
                id_no=id_no,
            )
            for id_no in applicants(self._city)
        )
        return HTMLResponse(_PAGE.format(people=people))

    async def _log_in(self, request: Request) -> Response:
        """Back to who asked, with a code for that person."""
        asked = dict(request.query_params)
        is_known = asked.get("person") in self._city.persons
        if not is_known or not asked.get("redirect_uri", "").startswith(_LOOPBACK):
            return JSONResponse({"error": "invalid_request"}, 400)
        if len(self._codes) >= _MOST_CODES:
            self._codes.clear()
        code = secrets.token_urlsafe(24)
        self._codes[code] = asked, asked["person"]
        back = {"code": code, "state": asked.get("state", ""), "iss": self.url}
        return RedirectResponse(f"{asked['redirect_uri']}?{urlencode(back)}", 303)

    async def _token(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode()))
        asked, id_no = self._codes.pop(form.get("code", ""), ({}, ""))
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if not id_no or (asked.get("code_challenge"), asked["redirect_uri"]) != (
            challenge,
            form.get("redirect_uri"),
        ):
            return JSONResponse({"error": "invalid_grant"}, 400)
        return JSONResponse({"id_token": self._id_token(asked, id_no), "token_type": "Bearer"})

    def _id_token(self, asked: Mapping[str, str], id_no: str) -> str:
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": self.url,
            "sub": hashlib.sha256(id_no.encode()).hexdigest()[:16],
            "aud": asked.get("client_id", ""),
            "iat": now,
            "exp": now + 300,
            "auth_time": now,
            "nonce": asked.get("nonce", ""),
            "acr": _LEVEL,
            "id_type": "111",
            "id_no": id_no,
        }
        return jws.sign({"alg": _ALGORITHM, "kid": "citizens", "typ": "JWT"}, claims, self._key)


def applicants(city: City) -> list[str]:
    """Document numbers of those in whose name the demonstration fills forms, each once."""
    return list(dict.fromkeys(_applicants(city)))


def _applicants(city: City) -> Iterator[str]:
    for form in load_forms(SHIPPED["forms"]).forms:
        for cast in plain_subjects(city, form, most=_CASTS_PER_FORM):
            who = cast.get("applicant", {})
            if who.get("kind") == "person" and who.get("id_no") in city.persons:
                yield str(who["id_no"])
