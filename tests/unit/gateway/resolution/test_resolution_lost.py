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


def later(runtime: Runtime, bench: Any, by: timedelta) -> Runtime:
    """The same, when that much time is over."""
    return replace(runtime, clock=lambda: bench.now + by)


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
    await note(logged, bench, EntryKind.intent, "res_1", timedelta(seconds=50))

    assert await lost.close(later(logged, bench, timedelta(seconds=30))) == 1


async def test_a_slow_clock_hides_nothing_for_long(bench: Any, logged: Runtime) -> None:
    """An intent that comes with a time that was looked through already is found within ten minutes."""
    lost = LostIntents()
    await lost.close(logged)
    await note(logged, bench, EntryKind.intent, "res_1", timedelta(seconds=170))

    closed = [
        await lost.close(later(logged, bench, timedelta(seconds=seconds))) for seconds in range(30, 631, 30)
    ]

    assert (sum(closed), closed[-2]) == (1, 1)


async def test_a_clock_put_back_hides_nothing(bench: Any, logged: Runtime) -> None:
    """What is written by the earlier time is looked at as it grows old."""
    lost = LostIntents()
    await lost.close(later(logged, bench, timedelta(hours=3)))
    await note(logged, bench, EntryKind.intent, "res_1", timedelta(minutes=50))

    assert await lost.close(later(logged, bench, timedelta(seconds=15))) == 1


async def test_an_entry_is_not_read_with_every_round(
    bench: Any, logged: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In half an hour of rounds a moment is read less than three times."""
    ids: list[tuple[str, str]] = []
    ask = logged.store.entries.without_outcome

    async def asked(*, after: str, until: str, **others: Any) -> Any:
        ids.append((after, until))
        return await ask(after=after, until=until, **others)

    monkeypatch.setattr(logged.store.entries, "without_outcome", asked)
    lost = LostIntents()
    for seconds in range(0, 1800, 30):
        await lost.close(later(logged, bench, timedelta(seconds=seconds)))

    of_a_minute_each = [
        new_reference("aud", bench.now + timedelta(minutes=minutes, seconds=17)) for minutes in range(20)
    ]
    read = [sum(after < each < until for after, until in ids) for each in of_a_minute_each]
    assert min(read) >= 1
    assert sum(read) / len(read) < 3


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
