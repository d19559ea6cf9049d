"""The circuit breaker as a pure state machine: when a failing source is left alone, and when it is tried again.

Closed until `failures_to_open` failures in a row; then open for `open_for` seconds; then half-open, where exactly one
trial call goes out: success closes the breaker, failure opens it anew. Times are event-loop seconds, handed in.
"""

from dataclasses import dataclass, replace
from enum import StrEnum


class BreakerState(StrEnum):
    """Whether calls go out."""

    closed = "closed"
    open = "open"
    half_open = "half_open"


@dataclass(frozen=True, slots=True)
class Breaker:
    """What is remembered about one source's failures.

    `failures`: in a row, so far. `since`: when the present state began, meaningless while closed.
    `began`: when the outage began, kept through trials, so that its end can say how long it took.
    """

    failures_to_open: int
    open_for: float
    state: BreakerState = BreakerState.closed
    failures: int = 0
    since: float = 0.0
    began: float = 0.0

    def allows(self, now: float) -> bool:
        """Whether a call may go out at `now`.

        In half-open the one trial is out already; a trial that never reported back is given up after `open_for`.
        """
        return self.state is BreakerState.closed or now >= self.since + self.open_for

    def after_start(self, now: float) -> "Breaker":
        """The breaker once an allowed call has gone out: an open one becomes half-open, that call its trial."""
        if self.state is BreakerState.closed:
            return self
        return replace(self, state=BreakerState.half_open, since=now)

    def after_success(self) -> "Breaker":
        """The breaker after an answer. One asked for before it opened does not close it: only a trial does."""
        if self.state is BreakerState.open or (self.state is BreakerState.closed and not self.failures):
            return self
        return Breaker(self.failures_to_open, self.open_for)

    def after_failure(self, now: float) -> "Breaker":
        """The breaker after a failure. Stragglers of an outage that is known already do not lengthen it."""
        if self.state is BreakerState.open:
            return self
        if self.state is BreakerState.half_open:
            return replace(self, state=BreakerState.open, since=now)
        failures = self.failures + 1
        if failures < self.failures_to_open:
            return replace(self, failures=failures)
        return replace(self, state=BreakerState.open, failures=failures, since=now, began=now)
