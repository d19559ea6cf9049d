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
    _disputes()
    _profiles()
    _source_health()
    _rollups()
    _identities()


def downgrade() -> None:
    op.drop_table("message")
    op.drop_table("dispute_event")
    op.drop_table("dispute")
    op.drop_column("client", "webhook")
    op.drop_column("subject", "disputed")
    op.drop_table("baseline")
    op.drop_table("rollup_state")
    op.drop_table("rollup")
    op.drop_table("identity_document")
    op.drop_table("identity_link")
    op.drop_index(op.f("ix_subject_linked_to"), "subject")
    op.drop_column("subject", "linked_to")
    op.drop_table("form_day")
    op.drop_table("source_day")
    op.drop_table("profile_value")
    op.drop_table("snapshot_uncounted")
    op.drop_table("snapshot")
    op.drop_table("submission_subject")
    op.drop_table("typed_answers")
    op.drop_table("submission")


def _disputes() -> None:
    op.add_column(
        "subject",
        sa.Column(
            "disputed", sa.Text(), comment="item=dispute of each open dispute; null where there is none"
        ),
    )
    op.add_column(
        "client", sa.Column("webhook", sa.Text(), comment="where it wants to be told of what concerns it")
    )
    _tickets()
    _steps()
    _messages()


def _tickets() -> None:
    op.create_table(
        "dispute",
        sa.Column("id", sa.String(40), nullable=False, comment="time-ordered"),
        sa.Column("subject_ref", sa.String(40), nullable=False),
        sa.Column("item", sa.String(100), nullable=False),
        sa.Column("source", sa.String(100), nullable=False, comment="which said it"),
        sa.Column("department", sa.String(100), nullable=False, comment="that has to answer"),
        sa.Column("path", sa.Text(), nullable=False, comment="the slot it was shown in"),
        sa.Column("submission_id", sa.String(40)),
        sa.Column("resolution_id", sa.String(40)),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due", sa.Date(), nullable=False, comment="the working day by whose end"),
        sa.Column("entry_id", sa.String(40), nullable=False),
        sa.Column(
            "sealed", sa.LargeBinary(), nullable=False, comment="reason, values, evidence; empty once erased"
        ),
        sa.Column("level", sa.Integer(), nullable=False, comment="how often it was escalated"),
        sa.Column("reminded_at", sa.DateTime(timezone=True)),
        sa.Column("closed_at", sa.DateTime(timezone=True)),
        sa.Column("supervisor", sa.String(100), comment="that must see to it since it was escalated"),
        sa.Column(
            "set_at",
            sa.DateTime(timezone=True),
            comment="when the present deadline was set; null while it is the first",
        ),
        sa.Column(
            "steps", sa.Integer(), nullable=False, comment="what a step is compared with before it is written"
        ),
        sa.ForeignKeyConstraint(["subject_ref"], ["subject.ref"], name=op.f("fk_dispute_subject_ref")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dispute")),
    )
    op.create_index(op.f("ix_dispute_subject_ref"), "dispute", ["subject_ref"])
    op.create_index(op.f("ix_dispute_department_id"), "dispute", ["department", "id"])
    op.create_index(op.f("ix_dispute_resolution_id"), "dispute", ["resolution_id"])
    op.create_index(op.f("ix_dispute_opened_at"), "dispute", ["opened_at"])
    unanswered = sa.text("closed_at IS NULL")
    op.create_index(
        "ix_dispute_unanswered",
        "dispute",
        ["due", "id"],
        postgresql_where=unanswered,
        sqlite_where=unanswered,
    )


def _steps() -> None:
    op.create_table(
        "dispute_event",
        sa.Column("id", sa.String(40), nullable=False, comment="time-ordered"),
        sa.Column("dispute_id", sa.String(40), nullable=False),
        sa.Column("subject_ref", sa.String(40), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("step", sa.String(16), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("department", sa.String(100), nullable=False),
        sa.Column("due", sa.Date(), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("actor", sa.String(100), nullable=False),
        sa.Column("reason", sa.String(40), nullable=False, comment="a code"),
        sa.Column("entry_id", sa.String(40), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), comment="the words; null where there are none, or erased"),
        sa.ForeignKeyConstraint(["dispute_id"], ["dispute.id"], name=op.f("fk_dispute_event_dispute_id")),
        sa.ForeignKeyConstraint(["subject_ref"], ["subject.ref"], name=op.f("fk_dispute_event_subject_ref")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dispute_event")),
    )
    op.create_index(op.f("ix_dispute_event_dispute_id_id"), "dispute_event", ["dispute_id", "id"])
    op.create_index(op.f("ix_dispute_event_subject_ref"), "dispute_event", ["subject_ref"])


def _messages() -> None:
    op.create_table(
        "message",
        sa.Column(
            "id",
            sa.String(40),
            nullable=False,
            comment="time-ordered; the receiver knows repetitions by it",
        ),
        sa.Column("client", sa.String(100), nullable=False),
        sa.Column("about", sa.String(40), nullable=False, comment="a dispute"),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "body", sa.LargeBinary(), nullable=False, comment="JSON as it is signed; no personal value"
        ),
        sa.Column(
            "next_at", sa.DateTime(timezone=True), comment="when it is tried next; null once it is over"
        ),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("delivered_at", sa.DateTime(timezone=True)),
        sa.Column("failure", sa.String(40), nullable=False, comment="code of the last one"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message")),
    )
    op.create_index(op.f("ix_message_about"), "message", ["about"])
    waiting = sa.text("next_at IS NOT NULL")
    op.create_index(
        "ix_message_waiting", "message", ["next_at"], postgresql_where=waiting, sqlite_where=waiting
    )


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
        sa.Column(
            "said", sa.Text(), nullable=False, comment="JSON: what was answered beside the slots; no value"
        ),
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
    op.create_index(op.f("ix_submission_caller_id"), "submission", ["caller", "id"])
    op.create_table(
        "typed_answers",
        sa.Column("resolution_id", sa.String(40), nullable=False),
        sa.Column("caller", sa.String(100), nullable=False),
        sa.Column("form", sa.String(100), nullable=False),
        sa.Column("keep_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "subjects", sa.Text(), comment="references whose keys seal them together; null: the root's does"
        ),
        sa.Column(
            "sealed", sa.LargeBinary(), comment="what was typed before its time was over; null once purged"
        ),
        sa.ForeignKeyConstraint(
            ["resolution_id"], ["resolution.id"], name=op.f("fk_typed_answers_resolution_id")
        ),
        sa.PrimaryKeyConstraint("resolution_id", name=op.f("pk_typed_answers")),
    )
    op.create_index(
        op.f("ix_typed_answers_keep_until"),
        "typed_answers",
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


def _profiles() -> None:
    op.create_table(
        "profile_value",
        sa.Column("id", sa.String(40), nullable=False, comment="time-ordered"),
        sa.Column("subject_ref", sa.String(40), nullable=False),
        sa.Column("item", sa.String(100), nullable=False),
        sa.Column("given_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False, comment="exclusive"),
        sa.Column("purpose", sa.String(100), nullable=False, comment="it was given for"),
        sa.Column(
            "form", sa.String(100), nullable=False, comment="it was given in; empty: into the record itself"
        ),
        sa.Column("submission_id", sa.String(40), comment="it was given with; null: into the record itself"),
        sa.Column("entry_id", sa.String(40), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False, comment="the value; empty once it ended"),
        sa.Column("ended_at", sa.DateTime(timezone=True), comment="null: it stands"),
        sa.Column("ended", sa.String(16), comment="superseded, deleted, expired or erased"),
        sa.Column("differs_from", sa.String(100), comment="source of a register that said something else"),
        sa.Column("differs_at", sa.DateTime(timezone=True), comment="when that was asked"),
        sa.ForeignKeyConstraint(["subject_ref"], ["subject.ref"], name=op.f("fk_profile_value_subject_ref")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_profile_value")),
    )
    stands = sa.text("ended_at IS NULL")
    op.create_index(
        op.f("ix_profile_value_subject_ref_item"),
        "profile_value",
        ["subject_ref", "item"],
        postgresql_where=stands,
        sqlite_where=stands,
    )
    op.create_index(
        op.f("ix_profile_value_expires_at"),
        "profile_value",
        ["expires_at"],
        postgresql_where=stands,
        sqlite_where=stands,
    )
    op.create_index(op.f("ix_profile_value_given_at"), "profile_value", ["given_at"])


def _source_health() -> None:
    for table, of in (("source_day", "source"), ("form_day", "form")):
        is_source = of == "source"
        outcome = [sa.Column("outcome", sa.String(24), nullable=False)] if is_source else []
        meaning = "it took no longer; 0: it was not asked" if is_source else "its answer took no longer"
        op.create_table(
            table,
            sa.Column(of, sa.Text(), nullable=False),
            sa.Column("day", sa.Date(), nullable=False, comment="in China"),
            *outcome,
            sa.Column("up_to_ms", sa.Integer(), autoincrement=False, nullable=False, comment=meaning),
            sa.Column("count", sa.BigInteger(), nullable=False),
            sa.PrimaryKeyConstraint(
                of, "day", *(column.name for column in outcome), "up_to_ms", name=op.f(f"pk_{table}")
            ),
        )
        op.create_index(op.f(f"ix_{table}_day"), table, ["day"])


def _identities() -> None:
    op.add_column(
        "subject",
        sa.Column(
            "linked_to",
            sa.String(40),
            comment="oldest of the documents it counts as one subject with; null: it stands alone",
        ),
    )
    is_linked = sa.text("linked_to IS NOT NULL")
    op.create_index(
        op.f("ix_subject_linked_to"),
        "subject",
        ["linked_to"],
        postgresql_where=is_linked,
        sqlite_where=is_linked,
    )
    op.create_table(
        "identity_link",
        sa.Column("id", sa.String(40), nullable=False, comment="time-ordered"),
        sa.Column("from_ref", sa.String(40), nullable=False, comment="the document added"),
        sa.Column("to_ref", sa.String(40), nullable=False, comment="whose document it is"),
        sa.Column("kind", sa.String(16), nullable=False, comment="of both subjects"),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_by", sa.String(100), nullable=False, comment="client id"),
        sa.Column("department", sa.String(100), nullable=False, comment="of the recording client"),
        sa.Column(
            "is_claim", sa.Boolean(), nullable=False, comment="another subject has that document already"
        ),
        sa.Column("entry_id", sa.String(40), nullable=False),
        sa.Column(
            "sealed",
            sa.LargeBinary(),
            comment="the evidence, under both subjects' keys; null once one is erased",
        ),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.Column("ended_entry", sa.String(40)),
        sa.ForeignKeyConstraint(["from_ref"], ["subject.ref"], name=op.f("fk_identity_link_from_ref")),
        sa.ForeignKeyConstraint(["to_ref"], ["subject.ref"], name=op.f("fk_identity_link_to_ref")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identity_link")),
    )
    op.create_index(op.f("ix_identity_link_to_ref"), "identity_link", ["to_ref"])
    op.create_index(op.f("ix_identity_link_from_ref"), "identity_link", ["from_ref"])
    stands = sa.text("ended_at IS NULL AND NOT is_claim")
    op.create_index(
        "uq_identity_link_standing",
        "identity_link",
        ["from_ref"],
        unique=True,
        postgresql_where=stands,
        sqlite_where=stands,
    )
    op.create_table(
        "identity_document",
        sa.Column("subject_ref", sa.String(40), nullable=False),
        sa.Column(
            "sealed", sa.LargeBinary(), nullable=False, comment="the identifier, under its own subject's key"
        ),
        sa.Column(
            "is_contested",
            sa.Boolean(),
            nullable=False,
            comment="two subjects claim it: it counts for nobody",
        ),
        sa.ForeignKeyConstraint(
            ["subject_ref"], ["subject.ref"], name=op.f("fk_identity_document_subject_ref")
        ),
        sa.PrimaryKeyConstraint("subject_ref", name=op.f("pk_identity_document")),
    )


_COUNTERS = (
    "applications",
    "zero_typed",
    "eligible",
    "mapped",
    "attempted",
    "resolved",
    "offered",
    "offered_ab",
    "kept_a",
    "kept_b",
    "kept_c",
    "kept_d",
    "kept_e",
    "edited",
    "disputed",
    "disputed_ab",
    "typed",
    "blank",
    "cleared",
    "missed",
    "releases",
    "grounded",
    "baseline_slots",
    "baseline_manual",
    "identity_eligible",
    "identity_offered",
    "identity_answered",
    "identity_kept_ab",
    "identity_kept_c",
)


def _rollups() -> None:
    # In the order of code points everywhere, whatever the server's locale.
    text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    name = sa.String(100).with_variant(sa.String(100, collation="C"), "postgresql")
    segment = sa.String(24).with_variant(sa.String(24, collation="C"), "postgresql")
    op.create_table(
        "rollup",
        sa.Column("generation", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("dimension", sa.String(8), nullable=False, comment="form, field, item or source"),
        sa.Column("grain", sa.String(1), nullable=False, comment="d: day, m: month"),
        sa.Column("form", text, nullable=False, comment='"" in cells of items and sources'),
        sa.Column("key", text, nullable=False, comment='path, item or source; "" without'),
        sa.Column(
            "start",
            sa.Integer(),
            autoincrement=False,
            nullable=False,
            comment="20261121 a day in China, 20261100 a month",
        ),
        sa.Column("segment", segment, nullable=False),
        sa.Column("department", name, nullable=False),
        sa.Column("matter", name, nullable=False),
        *(sa.Column(each, sa.Integer(), nullable=False) for each in _COUNTERS),
        sa.PrimaryKeyConstraint(
            "generation",
            "dimension",
            "grain",
            "form",
            "key",
            "start",
            "segment",
            "department",
            "matter",
            name=op.f("pk_rollup"),
        ),
        sqlite_with_rowid=False,  # rows lie in the order of their key, once
    )
    op.create_table(
        "rollup_state",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False, comment="1: there is one row"),
        sa.Column("live", sa.Integer(), nullable=False, comment="the generation that is shown"),
        sa.Column("token", sa.String(40), comment="of the rebuilding under way; null without one"),
        sa.Column("seen_at", sa.DateTime(timezone=True), comment="when that rebuilding was last at work"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rollup_state")),
    )
    op.create_table(
        "baseline",
        sa.Column("form", sa.String(100), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("dated", sa.Date(), nullable=False, comment="of what day the form that was counted is"),
        sa.Column("slots", sa.Integer(), nullable=False),
        sa.Column("frozen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("frozen_by", sa.String(100), nullable=False),
        sa.Column("entry_id", sa.String(40), nullable=False),
        sa.PrimaryKeyConstraint("form", "name", name=op.f("pk_baseline")),
    )
