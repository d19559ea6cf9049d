"""The suite that ships notices connectors that break their promises: a suite that passes all proves nothing."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

from connectors.conformance import ConnectorConformance, World
from connectors.errors import SourceBroken, SourceTimeout
from connectors.mapping import EMPTY, NOT_FOUND
from connectors.protocol import Environment, Found, Health, Record, Reply
from field_registry import Ask, Binding, Item, Source, Subject, SubjectKind
from field_registry.items import Datatype

KNOWN = Subject(SubjectKind.person, "111", "35058219910603996X")
VALUES = {"name": "陈小满", "sex": "女性"}


class Honest:
    """Keeps every promise, about one person."""

    def __init__(self, source: Source, environment: Environment) -> None:
        self.closed = False

    async def fetch(self, subject: Subject, asks: Sequence[Ask], deadline: float) -> Sequence[Reply]:
        """From memory."""
        if self.closed:
            raise SourceBroken("closed")
        if deadline < asyncio.get_running_loop().time():
            raise SourceTimeout("late")
        return self.reply(subject, asks)

    def reply(self, subject: Subject, asks: Sequence[Ask]) -> Sequence[Reply]:
        """One per ask."""
        if subject != KNOWN:
            return [NOT_FOUND] * len(asks)
        found = [VALUES.get(each.binding.attribute) for each in asks]
        return [EMPTY if raw is None else Found(raw, Record()) for raw in found]

    async def health(self) -> Health:
        """Well."""
        return Health(True)

    async def close(self) -> None:
        """Noted."""
        self.closed = True


class LosesOrder(Honest):
    """Answers in the order of its own record."""

    def reply(self, subject: Subject, asks: Sequence[Ask]) -> Sequence[Reply]:
        """Sorted."""
        return super().reply(subject, sorted(asks, key=lambda each: each.item.id))


class DropsAbsent(Honest):
    """Leaves out what it has nothing for."""

    def reply(self, subject: Subject, asks: Sequence[Ask]) -> Sequence[Reply]:
        """Too few."""
        return [reply for reply in super().reply(subject, asks) if reply is not EMPTY]


class KnowsEverybody(Honest):
    """Answers about the one person, whoever is asked for."""

    def reply(self, subject: Subject, asks: Sequence[Ask]) -> Sequence[Reply]:
        """The wrong person."""
        return super().reply(KNOWN, asks)


class AnswersWhenClosed(Honest):
    """Cannot be closed."""

    async def close(self) -> None:
        """Nothing."""


class Talks(Honest):
    """Names the person in its fault."""

    async def fetch(self, subject: Subject, asks: Sequence[Ask], deadline: float) -> Sequence[Reply]:
        """With the number in the message."""
        if self.closed:
            raise SourceBroken(f"closed while asking for {subject.id_no}")
        return await super().fetch(subject, asks, deadline)


class SickAtHealth(Honest):
    """Raises where it must not."""

    async def health(self) -> Health:
        """Never returns."""
        raise ConnectionError


def ask(attribute: str) -> Ask:
    """An ask of the known person."""
    item = Item(f"person.{attribute}", "", SubjectKind.person, Datatype.text, "")
    return Ask(item, Binding(item.id, "x", attribute), "applicant")


def suite_of(connector: Any) -> ConnectorConformance:
    """The suite for a kind that builds that connector."""

    class Suite(ConnectorConformance):
        kind: ClassVar[Any] = SimpleNamespace(
            name="odd", config_schema={"type": "object", "required": ["a"]}, build=connector
        )
        config: ClassVar = {"a": 1}
        bad_configs: ClassVar = ({},)

        @asynccontextmanager
        async def world(self) -> AsyncIterator[World]:
            """In memory."""
            unknown = Subject(SubjectKind.person, "111", "350582198802159987")
            asks, expected = [ask("name"), ask("sex")], list(VALUES.values())
            yield World(self.source(), self.environment(), KNOWN, unknown, asks, expected, ask("nothing"))

    return Suite()


TESTS = [name for name in dir(ConnectorConformance) if name.startswith("test_")]


def failing(connector: Any) -> set[str]:
    """The tests of the suite that this connector fails."""
    found = set()
    for name in TESTS:
        try:
            getattr(suite_of(connector), name)()
        except (AssertionError, ConnectionError):
            found.add(name)
    return found


def test_an_honest_connector_passes() -> None:
    """All of it."""
    assert len(TESTS) == 14
    assert failing(Honest) == set()


@pytest.mark.parametrize(
    ("connector", "test"),
    [
        (LosesOrder, "test_one_reply_per_ask_in_order"),
        (DropsAbsent, "test_an_absent_attribute_costs_itself_only"),
        (KnowsEverybody, "test_an_unknown_subject_is_not_found"),
        (AnswersWhenClosed, "test_a_closed_connector_says_so"),
        (Talks, "test_nothing_personal_is_shown"),
        (SickAtHealth, "test_health_never_raises"),
    ],
)
def test_a_broken_promise_is_caught(connector: Any, test: str) -> None:
    """By the test that names it."""
    assert test in failing(connector)
