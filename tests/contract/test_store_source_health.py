"""One suite for every store: how sources did and how long answers took, added up by day."""

import asyncio
from datetime import date, timedelta

from gateway.records import NO_BOUND_MS, AnswerCount, CallCount
from gateway.store import Database, SqlStore

DAY = date(2026, 11, 21)
NEXT = DAY + timedelta(days=1)
FILLED = CallCount("civil", "filled", 100, 3)


async def test_what_workers_add_comes_back_as_one_sum(store) -> None:
    """Two workers counted the same: the reader sees both together, each outcome and time apart."""
    late = CallCount("civil", "timeout", NO_BOUND_MS, 1)
    await store.source_health.add(DAY, [FILLED, late], [])
    await store.source_health.add(DAY, [FILLED], [])

    assert await store.source_health.calls(DAY, NEXT) == [CallCount("civil", "filled", 100, 6), late]


async def test_days_are_summed_up_to_the_last_which_is_excluded(store) -> None:
    """A period is from its first day to before its last one."""
    for number in range(4):
        await store.source_health.add(DAY + timedelta(days=number), [FILLED], [AnswerCount("f", 50, 1)])

    read = await store.source_health.calls(NEXT, NEXT + timedelta(days=2))
    answers = await store.source_health.answers(NEXT, NEXT + timedelta(days=2), after="", limit=5)

    assert [each.count for each in read] == [6]
    assert answers == [AnswerCount("f", 50, 2)]


async def test_an_empty_period_holds_nothing(store) -> None:
    """What begins where it ends has no days."""
    await store.source_health.add(DAY, [FILLED], [AnswerCount("f", 50, 1)])

    assert await store.source_health.calls(DAY, DAY) == []
    assert await store.source_health.answers(DAY, DAY, after="", limit=5) == []


async def test_forms_are_paged_whole(store) -> None:
    """All times of a form come on one page, however many; the next page begins after it."""
    counts = [AnswerCount(form, up_to, 1) for form in ("a", "b", "c") for up_to in (5, 10, 25)]
    await store.source_health.add(DAY, [], list(reversed(counts)))

    first = await store.source_health.answers(DAY, NEXT, after="", limit=2)
    second = await store.source_health.answers(DAY, NEXT, after=first[-1].form, limit=2)

    assert [*first, *second] == counts
    assert len(first) == 6


async def test_a_cursor_that_was_never_given_out_finds_nothing(store) -> None:
    """It does not break the statement for others either."""
    await store.source_health.add(DAY, [], [AnswerCount("f", 50, 1)])

    assert await store.source_health.answers(DAY, NEXT, after="\x00", limit=5) == []


async def test_many_workers_add_at_once(store) -> None:
    """No addition is lost, and none waits for another in a circle, in whatever order each counted."""
    forward = [CallCount(f"s{number}", "filled", 5, 1) for number in range(20)]

    await asyncio.gather(
        *(store.source_health.add(DAY, forward[:: 1 if even else -1], []) for even in (0, 1) * 5)
    )

    assert [each.count for each in await store.source_health.calls(DAY, NEXT)] == [10] * 20


async def test_counts_are_larger_than_a_database_integer(store) -> None:
    """A province's year fits."""
    await store.source_health.add(DAY, [CallCount("civil", "filled", 5, 2**40)], [])

    assert (await store.source_health.calls(DAY, NEXT))[0].count == 2**40


async def test_the_purge_forgets_earlier_days_only(store) -> None:
    """Strictly before the day it is given; how many rows, is told."""
    for number in range(3):
        await store.source_health.add(DAY + timedelta(days=number), [FILLED], [AnswerCount("f", 50, 1)])

    assert await store.source_health.purge(NEXT + timedelta(days=1)) == 4
    assert await store.source_health.purge(NEXT + timedelta(days=1)) == 0
    assert (await store.source_health.calls(DAY, DAY + timedelta(days=9)))[0].count == 3


async def test_two_processes_share_the_counts(database_url: str) -> None:
    """They are in the database, not in a worker: whoever opens it anew reads what others added."""
    first, second = SqlStore(Database(database_url)), SqlStore(Database(database_url))
    await first.source_health.add(DAY, [FILLED], [])
    await second.source_health.add(DAY, [FILLED], [])

    read = await first.source_health.calls(DAY, NEXT)
    await first.close()
    await second.close()

    assert [each.count for each in read] == [6]
