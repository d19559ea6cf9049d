"""`/v1/resolutions/{id}/submission` and `/v1/submissions`: what is handed in, and what became of it."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, JsonValue

from field_registry import OutcomeCode, Tier
from field_registry.outcomes import Disposition
from gateway.disputes.opening import MOST_EVIDENCE, MOST_PIECE, MOST_REASON
from gateway.http.schemas.resolutions import (
    ActorBody,
    Answered,
    AnsweredForm,
    FindingBody,
    ReceiptBody,
    Strict,
)

SlotPath = Annotated[str, Field(min_length=1, max_length=200)]
SAYS_SOMETHING = r"\S"
Piece = Annotated[str, Field(min_length=1, max_length=MOST_PIECE, pattern=SAYS_SOMETHING)]


class ClaimBody(Strict):
    """What is wrong with an offered value. `evidence`: what shows it, in words or by reference; never the paper."""

    reason: Annotated[str, Field(min_length=1, max_length=MOST_REASON, pattern=SAYS_SOMETHING)] = Field(
        repr=False
    )
    evidence: Annotated[list[Piece], Field(max_length=MOST_EVIDENCE)] = Field(
        default_factory=list, repr=False
    )


class AssistanceBody(Strict):
    """What the caller offered where the gateway had nothing: read from a document (D) or derived (E)."""

    tier: Literal["D", "E"]
    value: JsonValue = Field(repr=False)


class SubmitBody(Strict):
    """A form handed in. `values`: all of them as the person leaves them, dotted or nested, those that were offered too.

    `disputes`, `keep`, `assisted`: by path as in `values`. `keep`: "record" keeps what the person typed there in their
    record for next time; a path that is absent is for this form only. `own_word`: fields that the person states
    themself, a consent they came by having ended. `test`: marked, and counted nowhere.
    """

    values: dict[str, JsonValue] = Field(repr=False)
    disputes: Annotated[dict[SlotPath, ClaimBody], Field(max_length=100)] = Field(default_factory=dict)
    keep: Annotated[dict[SlotPath, Literal["record"]], Field(max_length=500)] = Field(default_factory=dict)
    assisted: Annotated[dict[SlotPath, AssistanceBody], Field(max_length=500)] = Field(default_factory=dict)
    own_word: Annotated[list[SlotPath], Field(max_length=500)] = Field(default_factory=list)
    test: bool = False
    actor: ActorBody | None = None


class SubmittedField(Answered):
    """One slot. `outcome`, `reason`: at resolve. `obtainable`: its value could have been had without asking."""

    disposition: Disposition
    outcome: OutcomeCode
    reason: str | None
    tier: Tier | None
    source: str | None
    item: str | None
    obtainable: bool


class SubmittedCounts(Answered):
    """Slots of this application. The six dispositions add up to `eligible`."""

    eligible: int
    mapped: int
    attempted: int
    offered: int
    answered: int
    obtainable: int
    kept: int
    edited: int
    disputed: int
    cleared: int
    typed: int
    blank: int


class RateBody(Answered):
    """A rate with its counts; null where there is nothing to divide by."""

    rate: float | None
    numerator: int
    denominator: int


class SubmissionAnswer(Answered):
    """What became of every slot that was shown and takes an answer. No value stands in it.

    `snapshot`: 1 at submission, higher after a later correction. `disputes`: tickets that were opened. `kept`: items
    kept in the person's record. `findings`: what is to be said and kept nobody from handing the form in.
    """

    id: str
    resolution: str
    form: AnsweredForm
    submitted_at: datetime
    registry_version: int
    policy_version: int
    definition: str
    segment: str
    snapshot: int
    test: bool
    fields: dict[str, SubmittedField]
    counts: SubmittedCounts
    rates: dict[str, RateBody]
    disputes: list[str]
    kept: list[str]
    findings: list[FindingBody]
    receipt: ReceiptBody


class SubmissionLine(Answered):
    """One application in a list, as its slots stand now. `resolution`: which it was handed in for."""

    id: str
    resolution: str
    form: AnsweredForm
    snapshot: int
    at: datetime
    segment: str
    test: bool
    counts: SubmittedCounts


class SubmissionList(Answered):
    """Applications of the caller, oldest first."""

    submissions: list[SubmissionLine]
    next_cursor: str | None
