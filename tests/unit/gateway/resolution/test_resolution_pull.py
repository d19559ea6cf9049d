"""Pulling: one call per source and subject, for what was allowed and nothing else."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from connectors.protocol import Found, Health, Record, Reply
from field_registry import Ask, Missing, OutcomeCode, Subject
from forms.definition import Field
from gateway.resolution.asking import Replies
from gateway.resolution.pipeline import SourcePool, pull
from gateway.runtime import Runtime
from policies import Decision, ReasonCode

NAME = Field("name", "姓名", item="person.name")
SEX = Field("sex", "性别", item="person.sex")
SPOUSE_NAME = Field("spouse.name", "配偶", "spouse", "person.name")
SPOUSE_SEX = Field("spouse.sex", "配偶性别", "spouse", "person.sex")


class Asked:
    """A source that answers each ask with its item and subject, and remembers its calls; may take its time."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.calls: list[tuple[str, list[str]]] = []
        self._seconds = seconds

    async def fetch(self, subject: Subject, asks: Sequence[Ask], deadline: float) -> Sequence[Reply]:
        """One reply per ask."""
        self.calls.append((subject.id_no, [ask.item.id for ask in asks]))
        await asyncio.sleep(self._seconds)
        return [Found(f"{ask.item.id} of {subject.id_no}", Record()) for ask in asks]

    async def health(self) -> Health:
        """Well."""
        return Health(ok=True)

    async def close(self) -> None:
        """Nothing held."""


@pytest.fixture
def civil() -> Asked:
    """The only source that answers here."""
    return Asked()


def by_place(plan: Any, replies: Replies) -> dict[int, Reply]:
    """The replies to what was asked, by the ask's place in the plan."""
    said = zip(plan.asking.calls, replies, strict=True)
    by_call = [zip(call.places, each, strict=True) for call, each in said]
    return {place: reply for call in by_call for place, reply in call if reply is not None}


async def pulled(
    bench: Any, runtime: Runtime, source: Asked, plan: Any, *, patience: float = 5.0, **decide: Any
) -> dict[int, Reply]:
    """The replies, by the ask's place in the plan."""
    runtime = replace(runtime, sources=SourcePool(plan.compiled.registry.sources, {"civil": source}))
    deadline = asyncio.get_running_loop().time() + patience
    try:
        return by_place(plan, await pull(plan, bench.decisions(plan, **decide), deadline, bench.now, runtime))
    finally:
        await runtime.sources.close()


def of_civil(plan: Any, replies: dict[int, Reply]) -> dict[tuple[str, str], object]:
    """What the register said, by role and item."""
    return {
        (ask.role, ask.item.id): reply.raw if isinstance(reply, Found) else reply.reason
        for place, reply in replies.items()
        if (ask := plan.asks[place]).binding.source == "civil"
    }


async def test_two_roles_of_one_person_are_one_call(bench: Any, runtime: Runtime, civil: Asked) -> None:
    """Who is applicant and spouse at once is looked up once, each item once, and both roles get their answers."""
    form = bench.form(NAME, SEX, SPOUSE_NAME, SPOUSE_SEX)
    plan = bench.plan(form, subjects={"applicant": bench.ann, "spouse": bench.ann})
    ann = bench.ann["id_no"]

    replies = await pulled(bench, runtime, civil, plan)

    assert civil.calls == [(ann, ["person.name", "person.sex"])]
    assert of_civil(plan, replies) == {
        (role, item): f"{item} of {ann}"
        for role in ("applicant", "spouse")
        for item in ("person.name", "person.sex")
    }


async def test_two_persons_are_two_calls(bench: Any, runtime: Runtime, civil: Asked) -> None:
    """Each call is about one subject, and each role gets its own subject's answers."""
    plan = bench.plan(bench.form(SEX, SPOUSE_SEX), subjects={"applicant": bench.ann, "spouse": bench.bob})

    replies = await pulled(bench, runtime, civil, plan)

    assert sorted(civil.calls) == sorted(
        [(bench.ann["id_no"], ["person.sex"]), (bench.bob["id_no"], ["person.sex"])]
    )
    assert of_civil(plan, replies)["spouse", "person.sex"] == f"person.sex of {bench.bob['id_no']}"


async def test_what_was_refused_is_not_pulled(bench: Any, runtime: Runtime, civil: Asked) -> None:
    """A refused ask has no reply, and its item does not even stand in the call."""
    plan = bench.plan(bench.form(NAME, SEX))

    replies = await pulled(bench, runtime, civil, plan, refused={"person.name": ReasonCode.no_consent})

    assert civil.calls == [(bench.ann["id_no"], ["person.sex"])]
    assert [plan.asks[place].item.id for place in replies] == ["person.sex"]


async def test_nothing_allowed_is_nobody_asked(bench: Any, runtime: Runtime, civil: Asked) -> None:
    """Without a ground for anything no source hears of the request."""
    plan = bench.plan(bench.form(SEX))

    assert await pulled(bench, runtime, civil, plan, refused={"person.sex": ReasonCode.no_rule}) == {}
    assert civil.calls == []


async def test_every_allowed_ask_has_a_reply(bench: Any, runtime: Runtime, civil: Asked) -> None:
    """Sources that are not configured answer too: with a reason."""
    plan = bench.plan(bench.form(NAME))

    replies = await pulled(bench, runtime, civil, plan)

    assert len(replies) == len(plan.asks) == 3
    assert [reply.reason for reply in replies.values() if isinstance(reply, Missing)] == [
        OutcomeCode.source_error,
        OutcomeCode.source_error,
    ]


async def test_patience_ends_the_wait(bench: Any, runtime: Runtime) -> None:
    """A source that is late is a `timeout`; nobody waits longer than the caller wants to."""
    plan = bench.plan(bench.form(SEX))
    begun = asyncio.get_running_loop().time()

    replies = await pulled(bench, runtime, Asked(seconds=30), plan, patience=0.02)

    assert of_civil(plan, replies) == {("applicant", "person.sex"): OutcomeCode.timeout}
    assert asyncio.get_running_loop().time() - begun < 1.0


async def test_what_the_gate_took_away_is_not_pulled(bench: Any, runtime: Runtime, civil: Asked) -> None:
    """The decisions after the first gate count, not those before it."""
    plan = bench.plan(bench.form(SEX))
    narrowed = (Decision(False, "R-010", ReasonCode.consent_withdrawn),)
    runtime = replace(runtime, sources=SourcePool(plan.compiled.registry.sources, {"civil": civil}))

    assert by_place(plan, await pull(plan, narrowed, 1e9, bench.now, runtime)) == {}
    assert civil.calls == []
