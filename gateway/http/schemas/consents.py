"""`/v1/consents`: what is recorded and what is answered (consent record: ISO/IEC TS 27560 sections)."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field

from field_registry.items import About, Sensitivity, ShareAttribute
from gateway.http.schemas.resolutions import ActorKind, Answered, Name, Strict, SubjectBody
from policies import ConsentState, GroundKind

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_YEAR = 366 * 24 * 3600


def in_utc(moment: datetime) -> datetime:
    """The same time in UTC; raises `ValueError` where it cannot be told there."""
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("the time lies outside the years that can be told in UTC") from None


def written_out(moment: object) -> object:
    """The same; raises `ValueError` for a number of seconds, as which a number, or text of digits, would be taken."""
    if isinstance(moment, str) and moment[4:5] == "-":
        return moment
    raise ValueError("a time is written like 2026-11-21T02:03:04Z (RFC 3339)")


Moment = Annotated[AwareDatetime, BeforeValidator(written_out), AfterValidator(in_utc)]
"""A time with its offset, as UTC: one that overflows there could be recorded and never be read again."""


class GrantorRole(StrEnum):
    """Who agreed, seen from the subject."""

    self = "self"
    guardian = "guardian"
    agent = "agent"
    legal_rep = "legal_rep"


class Mode(StrEnum):
    """What the recipient may do with the values."""

    view = "view"
    store = "store"


class Channel(StrEnum):
    """Where the notice was shown."""

    self_service = "self_service"
    window = "window"
    terminal = "terminal"
    proxy = "proxy"


class Method(StrEnum):
    """How the person showed that they agree."""

    oidc = "oidc"
    qr = "qr"
    signature_pad = "signature_pad"
    paper_scan = "paper_scan"
    card_and_face = "card_and_face"


class Necessity(StrEnum):
    """Whether the matter can be dealt with without the item."""

    required = "required"
    optional = "optional"


class Topic(StrEnum):
    """What is agreed to separately (PIPL art. 29, 23 and 31); `others`: items that tell of other people."""

    sensitive = "sensitive"
    others = "others"
    third_party = "third_party"
    minor = "minor"


class RelationshipKind(StrEnum):
    """The document that shows by what right somebody agrees for another."""

    household_register = "household_register"
    birth_certificate = "birth_certificate"
    marriage_certificate = "marriage_certificate"
    guardianship_ruling = "guardianship_ruling"
    power_of_attorney = "power_of_attorney"
    business_licence = "business_licence"
    other = "other"


class Signatory(StrEnum):
    """Whose signature it is."""

    subject = "subject"
    guardian = "guardian"
    witness = "witness"
    gateway = "gateway"


class ConsentItem(Strict):
    """One item shown to the person, and whether they permit it. `necessity`: where the form does not say."""

    item: Name
    permit: bool = True
    necessity: Necessity | None = None


class Notice(Strict):
    """The notice the person read. `rendered_sha256`: of the text exactly as it was shown."""

    id: Name
    version: Annotated[int, Field(ge=1, le=2_147_483_647)]
    language: Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$", max_length=35)]
    rendered_sha256: Sha256
    shown_at: Moment
    channel: Channel


class SignatureBody(Strict):
    """A signature that is kept elsewhere: where, and the hash of what was signed."""

    by: Signatory
    reference: Name = Field(repr=False)
    sha256: Sha256 | None = None


class Evidence(Strict):
    """How the agreement was given, on which device, and who witnessed it at a window."""

    method: Method
    identity_provider: Name | None = None
    assurance: Name | None = None
    authenticated_at: Moment | None = None
    witness: Name | None = Field(None, repr=False)
    device: Name | None = Field(None, repr=False)
    signatures: Annotated[list[SignatureBody], Field(max_length=10)] = Field(default_factory=list)


class ActBody(Strict):
    """One separate agreement. `act_id`: the caller's own id of it; one act stands for one topic only."""

    topic: Topic
    act_id: Name
    at: Moment


class RelationshipBody(Strict):
    """By what right the grantor agrees for the subject. `reference`: number or address of the document."""

    kind: RelationshipKind
    reference: Name = Field(repr=False)
    checked_at: Moment | None = None


class PartyBody(Strict):
    """A department: `id` as tokens name it, `name` and `contact` as the person reads them."""

    id: Name
    name: Name
    contact: Name | None = None


class FrequencyBody(Strict):
    """At most `count` uses in any window of so many seconds, which begins with its first use."""

    count: Annotated[int, Field(ge=1, le=1_000_000)]
    per_seconds: Annotated[int, Field(ge=1, le=_YEAR)]


class BasisBody(Strict):
    """On what footing. `citations`: the purpose's own law where none is given."""

    kind: GroundKind = GroundKind.consent
    citations: Annotated[list[Name], Field(max_length=20)] = Field(default_factory=list)
    impact_assessment_ref: Name | None = None


class ConsentBody(Strict):
    """A consent to be recorded. Not valid without notice hash, expiry and recipients.

    `scope_hash`: as `ConsentAnswer` gives it, of these items when the notice was made; refused once it has changed.
    """

    subject: SubjectBody
    grantor_role: GrantorRole = GrantorRole.self
    grantor: SubjectBody | None = None
    relationship_evidence: RelationshipBody | None = None
    purpose: Name
    purpose_text: Annotated[str, Field(min_length=1, max_length=1000)] | None = None
    form: Name | None = None
    case: Annotated[str, Field(max_length=100)] | None = Field(None, repr=False)
    items: Annotated[list[ConsentItem], Field(min_length=1, max_length=500)]
    controller: PartyBody | None = None
    recipient_departments: Annotated[list[Name], Field(min_length=1, max_length=50)]
    recipients: Annotated[list[PartyBody], Field(max_length=50)] = Field(default_factory=list)
    not_before: Moment | None = None
    expires_at: Moment
    max_uses: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    frequency: FrequencyBody | None = None
    data_life_seconds: Annotated[int, Field(ge=1, le=3 * _YEAR)] | None = None
    mode: Mode = Mode.view
    basis: BasisBody = Field(default_factory=BasisBody)
    notice: Notice
    acts: Annotated[list[ActBody], Field(max_length=20)] = Field(default_factory=list)
    evidence: Evidence
    renews: Name | None = None
    scope_hash: Sha256 | None = None


class SubjectRef(Answered):
    """The subject by its random reference; the identifier itself is not told."""

    ref: str
    kind: str


class AgreedSourceBody(Answered):
    """A source as it was when agreed to. `rank`: 1 is authoritative."""

    id: str
    rank: int
    name: str
    department: str


class AgreedItemBody(Answered):
    """An item as it was when agreed to; what older records did not keep is null or empty."""

    item: str
    permit: bool
    name: str
    name_en: str
    necessity: Necessity | None
    sources: list[AgreedSourceBody]
    share: ShareAttribute | None
    sensitivity: Sensitivity | None
    about: About | None


class ConsentAnswer(Answered):
    """A consent as it stands now.

    `scope_hash`: SHA-256 of the canonical list of its items with sources, share attribute and sensitivity; an item for
    which a published registry changes these is not released on it any more. `data_life`: an ISO 8601 duration.
    """

    id: str
    state: ConsentState
    subject: SubjectRef
    purpose: str
    purpose_text: str
    form: str | None
    case: str | None
    items: list[AgreedItemBody]
    scope_hash: str | None
    controller: PartyBody | None
    provider_departments: list[str]
    recipient_departments: list[str]
    recipients: list[PartyBody]
    not_before: datetime
    expires_at: datetime
    max_uses: int | None
    uses_left: int | None
    frequency: FrequencyBody | None
    data_life: str | None
    mode: Mode
    basis: BasisBody
    grantor_role: GrantorRole
    grantor_ref: str | None
    relationship_evidence: RelationshipBody | None
    notice: Notice
    acts: list[ActBody]
    evidence: Evidence
    renews: str | None
    request: str | None
    recorded_at: datetime


class ConsentEventBody(Answered):
    """One step. `actor`: the client, `actor_kind`: for whom. `reason`: a code; "given" where words are sealed."""

    id: str
    state: ConsentState
    at: datetime
    actor_kind: str
    actor: str | None
    reason: str
    entry: str


class ConsentEvents(Answered):
    """What happened to a consent, in order of time."""

    events: list[ConsentEventBody]
    next_cursor: str | None


class WordGiven(Strict):
    """How the person agreed at a desk, and the clerk who saw it; kept sealed."""

    method: Method
    witness: Name = Field(repr=False)


class MoveBody(Strict):
    """Who ends, pauses or resumes the consent, and why if they wish to say (to invalidate one they must).

    `actor`: said by a desk, that the person asks for it. `evidence`: of a desk that resumes what the person had paused.
    """

    actor: ActorKind = ActorKind.applicant
    evidence: WordGiven | None = None
    reason: Annotated[str, Field(max_length=200)] = ""
