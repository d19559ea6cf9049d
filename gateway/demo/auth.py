"""How the city's HTTP registers tell who may ask: a header, a bearer token, or a signed query. Checks, no storage.

A guard is shared by all runs; the secret it compares with is made anew for each run and handed in.
"""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import parse_qsl

_WINDOW_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Presented:
    """What a caller presents: header names in lower case, the query as it was sent, the time of the call in seconds.

    `nonces`: those that counted already, kept by the register.
    """

    headers: Mapping[str, str]
    query: str
    now: float
    nonces: set[str] = field(default_factory=set)


class Guard(Protocol):
    """Decides whether a call may be answered."""

    def allows(self, call: Presented, secret: str) -> bool:
        """Whether the caller has shown that it knows `secret`."""
        ...


@dataclass(frozen=True, slots=True)
class HeaderKey:
    """The secret itself, in a header of its own."""

    header: str

    def allows(self, call: Presented, secret: str) -> bool:
        """Whether the header holds the secret."""
        return hmac.compare_digest(call.headers.get(self.header.lower(), "").encode(), secret.encode())


@dataclass(frozen=True, slots=True)
class BearerToken:
    """The secret as a bearer token (RFC 6750)."""

    def allows(self, call: Presented, secret: str) -> bool:
        """Whether the Authorization header holds the token."""
        return hmac.compare_digest(
            call.headers.get("authorization", "").encode(), f"Bearer {secret}".encode()
        )


@dataclass(frozen=True, slots=True)
class SignedQuery:
    """An HMAC-SHA256 over the sorted query, with a time that must be near and a nonce that counts once."""

    key_id: str
    key_param: str = "appid"
    timestamp_param: str = "ts"
    nonce_param: str = "nonce"
    signature_param: str = "sign"

    def allows(self, call: Presented, secret: str) -> bool:
        """Whether the signature is of this query, by this key, of now, and new."""
        pieces = [piece for piece in call.query.split("&") if piece]
        given = dict(parse_qsl(call.query))
        stamp, nonce = given.get(self.timestamp_param, ""), given.get(self.nonce_param, "")
        if given.get(self.key_param) != self.key_id or not stamp.isdecimal() or nonce in call.nonces:
            return False
        signed = [piece for piece in pieces if not piece.startswith(f"{self.signature_param}=")]
        mark = given.get(self.signature_param, "")
        if not hmac.compare_digest(mark.encode(), sign(signed, secret).encode()):
            return False
        call.nonces.add(nonce)
        return abs(call.now - int(stamp)) <= _WINDOW_SECONDS


def sign(pieces: Sequence[str], secret: str) -> str:
    """The hexadecimal HMAC-SHA256 of percent-encoded `name=value` pieces, sorted and joined with "&"."""
    return hmac.new(secret.encode(), "&".join(sorted(pieces)).encode(), hashlib.sha256).hexdigest()
