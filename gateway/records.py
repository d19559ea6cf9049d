"""Records the service passes between its rooms: who calls, who works, what was asked. Frozen; no behaviour."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Generic, NamedTuple, TypeVar

from field_registry.words import Word
from gateway.slots import Snapshot
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
    security = "security"
    """Manage operators and keys, and erase subjects."""
    portal = "portal"
    """An application that has identified a person and may exchange that for the person's own token."""
    person = "person"
    """The applicant themself: their own uses and consents."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, from the token. `department`: the recipient of whatever is released.

    `person`: reference of the subject whose own token it is; None for a system or an operator.
    `session`: of an operator, to be asked whether it still stands; None for a system or a person.
    """

    id: str
    department: str
    roles: frozenset[str]
    person: str | None = None
    session: str | None = None


@dataclass(frozen=True, slots=True)
class Client:
    """One registered caller and its credentials. Exactly one of `secret_hash` and `jwks` is set.

    `secret_hash`: scrypt, for `client_secret_basic` (development only). `jwks`: the public JWK Set, for
    `private_key_jwt` (RFC 7523). `bound`: "dpop" or "mtls" when its tokens must be bound to a key or a certificate.
    `webhook`: where it wants to be told of what concerns it; None when nowhere.
    """

    id: str
    name: str
    department: str
    roles: frozenset[str]
    secret_hash: str | None = None
    jwks: Mapping[str, Any] | None = None
    disabled_at: datetime | None = None
    bound: str | None = None
    webhook: str | None = None


@dataclass(frozen=True, slots=True)
class Sighting:
    """What a memory says of a key. `memory`: its name, another one whenever it may have forgotten.

    `since`: from when it remembers everything, by the clock of whoever began it; None when it only stands in for
    another one.
    """

    is_new: bool
    memory: str
    since: datetime | None


@dataclass(frozen=True, slots=True)
class Operator:
    """One person who administers, secures or audits the service.

    `id`: random. `login_key`: keyed digest of what they log in by. `sealed`: login and name. `password_hash` (scrypt)
    and `totp` (sealed secret): None for those whom an OpenID issuer logs in. `totp_last_step`: the newest 30 seconds
    whose code was accepted; no older code ever is. `failed_logins`: since the last log-in, counted before each try.
    """

    id: str
    login_key: str
    sealed: bytes
    department: str
    roles: frozenset[str]
    created_at: datetime
    password_hash: str | None = field(default=None, repr=False)
    must_change_password: bool = False
    totp: bytes | None = field(default=None, repr=False)
    totp_last_step: int = 0
    failed_logins: int = 0
    locked_until: datetime | None = None
    disabled_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class OperatorSession:
    """One log-in. It stands until `expires_at`, unless it was ended (`ended_at`) before."""

    id: str
    operator: str
    created_at: datetime
    expires_at: datetime
    ended_at: datetime | None = None


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
    consent_refused = "consent.refused"
    """A person agreed to none of what they were asked for."""
    consent_renewed = "consent.renewed"
    consent_expired = "consent.expired"
    consent_terminated = "consent.terminated"
    consent_invalidated = "consent.invalidated"
    consent_rejected = "consent.rejected"
    """A consent was not recorded because the record breaks a rule. Committed before the refusal is answered."""
    consent_requested = "consent.requested"
    """A person was asked: the link and its notice exist. Committed before the link leaves."""
    consent_deferred = "consent.deferred"
    consent_request_expired = "consent.request_expired"
    consent_request_invalidated = "consent.request_invalidated"
    """Too many wrong confirmations: whoever has the link is not who was asked."""
    consent_requests_purged = "consent.requests_purged"
    notice_given = "notice.given"
    """Somebody was told what the law lets be fetched about them without consent (PIPL art. 35)."""
    registry_published = "registry.published"
    policy_published = "policy.published"
    form_published = "form.published"
    drafts_purged = "drafts.purged"
    submission_received = "submission.received"
    """A person handed in a form: what became of each slot. Committed before it is answered."""
    submission_corrected = "submission.corrected"
    """The slots of an application are counted otherwise from now on."""
    submission_refused = "submission.refused"
    """A form about an answer that was delivered masked was not taken. Committed before the caller is told why."""
    submission_too_late = "submission.too_late"
    """An answer's time was over when it was handed in; what the person had typed is kept for a day."""
    receipt_issued = "receipt.issued"
    """The call receipt of a resolution is about to be handed out: its digest, by which it is known again."""
    form_printed = "form.printed"
    """A filled form is about to be printed, with its values. Committed before it leaves."""
    submissions_purged = "submissions.purged"
    """Final values whose time is over were emptied; the slots stay."""
    keys_rotated = "keys.rotated"
    keys_rewrapped = "keys.rewrapped"
    """What stood on older root keys was brought under the newest."""
    subject_erased = "subject.erased"
    """A subject's key and index were destroyed, and with them every value kept of it."""
    erasure_refused = "subject.erasure_refused"
    """The law still wants the records of that subject kept."""
    audit_lookup = "audit.lookup"
    """Somebody searched the log, took a proof from it, or asked who used a subject's data. Committed before that."""
    audit_opened = "audit.opened"
    """An auditor opened the private part of an entry: who worked, on which case. Committed before it is shown."""
    log_refused = "log.refused"
    """The database was found not to be the log that was signed, or a second service wanted it: nothing was signed."""
    shard_opened = "log.shard_opened"
    """The log goes on in a new tree, because the old one is not what was signed. The first entry of that tree."""
    operator_logged_in = "operator.logged_in"
    operator_login_refused = "operator.login_refused"
    operator_locked = "operator.locked"
    """Too many failures: nobody logs in as that operator for a while, whatever they know."""
    operator_session_ended = "operator.session_ended"
    operator_changed = "operator.changed"
    """An operator was added, disabled, reset, or holds other roles."""
    client_changed = "client.changed"
    roles_refused = "roles.refused"
    """Roles that no one may unite, or a change of one's own, were refused at assignment (GB/T 39477)."""
    person_identified = "person.identified"
    """A portal says who a person is and is given that person's token. Committed before the token leaves."""
    baseline_frozen = "baseline.frozen"
    """A form's baseline, to which manual entry is compared, is set from now on."""
    access_refused = "access.refused"
    """Somebody could not prove who they are, or may not do what they asked; or how many more, within a second."""
    identity_linked = "identity.linked"
    """Two documents count as one subject from now on; the evidence is sealed."""
    identity_unlinked = "identity.unlinked"
    identity_refused = "identity.refused"
    """Two documents were not linked: the evidence does not do, or one of them is somebody else's already."""
    profile_kept = "profile.kept"
    """A person agreed that one value they typed is kept for their next forms: its item, never the value."""
    profile_deleted = "profile.deleted"
    profile_read = "profile.read"
    """Somebody was shown what is kept of a person or organisation. Committed before it is shown."""
    profile_purged = "profile.purged"
    dispute_opened = "dispute.opened"
    """Somebody says that a value they were shown is wrong. Those of a submission stand in its own entry."""
    dispute_read = "dispute.read"
    """Somebody was shown what a dispute keeps: the reason, both values, the evidence. Committed before that."""
    dispute_reminded = "dispute.reminded"
    dispute_escalated = "dispute.escalated"
    """Nobody has answered a dispute in time: the department above has to see to it."""
    dispute_referred = "dispute.referred"
    dispute_corrected = "dispute.corrected"
    """The source was wrong. Names the answers emptied and the applications whose offices are told."""
    dispute_upheld = "dispute.upheld"
    dispute_withdrawn = "dispute.withdrawn"
    dispute_purged = "dispute.purged"
    person_refused = "person.refused"
    """A portal wanted a person's token and was not given it, or whoever was sent a link logged in as somebody else."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the append-only log.

    `leaf`: canonical JSON of random references, codes and times: nothing personal. `sealed`: the private part,
    encrypted. `request`: the resolution or consent it belongs to. `actor_key`, `case_key`: keyed digests to find it by,
    of intents alone.
    """

    id: str
    kind: EntryKind
    at: datetime
    request: str | None
    caller: str
    leaf: bytes
    sealed: bytes | None = None
    actor_key: str | None = None
    case_key: str | None = None


Tile = tuple[int, int]
"""Level and index of a tile of the log's tree."""


class Place(NamedTuple):
    """Where an entry stands. `shard`: which of the log's trees, from 1. `index`: in that tree, from 0."""

    shard: int
    index: int  # type: ignore[assignment]  # hides tuple.index, which nobody asks of a place


class Head(NamedTuple):
    """The log's present tree. `shard`: from 1. `note`: its newest checkpoint; None before the first."""

    shard: int
    note: str | None


@dataclass(frozen=True, slots=True, eq=False)
class Tail:
    """Where the log's tree ends, and what waits to be appended.

    `size`: entries that have their place. `tiles`: the right edge, as far as the caller asked for it. `note`: the
    newest checkpoint. `waiting`: entry id and leaf, in the order in which they are to be placed. `shard`: which tree.
    """

    size: int
    tiles: Mapping[Tile, bytes]
    note: str | None
    waiting: Sequence[tuple[str, bytes]]
    shard: int = 1


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
    """Which entries an auditor looks for; None is any. `since` is inclusive, `until` is not.

    `telling`: what must stand in the leaf, byte for byte; a first sieve, for such bytes may stand anywhere in it.
    """

    request: str | None = None
    kind: EntryKind | None = None
    caller: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    actor_key: str | None = None
    case_key: str | None = None
    telling: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Scanned:
    """What one look through a stretch of the log found. `after`: where to go on; None at the end."""

    entries: Sequence[Entry]
    after: str | None


@dataclass(frozen=True, slots=True)
class StoredConsent:
    """A consent as the store keeps it: what decisions need in clear, the whole record sealed.

    `sealed`: empty once its subject was erased. `wrapped_key`: of its subject, when it is read. `renews`: the consent
    whose place it took.
    """

    consent: Consent
    subject_ref: str
    subject_kind: str
    recorded_by: str
    department: str
    recorded_at: datetime
    sealed: bytes
    wrapped_key: bytes | None = field(default=None, repr=False, compare=False)
    renews: str | None = None


@dataclass(frozen=True, slots=True)
class ConsentEvent:
    """One step in the life of a consent.

    `reason`: a code such as "period_over", or "given" where words stand sealed in the entry; "" for none. `actor`: the
    client that did it, None in records from before it was kept.
    """

    id: str
    consent_id: str
    at: datetime
    state: ConsentState
    actor_kind: str
    reason: str
    entry_id: str
    actor: str | None = None


@dataclass(frozen=True, slots=True)
class ConsentEnd:
    """The end of a consent that another one takes the place of, as `Consents.add` writes it."""

    event: ConsentEvent
    entry: Entry
    allowed_from: frozenset[ConsentState]


@dataclass(frozen=True, slots=True)
class ConsentRequest:
    """A person asked for a consent by a link, as the store keeps it.

    `link`: keyed digest of the link's secret. `proof`: keyed digest of what the person confirms that it is them by.
    `failures`: wrong confirmations. `consent_id`: what came of it, once given. `sealed`: what is asked, for whom, and
    the notice; None once purged.
    """

    id: str
    link: str
    proof: str
    subject_ref: str
    requested_by: str
    department: str
    form: str
    state: ConsentState
    created_at: datetime
    expires_at: datetime
    sealed: bytes | None
    failures: int = 0
    consent_id: str | None = None
    answered_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RequestAnswer:
    """What becomes of an open request: its new state, when, and what is still kept of it."""

    request_id: str
    state: ConsentState
    at: datetime
    sealed: bytes | None
    consent_id: str | None = None


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
    subjects: tuple[str, ...] = ()
    """References of the subjects whose keys seal it together; none when the root's does."""


@dataclass(frozen=True, slots=True)
class Submission:
    """One application as it was handed in; its slots stand in its snapshots.

    `digest`: keyed digest of what was sent, by which the same sent twice is known. `roles`: role → reference of its
    subject. `subjects`: references whose keys seal the values together; none when the root's does. `sealed`: the final
    values, kept until `keep_until`; None once purged. `said`: what was answered beside the slots, canonical JSON of
    paths and codes.
    """

    id: str
    resolution_id: str
    caller: str
    department: str
    form: str
    form_version: int
    submitted_at: datetime
    entry_id: str
    digest: str
    roles: Mapping[str, str]
    keep_until: datetime
    sealed: bytes | None = field(default=None, repr=False)
    subjects: tuple[str, ...] = ()
    said: bytes = b"{}"


@dataclass(frozen=True, slots=True)
class TypedAnswers:
    """What a person had typed when their answer's time was over: kept a day longer, to begin again with.

    `subjects`: references whose keys seal them together; none when the root's does.
    """

    resolution_id: str
    caller: str
    form: str
    keep_until: datetime
    sealed: bytes = field(repr=False)
    subjects: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SnapshotFilter:
    """Which applications are looked for; None is any. `since` is inclusive, `until` is not: when it was submitted.

    `item`: one of whose slots is of that item. `caller`: who submitted it.
    """

    form: str | None = None
    department: str | None = None
    matter: str | None = None
    item: str | None = None
    segment: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    caller: str | None = None


@dataclass(frozen=True, slots=True)
class ProfileValue:
    """One value that a person typed and lets us keep for the next form: tier C, for that purpose, until it expires.

    `item`: what it is; the newest of one subject and item counts. `sealed`: the value, under the subject's key.
    `submission_id`: where it was collected; None when the person wrote it into the record directly. `told`: the entry
    that says it is kept, when it is written. `differs_from`: a register that said something else, at `differs_at`.
    `wrapped_key`: of its subject, when it is read.
    """

    id: str
    subject_ref: str
    item: str
    given_at: datetime
    expires_at: datetime
    purpose: str
    form: str
    submission_id: str | None
    entry_id: str
    sealed: bytes = field(repr=False)
    told: Entry | None = field(default=None, repr=False, compare=False)
    differs_from: str | None = None
    differs_at: datetime | None = None
    wrapped_key: bytes | None = field(default=None, repr=False, compare=False)


class ProfileEnd(Word):
    """How a profile value ends."""

    superseded = "superseded"
    """By a newer one."""
    deleted = "deleted"
    """By the person, or at a desk on their behalf."""
    expired = "expired"
    erased = "erased"
    """Its subject is no more."""


@dataclass(frozen=True, slots=True)
class ProfileDifference:
    """What a register said beside a profile value of the same item: something else, or the same (`differs`)."""

    subject_ref: str
    item: str
    source: str
    at: datetime
    differs: bool


class DisputeState(Word):
    """How a dispute stands. Only `open` and `referred` keep the value from being offered."""

    open = "open"
    corrected = "corrected"
    """The source was wrong, and says the right thing now."""
    upheld = "upheld"
    """The value stands; the reasons were given."""
    referred = "referred"
    """Another department has to answer."""
    withdrawn = "withdrawn"


@dataclass(frozen=True, slots=True)
class Dispute:
    """A person says that one value is wrong: a ticket for the department that owns the item.

    `path`: the slot it was shown in. `source`: which said it. `department`: who has to answer. `due`: the working day
    by whose end. `level`: how often it was escalated. `sealed`: the reason, both values and the evidence.
    """

    id: str
    subject_ref: str
    item: str
    source: str
    department: str
    path: str
    submission_id: str | None
    resolution_id: str | None
    state: DisputeState
    opened_at: datetime
    due: date
    entry_id: str
    sealed: bytes = field(repr=False)
    level: int = 0
    reminded_at: datetime | None = None
    closed_at: datetime | None = None
    supervisor: str | None = None
    """The department above that must see to it, once it was escalated; None before."""
    set_at: datetime | None = None
    """When the present deadline was set; None while it is the first."""
    steps: int = 0
    """How many steps were taken since it was opened; what a step is compared with before it is written."""
    counted_at: datetime | None = None
    """When it was settled what its correction changes in the counts; None before, and of one that is not corrected."""
    wrapped_key: bytes | None = field(default=None, repr=False, compare=False)
    """Of its subject, when it is read."""


@dataclass(frozen=True, slots=True)
class DisputeEvent:
    """One step of a dispute, as it stood afterwards.

    `step`: "reminded", "escalated", "referred", "corrected", "upheld" or "withdrawn". `actor`: the client that took it.
    `reason`: a code, "given" where words stand sealed; `sealed`: those words, under the subject's key.
    """

    id: str
    dispute_id: str
    subject_ref: str
    at: datetime
    step: str
    state: DisputeState
    department: str
    due: date
    level: int
    actor: str
    reason: str
    entry_id: str
    sealed: bytes | None = field(default=None, repr=False)


class DisputeCount(NamedTuple):
    """Disputes of one item from one source. `confirmed`: the source was wrong; `unanswered`: open or referred."""

    source: str
    item: str
    confirmed: int
    upheld: int
    unanswered: int
    withdrawn: int


@dataclass(frozen=True, slots=True)
class Message:
    """What one client is told by webhook, kept until it has answered or we give up. `body`: no personal value.

    `id`: also the receiver's, which knows by it what comes twice. `about`: what it is about, e.g. a dispute's id.
    `next_at`: when it is tried next; None once it is over. `failure`: code of the last one; "" for none.
    """

    id: str
    client: str
    about: str
    created_at: datetime
    body: bytes
    next_at: datetime | None
    tries: int = 0
    delivered_at: datetime | None = None
    failure: str = ""


@dataclass(frozen=True, slots=True)
class SubmissionWrite:
    """Everything one submission writes beside its entry. The draft it came from is emptied in the same transaction.

    `was_purged`: the draft was empty before, since a consent it rested on was taken back; else it must not be.
    """

    submission: Submission
    snapshot: Snapshot
    kept: tuple[ProfileValue, ...] = ()
    disputes: tuple[Dispute, ...] = ()
    was_purged: bool = False


@dataclass(frozen=True, slots=True)
class Submittable:
    """A draft and what submitting it needs, read together.

    `keys`: reference → wrapped key of its subjects that have one. `submission`: what was submitted of it already.
    `held`: reference → items of which the subject's profile holds a value that stands.
    """

    draft: Draft
    keys: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    submission: Submission | None = None
    held: Mapping[str, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GateWrite(Generic[Outcome]):
    """What one passage of a gate writes, all in one transaction, and what the passer gets once it is durable.

    `use`: consents to take a use of. `used_at`: when, by which their frequency is counted; None is when the entry says.
    `differences`: where a register said something else than the profile, or does so no more.
    """

    entry: Entry
    result: Outcome
    use: tuple[str, ...] = ()
    draft: Draft | None = None
    used_at: datetime | None = None
    submission: SubmissionWrite | None = None
    differences: tuple[ProfileDifference, ...] = ()


@dataclass(frozen=True, slots=True)
class SubjectKey:
    """The key that cells about one subject are sealed under. Lives as long as the request that reads them.

    `ref`: the subject's reference; of a key made of several, theirs in order with a space between. `cipher`: what
    seals and opens by it, set up once for all cells of a request.
    """

    ref: str
    material: bytes = field(repr=False)
    cipher: Any = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class NewSubject:
    """What is stored of a subject at first sight: its kind, the reference it is given, when.

    `new_key`: reference → a new wrapped key; called in the transaction, and only if the subject is new.
    """

    kind: str
    ref: str
    at: datetime
    new_key: Callable[[str], bytes] | None = None


@dataclass(frozen=True, slots=True)
class Erasure:
    """What erasing a subject did: how many consents were emptied, how many of those ended by it, drafts purged.

    `others`: references of its linked documents, which were erased with it.
    """

    consents: int
    ended: int
    drafts: int
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class IdentityLink:
    """Somebody's word that two documents are of one subject.

    `from_ref`: the document that was added; `to_ref`: whose it is. `is_claim`: another subject has that document, so
    that this is a claim beside a link: while both stand the document counts for nobody. `sealed`: the evidence, under
    the keys of both; None once one of them was erased. `wrapped_keys`: of both, when it is read.
    """

    id: str
    from_ref: str
    to_ref: str
    kind: str
    at: datetime
    recorded_by: str
    department: str
    is_claim: bool
    entry_id: str
    sealed: bytes | None = field(repr=False)
    ended_at: datetime | None = None
    ended_entry: str | None = None
    wrapped_keys: Mapping[str, bytes] = field(default_factory=dict, repr=False, compare=False)


class LinkVerdict(Word):
    """What came of a link that was to be written. Only `linked` and `claimed` wrote anything."""

    linked = "linked"
    claimed = "claimed"
    already = "already"
    """Both count as one subject as it is."""
    elsewhere = "elsewhere"
    """One of the documents is linked to, or claimed for, somebody else."""


@dataclass(frozen=True, slots=True)
class LinkedDocument:
    """One of the documents that a subject is known by. `key`: its blind index.

    `sealed`: the identifier, under the key of `ref`. `is_contested`: two subjects claim it, so that it counts for none.
    """

    ref: str
    key: str
    wrapped_key: bytes | None = field(repr=False)
    sealed: bytes = field(repr=False)
    is_contested: bool


@dataclass(frozen=True, slots=True)
class Cell:
    """One sealed cell. `subject` and its `wrapped_key` where the row is about one that has a key."""

    row: str
    sealed: bytes
    subject: str | None = None
    wrapped_key: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class GateView:
    """What a gate has read in its transaction for one passage.

    `consents`: those asked for that exist, by id, as they stand now. `subject_refs`: blind index → reference.
    `wrapped_keys`: reference → the subject's wrapped key; without those that have none. `disputed`: reference → item →
    the open dispute about it; without subjects that dispute nothing. `linked`: blind index → every document of that
    subject, itself among them, oldest first; without subjects known by one document that nobody contests.
    """

    consents: Mapping[str, Consent]
    subject_refs: Mapping[str, str]
    wrapped_keys: Mapping[str, bytes] = field(default_factory=dict)
    disputed: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    linked: Mapping[str, tuple[LinkedDocument, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GateRequest(Generic[Outcome]):
    """One passage of a gate.

    `consents`: ids to read, locked, in the transaction. `subjects`: blind index → what to store of the subject if
    it is new. `write`: called there with what was read; pure. It must give an entry whatever it finds: a refusal is an
    entry too. `about`: references of subjects whose disputes are wanted, known or not by what else is read.
    """

    consents: tuple[str, ...]
    write: Callable[[GateView], GateWrite[Outcome]]
    subjects: Mapping[str, NewSubject] = field(default_factory=dict)
    about: Collection[str] = ()


NO_BOUND_MS = 2**31 - 1
"""`up_to_ms` of what took longer than the longest time that is told apart."""


@dataclass(frozen=True, slots=True)
class CallCount:
    """How often calls to a source ended so. `outcome`: `filled` when it gave anything, else its first reason.

    `up_to_ms`: they took no longer than that (`NO_BOUND_MS`: any time); 0 where it was not asked at all, because its
    breaker was open or it is under maintenance.
    """

    source: str
    outcome: str
    up_to_ms: int
    count: int


@dataclass(frozen=True, slots=True)
class AnswerCount:
    """How many resolutions of a form were answered within `up_to_ms`, and not within the next shorter time."""

    form: str
    up_to_ms: int
    count: int


class Stretch(NamedTuple):
    """Cells of a roll-up of one grain ("d" or "m") whose start is `begin` or later and before `end`."""

    grain: str
    begin: int
    end: int


class RollupKey(NamedTuple):
    """Where a count of slots stands: one cell of the roll-ups.

    `dimension`: "form", "field", "item" or "source"; `key`: the path, item or source, "" for a form and for what has
    none. `grain`: "d" or "m". `start`: 20261121 for a day in China, 20261100 for a month. What a cell does not tell
    apart is "".
    """

    dimension: str
    grain: str
    form: str
    key: str
    start: int
    segment: str
    department: str
    matter: str


@dataclass(frozen=True, slots=True)
class Countable:
    """One snapshot as it is to be counted: once (`sign` 1), or taken back because a later one stands (-1).

    `on`: the day in China on which the application was handed in, whatever was corrected later. `facts`: JSON of
    `gateway.slots.to_facts`.
    """

    sign: int
    on: date
    form: str
    matter: str
    department: str
    segment: str
    definition: str
    baseline: int | None
    is_test: bool
    facts: bytes


Delta = tuple[RollupKey, Sequence[int]]
"""What is added to one cell: its counts in the order of `gateway.reports.measures.COUNTERS`."""


@dataclass(frozen=True, slots=True)
class CellFilter:
    """Which cells of the roll-ups are summed; None is any.

    `by`: what they are grouped by, of "form", "key", "segment", "department", "matter", "month" and "day".
    """

    dimension: str
    by: tuple[str, ...]
    stretches: tuple[Stretch, ...]
    form: str | None = None
    department: str | None = None
    segment: str | None = None


CellSum = tuple[tuple[str, ...], tuple[int, ...]]
"""One group of cells: what it is grouped by, in that order, and the sums of its counts."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """How many slots a form asked for before, to which M5 compares: named, dated, never changed.

    The one frozen last counts for submissions from then on. `dated`: of what day the form that was counted is.
    """

    form: str
    name: str
    dated: date
    slots: int
    frozen_at: datetime
    frozen_by: str
    entry_id: str


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
