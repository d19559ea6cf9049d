"""Access tokens: JWTs (RFC 9068) that this service signs and, later, believes.

A token says who calls, for which department and in which roles. It cannot be called back: a client that is disabled
or loses a role keeps what its last token says for at most 5 minutes (`token_seconds`). What was verified is
remembered by its digest until it expires, so a caller pays for one signature check per token, not per request.
"""

import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey
from joserfc.jwt import ClaimsOption, JWTClaimsRegistry

from gateway.errors import NotAuthenticated
from gateway.records import Caller, Client
from gateway.security import jws
from gateway.security.keys import KeyRing
from gateway.settings import Settings

ALGORITHM = "Ed25519"
TOKEN_TYPE = "at+jwt"  # noqa: S105  (RFC 9068, section 2.1; not a secret)
SKEW_SECONDS = 30
_REMEMBERED = 4_096


class AccessTokens:
    """Issues tokens under the newest key and reads tokens under any key of the ring."""

    def __init__(self, settings: Settings, ring: KeyRing) -> None:
        self._settings = settings
        self._keys = {root: _signing_key(ring, root) for root in ring.ids}
        self._newest = ring.ids[0]
        self._known: OrderedDict[bytes, tuple[float, Caller]] = OrderedDict()
        self._claims: dict[str, ClaimsOption] = {
            "iss": {"essential": True, "value": settings.issuer},
            "aud": {"essential": True, "value": settings.audience},
            "iat": {"essential": True},
        }

    def issue(self, client: Client, roles: Iterable[str], now: datetime) -> str:
        """A token for that client in those roles, valid from `now` for `token_seconds`."""
        issued = int(now.timestamp())
        claims = {
            "iss": self._settings.issuer,
            "aud": self._settings.audience,
            "sub": client.id,
            "client_id": client.id,
            "iat": issued,
            "exp": issued + self._settings.token_seconds,
            "jti": secrets.token_urlsafe(16),
            "roles": sorted(roles),
            "department": client.department,
        }
        header = {"typ": TOKEN_TYPE, "alg": ALGORITHM, "kid": self._newest}
        return jws.sign(header, claims, self._keys[self._newest])

    def caller(self, authorization: str | None, now: datetime) -> Caller:
        """Who calls, from the Authorization header; raises `NotAuthenticated` with a stable code."""
        token = _bearer(authorization)
        digest = hashlib.sha256(token.encode()).digest()
        expires, caller = self._known.get(digest) or self._remember(digest, self._read(token, now))
        if expires <= now.timestamp():
            self._known.pop(digest, None)
            raise _not_authenticated(
                "token_expired", "The token has expired. Get a new one from /oauth/token."
            )
        return caller

    def jwks(self) -> dict[str, Any]:
        """The public keys that verify tokens, as a JWK Set."""
        keys = [
            key.as_dict(private=False, kid=kid, use="sig", alg=ALGORITHM) for kid, key in self._keys.items()
        ]
        return {"keys": keys}

    def _read(self, token: str, now: datetime) -> tuple[float, Caller]:
        try:
            unverified = jws.split(token)
            key = self._keys.get(str(unverified.header.get("kid")))
            if key is None or unverified.header.get("typ") != TOKEN_TYPE:
                raise jws.Refused("not_our_token")
            jws.verify(unverified, key, (ALGORITHM,))
        except jws.Refused as error:
            raise _not_authenticated("token_invalid", "The token is not one of this service.") from error
        return self._believe(unverified.claims, now)

    def _believe(self, claims: Any, now: datetime) -> tuple[float, Caller]:
        """What verified claims say. The expiry is judged by the caller of this, for remembered tokens too."""
        try:
            registry = JWTClaimsRegistry(now=int(now.timestamp()), leeway=SKEW_SECONDS, **self._claims)
            registry.validate({name: value for name, value in claims.items() if name != "exp"})
            expires = float(claims["exp"])
            caller = Caller(claims["sub"], claims["department"], frozenset(claims["roles"]))
        except (JoseError, KeyError, TypeError, ValueError) as error:
            raise _not_authenticated(
                "token_invalid", "The token is not meant for this service, or not yet."
            ) from error
        return expires, caller

    def _remember(self, digest: bytes, known: tuple[float, Caller]) -> tuple[float, Caller]:
        self._known[digest] = known
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return known


def _signing_key(ring: KeyRing, root: str) -> OKPKey:
    seed = ring.derive("access-token-signing", root=root)
    return OKPKey.import_key(Ed25519PrivateKey.from_private_bytes(seed))


def _bearer(authorization: str | None) -> str:
    if not authorization:
        raise _not_authenticated("token_missing", "Send the token as: Authorization: Bearer <token>.")
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token.isascii() or not 0 < len(token) <= jws.MAX_TOKEN_BYTES:
        raise _not_authenticated("token_malformed", "Send the token as: Authorization: Bearer <token>.")
    return token


def _not_authenticated(code: str, detail: str) -> NotAuthenticated:
    return NotAuthenticated(code, detail)
