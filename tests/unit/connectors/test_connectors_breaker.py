"""The breaker: a failing source is left alone, then tried once."""

import pytest

from connectors.breaker import Breaker, BreakerState


@pytest.fixture
def closed() -> Breaker:
    """Opens after three failures, for ten seconds."""
    return Breaker(failures_to_open=3, open_for=10.0)


@pytest.fixture
def opened(closed: Breaker) -> Breaker:
    """Opened at 100."""
    return closed.after_failure(98).after_failure(99).after_failure(100)


def test_it_opens_after_failures_in_a_row(closed: Breaker) -> None:
    """Two failures are borne; a success forgets them; three in a row open."""
    borne = closed.after_failure(1).after_failure(2)
    forgotten = borne.after_success().after_failure(3).after_failure(4)

    assert borne.allows(2)
    assert forgotten.allows(4)
    assert not forgotten.after_failure(5).allows(5)


def test_it_lets_one_trial_out(opened: Breaker) -> None:
    """While open nothing goes out; at the end of the time one call does, and only one."""
    trial = opened.after_start(110)

    assert not opened.allows(109.9)
    assert opened.allows(110)
    assert trial.state is BreakerState.half_open
    assert not trial.allows(110)


def test_the_trial_decides(opened: Breaker) -> None:
    """A trial that succeeds closes; one that fails opens for the whole time again and keeps when it all began."""
    trial = opened.after_start(110)
    failed = trial.after_failure(111)

    assert trial.after_success() == Breaker(3, 10.0)
    assert not failed.allows(120.9)
    assert failed.allows(121)
    assert failed.began == opened.began == 100


def test_a_trial_that_never_reports_is_given_up(opened: Breaker) -> None:
    """A lost trial blocks for `open_for` and no longer."""
    trial = opened.after_start(110)

    assert not trial.allows(119.9)
    assert trial.allows(120)


def test_stragglers_change_nothing(opened: Breaker) -> None:
    """Calls sent before the opening neither close nor lengthen it."""
    assert opened.after_success() == opened
    assert opened.after_failure(105) == opened
