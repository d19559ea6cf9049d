"""The table of departments' encryption keys: public keys alone, so that nothing in it is sealed."""

from sqlalchemy import Column, Index, String, Table, Text

from gateway.store.tables import UtcDateTime, metadata

sealing_key = Table(
    "sealing_key",
    metadata,
    Column("id", String(40), primary_key=True, comment="time-ordered"),
    Column("department", String(100), nullable=False, comment="whose private key opens what is sealed"),
    Column("kid", String(200), nullable=False, comment="as the department knows its key"),
    Column("jwk", Text, nullable=False, comment="JSON, public"),
    Column("added_at", UtcDateTime, nullable=False),
    Column("entry_id", String(40), nullable=False),
    Column("ended_at", UtcDateTime),
    Column("ended_entry", String(40)),
    Index(None, "department", "id"),
)
