"""Where a recount reads: the entries of the log, or an exported bundle of it; and the roll-ups it is held against."""

import zipfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from gateway.audit.entries import open_private, owner_of
from gateway.audit.looking import note_look
from gateway.audit.noting import ITSELF
from gateway.audit.tree import unpack_entries
from gateway.errors import CannotOpen, NotFound
from gateway.records import CAUSE_COUNTERS, CauseFilter, CauseSum, CellFilter, Entry, EntryFilter, EntryKind
from gateway.reports.backfill import BY
from gateway.reports.cause_counts import SEEN
from gateway.reports.folding import fold_waiting
from gateway.reports.measures import COUNTERS
from gateway.reports.periods import begins, stretches
from gateway.reports.recount import (
    CORRECTED,
    RECEIVED,
    Cell,
    Counts,
    Difference,
    Recount,
    differences,
    is_sealed,
)
from gateway.runtime import Runtime

Leaf = Mapping[str, Any]
Progress = Callable[[int], None]
_KINDS = {EntryKind.submission_received: RECEIVED, EntryKind.submission_corrected: CORRECTED}
_LOOKED_AT, _FOUND = 20_000, 500
_GROUPS, _PLACES = 5_000, 200
_EARLY = timedelta(minutes=5)
_TABLES = tuple(name for name in BY if name != "day")


@dataclass(frozen=True, slots=True)
class Recounted:
    """What a recount came to. `cells`: of the tables of the report. `differences`: the first ones; none when equal.

    `sealed`: applications that could not be counted, for their slots are more than a leaf holds and do not open here.
    `bundle_ends`: when the last entry of a bundle was made; None without one. `is_behind`: applications were handed in
    or corrected after it, which the roll-ups count and the bundle cannot.
    """

    applications: int
    slots: int
    cells: int
    differences: list[Difference]
    sealed: int = 0
    bundle_ends: str | None = None
    is_behind: bool = False


async def recount(
    runtime: Runtime,
    *,
    since: date | None = None,
    until: date | None = None,
    bundle: Path | None = None,
    progress: Progress = lambda _: None,
) -> Recounted:
    """Count the log again, or a bundle of it, and compare with the roll-ups, in which nothing waits any more by then.

    `progress`: called with how many applications are counted. The look at the log is an entry. Raises `NotFound` when
    there is no such bundle.
    """
    while await runtime.store.rollups.waiting() and await fold_waiting(runtime):
        pass
    counting = Recount(since, until)
    ends, is_behind = ("", ""), False
    if bundle is None:
        await _count_entries(counting, since, until, runtime, progress)
        await note_look("recount", runtime, caller=ITSELF, shown=counting.applications)
    else:
        _count_bundle(counting, bundle, progress)
        ends = _end_of_bundle(bundle)
        is_behind = await _is_behind(ends[0], until, runtime)
    kept = await _kept(since, until, runtime)
    found = differences(counting.cells, kept)
    return Recounted(
        *(counting.applications, counting.slots, len(counting.cells), found, counting.sealed),
        *(ends[1] or None, is_behind),
    )


async def _count_entries(
    counting: Recount, since: date | None, until: date | None, runtime: Runtime, progress: Progress
) -> None:
    async for leaf in _leaves(EntryKind.submission_corrected, since, None, runtime):
        counting.correct(leaf)
    async for leaf in _leaves(EntryKind.submission_received, since, until, runtime):
        counting.receive(leaf)
        progress(counting.applications)


async def _leaves(
    kind: EntryKind, since: date | None, until: date | None, runtime: Runtime
) -> AsyncIterator[Leaf]:
    """The leaves of that kind, from entries written about then: their ids begin with the time they were made at."""

    def made_at(moment: datetime) -> str:
        return runtime.new_reference("aud", moment)

    after = "" if since is None else made_at(begins(since) - _EARLY)
    upto = None if until is None else made_at(begins(until) + _EARLY)
    while True:
        page = await runtime.store.search.scan(
            EntryFilter(kind=kind), after=after, upto=upto, most=_LOOKED_AT, limit=_FOUND
        )
        for entry in page.entries:
            leaf = orjson.loads(entry.leaf)
            yield await _opened(entry, leaf, runtime) if is_sealed(leaf) else leaf
        if page.after is None:
            return
        after = page.after


async def _opened(entry: Entry, leaf: dict[str, Any], runtime: Runtime) -> Leaf:
    """The leaf with the slots that were too many for it; as it is where its subject was erased."""
    owner = owner_of(leaf)
    key = None if owner is None else await runtime.subjects.key_for(owner)
    try:
        private = open_private(entry, runtime.sealer, key)
    except CannotOpen:
        return leaf
    return {**leaf, "slots": private["omitted"]["slots"], "omitted": []}


def _count_bundle(counting: Recount, bundle: Path, progress: Progress) -> None:
    for leaf in _leaves_of_bundle(bundle, CORRECTED):
        counting.correct(leaf)
    for leaf in _leaves_of_bundle(bundle, RECEIVED):
        counting.receive(leaf)
        progress(counting.applications)


def _leaves_of_bundle(bundle: Path, kind: str) -> Iterator[Leaf]:
    """The leaves of that kind in every tree of a bundle; whether it is sound says `oncegate audit verify`."""
    told = f'"kind":"{kind}"'.encode()
    for member in _members(bundle):
        for entry in unpack_entries(member):
            if told in entry and (leaf := orjson.loads(entry))["kind"] == kind:
                yield leaf


def _end_of_bundle(bundle: Path) -> tuple[str, str]:
    """Id and time of the newest entry among the last of each tile; empty where there is none."""
    lasts = (orjson.loads(entries[-1]) for member in _members(bundle) if (entries := unpack_entries(member)))
    return max(((leaf["id"], leaf["at"]) for leaf in lasts), default=("", ""))


async def _is_behind(newest: str, until: date | None, runtime: Runtime) -> bool:
    """Whether this log has applications or corrections after that entry, handed in before `until`."""
    received, corrected = EntryKind.submission_received, EntryKind.submission_corrected
    upto = None if until is None else runtime.new_reference("aud", begins(until))
    # A correction counts on the day of its application, so it may come at any time.
    kinds = ((received, upto), (corrected, None))
    return any([await _has_entry(kind, newest, end, runtime) for kind, end in kinds])


async def _has_entry(kind: EntryKind, after: str, upto: str | None, runtime: Runtime) -> bool:
    page_after: str | None = after
    while page_after is not None:
        page = await runtime.store.search.scan(
            EntryFilter(kind=kind), after=page_after, upto=upto, most=_LOOKED_AT, limit=1
        )
        if page.entries:
            return True
        page_after = page.after
    return False


def _members(bundle: Path) -> Iterator[bytes]:
    """The entry bundles of a log that was exported, as one file or unpacked."""
    if bundle.is_dir():
        for path in sorted(bundle.rglob("tile/entries/**/*")):
            if path.is_file():
                yield path.read_bytes()
    elif zipfile.is_zipfile(bundle):
        with zipfile.ZipFile(bundle) as archive:
            for name in archive.namelist():
                if "tile/entries/" in name:
                    yield archive.read(name)
    else:
        raise NotFound("unknown_bundle", "There is no exported log there; `oncegate audit export` makes one.")


async def _kept(since: date | None, until: date | None, runtime: Runtime) -> Mapping[Cell, Counts]:
    """The same cells as the roll-ups have them, without zeros."""
    period = tuple(stretches(since, until))
    kept: dict[Cell, Counts] = {}
    for name in _TABLES if period else ():
        wanted = CellFilter(BY[name].dimension, BY[name].groups, period)
        after: tuple[str, ...] = ()
        while page := await runtime.store.rollups.cells(wanted, after=after, limit=_GROUPS):
            for group, counts in page:
                kept[name, *group] = {
                    counter: each for counter, each in zip(COUNTERS, counts, strict=True) if each
                }
            after = page[-1][0]
    await _keep_causes(kept, CauseFilter(period), runtime)
    return kept


async def _keep_causes(kept: dict[Cell, Counts], wanted: CauseFilter, runtime: Runtime) -> None:
    after: str | None = "" if wanted.stretches else None
    while after is not None:
        page = await runtime.store.rollups.causes(wanted, after=after, limit=_PLACES)
        for each in page.sums:
            cell = _cell(each)
            kept[cell] = _sum(kept.get(cell, {}), dict(zip(CAUSE_COUNTERS, each.counts, strict=True)))
        after = page.after


def _cell(of: CauseSum) -> Cell:
    # By day, what was seen is not told apart by segment; a period may be of days and of months.
    place = of.place._replace(segment="") if of.key.kind == SEEN else of.place
    return ("cause", *place, *of.key)


def _sum(one: Counts, other: Counts) -> Counts:
    return {
        name: each for name in one.keys() | other.keys() if (each := one.get(name, 0) + other.get(name, 0))
    }
