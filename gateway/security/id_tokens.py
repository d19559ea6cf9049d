"""Id tokens of an OpenID issuer, believed or not (OpenID Connect Core, section 3.1.3.7). Pure.

The algorithm must be on our list and fit a key that the issuer publishes; what the token says of its own key is never
looked at. Everything wrong is `jws.Refused`, whose reason is for the log.
"""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwt import JWTClaimsRegistry

from gateway.security import jws
from gateway.security.client_keys import choose_key

ALGORITHMS = ("Ed25519", "ES256", "PS256", "RS256")
SKEW = timedelta(seconds=30)
_OLDEST = timedelta(minutes=10)
_DIGESTS = {"EdDSA": hashlib.sha512, "Ed25519": hashlib.sha512}


@dataclass(frozen=True, slots=True)
class Expected:
    """What an id token must agree with: our issuer and id there, and the request it answers."""

    issuer: str
    client_id: str
    nonce: str = field(repr=False)
    access_token: str | None = field(default=None, repr=False)


def check_id_token(
    token: jws.Unverified, jwks: Mapping[str, Any], expected: Expected, now: datetime
) -> Mapping[str, Any]:
    """The claims of that token, believed. Raises `jws.Refused`."""
    try:
        key = choose_key(jwks, token.header.get("kid"))
    except (JoseError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise jws.Refused("key_unusable") from error
    jws.verify(token, key, ALGORITHMS)
    _check_claims(token.claims, expected, now)
    _check_hash(token, expected.access_token)
    return token.claims


def _check_claims(claims: Mapping[str, Any], expected: Expected, now: datetime) -> None:
    registry = JWTClaimsRegistry(
        now=int(now.timestamp()),
        leeway=int(SKEW.total_seconds()),
        iss={"essential": True, "value": expected.issuer},
        sub={"essential": True},
        aud={"essential": True},
        exp={"essential": True},
        iat={"essential": True},
        nonce={"essential": True},
    )
    try:
        registry.validate(dict(claims))
    except JoseError as error:
        raise jws.Refused("claims_wrong") from error
    # Ours alone: a token that others may use as well could have been given to them.
    if claims["aud"] not in (expected.client_id, [expected.client_id]):
        raise jws.Refused("audience_wrong")
    if claims.get("azp", expected.client_id) != expected.client_id:
        raise jws.Refused("authorized_party_wrong")
    if claims["nonce"] != expected.nonce:
        raise jws.Refused("nonce_wrong")
    if now.timestamp() - claims["iat"] > (_OLDEST + SKEW).total_seconds():
        raise jws.Refused("too_old")
    if not isinstance(claims["sub"], str) or not 0 < len(claims["sub"]) <= 255:
        raise jws.Refused("subject_wrong")


def _check_hash(token: jws.Unverified, access_token: str | None) -> None:
    told = token.claims.get("at_hash")
    if told is None:
        return  # optional where the token comes straight from the issuer's token endpoint
    digest = _DIGESTS.get(token.header["alg"], hashlib.sha256)((access_token or "").encode()).digest()
    half = base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()
    if access_token is None or told != half:
        raise jws.Refused("at_hash_wrong")
