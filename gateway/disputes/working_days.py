"""Working days of Chinese offices: which they are, and counting with them. Pure.

Where nothing is known of a year, Monday to Friday are worked: a deadline then comes early rather than late for who
waits, and `unknown_years` says so to who serves.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone

CHINA = timezone(timedelta(hours=8))
_DAY = timedelta(days=1)
_FRIDAY = 4
_MOST_DAYS = 400


@dataclass(frozen=True, slots=True)
class WorkingDays:
    """The days that are not as their weekday says. `years`: those known, with the notice that says so."""

    off: frozenset[date] = frozenset()
    on: frozenset[date] = frozenset()
    years: Mapping[int, str] = field(default_factory=dict)

    def is_working(self, day: date) -> bool:
        """Whether offices work on that day.

        >>> WorkingDays(off=frozenset({date(2026, 2, 17)})).is_working(date(2026, 2, 17))
        False
        """
        return day in self.on or (day.weekday() <= _FRIDAY and day not in self.off)

    def unknown_years(self, now: datetime, *, ahead: timedelta) -> tuple[int, ...]:
        """The years from now until then of which no notice is known."""
        years = range(day_in_china(now).year, day_in_china(now + ahead).year + 1)
        return tuple(year for year in years if year not in self.years)

    def is_assumed(self, first: date, last: date) -> bool:
        """Whether a day between these two, both with it, falls into a year of which no notice is known.

        A deadline counted over such days may move when the notice comes.
        """
        return any(year not in self.years for year in range(first.year, last.year + 1))

    def __or__(self, other: "WorkingDays") -> "WorkingDays":
        """Both; of a year that both know, what the other says counts."""
        mine = [day for day in self.off if day.year not in other.years]
        worked = [day for day in self.on if day.year not in other.years]
        return WorkingDays(other.off.union(mine), other.on.union(worked), {**self.years, **other.years})


def add_working_days(day: date, count: int, calendar: WorkingDays) -> date:
    """The `count`-th working day after `day`, which itself does not count; `day` for none. At most 400.

    >>> add_working_days(date(2026, 11, 20), 1, WorkingDays())  # a Friday
    datetime.date(2026, 11, 23)
    """
    return _walk(day, count, _DAY, calendar)


def subtract_working_days(day: date, count: int, calendar: WorkingDays) -> date:
    """The `count`-th working day before `day`, which itself does not count; `day` for none. At most 400."""
    return _walk(day, count, -_DAY, calendar)


def working_days_between(first: date, last: date, calendar: WorkingDays) -> int:
    """How many working days come after `first`, up to and with `last`; 0 when none does."""
    days = (first + _DAY * number for number in range(1, (last - first).days + 1))
    return sum(calendar.is_working(day) for day in days)


def day_in_china(moment: datetime) -> date:
    """The calendar day of an aware time where the offices are."""
    return moment.astimezone(CHINA).date()


def _walk(day: date, count: int, step: timedelta, calendar: WorkingDays) -> date:
    if not 0 <= count <= _MOST_DAYS:
        raise ValueError(f"{count} working days: give 0 to {_MOST_DAYS}")
    while count:
        day += step
        count -= calendar.is_working(day)
    return day
