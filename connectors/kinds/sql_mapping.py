"""The pure half of `sql`: which statements may be configured, and database rows → replies."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

from connectors import mapping as m
from connectors.errors import BadConfiguration
from connectors.protocol import Found, Record, Reply
from field_registry import Ask, Missing, OutcomeCode, Subject
from field_registry.identifiers import same_identifier
from field_registry.items import Datatype

PARAMETERS = frozenset({"id_no", "id_type", "issuer"})
"""What a statement may name; `issuer` is empty where nobody said the country."""

MAX_ROWS = 1000
"""Rows of a repeating item; more means that the statement does not ask for one subject."""

Row = dict[str, Any]

_COMMENTS = re.compile(r"^(\s+|--[^\n]*(\n|$)|/\*.*?\*/)+", re.DOTALL)
_READS = re.compile(r"(select|with)\b", re.IGNORECASE)
_WRITES = re.compile(
    r"\b(into|insert|update|delete|merge|call|for\s+share|lock\s+in\s+share\s+mode|get_lock|set_config)\b",
    re.IGNORECASE,
)
_ORDERS = re.compile(r"/\*M?!|/\*\+(?=[^*]*(?:max_execution_time|set_var))", re.IGNORECASE)
"""What MySQL and MariaDB carry out though it looks like a comment."""

_ANOTHERS = Missing(OutcomeCode.wrong_subject, "a rows statement gave rows of several others")


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
    order = _ORDERS.search(text)
    if order is not None:
        raise BadConfiguration(
            f"{where}: must not contain {order[0]!r}: some databases obey what stands in it"
        )
    return text


def check_parameters(names: Sequence[str], where: str) -> None:
    """Raises `BadConfiguration` unless the statement asks for one subject and names nothing we do not have."""
    unknown = sorted(set(names) - PARAMETERS)
    if unknown:
        raise BadConfiguration(f"{where}: :{unknown[0]} is not known. Known: :id_no, :id_type, :issuer")
    if "id_no" not in names:
        raise BadConfiguration(f"{where}: must name :id_no, or everybody would get the same record")


@dataclass(frozen=True, slots=True)
class AboutColumns:
    """Columns that say whom a record is about and since when; `rows_echo`: those of row statements, by their names."""

    echo: str | None
    recorded_at: str | None
    rows_echo: Mapping[str, str]


def about_columns(config: Mapping[str, Any]) -> AboutColumns:
    """The columns that a configuration names. Raises `BadConfiguration` for rows that are not asked for."""
    rows_echo: Mapping[str, str] = config.get("rows_echo", {})
    unknown = sorted(set(rows_echo) - set(config.get("rows", {})))
    if unknown:
        raise BadConfiguration(f"rows_echo.{unknown[0]}: there is no such statement under rows")
    return AboutColumns(config.get("echo"), config.get("recorded_at"), rows_echo)


def check_loose_rows(config: Mapping[str, Any]) -> None:
    """Raises `BadConfiguration` when rows of somebody else would not be noticed. For databases that compare loosely."""
    bare = sorted(set(config.get("rows", {})) - set(config.get("rows_echo", {})))
    if bare and not config.get("no_echo"):
        raise BadConfiguration(
            "rows_echo: MySQL compares loosely ('é' is 'e', a column of numbers takes the nearest), so "
            f"rows.{bare[0]} could give another's rows; select the identifier too and name its column: "
            f'rows_echo: {{{bare[0]}: ...}}, or say why it repeats none: no_echo: "..."'
        )


def rows_wanted(asks: Sequence[Ask], configured: Mapping[str, Any]) -> list[str]:
    """The names of the row statements that these asks need, in order, each once."""
    names = (ask.binding.attribute for ask in asks if ask.item.datatype is Datatype.rows)
    return [name for name in dict.fromkeys(names) if name in configured]


def interpret(
    records: Sequence[Row],
    lists: Mapping[str, Sequence[Row]],
    asks: Sequence[Ask],
    subject: Subject,
    columns: AboutColumns,
) -> Sequence[Reply]:
    """One reply per ask from the rows of the main statement and those of the row statements, by name."""
    if not records:
        return m.every(asks, m.NOT_FOUND)
    if len(records) > 1:
        return m.every(asks, m.AMBIGUOUS)
    record = {**records[0], **lists}
    about = m.about_record(record, _where(columns.echo), _where(columns.recorded_at))
    replies = m.replies_from(record, asks, about)
    judged = {
        name: _about_rows(lists[name], column, subject, about)
        for name, column in columns.rows_echo.items()
        if name in lists
    }
    if not judged:
        return replies
    return [
        _as_judged(reply, judged.get(ask.binding.attribute)) for ask, reply in zip(asks, replies, strict=True)
    ]


def _where(column: str | None) -> m.Pointer | None:
    return None if column is None else (column,)


def _about_rows(rows: Sequence[Row], column: str, subject: Subject, about: Record) -> Record | Missing:
    """Whom the rows say they are about: the record itself when each names the subject.

    One other is for whoever judges echoes to know (it may be another document of the subject); of several, some row
    is somebody else's.
    """
    echoes = {m.about_record(row, (column,), None).echo or "" for row in rows}
    others = [echo for echo in echoes if not same_identifier(subject.id_type, subject.id_no, echo)]
    if len(others) > 1:
        return _ANOTHERS
    return Record(others[0], about.recorded_at) if others else about


def _as_judged(reply: Reply, about: Record | Missing | None) -> Reply:
    if about is None or isinstance(reply, Missing):
        return reply
    return about if isinstance(about, Missing) else Found(reply.raw, about)


def plain(cells: Iterable[tuple[Any, Any]]) -> Row:
    """The row of these cells, each as JSON would carry it; dates in ISO 8601, decimals as text with their scale."""
    return {str(column): _plain_cell(cell) for column, cell in cells}


def _plain_cell(cell: Any) -> Any:
    if cell is None or isinstance(cell, str | bool | int | float):
        return cell
    if isinstance(cell, date | datetime | time):
        return cell.isoformat()
    if isinstance(cell, Decimal):
        return format(cell, "f")  # str() would give a zero of many places as 0E-10
    if isinstance(cell, UUID):
        return str(cell)
    if isinstance(cell, dict | list):
        return cell  # a json column
    return {"unreadable": type(cell).__name__}  # a blob: no item takes an object, so it ends as invalid_value
