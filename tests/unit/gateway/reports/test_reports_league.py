"""The league table: an answer is an answer whatever it says; times come from counts per range."""

import pytest
from gap_bench import D, Out, T, application, slot, sums_of
from hypothesis import given
from hypothesis import strategies as st

from gateway.records import NO_BOUND_MS, AnswerCount, CallCount
from gateway.reports.league import SourceLine, Times, league, times_by_form, times_of
from gateway.reports.rates import Rate
from gateway.telemetry.metrics import BOUNDS_MS


def line(*calls: CallCount, confirmed: dict[str, int] | None = None, delivered: int = 0) -> SourceLine:
    """The line of the one source these calls went to."""
    (found,) = league(calls, {}, {"civil": delivered}, confirmed, ["civil"])
    return found


@pytest.mark.parametrize(
    "outcome", ["filled", "not_found", "empty_at_source", "not_applicable", "denied_by_source"]
)
def test_a_source_that_says_something_answered(outcome: str) -> None:
    """To hold no record of somebody is an answer."""
    assert line(CallCount("civil", outcome, 50, 3)).available == Rate(3, 3)


@pytest.mark.parametrize("outcome", ["timeout", "source_error", "circuit_open"])
def test_a_source_that_says_nothing_did_not(outcome: str) -> None:
    """Also where it was not asked, because it had failed before."""
    calls = CallCount("civil", "filled", 50, 3), CallCount("civil", outcome, 0, 1)

    assert line(*calls).available == Rate(3, 4)


def test_announced_maintenance_counts_neither_way() -> None:
    """It is told of, and costs no availability."""
    found = line(CallCount("civil", "filled", 50, 3), CallCount("civil", "maintenance", 0, 9))

    assert found.available == Rate(3, 3)
    assert found.calls == {"filled": 3, "maintenance": 9}


def test_calls_that_were_not_made_took_no_time() -> None:
    """An open breaker is quick, and that is no merit of the source."""
    found = line(CallCount("civil", "circuit_open", 0, 99), CallCount("civil", "filled", 100, 1))

    assert found.times.p50 == 75


def test_the_worst_comes_first_and_the_silent_last() -> None:
    """Least available, then slowest; one that nobody called is at the end; one not registered is told of too."""
    calls = [
        CallCount("good", "filled", 50, 10),
        CallCount("slow", "filled", 1000, 10),
        CallCount("bad", "timeout", 1000, 10),
    ]

    found = league(calls, {}, {}, {}, ["good", "slow", "unused"])
    assert [each.source for each in found] == ["bad", "slow", "good", "unused"]


def test_confirmed_errors_are_of_what_was_delivered() -> None:
    """Two values were wrong of a hundred; unknown as long as nobody counts disputes."""
    assert line(confirmed={"civil": 2}, delivered=100).wrong == Rate(2, 100)
    assert line().wrong is None


def test_freshness_is_of_the_values_of_registers() -> None:
    """Stale values of a source are counted over all places; a profile's, and what was not filled, are not."""
    stale, profile = slot("sex", Out.filled_stale), slot("note", Out.filled_stale, tier=T.C)
    sums = sums_of([application(slot("name"), stale, profile, slot("policy", Out.timeout, D.typed))])

    counted = {each.key.source: each.counts[0] for each in sums if each.key.kind == "stale"}
    assert counted == {"civil": 1}
    (found,) = league([], counted, {"civil": 2}, None, ["civil"])
    assert found.stale == Rate(1, 2)


def test_times_of_nothing_are_none() -> None:
    """Not zero."""
    assert times_of([]) == times_of([(100, 0)]) == Times()


def test_a_time_lies_evenly_within_its_range() -> None:
    """A hundred calls between 100 and 250 ms: the median is in the middle."""
    assert times_of([(250, 100)]) == Times(175, 242, 248)


def test_beyond_the_longest_time_only_the_longest_is_known() -> None:
    """Nothing is invented."""
    assert times_of([(NO_BOUND_MS, 3)]) == Times(30_000, 30_000, 30_000)


@given(
    st.lists(
        st.tuples(st.sampled_from((*BOUNDS_MS, NO_BOUND_MS)), st.integers(1, 50)), min_size=1, max_size=9
    )
)
def test_times_grow_and_stay_within_what_was_counted(counts: list[tuple[int, int]]) -> None:
    """p50 ≤ p95 ≤ p99, none above the longest range."""
    times = times_of(counts)
    longest = max(up_to for up_to, _ in counts)

    assert times.p50 is not None
    assert times.p95 is not None
    assert times.p99 is not None
    assert 0 <= times.p50 <= times.p95 <= times.p99 <= min(longest, BOUNDS_MS[-1])


def test_forms_are_told_apart() -> None:
    """How many answers each gave, and how long they took."""
    found = times_by_form([AnswerCount("b", 50, 4), AnswerCount("a", 10, 1), AnswerCount("a", 25, 1)])

    assert [(form, answers) for form, answers, _ in found] == [("a", 2), ("b", 4)]
    assert found[0][2].p50 == 10
