"""Signed tokens, read in two steps: split (nothing is believed yet), then verify with a key that *we* chose.

The classic attacks on JOSE let the token choose its key or its algorithm. Here the algorithm must be on our list and
fit our key; `jwk`, `jku` and `x5u` in a header are never looked at (but for the `jwk` of a DPoP proof, which claims
nothing else); `crit`, `b64` and `zip` are refused, and so is what two readers could read differently: a key that
stands twice, one signature in several spellings. Everything wrong with a token is `Refused`, whose reason is for the
log and quotes nothing of the token.
"""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from connectors.errors import SourceBroken
from connectors.strict_json import parse_json

SigningKey = OKPKey | ECKey | RSAKey
MAX_TOKEN_BYTES = 8_192
_MOST_BRACKETS = 64
_NOT_ALLOWED = ("crit", "b64", "zip")
_COMPACT = re.compile(r"([A-Za-z0-9_-]{1,1024})\.([A-Za-z0-9_-]{1,6000})\.([A-Za-z0-9_-]{1,1400})")


class Refused(Exception):
    """The token is not believed; the message is a stable word for the log."""


@dataclass(frozen=True, slots=True)
class Unverified:
    """What a token says of itself. Must not be acted upon before `verify`, except to find the key to verify with."""

    header: Mapping[str, Any]
    claims: Mapping[str, Any]
    compact: str = field(repr=False)


class _Registry(jws.JWSRegistry):
    """The algorithms of one use. "EdDSA" means Ed25519 (RFC 9864), never Ed448."""

    max_header_length = 1_024
    max_payload_length = 6_000
    max_signature_length = 1_400

    def get_alg(self, name: str) -> Any:
        return super().get_alg("Ed25519" if name == "EdDSA" else name)


def split(token: str) -> Unverified:
    """The parts of a compact JWS, unverified; raises `Refused` for anything else."""
    parts = _COMPACT.fullmatch(token) if len(token) <= MAX_TOKEN_BYTES else None
    if parts is None:
        raise Refused("not_a_token")
    header, claims = _json_object(parts[1]), _json_object(parts[2])
    if not isinstance(header.get("alg"), str):
        raise Refused("no_algorithm")
    if any(name in header for name in _NOT_ALLOWED):
        raise Refused("header_not_allowed")
    _decoded(parts[3])
    return Unverified(header, claims, token)


def verify(token: Unverified, key: SigningKey, algorithms: tuple[str, ...]) -> None:
    """Return when that key signed the token with one of those algorithms; raises `Refused`."""
    try:
        jws.deserialize_compact(token.compact, key, registry=_Registry(algorithms=algorithms))
    except (JoseError, ValueError) as error:
        raise Refused("signature_wrong") from error


def sign(header: Mapping[str, Any], claims: Mapping[str, Any], key: SigningKey) -> str:
    """The compact JWS of those claims."""
    algorithm = "Ed25519" if header["alg"] == "EdDSA" else header["alg"]
    return jws.serialize_compact(
        dict(header), orjson.dumps(claims), key, registry=_Registry(algorithms=[algorithm])
    )


def _json_object(segment: str) -> Mapping[str, Any]:
    document = _decoded(segment)
    # No token nests so; a deep one would cost the reader its stack.
    if document.count(b"{") + document.count(b"[") > _MOST_BRACKETS:
        raise Refused("not_json")
    try:
        value = parse_json(document)
    except (SourceBroken, ValueError):
        raise Refused("not_json") from None
    if not isinstance(value, dict):
        raise Refused("not_json")
    return value


def _decoded(segment: str) -> bytes:
    """The bytes of a segment in its one spelling; the unused bits of its last character could hold anything."""
    try:
        decoded = base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    except ValueError:
        raise Refused("not_base64") from None
    if base64.urlsafe_b64encode(decoded).rstrip(b"=") != segment.encode():
        raise Refused("not_base64")
    return decoded
