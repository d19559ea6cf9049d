"""The public keys a client registers, checked when they are registered and chosen when an assertion arrives."""

import base64
from collections.abc import Iterator, Mapping
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, JWKRegistry, OKPKey

from gateway.errors import BadRequest
from gateway.security.jws import Refused, SigningKey

MIN_RSA_BITS = 2048
MAX_RSA_BITS = 8192
MAX_KEYS = 10
PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
"""Members of a JWK that must never be handed to us."""
_SHAPES = "Ed25519 (OKP), P-256 (EC) or RSA of 2048 to 8192 bits"


def check_jwks(jwks: object) -> None:
    """Return when a JWK Set may be registered for a client; raises `BadRequest("client_keys", …)` saying why not."""
    entries = jwks.get("keys") if isinstance(jwks, Mapping) else None
    if not isinstance(entries, list) or not 1 <= len(entries) <= MAX_KEYS:
        raise _bad(f'A JWK Set is {{"keys": [...]}} with 1 to {MAX_KEYS} public keys.')
    kids = [_checked(position, entry).kid for position, entry in enumerate(entries, start=1)]
    if len(kids) > 1 and (None in kids or len(set(kids)) < len(kids)):
        raise _bad("Every key of a set of several needs its own `kid`.")


def choose_key(jwks: Mapping[str, Any], kid: object) -> SigningKey:
    """The key of that id, or the only key when the header names none; raises `Refused`."""
    entries = jwks["keys"]
    named = [entry for entry in entries if entry.get("kid") == kid]
    if kid is None and len(entries) == 1:
        named = entries
    if len(named) != 1:
        raise Refused("key_unknown")
    return _import(named[0])


def _checked(position: int, entry: object) -> SigningKey:
    if not isinstance(entry, Mapping):
        raise _bad(f"Key {position} is not a JSON object.")
    if PRIVATE_MEMBERS & entry.keys():
        raise _bad(
            f"Key {position} holds private or secret parts. Register the public key; treat this one as leaked."
        )
    try:
        bits = rsa_bits(entry)
        # Before the import, which would only warn of a short modulus.
        if bits and not MIN_RSA_BITS <= bits <= MAX_RSA_BITS:
            raise _bad(f"Key {position} has {bits} bits. Use {_SHAPES}.")
        key = _import(entry)
    except (JoseError, ValueError, KeyError, TypeError):
        raise _bad(f"Key {position} is not a usable JWK. Use {_SHAPES}.") from None
    for reason in _weaknesses(key):
        raise _bad(f"Key {position} {reason}. Use {_SHAPES}.")
    return key


def _import(entry: Mapping[str, Any]) -> SigningKey:
    # Under its old name "EdDSA" (RFC 8037) the algorithm leaves the curve open; RFC 9864 names it.
    named = {"alg": "Ed25519"} if entry.get("alg") == "EdDSA" else {}
    key = JWKRegistry.import_key({**entry, **named})
    if not isinstance(key, SigningKey):
        raise TypeError("a symmetric key")
    return key


def _weaknesses(key: SigningKey) -> Iterator[str]:
    if isinstance(key, OKPKey) and key.curve_name != "Ed25519":
        yield f"is on the curve {key.curve_name}"
    if isinstance(key, ECKey) and key.curve_name != "P-256":
        yield f"is on the curve {key.curve_name}"
    if key.get("use", "sig") != "sig":
        yield "is not for signing"


def rsa_bits(entry: Mapping[str, Any]) -> int:
    """Bits of an RSA modulus; 0 for other kinds of key."""
    if entry.get("kty") != "RSA":
        return 0
    modulus = str(entry["n"])
    return int.from_bytes(base64.urlsafe_b64decode(modulus + "=" * (-len(modulus) % 4))).bit_length()


def _bad(detail: str) -> BadRequest:
    return BadRequest("client_keys", detail)
