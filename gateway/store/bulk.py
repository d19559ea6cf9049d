"""Many ids and many rows to a statement, as cheaply as the database takes them: for what every request goes through.

`among`: a list of ids is one parameter, so that the statement is the same text for every list; SQLAlchemy writes an
expanding `IN` anew for each call. `insert_rows`: SQLAlchemy writes the statement, once, but the rows go to the driver
past it; it prepares row by row in Python, which was a fifth of what inserting an answer costs. `write_rows`: a few
rows for several tables are one statement on PostgreSQL, where each costs Python and server 0.2 ms: a lone passage of a
gate then takes two statements, not five. `read_rows`: past SQLAlchemy for reading, too, on SQLite, where it takes a
third of that.
"""

import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache, partial
from typing import Any

import orjson
from sqlalchemy import Column, Connection, Select, String, Table, Text, Update, bindparam, insert
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.engine import Dialect
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.exc import DBAPIError, StatementError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator, TypeEngine

from gateway.store.tables import UtcDateTime

_FEW_ROWS = 8  # in one statement: every number of them is another statement, which the server has to learn
_NAMED = re.compile(r"%\((\w+)\)s")


class _Texts(TypeDecorator[list[str]]):
    """A list of texts as one parameter: an array, or JSON where there are none."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(Text() if dialect.name == "sqlite" else ARRAY(String()))

    def process_bind_param(self, value: list[str] | None, dialect: Dialect) -> Any:
        return orjson.dumps(value).decode() if dialect.name == "sqlite" else value


class among(FunctionElement[bool]):  # noqa: N801  (stands in a statement as a function does)
    """Whether a text column is one of the texts in the parameter `name`, a list of any length."""

    # No type of its own: a boolean would become `(...) = 1` on SQLite, which no index serves.
    inherit_cache = True

    def __init__(self, column: Column[str], name: str) -> None:
        super().__init__(column, bindparam(name, type_=_Texts()))


@compiles(among)
def _any(element: among, compiler: SQLCompiler, **options: Any) -> str:
    column, texts = (compiler.process(each, **options) for each in element.clauses)
    return f"({column} = ANY({texts}))"


@compiles(among, "sqlite")
def _json_each(element: among, compiler: SQLCompiler, **options: Any) -> str:
    column, texts = (compiler.process(each, **options) for each in element.clauses)
    return f"({column} IN (SELECT value FROM json_each({texts})))"  # noqa: S608  (compiled parts)


def read_rows(
    connection: Connection, query: Select[Any], values: Mapping[str, Sequence[str]]
) -> Sequence[Sequence[Any]]:
    """The rows of a query whose parameters are the lists of `among`; its times are as `UtcDateTime` has them.

    Safe only for columns of which drivers give text, bytes, integers or times.
    """
    dialect = connection.dialect
    text, times, bind, of_time = _query(query, dialect)
    bound = {name: bind(each) for name, each in values.items()}
    rows: Sequence[Sequence[Any]]
    if dialect.name == "sqlite":
        with _of_sqlite(connection) as cursor:
            cursor.execute(text, bound)
            rows = cursor.fetchall()
    else:  # through SQLAlchemy, which knows what is to be known of a line that breaks
        rows = connection.exec_driver_sql(text, bound).all()
    if not times:
        return rows
    found = [list(row) for row in rows]
    for row in found:
        for place in times:
            row[place] = of_time(row[place])
    return found


@contextmanager
def _of_sqlite(connection: Connection) -> Iterator[DBAPICursor]:
    """A cursor of the driver; what it raises becomes what SQLAlchemy makes of it."""
    if not connection.in_transaction():
        connection.begin()  # as any statement of SQLAlchemy's does
    try:
        cursor = connection.connection.cursor()
        try:
            yield cursor
        finally:
            cursor.close()
    except sqlite3.Error as error:
        raise DBAPIError.instance(None, None, error, sqlite3.Error, hide_parameters=True) from error


@lru_cache(maxsize=32)
def _query(
    query: Select[Any], dialect: Dialect
) -> tuple[str, tuple[int, ...], Callable[[Any], Any], Callable[[Any], Any]]:
    compiled = query.compile(dialect=dialect)
    columns = enumerate(query.selected_columns)
    times = tuple(place for place, column in columns if isinstance(column.type, UtcDateTime))
    bind = partial(_Texts().process_bind_param, dialect=dialect)
    return str(compiled), times, bind, UtcDateTime().result_processor(dialect, None)


def insert_rows(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows that name the same columns of `table`. They are used up: their times become what the driver takes.

    Safe only for tables whose other columns hold what drivers take as it is: text, bytes, integers.
    """
    write_rows(connection, [(table, rows)])


Part = tuple[Table | Update, Sequence[dict[str, Any]]]
"""Rows and the table they go into, or the update that is done once for each."""


def write_rows(connection: Connection, parts: Sequence[Part]) -> None:
    """Insert rows as `insert_rows` does, into each table its own, in that order; an update is done once for each row.

    Safe only where no part reads what another one writes, foreign keys apart, and no two change one row; and for
    updates whose parameters drivers take as they are.
    """
    texts = [(_text(connection.dialect, what, rows), rows) for what, rows in parts if rows]
    number = sum(len(rows) for _, rows in texts)
    if connection.dialect.name == "sqlite":
        with _of_sqlite(connection) as cursor:
            for text, rows in texts:
                cursor.executemany(text, rows)
        return
    if not 1 < number <= _FEW_ROWS:
        for text, rows in texts:
            connection.exec_driver_sql(text, list(rows))
        return
    values = {
        f"{name}_{part}_{place}": value
        for part, (_, rows) in enumerate(texts)
        for place, row in enumerate(rows)
        for name, value in row.items()
    }
    connection.exec_driver_sql(_at_once(tuple((text, len(rows)) for text, rows in texts)), values)


@lru_cache(maxsize=128)
def _at_once(parts: tuple[tuple[str, int], ...]) -> str:
    # Parts of one statement are done in whatever order; the rows of one INSERT in theirs.
    single = [each for part, (text, count) in enumerate(parts) for each in _of_rows(text, part, count)]
    before = ", ".join(f"w{place} AS ({text})" for place, text in enumerate(single[:-1]))
    return f"WITH {before} {single[-1]}" if before else single[-1]


def _of_rows(text: str, part: int, count: int) -> list[str]:
    head, values, row = text.partition(" VALUES ")
    rows = [_NAMED.sub(rf"%(\1_{part}_{place})s", row if values else head) for place in range(count)]
    return [f"{head}{values}{', '.join(rows)}"] if values else rows


def _text(dialect: Dialect, what: Table | Update, rows: Sequence[dict[str, Any]]) -> str:
    if isinstance(what, Update):
        return _modification(what, dialect)
    statement, times, bind = _insertion(what, tuple(rows[0]), dialect)
    try:
        for row in rows:
            for name in times:
                row[name] = bind(row[name])
    except ValueError as error:  # what SQLAlchemy makes of it where it binds
        raise StatementError("naive time", statement, None, error, hide_parameters=True) from error
    return statement


@lru_cache(maxsize=32)
def _insertion(
    table: Table, names: tuple[str, ...], dialect: Dialect
) -> tuple[str, tuple[str, ...], Callable[[Any], Any]]:
    times = tuple(name for name in names if isinstance(table.c[name].type, UtcDateTime))
    statement = insert(table).inline().compile(dialect=dialect, column_keys=list(names))  # returns nothing
    return str(statement), times, UtcDateTime().bind_processor(dialect)


@lru_cache(maxsize=8)
def _modification(statement: Update, dialect: Dialect) -> str:
    return str(statement.compile(dialect=dialect))
