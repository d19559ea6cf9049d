"""What every request goes through, on both databases: many ids and many rows to a statement."""

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import Connection, bindparam, create_engine, func, not_, select, text
from sqlalchemy.exc import StatementError

from gateway.records import Entry
from gateway.store.bulk import among, insert_rows
from gateway.store.log import entry_row
from gateway.store.tables import audit_entry

_AMONG = select(audit_entry.c.id).where(among(audit_entry.c.id, "ids")).order_by(audit_entry.c.id)


@pytest.fixture
def connection(database_url: str) -> Iterator[Connection]:
    """A transaction in an empty database, as the stores' own connections are: with named parameters."""
    style = {"paramstyle": "named"} if database_url.startswith("sqlite") else {}
    engine = create_engine(database_url, **style)
    with engine.connect() as opened:
        yield opened
    engine.dispose()


def write(connection: Connection, *entries: Entry) -> None:
    """Insert those entries."""
    insert_rows(connection, audit_entry, [entry_row(entry) for entry in entries])


def read(connection: Connection, ids: list[str]) -> list[str]:
    """Those of the ids that are there."""
    return list(connection.scalars(_AMONG, {"ids": ids}))


def test_rows_come_back_as_they_were_given(connection: Connection, make: Any) -> None:
    """Texts, bytes, times and what is absent are the same after the way past SQLAlchemy."""
    given = [make.entry(request="res_1"), make.entry(sealed=None), make.entry(caller='大厅\'s "%(id)s" :id')]
    write(connection, *given)

    found = connection.execute(select(audit_entry).order_by(audit_entry.c.id)).all()

    assert [row._asdict() for row in found] == [entry_row(entry) for entry in given]


def test_times_are_kept_in_utc_and_sort(connection: Connection, make: Any) -> None:
    """Whatever their zone, and with or without a fraction of a second: the database compares them rightly."""
    east = timezone(timedelta(hours=8))
    times = [datetime(2026, 1, 1, 8, 0, 0, 5, tzinfo=east), datetime(2026, 1, 1, 7, 59, 59, tzinfo=east)]
    times += [datetime(2026, 1, 1, 8, 0, 0, tzinfo=east)]
    write(connection, *(make.entry(at=at) for at in times))

    kept = list(connection.scalars(select(audit_entry.c.at).order_by(audit_entry.c.at)))
    until = list(connection.scalars(select(audit_entry.c.at).where(audit_entry.c.at < times[0])))

    assert kept == sorted(times)
    assert {at.utcoffset() for at in kept} == {timedelta()}
    assert sorted(until) == sorted(times[1:])


def test_a_time_without_zone_is_refused(connection: Connection, make: Any) -> None:
    """As any other statement does it; nothing of it is written, and the error shows no value."""
    entry = make.entry(at=datetime(2026, 1, 1), caller="secret")  # noqa: DTZ001  (what is refused)

    with pytest.raises(StatementError, match="naive time") as refused:
        write(connection, entry)

    assert "secret" not in str(refused.value)
    assert connection.scalar(select(func.count()).select_from(audit_entry)) == 0


def test_no_rows_are_no_statement(connection: Connection) -> None:
    """Nothing to write writes nothing."""
    write(connection)

    assert connection.scalar(select(func.count()).select_from(audit_entry)) == 0


def test_any_number_of_ids_is_one_statement(connection: Connection, make: Any) -> None:
    """None, one, or more than a statement may have parameters."""
    one, other = make.entry(), make.entry()
    write(connection, one, other)

    assert read(connection, []) == []
    assert read(connection, [other.id, "aud_unknown", "'; --", '"', "\\"]) == [other.id]
    assert read(connection, [*(f"aud_{number}" for number in range(70_000)), other.id, one.id]) == [
        one.id,
        other.id,
    ]


def test_it_stands_beside_other_conditions(connection: Connection, make: Any) -> None:
    """It can be negated and joined like any other condition."""
    one, other = make.entry(), make.entry(request="res_1")
    write(connection, one, other)
    is_among = among(audit_entry.c.id, "ids")
    rest = select(audit_entry.c.id).where(not_(is_among))
    narrow = select(audit_entry.c.id).where(is_among, audit_entry.c.request == bindparam("request"))

    assert list(connection.scalars(rest, {"ids": [one.id]})) == [other.id]
    assert list(connection.scalars(narrow, {"ids": [one.id, other.id], "request": "res_1"})) == [other.id]


def test_ids_are_found_by_index(connection: Connection) -> None:
    """Neither database reads the whole table for a few ids."""
    if connection.dialect.name == "sqlite":
        plan = connection.execute(text(f"EXPLAIN QUERY PLAN {_written(connection)}"), {"ids": "[]"})
    else:
        connection.execute(text("SET LOCAL enable_seqscan = off"))  # the table is empty: it would be right
        plan = connection.execute(text(f"EXPLAIN {_written(connection)}"), {"ids": ["aud_1"]})
    steps = " ".join(str(row) for row in plan)

    assert "autoindex_audit_entry" in steps or "pk_audit_entry" in steps
    assert "SCAN audit_entry" not in steps
    assert "Seq Scan" not in steps


def _written(connection: Connection) -> str:
    compiled = str(_AMONG.compile(dialect=connection.dialect))
    return compiled.replace("%(ids)s::VARCHAR[]", "CAST(:ids AS VARCHAR[])")
