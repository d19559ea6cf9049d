"""The pure half of `sql`: which statements may be configured, and database rows → replies."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

from connectors import mapping as m
from connectors.errors import BadConfiguration
from connectors.protocol import Reply
from field_registry import Ask
from field_registry.items import Datatype

PARAMETERS = frozenset({"id_no", "id_type"})
"""What a statement may name."""

MAX_ROWS = 1000
"""Rows of a repeating item; more means that the statement does not ask for one subject."""

Row = dict[str, Any]

_COMMENTS = re.compile(r"^(\s+|--[^\n]*(\n|$)|/\*.*?\*/)+", re.DOTALL)
_READS = re.compile(r"(select|with)\b", re.IGNORECASE)
_WRITES = re.compile(r"\b(into|insert|update|delete|merge|call|for\s+share)\b", re.IGNORECASE)


def check_statement(statement: str, where: str) -> str:
    """The statement without its closing semicolon; raises `BadConfiguration` unless it is one SELECT for one subject.

    A first fence only, and a coarse one (it refuses the word INTO in a text, too): the connection is read-only
    whatever the statement says.
    """
    text = statement.strip().removesuffix(";").rstrip()
    if ";" in text:
        raise BadConfiguration(f"{where}: must be a single statement, without ';'")
    if not _READS.match(_COMMENTS.sub("", text)):
        raise BadConfiguration(f"{where}: must begin with SELECT or WITH; a source is only read")
    written = _WRITES.search(text)
    if written is not None:
        raise BadConfiguration(f"{where}: must not contain {written[0]!r}; a source is only read")
    return text


def check_parameters(names: Sequence[str], where: str) -> None:
    """Raises `BadConfiguration` unless the statement asks for one subject and names nothing we do not have."""
    unknown = sorted(set(names) - PARAMETERS)
    if unknown:
        raise BadConfiguration(f"{where}: :{unknown[0]} is not known. Known: :id_no, :id_type")
    if "id_no" not in names:
        raise BadConfiguration(f"{where}: must name :id_no, or everybody would get the same record")


def rows_wanted(asks: Sequence[Ask], configured: Mapping[str, Any]) -> list[str]:
    """The names of the row statements that these asks need, in order, each once."""
    names = (ask.binding.attribute for ask in asks if ask.item.datatype is Datatype.rows)
    return [name for name in dict.fromkeys(names) if name in configured]


def interpret(
    records: Sequence[Row],
    lists: Mapping[str, Sequence[Row]],
    asks: Sequence[Ask],
    *,
    echo: str | None,
    recorded_at: str | None,
) -> Sequence[Reply]:
    """One reply per ask from the rows of the main statement and those of the row statements, by name."""
    if not records:
        return m.every(asks, m.NOT_FOUND)
    if len(records) > 1:
        return m.every(asks, m.AMBIGUOUS)
    record = {**records[0], **lists}
    about = m.about_record(record, (echo,) if echo else None, (recorded_at,) if recorded_at else None)
    return m.replies_from(record, asks, about)


def plain(cells: Iterable[tuple[Any, Any]]) -> Row:
    """The row of these cells, each as JSON would carry it; dates in ISO 8601, decimals as text with their scale."""
    return {str(column): _plain_cell(cell) for column, cell in cells}


def _plain_cell(cell: Any) -> Any:
    if cell is None or isinstance(cell, str | bool | int | float):
        return cell
    if isinstance(cell, date | datetime | time):
        return cell.isoformat()
    if isinstance(cell, Decimal | UUID):
        return str(cell)
    if isinstance(cell, dict | list):
        return cell  # a json column
    return {"unreadable": type(cell).__name__}  # a blob: no item takes an object, so it ends as invalid_value
