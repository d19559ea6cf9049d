"""One worker that takes whatever queued while the last batch was in flight: many callers share one round trip.

No clock is waited for. A batch leaves when the loop has nothing more for it: while a few turns of the loop still bring
jobs, those come along (decision 0022), so that under load half as many batches are served; a lone call leaves after as
many empty turns, a few µs. Used for commits of the log and for fresh reads, where a transaction per request would
cost more than the request.
"""

import asyncio
import contextvars
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Job = TypeVar("Job")
Done = TypeVar("Done")

_EMPTY_TURNS = 3  # what one answer from the network leads to takes a turn or two to arrive here
_ENOUGH = 32
"""Jobs that nothing is waited for any more: what a batch costs by itself is then small beside them."""


class Batcher(Generic[Job, Done]):
    """Calls `work` with lists of jobs, one list at a time; `work` gives one result per job, in order.

    A result that is an exception is raised to its own caller only; when `work` itself raises, every caller of that
    batch gets that error. Must be used from one event loop. Cancelling a caller does not cancel its job; when the
    worker itself is cancelled, as at the end of the loop, so is everybody who waits.
    """

    def __init__(
        self, work: Callable[[Sequence[Job]], Awaitable[Sequence[Done | BaseException]]], *, most: int
    ) -> None:
        self._work = work
        self._most = most
        self._queue: list[tuple[Job, asyncio.Future[Done]]] = []
        self._worker: asyncio.Task[None] | None = None

    async def __call__(self, job: Job) -> Done:
        """The result for this job, after the batch it rode in is done."""
        future: asyncio.Future[Done] = asyncio.get_running_loop().create_future()
        self._queue.append((job, future))
        if self._worker is None:
            # Its own context: what one caller bound to its logs must not show in the work of all.
            self._worker = asyncio.create_task(self._run(), context=contextvars.Context())
        return await future

    async def drain(self) -> None:
        """Wait until everything queued so far is done."""
        while self._worker is not None:
            await asyncio.wait([self._worker])

    async def _run(self) -> None:
        try:
            while self._queue:
                await self._let_others_come()
                batch, self._queue = self._queue[: self._most], self._queue[self._most :]
                await self._serve(batch)
        finally:
            self._worker = None
            left, self._queue = self._queue, []  # empty, unless the worker was cancelled
            self._cancel(left)

    async def _let_others_come(self) -> None:
        enough = min(self._most, _ENOUGH)
        empty, queued = 0, len(self._queue)
        while empty < _EMPTY_TURNS and queued < enough:
            await asyncio.sleep(0)
            before, queued = queued, len(self._queue)
            empty = 0 if queued > before else empty + 1

    async def _serve(self, batch: Sequence[tuple[Job, "asyncio.Future[Done]"]]) -> None:
        try:
            results = await self._work([job for job, _ in batch])
            if len(results) != len(batch):
                raise RuntimeError("a batch gives one result per job")
        except Exception as error:  # noqa: BLE001  (handed to everybody it concerns)
            self._settle(batch, [error] * len(batch))
        except BaseException:
            self._cancel(batch)
            raise
        else:
            self._settle(batch, results)

    @staticmethod
    def _settle(
        batch: Sequence[tuple[Job, "asyncio.Future[Done]"]], results: Sequence[Done | BaseException]
    ) -> None:
        for (_, future), result in zip(batch, results, strict=True):
            if future.done():  # its caller went away
                continue
            if isinstance(result, BaseException):
                future.set_exception(result)
            else:
                future.set_result(result)

    @staticmethod
    def _cancel(batch: Sequence[tuple[Job, "asyncio.Future[Done]"]]) -> None:
        for _, future in batch:
            future.cancel()
