"""The log in SQL: entries as they are written. Whoever writes one puts its id among those that wait for a place.

Both are one transaction, and neither is ever changed. The trees over the entries are `gateway.store.tree`.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from gateway.records import Entry, EntryKind
from gateway.store.bulk import Part, write_rows
from gateway.store.tables import audit_entry, audit_pending


def write_entries(connection: Connection, entries: Sequence[Entry]) -> None:
    """Append entries, and let them wait for their places."""
    write_rows(connection, entry_rows(entries))


def entry_rows(entries: Sequence[Entry]) -> list[Part]:
    """What `write_rows` wants for it, where more is written at once."""
    return [
        (audit_entry, [entry_row(entry) for entry in entries]),
        (audit_pending, [{"entry_id": entry.id} for entry in entries]),
    ]


def entry_row(entry: Entry) -> dict[str, Any]:
    """The columns of one entry."""
    return {
        "id": entry.id,
        "kind": str(entry.kind),
        "at": entry.at,
        "request": entry.request,
        "caller": entry.caller,
        "leaf": entry.leaf,
        "sealed": entry.sealed,
        "actor_key": entry.actor_key,
        "case_key": entry.case_key,
    }


def entry_of(row: Sequence[Any]) -> Entry:
    """An entry from the columns of its table."""
    entry_id, kind, *rest = row
    return Entry(entry_id, EntryKind(kind), *rest)
