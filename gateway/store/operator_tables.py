"""The table of the places that operators log in from: whose failures count for whom, and who has been there before."""

from sqlalchemy import Column, ForeignKey, Integer, String, Table

from gateway.store.tables import UtcDateTime, metadata

operator_origin = Table(
    "operator_origin",
    metadata,
    Column("operator", String(40), ForeignKey("operator.id"), primary_key=True),
    Column("origin", String(64), primary_key=True, comment="keyed digest of a device or a network address"),
    Column("failed", Integer, nullable=False, comment="tries from there, since the last success from there"),
    Column("waits_until", UtcDateTime, comment="before that no try from there counts"),
    Column("known_until", UtcDateTime, comment="the operator logged in from there; until then it is theirs"),
    Column("seen_at", UtcDateTime, nullable=False, comment="the last try"),
)
