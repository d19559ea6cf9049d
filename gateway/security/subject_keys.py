"""One random key per subject, wrapped by AES key wrap (RFC 3394) under a key derived from the newest root.

Destroying the wrapped key makes everything that was sealed under it undecipherable for good, wherever copies of the
ciphertext lie. That is what erasing a subject is, so an unwrapped key is never kept beyond the request that reads it:
unwrapping takes a few microseconds, and a cache would outlive the erasure on another worker.

Layout of a wrapped key: 1 (one byte) · root key id (6) · wrapped (40). It is not bound to its subject; what is sealed
under it is, so that one put into another row opens nothing.
"""

import base64
import hmac
import os
from collections.abc import Sequence

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from gateway.errors import CannotOpen
from gateway.records import SubjectKey
from gateway.security.keys import KEY_ID_BYTES, KeyRing, Reload, RootKeys

_VERSION = b"\x01"
_HEADER_BYTES = 1 + KEY_ID_BYTES
_KEY_BYTES = 32


class WrappedKeys:
    """`gateway.ports.SubjectKeys` over root keys in this process. Safe to share between threads.

    A KMS or HSM takes the place of the ring by giving it the key-encryption keys at the start; it must not be asked
    per request, for keys are unwrapped inside a transaction. `reload`: as for `Envelope`.
    """

    def __init__(self, ring: KeyRing, reload: Reload | None = None) -> None:
        self._wrapping = RootKeys(ring, "subject-key-wrap", bytes, reload)

    @property
    def root(self) -> str:
        """See `gateway.ports.SubjectKeys.root`."""
        return base64.urlsafe_b64encode(self._wrapping.newest[0]).decode()

    def new(self, ref: str) -> bytes:
        """See `gateway.ports.SubjectKeys.new`."""
        return self._wrap(os.urandom(_KEY_BYTES))

    def open(self, wrapped: bytes | None, ref: str) -> SubjectKey | None:
        """See `gateway.ports.SubjectKeys.open`."""
        return None if wrapped is None else _ready(ref, self._unwrap(wrapped))

    def together(self, keys: Sequence[SubjectKey]) -> SubjectKey:
        """See `gateway.ports.SubjectKeys.together`."""
        by_ref = {key.ref: key for key in keys}
        if len(by_ref) == 1:
            return keys[0]
        ordered = [by_ref[ref] for ref in sorted(by_ref)]
        # Every key is uniformly random, so that of several any one that is missing leaves nothing to go on.
        material = hmac.digest(b"".join(key.material for key in ordered), b"oncegate/together", "sha256")
        return _ready(" ".join(key.ref for key in ordered), material)

    def rewrap(self, wrapped: bytes, ref: str) -> bytes:
        """See `gateway.ports.SubjectKeys.rewrap`."""
        return self._wrap(self._unwrap(wrapped))

    def _wrap(self, material: bytes) -> bytes:
        root, wrapping = self._wrapping.newest
        return _VERSION + root + aes_key_wrap(wrapping, material)

    def _unwrap(self, wrapped: bytes) -> bytes:
        wrapping = self._wrapping.of(wrapped[1:_HEADER_BYTES]) if wrapped[:1] == _VERSION else None
        if wrapping is None:
            raise CannotOpen
        try:
            return aes_key_unwrap(wrapping, wrapped[_HEADER_BYTES:])
        except (InvalidUnwrap, ValueError):
            raise CannotOpen from None


def _ready(ref: str, material: bytes) -> SubjectKey:
    return SubjectKey(ref, material, AESGCM(material))
