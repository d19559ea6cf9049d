"""How far the log's tree is behind its entries, and what that permits: known to every request, found out by one job.

Entries are durable before anything leaves; the tree over them follows within a second. When it does not, nobody could
prove later that an entry was not slipped in, so releases stop: first of sensitive items, then of all.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.errors import Unavailable

WARN_AFTER = timedelta(seconds=60)
STOP_SENSITIVE_AFTER = timedelta(minutes=15)
STOP_AFTER = timedelta(hours=4)


@dataclass(slots=True, eq=False)
class LogWatch:
    """`waiting_since`: when the oldest entry without a place was written. `problem`: why the tree is not extended."""

    waiting_since: datetime | None = None
    problem: str | None = None

    def lag(self, now: datetime) -> timedelta:
        """How long the oldest entry has waited."""
        return now - self.waiting_since if self.waiting_since else timedelta(0)

    def require_current(self, now: datetime, *, sensitive: bool) -> None:
        """Nothing, or `Unavailable` when so long a lag permits no release, or none of sensitive items."""
        if self.lag(now) > (STOP_SENSITIVE_AFTER if sensitive else STOP_AFTER):
            raise Unavailable(
                "log_behind",
                "The log cannot be proven at present, so nothing is released. Fill the form by hand.",
            )

    def problems(self, now: datetime) -> list[str]:
        """What the readiness check says about it."""
        said = [self.problem] if self.problem else []
        if self.lag(now) > WARN_AFTER:
            said.append("Entries of the log have waited for over a minute to be given their places.")
        return said
