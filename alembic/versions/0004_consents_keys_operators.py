"""Fuller consents and requests for them, keys per subject, operators, replay ids, finding entries by officer and case.

Revision: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _caller_tokens()
    _shards()
    _subject_keys()
    _operators()
    _consent_requests()
    _fuller_consents()
    _finding_entries()


def downgrade() -> None:
    op.drop_index(op.f("ix_audit_entry_case_key"), "audit_entry")
    op.drop_index(op.f("ix_audit_entry_actor_key_id"), "audit_entry")
    op.drop_column("audit_entry", "case_key")
    op.drop_column("audit_entry", "actor_key")
    op.drop_table("used_once")
    op.drop_column("client", "bound")
    _no_shards()
    _plain_consents()
    op.drop_table("consent_request")
    op.drop_column("resolution", "subjects")
    op.drop_column("subject", "erased_at")
    op.drop_column("subject", "wrapped_key")
    op.drop_table("operator_session")
    op.drop_table("operator")


_TREE_KEYS = {"audit_place": ["index"], "audit_tile": ["level", "index"], "audit_checkpoint": ["size"]}


def _shards() -> None:
    """Several trees in one log: what stood in the one there was is the first one's. An entry waits once."""
    for table, key in _TREE_KEYS.items():
        with op.batch_alter_table(table) as batch:
            batch.add_column(sa.Column("shard", sa.Integer(), nullable=False, server_default=sa.text("1")))
            batch.drop_constraint(op.f(f"pk_{table}"), type_="primary")
            batch.create_primary_key(op.f(f"pk_{table}"), ["shard", *key])
    cosigned = sa.Column(
        "cosigned", sa.Boolean(), nullable=False, server_default=sa.text("false"), comment="by a witness"
    )
    op.add_column("audit_checkpoint", cosigned)
    where = sa.text("cosigned")
    op.create_index(
        "ix_audit_checkpoint_cosigned",
        "audit_checkpoint",
        ["shard", "size"],
        postgresql_where=where,
        sqlite_where=where,
    )
    with op.batch_alter_table("audit_pending") as batch:
        batch.create_unique_constraint(op.f("uq_audit_pending_entry_id"), ["entry_id"])


def _no_shards() -> None:
    later = sa.text("SELECT count(*) FROM audit_checkpoint WHERE shard > 1")
    if op.get_bind().scalar(later):
        raise RuntimeError("This log has several shards, which the older schema cannot hold.")
    with op.batch_alter_table("audit_pending") as batch:
        batch.drop_constraint(op.f("uq_audit_pending_entry_id"), type_="unique")
    op.drop_index("ix_audit_checkpoint_cosigned", "audit_checkpoint")
    op.drop_column("audit_checkpoint", "cosigned")
    for table, key in _TREE_KEYS.items():
        with op.batch_alter_table(table) as batch:
            batch.drop_constraint(op.f(f"pk_{table}"), type_="primary")
            batch.drop_column("shard")
            batch.create_primary_key(op.f(f"pk_{table}"), key)


def _operators() -> None:
    op.create_table(
        "operator",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column(
            "login_key", sa.String(length=64), nullable=False, comment="keyed digest of what they log in by"
        ),
        sa.Column("sealed", sa.LargeBinary(), nullable=False, comment="login and name"),
        sa.Column("department", sa.String(length=100), nullable=False),
        sa.Column("roles", sa.Text(), nullable=False, comment="JSON list"),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("password_hash", sa.Text(), comment="scrypt; null where an OpenID issuer logs them in"),
        sa.Column("must_change_password", sa.Boolean(), nullable=False),
        sa.Column("totp", sa.LargeBinary(), comment="sealed secret"),
        sa.Column(
            "totp_last_step",
            sa.BigInteger(),
            nullable=False,
            comment="no code of that step or before is taken",
        ),
        sa.Column("failed_logins", sa.Integer(), nullable=False, comment="since the last success"),
        sa.Column("locked_until", sa.DateTime(timezone=True)),
        sa.Column("disabled_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_operator")),
        sa.UniqueConstraint("login_key", name=op.f("uq_operator_login_key")),
    )
    op.create_table(
        "operator_session",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("operator", sa.String(length=40), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.ForeignKeyConstraint(["operator"], ["operator.id"], name=op.f("fk_operator_session_operator")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_operator_session")),
    )
    op.create_index(op.f("ix_operator_session_operator"), "operator_session", ["operator"])


def _subject_keys() -> None:
    key = "what its cells are sealed under; null from before, and once erased"
    op.add_column("subject", sa.Column("wrapped_key", sa.LargeBinary(), comment=key))
    erased = "then its key is destroyed and no identifier leads here"
    op.add_column("subject", sa.Column("erased_at", sa.DateTime(timezone=True), comment=erased))
    subjects = "references whose keys seal the answer together; null: the root's does"
    op.add_column("resolution", sa.Column("subjects", sa.Text(), comment=subjects))


def _of_consents() -> list[sa.Column[object]]:
    case = "keyed digest of the one case it is for; null covers every case"
    began = "first use of the window that was last begun"
    return [
        sa.Column("case_key", sa.String(length=64), comment=case),
        sa.Column("frequency_count", sa.Integer(), comment="uses in one window; null is without"),
        sa.Column("frequency_seconds", sa.Integer(), comment="length of a window"),
        sa.Column("window_began", sa.DateTime(timezone=True), comment=began),
        sa.Column("window_uses", sa.Integer(), comment="uses taken in it"),
        sa.Column("renews", sa.String(length=40), comment="the consent whose place it took"),
    ]


def _fuller_consents() -> None:
    for column in _of_consents():
        op.add_column("consent", column)
    actor = "client id; null from before it was kept"
    op.add_column("consent_event", sa.Column("actor", sa.String(length=100), comment=actor))
    can_expire = sa.text("state IN ('given', 'renewed', 'paused')")
    op.create_index(
        op.f("ix_consent_expires_at"),
        "consent",
        ["expires_at"],
        unique=False,
        postgresql_where=can_expire,
        sqlite_where=can_expire,
    )


def _plain_consents() -> None:
    op.drop_index(op.f("ix_consent_expires_at"), table_name="consent")
    op.drop_column("consent_event", "actor")
    for column in reversed(_of_consents()):
        op.drop_column("consent", column.name)


def _consent_requests() -> None:
    op.create_table(
        "consent_request",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("link", sa.String(length=64), nullable=False, comment="keyed digest of the link's secret"),
        sa.Column(
            "proof",
            sa.String(length=64),
            nullable=False,
            comment="keyed digest of what the person confirms by",
        ),
        sa.Column("subject_ref", sa.String(length=40), nullable=False),
        sa.Column("requested_by", sa.String(length=100), nullable=False, comment="client id"),
        sa.Column("department", sa.String(length=100), nullable=False, comment="of that client"),
        sa.Column("form", sa.String(length=100), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "expires_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="of the link, not of the consent",
        ),
        sa.Column(
            "sealed", sa.LargeBinary(), comment="what is asked, for whom, and the notice; null once purged"
        ),
        sa.Column("failures", sa.Integer(), nullable=False, comment="wrong confirmations"),
        sa.Column("consent_id", sa.String(length=40), comment="what came of it"),
        sa.Column("answered_at", sa.DateTime(timezone=True)),
        sa.ForeignKeyConstraint(
            ["subject_ref"], ["subject.ref"], name=op.f("fk_consent_request_subject_ref")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent_request")),
        sa.UniqueConstraint("link", name=op.f("uq_consent_request_link")),
    )
    op.create_index(op.f("ix_consent_request_subject_ref"), "consent_request", ["subject_ref"])
    not_empty = sa.text("consent_id IS NULL AND sealed IS NOT NULL")
    op.create_index(
        op.f("ix_consent_request_expires_at"),
        "consent_request",
        ["expires_at"],
        unique=False,
        postgresql_where=not_empty,
        sqlite_where=not_empty,
    )


def _caller_tokens() -> None:
    bound = "dpop or mtls: its tokens must be bound to a key or a certificate"
    op.add_column("client", sa.Column("bound", sa.String(length=8), comment=bound))
    op.create_table(
        "used_once",
        sa.Column(
            "key", sa.String(length=64), nullable=False, comment="keyed digest of what may be used once"
        ),
        sa.Column(
            "expires_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="afterwards it is refused for its age",
        ),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_used_once")),
    )
    op.create_index(op.f("ix_used_once_expires_at"), "used_once", ["expires_at"])


def _finding_entries() -> None:
    """By officer and case."""
    for name, what, columns in (
        ("actor_key", "keyed digest of who worked; of intents", ["actor_key", "id"]),
        ("case_key", "keyed digest of the case; of intents", ["case_key"]),
    ):
        op.add_column("audit_entry", sa.Column(name, sa.String(length=32), comment=what))
        is_set = sa.text(f"{name} IS NOT NULL")
        op.create_index(
            op.f(f"ix_audit_entry_{'_'.join(columns)}"),
            "audit_entry",
            columns,
            postgresql_where=is_set,
            sqlite_where=is_set,
        )
