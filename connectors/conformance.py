"""The suite that every kind of connector must pass; a stranger inherits it in the tests of their own package.

`ConnectorShape` is the first half: it needs no real source. `ConnectorConformance` adds the second: it needs a source
with one known subject. Tests are plain functions that run their own event loop, so that they pass or fail the same
under any pytest configuration.

    class TestMyKind(ConnectorConformance):
        kind = my_kind
        config = {"address": "${place}"}

        @asynccontextmanager
        async def world(self):
            async with my_source() as place:
                yield World(...)
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from jsonschema import Draft202012Validator

from connectors.errors import BadConfiguration, ConnectorError, SourceBroken, SourceFault, SourceTimeout
from connectors.protocol import Connector, Environment, Found, Health, Kind, Reply
from connectors.registry import build_connector_of
from field_registry import Ask, Binding, Item, Missing, OutcomeCode, Source, Subject, SubjectKind
from field_registry.items import Datatype

SECONDS_TO_GIVE_UP = 10.0
"""A connector that has not come back by then hangs."""


@dataclass(frozen=True, slots=True)
class World:
    """A source with somebody in it, as the second half asks it.

    `asks`: about `known`, at least one, each with a value; `expected`: their raw values, in order. `absent`: an ask
    about `known` that the record has nothing for.
    """

    source: Source
    environment: Environment
    known: Subject
    unknown: Subject
    asks: Sequence[Ask]
    expected: Sequence[object]
    absent: Ask = field(repr=False)


class ConnectorShape:
    """The first half: schema, build, close, health. Set `kind` and `config`; override the rest where it must differ."""

    kind: ClassVar[Kind]
    config: ClassVar[Mapping[str, Any]]
    """A configuration that builds; nothing needs to answer there."""
    bad_configs: ClassVar[Sequence[Mapping[str, Any]]] = ({"no_such_key": 1}, {})

    def environment(self) -> Environment:
        """What the connector may use of the world."""
        return Environment(
            secrets={"secret": "s3cret-of-the-source"},
            clock=lambda: datetime(2026, 1, 1, tzinfo=UTC),
            places={"place": "http://127.0.0.1:9"},
            allow_private_addresses=True,
        )

    def source(self) -> Source:
        """The source that `config` configures."""
        return Source("conformance", "", "", self.kind.name, config=self.config, timeout=timedelta(seconds=1))

    def test_the_schema_is_json_schema(self) -> None:
        """`config_schema` is valid JSON Schema 2020-12 and takes the good configuration."""
        Draft202012Validator.check_schema(self.kind.config_schema)
        assert isinstance(self.kind.name, str)
        assert self.kind.name

    def test_junk_is_refused(self) -> None:
        """A configuration that cannot be used is refused when the connector is built, not when a person waits."""
        for config in self.bad_configs:
            source = Source("conformance", "", "", self.kind.name, config=config)
            refusal = self._refusal(source)

            assert refusal is not None, f"a configuration with the keys {sorted(config)} was taken"
            assert source.id in refusal, "the message must name the source"

    def test_building_needs_no_event_loop(self) -> None:
        """Building opens nothing: it works before there is an event loop, and twice."""
        for connector in (self._build(), self._build()):
            asyncio.run(connector.close())

    def test_closing_twice_is_harmless(self) -> None:
        """Closing an unused connector works, and again."""

        async def close_twice() -> None:
            connector = self._build()
            await connector.close()
            await connector.close()

        asyncio.run(close_twice())

    def test_a_closed_connector_says_so(self) -> None:
        """`fetch` after `close` raises `SourceBroken`."""

        async def fetch() -> None:
            connector = self._build()
            await connector.close()
            await _fetch(connector, *_anybody())

        fault = _fault_of(fetch)

        assert isinstance(fault, SourceBroken)

    def test_health_never_raises(self) -> None:
        """`health` answers, whatever is at the other end, before and after closing."""

        async def look() -> tuple[Health, Health]:
            connector = self._build()
            try:
                before = await asyncio.wait_for(connector.health(), SECONDS_TO_GIVE_UP)
            finally:
                await connector.close()
            return before, await asyncio.wait_for(connector.health(), SECONDS_TO_GIVE_UP)

        for health in asyncio.run(look()):
            assert isinstance(health, Health)

    def test_the_connector_shows_no_secret(self) -> None:
        """The connector's repr holds no secret."""
        connector = self._build()
        shown = repr(connector)
        asyncio.run(connector.close())

        assert [secret for secret in self.environment().secrets.values() if secret in shown] == []

    def _refusal(self, source: Source) -> str | None:
        try:
            build_connector_of(self.kind, source, self.environment())
        except BadConfiguration as error:
            return str(error)
        return None

    def _build(self) -> Connector:
        return build_connector_of(self.kind, self.source(), self.environment())


class ConnectorConformance(ConnectorShape):
    """Both halves. Override `world`."""

    def world(self) -> AbstractAsyncContextManager[World]:
        """A running source; an async context manager, entered anew for each test."""
        raise NotImplementedError("override `world`: it starts a source and yields a World")

    def test_one_reply_per_ask_in_order(self) -> None:
        """Every ask gets its own value, in whatever order they are asked."""

        async def ask(connector: Connector, world: World) -> tuple[Sequence[Reply], Sequence[Reply]]:
            straight = await _fetch(connector, world.known, world.asks)
            return straight, await _fetch(connector, world.known, list(reversed(world.asks)))

        straight, backwards = self._run(ask)
        expected = asyncio.run(self._expected())

        assert [_raw(reply) for reply in straight] == expected
        assert [_raw(reply) for reply in reversed(backwards)] == expected

    def test_an_unknown_subject_is_not_found(self) -> None:
        """A subject without a record is `not_found` for every ask."""

        async def ask(connector: Connector, world: World) -> Sequence[Reply]:
            return await _fetch(connector, world.unknown, [*world.asks, world.absent])

        replies = self._run(ask)

        assert {_reason(reply) for reply in replies} == {OutcomeCode.not_found}

    def test_an_absent_attribute_costs_itself_only(self) -> None:
        """An attribute the record lacks is `empty_at_source`; its neighbours have their values."""

        async def ask(connector: Connector, world: World) -> Sequence[Reply]:
            return await _fetch(connector, world.known, [world.absent, *world.asks])

        absent, *others = self._run(ask)

        assert _reason(absent) is OutcomeCode.empty_at_source
        assert all(isinstance(reply, Found) for reply in others)

    def test_a_deadline_in_the_past_does_not_hang(self) -> None:
        """With no time left the connector comes back at once: `SourceTimeout`, or replies it had at hand."""

        async def ask(connector: Connector, world: World) -> tuple[float, list[str]]:
            loop = asyncio.get_running_loop()
            begun, leaks = loop.time(), []
            call = connector.fetch(world.known, world.asks, begun - 1)
            try:
                await asyncio.wait_for(call, SECONDS_TO_GIVE_UP)
            except SourceTimeout as fault:
                leaks = _leaks(fault, world)
            return loop.time() - begun, leaks

        seconds, leaks = self._run(ask)

        assert seconds < 1.0
        assert leaks == []

    def test_concurrent_calls_do_not_mix(self) -> None:
        """Many calls at once about two subjects: each gets its own subject's replies."""

        async def ask(connector: Connector, world: World) -> list[Sequence[Reply]]:
            subjects = [world.known, world.unknown] * 8
            return await asyncio.gather(*(_fetch(connector, subject, world.asks) for subject in subjects))

        results = self._run(ask)
        expected = asyncio.run(self._expected())

        assert [[_raw(reply) for reply in replies] for replies in results[::2]] == [expected] * 8
        assert {_reason(reply) for replies in results[1::2] for reply in replies} == {OutcomeCode.not_found}

    def test_health_is_good_while_the_source_runs(self) -> None:
        """A source that answers is healthy, and its `detail` names nobody."""

        async def look(connector: Connector, world: World) -> tuple[Health, bool]:
            health = await asyncio.wait_for(connector.health(), SECONDS_TO_GIVE_UP)
            return health, world.known.id_no in health.detail

        health, names_somebody = self._run(look)

        assert health.ok, health.detail
        assert not names_somebody

    def test_nothing_personal_is_shown(self) -> None:
        """Neither replies nor the fault of a closed connector show an identifier or a value."""

        async def ask(connector: Connector, world: World) -> list[str]:
            shown = repr(await _fetch(connector, world.known, world.asks))
            await connector.close()
            try:
                await _fetch(connector, world.known, world.asks)
            except ConnectorError as fault:
                return _leaks(fault, world) + [text for text in _texts(world) if text in shown]
            raise AssertionError("a closed connector answered")

        assert self._run(ask) == []

    def _run(self, act: Any) -> Any:
        async def run() -> Any:
            async with self.world() as world:
                connector = build_connector_of(self.kind, world.source, world.environment)
                try:
                    return await act(connector, world)
                finally:
                    await connector.close()

        return asyncio.run(run())

    async def _expected(self) -> list[object]:
        async with self.world() as world:
            return list(world.expected)


async def _fetch(connector: Connector, subject: Subject, asks: Sequence[Ask]) -> Sequence[Reply]:
    """The replies, one per ask, within the time any source in a test may take."""
    until = asyncio.get_running_loop().time() + SECONDS_TO_GIVE_UP
    replies = await connector.fetch(subject, asks, until)
    assert len(replies) == len(asks)
    return replies


def _anybody() -> tuple[Subject, list[Ask]]:
    subject = Subject(SubjectKind.person, "111", "nobody")
    item = Item("person.name", "", SubjectKind.person, Datatype.name, "")
    return subject, [Ask(item, Binding(item.id, "conformance", "/name"), "applicant")]


def _fault_of(act: Any) -> SourceFault | None:
    try:
        asyncio.run(act())
    except SourceFault as fault:
        return fault
    return None


def _raw(reply: Reply) -> object:
    return reply.raw if isinstance(reply, Found) else reply.reason


def _reason(reply: Reply) -> OutcomeCode | None:
    return reply.reason if isinstance(reply, Missing) else None


def _texts(world: World) -> list[str]:
    """What must not be shown: the identifier, and every value long enough not to occur by chance."""
    return [world.known.id_no, *(text for text in world.expected if isinstance(text, str) and len(text) > 1)]


def _leaks(error: BaseException | None, world: World) -> list[str]:
    """The personal texts that an exception shows, or one that it carries along."""
    found: list[str] = []
    while error is not None:
        found += [text for text in _texts(world) if text in f"{error} {error!r}"]
        error = error.__cause__ or error.__context__
    return found
