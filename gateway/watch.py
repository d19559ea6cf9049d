"""How far the log's tree is behind its entries, and what that permits: known to every request, found out by one job.

Entries are durable before anything leaves; the tree over them follows within a second. When it does not, nobody could
prove later that an entry was not slipped in, so releases stop: first of sensitive items, then of all.

The wall clock tells how long an entry had waited when this process saw it first, for another process may have left it.
From then on a clock counts that nobody can set: a step of the wall clock neither stops releases nor lets any pass.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from gateway.errors import Unavailable

WARN_AFTER = timedelta(seconds=60)
STOP_SENSITIVE_AFTER = timedelta(minutes=15)
STOP_AFTER = timedelta(hours=4)


@dataclass(slots=True, eq=False)
class LogWatch:
    """What the sequencer's last round found.

    `problem`: why the tree is not extended. `is_unsound`: it was rolled back or forked. `steady`: seconds of a clock
    that only runs forward.
    """

    problem: str | None = None
    is_unsound: bool = False
    steady: Callable[[], float] = time.monotonic
    _lag: timedelta = field(default=timedelta(0), init=False)
    _heard: float | None = field(default=None, init=False)
    _oldest: datetime | None = field(default=None, init=False)
    _oldest_seen: float = field(default=0.0, init=False)
    _drained: float | None = field(default=None, init=False)

    def begin(self) -> None:
        """From now on the sequencer must be heard of; before, as where none runs, there is no lag."""
        self._heard = self.steady()

    def heard(self, now: datetime, *, waiting_since: datetime | None) -> None:
        """A round succeeded; `waiting_since`: when the oldest entry without a place was written, None: none waits."""
        seen = self.steady()
        self._lag = (
            timedelta(0) if waiting_since is None else self._waited(now - waiting_since, waiting_since, seen)
        )
        self._drained = seen if waiting_since is None else self._drained
        self._oldest, self._heard = waiting_since, seen

    def _waited(self, by_wall: timedelta, since: datetime, seen: float) -> timedelta:
        """As the wall clock has it, but no less than it was seen waiting, and no more than since nothing waited."""
        if since != self._oldest:
            self._oldest_seen = seen
        waited = max(by_wall, timedelta(seconds=seen - self._oldest_seen))
        return waited if self._drained is None else min(waited, timedelta(seconds=seen - self._drained))

    def lag(self) -> timedelta:
        """How long the oldest entry has waited; not to know it counts as waiting since it was known last."""
        if self._heard is None:
            return self._lag
        return self._lag + timedelta(seconds=self.steady() - self._heard)

    def require_current(self, *, sensitive: bool) -> None:
        """Nothing, or `Unavailable`: so long a lag, or a log other than the one that was signed, permits no release."""
        if self.is_unsound:
            raise Unavailable(
                "log_unsound", "The log is not the one that was signed, so nothing is released."
            )
        if self.lag() > (STOP_SENSITIVE_AFTER if sensitive else STOP_AFTER):
            raise Unavailable(
                "log_behind",
                "The log cannot be proven at present, so nothing is released. Fill the form by hand.",
            )

    def problems(self) -> list[str]:
        """What the readiness check says about it."""
        said = [self.problem] if self.problem else []
        if self.lag() > WARN_AFTER:
            said.append("Entries of the log have waited for over a minute to be given their places.")
        return said
