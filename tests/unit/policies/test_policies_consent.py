"""C1 to C9: each test names its own reason, in a fixed order."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from policies.consent import ConsentState, Frequency, covers, names, stands, take
from policies.grounds import ReasonCode

NOW = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
TICK = timedelta(microseconds=1)
FAILURES: list[tuple[str, dict[str, Any], ReasonCode]] = [
    ("C1", {"subject_key": "key-of-spouse"}, ReasonCode.consent_other_subject),
    ("C2", {"purpose": "water.intake"}, ReasonCode.consent_other_purpose),
    ("C2 form", {"form": "another-form"}, ReasonCode.consent_other_purpose),
    ("C2 case", {"case_key": "key-of-another-case"}, ReasonCode.consent_other_case),
    ("C3", {"recipients": frozenset({"水利"})}, ReasonCode.consent_other_recipient),
    ("C4", {"state": ConsentState.withdrawn}, ReasonCode.consent_withdrawn),
    ("C5", {"not_before": timedelta(seconds=1)}, ReasonCode.consent_not_yet),
    ("C6", {"expires_at": timedelta(0)}, ReasonCode.consent_expired),
    ("C7", {"uses_left": 0}, ReasonCode.consent_used_up),
    (
        "C7 often",
        {"frequency": Frequency(1, timedelta(days=1), NOW - timedelta(hours=1), 1)},
        ReasonCode.consent_too_often,
    ),
    ("C8", {"permitted": frozenset()}, ReasonCode.item_not_covered),
    ("C9", {"denied": frozenset({"person.name"})}, ReasonCode.item_refused),
]


def at(make, failure: dict[str, Any]) -> dict[str, Any]:
    """The overrides with offsets turned into times."""
    return {key: make.now + each if isinstance(each, timedelta) else each for key, each in failure.items()}


def test_a_consent_that_fits_covers(make):
    """A given consent for this person, purpose, recipient and item lets the item be answered."""
    coverage = covers(make.consent(), make.ask(), make.request())

    assert (coverage.covers, coverage.reason) == (True, ReasonCode.allowed)


@pytest.mark.parametrize(("name", "failure", "reason"), FAILURES, ids=[each[0] for each in FAILURES])
def test_each_test_names_its_reason(make, name, failure, reason):
    """A consent that fails one test is refused for that test's reason."""
    coverage = covers(make.consent(**at(make, failure)), make.ask(), make.request())

    assert (coverage.covers, coverage.reason) == (False, reason)


@pytest.mark.parametrize("first", range(len(FAILURES) - 1), ids=[each[0] for each in FAILURES[:-1]])
def test_the_first_failing_test_is_the_reason(make, first):
    """When a test and the next both fail the earlier is named; only a refused item is told before an uncovered one."""
    failure = at(make, FAILURES[first + 1][1]) | at(make, FAILURES[first][1])

    coverage = covers(make.consent(**failure), make.ask(), make.request())

    expected = ReasonCode.item_refused if FAILURES[first][0] == "C8" else FAILURES[first][2]
    assert coverage.reason is expected


@pytest.mark.parametrize("state", ConsentState)
def test_only_given_and_renewed_release(make, state):
    """Of the ten states two release; each of the others has a reason."""
    coverage = stands(make.standing(state=state), make.now)

    assert coverage.covers is (state in {ConsentState.given, ConsentState.renewed})


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (ConsentState.requested, ReasonCode.consent_not_given),
        (ConsentState.deferred, ReasonCode.consent_not_given),
        (ConsentState.refused, ReasonCode.consent_refused),
        (ConsentState.paused, ReasonCode.consent_paused),
        (ConsentState.expired, ReasonCode.consent_expired),
        (ConsentState.terminated, ReasonCode.consent_ended),
        (ConsentState.invalidated, ReasonCode.consent_ended),
    ],
)
def test_a_state_that_does_not_release_says_why(make, state, reason):
    """The person reads what became of the consent, not just that it does not count."""
    coverage = stands(make.standing(state=state), make.now)

    assert coverage.reason is reason


def test_the_first_and_last_moment(make):
    """A consent holds from `not_before` on and no longer at `expires_at` itself."""
    standing = make.standing()
    tick = timedelta(microseconds=1)

    assert not stands(standing, standing.not_before - tick).covers
    assert stands(standing, standing.not_before).covers
    assert stands(standing, standing.expires_at - tick).covers
    assert not stands(standing, standing.expires_at).covers


@pytest.mark.parametrize(("uses_left", "expected"), [(None, True), (1, True), (0, False), (-1, False)])
def test_uses(make, uses_left, expected):
    """None is without limit; a consent without uses left releases nothing."""
    coverage = stands(make.standing(uses_left=uses_left), make.now)

    assert coverage.covers is expected


def test_uses_are_not_counted_twice(make):
    """The gate that comes after the use was taken does not ask for another one."""
    coverage = stands(make.standing(uses_left=0), make.now, count_uses=False)

    assert coverage.covers


def test_a_role_without_subject_is_another_subject(make):
    """A consent never covers a role whose subject is not known."""
    coverage = covers(make.consent(), make.ask(role="agent"), make.request())

    assert coverage.reason is ReasonCode.consent_other_subject


def test_a_consent_for_one_form_covers_that_form(make):
    """A consent that names the form covers it like one that names none."""
    coverage = covers(make.consent(form="vehicle-annual-review"), make.ask(), make.request())

    assert coverage.covers


@pytest.mark.parametrize(("asked", "covers_it"), [("key-1", True), ("key-2", False), (None, False)])
def test_a_consent_for_one_case_covers_that_case(make, asked, covers_it):
    """Another case, or none named, is not what was agreed to."""
    coverage = covers(make.consent(case_key="key-1"), make.ask(), make.request(case_key=asked))

    assert coverage.covers is covers_it


def test_a_consent_for_no_case_covers_any(make):
    """Naming a case takes nothing from a consent that names none."""
    assert covers(make.consent(), make.ask(), make.request(case_key="key-1")).covers


def test_an_item_that_has_changed_is_outdated(make):
    """Its own reason, after every other; an item refused, or not agreed to, is told first."""
    consent = make.consent(permitted=frozenset({"person.name", "person.phone"}))

    assert names(consent, "person.name", {"person.name"}).reason is ReasonCode.consent_outdated
    assert names(consent, "person.phone", {"person.name"}).covers
    assert names(consent, "person.sex", {"person.sex"}).reason is ReasonCode.item_not_covered


# ---------------------------------------------------------------- how often


def test_a_window_begins_with_its_first_use_and_ends_after_its_length(make):
    """Two a hour: the third waits until an hour after the first, to the microsecond; then the count begins anew."""
    standing = make.standing(frequency=Frequency(2, HOUR))
    first = take(standing, NOW)
    second = take(first, NOW + HOUR / 2)

    assert take(second, NOW + HOUR - TICK) is None
    assert stands(second, NOW + HOUR - TICK).reason is ReasonCode.consent_too_often
    assert stands(second, NOW + HOUR).covers
    third = take(second, NOW + HOUR)
    assert third.frequency == Frequency(2, HOUR, NOW + HOUR, 1)


def test_a_clock_that_is_set_back_permits_no_more(make):
    """Before the window began counts as inside it."""
    used_up = take(make.standing(frequency=Frequency(1, HOUR)), NOW)

    assert take(used_up, NOW - 5 * HOUR) is None
    assert not stands(used_up, NOW - 5 * HOUR).covers


def test_uses_and_frequency_count_together(make):
    """A use is taken of both, and either ends it."""
    standing = make.standing(uses_left=1, frequency=Frequency(5, HOUR))

    last = take(standing, NOW)

    assert (last.uses_left, last.frequency.used) == (0, 1)
    assert take(last, NOW) is None


def test_nothing_changes_where_nothing_counts(make):
    """A consent without limits is the same object after a use: there is nothing to write."""
    standing = make.standing()

    assert take(standing, NOW) is standing
