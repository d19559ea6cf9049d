"""Roll-ups in SQL: waiting snapshots are taken from their queue and added to cells, in one transaction.

A snapshot counts as the difference to the one before it, so that it does not matter in which order, in what portions
or by how many workers they are counted. PostgreSQL: each worker skips what another holds, and cells are written in
the order of their key, so that no two wait in a circle. SQLite has one writer.

A rebuilding counts everything that does not wait into a generation of its own and then shows that one. Until then
nothing is folded: a row of the queue means "not counted" in both. Whoever rebuilds and is not heard of for
`LEASE` is taken for dead.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import (
    Connection,
    Row,
    Table,
    delete,
    exists,
    func,
    insert,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from gateway.records import (
    Baseline,
    CauseFilter,
    CauseKey,
    CausePage,
    CellFilter,
    CellSum,
    Countable,
    Counted,
    Entry,
    RollupKey,
)
from gateway.store.bulk import among
from gateway.store.cause_cells import add_causes, keys_of, places_of, sums_of
from gateway.store.countables import countables_of
from gateway.store.database import Database
from gateway.store.log import write_entries
from gateway.store.refusals import is_id
from gateway.store.rollup_cells import LIVE, add_to_cells, merged, page_of_cells
from gateway.store.rollup_tables import CAUSE_PLACE, baseline, cause_cell, rollup, rollup_state
from gateway.store.submission_tables import snapshot, snapshot_uncounted

LEASE = timedelta(seconds=60)
_PORTION = 20_000
"""Cells of an old generation that are forgotten at once: well within the time a statement may take."""
_MOST_NAMES = 300_000
"""Names that a worker keeps in mind: some hundred bytes each."""
_q, _s = snapshot_uncounted.c, snapshot.c
_STATE = select(rollup_state).where(rollup_state.c.id == 1)
_SNAPSHOTS = select(snapshot).where(among(_s.submission_id, "ids")).order_by(_s.submission_id, _s.number)
Key = tuple[str, int]


class SqlRollups:
    """`gateway.ports.Rollups` over SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._named: set[int] = set()
        self._keys: dict[int, CauseKey] = {}

    async def fold(self, most: int, count: Callable[[Sequence[Countable]], Counted], now: datetime) -> int:
        """See `gateway.ports.Rollups.fold`."""

        def work(connection: Connection) -> tuple[int, set[int]]:
            live, named = _folding_into(connection, now), set[int]()
            taken = [] if live is None else _take(connection, most)
            if taken and live is not None:
                named = self._add(connection, live, count(_countables(connection, taken)))
            return len(taken), named

        taken, named = await self._database.write(work)
        self._remember(named)
        return taken

    async def waiting(self) -> int:
        """See `gateway.ports.Rollups.waiting`."""
        return await self._count(snapshot_uncounted)

    async def snapshots(self) -> int:
        """See `gateway.ports.Rollups.snapshots`."""
        return await self._count(snapshot)

    async def cells(self, wanted: CellFilter, *, after: tuple[str, ...], limit: int) -> Sequence[CellSum]:
        """See `gateway.ports.Rollups.cells`."""
        texts = (*after, wanted.form or "", wanted.department or "", wanted.segment or "")
        if not all(map(is_id, texts)):
            return []
        by_grain = [[each for each in wanted.stretches if each.grain == grain] for grain in ("d", "m")]
        pages = [page_of_cells(wanted, stretches, after, limit) for stretches in by_grain if stretches]
        rows = await self._database.read(
            lambda connection: [row for page in pages for row in connection.execute(page)]
        )
        return merged(((row[: len(wanted.by)], row[len(wanted.by) :]) for row in rows), limit)

    async def causes(self, wanted: CauseFilter, *, after: str, limit: int) -> CausePage:
        """See `gateway.ports.Rollups.causes`."""
        if not all(map(is_id, (wanted.form or "", wanted.department or "", wanted.segment or ""))):
            return CausePage((), None)

        def work(connection: Connection) -> CausePage:
            places = places_of(connection, wanted, int(after or -1), limit)
            sums = sums_of(connection, places, wanted.stretches, self._names) if places else []
            return CausePage(sums, str(places[-1].id) if len(places) == limit else None)

        return await self._database.read(work)

    async def begin_rebuild(self, token: str, now: datetime) -> bool:
        """See `gateway.ports.Rollups.begin_rebuild`."""

        def work(connection: Connection) -> bool:
            state = _state(connection)
            if _is_held(state, now):
                return False
            connection.execute(update(rollup_state).values(token=token, seen_at=now))
            return True

        begun = await self._database.write(work)
        if begun:
            await self._forget_others()
        return begun

    async def rebuild_page(self, *, after: Key, limit: int) -> tuple[Sequence[Countable], Key | None]:
        """See `gateway.ports.Rollups.rebuild_page`."""
        waits = exists().where(_q.submission_id == _s.submission_id, _q.number == _s.number)
        page = (
            select(_s.submission_id, _s.number)
            .where(tuple_(_s.submission_id, _s.number) > after, ~waits)
            .order_by(_s.submission_id, _s.number)
            .limit(limit)
        )

        def work(connection: Connection) -> tuple[Sequence[Countable], Key | None]:
            keys = [(row[0], row[1]) for row in connection.execute(page)]
            return _countables(connection, keys), keys[-1] if len(keys) == limit else None

        return await self._database.read(work)

    async def add_rebuilt(self, token: str, counted: Counted, now: datetime) -> bool:
        """See `gateway.ports.Rollups.add_rebuilt`."""

        def work(connection: Connection) -> set[int] | None:
            state = _state(connection)
            if state.token != token:
                return None
            connection.execute(update(rollup_state).values(seen_at=now))
            return self._add(connection, state.live + 1, counted)

        named = await self._database.write(work)
        self._remember(named or set())
        return named is not None

    async def end_rebuild(self, token: str) -> bool:
        """See `gateway.ports.Rollups.end_rebuild`."""

        def work(connection: Connection) -> bool:
            state = _state(connection)
            if state.token != token:
                return False
            connection.execute(update(rollup_state).values(live=state.live + 1, token=None, seen_at=None))
            return True

        ended = await self._database.write(work)
        if ended:
            await self._forget_others()
        return ended

    async def add_baseline(self, new: Baseline, entry: Entry) -> None:
        """See `gateway.ports.Rollups.add_baseline`."""
        row = {name: getattr(new, name) for name in Baseline.__dataclass_fields__}

        def work(connection: Connection) -> None:
            connection.execute(insert(baseline).values(row)).close()
            write_entries(connection, [entry])

        await self._database.write(work)

    async def baseline_of(self, form: str) -> Baseline | None:
        """See `gateway.ports.Rollups.baseline_of`."""
        of = baseline.c
        query = (
            select(baseline).where(of.form == form).order_by(of.frozen_at.desc(), of.entry_id.desc()).limit(1)
        )
        row = await self._database.read(lambda connection: connection.execute(query).one_or_none())
        return None if row is None else Baseline(**row._mapping)

    async def baselines(self, *, after: tuple[str, str], limit: int) -> Sequence[Baseline]:
        """See `gateway.ports.Rollups.baselines`."""
        key = tuple_(baseline.c.form, baseline.c.name)
        page = select(baseline).where(key > after).order_by(baseline.c.form, baseline.c.name).limit(limit)
        rows = await self._database.read(lambda connection: connection.execute(page).all())
        return [Baseline(**row._mapping) for row in rows]

    def _add(self, connection: Connection, generation: int, counted: Counted) -> set[int]:
        """Add to both kinds of cells, always in this order; numbers whose names stand there once that is committed."""
        add_to_cells(connection, generation, counted.cells)
        return add_causes(connection, generation, counted.causes, self._named)

    def _remember(self, named: set[int]) -> None:
        if len(self._named) > _MOST_NAMES:
            self._named = set()
        self._named |= named

    def _names(self, connection: Connection, numbers: set[int]) -> dict[int, CauseKey]:
        known = self._keys
        missing = numbers - known.keys()
        if missing:
            known = {} if len(known) + len(missing) > _MOST_NAMES else dict(known)
            known.update(keys_of(connection, numbers if not known else missing))
            self._keys = known
        return known

    async def _count(self, table: Any) -> int:
        query = select(func.count()).select_from(table)
        return await self._database.read(lambda connection: connection.scalar(query)) or 0

    async def _forget_others(self) -> None:
        """Forget every generation that is not shown, a portion at a time."""
        for table, place in ((rollup, RollupKey._fields), (cause_cell, CAUSE_PLACE)):
            while await self._database.write(partial(_forget_some, table=table, place=place)):
                pass


def _forget_some(connection: Connection, *, table: Table, place: Sequence[str]) -> int:
    """How many cells were forgotten. Each step is a stretch of the primary key: nothing else is looked at."""
    of = table.c
    older, newer = (
        select(of.generation).where(each).limit(1) for each in (of.generation < LIVE, of.generation > LIVE)
    )
    generation = connection.scalar(older)
    if generation is None:
        generation = connection.scalar(newer)
    if generation is None:
        return 0
    key = [of[name] for name in place]
    end = select(*key).where(of.generation == generation).order_by(*key).offset(_PORTION).limit(1)
    beyond = connection.execute(end).one_or_none()
    some = delete(table).where(of.generation == generation)
    if beyond is not None:
        some = some.where(tuple_(*key) < tuple_(*beyond))
    return connection.execute(some).rowcount


def _state(connection: Connection, *, share: bool = False) -> Row[Any]:
    """The one row of the state, locked; made where there is none yet."""
    locked = _STATE.with_for_update(read=share)
    row = connection.execute(locked).one_or_none()
    if row is None:
        make = (sqlite if connection.dialect.name == "sqlite" else postgresql).insert(rollup_state)
        connection.execute(make.values(id=1, live=0).on_conflict_do_nothing()).close()
        row = connection.execute(locked).one()
    return row


def _is_held(state: Row[Any], now: datetime) -> bool:
    return state.token is not None and state.seen_at > now - LEASE


def _folding_into(connection: Connection, now: datetime) -> int | None:
    """The generation that is shown; None while a rebuilding is under way. One that died loses its right to end."""
    state = _state(connection, share=True)
    if _is_held(state, now):
        return None
    if state.token is not None:
        connection.execute(update(rollup_state).values(token=None, seen_at=None))
    return int(state.live)


def _take(connection: Connection, most: int) -> list[Key]:
    """So many of the queue, out of it: nobody else gets them unless this transaction fails."""
    key = tuple_(_q.submission_id, _q.number)
    some = (
        select(_q.submission_id, _q.number)
        .order_by(_q.submission_id, _q.number)
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    taken = delete(snapshot_uncounted).where(key.in_(some)).returning(_q.submission_id, _q.number)
    return sorted((row[0], row[1]) for row in connection.execute(taken))


def _countables(connection: Connection, keys: Sequence[Key]) -> list[Countable]:
    """What each snapshot counts, and what it takes back."""
    ids = sorted({submission_id for submission_id, _ in keys})
    return countables_of(keys, connection.execute(_SNAPSHOTS, {"ids": ids})) if ids else []
