"""A log whose tree falls behind stops releases: sensitive ones first, then all."""

from datetime import UTC, datetime, timedelta

import pytest

from gateway.errors import Unavailable
from gateway.watch import LogWatch

NOW = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("lag", "sensitive_passes", "all_pass", "problems"),
    [
        (timedelta(0), True, True, 0),
        (timedelta(seconds=60), True, True, 0),
        (timedelta(seconds=61), True, True, 1),
        (timedelta(minutes=15), True, True, 1),
        (timedelta(minutes=15, seconds=1), False, True, 1),
        (timedelta(hours=4), False, True, 1),
        (timedelta(hours=4, seconds=1), False, False, 1),
    ],
)
def test_the_longer_entries_wait_the_less_is_released(
    lag: timedelta, sensitive_passes: bool, all_pass: bool, problems: int
) -> None:
    """A warning after a minute, no sensitive items after a quarter of an hour, nothing after four hours."""
    watch = LogWatch(waiting_since=NOW - lag)

    assert passes(watch, sensitive=True) is sensitive_passes
    assert passes(watch, sensitive=False) is all_pass
    assert len(watch.problems(NOW)) == problems


def test_a_log_that_is_not_ours_stops_everything_at_once() -> None:
    """However short the lag."""
    watch = LogWatch(is_unsound=True, problem="rolled back")

    assert not passes(watch, sensitive=False)


def test_not_having_heard_is_a_lag_too() -> None:
    """A sequencer that no longer tells how long entries wait is as bad as one that tells they wait."""
    watch = LogWatch(checked_at=NOW - timedelta(hours=5))

    assert watch.lag(NOW) == timedelta(hours=5)
    assert not passes(watch, sensitive=False)


def test_nothing_waits_at_first() -> None:
    """A process that has not looked yet stops nothing."""
    watch = LogWatch()

    assert watch.lag(NOW) == timedelta(0)
    assert passes(watch, sensitive=True)
    assert watch.problems(NOW) == []


def test_what_keeps_the_tree_from_growing_is_told() -> None:
    """In the words of whoever found it."""
    assert LogWatch(problem="rolled back").problems(NOW) == ["rolled back"]


def passes(watch: LogWatch, *, sensitive: bool) -> bool:
    """Whether a release may go on."""
    try:
        watch.require_current(NOW, sensitive=sensitive)
    except Unavailable:
        return False
    return True
