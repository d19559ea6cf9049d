"""Many ids and many rows to a statement, as cheaply as the database takes them: for what every request goes through.

`among`: a list of ids is one parameter, so that the statement is the same text for every list; SQLAlchemy writes an
expanding `IN` anew for each call. `insert_rows`: SQLAlchemy writes the statement, once, but the rows go to the driver
past it; it prepares row by row in Python, which was a fifth of what inserting an answer costs.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import orjson
from sqlalchemy import Column, Connection, String, Table, Text, bindparam, insert
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import StatementError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator, TypeEngine

from gateway.store.tables import UtcDateTime


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


def insert_rows(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows that name the same columns of `table`. They are used up: their times become what the driver takes.

    Safe only for tables whose other columns hold what drivers take as it is: text, bytes, integers.
    """
    if not rows:
        return
    statement, times, bind = _insertion(table, tuple(rows[0]), connection.dialect)
    try:
        for row in rows:
            for name in times:
                row[name] = bind(row[name])
    except ValueError as error:  # what SQLAlchemy makes of it where it binds
        raise StatementError("naive time", statement, None, error, hide_parameters=True) from error
    connection.exec_driver_sql(statement, list(rows))


@lru_cache(maxsize=32)
def _insertion(
    table: Table, names: tuple[str, ...], dialect: Dialect
) -> tuple[str, tuple[str, ...], Callable[[Any], Any]]:
    times = tuple(name for name in names if isinstance(table.c[name].type, UtcDateTime))
    statement = insert(table).compile(dialect=dialect, column_keys=list(names))
    return str(statement), times, UtcDateTime().bind_processor(dialect)
