"""Answers that are still kept and tell of one subject, found by the log: a draft itself names only whose keys seal it.

Who was asked about beside them, or by another document of theirs, stands in the leaf of the intent.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select, update

from gateway.records import EntryKind
from gateway.store.bulk import among
from gateway.store.tables import audit_about, audit_entry, audit_pending, audit_place, resolution
from gateway.store.tree import standing_at

# Answers are kept 24 hours at most, what was typed into them a day or two longer; and a day, should clocks differ.
_DRAFTS_LIVE = timedelta(days=5)
PLACED = audit_about.join(audit_place, standing_at(audit_about.c.index)).join(
    audit_entry, audit_entry.c.id == audit_place.c.entry_id
)
"""Entries with a place, by whom they are about."""

_TOLD = audit_entry.c.kind.in_([EntryKind.intent.value, EntryKind.outcome.value])


def answers_about(connection: Connection, ref: str, at: datetime) -> list[str]:
    """The resolutions of the last days that tell of that subject, among others perhaps."""
    # Those that wait first: one that is given its place meanwhile is then found there.
    waiting: Any = (
        select(audit_entry.c.request, audit_entry.c.leaf)
        .join_from(audit_pending, audit_entry, audit_entry.c.id == audit_pending.c.entry_id)
        .where(_TOLD)
    )
    ids = {row[0] for row in connection.execute(waiting) if ref.encode() in row[1]}
    placed = (
        select(audit_entry.c.request)
        .select_from(PLACED)
        .where(audit_about.c.subject_ref == ref, _TOLD, audit_entry.c.at >= at - _DRAFTS_LIVE)
    )
    return sorted(ids | set(connection.scalars(placed)))


def empty_answers(connection: Connection, ids: Collection[str]) -> int:
    """Empty those answers; how many were still kept."""
    emptied = update(resolution).where(among(resolution.c.id, "ids"), resolution.c.sealed.is_not(None))
    return connection.execute(emptied.values(sealed=None), {"ids": sorted(ids)}).rowcount
