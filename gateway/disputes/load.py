"""Reading the working calendar: what ships with the program, and what a deployment adds. A fault names its place."""

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from gateway.disputes.working_days import WorkingDays
from gateway.errors import BadSettings
from gateway.settings import Settings

SHIPPED = Path(__file__).parent / "data" / "working_days.yaml"
_LONGEST_STRETCH = 31


def calendar_of(settings: Settings) -> WorkingDays:
    """The calendar that deadlines are counted by; what `working_days_file` says of a year counts. Read once."""
    return _read_both(settings.working_days_file)


@lru_cache(maxsize=8)
def _read_both(added: Path | None) -> WorkingDays:
    shipped = read_calendar(SHIPPED)
    return shipped if added is None else shipped | read_calendar(added)


def read_calendar(path: Path) -> WorkingDays:
    """The calendar in a YAML file; raises `BadSettings` that says what is wrong in it and where."""
    try:
        document = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise BadSettings(
            [f"{path.name} cannot be read as YAML ({type(error).__name__}). Check it."]
        ) from error
    years = document.get("years") if isinstance(document, Mapping) else None
    if not isinstance(years, Mapping):
        raise BadSettings(
            [f"{path.name}: give `years`, a mapping of year to `notice`, `holidays` and `worked`."]
        )
    faults = [fault for year, told in years.items() for fault in _faults(path.name, year, told)]
    if faults:
        raise BadSettings(faults)
    return WorkingDays(
        off=frozenset(day for told in years.values() for day in _days_off(told)),
        on=frozenset(day for told in years.values() for day in told.get("worked", ())),
        years={year: told["notice"] for year, told in years.items()},
    )


def _days_off(told: Mapping[str, Any]) -> Iterator[date]:
    for first, last in told["holidays"].values():
        yield from (first + timedelta(days=number) for number in range((last - first).days + 1))


def _faults(name: str, year: Any, told: Any) -> Iterator[str]:
    at = f"{name}: years.{year}"
    if type(year) is not int or not isinstance(told, Mapping):
        yield f"{at}: a year is a number, e.g. 2027, with `notice`, `holidays` and `worked`."
        return
    if not isinstance(told.get("notice"), str):
        yield f"{at}.notice: name the notice that the days are from."
    off, on = told.get("holidays"), told.get("worked", [])
    if not isinstance(off, Mapping):
        yield f"{at}.holidays: give each holiday with its first and last day: 春节: [2026-02-15, 2026-02-23]."
        return
    for holiday, stretch in off.items():
        if not _is_stretch(stretch):
            yield f"{at}.holidays.{holiday}: give its first and its last day, at most {_LONGEST_STRETCH} days."
    if not isinstance(on, list) or not all(type(day) is date and day.weekday() > 4 for day in on):
        yield f"{at}.worked: list the Saturdays and Sundays that are worked, as dates."


def _is_stretch(stretch: Any) -> bool:
    if not isinstance(stretch, list) or len(stretch) != 2 or any(type(day) is not date for day in stretch):
        return False
    length: timedelta = stretch[1] - stretch[0]
    return timedelta(0) <= length < timedelta(days=_LONGEST_STRETCH)


AHEAD = timedelta(days=30)
"""How far ahead deadlines may lie; the notice for the next year usually comes in November."""


def calendar_warnings(settings: Settings, now: datetime) -> list[str]:
    """One sentence for every year that deadlines may fall into and of which no notice is known."""
    return [
        f"The working calendar knows no notice for {year}: deadlines of disputes count every Monday to Friday. Name a "
        "file with that year in working_days_file."
        for year in calendar_of(settings).unknown_years(now, ahead=AHEAD)
    ]
