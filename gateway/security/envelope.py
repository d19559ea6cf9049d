"""Envelope encryption for values at rest: AES-256-GCM, bound to the table, column, row and subject it was sealed for.

A ciphertext moved to another row, or to another person, does not open: that is why `subject` is bound as well as `row`.
Layout: version (1 byte) · root key id (6) · nonce (12) · ciphertext and tag. Nonces are random; a root key must be
rotated before about 2**32 values were sealed under it (NIST SP 800-38D, section 8.3).
"""

import base64
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.errors import CannotOpen
from gateway.security.keys import KEY_ID_BYTES, KeyRing

_VERSION = b"\x01"
_HEADER_BYTES = 1 + KEY_ID_BYTES
_NONCE_BYTES = 12
_PURPOSE = "envelope"


class Envelope:
    """Seals under the newest root key, opens under any of the ring's. Safe to share between threads."""

    def __init__(self, ring: KeyRing) -> None:
        self._ciphers = {
            _VERSION + base64.urlsafe_b64decode(root): AESGCM(ring.derive(_PURPOSE, root=root))
            for root in ring.ids
        }
        self._header, self._cipher = next(iter(self._ciphers.items()))

    def seal(self, plaintext: bytes, *, table: str, column: str, row: str, subject: str = "") -> bytes:
        """The sealed value; 35 bytes longer than `plaintext`. Two seals of one value differ."""
        nonce = os.urandom(_NONCE_BYTES)
        bound = _bound(self._header, table, column, row, subject)
        return self._header + nonce + self._cipher.encrypt(nonce, plaintext, bound)

    def open(self, sealed: bytes, *, table: str, column: str, row: str, subject: str = "") -> bytes:
        """What was sealed for exactly this place and subject; raises `CannotOpen` otherwise."""
        header, nonce = sealed[:_HEADER_BYTES], sealed[_HEADER_BYTES : _HEADER_BYTES + _NONCE_BYTES]
        cipher = self._ciphers.get(header)
        if cipher is None or len(nonce) != _NONCE_BYTES:
            raise CannotOpen
        try:
            bound = _bound(header, table, column, row, subject)
            return cipher.decrypt(nonce, sealed[_HEADER_BYTES + _NONCE_BYTES :], bound)
        except InvalidTag:
            raise CannotOpen from None


def _bound(header: bytes, *parts: str) -> bytes:
    # Each part is preceded by its length: ("ab", "c") and ("a", "bc") must not be the same place.
    encoded = [part.encode() for part in parts]
    return header + b"".join(len(part).to_bytes(4, "big") + part for part in encoded)
