"""`/v1/identity-links`: requests and answers."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from gateway.http.schemas.consents import Moment, SubjectRef
from gateway.http.schemas.resolutions import Answered, Name, Strict, SubjectBody
from gateway.identities.commands import EvidenceKind, Presence


class LinkState(StrEnum):
    """How a link stands. `contested`: another subject has that document; it counts for nobody until one is ended."""

    linked = "linked"
    contested = "contested"
    ended = "ended"


class LinkEvidenceBody(Strict):
    """By what it was seen that both are one subject's. `reference`: of the paper; kept sealed, as is the clerk."""

    kind: EvidenceKind
    reference: Annotated[str, Field(min_length=1, max_length=200)] = Field(repr=False)
    checked_by: Name = Field(repr=False)
    checked_at: Moment
    presence: Presence


class IdentityLinkBody(Strict):
    """Two documents of one subject. `other`: the one that is added; it must not be linked to anybody yet."""

    subject: SubjectBody
    other: SubjectBody
    evidence: LinkEvidenceBody


class EndLinkBody(Strict):
    """Why the link ends; kept sealed."""

    reason: Annotated[str, Field(min_length=1, max_length=200, pattern=r"\S")] = Field(repr=False)


class ShownEvidence(Answered):
    """The evidence as it was recorded."""

    kind: EvidenceKind
    reference: str
    checked_by: str
    checked_at: datetime
    presence: Presence


class IdentityLinkAnswer(Answered):
    """A link as it stands. `subject`, `other`: by random reference. `evidence`: null once one of them was erased."""

    id: str
    state: LinkState
    subject: SubjectRef
    other: SubjectRef
    evidence: ShownEvidence | None
    department: str
    recorded_at: datetime
    entry: str
    ended_at: datetime | None
    ended_entry: str | None
