"""When people come to the hall: the busy hours of a month, and how many stand at the counters in each. Pure."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import Any

from gateway.demo.facts import weighted

CHINA = timezone(timedelta(hours=8))
"""The hall's clock on the wall."""

DAYS = 28
"""Of a month here: four whole weeks, which the reports' usual thirty days hold."""

_FILE = Path(__file__).parent / "data" / "traffic.json"
_LATEST_MINUTE = 25  # whoever comes in an hour has left before the next begins


@dataclass(frozen=True, slots=True)
class Moment:
    """An hour in which people come. `at`: when they arrive, UTC; `people`: how many, at least one."""

    at: datetime
    people: int

    @property
    def local(self) -> datetime:
        """By the hall's clock."""
        return self.at.astimezone(CHINA)


@dataclass(frozen=True, slots=True)
class Outage:
    """A register that fails from one hour to another, in the hall's time; it may be days later."""

    source: str
    fault: str
    begins: datetime
    ends: datetime

    def covers(self, moment: Moment) -> bool:
        """Whether it fails at that moment."""
        return self.begins <= moment.at < self.ends


@lru_cache(maxsize=1)
def load_traffic() -> Mapping[str, Any]:
    """The parameters of traffic that ship with the product."""
    content: Mapping[str, Any] = json.loads(_FILE.read_text(encoding="utf-8"))
    return content


def month_until(day: date) -> date:
    """The first of the days that end the day before that one.

    >>> month_until(date(2026, 10, 29))
    datetime.date(2026, 10, 1)
    """
    return day - timedelta(days=DAYS)


def arrivals(first: date, applications: int, random: Random) -> list[Moment]:
    """The moments of the month from that day on at which altogether so many people come, in order of time."""
    hours = dict(_weights(first))
    wanted = max(1, round(applications / load_traffic()["people_at_once"]))
    chosen = _without_repeating(hours, min(wanted, len(hours), applications), random)
    people = dict.fromkeys(chosen, 1)
    busy = {hour: hours[hour] for hour in chosen}
    for hour in random.choices(list(busy), weights=list(busy.values()), k=applications - len(chosen)):
        people[hour] += 1
    return [
        Moment((hour + timedelta(minutes=random.randint(0, _LATEST_MINUTE))).astimezone(UTC), people[hour])
        for hour in sorted(people)
    ]


def outages(first: date) -> list[Outage]:
    """What fails in the month that begins on that day."""
    return [
        Outage(
            each["source"],
            each["fault"],
            _hour(first, each["day"], each["from_hour"]),
            _hour(first, each["day"] + each["days"] - 1, each["to_hour"]),
        )
        for each in load_traffic()["outages"]
    ]


def is_after_hours(moment: Moment) -> bool:
    """Whether the counters are closed: in the evening, at noon and on Sundays."""
    local = moment.local
    return local.weekday() == 6 or local.hour in (12, 13) or local.hour >= 18


def _weights(first: date) -> Iterator[tuple[datetime, float]]:
    """Every hour of the month in which anybody comes, with how likely that is."""
    traffic = load_traffic()
    for number in range(1, DAYS + 1):
        for hour, weight in traffic["hours"].items():
            at = _hour(first, number, int(hour))
            yield at, weight * traffic["weekdays"][at.weekday()]


def _without_repeating(weights: Mapping[datetime, float], number: int, random: Random) -> Sequence[datetime]:
    left = dict(weights)
    return [_taken(left, random) for _ in range(number)]


def _taken(left: dict[datetime, float], random: Random) -> datetime:
    chosen = weighted(random, left)
    del left[chosen]
    return chosen


def _hour(first: date, number: int, hour: int) -> datetime:
    """That hour of the month's day of that number, from 1."""
    day = first + timedelta(days=number - 1)
    return datetime(day.year, day.month, day.day, hour, tzinfo=CHINA)
