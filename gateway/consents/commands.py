"""What a consent desk records, already checked for shape."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

AT_COUNTER = frozenset({"window", "terminal"})
"""Channels where a person agrees for what is being done at that moment: once, and for a day at most."""
SKEW = timedelta(seconds=60)
"""How much ahead of ours the clock of a terminal may be."""
SIGNED_BY_HAND = frozenset({"signature_pad", "paper_scan", "card_and_face"})
"""Methods that at a window a clerk must have witnessed: nothing else says that it was this person."""


NAMES_GRANTOR = frozenset(
    {"birth_certificate", "business_licence", "guardianship_ruling", "power_of_attorney"}
)
"""Kinds of document that name who may agree for the subject; a household register names everybody in the house."""


@dataclass(frozen=True, slots=True)
class Party:
    """A department: `id` as tokens and recipients name it, `name` and `contact` as the person reads them."""

    id: str
    name: str
    contact: str | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """What the person read. `rendered_sha256`: of the text exactly as it was shown."""

    id: str
    version: int
    language: str
    rendered_sha256: str
    shown_at: datetime
    channel: str


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature that is kept elsewhere. `by`: subject, guardian, witness or gateway."""

    by: str
    reference: str = field(repr=False)
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """How the agreement was given. `witness`: the clerk, by the caller's own name for them."""

    method: str
    identity_provider: str | None = None
    assurance: str | None = None
    authenticated_at: datetime | None = None
    witness: str | None = field(default=None, repr=False)
    device: str | None = field(default=None, repr=False)
    signatures: tuple[Signature, ...] = ()


@dataclass(frozen=True, slots=True)
class Act:
    """One separate agreement, beside that to the whole. `topic`: sensitive, others, third_party or minor."""

    topic: str
    act_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Relationship:
    """By what it is known that the grantor may speak for the subject. `reference`: of the document, sealed."""

    kind: str
    reference: str = field(repr=False)
    checked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Basis:
    """On what footing, with which law. `kind`: a ground kind; a record of a duty is a notice, not an agreement."""

    kind: str = "consent"
    citations: tuple[str, ...] = ()
    impact_assessment_ref: str | None = None


@dataclass(frozen=True, slots=True)
class RecordConsent:
    """One consent to be recorded.

    `subject`, `grantor`: wire form of whose data it is about, and of who agreed for them. `items`: id → permitted or
    denied, in the order shown; what is known of them is taken from the published registry. `necessity`: item →
    required or optional, where the form does not say. `controller`: None is the caller's department. `recipients`: ids
    of departments; `contacts`: more about some of them. `frequency`: uses, and per how long. `renews`: the consent
    whose place this one takes. `request`: the consent request that it answers. `scope_hash`: of the items as the notice
    told them; None leaves it unchecked whether they are still the same.
    """

    subject: Mapping[str, Any] = field(repr=False)
    purpose: str
    items: Mapping[str, bool]
    recipients: tuple[str, ...]
    expires_at: datetime
    notice: Notice
    evidence: Evidence
    form: str | None = None
    case: str | None = field(default=None, repr=False)
    purpose_text: str | None = None
    necessity: Mapping[str, str] = field(default_factory=dict)
    controller: Party | None = None
    contacts: tuple[Party, ...] = ()
    not_before: datetime | None = None
    max_uses: int | None = None
    frequency: tuple[int, timedelta] | None = None
    data_life: timedelta | None = None
    mode: str = "view"
    basis: Basis = Basis()
    grantor_role: str = "self"
    grantor: Mapping[str, Any] | None = field(default=None, repr=False)
    relationship: Relationship | None = field(default=None, repr=False)
    acts: tuple[Act, ...] = ()
    renews: str | None = None
    request: str | None = None
    scope_hash: str | None = None

    @property
    def is_at_counter(self) -> bool:
        """Whether the person stands there and nothing periodic was agreed to."""
        return self.notice.channel in AT_COUNTER and self.frequency is None

    @property
    def permitted(self) -> tuple[str, ...]:
        """The items agreed to."""
        return tuple(item for item, permit in self.items.items() if permit)
