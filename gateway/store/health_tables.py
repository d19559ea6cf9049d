"""Tables of how sources did and how long answers took, by day: counts only, of nobody in particular."""

from sqlalchemy import BigInteger, Column, Date, Index, Integer, String, Table, Text

from gateway.store.tables import metadata

source_day = Table(
    "source_day",
    metadata,
    Column("source", Text, primary_key=True),
    Column("day", Date, primary_key=True, comment="in China"),
    Column("outcome", String(24), primary_key=True),
    Column(
        "up_to_ms",
        Integer,
        primary_key=True,
        autoincrement=False,
        comment="it took no longer; 0: it was not asked",
    ),
    Column("count", BigInteger, nullable=False),
    Index(None, "day"),
)

form_day = Table(
    "form_day",
    metadata,
    Column("form", Text, primary_key=True),
    Column("day", Date, primary_key=True, comment="in China"),
    Column("up_to_ms", Integer, primary_key=True, autoincrement=False, comment="its answer took no longer"),
    Column("count", BigInteger, nullable=False),
    Index(None, "day"),
)
