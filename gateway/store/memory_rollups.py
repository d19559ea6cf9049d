"""Roll-ups in memory, under the contract of the SQL ones. A new count stands beside the one that is shown."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

import orjson

from gateway.records import (
    Baseline,
    CauseCell,
    CauseFilter,
    CausePage,
    CausePlace,
    CauseSum,
    CellFilter,
    CellSum,
    Countable,
    Counted,
    Entry,
    RollupKey,
    Stretch,
)
from gateway.reports.periods import day_of
from gateway.slots import Snapshot, to_facts
from gateway.store.memory_tables import MemoryTables
from gateway.store.rollup_cells import merged
from gateway.store.rollups import LEASE

Key = tuple[str, int]
Cells = TypeVar("Cells", RollupKey, CauseCell)


@dataclass(frozen=True, slots=True)
class _Counts:
    cells: dict[RollupKey, tuple[int, ...]] = field(default_factory=dict)
    causes: dict[CauseCell, tuple[int, ...]] = field(default_factory=dict)

    def add(self, counted: Counted) -> None:
        _add(self.cells, counted.cells)
        _add(self.causes, counted.causes)


class MemoryRollups:
    """`gateway.ports.Rollups` in memory."""

    def __init__(self, tables: MemoryTables) -> None:
        self._tables = tables
        self._live, self._new = _Counts(), _Counts()
        self._rebuilding: tuple[str, datetime] | None = None

    async def fold(self, most: int, count: Callable[[Sequence[Countable]], Counted], now: datetime) -> int:
        """See `gateway.ports.Rollups.fold`."""
        if self._is_held(now):
            return 0
        self._rebuilding = None
        taken = sorted(self._tables.uncounted)[:most]
        self._live.add(count(list(self._countables(taken))))
        for key in taken:
            del self._tables.uncounted[key]
        return len(taken)

    async def waiting(self) -> int:
        """See `gateway.ports.Rollups.waiting`."""
        return len(self._tables.uncounted)

    async def snapshots(self) -> int:
        """See `gateway.ports.Rollups.snapshots`."""
        return len(self._tables.snapshots)

    async def cells(self, wanted: CellFilter, *, after: tuple[str, ...], limit: int) -> Sequence[CellSum]:
        """See `gateway.ports.Rollups.cells`."""
        rows = (
            (group, counts)
            for key, counts in self._live.cells.items()
            if _matches(key, wanted) and (group := _group(key, wanted.by)) > after
        )
        return merged(rows, limit)

    async def causes(self, wanted: CauseFilter, *, after: str, limit: int) -> CausePage:
        """See `gateway.ports.Rollups.causes`."""
        places = sorted({cell.place for cell in self._live.causes if _is_wanted(cell.place, wanted)})
        first = int(after or 0)
        shown = set(places[first : first + limit])
        sums: dict[CauseCell, CauseSum] = {}
        for cell, counts in self._live.causes.items():
            if cell.place in shown and _lies_in(cell.grain, cell.start, wanted.stretches):
                group = cell._replace(grain="", start=0)
                sums[group] = _summed(cell, counts, sums.get(group))
        return CausePage(
            [each for each in sums.values() if any(each.counts)],
            str(first + limit) if len(places) > first + limit else None,
        )

    async def begin_rebuild(self, token: str, now: datetime) -> bool:
        """See `gateway.ports.Rollups.begin_rebuild`."""
        if self._is_held(now):
            return False
        self._rebuilding, self._new = (token, now), _Counts()
        return True

    async def rebuild_page(self, *, after: Key, limit: int) -> tuple[Sequence[Countable], Key | None]:
        """See `gateway.ports.Rollups.rebuild_page`."""
        tables = self._tables
        keys = sorted(each for each in tables.snapshots if each > after and each not in tables.uncounted)[
            :limit
        ]
        return list(self._countables(keys)), keys[-1] if len(keys) == limit else None

    async def add_rebuilt(self, token: str, counted: Counted, now: datetime) -> bool:
        """See `gateway.ports.Rollups.add_rebuilt`."""
        if not self._is_of(token):
            return False
        self._rebuilding = token, now
        self._new.add(counted)
        return True

    async def end_rebuild(self, token: str) -> bool:
        """See `gateway.ports.Rollups.end_rebuild`."""
        if not self._is_of(token):
            return False
        self._live, self._new, self._rebuilding = self._new, _Counts(), None
        return True

    async def add_baseline(self, baseline: Baseline, entry: Entry) -> None:
        """See `gateway.ports.Rollups.add_baseline`."""
        tables = self._tables
        tables.admit(tables.baselines, (baseline.form, baseline.name), baseline, entry)
        tables.baselines[baseline.form, baseline.name] = baseline
        tables.log(entry)

    async def baseline_of(self, form: str) -> Baseline | None:
        """See `gateway.ports.Rollups.baseline_of`."""
        of_form = (each for each in self._tables.baselines.values() if each.form == form)
        return max(of_form, key=lambda each: (each.frozen_at, each.entry_id), default=None)

    async def baselines(self, *, after: tuple[str, str], limit: int) -> Sequence[Baseline]:
        """See `gateway.ports.Rollups.baselines`."""
        kept = self._tables.baselines
        return [kept[key] for key in sorted(kept) if key > after][:limit]

    def _is_held(self, now: datetime) -> bool:
        return self._rebuilding is not None and self._rebuilding[1] > now - LEASE

    def _is_of(self, token: str) -> bool:
        return self._rebuilding is not None and self._rebuilding[0] == token

    def _countables(self, keys: Iterable[Key]) -> Iterator[Countable]:
        snapshots = self._tables.snapshots
        for submission_id, number in keys:
            first = snapshots[submission_id, 1]
            yield _countable(1, first, snapshots[submission_id, number])
            if number > 1:
                yield _countable(-1, first, snapshots[submission_id, number - 1])


def _countable(sign: int, first: Snapshot, of: Snapshot) -> Countable:
    return Countable(
        sign=sign,
        on=day_of(first.at),
        form=of.form,
        matter=of.matter,
        department=of.department,
        segment=of.segment,
        definition=of.definition,
        baseline=of.baseline,
        is_test=of.is_test,
        facts=orjson.dumps(to_facts(of.slots)),
    )


def _add(cells: dict[Cells, tuple[int, ...]], deltas: Iterable[tuple[Cells, Sequence[int]]]) -> None:
    for key, counts in deltas:
        before = cells.get(key)
        cells[key] = tuple(counts) if before is None else tuple(map(int.__add__, before, counts))


def _summed(cell: CauseCell, counts: Sequence[int], before: CauseSum | None) -> CauseSum:
    newest = cell.start if counts[0] > 0 else 0
    if before is None:
        return CauseSum(cell.place, cell.key, (counts[0], counts[1], counts[2], counts[3]), newest)
    slots, applications, leads, asked = map(int.__add__, before.counts, counts)
    return CauseSum(cell.place, cell.key, (slots, applications, leads, asked), max(before.newest, newest))


def _is_wanted(place: CausePlace, wanted: CauseFilter) -> bool:
    return (
        wanted.form in (None, place.form)
        and wanted.department in (None, place.department)
        and wanted.segment in (None, place.segment)
    )


def _lies_in(grain: str, start: int, stretches: Iterable[Stretch]) -> bool:
    return any(each.grain == grain and each.begin <= start < each.end for each in stretches)


def _matches(key: RollupKey, wanted: CellFilter) -> bool:
    return (
        key.dimension == wanted.dimension
        and _lies_in(key.grain, key.start, wanted.stretches)
        and wanted.form in (None, key.form)
        and wanted.department in (None, key.department)
        and wanted.segment in (None, key.segment)
    )


def _group(key: RollupKey, by: Sequence[str]) -> tuple[str, ...]:
    told = {**key._asdict(), "month": key.start // 100, "day": key.start}
    return tuple(str(told[name]) for name in by)
