"""The places at a source: never more calls than it allows, in the order they came, and none is lost or made up."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.gather import Gatherer
from connectors.protocol import Found, Record, Reply
from field_registry import Ask, Binding, Item, Missing, Source, Subject, SubjectKind
from field_registry.items import Datatype

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NAME = Ask(
    Item("person.name", "", SubjectKind.person, Datatype.text, ""), Binding("person.name", "s", "/n"), "a"
)

steps = st.lists(
    st.one_of(
        st.just(("come", 0)),
        st.tuples(st.just("answer"), st.integers(0, 3)),
        st.tuples(st.just("break_off"), st.integers(0, 3)),
        st.tuples(st.just("leave"), st.integers(0, 7)),
        st.just(("wait", 0)),
    ),
    max_size=30,
)


class Town:
    """One source that answers when told, and those who ask it, each about somebody else."""

    def __init__(self, places: int) -> None:
        self.out: dict[str, asyncio.Event] = {}
        self.begun: list[str] = []
        self.broken: set[str] = set()
        self.most = 0
        self.callers: dict[str, asyncio.Task[Any]] = {}
        source = Source("s", "", "", "x", max_concurrent=places)
        self.gatherer = Gatherer({"s": source}, {"s": self})

    async def fetch(self, subject: Subject, asks: Sequence[Ask], deadline: float) -> Sequence[Reply]:
        """An answer, once told to."""
        self.begun.append(subject.id_no)
        gate = self.out[subject.id_no] = asyncio.Event()
        self.most = max(self.most, len(self.out))
        try:
            await gate.wait()
        finally:
            del self.out[subject.id_no]
        if subject.id_no in self.broken:
            raise asyncio.CancelledError  # the oddest way for a connector to end
        return [Found(subject.id_no, Record())] * len(asks)

    async def health(self) -> Any:
        """Not asked."""

    async def close(self) -> None:
        """Nothing held."""

    async def come(self) -> None:
        """One more caller."""
        who = Subject(SubjectKind.person, "111", f"person-{len(self.callers)}")
        deadline = asyncio.get_running_loop().time() + 60
        call = self.gatherer.gather({("s", who): [NAME]}, deadline, NOW)
        self.callers[who.id_no] = asyncio.create_task(call)

    def answer(self, place: int) -> None:
        """Let one of those that are out be answered."""
        for gate in list(self.out.values())[place : place + 1]:
            gate.set()

    def break_off(self, place: int) -> None:
        """Let one of those that are out end without an answer."""
        self.broken.update(list(self.out)[place : place + 1])
        self.answer(place)

    def leave(self, place: int) -> None:
        """One of the callers goes away, whether its call is out, queues or has not begun."""
        for caller in [each for each in self.callers.values() if not each.done()][place : place + 1]:
            caller.cancel()


async def settle() -> None:
    """Whatever can happen by itself has happened."""
    for _ in range(12):
        await asyncio.sleep(0)


async def play(script: Sequence[tuple[str, int]], places: int) -> Town:
    """The town after that script, with nobody left who waits or is asked for."""
    town = Town(places)
    for what, which in script:
        if what == "come":
            await town.come()
        elif what == "wait":
            await settle()
        else:
            getattr(town, what)(which)
    for _ in range(len(script) + 1):
        await settle()
        for gate in town.out.values():
            gate.set()
    await settle()
    return town


@given(steps, st.integers(1, 3))
@settings(max_examples=150, deadline=None)
def test_places_are_kept_whoever_comes_and_goes(script: list[tuple[str, int]], places: int) -> None:
    """At no time more are out than allowed; who stays is answered, in turn; afterwards all places are free."""

    async def run() -> None:
        town = await play(script, places)
        stayed = [who for who, caller in town.callers.items() if not caller.cancelled()]
        answered = [
            reply.raw
            for who in stayed
            for replies in town.callers[who].result().values()
            for reply in replies
            if not isinstance(reply, Missing)
        ]

        assert answered == [who for who in stayed if who not in town.broken]
        assert town.most <= places
        assert town.begun == sorted(town.begun, key=list(town.callers).index)

        for _ in range(places + 1):
            await town.come()
        await settle()
        assert len(town.out) == places
        await town.gatherer.close()
        await asyncio.gather(*town.callers.values(), return_exceptions=True)

    asyncio.run(run())
