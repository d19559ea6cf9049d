"""Rows of other tables gathered into one column, so that one statement reads what belongs together.

A round trip to a database server costs more than what is read by it; five statements for one form are five of them.
`json_rows`: rows as a JSON list of lists, to be put into a sub-select. `hexed`: bytes as JSON can hold them.
`is_word_of`: whether a text is one of those that stand in a column with spaces between, by an index on the former.
"""

from collections.abc import Callable
from typing import Any

import orjson
from sqlalchemy import Column, ColumnElement, Text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement


class json_rows(FunctionElement[str]):  # noqa: N801  (stands in a statement as a function does)
    """The rows of a select, each a list of these columns, as one text."""

    type = Text()
    inherit_cache = True

    def __init__(self, *columns: ColumnElement[Any]) -> None:
        super().__init__(*columns)


class hexed(FunctionElement[str]):  # noqa: N801
    """A column of bytes as hexadecimal text."""

    type = Text()
    inherit_cache = True

    def __init__(self, column: Column[bytes]) -> None:
        super().__init__(column)


class is_word_of(FunctionElement[bool]):  # noqa: N801
    """Whether a text column is one of the words in another one. Safe only for words such as references, never for text.

    Has no type of its own, as `gateway.store.bulk.among` has none.
    """

    inherit_cache = True

    def __init__(self, column: Column[str], words: Column[str]) -> None:
        super().__init__(column, words)


def read_rows(text: str | None) -> list[list[Any]]:
    """What `json_rows` gathered; PostgreSQL gathers nothing as null."""
    return orjson.loads(text) if text else []


def _compiled(template: str) -> Callable[..., str]:
    def compile_it(element: FunctionElement[Any], compiler: SQLCompiler, **options: Any) -> str:
        parts = [compiler.process(each, **options) for each in element.clauses]
        return template.format(*parts, all=", ".join(parts))

    return compile_it


_POSTGRES = {
    json_rows: "CAST(json_agg(json_build_array({all})) AS TEXT)",
    hexed: "encode({0}, 'hex')",
    is_word_of: "({0} = ANY(string_to_array({1}, ' ')))",
}
_SQLITE = {
    json_rows: "json_group_array(json_array({all}))",
    hexed: "hex({0})",
    is_word_of: "({0} IN (SELECT value FROM json_each('[\"' || replace({1}, ' ', '\",\"') || '\"]')))",
}
for _function, _template in _POSTGRES.items():
    compiles(_function)(_compiled(_template))
for _function, _template in _SQLITE.items():
    compiles(_function, "sqlite")(_compiled(_template))
