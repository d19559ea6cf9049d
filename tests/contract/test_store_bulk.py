"""What every request goes through, on both databases: many ids and many rows to a statement."""

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import (
    Column,
    Connection,
    MetaData,
    String,
    Table,
    bindparam,
    create_engine,
    event,
    func,
    not_,
    select,
    text,
    update,
)
from sqlalchemy.exc import DBAPIError, IntegrityError, StatementError

from gateway.records import Entry
from gateway.store.bulk import among, insert_rows, read_rows, write_rows
from gateway.store.database import Database
from gateway.store.log import entry_row, entry_rows
from gateway.store.tables import audit_entry, audit_pending

_AMONG = select(audit_entry.c.id).where(among(audit_entry.c.id, "ids")).order_by(audit_entry.c.id)


@pytest.fixture
def connection(database_url: str) -> Iterator[Connection]:
    """A transaction in an empty database, as the stores' own connections are: parameters named, and hidden in errors."""
    style = {"paramstyle": "named"} if database_url.startswith("sqlite") else {}
    engine = create_engine(database_url, hide_parameters=True, **style)
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


_RENAME = update(audit_entry).where(audit_entry.c.id == bindparam("which")).values(caller=bindparam("told"))


@pytest.mark.parametrize("count", [1, 2, 3, 9])
def test_rows_for_several_tables_are_all_written(connection: Connection, make: Any, count: int) -> None:
    """In their order, as they were given, with the updates before them; few of them or many."""
    old = [make.entry(), make.entry()]
    write(connection, *old)
    given = [make.entry(caller='大厅\'s "%(id)s" %(id_0)s :id') for _ in range(count)]
    renamed = [{"which": each.id, "told": f"{each.id} %s"} for each in old]

    write_rows(connection, [(_RENAME, renamed), *entry_rows(given)])

    in_given = select(audit_entry).where(audit_entry.c.id.in_([each.id for each in given]))
    kept = connection.execute(in_given.order_by(audit_entry.c.id)).all()
    callers = connection.scalars(
        select(audit_entry.c.caller).where(audit_entry.c.id.in_([each.id for each in old]))
    )
    waiting = connection.scalars(select(audit_pending.c.entry_id).order_by(audit_pending.c.number)).all()
    assert [row._asdict() for row in kept] == [entry_row(entry) for entry in given]
    assert sorted(callers) == sorted(each["told"] for each in renamed)
    assert list(waiting) == [each.id for each in given]


def test_few_rows_are_one_statement_on_postgresql(connection: Connection, make: Any) -> None:
    """However many tables they go into; on SQLite, where a statement costs little, each has its own."""
    sent: list[str] = []
    is_sqlite = connection.dialect.name == "sqlite"
    if is_sqlite:
        connection.connection.driver_connection.set_trace_callback(sent.append)
    else:
        event.listen(
            connection, "before_cursor_execute", lambda _c, _cursor, statement, *_rest: sent.append(statement)
        )

    write_rows(connection, entry_rows([make.entry()]))

    assert len([each for each in sent if "INSERT" in each]) == (2 if is_sqlite else 1)


def test_what_breaks_one_table_breaks_all(connection: Connection, make: Any) -> None:
    """Nothing of it is written, and the error shows no value."""
    entry = make.entry(caller="secret")
    write(connection, entry)
    other = make.entry()

    with pytest.raises(IntegrityError) as refused, connection.begin_nested():
        write_rows(connection, entry_rows([other, entry]))

    assert "secret" not in str(refused.value.statement)
    assert read(connection, [other.id]) == []
    assert connection.scalar(select(func.count()).select_from(audit_pending)) == 0


_ROWS = select(audit_entry).where(among(audit_entry.c.id, "ids")).order_by(audit_entry.c.id)


def test_rows_are_read_as_sqlalchemy_reads_them(connection: Connection, make: Any) -> None:
    """Texts, bytes, what is absent, and times in UTC; no id and unknown ones give no row."""
    east = timezone(timedelta(hours=8))
    given = [make.entry(request="res_1"), make.entry(sealed=None, at=datetime(2026, 1, 1, 8, tzinfo=east))]
    write(connection, *given)
    ids = {"ids": [each.id for each in given]}

    found = read_rows(connection, _ROWS, ids)

    assert [tuple(row) for row in found] == [tuple(row) for row in connection.execute(_ROWS, ids)]
    assert [row[2].utcoffset() for row in found] == [timedelta(), timedelta()]
    assert list(read_rows(connection, _ROWS, {"ids": []})) == []
    assert list(read_rows(connection, _ROWS, {"ids": ["aud_unknown", "'; --"]})) == []


@pytest.mark.parametrize("work", [read_rows, write_rows], ids=["read", "write"])
def test_what_the_driver_raises_is_what_sqlalchemy_makes_of_it(connection: Connection, work: Any) -> None:
    """So that whoever runs a transaction knows a database in trouble; the error shows no value."""
    gone = Table("no_such_table", MetaData(), Column("id", String(40)))
    what = (
        (select(gone).where(among(gone.c.id, "ids")), {"ids": ["secret"]})
        if work is read_rows
        else ([(gone, [{"id": "secret"}])],)
    )

    with pytest.raises(DBAPIError) as raised:
        work(connection, *what)

    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("first", ["read", "write"])
async def test_a_transaction_begins_with_the_first_of_them(database_url: str, make: Any, first: str) -> None:
    """What was written before something failed is not there, also where nothing else had begun it."""
    database, entry = Database(database_url), make.entry()

    def work(connection: Connection) -> None:
        if first == "read":
            read_rows(connection, _ROWS, {"ids": [entry.id]})
        write_rows(connection, entry_rows([entry]))
        raise LookupError

    with pytest.raises(LookupError):
        await database.write(work)

    assert await database.read(lambda connection: read(connection, [entry.id])) == []
    await database.close()


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
