"""Cells of the roll-ups in SQL: how they are summed into groups, page by page, and how counts are added to them."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Integer, Select, func, literal_column, or_, select, tuple_

from gateway.records import CellFilter, CellSum, Delta, Stretch
from gateway.reports.measures import COUNTERS
from gateway.store.rollup_tables import KEY, rollup, rollup_state

_r = rollup.c
LIVE = func.coalesce(select(rollup_state.c.live).where(rollup_state.c.id == 1).scalar_subquery(), 0)
"""The generation that is shown."""
_GROUPS: dict[str, Any] = {
    **{name: _r[name] for name in ("form", "key", "segment", "department", "matter")},
    "month": _r.start // literal_column("100", Integer()),
    "day": _r.start,
}


def page_of_cells(
    wanted: CellFilter, stretches: Sequence[Stretch], after: tuple[str, ...], limit: int
) -> Select[Any]:
    """The statement that sums the next groups of cells of one grain."""
    groups = [_GROUPS[name] for name in wanted.by]
    within = or_(*((_r.start >= each.begin) & (_r.start < each.end) for each in stretches))
    equal = {"form": wanted.form, "department": wanted.department, "segment": wanted.segment}
    page = (
        select(*groups, *(func.sum(_r[name]) for name in COUNTERS))
        .where(_r.generation == LIVE, _r.dimension == wanted.dimension)
        .where(_r.grain == stretches[0].grain, within)
        .where(*(_r[name] == value for name, value in equal.items() if value is not None))
        .group_by(*groups)
        .order_by(*groups)
        .limit(limit)
    )
    if after:
        begin = [
            int(each) if name in ("month", "day") else each
            for name, each in zip(wanted.by, after, strict=True)
        ]
        page = page.where(tuple_(*groups) > tuple_(*begin))
    return page


def merged(rows: Iterable[tuple[Sequence[Any], Sequence[Any]]], limit: int) -> list[CellSum]:
    """The first `limit` groups in order, what is of the same group added up."""
    sums: dict[tuple[str, ...], tuple[int, ...]] = {}
    for names, counts in rows:
        group = tuple(map(str, names))
        before = sums.get(group)
        sums[group] = tuple(map(int, counts)) if before is None else tuple(map(int.__add__, before, counts))
    return sorted(sums.items())[:limit]


def add_to_cells(connection: Connection, generation: int, deltas: Sequence[Delta]) -> None:
    """Add to cells, in the order of their keys."""
    ordered = sorted((key, counts) for key, counts in deltas if any(counts))
    if not ordered:
        return
    rows = [(generation, *key, *counts) for key, counts in ordered]
    statement = _adding(connection.dialect.name)
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(statement, rows)
    else:
        connection.exec_driver_sql(statement, tuple(map(as_array, zip(*rows, strict=True)))).close()


def as_array(column: tuple[Any, ...]) -> Any:
    """A column as one parameter: numbers as the text of an array, which the driver would make one by one."""
    return f"{{{','.join(map(str, column))}}}" if isinstance(column[0], int) else list(column)


@lru_cache(maxsize=2)
def _adding(dialect: str) -> str:
    """The statement that adds rows to cells: a row a call on SQLite; on PostgreSQL all at once, column by column.

    A parameter for each of forty columns of each row costs PostgreSQL's driver ten times what the database takes.
    """
    names = (*KEY, *COUNTERS)
    sums = ", ".join(f"{name} = rollup.{name} + excluded.{name}" for name in COUNTERS)
    if dialect == "sqlite":
        rows = f"VALUES ({', '.join('?' * len(names))})"
    else:
        numbers = {"generation", "start", *COUNTERS}
        columns = ", ".join(f"%s::{'int' if name in numbers else 'text'}[]" for name in names)
        rows = f"SELECT * FROM unnest({columns})"  # noqa: S608  (our own names)
    return (
        f"INSERT INTO rollup ({', '.join(names)}) {rows} ON CONFLICT ({', '.join(KEY)}) DO UPDATE SET {sums}"
    )
