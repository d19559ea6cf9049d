"""Tables of linked identities: which documents count as one subject, who said so, and the documents themselves.

`subject.linked_to` is made from the links that stand and from nothing else (`gateway.identities.groups`); no other
statement than those of `gateway.store.identities` writes it. A document is kept only while it is linked or contested:
a source that does not know the one that a request names may then be asked by another.
"""

from sqlalchemy import Boolean, Column, ForeignKey, Index, LargeBinary, String, Table
from sqlalchemy import text as sql_text

from gateway.store.tables import UtcDateTime, metadata

identity_link = Table(
    "identity_link",
    metadata,
    Column("id", String(40), primary_key=True, comment="time-ordered"),
    Column("from_ref", String(40), ForeignKey("subject.ref"), nullable=False, comment="the document added"),
    Column("to_ref", String(40), ForeignKey("subject.ref"), nullable=False, comment="whose document it is"),
    Column("kind", String(16), nullable=False, comment="of both subjects"),
    Column("at", UtcDateTime, nullable=False),
    Column("recorded_by", String(100), nullable=False, comment="client id"),
    Column("department", String(100), nullable=False, comment="of the recording client"),
    Column("is_claim", Boolean, nullable=False, comment="another subject has that document already"),
    Column("entry_id", String(40), nullable=False),
    Column("sealed", LargeBinary, comment="the evidence, under both subjects' keys; null once one is erased"),
    Column("ended_at", UtcDateTime),
    Column("ended_entry", String(40)),
    Index(None, "to_ref"),
    Index(None, "from_ref"),
    Index(
        "uq_identity_link_standing",
        "from_ref",
        unique=True,
        postgresql_where=sql_text("ended_at IS NULL AND NOT is_claim"),
        sqlite_where=sql_text("ended_at IS NULL AND NOT is_claim"),
    ),
)

identity_document = Table(
    "identity_document",
    metadata,
    Column("subject_ref", String(40), ForeignKey("subject.ref"), primary_key=True),
    Column("sealed", LargeBinary, nullable=False, comment="the identifier, under its own subject's key"),
    Column("is_contested", Boolean, nullable=False, comment="two subjects claim it: it counts for nobody"),
)
