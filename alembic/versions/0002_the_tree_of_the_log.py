"""The tree of the log: what waits for its place, places, tiles, checkpoints. Entries there are wait for theirs.

Revision: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit_pending",
        sa.Column(
            "number",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            nullable=False,
            comment="given when it is written: of two entries about one consent the later one's is higher",
        ),
        sa.Column(
            "entry_id",
            sa.String(length=40),
            nullable=False,
            comment="written, and not yet given its place",
        ),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_audit_pending")),
    )
    op.create_table(
        "audit_place",
        sa.Column(
            "index", sa.BigInteger(), autoincrement=False, nullable=False, comment="from 0, without gaps"
        ),
        sa.Column("entry_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["entry_id"], ["audit_entry.id"], name=op.f("fk_audit_place_entry_id")),
        sa.PrimaryKeyConstraint("index", name=op.f("pk_audit_place")),
        sa.UniqueConstraint("entry_id", name=op.f("uq_audit_place_entry_id")),
    )
    op.create_table(
        "audit_tile",
        sa.Column("level", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column(
            "hashes",
            sa.LargeBinary(),
            nullable=False,
            comment="up to 256 of 32 bytes; grows until it is full",
        ),
        sa.PrimaryKeyConstraint("level", "index", name=op.f("pk_audit_tile")),
    )
    op.create_table(
        "audit_checkpoint",
        sa.Column("size", sa.BigInteger(), autoincrement=False, nullable=False, comment="entries it covers"),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("note", sa.Text(), nullable=False, comment="signed note (C2SP)"),
        sa.PrimaryKeyConstraint("size", name=op.f("pk_audit_checkpoint")),
    )
    op.execute("INSERT INTO audit_pending (entry_id) SELECT id FROM audit_entry ORDER BY id")


def downgrade() -> None:
    op.drop_table("audit_checkpoint")
    op.drop_table("audit_tile")
    op.drop_table("audit_place")
    op.drop_table("audit_pending")
