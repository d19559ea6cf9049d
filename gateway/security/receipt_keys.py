"""The keys under which receipts are signed, and reading a receipt's signature (JWS, RFC 7515; Ed25519, RFC 8037).

Of a purpose of their own: a receipt can never be taken for an access token, nor the other way round. The newest root
key's signs; the public keys of all are handed out, so that what was signed before a rotation can still be checked.
Reading chooses the key and the algorithm itself: what a header says of them is compared, never followed.
"""

import hashlib
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from typing import Any

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from gateway.security.keys import KeyRing

RECEIPT_TYPE = "consent-receipt+jwt"
CALL_RECEIPT_TYPE = "call-receipt+jwt"
FORM_TYPE = "filled-form+jwt"
# Receipts are checked by whatever tool somebody has: RFC 9864 calls it Ed25519 now, and few libraries know that yet.
ALGORITHM = "EdDSA"
_PURPOSE = "receipt-signing"
_COMPACT = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]{86})")
_MOST_BYTES = 1_000_000
_KEY_BYTES = 32

Jwk = Mapping[str, str]


class BadReceipt(ValueError):
    """The text is no receipt, or not one that this key signed; the message says which, for the person who checks."""


class ReceiptKeys:
    """Signs under the newest key of the ring; safe to share between threads."""

    def __init__(self, ring: KeyRing) -> None:
        keys = [Ed25519PrivateKey.from_private_bytes(ring.derive(_PURPOSE, root=root)) for root in ring.ids]
        self._newest = keys[0]
        self._public = tuple(jwk_of(key.public_key()) for key in keys)

    @property
    def jwk(self) -> Jwk:
        """The public key that checks what is signed now."""
        return self._public[0]

    def jwks(self) -> dict[str, Any]:
        """The public keys of all receipts, newest first, as a JWK Set."""
        return {"keys": [dict(key) for key in self._public]}

    def sign(self, claims: Mapping[str, Any], kind: str = RECEIPT_TYPE) -> str:
        """The compact JWS of these claims. The same claims give the same text, until a new key signs."""
        header = {"alg": ALGORITHM, "typ": kind, "kid": self.jwk["kid"]}
        parts = (orjson.dumps(part, option=orjson.OPT_SORT_KEYS) for part in (header, claims))
        signed = ".".join(_encode(part) for part in parts)
        return f"{signed}.{_encode(self._newest.sign(signed.encode()))}"

    def sign_detached(self, content: bytes, kind: str, protected: Mapping[str, Any]) -> str:
        """The signature over content that travels beside it (RFC 7515, appendix F): header, nothing, signature.

        `kind`: so that it is never taken for a receipt. `protected`: what else the header says.
        """
        header = {**protected, "alg": ALGORITHM, "typ": kind, "kid": self.jwk["kid"]}
        encoded = _encode(orjson.dumps(header, option=orjson.OPT_SORT_KEYS))
        signature = self._newest.sign(f"{encoded}.{_encode(content)}".encode())
        return f"{encoded}..{_encode(signature)}"


def jwk_of(key: Ed25519PublicKey) -> Jwk:
    """A public key as a JWK; its `kid` is its thumbprint (RFC 7638), so that it cannot be another key's."""
    x = _encode(key.public_bytes_raw())
    return {"kty": "OKP", "crv": "Ed25519", "x": x, "kid": _thumbprint(x), "use": "sig", "alg": ALGORITHM}


def read_receipt(compact: str, key: Mapping[str, Any], kind: str = RECEIPT_TYPE) -> dict[str, Any]:
    """The claims of a receipt that this public JWK signed. Raises `BadReceipt`: nothing it says may be believed."""
    parts = _COMPACT.fullmatch(compact) if len(compact) <= _MOST_BYTES else None
    if parts is None:
        raise BadReceipt("This is not a receipt: it is not a compact JWS with an Ed25519 signature.")
    header, claims = _json_object(parts[1]), _json_object(parts[2])
    public = _public_key(key)
    # Before the signature: a receipt of another key is no forgery, and who checks should take the other key.
    if header != {"alg": ALGORITHM, "typ": kind, "kid": jwk_of(public)["kid"]}:
        raise BadReceipt("The receipt's header names another key, algorithm or kind of document.")
    try:
        public.verify(_decode(parts[3]), f"{parts[1]}.{parts[2]}".encode())
    except InvalidSignature:
        raise BadReceipt(
            "The signature is wrong: the receipt was changed, or another key signed it."
        ) from None
    return claims


def _public_key(key: Mapping[str, Any]) -> Ed25519PublicKey:
    x = key.get("x")
    if (key.get("kty"), key.get("crv")) != ("OKP", "Ed25519") or not isinstance(x, str):
        raise BadReceipt("The key is no Ed25519 JWK. Take it again from /v1/receipts/keys.")
    raw = _decode(x)
    if len(raw) != _KEY_BYTES:
        raise BadReceipt("The key is no Ed25519 JWK. Take it again from /v1/receipts/keys.")
    return Ed25519PublicKey.from_public_bytes(raw)


def _thumbprint(x: str) -> str:
    members = {"crv": "Ed25519", "kty": "OKP", "x": x}
    return _encode(hashlib.sha256(orjson.dumps(members, option=orjson.OPT_SORT_KEYS)).digest())


def _json_object(part: str) -> dict[str, Any]:
    try:
        found = orjson.loads(_decode(part))
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, dict):
        raise BadReceipt("This is not a receipt: its parts are not JSON objects.")
    return found


def _encode(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    try:
        decoded = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        raise BadReceipt("This is not a receipt: a part of it is not base64url.") from None
    if _encode(decoded) != text:  # one signature, one spelling
        raise BadReceipt("This is not a receipt: a part of it is not base64url.")
    return decoded
