"""`POST /v1/subjects/erase`: request and answer."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from gateway.http.schemas.resolutions import Answered, Strict, SubjectBody
from policies.retention import ErasureReason


class EraseBody(Strict):
    """Who is to be erased, and why. `request_reference`: of the order or request; kept sealed with the entry."""

    subject: SubjectBody
    reason: ErasureReason
    request_reference: Annotated[str, Field(max_length=200)] = Field("", repr=False)


class ErasedAnswer(Answered):
    """What is gone. `subject`: the reference it had, by which entries of before still name it.

    `consents`: emptied; `ended`: those of them that still stood; `drafts`: answers purged.
    """

    subject: str
    erased_at: datetime
    consents: int
    ended: int
    drafts: int
    entry: str
