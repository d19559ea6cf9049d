"""Cells of causes in SQL: how counts are added to them, and how they are summed, some places at a time.

A place and a cause are named by 63 bits of a digest of what they are: whoever counts knows the number without asking,
no two workers wait for one another to give it out, and it is the same in every generation. Of a million causes, two
come to one number once in twenty million times; they would then be counted as one.
"""

from collections.abc import Callable, Collection, Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import Any

import orjson
from sqlalchemy import Connection, Row, Select, Table, case, func, or_, select

from gateway.records import (
    CAUSE_COUNTERS,
    CauseDelta,
    CauseFilter,
    CauseKey,
    CausePlace,
    CauseSum,
    Stretch,
)
from gateway.store.rollup_cells import LIVE, as_array
from gateway.store.rollup_tables import CAUSE_PLACE, cause_cell, cause_key, cause_place

_c, _p, _k = cause_cell.c, cause_place.c, cause_key.c
_AT_ONCE = 500
_BITS = 0x7FFF_FFFF_FFFF_FFFF


@lru_cache(maxsize=262_144)
def number_of(names: CausePlace | CauseKey) -> int:
    """The number of a place or of a cause."""
    return int.from_bytes(blake2b(orjson.dumps(list(names)), digest_size=8).digest()) & _BITS


def add_causes(
    connection: Connection, generation: int, deltas: Sequence[CauseDelta], known: Collection[int]
) -> set[int]:
    """Add to cells of causes, in the order of their keys; the numbers that have their names by then.

    `known`: numbers whose names stand in committed rows.
    """
    if not deltas:
        return set()
    places, keys = _Numbers(), _Numbers()
    rows = [
        (generation, grain, places.of(place), start, keys.of(key), *counts)
        for (grain, place, start, key), counts in deltas
    ]
    rows.sort()
    named = _name(connection, cause_place, places, known) | _name(connection, cause_key, keys, known)
    _execute(connection, _adding(connection.dialect.name), rows)
    return named


class _Numbers:
    """The numbers of names that come again and again as the same object, which is cheaper to know than its texts."""

    def __init__(self) -> None:
        self._by_object: dict[int, int] = {}
        self.names: dict[int, CausePlace | CauseKey] = {}

    def of(self, names: CausePlace | CauseKey) -> int:
        """The number of these names."""
        number = self._by_object.get(id(names))
        if number is None:
            number = self._by_object[id(names)] = number_of(names)
            self.names[number] = names
        return number


def _name(connection: Connection, table: Table, numbers: _Numbers, known: Collection[int]) -> set[int]:
    new = sorted((number, *names) for number, names in numbers.names.items() if number not in known)
    if new:
        _execute(connection, _naming(connection.dialect.name, table), new)
    return {row[0] for row in new}


def _execute(connection: Connection, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(statement, list(rows))
    else:
        connection.exec_driver_sql(statement, tuple(map(as_array, zip(*rows, strict=True)))).close()


@lru_cache(maxsize=2)
def _adding(dialect: str) -> str:
    key = ("generation", *CAUSE_PLACE)
    types = dict.fromkeys(("generation", "start", *CAUSE_COUNTERS), "int") | {
        "place": "bigint",
        "cause": "bigint",
    }
    names = (*key, *CAUSE_COUNTERS)
    sums = ", ".join(f"{name} = cause_cell.{name} + excluded.{name}" for name in CAUSE_COUNTERS)
    rows = _rows(dialect, [types.get(name, "text") for name in names])
    return f"INSERT INTO cause_cell ({', '.join(names)}) {rows} ON CONFLICT ({', '.join(key)}) DO UPDATE SET {sums}"


@lru_cache(maxsize=4)
def _naming(dialect: str, table: Table) -> str:
    names = [column.name for column in table.columns]
    rows = _rows(dialect, ["bigint", *("text" for _ in names[1:])])
    return f"INSERT INTO {table.name} ({', '.join(names)}) {rows} ON CONFLICT (id) DO NOTHING"


def _rows(dialect: str, types: Sequence[str]) -> str:
    if dialect == "sqlite":
        return f"VALUES ({', '.join('?' * len(types))})"
    columns = ", ".join(f"%s::{each}[]" for each in types)
    # The alias keeps "ON CONFLICT" from being read as part of a join.
    return f"SELECT * FROM unnest({columns}) AS new"  # noqa: S608  (our own names)


def places_of(connection: Connection, wanted: CauseFilter, after: int, limit: int) -> list[Row[Any]]:
    """The next places that the filter wants, with their numbers, in order of these."""
    equal = {"form": wanted.form, "department": wanted.department, "segment": wanted.segment}
    page = (
        select(cause_place)
        .where(_p.id > after, *(_p[name] == value for name, value in equal.items() if value is not None))
        .order_by(_p.id)
        .limit(limit)
    )
    return list(connection.execute(page))


def sums_of(
    connection: Connection,
    places: Sequence[Row[Any]],
    stretches: Sequence[Stretch],
    named: Callable[[Connection, set[int]], dict[int, CauseKey]],
) -> list[CauseSum]:
    """The sums of every cause at these places, those of nothing left out."""
    ids = [row.id for row in places]
    rows: list[tuple[int, ...]] = []
    for grain in ("d", "m"):
        of_grain = [each for each in stretches if each.grain == grain]
        found = [tuple(row) for row in connection.execute(_summing(ids, of_grain))] if of_grain else []
        rows = _added(rows, found) if rows and found else rows or found
    names = named(connection, {row[1] for row in rows})
    by_id = {row.id: CausePlace(row.form, row.matter, row.department, row.segment) for row in places}
    return [
        CauseSum(by_id[place], names[cause], (slots, applications, leads, asked), newest or 0)
        for place, cause, slots, applications, leads, asked, newest in rows
        if slots or applications or leads or asked
    ]


def _added(days: Sequence[tuple[int, ...]], months: Sequence[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """What is of the same place and cause added up, with the newest start of both."""
    sums = {row[:2]: row for row in days}
    for row in months:
        before = sums.get(row[:2])
        if before is None:
            sums[row[:2]] = row
        else:
            counts = map(int.__add__, map(int, before[2:6]), map(int, row[2:6]))
            sums[row[:2]] = (*row[:2], *counts, max(before[6] or 0, row[6] or 0))
    return list(sums.values())


def _summing(places: Sequence[int], stretches: Sequence[Stretch]) -> Select[Any]:
    within = or_(*((_c.start >= each.begin) & (_c.start < each.end) for each in stretches))
    newest = func.max(case((_c.slots > 0, _c.start)))
    return (
        select(_c.place, _c.cause, *(func.sum(_c[name]) for name in CAUSE_COUNTERS), newest)
        .where(_c.generation == LIVE, _c.grain == stretches[0].grain, _c.place.in_(places), within)
        .group_by(_c.place, _c.cause)
    )


def keys_of(connection: Connection, numbers: Collection[int]) -> dict[int, CauseKey]:
    """The causes that these numbers stand for."""
    ordered, found = sorted(numbers), {}
    for begin in range(0, len(ordered), _AT_ONCE):
        page = select(cause_key).where(_k.id.in_(ordered[begin : begin + _AT_ONCE]))
        found.update({row[0]: CauseKey(*row[1:]) for row in connection.execute(page)})
    return found
