"""The table of 一人一档/一企一档: what persons and organisations let us keep for their next form.

Nothing personal stands in clear: `sealed` holds the value under its subject's key, and is emptied when the value ends.
What is left of an ended one says that an item was collected once more, which the reuse factor counts.
"""

from sqlalchemy import Column, ForeignKey, Index, LargeBinary, String, Table
from sqlalchemy import text as sql_text

from gateway.store.tables import UtcDateTime, metadata

_STANDS = sql_text("ended_at IS NULL")

profile_value = Table(
    "profile_value",
    metadata,
    Column("id", String(40), primary_key=True, comment="time-ordered"),
    Column("subject_ref", String(40), ForeignKey("subject.ref"), nullable=False),
    Column("item", String(100), nullable=False),
    Column("given_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False, comment="exclusive"),
    Column("purpose", String(100), nullable=False, comment="it was given for"),
    Column("form", String(100), nullable=False, comment="it was given in; empty: into the record itself"),
    Column("submission_id", String(40), comment="it was given with; null: into the record itself"),
    Column("entry_id", String(40), nullable=False),
    Column("sealed", LargeBinary, nullable=False, comment="the value; empty once it ended"),
    Column("ended_at", UtcDateTime, comment="null: it stands"),
    Column("ended", String(16), comment="superseded, deleted, expired or erased"),
    Column("differs_from", String(100), comment="source of a register that said something else"),
    Column("differs_at", UtcDateTime, comment="when that was asked"),
    Index(None, "subject_ref", "item", postgresql_where=_STANDS, sqlite_where=_STANDS),
    Index(None, "expires_at", postgresql_where=_STANDS, sqlite_where=_STANDS),
    Index(None, "given_at"),
)
