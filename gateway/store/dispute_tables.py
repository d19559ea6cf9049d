"""Tables of disputes: the tickets, every step of each, and what clients are to be told by webhook.

Nothing personal stands in clear: a ticket's `sealed` holds the reason, both values and the evidence, a step's the words
of whoever took it, both under the subject's key. A message holds references, paths and codes.
"""

from sqlalchemy import Column, Date, ForeignKey, Index, Integer, LargeBinary, String, Table, Text
from sqlalchemy import text as sql_text

from gateway.store.tables import UtcDateTime, metadata

_UNCOUNTED = sql_text("state = 'corrected' AND counted_at IS NULL")

dispute = Table(
    "dispute",
    metadata,
    Column("id", String(40), primary_key=True, comment="time-ordered"),
    Column("subject_ref", String(40), ForeignKey("subject.ref"), nullable=False),
    Column("item", String(100), nullable=False),
    Column("source", String(100), nullable=False, comment="which said it"),
    Column("department", String(100), nullable=False, comment="that has to answer"),
    Column("path", Text, nullable=False, comment="the slot it was shown in"),
    Column("submission_id", String(40)),
    Column("resolution_id", String(40)),
    Column("state", String(16), nullable=False),
    Column("opened_at", UtcDateTime, nullable=False),
    Column("due", Date, nullable=False, comment="the working day by whose end"),
    Column(
        "first_due", Date, nullable=False, comment="the same as it was when it was opened; it never moves"
    ),
    Column("entry_id", String(40), nullable=False),
    Column("sealed", LargeBinary, nullable=False, comment="reason, values, evidence; empty once erased"),
    Column("level", Integer, nullable=False, comment="how often it was escalated"),
    Column("reminded_at", UtcDateTime),
    Column("closed_at", UtcDateTime),
    Column("supervisor", String(100), comment="that must see to it since it was escalated"),
    Column("set_at", UtcDateTime, comment="when the present deadline was set; null while it is the first"),
    Column("steps", Integer, nullable=False, comment="what a step is compared with before it is written"),
    Column(
        "counted_at", UtcDateTime, comment="when it was settled what its correction changes in the counts"
    ),
    Index(None, "subject_ref"),
    Index(None, "department", "id"),
    Index(None, "resolution_id"),
    Index(None, "opened_at"),
    Index(
        "ix_dispute_unanswered",
        "due",
        "id",
        postgresql_where=sql_text("closed_at IS NULL"),
        sqlite_where=sql_text("closed_at IS NULL"),
    ),
    Index("ix_dispute_uncounted", "id", postgresql_where=_UNCOUNTED, sqlite_where=_UNCOUNTED),
)

dispute_event = Table(
    "dispute_event",
    metadata,
    Column("id", String(40), primary_key=True, comment="time-ordered"),
    Column("dispute_id", String(40), ForeignKey("dispute.id"), nullable=False),
    Column("subject_ref", String(40), ForeignKey("subject.ref"), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("step", String(16), nullable=False),
    Column("state", String(16), nullable=False),
    Column("department", String(100), nullable=False),
    Column("due", Date, nullable=False),
    Column("level", Integer, nullable=False),
    Column("actor", String(100), nullable=False),
    Column("reason", String(40), nullable=False, comment="a code"),
    Column("entry_id", String(40), nullable=False),
    Column("submission_id", String(40), comment="that joined the ticket by this step"),
    Column("sealed", LargeBinary, comment="the words; null where there are none, or erased"),
    Index(None, "dispute_id", "id"),
    Index(None, "subject_ref"),
)

message = Table(
    "message",
    metadata,
    Column("id", String(40), primary_key=True, comment="time-ordered; the receiver knows repetitions by it"),
    Column("client", String(100), nullable=False),
    Column("about", String(40), nullable=False, comment="a dispute"),
    Column("created_at", UtcDateTime, nullable=False),
    Column("body", LargeBinary, nullable=False, comment="JSON as it is signed; no personal value"),
    Column("next_at", UtcDateTime, comment="when it is tried next; null once it is over"),
    Column("tries", Integer, nullable=False),
    Column("delivered_at", UtcDateTime),
    Column("failure", String(40), nullable=False, comment="code of the last one"),
    Index(None, "about"),
    Index(
        "ix_message_waiting",
        "next_at",
        postgresql_where=sql_text("next_at IS NOT NULL"),
        sqlite_where=sql_text("next_at IS NOT NULL"),
    ),
)
