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
    """What the sequencer's last round found.

    `waiting_since`: when the oldest entry without a place was written. `checked_at`: when a round last succeeded; None
    where no sequencer runs. `problem`: why the tree is not extended. `is_unsound`: it was rolled back or forked.
    """

    waiting_since: datetime | None = None
    checked_at: datetime | None = None
    problem: str | None = None
    is_unsound: bool = False

    def lag(self, now: datetime) -> timedelta:
        """How long the oldest entry has waited; not to know it counts as waiting since it was known last."""
        begun = [since for since in (self.waiting_since, self.checked_at) if since is not None]
        return max((now - since for since in begun), default=timedelta(0))

    def require_current(self, now: datetime, *, sensitive: bool) -> None:
        """Nothing, or `Unavailable`: so long a lag, or a log other than the one that was signed, permits no release."""
        if self.is_unsound:
            raise Unavailable(
                "log_unsound", "The log is not the one that was signed, so nothing is released."
            )
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
