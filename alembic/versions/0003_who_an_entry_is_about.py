"""Who an entry is about: from the reference of a subject to every entry about it, filled as entries get their places.

Revision: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit_about",
        sa.Column(
            "subject_ref",
            sa.String(length=40),
            nullable=False,
            comment="whom an entry with a place is about",
        ),
        sa.Column("index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("subject_ref", "index", name=op.f("pk_audit_about")),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("audit_about")
