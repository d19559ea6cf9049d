"""Retention: evidence may be kept longer and values shorter, never the other way."""

from datetime import UTC, datetime, timedelta

import pytest

from policies.errors import BadPeriod
from policies.retention import PERIODS, Bound, ErasureReason, held_until, periods_with


def test_what_is_kept_how_long():
    """Values not submitted go after a day, kept ones after three years; evidence stays so long, network logs six months."""
    days = {name: period.length / timedelta(days=1) for name, period in PERIODS.items()}

    assert days == {"drafts": 1, "consents": 1096, "log": 1096, "profile": 1096, "network_logs": 184}


@pytest.mark.parametrize("since", [datetime(2023, 3, 1, tzinfo=UTC), datetime(2024, 2, 29, tzinfo=UTC)])
def test_three_years_are_never_less(since):
    """Whatever leap day lies between, the same day three years on is still within."""
    anniversary = datetime(since.year + 3, 2, 28, tzinfo=UTC)

    assert PERIODS["log"].ends(since) >= anniversary


def test_a_record_is_due_at_the_end_itself():
    """The last moment is exclusive."""
    since = datetime(2026, 11, 21, tzinfo=UTC)
    drafts = PERIODS["drafts"]

    assert not drafts.is_over(since, since + timedelta(hours=24, microseconds=-1))
    assert drafts.is_over(since, since + timedelta(hours=24))


def test_lengths_can_be_set_within_their_bounds():
    """A city may purge drafts sooner and keep its log longer."""
    table = periods_with({"drafts": timedelta(hours=1), "log": timedelta(days=3650)})

    assert (table["drafts"].length, table["log"].length) == (timedelta(hours=1), timedelta(days=3650))
    assert table["consents"] == PERIODS["consents"]


@pytest.mark.parametrize(
    ("name", "length"),
    [
        ("drafts", timedelta(hours=25)),
        ("drafts", timedelta(0)),
        ("log", timedelta(days=1095)),
        ("network_logs", timedelta(days=30)),
    ],
)
def test_lengths_beyond_their_bounds_are_refused(name, length):
    """A setting that breaks the law is refused with the law's name."""
    with pytest.raises(BadPeriod, match=rf"{name}: kept at .* \(.+\), not"):
        periods_with({name: length})


def test_an_unknown_period_is_refused():
    """A misspelt setting does not pass for none."""
    with pytest.raises(BadPeriod, match="no retention period 'draft'"):
        periods_with({"draft": timedelta(hours=1)})


def test_every_period_cites_its_rule():
    """Each length has a law behind it and a direction."""
    assert all(period.citation and period.bound in Bound for period in PERIODS.values())


NEWEST = datetime(2026, 11, 21, tzinfo=UTC)


@pytest.mark.parametrize(
    ("reason", "is_held"),
    [
        (ErasureReason.person_request, True),
        (ErasureReason.retention_over, True),
        (ErasureReason.court_order, False),
        (ErasureReason.unlawful, False),
    ],
)
def test_only_some_reasons_go_before_the_law(reason, is_held):
    """A request waits three years from the newest record; so does who only says that they are over."""
    until = held_until(NEWEST, reason, NEWEST)

    assert until == (PERIODS["log"].ends(NEWEST) if is_held else None)


def test_what_was_held_is_free_on_the_day():
    """The last moment is exclusive, and the longest of the periods counts."""
    longer = periods_with({"consents": timedelta(days=2000)})
    until = NEWEST + timedelta(days=2000)
    before, then = until - timedelta(microseconds=1), until

    assert held_until(NEWEST, ErasureReason.person_request, before, longer) == until
    assert held_until(NEWEST, ErasureReason.person_request, then, longer) is None
