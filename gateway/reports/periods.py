"""Periods of reports: days of China's calendar, and of which months and days a period is made. Pure."""

from datetime import UTC, date, datetime, time, timedelta, timezone

from gateway.records import Stretch

CHINA = timezone(timedelta(hours=8))
"""China Standard Time: one zone for the whole country, and no summer time since 1991."""
DAY, MONTH = "d", "m"
_FIRST, _LAST = 0, 10**8


def day_of(moment: datetime) -> date:
    """The day in China on which that moment lies.

    >>> day_of(datetime(2026, 11, 30, 16, 0, tzinfo=UTC))
    datetime.date(2026, 12, 1)
    """
    return moment.astimezone(CHINA).date()


def begins(day: date) -> datetime:
    """When that day begins in China, in UTC."""
    return datetime.combine(day, time(), CHINA).astimezone(UTC)


def number_of(day: date, grain: str) -> int:
    """How a cell's start is kept: 20261121 for a day, 20261100 for its month."""
    return day.year * 10_000 + day.month * 100 + (day.day if grain == DAY else 0)


def stretches(since: date | None, until: date | None) -> list[Stretch]:
    """The cells whose sum is that period: whole months in the middle, days at its edges.

    `since` is inclusive, `until` is not; None is without bound. Never overlapping; none for an empty period.

    >>> stretches(date(2026, 1, 30), date(2026, 3, 1))
    [Stretch(grain='d', begin=20260130, end=20260200), Stretch(grain='m', begin=20260200, end=20260300)]
    """
    if since is not None and until is not None and since >= until:
        return []
    first = None if since is None else _month_from(since)
    last = None if until is None else until.replace(day=1)
    if first is not None and last is not None and first > last:  # both edges lie in one month
        return [Stretch(DAY, _number(since), _number(until))]
    found: list[Stretch] = []
    if since is not None and since != first:
        found.append(Stretch(DAY, _number(since), _month(first)))
    if first is None or last is None or first < last:
        found.append(
            Stretch(
                MONTH, _FIRST if first is None else _month(first), _LAST if last is None else _month(last)
            )
        )
    if until is not None and until != last:
        found.append(Stretch(DAY, _month(last), _number(until)))
    return found


def days_only(since: date | None, until: date | None) -> list[Stretch]:
    """The same period of days alone, for what is told day by day."""
    begin = _FIRST if since is None else _number(since)
    end = _LAST if until is None else _number(until)
    return [Stretch(DAY, begin, end)] if begin < end else []


def is_whole_months(since: date | None, until: date | None) -> bool:
    """Whether the period begins and ends with a month."""
    return all(each is None or each.day == 1 for each in (since, until))


def _month_from(day: date) -> date:
    """The first day of the first month that begins on that day or later."""
    return day if day.day == 1 else (day.replace(day=1) + timedelta(days=32)).replace(day=1)


def _number(day: date | None) -> int:
    assert day is not None
    return number_of(day, DAY)


def _month(day: date | None) -> int:
    assert day is not None
    return number_of(day, MONTH)
