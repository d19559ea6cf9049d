"""The pure half of `profile`: kept values → replies, each with the day it was given."""

from collections.abc import Mapping, Sequence
from datetime import timedelta, timezone

from connectors import mapping as m
from connectors.errors import BadConfiguration
from connectors.protocol import Found, Record, Remembered, Reply
from field_registry import Ask
from field_registry.located import parse_duration

_CHINA = timezone(timedelta(hours=8))


def check_periods(kept: Mapping[str, str]) -> None:
    """Raises `BadConfiguration` when a period cannot be read."""
    for item, period in kept.items():
        try:
            parse_duration(period)
        except ValueError:
            raise BadConfiguration(
                f"config.kept.{item}: how long it is kept is a duration such as 365d"
            ) from None


def interpret(kept: Sequence[Remembered] | None, asks: Sequence[Ask]) -> Sequence[Reply]:
    """One reply per ask. `kept`: None for a subject without any record. A binding's attribute is the item's id."""
    if kept is None:
        return m.every(asks, m.NOT_FOUND)
    by_item = {each.item: each for each in kept}
    return [_reply(by_item.get(ask.binding.attribute)) for ask in asks]


def _reply(remembered: Remembered | None) -> Reply:
    if remembered is None or m.is_empty(remembered.value):
        return m.EMPTY
    given_on = remembered.given_at.astimezone(_CHINA).date().isoformat()
    return Found(remembered.value, Record(None, given_on))
