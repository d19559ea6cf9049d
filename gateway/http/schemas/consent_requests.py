"""`/v1/consent-requests`: what a desk asks for, and how the request stands."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from field_registry.items import ShareAttribute
from gateway.http.schemas.consents import (
    Channel,
    FrequencyBody,
    GrantorRole,
    Mode,
    Necessity,
    RelationshipBody,
    Sha256,
)
from gateway.http.schemas.resolutions import Answered, FormRef, Name, Strict, SubjectBody
from policies import ConsentState

_YEAR = 366 * 24 * 3600
_Seconds = Annotated[int, Field(ge=60, le=3 * _YEAR, strict=True)]


class Initiator(StrEnum):
    """Who wants it: a person who starts it themself is asked again for what they refused lately."""

    desk = "desk"
    subject = "subject"


class NoticeLanguage(StrEnum):
    """The language whose text is the notice; the page shows the other one beside it."""

    zh = "zh-CN"
    en = "en"


class ConsentRequestBody(Strict):
    """A person to be asked. The items are those of the form's role that need consent; nobody lists them.

    `recipient_departments`: the caller's own when empty. `expires_in_seconds`: of the consent, from when it is given;
    a day, or with `frequency` the longest there may be. `max_uses`: one, or with `frequency` no limit.
    """

    form: FormRef
    role: Name = "applicant"
    subject: SubjectBody
    grantor_role: GrantorRole = GrantorRole.self
    grantor: SubjectBody | None = None
    relationship_evidence: RelationshipBody | None = None
    recipient_departments: Annotated[list[Name], Field(max_length=50)] = Field(default_factory=list)
    case: Annotated[str, Field(max_length=100)] | None = Field(None, repr=False)
    expires_in_seconds: _Seconds | None = None
    max_uses: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    frequency: FrequencyBody | None = None
    data_life_seconds: _Seconds | None = None
    mode: Mode = Mode.view
    channel: Channel = Channel.self_service
    witness: Name | None = Field(None, repr=False)
    initiated_by: Initiator = Initiator.desk
    language: NoticeLanguage = NoticeLanguage.zh


class AskedItemBody(Answered):
    """One item as the notice tells it. `about_others`: its rows name other people."""

    item: str
    name: str
    name_en: str
    source_departments: list[str]
    share: ShareAttribute
    sensitive: bool
    about_others: bool
    necessity: Necessity
    why: str


class NotAskedBody(Answered):
    """An item left out because it was refused lately, and until when."""

    item: str
    until: datetime


class RequestNotice(Answered):
    """The notice as rendered. `rendered_sha256`: of the text in `language`, in UTF-8."""

    id: str
    version: int
    language: NoticeLanguage
    rendered_sha256: Sha256
    text_zh: str
    text_en: str


class ConsentRequestAnswer(Answered):
    """A request as it stands. `url` and `qr_svg` while it can be answered; `notice` and `items` while they are kept.

    `consent`: what was recorded when the person agreed or refused.
    """

    id: str
    state: ConsentState
    url: str | None
    qr_svg: str | None
    expires_at: datetime
    consent: str | None
    answered_at: datetime | None
    notice: RequestNotice | None
    items: list[AskedItemBody]
    not_asked: list[NotAskedBody]
