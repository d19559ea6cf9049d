"""Intents without an outcome are closed as unknown, once, and only when no request can still be at work."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from itertools import count
from typing import Any

import orjson
import pytest

from gateway.audit.entries import make_entry
from gateway.audit.log import AuditLog
from gateway.records import Entry, EntryKind, GateRequest, GateWrite
from gateway.resolution.lost import LOST_AFTER, LostIntents
from gateway.runtime import Runtime
from gateway.security import new_reference

FORM = {"form": ["f", 1], "subjects": {"applicant": "sub_1"}, "purpose": "p", "asks": []}


@pytest.fixture
def logged(runtime: Runtime) -> Runtime:
    """With gates that really write."""
    return replace(runtime, ledger=AuditLog(runtime.store.gates, runtime.telemetry))


async def note(runtime: Runtime, bench: Any, kind: EntryKind, request: str, ago: timedelta) -> Entry:
    """An entry of that request, so long ago."""
    at = bench.now - ago
    entry = make_entry(new_reference("aud", at), kind, at, caller="hall", request=request, facts=FORM)
    await runtime.store.gates.commit([GateRequest((), lambda _: GateWrite(entry, None))])
    return entry


async def outcomes(runtime: Runtime, request: str) -> list[dict[str, Any]]:
    """What the outcomes of a request tell."""
    entries = await runtime.store.entries.find(request=request, after="", limit=100)
    return [orjson.loads(entry.leaf) for entry in entries if entry.kind is EntryKind.outcome]


async def test_a_lost_intent_is_closed_as_unknown(bench: Any, logged: Runtime) -> None:
    """With what the intent said of form and subjects, so that it shows wherever those are looked for."""
    intent = await note(logged, bench, EntryKind.intent, "res_1", timedelta(minutes=5))

    assert await LostIntents().close(logged) == 1

    (told,) = await outcomes(logged, "res_1")
    assert (told["result"], told["intent"], told["fields"]) == ("unknown", intent.id, {})
    assert (told["form"], told["subjects"]) == (["f", 1], {"applicant": "sub_1"})
    assert "asks" not in told


async def test_it_is_closed_once(bench: Any, logged: Runtime) -> None:
    """By whichever process looks, however often."""
    await note(logged, bench, EntryKind.intent, "res_1", timedelta(minutes=5))
    here, elsewhere = LostIntents(), LostIntents()

    await asyncio.gather(*(each.close(logged) for each in (here, elsewhere)))
    assert await here.close(logged) == 0
    assert len(await outcomes(logged, "res_1")) == 1


@pytest.mark.parametrize(
    ("ago", "closed"), [(LOST_AFTER, 0), (LOST_AFTER + timedelta(seconds=1), 1), (timedelta(hours=23), 1)]
)
async def test_only_what_cannot_be_at_work_any_more(
    bench: Any, logged: Runtime, ago: timedelta, closed: int
) -> None:
    """A request may take a minute, and its answer is not given up before."""
    await note(logged, bench, EntryKind.intent, "res_1", ago)

    assert await LostIntents().close(logged) == closed


async def test_an_intent_with_an_outcome_is_left_alone(bench: Any, logged: Runtime) -> None:
    """Of two requests only the one that was lost is closed."""
    await note(logged, bench, EntryKind.intent, "res_1", timedelta(minutes=5))
    await note(logged, bench, EntryKind.outcome, "res_1", timedelta(minutes=5))
    await note(logged, bench, EntryKind.intent, "res_2", timedelta(minutes=5))

    assert await LostIntents().close(logged) == 1
    assert len(await outcomes(logged, "res_1")) == 1
    assert [told["result"] for told in await outcomes(logged, "res_2")] == ["unknown"]


async def test_later_rounds_look_at_what_is_new(bench: Any, logged: Runtime) -> None:
    """An intent that is lost after the first look is found by the next."""
    lost = LostIntents()
    assert await lost.close(logged) == 0
    await note(logged, bench, EntryKind.intent, "res_1", timedelta(minutes=2))

    assert await lost.close(logged) == 1


async def test_what_a_long_outage_left_behind_is_closed(bench: Any, logged: Runtime) -> None:
    """However old, within a round after the start; then it is never looked at again."""
    for days in (2, 5, 40, 900):
        await note(logged, bench, EntryKind.intent, f"res_{days}", timedelta(days=days))
    lost = LostIntents(steady=lambda: 0.0)

    closed = [await lost.close(logged) for _ in range(3)]

    assert closed == [4, 0, 0]
    for days in (2, 5, 40, 900):
        assert [told["result"] for told in await outcomes(logged, f"res_{days}")] == ["unknown"]


async def test_an_answer_that_was_only_late_stands_beside(bench: Any, logged: Runtime) -> None:
    """Taken for lost while it was still at work: both outcomes stay in the log."""
    await note(logged, bench, EntryKind.intent, "res_1", timedelta(minutes=5))
    await LostIntents().close(logged)
    await note(logged, bench, EntryKind.outcome, "res_1", timedelta(0))

    assert len(await outcomes(logged, "res_1")) == 2
    assert await LostIntents().close(logged) == 0


async def test_looking_back_takes_no_more_than_its_time(bench: Any, logged: Runtime) -> None:
    """A day at a time, the newest first, as long as a round may; the next round goes on where it ended."""
    for days in (2, 5, 40):
        await note(logged, bench, EntryKind.intent, f"res_{days}", timedelta(days=days))
    seconds = count(step=0.6)
    lost = LostIntents(steady=lambda: next(seconds))

    closed = [await lost.close(logged) for _ in range(45)]

    assert [number for number in closed if number] == [1, 1, 1]
    assert closed[0] == 1


async def test_more_than_a_round_may_close_are_closed_by_the_next(bench: Any, logged: Runtime) -> None:
    """However many were lost in one day: none is passed over."""
    for number in range(700):
        await note(logged, bench, EntryKind.intent, f"res_{number}", timedelta(days=3, seconds=number))
    lost = LostIntents(steady=lambda: 0.0)

    closed = [await lost.close(logged) for _ in range(4)]

    assert (sum(closed), closed[2:]) == (700, [0, 0])
