"""Client assertions: a client proves itself by signing a short-lived statement with its own key (RFC 7523).

Pure but for the signature check: the time and the client are handed in; whether an assertion was used before is asked
elsewhere (`TokenService`), after everything here has passed, so that junk cannot fill the replay memory.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwt import JWTClaimsRegistry

from gateway.records import Client
from gateway.security import jws
from gateway.security.client_keys import choose_key

ALGORITHMS = ("Ed25519", "ES256", "PS256", "RS256")
TYPES = (None, "JWT", "client-authentication+jwt")
MAX_LIFE = timedelta(minutes=5)
SKEW = timedelta(seconds=30)
_MAX_ID = 256


@dataclass(frozen=True, slots=True)
class Accepted:
    """An assertion that holds. `replay_key` must be accepted once only, within `remember_for`."""

    replay_key: str
    remember_for: timedelta


def claimed_client(assertion: jws.Unverified) -> str:
    """The client id that an assertion claims, to look its key up; raises `jws.Refused` when it claims two or none."""
    subject, issuer = assertion.claims.get("sub"), assertion.claims.get("iss")
    if not isinstance(subject, str) or not 0 < len(subject) <= _MAX_ID or subject != issuer:
        raise jws.Refused("iss_sub_differ")
    return subject


def check_assertion(
    assertion: jws.Unverified, client: Client, *, audiences: frozenset[str], now: datetime
) -> Accepted:
    """That assertion, believed: signed by the client's key, for us, fresh. Raises `jws.Refused`."""
    if client.jwks is None or client.disabled_at is not None:
        raise jws.Refused("client_without_keys" if client.jwks is None else "client_disabled")
    if assertion.header.get("typ") not in TYPES:
        raise jws.Refused("type_wrong")
    jws.verify(assertion, choose_key(client.jwks, assertion.header.get("kid")), ALGORITHMS)
    _check_claims(assertion.claims, client, now)
    _check_audience(assertion.claims["aud"], audiences)
    return _accepted(assertion.claims, client, now)


def _check_claims(claims: Mapping[str, Any], client: Client, now: datetime) -> None:
    registry = JWTClaimsRegistry(
        now=int(now.timestamp()),
        leeway=int(SKEW.total_seconds()),
        iss={"essential": True, "value": client.id},
        sub={"essential": True, "value": client.id},
        aud={"essential": True},
        exp={"essential": True},
        jti={"essential": True},
    )
    try:
        registry.validate(dict(claims))
    except JoseError as error:
        raise jws.Refused("claims_wrong") from error


def _check_audience(audience: object, audiences: frozenset[str]) -> None:
    # All of them must be ours: one that names another server as well could be replayed by that server.
    named = audience if isinstance(audience, list) else [audience]
    if not named or not audiences.issuperset(named):
        raise jws.Refused("audience_wrong")


def _accepted(claims: Mapping[str, Any], client: Client, now: datetime) -> Accepted:
    # Plain numbers until they are known to be small: a timedelta of 1e300 seconds overflows.
    at, longest = now.timestamp(), (MAX_LIFE + SKEW).total_seconds()
    if claims["exp"] - at > longest:
        raise jws.Refused("lives_too_long")
    if at - claims.get("iat", at) > longest:
        raise jws.Refused("too_old")
    if len(claims["jti"]) > _MAX_ID:
        raise jws.Refused("jti_too_long")
    return Accepted(f"{client.id}\x1f{claims['jti']}", timedelta(seconds=claims["exp"] - at) + 2 * SKEW)
