"""Every key of the service, derived from its root keys by HKDF-SHA256 (RFC 5869), one purpose each.

A ring holds root keys, newest first. The newest seals and signs; all of them open and verify, so that what was sealed
yesterday can be read after a rotation. What must never change (the blind index: a changed key would make every stored
subject a stranger) derives from the oldest. Making a ring does no I/O.
"""

import base64
import hashlib
import os
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gateway.errors import KeysUnusable

ROOT_KEY_BYTES = 32
KEY_ID_BYTES = 6


class KeyRing:
    """The root keys, newest first, and what derives from them. Shows none of it in `repr`.

    A root key id is public: it stands in every sealed value and in token headers.
    """

    def __init__(self, roots: Sequence[bytes]) -> None:
        if not roots:
            raise KeysUnusable("There is no root key. Run `oncegate keys rotate` to make one.")
        if any(len(root) != ROOT_KEY_BYTES for root in roots):
            raise KeysUnusable(f"Every root key must be {ROOT_KEY_BYTES} bytes, base64-encoded.")
        self._oldest = roots[-1]
        self._roots: Mapping[str, bytes] = MappingProxyType({key_id(root): root for root in roots})

    @classmethod
    def ephemeral(cls) -> "KeyRing":
        """A ring that nobody will ever have again; safe only for tests and throw-away demonstrations."""
        return cls([os.urandom(ROOT_KEY_BYTES)])

    @property
    def ids(self) -> tuple[str, ...]:
        """Root key ids, newest first."""
        return tuple(self._roots)

    def derive(self, purpose: str, *, root: str | None = None, length: int = 32) -> bytes:
        """The key for that purpose under the newest root, or under the root of that id (KeyError when unknown)."""
        return _derive(self._roots[root or self.ids[0]], purpose, length)

    def derive_fixed(self, purpose: str, length: int = 32) -> bytes:
        """The key for that purpose which survives every rotation."""
        return _derive(self._oldest, purpose, length)

    def __repr__(self) -> str:
        return f"KeyRing({', '.join(self.ids)})"


def key_id(root: bytes) -> str:
    """The public name of a root key: 8 characters that say nothing about it."""
    return base64.urlsafe_b64encode(
        hashlib.sha256(b"oncegate/key-id/" + root).digest()[:KEY_ID_BYTES]
    ).decode()


def _derive(root: bytes, purpose: str, length: int) -> bytes:
    # No salt: the root is uniformly random already (RFC 5869, section 3.1). `info` keeps the purposes apart.
    return HKDF(algorithm=SHA256(), length=length, salt=None, info=f"oncegate/1/{purpose}".encode()).derive(
        root
    )
