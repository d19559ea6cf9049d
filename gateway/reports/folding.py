"""Keeping the roll-ups: waiting snapshots folded a few at a time, and the whole count made anew beside the old one."""

import gc
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import TypeVar

from gateway.errors import Conflict
from gateway.ports import Rollups
from gateway.records import Countable, Counted
from gateway.reports.rollup import Cells, count
from gateway.runtime import Runtime

T = TypeVar("T")
Progress = Callable[[int, int], None]
"""Called with how many snapshots are counted, and how many there are."""

# Counting holds the interpreter for some milliseconds a hundred applications; requests must not wait for more.
_AT_ONCE = 100
_READ_AT_ONCE = 1_000
_WRITTEN_AT_ONCE, _CAUSES_AT_ONCE = 4_000, 20_000
# Cells held in memory before they are written: some hundred bytes each, those of causes less.
_MOST_CELLS = 200_000


async def fold_waiting(runtime: Runtime) -> int:
    """Count what waits, until nothing does; how many snapshots there were. 0 while a rebuilding is under way."""
    total = 0
    if not await runtime.store.rollups.waiting():  # mostly: no transaction for nothing
        return total
    while done := await runtime.store.rollups.fold(_AT_ONCE, count, runtime.clock()):
        total += done
        if done < _AT_ONCE:
            break
    return total


async def rebuild(runtime: Runtime, progress: Progress | None = None) -> int:
    """Count everything anew, beside what is shown until then; how many snapshots were counted.

    What is submitted meanwhile waits, and is folded afterwards. Broken off, it leaves what is shown as it was.
    Raises `Conflict` while another rebuilding is under way, or when this one was taken for dead.
    """
    rollups, token = runtime.store.rollups, runtime.new_reference("rbd", runtime.clock())
    if not await rollups.begin_rebuild(token, runtime.clock()):
        raise Conflict("rebuild_in_progress", "The roll-ups are being counted anew already; wait for that.")
    with _few_looks_for_cycles():
        counted = await _count_anew(token, runtime, progress)
    if not await rollups.end_rebuild(token):
        raise _lost()
    return counted


@contextmanager
def _few_looks_for_cycles() -> Iterator[None]:
    """Counting makes hundreds of thousands of small things and no cycles: to look for these takes a quarter of it."""
    before = gc.get_threshold()
    gc.set_threshold(50_000, 50, 1_000)
    try:
        yield
    finally:
        gc.set_threshold(*before)


async def _count_anew(token: str, runtime: Runtime, progress: Progress | None) -> int:
    rollups = runtime.store.rollups
    cells, counted, total = Cells(), 0, await rollups.snapshots()
    async for page in _pages(rollups):
        for each in page:
            cells.add(each)
        counted += sum(each.sign > 0 for each in page)
        if len(cells) > _MOST_CELLS:
            await _write(cells, token, runtime)
            cells = Cells()
        else:
            await _write_none(token, runtime)
        if progress is not None:
            progress(counted, total)
    await _write(cells, token, runtime)
    return counted


async def _pages(rollups: Rollups) -> AsyncIterator[Sequence[Countable]]:
    after: tuple[str, int] | None = ("", 0)
    while after is not None:
        page, after = await rollups.rebuild_page(after=after, limit=_READ_AT_ONCE)
        yield page


async def _write(cells: Cells, token: str, runtime: Runtime) -> None:
    for rates in _portions(cells.deltas(), _WRITTEN_AT_ONCE):
        await _add(Counted(cells=rates), token, runtime)
    for causes in _portions(cells.causes(), _CAUSES_AT_ONCE):
        await _add(Counted(causes=causes), token, runtime)


async def _write_none(token: str, runtime: Runtime) -> None:
    """Be heard of, so that nobody takes this rebuilding for dead."""
    await _add(Counted(), token, runtime)


async def _add(portion: Counted, token: str, runtime: Runtime) -> None:
    if not await runtime.store.rollups.add_rebuilt(token, portion, runtime.clock()):
        raise _lost()


def _portions(many: Iterator[T], size: int) -> Iterator[Sequence[T]]:
    """So many at once; what was not taken yet is not made yet either."""
    while portion := list(islice(many, size)):
        yield portion


def _lost() -> Conflict:
    return Conflict(
        "rebuild_lost", "This rebuilding was not heard of for a minute and was given up. Begin it again."
    )
