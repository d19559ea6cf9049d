"""A log whose tree falls behind stops releases: sensitive ones first, then all; no step of the clock changes that."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from gateway.errors import Unavailable
from gateway.watch import LogWatch

NOW = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@dataclass
class World:
    """A watch, and time passing. `now`: the wall clock, which may be set; `ran`: what the steady clock has counted."""

    watch: LogWatch
    now: datetime = NOW
    ran: timedelta = timedelta(0)

    def wait(self, time: timedelta, *, step: timedelta = timedelta(0)) -> None:
        """Time passes, and meanwhile somebody sets the wall clock by `step`."""
        self.ran += time
        self.now += time + step

    def hear(self, waiting_since: datetime | None = None) -> None:
        """A round of the sequencer succeeds."""
        self.watch.heard(self.now, waiting_since=waiting_since)

    def passes(self, *, sensitive: bool = True) -> bool:
        """Whether a release may go on."""
        try:
            self.watch.require_current(sensitive=sensitive)
        except Unavailable:
            return False
        return True


@pytest.fixture
def world() -> World:
    """One that has just begun to look."""
    made = World(LogWatch())
    made.watch.steady = lambda: made.ran.total_seconds()
    made.watch.begin()
    return made


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
    world: World, lag: timedelta, sensitive_passes: bool, all_pass: bool, problems: int
) -> None:
    """A warning after a minute, no sensitive items after a quarter of an hour, nothing after four hours."""
    world.hear(waiting_since=NOW - lag)

    assert world.passes(sensitive=True) is sensitive_passes
    assert world.passes(sensitive=False) is all_pass
    assert len(world.watch.problems()) == problems


def test_a_log_that_is_not_ours_stops_everything_at_once() -> None:
    """However short the lag."""
    assert not World(LogWatch(is_unsound=True, problem="rolled back")).passes(sensitive=False)


def test_not_having_heard_is_a_lag_too(world: World) -> None:
    """A sequencer that no longer tells how long entries wait is as bad as one that tells they wait."""
    world.wait(timedelta(hours=5))

    assert world.watch.lag() == timedelta(hours=5)
    assert not world.passes(sensitive=False)


def test_nothing_waits_at_first() -> None:
    """A process in which no sequencer runs stops nothing, however long it lives."""
    watch = LogWatch()

    assert watch.lag() == timedelta(0)
    assert watch.problems() == []


def test_what_keeps_the_tree_from_growing_is_told() -> None:
    """In the words of whoever found it."""
    assert LogWatch(problem="rolled back").problems() == ["rolled back"]


@pytest.mark.parametrize("step", [-HOUR, DAY, -DAY, timedelta(minutes=20)])
def test_a_step_of_the_clock_stops_nothing(world: World, step: timedelta) -> None:
    """While rounds succeed: an entry written before the step and placed after it has waited for moments only."""
    world.hear()
    written = world.now
    world.wait(timedelta(seconds=1), step=step)
    assert world.passes()

    world.hear(waiting_since=written)  # another process is at it
    assert world.watch.lag() <= timedelta(seconds=1)

    world.wait(timedelta(seconds=1))
    world.hear()
    assert world.watch.lag() == timedelta(0)


@pytest.mark.parametrize("step", [-HOUR, -DAY, DAY])
def test_a_step_of_the_clock_lets_nothing_pass(world: World, step: timedelta) -> None:
    """While no round succeeds, and while one entry waits on and on: the lag grows by the time that really passes."""
    world.hear()
    world.wait(timedelta(minutes=10), step=step)
    world.wait(timedelta(minutes=6))
    assert not world.passes()

    waits = world.now
    world.hear(waiting_since=waits)
    world.wait(timedelta(minutes=16), step=step)
    world.hear(waiting_since=waits)
    assert not world.passes()


def test_entries_that_come_and_go_are_no_lag(world: World) -> None:
    """Something waits whenever this process looks, but never the same for long: another one places it."""
    for _ in range(100):
        world.wait(timedelta(minutes=1))
        world.hear(waiting_since=world.now - timedelta(milliseconds=200))

        assert world.watch.lag() < timedelta(seconds=1)


def test_what_a_process_before_left_waiting_counts_by_the_wall(world: World) -> None:
    """A process that begins finds an entry of five hours ago: that long it has waited."""
    world.hear(waiting_since=NOW - timedelta(hours=5))

    assert world.watch.lag() == timedelta(hours=5)
    assert not world.passes(sensitive=False)
