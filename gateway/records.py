"""Records the service passes between its rooms: who calls, who works, what was asked. Frozen; no behaviour."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Generic, TypeVar

from field_registry.words import Word
from policies.consent import Consent, ConsentState

Outcome = TypeVar("Outcome")


class CallerRole(Word):
    """What a caller may do; several may be held, but audit never together with data_admin or operator (GB/T 39477)."""

    renderer = "renderer"
    """Resolve forms and read its own resolutions."""
    consent_desk = "consent_desk"
    """Record, read and end consents."""
    data_admin = "data_admin"
    """Read and change the registry, forms and policies."""
    operator = "operator"
    """Read metrics and health in detail."""
    auditor = "auditor"
    """Read the log."""


@dataclass(frozen=True, slots=True)
class Caller:
    """The system that calls, from its token. `department`: the recipient of whatever is released."""

    id: str
    department: str
    roles: frozenset[str]


@dataclass(frozen=True, slots=True)
class Client:
    """One registered caller and its credentials. Exactly one of `secret_hash` and `jwks` is set.

    `secret_hash`: scrypt, for `client_secret_basic` (development only). `jwks`: the public JWK Set, for
    `private_key_jwt` (RFC 7523).
    """

    id: str
    name: str
    department: str
    roles: frozenset[str]
    secret_hash: str | None = None
    jwks: Mapping[str, Any] | None = None
    disabled_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Actor:
    """The natural person at work: `clerk`, `applicant`, `agent` or `terminal`, with the caller's own id for them."""

    kind: str
    id: str = field(repr=False)


class EntryKind(Word):
    """What an entry of the log tells. A new kind needs its line in `gateway/audit/README.md`; a test looks."""

    intent = "intent"
    """About to ask sources: which items, on which ground, for whom. Committed before any pull."""
    outcome = "outcome"
    """What was released, withheld or not found. Committed before any value leaves."""
    reread = "outcome.reread"
    """An answer given before was given again, or withheld because a consent has ended. Committed before it leaves."""
    consent_given = "consent.given"
    consent_paused = "consent.paused"
    consent_resumed = "consent.resumed"
    consent_withdrawn = "consent.withdrawn"
    registry_published = "registry.published"
    policy_published = "policy.published"
    form_published = "form.published"
    drafts_purged = "drafts.purged"
    keys_rotated = "keys.rotated"
    audit_lookup = "audit.lookup"
    """Somebody asked the log who used a subject's data. Committed before anything is shown."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the append-only log.

    `leaf`: canonical JSON of random references, codes and times: nothing personal. `sealed`: the private part,
    encrypted. `request`: the resolution or consent it belongs to.
    """

    id: str
    kind: EntryKind
    at: datetime
    request: str | None
    caller: str
    leaf: bytes
    sealed: bytes | None = None


Tile = tuple[int, int]
"""Level and index of a tile of the log's tree."""


@dataclass(frozen=True, slots=True, eq=False)
class Tail:
    """Where the log's tree ends, and what waits to be appended.

    `size`: entries that have their place. `tiles`: the right edge, as far as the caller asked for it. `note`: the
    newest checkpoint. `waiting`: entry id and leaf, in the order in which they are to be placed.
    """

    size: int
    tiles: Mapping[Tile, bytes]
    note: str | None
    waiting: Sequence[tuple[str, bytes]]


@dataclass(frozen=True, slots=True, eq=False)
class Extension:
    """A longer tree. `tiles`: those that are new or longer, whole. `note`: the signed checkpoint of that size.

    `about`: reference of a subject and index of an appended entry that is about it, each pair once.
    """

    size: int
    tiles: Mapping[Tile, bytes]
    note: str
    at: datetime
    about: Sequence[tuple[str, int]] = ()


@dataclass(frozen=True, slots=True)
class EntryFilter:
    """Which entries an auditor looks for; None is any. `since` is inclusive, `until` is not."""

    request: str | None = None
    kind: EntryKind | None = None
    caller: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class StoredConsent:
    """A consent as the store keeps it: what decisions need in clear, the whole record sealed."""

    consent: Consent
    subject_ref: str
    subject_kind: str
    recorded_by: str
    department: str
    recorded_at: datetime
    sealed: bytes


@dataclass(frozen=True, slots=True)
class ConsentEvent:
    """One step in the life of a consent."""

    id: str
    consent_id: str
    at: datetime
    state: ConsentState
    actor_kind: str
    reason: str
    entry_id: str


@dataclass(frozen=True, slots=True)
class Draft:
    """A resolution kept until it is submitted or its time is over. `sealed` is the answer, None once purged."""

    id: str
    caller: str
    form: str
    form_version: int
    created_at: datetime
    valid_until: datetime
    consents: tuple[str, ...]
    sealed: bytes | None


@dataclass(frozen=True, slots=True)
class GateWrite(Generic[Outcome]):
    """What one passage of a gate writes, all in one transaction, and what the passer gets once it is durable."""

    entry: Entry
    result: Outcome
    use: tuple[str, ...] = ()
    draft: Draft | None = None


@dataclass(frozen=True, slots=True)
class NewSubject:
    """What is stored of a subject at first sight: its kind, the reference it is given, when."""

    kind: str
    ref: str
    at: datetime


@dataclass(frozen=True, slots=True, eq=False)
class GateView:
    """What a gate has read in its transaction for one passage.

    `consents`: those asked for that exist, by id, as they stand now. `subject_refs`: blind index → reference.
    """

    consents: Mapping[str, Consent]
    subject_refs: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class GateRequest(Generic[Outcome]):
    """One passage of a gate.

    `consents`: ids to read, locked, in the transaction. `subjects`: blind index → what to store of the subject if
    it is new. `write`: called there with what was read; pure. It must give an entry whatever it finds: a refusal is an
    entry too.
    """

    consents: tuple[str, ...]
    write: Callable[[GateView], GateWrite[Outcome]]
    subjects: Mapping[str, NewSubject] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Publication:
    """One published, immutable version of the registry or the policy. `document` is canonical JSON."""

    kind: str
    version: int
    digest: str
    effective_from: date | None
    published_at: datetime
    published_by: str
    document: bytes


@dataclass(frozen=True, slots=True)
class FormPublication:
    """One published, immutable version of a form."""

    id: str
    version: int
    name: str
    matter: str
    department: str
    digest: str
    published_at: datetime
    published_by: str
    document: bytes = b""
    """Canonical JSON; empty in listings."""
