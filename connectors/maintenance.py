"""Maintenance windows: when a source has announced that it is not to be asked. Pure.

Offices announce times of day in China Standard Time, which has had no daylight saving since 1991; a fixed offset
therefore says the same as the zone database and needs none.
"""

from collections.abc import Iterable
from datetime import datetime, time, timedelta, timezone

from field_registry.sources import MaintenanceWindow

CHINA = timezone(timedelta(hours=8), "CST")
"""Asia/Shanghai as it stands since 1991."""


def in_maintenance(windows: Iterable[MaintenanceWindow], now: datetime) -> bool:
    """Whether any window holds at `now` (aware). Starts are inclusive, ends exclusive."""
    return any(_holds(window, now) for window in windows)


def _holds(window: MaintenanceWindow, now: datetime) -> bool:
    if window.start is not None and now < window.start:
        return False
    if window.end is not None and now >= window.end:
        return False
    if window.daily_from is None and window.daily_to is None and not window.weekdays:
        return (
            window.start is not None or window.end is not None
        )  # a window without any bound is a slip, not for ever
    return _holds_daily(window, now.astimezone(CHINA))


def _holds_daily(window: MaintenanceWindow, local: datetime) -> bool:
    """A missing time is the day's own end; a window that passes midnight belongs to the day it began on."""
    begin, end = window.daily_from or time.min, window.daily_to
    at = local.timetz().replace(tzinfo=None)
    if end is None or begin < end:
        return begin <= at and (end is None or at < end) and _on(window, local)
    if at >= begin:
        return _on(window, local)
    return at < end and _on(window, local - timedelta(days=1))


def _on(window: MaintenanceWindow, day: datetime) -> bool:
    return not window.weekdays or day.weekday() in window.weekdays
