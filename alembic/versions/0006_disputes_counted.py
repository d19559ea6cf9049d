"""When it was settled what a corrected dispute changes in the counts: what is not yet is made up for.

Revision: 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    comment = "when it was settled what its correction changes in the counts"
    op.add_column("dispute", sa.Column("counted_at", sa.DateTime(timezone=True), comment=comment))
    uncounted = sa.text("state = 'corrected' AND counted_at IS NULL")
    op.create_index(
        "ix_dispute_uncounted", "dispute", ["id"], postgresql_where=uncounted, sqlite_where=uncounted
    )


def downgrade() -> None:
    op.drop_index("ix_dispute_uncounted", "dispute")
    op.drop_column("dispute", "counted_at")
