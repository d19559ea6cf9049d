"""The first schema: publications, forms, clients, subjects, consents, the log, resolutions, idempotency keys.

Revision: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit_entry",
        sa.Column("id", sa.String(length=40), nullable=False, comment="time-ordered"),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "request", sa.String(length=40), nullable=True, comment="resolution or consent it belongs to"
        ),
        sa.Column("caller", sa.String(length=100), nullable=False),
        sa.Column("leaf", sa.LargeBinary(), nullable=False, comment="canonical JSON without personal data"),
        sa.Column("sealed", sa.LargeBinary(), nullable=True, comment="the private part"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_entry")),
    )
    op.create_index(op.f("ix_audit_entry_request"), "audit_entry", ["request"], unique=False)

    op.create_table(
        "client",
        sa.Column("id", sa.String(length=100), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("department", sa.String(length=100), nullable=False),
        sa.Column("roles", sa.Text(), nullable=False, comment="JSON list"),
        sa.Column("secret_hash", sa.Text(), nullable=True),
        sa.Column("jwks", sa.Text(), nullable=True, comment="JSON"),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_client")),
    )
    op.create_table(
        "form_version",
        sa.Column("id", sa.String(length=100), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("matter", sa.String(length=100), nullable=False),
        sa.Column("department", sa.String(length=100), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("published_by", sa.String(length=100), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False, comment="canonical JSON, zlib"),
        sa.PrimaryKeyConstraint("id", "version", name=op.f("pk_form_version")),
    )
    op.create_table(
        "idempotency",
        sa.Column("caller", sa.String(length=100), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False, comment="SHA-256 of the header"),
        sa.Column("request_digest", sa.String(length=64), nullable=False),
        sa.Column(
            "resource", sa.String(length=60), nullable=True, comment="null while the first request is at work"
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("caller", "key", name=op.f("pk_idempotency")),
    )
    op.create_index(op.f("ix_idempotency_created_at"), "idempotency", ["created_at"], unique=False)

    op.create_table(
        "publication",
        sa.Column("kind", sa.String(length=16), nullable=False, comment="registry or policy"),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column(
            "digest", sa.String(length=64), nullable=False, comment="SHA-256 of the canonical document"
        ),
        sa.Column("effective_from", sa.Date(), nullable=True),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("published_by", sa.String(length=100), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False, comment="canonical JSON, zlib"),
        sa.PrimaryKeyConstraint("kind", "version", name=op.f("pk_publication")),
    )
    op.create_table(
        "resolution",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("caller", sa.String(length=100), nullable=False),
        sa.Column("form", sa.String(length=100), nullable=False),
        sa.Column("form_version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True, comment="the answer; null once purged"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_resolution")),
    )
    op.create_index(
        op.f("ix_resolution_valid_until"),
        "resolution",
        ["valid_until"],
        unique=False,
        postgresql_where=sa.text("sealed IS NOT NULL"),
        sqlite_where=sa.text("sealed IS NOT NULL"),
    )

    op.create_table(
        "subject",
        sa.Column(
            "ref", sa.String(length=40), nullable=False, comment="random, never derived from an identifier"
        ),
        sa.Column("key", sa.String(length=64), nullable=False, comment="blind index of kind and identifier"),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("ref", name=op.f("pk_subject")),
        sa.UniqueConstraint("key", name=op.f("uq_subject_key")),
    )
    op.create_table(
        "consent",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("subject_ref", sa.String(length=40), nullable=False),
        sa.Column("purpose", sa.String(length=100), nullable=False),
        sa.Column("form", sa.String(length=100), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("uses_left", sa.BigInteger(), nullable=True, comment="null is without limit"),
        sa.Column("recorded_by", sa.String(length=100), nullable=False, comment="client id"),
        sa.Column("department", sa.String(length=100), nullable=False, comment="of the recording client"),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("terms", sa.Text(), nullable=False, comment="JSON: recipients, permitted and denied items"),
        sa.Column("sealed", sa.LargeBinary(), nullable=False, comment="the whole record"),
        sa.ForeignKeyConstraint(["subject_ref"], ["subject.ref"], name=op.f("fk_consent_subject_ref")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent")),
    )
    op.create_index(op.f("ix_consent_subject_ref"), "consent", ["subject_ref"], unique=False)

    op.create_table(
        "resolution_consent",
        sa.Column("resolution_id", sa.String(length=40), nullable=False),
        sa.Column("consent_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(
            ["resolution_id"],
            ["resolution.id"],
            name=op.f("fk_resolution_consent_resolution_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("resolution_id", "consent_id", name=op.f("pk_resolution_consent")),
    )
    op.create_index(
        op.f("ix_resolution_consent_consent_id"), "resolution_consent", ["consent_id"], unique=False
    )

    op.create_table(
        "consent_event",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("consent_id", sa.String(length=40), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("actor_kind", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("entry_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["consent_id"], ["consent.id"], name=op.f("fk_consent_event_consent_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent_event")),
    )
    op.create_index(
        op.f("ix_consent_event_consent_id_at"), "consent_event", ["consent_id", "at"], unique=False
    )


def downgrade() -> None:
    op.drop_index(op.f("ix_consent_event_consent_id_at"), "consent_event")

    op.drop_table("consent_event")
    op.drop_index(op.f("ix_resolution_consent_consent_id"), "resolution_consent")

    op.drop_table("resolution_consent")
    op.drop_index(op.f("ix_consent_subject_ref"), "consent")

    op.drop_table("consent")
    op.drop_table("subject")
    op.drop_index(op.f("ix_resolution_valid_until"), "resolution")

    op.drop_table("resolution")
    op.drop_table("publication")
    op.drop_index(op.f("ix_idempotency_created_at"), "idempotency")

    op.drop_table("idempotency")
    op.drop_table("form_version")
    op.drop_table("client")
    op.drop_index(op.f("ix_audit_entry_request"), "audit_entry")

    op.drop_table("audit_entry")
