"""What was submitted and counted: applications, frozen slots, roll-ups, profiles, disputes, linked identities.

Revision: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _submissions()


def downgrade() -> None:
    op.drop_table("snapshot_uncounted")
    op.drop_table("snapshot")
    op.drop_table("submission_subject")
    op.drop_table("submission")


def _submissions() -> None:
    op.create_table(
        "submission",
        sa.Column("id", sa.String(40), nullable=False, comment="time-ordered"),
        sa.Column("resolution_id", sa.String(40), nullable=False),
        sa.Column("caller", sa.String(100), nullable=False),
        sa.Column("department", sa.String(100), nullable=False, comment="of the caller"),
        sa.Column("form", sa.String(100), nullable=False),
        sa.Column("form_version", sa.Integer(), nullable=False),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("entry_id", sa.String(40), nullable=False),
        sa.Column(
            "digest",
            sa.String(64),
            nullable=False,
            comment="keyed digest of what was sent: the same twice is one",
        ),
        sa.Column("roles", sa.Text(), nullable=False, comment="JSON: role to reference of its subject"),
        sa.Column(
            "subjects",
            sa.Text(),
            comment="references whose keys seal the values together; null: the root's does",
        ),
        sa.Column("keep_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), comment="the final values; null once purged"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_submission")),
        sa.UniqueConstraint("resolution_id", name=op.f("uq_submission_resolution_id")),
    )
    kept = sa.text("sealed IS NOT NULL")
    op.create_index(
        op.f("ix_submission_keep_until"),
        "submission",
        ["keep_until"],
        postgresql_where=kept,
        sqlite_where=kept,
    )
    op.create_table(
        "submission_subject",
        sa.Column("subject_ref", sa.String(40), nullable=False, comment="somebody the application is about"),
        sa.Column("submission_id", sa.String(40), nullable=False),
        sa.ForeignKeyConstraint(
            ["submission_id"], ["submission.id"], name=op.f("fk_submission_subject_submission_id")
        ),
        sa.PrimaryKeyConstraint("subject_ref", "submission_id", name=op.f("pk_submission_subject")),
    )
    op.create_table(
        "snapshot",
        sa.Column("submission_id", sa.String(40), nullable=False),
        sa.Column(
            "number", sa.Integer(), autoincrement=False, nullable=False, comment="from 1; the highest counts"
        ),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("form", sa.String(100), nullable=False),
        sa.Column("form_version", sa.Integer(), nullable=False),
        sa.Column("matter", sa.String(100), nullable=False),
        sa.Column("department", sa.String(100), nullable=False),
        sa.Column("segment", sa.String(24), nullable=False),
        sa.Column("registry_version", sa.Integer(), nullable=False),
        sa.Column("policy_version", sa.Integer(), nullable=False),
        sa.Column("definition", sa.String(16), nullable=False),
        sa.Column("baseline", sa.Integer(), comment="slots of the form's baseline at that time"),
        sa.Column("is_test", sa.Boolean(), nullable=False),
        sa.Column("slots", sa.LargeBinary(), nullable=False, comment="JSON of gateway.slots.to_facts, zlib"),
        sa.ForeignKeyConstraint(["submission_id"], ["submission.id"], name=op.f("fk_snapshot_submission_id")),
        sa.PrimaryKeyConstraint("submission_id", "number", name=op.f("pk_snapshot")),
    )
    op.create_index(op.f("ix_snapshot_form_at"), "snapshot", ["form", "at"])
    op.create_index(op.f("ix_snapshot_at"), "snapshot", ["at"])
    op.create_table(
        "snapshot_uncounted",
        sa.Column("submission_id", sa.String(40), nullable=False, comment="not yet in the roll-ups"),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("submission_id", "number", name=op.f("pk_snapshot_uncounted")),
    )
