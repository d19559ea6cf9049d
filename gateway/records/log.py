"""The log: its entries, their places in the tree, and how a reader asks for them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from msgspec import Struct

from field_registry.words import Word


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
    witness_refused = "log.witness_refused"
    """A witness does not cosign the log that it is shown: it says that it saw another, or knows none such."""
    shard_opened = "log.shard_opened"
    """The log goes on in a new tree, because the old one is not what was signed. The first entry of that tree."""
    operator_logged_in = "operator.logged_in"
    operator_login_refused = "operator.login_refused"
    operator_locked = "operator.locked"
    """Too many failures from one device or address: nobody logs in as that operator from there for a while."""
    operator_beset = "operator.beset"
    """Many strangers fail in an operator's name: from now on they are let try one at a time. An alarm."""
    operator_session_ended = "operator.session_ended"
    operator_changed = "operator.changed"
    """An operator was added, disabled, reset, or holds other roles."""
    client_changed = "client.changed"
    sealing_key_changed = "sealing_key.changed"
    """A department registered a key that values are sealed to, or one was ended."""
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
    dispute_joined = "dispute.joined"
    """Somebody says again what a ticket is open about. Those of a submission stand in its own entry."""
    dispute_referred = "dispute.referred"
    dispute_corrected = "dispute.corrected"
    """The source was wrong. Names the answers emptied and the applications whose offices are told."""
    dispute_upheld = "dispute.upheld"
    dispute_withdrawn = "dispute.withdrawn"
    dispute_purged = "dispute.purged"
    person_refused = "person.refused"
    """A portal wanted a person's token and was not given it, or whoever was sent a link logged in as somebody else."""


class Entry(Struct, frozen=True):
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


@dataclass(frozen=True, slots=True, eq=False)
class ProofParts:
    """What the proof of one entry is made of. `note`: the checkpoint that it rests on. `tiles`: as they were wanted."""

    place: Place
    note: str
    tiles: Mapping[Tile, bytes]


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
