"""Batches: many callers share a round trip, and none is lost, mixed up or spoilt by another."""

import asyncio
import contextvars
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.batching import Batcher


class Work:
    """Doubles numbers, slowly if told to; an exception among the jobs is its own result; keeps every batch."""

    def __init__(self, *, fails: BaseException | None = None) -> None:
        self.batches: list[list[Any]] = []
        self.may_go = asyncio.Event()
        self.may_go.set()
        self.fails = fails

    async def __call__(self, jobs: Sequence[Any]) -> Sequence[Any]:
        self.batches.append(list(jobs))
        await self.may_go.wait()
        if self.fails is not None:
            raise self.fails
        return [job if isinstance(job, BaseException) else job * 2 for job in jobs]


async def test_a_lone_call_is_served_at_once() -> None:
    """Nobody waits for company."""
    work = Work()

    async with asyncio.timeout(1):
        assert await Batcher(work, most=10)(21) == 42
    assert work.batches == [[21]]


async def test_what_queues_while_a_batch_is_in_flight_rides_in_the_next() -> None:
    """One round trip for all of them, in the order they came."""
    work = Work()
    work.may_go.clear()
    batcher = Batcher(work, most=10)
    first = asyncio.create_task(batcher(0))
    await asyncio.sleep(0.01)
    later = [asyncio.create_task(batcher(number)) for number in range(1, 6)]
    await asyncio.sleep(0.01)
    work.may_go.set()

    assert await asyncio.gather(first, *later) == [0, 2, 4, 6, 8, 10]
    assert work.batches == [[0], [1, 2, 3, 4, 5]]


async def test_what_the_loop_brings_at_once_rides_along() -> None:
    """Callers that are a turn of the loop apart share a round trip; one that is far behind does not."""
    work = Work()
    batcher = Batcher(work, most=10)

    async def call_after(turns: int, number: int) -> int:
        for _ in range(turns):
            await asyncio.sleep(0)
        return await batcher(number)

    calls = [call_after(0, 1), call_after(2, 2), call_after(4, 3), call_after(40, 4)]

    assert await asyncio.gather(*calls) == [2, 4, 6, 8]
    assert work.batches == [[1, 2, 3], [4]]


async def test_a_busy_loop_that_brings_no_jobs_is_not_waited_for() -> None:
    """What others do in the loop, however long they do it, is worth a few turns and no more."""
    batcher = Batcher(Work(), most=10)
    call = asyncio.create_task(batcher(21))
    turns = 0
    while not call.done():
        turns += 1
        await asyncio.sleep(0)

    assert turns <= 10


async def test_callers_that_never_cease_do_not_hold_a_batch_back() -> None:
    """Beyond a few dozen nobody is waited for, though each turn brings another."""
    work = Work()
    batcher = Batcher(work, most=1000)
    callers = []
    for number in range(200):
        callers.append(asyncio.create_task(batcher(number)))
        await asyncio.sleep(0)

    assert await asyncio.gather(*callers) == [number * 2 for number in range(200)]
    assert len(work.batches) > 3
    assert max(map(len, work.batches)) < 50


async def test_a_worker_that_is_cancelled_while_it_waits_leaves_nobody_waiting() -> None:
    """Those whose batch had not left yet hear of it too, and the next caller is served."""
    work = Work()
    batcher = Batcher(work, most=10)
    before = asyncio.all_tasks()
    caller = asyncio.create_task(batcher(1))
    await asyncio.sleep(0)
    (worker,) = asyncio.all_tasks() - before - {caller}
    await asyncio.sleep(0)
    worker.cancel()

    with pytest.raises(asyncio.CancelledError):
        await caller
    assert work.batches == []
    assert await batcher(7) == 14


@given(st.lists(st.integers(), max_size=60), st.integers(min_value=1, max_value=9))
async def test_everybody_gets_their_own_result(jobs: list[int], most: int) -> None:
    """Whatever the number of jobs and the size of batches, in order, none twice, no batch over the limit."""
    work = Work()
    batcher = Batcher(work, most=most)

    assert await asyncio.gather(*map(batcher, jobs)) == [job * 2 for job in jobs]
    assert [job for batch in work.batches for job in batch] == jobs
    assert all(len(batch) <= most for batch in work.batches)


async def test_an_error_among_the_results_is_raised_to_its_own_caller() -> None:
    """The others of the batch get their results."""
    defect = ValueError("mine")

    results = await asyncio.gather(*map(Batcher(Work(), most=10), (1, defect, 3)), return_exceptions=True)

    assert results == [2, defect, 6]


async def test_when_the_work_fails_everybody_of_that_batch_learns_it() -> None:
    """And the next batch is tried again."""
    work = Work(fails=OSError("away"))
    batcher = Batcher(work, most=10)
    results = await asyncio.gather(*map(batcher, (1, 2)), return_exceptions=True)
    work.fails = None

    assert [type(each) for each in results] == [OSError, OSError]
    assert await batcher(3) == 6


async def test_a_cancelled_caller_does_not_take_its_job_along() -> None:
    """The job is done, and its neighbours do not notice."""
    work = Work()
    batcher = Batcher(work, most=10)
    callers = [asyncio.create_task(batcher(number)) for number in range(3)]
    await asyncio.sleep(0)
    callers[1].cancel()

    results = await asyncio.gather(*callers, return_exceptions=True)

    assert [results[0], results[2]] == [0, 4]
    assert isinstance(results[1], asyncio.CancelledError)
    assert work.batches == [[0, 1, 2]]


async def test_a_cancelled_first_caller_does_not_stop_the_worker() -> None:
    """The worker belongs to nobody, also not to whom it was started by."""
    work = Work()
    work.may_go.clear()
    batcher = Batcher(work, most=1)
    first = asyncio.create_task(batcher(1))
    await asyncio.sleep(0.01)
    second = asyncio.create_task(batcher(2))
    await asyncio.sleep(0)
    first.cancel()
    work.may_go.set()

    assert await second == 4


async def test_a_wrong_number_of_results_reaches_nobody_as_a_result() -> None:
    """Better all fail than that one gets another's."""

    async def loses_one(jobs: Sequence[int]) -> Sequence[int]:
        return jobs[1:]

    results = await asyncio.gather(*map(Batcher(loses_one, most=10), (1, 2)), return_exceptions=True)

    assert [type(each) for each in results] == [RuntimeError, RuntimeError]


async def test_drain_waits_for_all_that_is_queued() -> None:
    """For an orderly end: afterwards nothing is in flight. Draining nothing is harmless."""
    work = Work()
    batcher = Batcher(work, most=2)
    await batcher.drain()
    callers = [asyncio.create_task(batcher(number)) for number in range(5)]
    await asyncio.sleep(0)
    await batcher.drain()

    assert [len(batch) for batch in work.batches] == [2, 2, 1]
    assert await asyncio.gather(*callers) == [0, 2, 4, 6, 8]


async def test_a_worker_that_is_cancelled_leaves_nobody_waiting() -> None:
    """At the end of the loop everything is cancelled: those in flight and those still queued hear of it."""
    work = Work()
    work.may_go.clear()
    batcher = Batcher(work, most=1)
    before = asyncio.all_tasks()
    callers = [asyncio.create_task(batcher(number)) for number in range(3)]
    await asyncio.sleep(0.01)
    (worker,) = asyncio.all_tasks() - before - set(callers)
    worker.cancel()

    async with asyncio.timeout(1):
        results = await asyncio.gather(*callers, return_exceptions=True)

    assert [type(each) for each in results] == [asyncio.CancelledError] * 3
    work.may_go.set()
    assert await batcher(7) == 14


async def test_what_a_caller_bound_to_its_context_stays_its_own() -> None:
    """The work of all does not run under the first caller's trace."""
    trace: contextvars.ContextVar[str] = contextvars.ContextVar("trace", default="none")
    trace.set("of the first caller")
    seen: list[str] = []

    async def work(jobs: Sequence[int]) -> Sequence[int]:
        seen.append(trace.get())
        return jobs

    await Batcher(work, most=10)(1)

    assert seen == ["none"]


@pytest.mark.parametrize("most", [1, 3])
async def test_nobody_starves_while_others_keep_coming(most: int) -> None:
    """Jobs are served in the order they came, however many follow."""
    order: list[int] = []

    async def work(jobs: Sequence[int]) -> Sequence[int]:
        order.extend(jobs)
        await asyncio.sleep(0)
        return jobs

    batcher = Batcher(work, most=most)
    await asyncio.gather(*map(batcher, range(20)))

    assert order == list(range(20))
