"""DPoP proofs, read (RFC 9449): who sends a request holds the key that its token is bound to.

Pure but for the signature check. A proof brings its own public key, so it proves nothing of who somebody is: only that
whoever sends this request to this address at this time holds the private half. Whether it was used before is asked
elsewhere (`gateway.security.proofs`), after everything here has passed.
"""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey

from gateway.security import jws

TYPE = "dpop+jwt"
ALGORITHMS = ("Ed25519", "ES256")
SHOWN_ALGORITHMS = "Ed25519 EdDSA ES256"
"""As WWW-Authenticate names them; EdDSA is the older name of the first."""

PAST = timedelta(seconds=60)
"""How old a proof may be."""
FUTURE = timedelta(seconds=30)
"""How far the clock of whoever made it may be ahead."""

_MEMBERS = {"OKP": ("Ed25519", {"kty", "crv", "x"}), "EC": ("P-256", {"kty", "crv", "x", "y"})}
_HARMLESS = frozenset({"alg", "kid", "use", "key_ops"})
_LONGEST = 256
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Proof:
    """A proof that holds. `key`: thumbprint (RFC 7638). `id`: to be accepted once for that key. `issued`: seconds."""

    key: str
    id: str = field(repr=False)
    issued: float
    nonce: str | None = field(repr=False)


def read_proof(text: str, *, method: str, url: str, token: str | None, now: datetime) -> Proof:
    """That proof, believed for this request; `token`: the access token it goes with. Raises `jws.Refused`."""
    proof = jws.split(text)
    if proof.header.get("typ") != TYPE:
        raise jws.Refused("proof_type_wrong")
    key = _public_key(proof.header.get("jwk"))
    jws.verify(proof, key, ALGORITHMS)
    claims = proof.claims
    if claims.get("htm") != method:
        raise jws.Refused("proof_for_another_method")
    if not _is_same(claims.get("htu"), url):
        raise jws.Refused("proof_for_another_address")
    if token is not None and claims.get("ath") != token_hash(token):
        raise jws.Refused("proof_for_another_token")
    issued = _issued(claims.get("iat"), now)
    nonce = claims.get("nonce")
    if nonce is not None and not (isinstance(nonce, str) and nonce.isascii() and len(nonce) <= _LONGEST):
        raise jws.Refused("proof_nonce_wrong")
    return Proof(key.thumbprint(), _id(claims.get("jti")), issued, nonce)


def token_hash(token: str) -> str:
    """`ath`: the SHA-256 of an access token, as a proof for it must hold it."""
    return base64.urlsafe_b64encode(hashlib.sha256(token.encode()).digest()).rstrip(b"=").decode()


def _public_key(jwk: object) -> OKPKey | ECKey:
    """The key a proof brings along: public, of a kind on our list, and nothing more than that."""
    if not isinstance(jwk, Mapping) or not isinstance(kind := jwk.get("kty"), str) or kind not in _MEMBERS:
        raise jws.Refused("proof_key_wrong")
    curve, members = _MEMBERS[kind]
    if jwk.get("crv") != curve or jwk.keys() - members - _HARMLESS:
        raise jws.Refused("proof_key_wrong")  # what else stands there is private ("d"), or leads elsewhere
    if not all(isinstance(jwk.get(name), str) for name in members):
        raise jws.Refused("proof_key_wrong")
    try:
        public = {name: jwk[name] for name in members}
        return OKPKey.import_key(public) if kind == "OKP" else ECKey.import_key(public)
    except (JoseError, ValueError, TypeError) as error:
        raise jws.Refused("proof_key_wrong") from error


def _issued(issued: Any, now: datetime) -> float:
    if isinstance(issued, bool) or not isinstance(issued, int | float):
        raise jws.Refused("proof_time_wrong")
    at = now.timestamp()
    if not at - PAST.total_seconds() <= issued <= at + FUTURE.total_seconds():
        raise jws.Refused("proof_time_wrong")
    return float(issued)


def _id(jti: object) -> str:
    if not isinstance(jti, str) or not 0 < len(jti) <= _LONGEST:
        raise jws.Refused("proof_id_wrong")
    return jti


def _is_same(claimed: object, url: str) -> bool:
    """Whether two addresses are one, without query and fragment (RFC 9449, section 4.3; RFC 3986, section 6.2)."""
    if not isinstance(claimed, str) or len(claimed) > 2_000:
        return False
    try:
        return _normal(claimed) == _normal(url)
    except ValueError:  # brackets or a port that belong to no address
        return False


def _normal(url: str) -> tuple[str, str | None, int | None, str]:
    parts = urlsplit(url)
    if parts.username is not None or parts.password is not None:
        raise ValueError("an address that names a user")
    return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme), parts.path or "/"
