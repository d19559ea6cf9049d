"""`gather` is total: a reply for each ask whatever subset of sources fails, and the order of replies changes nothing."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from connectors.errors import SourceBroken, SourceDenied, SourceTimeout
from connectors.gather import Gatherer
from connectors.protocol import Found, Record, Reply
from field_registry import Ask, Binding, Item, Missing, OutcomeCode, Source, Subject, SubjectKind
from field_registry.items import Datatype

NOW = datetime(2026, 1, 1, tzinfo=UTC)
BEHAVIOURS = (
    "answer", "slow", "timeout", "broken", "denied", "defect", "cancelled", "short", "junk", "hang", "missing",
)  # fmt: skip


class Behaving:
    """A connector that behaves as it is told, after a pause."""

    def __init__(self, behaviour: str, pause: float) -> None:
        self.behaviour, self.pause = behaviour, pause

    async def fetch(self, subject: Subject, asks: Sequence[Ask], deadline: float) -> Any:
        """As told."""
        if self.pause:
            await asyncio.sleep(self.pause)
        faults = {
            "timeout": SourceTimeout("x"),
            "broken": SourceBroken("x"),
            "denied": SourceDenied("x"),
            "defect": ZeroDivisionError(),
            "cancelled": asyncio.CancelledError(),
        }
        if self.behaviour in faults:
            raise faults[self.behaviour]
        if self.behaviour == "hang":
            await asyncio.sleep(60)
        answers: list[Reply] = [Found((subject.id_no, each.item.id), Record()) for each in asks]
        others = {
            "short": answers[1:],
            "junk": "junk",
            "missing": [Missing(OutcomeCode.not_found)] * len(asks),
        }
        return others.get(self.behaviour, answers)

    async def health(self) -> Any:
        """Not asked."""

    async def close(self) -> None:
        """Nothing held."""


def subject(number: int) -> Subject:
    """One of some people."""
    return Subject(SubjectKind.person, "111", f"person-{number}")


def ask(who: Subject, item: int, role: int) -> Ask:
    """One of some items."""
    made = Item(f"person.i{item}", "", SubjectKind.person, Datatype.text, "")
    return Ask(made, Binding(made.id, "s", f"/i{item}"), f"role{role}")


plans = st.dictionaries(
    st.tuples(st.integers(0, 5), st.integers(0, 2)),
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 1)), max_size=6),
    max_size=8,
)
worlds = st.lists(st.sampled_from(BEHAVIOURS), min_size=5, max_size=5)
pauses = st.lists(st.sampled_from([0.0, 0.001, 0.002]), min_size=5, max_size=5)


def resolve(plan: Any, behaviours: Sequence[str], waits: Sequence[float]) -> dict[Any, Any]:
    """Gather that plan; source 5 is not configured."""
    asks_by = {
        (f"s{place}", subject(number)): [ask(subject(number), item, role) for item, role in wanted]
        for (place, number), wanted in plan.items()
    }

    async def run() -> dict[Any, Any]:
        sources = {
            f"s{place}": Source(
                f"s{place}", "", "", "x", timeout=timedelta(seconds=0.02), failures_to_open=99
            )
            for place in range(6)
        }
        connectors = {
            f"s{place}": Behaving(kind, wait)
            for place, (kind, wait) in enumerate(zip(behaviours, waits, strict=True))
        }
        gatherer = Gatherer(sources, connectors)
        try:
            return await gatherer.gather(asks_by, asyncio.get_running_loop().time() + 1, NOW)
        finally:
            await gatherer.close()

    with capture_logs():
        results = asyncio.run(run())
    assert list(results) == list(asks_by)
    assert [len(replies) for replies in results.values()] == [len(asks) for asks in asks_by.values()]
    return results


@given(plans, worlds, pauses)
@settings(max_examples=40)
def test_every_ask_gets_its_own_reply_or_a_reason(
    plan: Any, behaviours: list[str], waits: list[float]
) -> None:
    """Whatever each source does, each ask has one reply, and a value is the asked subject's own."""
    for (place, number), replies in resolve(plan, behaviours, waits).items():
        behaviour = (behaviours + ["none"])[int(place[1:])]
        wanted = plan[int(place[1:]), int(number.id_no[7:])]
        for reply, (item, _) in zip(replies, wanted, strict=True):
            if behaviour in ("answer", "slow"):
                assert isinstance(reply, Found)
                assert reply.raw == (number.id_no, f"person.i{item}")
            else:
                assert isinstance(reply, Missing)


@given(plans, worlds, pauses, pauses)
@settings(max_examples=25)
def test_the_order_of_replies_changes_nothing(
    plan: Any, behaviours: list[str], first: Any, second: Any
) -> None:
    """Sources that answer sooner or later give the same results."""
    assert resolve(plan, behaviours, first) == resolve(plan, behaviours, second)


@given(plans, worlds, st.sets(st.integers(0, 4)))
@settings(max_examples=25)
def test_a_failing_source_takes_nothing_from_another(
    plan: Any, behaviours: list[str], down: set[int]
) -> None:
    """With any subset of sources broken, the others' replies are what they were."""
    whole = resolve(plan, behaviours, [0.0] * 5)
    broken = ["broken" if place in down else kind for place, kind in enumerate(behaviours)]
    part = resolve(plan, broken, [0.0] * 5)

    assert {key: replies for key, replies in part.items() if int(key[0][1:]) not in down} == {
        key: replies for key, replies in whole.items() if int(key[0][1:]) not in down
    }
