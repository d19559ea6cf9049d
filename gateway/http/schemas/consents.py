"""`/v1/consents`: what is recorded and what is answered (consent record: ISO/IEC TS 27560 sections)."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import AwareDatetime, Field

from gateway.http.schemas.resolutions import ActorKind, Answered, Name, Strict, SubjectBody
from policies import ConsentState


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


class ConsentItem(Strict):
    """One item shown to the person, and whether they permit it."""

    item: Name
    permit: bool = True


class Notice(Strict):
    """The notice the person read. `rendered_sha256`: of the text exactly as it was shown."""

    id: Name
    version: Annotated[int, Field(ge=1, le=2_147_483_647)]
    language: Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$", max_length=35)]
    rendered_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    shown_at: AwareDatetime
    channel: Channel


class Evidence(Strict):
    """How the agreement was given, and who witnessed it at a window."""

    method: Method
    identity_provider: Name | None = None
    assurance: Name | None = None
    authenticated_at: AwareDatetime | None = None
    witness: Name | None = None


class ConsentBody(Strict):
    """A consent to be recorded. Not valid without notice hash, expiry and recipients."""

    subject: SubjectBody
    grantor_role: GrantorRole = GrantorRole.self
    purpose: Name
    form: Name | None = None
    case: Annotated[str, Field(max_length=100)] | None = None
    items: Annotated[list[ConsentItem], Field(min_length=1, max_length=500)]
    recipient_departments: Annotated[list[Name], Field(min_length=1, max_length=50)]
    not_before: AwareDatetime | None = None
    expires_at: AwareDatetime
    max_uses: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    mode: Mode = Mode.view
    notice: Notice
    evidence: Evidence


class SubjectRef(Answered):
    """The subject by its random reference; the identifier itself is not told."""

    ref: str
    kind: str


class ConsentAnswer(Answered):
    """A consent as it stands now."""

    id: str
    state: ConsentState
    subject: SubjectRef
    purpose: str
    form: str | None
    case: str | None
    items: list[ConsentItem]
    recipient_departments: list[str]
    not_before: datetime
    expires_at: datetime
    max_uses: int | None
    uses_left: int | None
    mode: Mode
    grantor_role: GrantorRole
    notice: Notice
    evidence: Evidence
    recorded_at: datetime


class MoveBody(Strict):
    """Who ends, pauses or resumes the consent, and why if they wish to say."""

    actor: ActorKind = ActorKind.applicant
    reason: Annotated[str, Field(max_length=200)] = ""
