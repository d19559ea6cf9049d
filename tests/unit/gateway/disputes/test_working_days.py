"""The working calendar: what the notices of 2025 and 2026 say, and counting with it."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.disputes.load import SHIPPED, calendar_of, calendar_warnings, read_calendar
from gateway.disputes.working_days import (
    WorkingDays,
    add_working_days,
    day_in_china,
    subtract_working_days,
    working_days_between,
)
from gateway.errors import BadSettings
from gateway.settings import Settings

CALENDAR = read_calendar(SHIPPED)
DAYS = st.dates(date(2025, 1, 1), date(2026, 12, 1))


@pytest.mark.parametrize(
    ("begun", "count", "expected"),
    [
        (date(2026, 11, 20), 1, date(2026, 11, 23)),  # over a weekend
        (date(2026, 11, 18), 0, date(2026, 11, 18)),
        (date(2026, 2, 13), 1, date(2026, 2, 14)),  # the Saturday before Spring Festival is worked
        (date(2026, 2, 14), 1, date(2026, 2, 24)),  # nine days off
        (date(2026, 2, 27), 1, date(2026, 2, 28)),  # and a Saturday to make up for them
        (date(2026, 9, 30), 3, date(2026, 10, 10)),  # National Day, and Saturday the 10th
        (date(2026, 1, 2), 1, date(2026, 1, 4)),  # a Sunday that is worked
        (date(2025, 1, 24), 3, date(2025, 2, 5)),  # Sunday the 26th, Monday the 27th, then the festival
        (date(2025, 9, 26), 3, date(2025, 9, 30)),  # Sunday the 28th is worked
        (date(2025, 12, 31), 1, date(2026, 1, 4)),  # from one year into the next
    ],
)
def test_counting_over_holidays(begun: date, count: int, expected: date) -> None:
    """Spring Festival, National Day and the days that make up for them."""
    assert add_working_days(begun, count, CALENDAR) == expected


@pytest.mark.parametrize(("year", "days"), [(2025, 248), (2026, 248)])
def test_a_year_has_its_working_days(year: int, days: int) -> None:
    """As many as the notice leaves."""
    found = working_days_between(date(year - 1, 12, 31), date(year, 12, 31), CALENDAR)

    assert found == days


def test_every_year_names_its_notice() -> None:
    """Who doubts a day can look it up."""
    assert sorted(CALENDAR.years) == [2025, 2026]
    assert all("国务院办公厅" in notice and str(year) in notice for year, notice in CALENDAR.years.items())


def test_worked_weekends_are_weekends_and_holidays_have_weekdays() -> None:
    """The data says nothing that the weekday says already."""
    assert all(day.weekday() > 4 for day in CALENDAR.on)
    assert CALENDAR.on.isdisjoint(CALENDAR.off)


@given(DAYS, st.integers(0, 40))
def test_adding_and_counting_agree(day: date, count: int) -> None:
    """The n-th working day after a day is a working day, and n of them lie between."""
    reached = add_working_days(day, count, CALENDAR)

    assert working_days_between(day, reached, CALENDAR) == count
    assert count == 0 or CALENDAR.is_working(reached)


@given(DAYS, st.integers(1, 40))
def test_subtracting_undoes_adding(day: date, count: int) -> None:
    """From a working day n back and n forth is where one was."""
    start = add_working_days(day, 1, CALENDAR)
    back = subtract_working_days(start, count, CALENDAR)

    assert add_working_days(back, count, CALENDAR) == start


def test_a_year_without_a_notice_is_monday_to_friday() -> None:
    """It is counted all the same, and said."""
    new_year = date(2030, 10, 1)

    assert CALENDAR.is_working(new_year)
    assert CALENDAR.unknown_years(datetime(2026, 12, 20, tzinfo=UTC), ahead=timedelta(days=30)) == (2027,)
    assert CALENDAR.unknown_years(datetime(2026, 11, 20, tzinfo=UTC), ahead=timedelta(days=30)) == ()


def test_the_day_is_where_the_offices_are() -> None:
    """Late on Friday in UTC is Saturday in China."""
    assert day_in_china(datetime(2026, 11, 20, 17, tzinfo=UTC)) == date(2026, 11, 21)


@pytest.mark.parametrize("count", [-1, 401])
def test_nobody_counts_so_far(count: int) -> None:
    """A limit that cannot be meant is refused."""
    with pytest.raises(ValueError, match="working days"):
        add_working_days(date(2026, 1, 1), count, CALENDAR)


def test_a_deployment_adds_a_year(tmp_path: Path) -> None:
    """Its own file wins for the years it knows, and no others."""
    added = tmp_path / "2027.yaml"
    added.write_text(
        "years:\n  2027:\n    notice: 国务院办公厅关于2027年部分节假日安排的通知\n"
        "    holidays:\n      元旦: [2027-01-01, 2027-01-03]\n    worked: [2027-01-09]\n",
        "utf-8",
    )
    settings = Settings(state_dir=tmp_path, working_days_file=added)
    late = datetime(2026, 12, 20, tzinfo=UTC)

    calendar = calendar_of(settings)

    assert not calendar.is_working(date(2027, 1, 1))
    assert calendar.is_working(date(2027, 1, 9))
    assert not calendar.is_working(date(2026, 2, 17))
    assert calendar_warnings(settings, late) == []
    assert "2027" in calendar_warnings(Settings(state_dir=tmp_path), late)[0]


def test_what_a_file_says_of_a_year_replaces_it_whole() -> None:
    """A day that is off in the shipped calendar is worked where the deployment's own says nothing of it."""
    own = WorkingDays(off=frozenset({date(2026, 3, 2)}), years={2026: "own"})

    both = CALENDAR | own

    assert both.is_working(date(2026, 2, 17))
    assert not both.is_working(date(2026, 3, 2))
    assert both.years[2025] == CALENDAR.years[2025]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("years: [1]", "give `years`"),
        ("a: [", "cannot be read as YAML"),
        ("years: {next: {notice: n, holidays: {}}}", "a year is a number"),
        ("years: {2027: {holidays: {}}}", "years.2027.notice"),
        ("years: {2027: {notice: n}}", "years.2027.holidays"),
        ("years: {2027: {notice: n, holidays: {春节: 2027-02-05}}}", "its first and its last day"),
        (
            "years: {2027: {notice: n, holidays: {春节: [2027-02-05, 2027-02-01]}}}",
            "its first and its last day",
        ),
        ("years: {2027: {notice: n, holidays: {}, worked: [2027-02-05]}}", "Saturdays and Sundays"),
    ],
)
def test_a_fault_names_its_place(tmp_path: Path, text: str, said: str) -> None:
    """What, where, and how it should be."""
    file = tmp_path / "days.yaml"
    file.write_text(text, "utf-8")

    with pytest.raises(BadSettings, match=said) as caught:
        read_calendar(file)

    assert "days.yaml" in str(caught.value)
