"""The record 一人一档/一企一档: what a person or organisation typed once and agreed to have kept for the next form.

Values of tier C, never above a register. The record lies in the service itself, sealed under each subject's key, so
there is nothing to connect to: the composition root hands over a `ProfileReader`. How what it gives becomes replies is
pure and stands in `profile_mapping`.
"""

import asyncio
from collections.abc import Sequence

from connectors.errors import BadConfiguration, SourceBroken, SourceTimeout
from connectors.kinds import profile_mapping as m
from connectors.load import load_schema
from connectors.protocol import Connector, Environment, Health, ProfileReader, Reply
from field_registry import Ask, Source, Subject, Tier

name = "profile"
config_schema = load_schema(name)


def build(source: Source, environment: Environment) -> Connector:
    """A connector to the record of this service. Raises `BadConfiguration`."""
    m.check_periods(source.config.get("kept", {}))
    if source.tier is not Tier.C:
        raise BadConfiguration(
            f"tier: a profile gives values of tier C, not {source.tier}; set `tier: C`, or a typed value would pass "
            "for a register's"
        )
    if environment.profile is None:
        raise BadConfiguration("this program keeps no profiles; only the service itself can ask this source")
    return ProfileConnector(source, environment.profile)


class ProfileConnector:
    """The record. See `connectors.protocol` for what every connector promises."""

    def __init__(self, source: Source, reader: ProfileReader) -> None:
        self._id, self._reader = source.id, reader
        self._closed = False

    def __repr__(self) -> str:
        """The source's id."""
        return f"ProfileConnector({self._id})"

    async def fetch(self, subject: Subject, asks: Sequence[Ask], deadline: float) -> Sequence[Reply]:
        """One reply per ask, in order. An expired or deleted value is as if it had never been given."""
        if self._closed:
            raise SourceBroken("the connector is closed")
        items = frozenset(ask.binding.attribute for ask in asks)
        try:
            async with asyncio.timeout_at(deadline):
                kept = await self._reader.held(subject, items)
        except TimeoutError:
            raise SourceTimeout("the record was not read before the deadline") from None
        return m.interpret(kept, asks)

    async def health(self) -> Health:
        """Well as long as the service is, until it is closed."""
        return Health(not self._closed, "closed" if self._closed else "")

    async def close(self) -> None:
        """Nothing is held."""
        self._closed = True
