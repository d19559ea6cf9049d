"""Every key of the service, derived from its root keys by HKDF-SHA256 (RFC 5869), one purpose each.

A ring holds root keys, newest first. The newest seals and signs; all of them open and verify, so that what was sealed
yesterday can be read after a rotation. What must never change (the blind index: a changed key would make every stored
subject a stranger) derives from the oldest. Making a ring does no I/O.
"""

import base64
import hashlib
import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType
from typing import Generic, TypeVar

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gateway.errors import KeysUnusable

T = TypeVar("T")

ROOT_KEY_BYTES = 32
KEY_ID_BYTES = 6
_SECONDS_BETWEEN_RELOADS = 5.0
_MOST_RELOADS = 20
"""In that time, whatever roots are met."""


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


Reload = Callable[[], KeyRing]
"""Reads the ring as it is now; raises `KeysUnusable` when it cannot."""


class RootKeys(Generic[T]):
    """What derives for one purpose from each root of a ring, found by the root's id as it stands in what was sealed.

    A value may stand on a root that is younger than this process: another worker was started after a rotation. Then
    the ring is read anew, for each such root at most every few seconds, so that rotating asks for no moment at which
    all stand still.
    `make`: what is kept of the 32 bytes, such as a cipher.
    """

    def __init__(
        self, ring: KeyRing, purpose: str, make: Callable[[bytes], T], reload: Reload | None = None
    ) -> None:
        self._purpose, self._make, self._reload = purpose, make, reload
        self._tried: dict[bytes, float] = {}
        self._take(ring)

    @property
    def newest(self) -> tuple[bytes, T]:
        """Id and what derives from it, for sealing."""
        return self._newest

    def of(self, root: bytes) -> T | None:
        """What derives from the root of that id; None when there is no such root."""
        found = self._by_root.get(root)
        if found is None and self._reload is not None and self._is_due(root):
            with suppress(KeysUnusable):  # then it is as if there were no such root
                self._take(self._reload())
            found = self._by_root.get(root)
        return found

    def _is_due(self, root: bytes) -> bool:
        """Whether the ring may know that root by now. Damaged cells must not make the file be read for each of them."""
        now = time.monotonic()
        tried = {each: at for each, at in self._tried.items() if now - at < _SECONDS_BETWEEN_RELOADS}
        is_due = root not in tried and len(tried) < _MOST_RELOADS
        self._tried = tried | {root: now} if is_due else tried
        return is_due

    def _take(self, ring: KeyRing) -> None:
        by_root = {
            base64.urlsafe_b64decode(root): self._make(ring.derive(self._purpose, root=root))
            for root in ring.ids
        }
        self._by_root = by_root
        self._newest = next(iter(by_root.items()))


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
