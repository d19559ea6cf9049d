"""Tables of what was submitted: the application, its frozen slots, and which of those are still to be counted.

Nothing personal stands in clear: `sealed` holds the final values, and is emptied when their time is over; a snapshot
holds paths and codes.
"""

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy import text as sql_text

from gateway.store.tables import UtcDateTime, metadata

submission = Table(
    "submission",
    metadata,
    Column("id", String(40), primary_key=True, comment="time-ordered"),
    Column("resolution_id", String(40), nullable=False),
    Column("caller", String(100), nullable=False),
    Column("department", String(100), nullable=False, comment="of the caller"),
    Column("form", String(100), nullable=False),
    Column("form_version", Integer, nullable=False),
    Column("submitted_at", UtcDateTime, nullable=False),
    Column("entry_id", String(40), nullable=False),
    Column(
        "digest", String(64), nullable=False, comment="keyed digest of what was sent: the same twice is one"
    ),
    Column("roles", Text, nullable=False, comment="JSON: role to reference of its subject"),
    Column("subjects", Text, comment="references whose keys seal the values together; null: the root's does"),
    Column("keep_until", UtcDateTime, nullable=False),
    Column("sealed", LargeBinary, comment="the final values; null once purged"),
    Column("said", Text, nullable=False, comment="JSON: what was answered beside the slots; no value"),
    UniqueConstraint("resolution_id"),
    Index(None, "caller", "id"),
    Index(
        None,
        "keep_until",
        postgresql_where=sql_text("sealed IS NOT NULL"),
        sqlite_where=sql_text("sealed IS NOT NULL"),
    ),
)

submission_subject = Table(
    "submission_subject",
    metadata,
    Column("subject_ref", String(40), primary_key=True, comment="somebody the application is about"),
    Column("submission_id", String(40), ForeignKey("submission.id"), primary_key=True),
)

typed_answers = Table(
    "typed_answers",
    metadata,
    Column("resolution_id", String(40), ForeignKey("resolution.id"), primary_key=True),
    Column("caller", String(100), nullable=False),
    Column("form", String(100), nullable=False),
    Column("keep_until", UtcDateTime, nullable=False),
    Column("subjects", Text, comment="references whose keys seal them together; null: the root's does"),
    Column("sealed", LargeBinary, comment="what was typed before its time was over; null once purged"),
    Index(
        None,
        "keep_until",
        postgresql_where=sql_text("sealed IS NOT NULL"),
        sqlite_where=sql_text("sealed IS NOT NULL"),
    ),
)

snapshot = Table(
    "snapshot",
    metadata,
    Column("submission_id", String(40), ForeignKey("submission.id"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False, comment="from 1; the highest counts"),
    Column("at", UtcDateTime, nullable=False),
    Column("form", String(100), nullable=False),
    Column("form_version", Integer, nullable=False),
    Column("matter", String(100), nullable=False),
    Column("department", String(100), nullable=False),
    Column("segment", String(24), nullable=False),
    Column("registry_version", Integer, nullable=False),
    Column("policy_version", Integer, nullable=False),
    Column("definition", String(16), nullable=False),
    Column("baseline", Integer, comment="slots of the form's baseline at that time"),
    Column("is_test", Boolean, nullable=False),
    Column("slots", LargeBinary, nullable=False, comment="JSON of gateway.slots.to_facts, zlib"),
    Index(None, "form", "at"),
    Index(None, "at"),
)

snapshot_uncounted = Table(
    "snapshot_uncounted",
    metadata,
    Column("submission_id", String(40), primary_key=True, comment="not yet in the roll-ups"),
    Column("number", Integer, primary_key=True, autoincrement=False),
)
