"""Nonces for DPoP proofs (RFC 9449, section 8), given out without remembering any: keyed digests of the minute.

A nonce names the memory of used proofs that it was given for. When a cache was flushed or restarted its memory has
another name, so a proof from before, which that memory can no longer recognise, holds a nonce of no use any more.
"""

import base64
import hmac
from datetime import datetime

from gateway.security.keys import KeyRing

_SECONDS = 60
_BUCKETS = 3
_BYTES = 16


class Nonces:
    """Gives nonces and knows them again for two to three minutes; every worker with this ring gives the same."""

    def __init__(self, ring: KeyRing) -> None:
        self._key = ring.derive_fixed("dpop-nonce")

    def give(self, memory: str, now: datetime) -> str:
        """The nonce of this minute for that memory: 22 characters."""
        return self._nonce(memory, _bucket(now))

    def is_given(self, nonce: str, memory: str, now: datetime) -> bool:
        """Whether that nonce was given for that memory within the last two to three minutes."""
        newest = _bucket(now)
        recent = [self._nonce(memory, newest - age) for age in range(_BUCKETS)]
        return any(hmac.compare_digest(nonce.encode(), each.encode()) for each in recent)

    def _nonce(self, memory: str, bucket: int) -> str:
        digest = hmac.digest(self._key, f"{memory}\x1f{bucket}".encode(), "sha256")
        return base64.urlsafe_b64encode(digest[:_BYTES]).rstrip(b"=").decode()


def _bucket(now: datetime) -> int:
    return int(now.timestamp()) // _SECONDS
