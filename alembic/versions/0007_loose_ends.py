"""Causes counted beside the rates; keys that values are sealed to; first deadlines and who joined; known places.

Revision: 0007
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _causes()
    _sealing_keys()
    _disputes()
    _operator_origins()


def downgrade() -> None:
    op.drop_table("operator_origin")
    for table in ("cause_cell", "cause_key", "cause_place"):
        op.drop_table(table)
    with op.batch_alter_table("dispute_event") as changed:
        changed.drop_column("submission_id")
    with op.batch_alter_table("dispute") as changed:
        changed.drop_column("first_due")
    op.drop_table("sealing_key")


def _sealing_keys() -> None:
    op.create_table(
        "sealing_key",
        sa.Column("id", sa.String(40), primary_key=True, comment="time-ordered"),
        sa.Column(
            "department", sa.String(100), nullable=False, comment="whose private key opens what is sealed"
        ),
        sa.Column("kid", sa.String(200), nullable=False, comment="as the department knows its key"),
        sa.Column("jwk", sa.Text, nullable=False, comment="JSON, public"),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("entry_id", sa.String(40), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.Column("ended_entry", sa.String(40)),
    )
    op.create_index(op.f("ix_sealing_key_department_id"), "sealing_key", ["department", "id"])


def _operator_origins() -> None:
    op.create_table(
        "operator_origin",
        sa.Column("operator", sa.String(40), sa.ForeignKey("operator.id"), primary_key=True),
        sa.Column(
            "origin", sa.String(64), primary_key=True, comment="keyed digest of a device or a network address"
        ),
        sa.Column(
            "failed",
            sa.Integer,
            nullable=False,
            comment="tries from there, since the last success from there",
        ),
        sa.Column("waits_until", sa.DateTime(timezone=True), comment="before that no try from there counts"),
        sa.Column(
            "known_until",
            sa.DateTime(timezone=True),
            comment="the operator logged in from there; until then it is theirs",
        ),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False, comment="the last try"),
    )


def _disputes() -> None:
    joined = sa.Column("submission_id", sa.String(40), comment="that joined the ticket by this step")
    op.add_column("dispute_event", joined)
    comment = "the same as it was when it was opened; it never moves"
    op.add_column("dispute", sa.Column("first_due", sa.Date, comment=comment))
    # The first step tells the first deadline, unless it was the one that moved it.
    op.execute(
        "UPDATE dispute SET first_due = COALESCE((SELECT CASE WHEN e.step IN ('referred', 'escalated') THEN NULL"
        " ELSE e.due END FROM dispute_event e WHERE e.dispute_id = dispute.id ORDER BY e.id LIMIT 1), due)"
    )
    with op.batch_alter_table("dispute") as changed:
        changed.alter_column("first_due", existing_type=sa.Date, nullable=False)


def _causes() -> None:
    numbers = {"autoincrement": False, "nullable": False}
    names = {
        "cause_place": ("form", "matter", "department", "segment"),
        "cause_key": ("kind", "field", "item", "source", "outcome", "disposition", "marks"),
    }
    for table, columns in names.items():
        op.create_table(
            table,
            sa.Column("id", sa.BigInteger, **numbers, comment="worked out from the rest"),
            *(sa.Column(name, sa.Text, nullable=False) for name in columns),
            sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
        )
    op.create_table(
        "cause_cell",
        sa.Column("generation", sa.Integer, **numbers),
        sa.Column("grain", sa.String(1), nullable=False, comment="d: day, m: month"),
        sa.Column("place", sa.BigInteger, **numbers, comment="of cause_place"),
        sa.Column("start", sa.Integer, **numbers, comment="as in rollup"),
        sa.Column("cause", sa.BigInteger, **numbers, comment="of cause_key"),
        *(
            sa.Column(each, sa.Integer, nullable=False)
            for each in ("slots", "applications", "leads", "asked")
        ),
        sa.PrimaryKeyConstraint(
            *("generation", "grain", "place", "start", "cause"), name=op.f("pk_cause_cell")
        ),
        sqlite_with_rowid=False,
    )
    # What was counted before knows no causes: all of it is counted anew, as if it had just been handed in.
    op.execute("DELETE FROM rollup")
    op.execute("DELETE FROM snapshot_uncounted")
    op.execute(
        "INSERT INTO snapshot_uncounted (submission_id, number) SELECT submission_id, number FROM snapshot"
        " WHERE NOT is_test"
    )
