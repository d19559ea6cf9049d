"""Maintenance windows, in the local time of the offices that announce them."""

from datetime import UTC, datetime, time

import pytest

from connectors.maintenance import in_maintenance
from field_registry.sources import MaintenanceWindow as Window


def china(day: int, hour: int, minute: int = 0) -> datetime:
    """That moment of January 2026 in China, as UTC. The 5th is a Monday."""
    return datetime(2026, 1, day, (hour - 8) % 24, minute, tzinfo=UTC).replace(
        day=day if hour >= 8 else day - 1
    )


ONCE = Window(start=china(5, 8), end=china(6, 8))
NOON = Window(daily_from=time(12), daily_to=time(13))
NIGHT = Window(daily_from=time(22), daily_to=time(2))
SUNDAY_NIGHT = Window(daily_from=time(22), daily_to=time(2), weekdays=frozenset({6}))
SUNDAYS = Window(weekdays=frozenset({6}))
EVENINGS = Window(daily_from=time(18))


@pytest.mark.parametrize(
    ("window", "at", "holds"),
    [
        (ONCE, china(5, 8), True),
        (ONCE, china(6, 8), False),
        (ONCE, china(4, 23), False),
        (Window(start=china(5, 8)), china(25, 8), True),
        (Window(), china(5, 8), False),
        (NOON, china(5, 12), True),
        (NOON, china(5, 13), False),
        (NOON, china(5, 11, 59), False),
        (NIGHT, china(5, 23), True),
        (NIGHT, china(6, 1, 59), True),
        (NIGHT, china(6, 2), False),
        (NIGHT, china(6, 12), False),
        (SUNDAY_NIGHT, china(4, 23), True),
        (SUNDAY_NIGHT, china(5, 1), True),
        (SUNDAY_NIGHT, china(4, 1), False),
        (SUNDAY_NIGHT, china(5, 23), False),
        (SUNDAYS, china(4, 0), True),
        (SUNDAYS, china(5, 0), False),
        (EVENINGS, china(5, 23, 59), True),
        (EVENINGS, china(5, 17), False),
    ],
)
def test_a_window_holds_when_it_says(window: Window, at: datetime, holds: bool) -> None:
    """Starts are inclusive, ends exclusive; a night belongs to the day it began on."""
    assert in_maintenance([window], at) is holds


def test_any_window_is_enough() -> None:
    """No window never holds; one of several is enough."""
    assert not in_maintenance([], china(5, 12))
    assert in_maintenance([SUNDAYS, NOON], china(5, 12))
