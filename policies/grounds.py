"""Grounds, reasons and decisions: the closed lists in which a release is judged."""

from datetime import datetime

from msgspec import Struct

from field_registry.words import Word


class GroundKind(Word):
    """On what footing an item may be released (contract, section 2; PIPL art. 13)."""

    consent = "consent"
    statutory_duty = "statutory_duty"
    emergency = "emergency"
    other_law = "other_law"


class ReasonCode(Word):
    """Why a decision is what it is. `docs` reason codes C1-C9 are the consent ones, in the order they are tested."""

    allowed = "allowed"
    no_rule = "no_rule"
    forbidden = "forbidden"
    not_shared = "not_shared"
    already_answered = "already_answered"
    no_consent = "no_consent"
    consent_unknown = "consent_unknown"
    consent_other_subject = "consent_other_subject"
    consent_other_purpose = "consent_other_purpose"
    consent_other_case = "consent_other_case"
    consent_other_recipient = "consent_other_recipient"
    consent_not_given = "consent_not_given"
    consent_refused = "consent_refused"
    consent_withdrawn = "consent_withdrawn"
    consent_paused = "consent_paused"
    consent_ended = "consent_ended"
    consent_not_yet = "consent_not_yet"
    consent_expired = "consent_expired"
    consent_used_up = "consent_used_up"
    consent_too_often = "consent_too_often"
    consent_outdated = "consent_outdated"
    item_not_covered = "item_not_covered"
    item_refused = "item_refused"
    disputed = "disputed"
    """The person says that the value is wrong, and nobody has answered yet."""


class Ground(Struct, frozen=True):
    """What a release stands on. `id`: the consent's id, or the duty-list code. `citation`: the law, for duties."""

    kind: GroundKind
    id: str
    citation: str = ""


class Decision(Struct, frozen=True):
    """May this item be released to this caller for this purpose now. Always names the rule."""

    allowed: bool
    rule: str
    reason: ReasonCode
    ground: Ground | None = None


class Request(Struct, frozen=True):
    """What decisions are made about, beside the asks: who wants to know, for what, when.

    `department`: the caller's, i.e. the recipient of the data. `subjects_by_ref` is not needed: a consent names its
    subject by the blind index that `subject_keys` holds per role. `case_key`: keyed digest of the case number, None
    when the request names no case.
    """

    matter: str
    form: str
    purpose: str
    department: str
    caller_roles: frozenset[str]
    subject_keys: dict[str, str]
    now: datetime
    case_key: str | None = None
