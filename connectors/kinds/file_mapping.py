"""The pure half of `file`: a table → an index by key → replies."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from connectors import mapping as m
from connectors.errors import SourceBroken
from connectors.protocol import Record, Reply
from field_registry import Ask
from field_registry.items import Datatype

Line = dict[str, Any]
Index = Mapping[str, Sequence[Line]]


def build_index(table: Iterable[Sequence[Any]], key: str) -> Index:
    """The lines of a table (its header first) by their key; lines without one are left out.

    Raises `SourceBroken` when the header lacks the key or names a column twice: the drop is not what was agreed.
    """
    lines = iter(table)
    header = [str(cell).strip() for cell in next(lines, ())]
    named = [column for column in header if column]
    if key not in named:
        raise SourceBroken("the file's header does not have the key column")
    if len(set(named)) != len(named):
        raise SourceBroken("the file's header names a column twice")
    index: dict[str, list[Line]] = {}
    for cells in lines:
        line = {column: cell for column, cell in zip(header, cells, strict=False) if column}
        identifier = key_text(line.get(key))
        if identifier:
            index.setdefault(identifier, []).append(line)
    return index


def key_text(cell: Any) -> str:
    """A key as it is compared: trimmed, upper case; a whole number (as spreadsheets make of digits) without its ".0".

    >>> key_text(" 35058219910603996x ")
    '35058219910603996X'
    """
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    return "" if cell is None else str(cell).strip().upper()


def interpret(
    lines: Sequence[Line], asks: Sequence[Ask], *, echo: str | None, recorded_at: str | None
) -> Sequence[Reply]:
    """One reply per ask from the lines of one key. A repeating item takes all lines; any other needs exactly one."""
    if not lines:
        return m.every(asks, m.NOT_FOUND)
    places = (echo,) if echo else None, (recorded_at,) if recorded_at else None
    abouts = [m.about_record(line, *places) for line in lines]
    if len({about.echo for about in abouts}) > 1:
        raise SourceBroken("the lines under one key are not about one subject")
    return [_reply(lines, ask, abouts[0]) for ask in asks]


def _reply(lines: Sequence[Line], ask: Ask, about: Record) -> Reply:
    if ask.item.datatype is Datatype.rows:
        return m.rows_reply(list(lines), ask.columns, about)
    if len(lines) > 1:
        return m.AMBIGUOUS
    return m.replies_from(lines[0], [ask], about)[0]
