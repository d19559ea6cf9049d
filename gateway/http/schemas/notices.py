"""`/v1/notices`: what was shown to somebody about data that the law lets be fetched, and how it is answered."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from gateway.http.schemas.consents import Channel, Moment, SubjectRef
from gateway.http.schemas.resolutions import ActorBody, Answered, FormRef, Name, Strict, SubjectBody
from policies.grounds import GroundKind


class ShownNotice(Strict):
    """The notice as it was shown. `rendered_sha256`: of the text exactly as shown."""

    version: Annotated[int, Field(ge=1, le=2_147_483_647)]
    language: Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$", max_length=35)]
    rendered_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    shown_at: Moment
    channel: Channel


class NoticeBody(Strict):
    """A notice that was given to somebody."""

    subject: SubjectBody
    form: FormRef
    role: Name
    notice: ShownNotice
    actor: ActorBody


class DutyAnswer(Answered):
    """One ground and the items it covers, as the rules had it when the notice was given."""

    kind: GroundKind
    code: str
    citation: str
    rule: str
    items: list[str]


class FormVersion(Answered):
    """One version of a form."""

    id: str
    version: int


class NoticeAnswer(Answered):
    """A notice that was noted. `as_rendered`: whether what was shown is the text that stands here."""

    id: str
    entry: str
    noted_at: datetime
    subject: SubjectRef
    form: FormVersion
    role: str
    purpose: str
    duties: list[DutyAnswer]
    rendered_sha256: str
    as_rendered: bool


class NoticeText(Answered):
    """A notice to be shown. `sha256`: of the UTF-8 bytes of `text`."""

    id: str
    version: int
    language: Literal["zh-CN", "en"]
    form: FormVersion
    role: str
    text: str
    sha256: str
    duties: list[DutyAnswer]
