"""Envelope encryption for values at rest: AES-256-GCM, bound to the table, column, row and subject it was sealed for.

A ciphertext moved to another row, or to another person, does not open: that is why `subject` is bound as well as `row`.
What is about a subject is sealed under the subject's own key, so that destroying the key destroys it wherever it lies,
backups of the cells included; everything else under a key derived from the newest root.

Layout under a root: 1 (one byte) · root key id (6) · nonce (12) · ciphertext and tag; under a subject's key: 2 ·
nonce · ciphertext and tag. Nonces are random; no key may seal more than about 2**32 values (NIST SP 800-38D, 8.3).
"""

from functools import lru_cache
from struct import Struct

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.errors import CannotOpen
from gateway.randomness import RandomChunks
from gateway.records import SubjectKey
from gateway.security.keys import KEY_ID_BYTES, KeyRing, Reload, RootKeys

UNDER_ROOT = b"\x01"
UNDER_SUBJECT = b"\x02"
_NONCE_BYTES = 12
_NONCES = RandomChunks(_NONCE_BYTES)


class Envelope:
    """Seals under the newest root key or a given subject's, opens under any. Safe to share between threads.

    `reload`: reads the ring anew when a value stands on a root key that this one does not know.
    """

    def __init__(self, ring: KeyRing, reload: Reload | None = None) -> None:
        self._ciphers = RootKeys(ring, "envelope", AESGCM, reload)

    def seal(
        self,
        plaintext: bytes,
        *,
        table: str,
        column: str,
        row: str,
        subject: str = "",
        key: SubjectKey | None = None,
    ) -> bytes:
        """The sealed value, 35 bytes longer than `plaintext` at most. Two seals of one value differ."""
        if key is None:
            root, cipher = self._ciphers.newest
            header = UNDER_ROOT + root
        else:
            header, cipher, subject = UNDER_SUBJECT, key.cipher or AESGCM(key.material), key.ref
        nonce = _NONCES.take()
        return header + nonce + cipher.encrypt(nonce, plaintext, _bound(header, table, column, row, subject))

    def open(
        self,
        sealed: bytes,
        *,
        table: str,
        column: str,
        row: str,
        subject: str = "",
        key: SubjectKey | None = None,
    ) -> bytes:
        """What was sealed for exactly this place and subject; raises `CannotOpen` otherwise, or without its key."""
        if sealed[:1] == UNDER_SUBJECT and key is not None:
            header, cipher, subject = UNDER_SUBJECT, key.cipher or AESGCM(key.material), key.ref
        else:
            header = sealed[: 1 + KEY_ID_BYTES]
            found = self._ciphers.of(header[1:]) if sealed[:1] == UNDER_ROOT else None
            if found is None:
                raise CannotOpen
            cipher = found
        nonce, data = sealed[len(header) :][:_NONCE_BYTES], sealed[len(header) + _NONCE_BYTES :]
        if len(nonce) != _NONCE_BYTES:
            raise CannotOpen
        try:
            return cipher.decrypt(nonce, data, _bound(header, table, column, row, subject))
        except InvalidTag:
            raise CannotOpen from None


def _bound(header: bytes, table: str, column: str, row: str, subject: str) -> bytes:
    of_row, of_subject = row.encode(), subject.encode()
    parts = _place(header, table, column), _length(len(of_row)), of_row, _length(len(of_subject)), of_subject
    return b"".join(parts)


@lru_cache(maxsize=128)
def _place(header: bytes, *names: str) -> bytes:
    """What everything sealed in one column has in common."""
    # Each part is preceded by its length: ("ab", "c") and ("a", "bc") must not be the same place.
    encoded = [name.encode() for name in names]
    return header + b"".join(_length(len(name)) + name for name in encoded)


_length = Struct(">I").pack
