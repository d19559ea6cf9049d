"""The breaker, whatever happens to it: never more than one trial, never stuck, never open without failures."""

from hypothesis import given
from hypothesis import strategies as st

from connectors.breaker import Breaker, BreakerState

LIMIT, OPEN_FOR = 3, 10.0
events = st.lists(
    st.tuples(st.sampled_from(["call", "success", "failure"]), st.floats(0, 8, allow_nan=False)), max_size=60
)


@given(events)
def test_no_history_breaks_the_breaker(history: list[tuple[str, float]]) -> None:
    """Calls go out only when allowed; a refusal never lasts longer than `open_for`; opening takes the limit."""
    breaker, now, in_a_row = Breaker(LIMIT, OPEN_FOR), 0.0, 0
    for event, pause in history:
        now += pause
        before = breaker
        if event == "call" and breaker.allows(now):
            breaker = breaker.after_start(now)
            if before.state is not BreakerState.closed:
                assert not breaker.allows(now), "one trial at a time"
        elif event == "success":
            breaker, in_a_row = breaker.after_success(), 0
        elif event == "failure":
            breaker, in_a_row = breaker.after_failure(now), in_a_row + 1
        if before.state is BreakerState.closed and breaker.state is BreakerState.open:
            assert in_a_row >= LIMIT
        assert breaker.allows(now + OPEN_FOR), "never left alone for ever"
        assert breaker.state is not BreakerState.closed or breaker.failures < LIMIT


@given(events, st.floats(0, 8, allow_nan=False))
def test_a_working_source_is_asked_again(history: list[tuple[str, float]], pause: float) -> None:
    """From any state, one successful trial after the wait closes it."""
    breaker, now = Breaker(LIMIT, OPEN_FOR), 0.0
    for event, step in history:
        now += step
        breaker = breaker.after_failure(now) if event == "failure" else breaker.after_success()
    now += OPEN_FOR + pause

    assert breaker.after_start(now).after_success() == Breaker(LIMIT, OPEN_FOR)
