"""The names under which subjects and records are stored: a blind index to find a person by, and random references.

A blind index lets the same subject be found again without its identifier being stored. It is keyed: resident IDs can
be enumerated, so a plain hash of one is as good as the ID itself. It must not leave the service.
"""

import base64
import hmac
from datetime import datetime
from functools import lru_cache
from threading import Lock

from field_registry import Subject
from field_registry.subjects import RESIDENT_ID
from gateway.randomness import RandomChunks
from gateway.security.keys import KeyRing

_TIME_SHIFTS, _RANDOM_SHIFTS = range(40, -1, -10), range(70, -1, -10)
_RANDOM = RandomChunks(10)  # 80 bits
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford base32: no I, L, O, U
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]  # two at a time take half as long


_TEMPORARY_RESIDENT_ID = "112"


class Pseudonyms:
    """Blind indexes under this ring; the same for ever, whatever is rotated."""

    def __init__(self, ring: KeyRing) -> None:
        self._key = ring.derive_fixed("blind-index")
        self._fingerprint_key = ring.derive_fixed("fingerprint")

    def blind_index(self, subject: Subject) -> str:
        """43 characters (base64url) that are the same for equal subjects and tell nothing without the key."""
        # A temporary card has the number of the card that it stands for: two references would split one person's
        # consents, history and erasure.
        id_type = RESIDENT_ID if subject.id_type == _TEMPORARY_RESIDENT_ID else subject.id_type
        # The separator can stand in no kind, type or normalised identifier.
        # Without one as it ever was: what is stored under it is found by it.
        issuer = f"\x1f{subject.issuer}" if subject.issuer else ""
        message = f"{subject.kind}\x1f{id_type}\x1f{subject.id_no}{issuer}".encode()
        return base64.urlsafe_b64encode(hmac.digest(self._key, message, "sha256")).rstrip(b"=").decode()

    def fingerprint(self, data: bytes) -> str:
        """64 characters (hexadecimal) that are the same for the same bytes and tell nothing without the key."""
        return hmac.digest(self._fingerprint_key, data, "sha256").hex()


def new_reference(prefix: str, now: datetime) -> str:
    """A new id such as "res_01J…": a ULID, so ids sort by the millisecond they were made in; 80 bits are random.

    Of two made by one process in the same millisecond the later one sorts later, by a random step.
    """
    number = _ORDERED.next(int(now.timestamp() * 1000))
    return f"{prefix}_{_time(number >> 80)}" + "".join(
        [_PAIRS[number >> shift & 1023] for shift in _RANDOM_SHIFTS]
    )


@lru_cache(maxsize=8)
def _time(millisecond: int) -> str:
    """The first ten characters: several references are made in the same millisecond."""
    return "".join([_PAIRS[millisecond >> shift & 1023] for shift in _TIME_SHIFTS])


class _Ordered:
    """Numbers of 48 bits of time and 80 random ones, ascending within a millisecond."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._last = 0

    def next(self, millisecond: int) -> int:
        chunk = int.from_bytes(_RANDOM.take(), "big")
        with self._lock:
            if self._last >> 80 == millisecond:
                # 2**40 at most, so that the rest of a millisecond's numbers cannot run over its end.
                self._last += 1 + (chunk & _STEP)
            else:
                self._last = millisecond << 80 | chunk & _HEADROOM
            return self._last


_STEP = 2**40 - 1
_HEADROOM = 2**79 - 1
_ORDERED = _Ordered()
