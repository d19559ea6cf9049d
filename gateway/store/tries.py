"""Whether a try to log in counts, and what is kept of it: one rule for every store. Pure.

Whoever fails makes only their own place wait. Places that the operator has not logged in from make one another wait as
well, for a guesser has many; a place that is the operator's own waits for none of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from gateway.records import Operator, Origin, Tried, Waits

FORGOTTEN_AFTER = timedelta(days=1)
"""After so long without a try by a stranger, counting begins anew; places nobody is known at are forgotten too."""


@dataclass(frozen=True, slots=True)
class TriedFrom:
    """A place as it is kept: tries since the last success there, when the next counts, until when it is known."""

    failed: int = 0
    waits_until: datetime | None = None
    known_until: datetime | None = None
    seen_at: datetime | None = None

    def is_known(self, now: datetime) -> bool:
        """Whether the operator logs in from there."""
        return self.known_until is not None and now < self.known_until

    def is_over(self, now: datetime) -> bool:
        """Whether nothing about it matters any more."""
        return not self.is_known(now) and (self.seen_at is None or now - self.seen_at >= FORGOTTEN_AFTER)


@dataclass(frozen=True, slots=True)
class Count:
    """A try that counts, and what is kept after it. `origin`: the place's digest, None where none is told apart."""

    tried: Tried
    origin: str | None
    place: TriedFrom
    operator: Operator


def count_try(
    found: Operator, places: Mapping[str, TriedFrom], origin: Origin, now: datetime, waits: Waits
) -> Count | None:
    """What a try from there comes to; None when it must wait, or the operator is disabled."""
    by_device = origin.device is not None and places.get(origin.device, _NEW).is_known(now)
    key = origin.device if by_device else origin.address
    place = places.get(key or "", _NEW)
    is_known = place.is_known(now)
    if found.disabled_at is not None or _waits(place.waits_until, now, waits.here(place.failed)):
        return None
    # A one-time password is random and long: nobody guesses it, and it is the way in while strangers are at work.
    strangers_wait = _waits(found.locked_until, now, waits.strangers(found.failed_logins))
    if strangers_wait and not (is_known or found.must_change_password):
        return None
    after = found if is_known else _counted(found, now, waits)
    here = place.failed + 1 if key else 0
    kept = replace(place, failed=here, waits_until=_later(now, waits.here(here)), seen_at=now)
    return Count(Tried(here, 0 if is_known else after.failed_logins, by_device), key, kept, after)


def _counted(found: Operator, now: datetime, waits: Waits) -> Operator:
    is_old = found.locked_until is not None and now - found.locked_until >= FORGOTTEN_AFTER
    tries = 1 if is_old else found.failed_logins + 1
    return replace(found, failed_logins=tries, locked_until=now + waits.strangers(tries))


def _later(now: datetime, wait: timedelta) -> datetime | None:
    return now + wait if wait else None


def _waits(until: datetime | None, now: datetime, wait: timedelta) -> bool:
    """Whether that time is still to come; one that lies beyond the wait itself was set by a clock since set back."""
    return until is not None and timedelta(0) < until - now <= wait


_NEW = TriedFrom()
