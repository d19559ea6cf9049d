"""Tables of counts: the roll-ups of rates and of causes, which generation is shown, the baselines of forms.

Nothing in them is personal. A generation is one whole count. There are two only while a rebuilding is under way. Starts
are numbers, so that what is counted comes to one primary key in the order in which reports are paged.

Causes are many and their names are long. So a cell of causes holds two numbers for its place and its cause, which are
worked out from the names (`gateway.store.cause_cells`) and stand for the same in every generation.
"""

from sqlalchemy import BigInteger, Column, Date, Integer, String, Table, Text

from gateway.records import CAUSE_COUNTERS, CauseKey, CausePlace, RollupKey
from gateway.reports.measures import COUNTERS
from gateway.store.tables import UtcDateTime, metadata

# In the order of code points everywhere, whatever the server's locale: pages of two grains are merged by it.
_TEXT = Text().with_variant(Text(collation="C"), "postgresql")
_NAME = String(100).with_variant(String(100, collation="C"), "postgresql")
_SEGMENT = String(24).with_variant(String(24, collation="C"), "postgresql")

rollup = Table(
    "rollup",
    metadata,
    Column("generation", Integer, primary_key=True, autoincrement=False),
    Column("dimension", String(8), primary_key=True, comment="form, field, item or source"),
    Column("grain", String(1), primary_key=True, comment="d: day, m: month"),
    Column("form", _TEXT, primary_key=True, comment='"" in cells of items and sources'),
    Column("key", _TEXT, primary_key=True, comment='path, item or source; "" without'),
    Column(
        "start",
        Integer,
        primary_key=True,
        autoincrement=False,
        comment="20261121 a day in China, 20261100 a month",
    ),
    Column("segment", _SEGMENT, primary_key=True),
    Column("department", _NAME, primary_key=True),
    Column("matter", _NAME, primary_key=True),
    *(Column(name, Integer, nullable=False) for name in COUNTERS),
    sqlite_with_rowid=False,  # rows lie in the order of their key, once
)
KEY = ("generation", *RollupKey._fields)

cause_place = Table(
    "cause_place",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False, comment="worked out from the rest"),
    *(Column(name, Text, nullable=False) for name in CausePlace._fields),
)

cause_key = Table(
    "cause_key",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False, comment="worked out from the rest"),
    *(Column(name, Text, nullable=False) for name in CauseKey._fields),
)

cause_cell = Table(
    "cause_cell",
    metadata,
    Column("generation", Integer, primary_key=True, autoincrement=False),
    Column("grain", String(1), primary_key=True, comment="d: day, m: month"),
    Column("place", BigInteger, primary_key=True, autoincrement=False, comment="of cause_place"),
    Column("start", Integer, primary_key=True, autoincrement=False, comment="as in rollup"),
    Column("cause", BigInteger, primary_key=True, autoincrement=False, comment="of cause_key"),
    *(Column(name, Integer, nullable=False) for name in CAUSE_COUNTERS),
    sqlite_with_rowid=False,
)
CAUSE_PLACE = ("grain", "place", "start", "cause")

rollup_state = Table(
    "rollup_state",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False, comment="1: there is one row"),
    Column("live", Integer, nullable=False, comment="the generation that is shown"),
    Column("token", String(40), comment="of the rebuilding under way; null without one"),
    Column("seen_at", UtcDateTime, comment="when that rebuilding was last at work"),
)

baseline = Table(
    "baseline",
    metadata,
    Column("form", String(100), primary_key=True),
    Column("name", String(100), primary_key=True),
    Column("dated", Date, nullable=False, comment="of what day the form that was counted is"),
    Column("slots", Integer, nullable=False),
    Column("frozen_at", UtcDateTime, nullable=False),
    Column("frozen_by", String(100), nullable=False),
    Column("entry_id", String(40), nullable=False),
)
