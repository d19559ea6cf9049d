"""The connector kind `profile`: what a reader remembers becomes replies, and what cannot be is refused when it is built."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.errors import BadConfiguration, SourceBroken, SourceTimeout
from connectors.kinds import profile, profile_mapping
from connectors.protocol import Environment, Found, ProfileReader, Remembered
from connectors.registry import build_connector, names
from field_registry import Ask, Binding, Item, Missing, OutcomeCode, Source, Subject, SubjectKind, Tier
from field_registry.items import Datatype

ANN = Subject(SubjectKind.person, "111", "35058219910603996X")
EVENING = datetime(2026, 3, 1, 20, 0, tzinfo=UTC)
"""The second of March in China."""


def ask(item: str) -> Ask:
    """An ask for that item of hers."""
    made = Item(item, item, SubjectKind.person, Datatype.text, "数据管理")
    return Ask(made, Binding(item, "profile", item), "applicant")


class Reader:
    """Remembers these; with `fault`, or slower than anybody waits."""

    def __init__(self, *kept: Remembered, fault: Exception | None = None, seconds: float = 0) -> None:
        self.kept, self.fault, self.seconds = kept, fault, seconds
        self.asked: list[frozenset[str]] = []

    async def held(self, subject: Subject, items: frozenset[str]) -> tuple[Remembered, ...] | None:
        self.asked.append(items)
        await asyncio.sleep(self.seconds)
        if self.fault:
            raise self.fault
        return self.kept


def environment(reader: ProfileReader | None) -> Environment:
    """What a connector may use of the world, with that record."""
    return Environment({}, lambda: EVENING, {}, profile=reader)


def source(**changes: Any) -> Source:
    """A record as a registry configures it."""
    return Source(
        **{"id": "profile", "name": "", "department": "", "connector": "profile", "tier": Tier.C, **changes}
    )


async def fetch(reader: Reader, *items: str, seconds: float = 5) -> Any:
    """What the record says to these asks."""
    connector = build_connector(source(), environment(reader))
    deadline = asyncio.get_running_loop().time() + seconds
    return await connector.fetch(ANN, [ask(item) for item in items], deadline)


def test_the_kind_is_built_in() -> None:
    """It is listed like any other kind."""
    assert "profile" in names()


async def test_a_kept_value_says_when_it_was_given() -> None:
    """The value comes as it is kept, recorded on the day in China that it was given on."""
    [reply] = await fetch(Reader(Remembered("person.phone", "13800138000", EVENING)), "person.phone")

    assert isinstance(reply, Found)
    assert (reply.raw, reply.record.recorded_at, reply.record.echo) == ("13800138000", "2026-03-02", None)


async def test_each_value_has_its_own_day() -> None:
    """Values given at different times do not share a date."""
    older = Remembered("person.email", "a@example.com", datetime(2025, 1, 1, tzinfo=UTC))
    replies = await fetch(
        Reader(Remembered("person.phone", "1", EVENING), older), "person.email", "person.phone"
    )

    assert [reply.record.recorded_at for reply in replies] == ["2025-01-01", "2026-03-02"]


@pytest.mark.parametrize(("value", "is_answer"), [(False, True), (0, True), ("", False), (None, False)])
def test_no_and_zero_are_answers(value: object, is_answer: bool) -> None:
    """What is blank counts as not kept; a plain no does not."""
    [reply] = profile_mapping.interpret([Remembered("x.y", value, EVENING)], [ask("x.y")])

    assert isinstance(reply, Found) is is_answer


async def test_only_what_is_asked_for_is_opened() -> None:
    """The reader is told which items are wanted, so that it opens no others."""
    reader = Reader()
    await fetch(reader, "person.phone", "person.email")

    assert reader.asked == [frozenset({"person.phone", "person.email"})]


async def test_a_slow_record_is_a_timeout() -> None:
    """A record that cannot be read by the deadline costs its own fields, no more."""
    with pytest.raises(SourceTimeout):
        await fetch(Reader(seconds=30), "person.phone", seconds=0.05)


async def test_a_fault_of_the_reader_is_passed_on() -> None:
    """What the service cannot read is a source that is broken, as `gather` expects it."""
    with pytest.raises(SourceBroken):
        await fetch(Reader(fault=SourceBroken("no database")), "person.phone")


@pytest.mark.parametrize("tier", [Tier.A, Tier.B, Tier.D])
def test_a_record_of_another_tier_is_refused(tier: Tier) -> None:
    """A typed value must never pass for a register's: any tier but C is refused when the source is built."""
    with pytest.raises(BadConfiguration, match="tier C"):
        build_connector(source(tier=tier), environment(Reader()))


def test_a_program_without_a_record_says_so() -> None:
    """Where nothing is kept the source is not usable, and the message says why."""
    with pytest.raises(BadConfiguration, match="keeps no profiles"):
        build_connector(source(), environment(None))


def test_nothing_personal_stands_in_a_repr() -> None:
    """Neither a remembered value nor the connector shows what is kept."""
    kept = Remembered("person.phone", "13800138000", EVENING)

    assert "138" not in repr([kept, profile.ProfileConnector(source(), Reader(kept))])


async def test_nobody_and_nothing_are_told_apart() -> None:
    """A subject without a record is not found; one whose record lacks the item has nothing of it."""
    [nobody] = profile_mapping.interpret(None, [ask("person.phone")])
    [nothing] = await fetch(Reader(), "person.phone")

    assert nobody == Missing(OutcomeCode.not_found)
    assert nothing == Missing(OutcomeCode.empty_at_source)
