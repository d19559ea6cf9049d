"""The tables, as plain SQLAlchemy Core: the same on SQLite and PostgreSQL. Alembic compares itself with them.

`audit_entry` is append-only: no update or delete statement for it exists anywhere, and a test looks. An entry waits in
`audit_pending` until the sequencer gives it its place in the tree (`audit_place`, `audit_tile`, `audit_checkpoint`);
`audit_about` finds from a subject what is about it. `shard` says which tree: a second one is begun only when the first
is no longer the one that was signed.
Times are UTC. Columns named `sealed` hold ciphertext (`gateway.security.envelope`); nothing personal stands in clear.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}
metadata = MetaData(naming_convention=NAMING)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC time on every database; a naive one is refused when it is bound.

    It goes to the driver and comes from it in one call each: the type below would take as long again for every row.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[datetime | None], Any]:
        """UTC; text without a zone where the database knows no times."""
        return _to_text if dialect.name == "sqlite" else _to_utc

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], datetime | None]:
        """Aware UTC."""
        return _of_text if dialect.name == "sqlite" else _of_driver


_WITHOUT_ZONE = len("2026-01-01 00:00:00.000000")


def _to_utc(value: datetime | None) -> datetime | None:
    if value is None:
        return None
    if value.tzinfo is None:
        raise ValueError("naive time")
    return value.astimezone(UTC)


def _to_text(value: datetime | None) -> str | None:
    utc = _to_utc(value)
    return None if utc is None else utc.isoformat(" ", "microseconds")[:_WITHOUT_ZONE]


def _of_text(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text + "Z")


def _of_driver(value: datetime | None) -> datetime | None:
    return None if value is None else value.astimezone(UTC)


publication = Table(
    "publication",
    metadata,
    Column("kind", String(16), primary_key=True, comment="registry or policy"),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("digest", String(64), nullable=False, comment="SHA-256 of the canonical document"),
    Column("effective_from", Date),
    Column("published_at", UtcDateTime, nullable=False),
    Column("published_by", String(100), nullable=False),
    Column("document", LargeBinary, nullable=False, comment="canonical JSON, zlib"),
)

form_version = Table(
    "form_version",
    metadata,
    Column("id", String(100), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False),
    Column("matter", String(100), nullable=False),
    Column("department", String(100), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("published_at", UtcDateTime, nullable=False),
    Column("published_by", String(100), nullable=False),
    Column("document", LargeBinary, nullable=False, comment="canonical JSON, zlib"),
)

client = Table(
    "client",
    metadata,
    Column("id", String(100), primary_key=True),
    Column("name", Text, nullable=False),
    Column("department", String(100), nullable=False),
    Column("roles", Text, nullable=False, comment="JSON list"),
    Column("secret_hash", Text),
    Column("jwks", Text, comment="JSON"),
    Column("created_at", UtcDateTime, nullable=False),
    Column("disabled_at", UtcDateTime),
    Column("bound", String(8), comment="dpop or mtls: its tokens must be bound to a key or a certificate"),
    Column("webhook", Text, comment="where it wants to be told of what concerns it"),
)

used_once = Table(
    "used_once",
    metadata,
    Column("key", String(64), primary_key=True, comment="keyed digest of what may be used once"),
    Column("expires_at", UtcDateTime, nullable=False, comment="afterwards it is refused for its age"),
    Index(None, "expires_at"),
)

operator = Table(
    "operator",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("login_key", String(64), nullable=False, comment="keyed digest of what they log in by"),
    Column("sealed", LargeBinary, nullable=False, comment="login and name"),
    Column("department", String(100), nullable=False),
    Column("roles", Text, nullable=False, comment="JSON list"),
    Column("created_at", UtcDateTime, nullable=False),
    Column("password_hash", Text, comment="scrypt; null where an OpenID issuer logs them in"),
    Column("must_change_password", Boolean, nullable=False),
    Column("totp", LargeBinary, comment="sealed secret"),
    Column("totp_last_step", BigInteger, nullable=False, comment="no code of that step or before is taken"),
    Column("failed_logins", Integer, nullable=False, comment="since the last success"),
    Column("locked_until", UtcDateTime),
    Column("disabled_at", UtcDateTime),
    UniqueConstraint("login_key"),
)

operator_session = Table(
    "operator_session",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("operator", String(40), ForeignKey("operator.id"), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
    Index(None, "operator"),
)

subject = Table(
    "subject",
    metadata,
    Column("ref", String(40), primary_key=True, comment="random, never derived from an identifier"),
    Column("key", String(64), nullable=False, comment="blind index of kind and identifier"),
    Column("kind", String(16), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column(
        "wrapped_key",
        LargeBinary,
        comment="what its cells are sealed under; null from before, and once erased",
    ),
    Column("erased_at", UtcDateTime, comment="then its key is destroyed and no identifier leads here"),
    Column("disputed", Text, comment="item=dispute of each open dispute; null where there is none"),
    Column(
        "linked_to",
        String(40),
        comment="oldest of the documents it counts as one subject with; null: it stands alone",
    ),
    UniqueConstraint("key"),
    Index(
        None,
        "linked_to",
        postgresql_where=text("linked_to IS NOT NULL"),
        sqlite_where=text("linked_to IS NOT NULL"),
    ),
)

consent = Table(
    "consent",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("subject_ref", String(40), ForeignKey("subject.ref"), nullable=False),
    Column("purpose", String(100), nullable=False),
    Column("form", String(100)),
    Column("state", String(16), nullable=False),
    Column("not_before", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("uses_left", BigInteger, comment="null is without limit"),
    Column("recorded_by", String(100), nullable=False, comment="client id"),
    Column("department", String(100), nullable=False, comment="of the recording client"),
    Column("recorded_at", UtcDateTime, nullable=False),
    Column("terms", Text, nullable=False, comment="JSON: recipients, permitted and denied items"),
    Column("sealed", LargeBinary, nullable=False, comment="the whole record"),
    Column("case_key", String(64), comment="keyed digest of the one case it is for; null covers every case"),
    Column("frequency_count", Integer, comment="uses in one window; null is without"),
    Column("frequency_seconds", Integer, comment="length of a window"),
    Column("window_began", UtcDateTime, comment="first use of the window that was last begun"),
    Column("window_uses", Integer, comment="uses taken in it"),
    Column("renews", String(40), comment="the consent whose place it took"),
    Index(None, "subject_ref"),
    # Only what can still expire: looking for it must not read all there ever was.
    Index(
        None,
        "expires_at",
        postgresql_where=text("state IN ('given', 'renewed', 'paused')"),
        sqlite_where=text("state IN ('given', 'renewed', 'paused')"),
    ),
)

consent_event = Table(
    "consent_event",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("consent_id", String(40), ForeignKey("consent.id"), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("state", String(16), nullable=False),
    Column("actor_kind", String(20), nullable=False),
    Column("reason", String(200), nullable=False),
    Column("entry_id", String(40), nullable=False),
    Column("actor", String(100), comment="client id; null from before it was kept"),
    Index(None, "consent_id", "at"),
)

consent_request = Table(
    "consent_request",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("link", String(64), nullable=False, comment="keyed digest of the link's secret"),
    Column("proof", String(64), nullable=False, comment="keyed digest of what the person confirms by"),
    Column("subject_ref", String(40), ForeignKey("subject.ref"), nullable=False),
    Column("requested_by", String(100), nullable=False, comment="client id"),
    Column("department", String(100), nullable=False, comment="of that client"),
    Column("form", String(100), nullable=False),
    Column("state", String(16), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False, comment="of the link, not of the consent"),
    Column("sealed", LargeBinary, comment="what is asked, for whom, and the notice; null once purged"),
    Column("failures", Integer, nullable=False, comment="wrong confirmations"),
    Column("consent_id", String(40), comment="what came of it"),
    Column("answered_at", UtcDateTime),
    UniqueConstraint("link"),
    Index(None, "subject_ref"),
    # What jobs still have to look at: open requests, and those that ended in nothing and are not yet empty.
    Index(
        None,
        "expires_at",
        postgresql_where=text("consent_id IS NULL AND sealed IS NOT NULL"),
        sqlite_where=text("consent_id IS NULL AND sealed IS NOT NULL"),
    ),
)

audit_entry = Table(
    "audit_entry",
    metadata,
    Column("id", String(40), primary_key=True, comment="time-ordered"),
    Column("kind", String(32), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("request", String(40), comment="resolution or consent it belongs to"),
    Column("caller", String(100), nullable=False),
    Column("leaf", LargeBinary, nullable=False, comment="canonical JSON without personal data"),
    Column("sealed", LargeBinary, comment="the private part"),
    Column("actor_key", String(32), comment="keyed digest of who worked; of intents"),
    Column("case_key", String(32), comment="keyed digest of the case; of intents"),
    Index(None, "request"),
    Index(
        None,
        *("actor_key", "id"),
        postgresql_where=text("actor_key IS NOT NULL"),
        sqlite_where=text("actor_key IS NOT NULL"),
    ),
    Index(
        None,
        "case_key",
        postgresql_where=text("case_key IS NOT NULL"),
        sqlite_where=text("case_key IS NOT NULL"),
    ),
)

audit_pending = Table(
    "audit_pending",
    metadata,
    Column(
        "number",
        BigInteger().with_variant(Integer(), "sqlite"),
        primary_key=True,
        comment="given when it is written: of two entries about one consent the later one's is higher",
    ),
    Column("entry_id", String(40), nullable=False, comment="written, and not yet given its place"),
    UniqueConstraint("entry_id"),
)

audit_place = Table(
    "audit_place",
    metadata,
    Column("shard", Integer, primary_key=True, autoincrement=False, server_default=text("1")),
    Column("index", BigInteger, primary_key=True, autoincrement=False, comment="from 0, without gaps"),
    Column("entry_id", String(40), ForeignKey("audit_entry.id"), nullable=False),
    UniqueConstraint("entry_id"),
)

audit_about = Table(
    "audit_about",
    metadata,
    Column("subject_ref", String(40), primary_key=True, comment="whom an entry with a place is about"),
    Column("index", BigInteger, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)

audit_tile = Table(
    "audit_tile",
    metadata,
    Column("shard", Integer, primary_key=True, autoincrement=False, server_default=text("1")),
    Column("level", Integer, primary_key=True, autoincrement=False),
    Column("index", BigInteger, primary_key=True, autoincrement=False),
    Column("hashes", LargeBinary, nullable=False, comment="up to 256 of 32 bytes; grows until it is full"),
)

audit_checkpoint = Table(
    "audit_checkpoint",
    metadata,
    Column("shard", Integer, primary_key=True, autoincrement=False, server_default=text("1")),
    Column("size", BigInteger, primary_key=True, autoincrement=False, comment="entries it covers"),
    Column("at", UtcDateTime, nullable=False),
    Column("note", Text, nullable=False, comment="signed note (C2SP)"),
    Column("cosigned", Boolean, nullable=False, server_default=text("false"), comment="by a witness"),
    Index(
        "ix_audit_checkpoint_cosigned",
        "shard",
        "size",
        postgresql_where=text("cosigned"),
        sqlite_where=text("cosigned"),
    ),
)

resolution = Table(
    "resolution",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("caller", String(100), nullable=False),
    Column("form", String(100), nullable=False),
    Column("form_version", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("valid_until", UtcDateTime, nullable=False),
    Column("sealed", LargeBinary, comment="the answer; null once purged"),
    Column("subjects", Text, comment="references whose keys seal the answer together; null: the root's does"),
    # Only what is still to be purged: the rows stay for good, and the purge must not read them all every time.
    Index(
        None,
        "valid_until",
        postgresql_where=text("sealed IS NOT NULL"),
        sqlite_where=text("sealed IS NOT NULL"),
    ),
)

resolution_consent = Table(
    "resolution_consent",
    metadata,
    Column("resolution_id", String(40), ForeignKey("resolution.id", ondelete="CASCADE"), primary_key=True),
    Column("consent_id", String(40), primary_key=True),
    Index(None, "consent_id"),
)

idempotency = Table(
    "idempotency",
    metadata,
    Column("caller", String(100), primary_key=True),
    Column("key", String(64), primary_key=True, comment="SHA-256 of the header"),
    Column("request_digest", String(64), nullable=False),
    Column("resource", String(60), comment="null while the first request is at work"),
    Column("created_at", UtcDateTime, nullable=False),
    Index(None, "created_at"),
)
