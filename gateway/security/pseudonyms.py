"""The names under which subjects and records are stored: a blind index to find a person by, and random references.

A blind index lets the same subject be found again without its identifier being stored. It is keyed: resident IDs can
be enumerated, so a plain hash of one is as good as the ID itself. It must not leave the service.
"""

import base64
import hmac
from datetime import datetime
from threading import Lock

from field_registry import Subject
from field_registry.subjects import RESIDENT_ID
from gateway.randomness import RandomChunks
from gateway.security.keys import KeyRing

_RANDOM = RandomChunks(5 + 8)  # 40 bits, and eight bytes of which 5 bits each are used: 80
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford base32: no I, L, O, U
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]  # two at a time take half as long
_CHARACTERS = _ALPHABET.encode() * 8

_TEMPORARY_RESIDENT_ID = "112"


class Pseudonyms:
    """Blind indexes under this ring; the same for ever, whatever is rotated."""

    def __init__(self, ring: KeyRing) -> None:
        self._blind_index = _Keyed(ring.derive_fixed("blind-index"))
        self._fingerprint = _Keyed(ring.derive_fixed("fingerprint"))

    def blind_index(self, subject: Subject) -> str:
        """43 characters (base64url) that are the same for equal subjects and tell nothing without the key."""
        # A temporary card has the number of the card that it stands for: two references would split one person's
        # consents, history and erasure.
        id_type = RESIDENT_ID if subject.id_type == _TEMPORARY_RESIDENT_ID else subject.id_type
        # The separator can stand in no kind, type or normalised identifier.
        # Without one as it ever was: what is stored under it is found by it.
        issuer = f"\x1f{subject.issuer}" if subject.issuer else ""
        message = f"{subject.kind}\x1f{id_type}\x1f{subject.id_no}{issuer}".encode()
        return base64.urlsafe_b64encode(self._blind_index.digest(message)).rstrip(b"=").decode()

    def fingerprint(self, data: bytes) -> str:
        """64 characters (hexadecimal) that are the same for the same bytes and tell nothing without the key."""
        return self._fingerprint.digest(data).hex()


class _Keyed:
    """HMAC-SHA256 under one key.

    A copy of what the key alone makes goes on from there. `hmac.digest` begins anew each time, and lets go of the
    interpreter lock for a microsecond of work: on a busy node that costs a turn of another thread.
    """

    def __init__(self, key: bytes) -> None:
        self._begun = hmac.new(key, digestmod="sha256")

    def digest(self, message: bytes) -> bytes:
        mac = self._begun.copy()
        mac.update(message)
        return mac.digest()


def new_reference(prefix: str, now: datetime) -> str:
    """A new id such as "res_01J…": a ULID, so ids sort by the millisecond they were made in; 80 bits are random.

    Of two made by one process in the same millisecond the later one sorts later, by a random step.
    """
    return f"{prefix}_{_ORDERED.next(int(now.timestamp() * 1000))}"


class _Ordered:
    """The 26 characters of 48 bits of time and 80 random ones, ascending within a millisecond."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._last: int | None = None
        self._time = ""
        """The ten characters of that millisecond."""
        self._upper = 0
        """The upper half of the random bits of the reference made last."""

    def next(self, millisecond: int) -> str:
        random = _RANDOM.take()
        with self._lock:
            if self._last == millisecond:
                # The lower half is random, which makes the whole step so.
                self._upper += 1
            else:
                # It begins in the lower half of what it can be, so that those that follow cannot run over its end.
                self._last, self._upper = millisecond, int.from_bytes(random[:5], "big") >> 1
                self._time = _PAIRS[millisecond >> 40] + _eight(millisecond)
            time, upper = self._time, self._upper
        # Five bits of each random byte are one character: all of them in two calls, where a number would be taken
        # apart digit by digit.
        lower = random[5:].translate(_CHARACTERS).decode()
        return f"{time}{_eight(upper)}{lower}"


def _eight(number: int) -> str:
    """The last 40 bits of a number, in eight characters."""
    high, low = number >> 20, number & 0xFFFFF
    return f"{_PAIRS[high >> 10 & 1023]}{_PAIRS[high & 1023]}{_PAIRS[low >> 10]}{_PAIRS[low & 1023]}"


_ORDERED = _Ordered()
