"""`/v1/disputes`: what is sent to dispute a value, and what is answered. No value stands in a list."""

from datetime import date, datetime
from typing import Annotated, Any

from pydantic import Field

from field_registry.outcomes import Disposition
from gateway.disputes.opening import MOST_EVIDENCE, MOST_PIECE, MOST_REASON
from gateway.http.schemas.resolutions import Answered, Name, Strict
from gateway.records import DisputeState

_OWN = 2_000


class DisputeBody(Strict):
    """Which value is wrong and why. Name the field's `path`, or the `item`; `source` where several were asked for it.

    `own`: the right value as the person holds it. `evidence`: what shows it and where it lies, in words.
    """

    resolution: Name
    path: Annotated[str, Field(min_length=1, max_length=500)] | None = None
    item: Name | None = None
    source: Name | None = None
    reason: Annotated[str, Field(min_length=1, max_length=MOST_REASON, repr=False)]
    own: Annotated[str, Field(max_length=_OWN)] | int | bool | None = Field(None, repr=False)
    evidence: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=MOST_PIECE)]], Field(max_length=MOST_EVIDENCE)
    ] = Field(default_factory=list, repr=False)


class StepBody(Strict):
    """Why; the person reads it. `department`: whom the dispute is referred to, and for that step alone."""

    reason: Annotated[str, Field(max_length=MOST_REASON)] = Field(default="", repr=False)
    department: Name | None = None


class DisputeLine(Answered):
    """A dispute in a list. `due`: the working day by whose end it is to be answered.

    `first_due`: the same as it was when it was opened; `latest_due`: beyond which no referral may go. `due_assumed`: it
    was counted over days of a year whose holidays are not published yet, Monday to Friday.
    """

    id: str
    state: DisputeState
    item: str
    item_name: str
    source: str
    department: str
    supervisor: str | None
    level: int
    path: str
    submission: str | None
    resolution: str | None
    opened_at: datetime
    due: date
    first_due: date
    latest_due: date
    due_assumed: bool
    reminded_at: datetime | None
    closed_at: datetime | None
    entry: str


class DisputePage(Answered):
    """One page of disputes, by id: in order of time."""

    disputes: list[DisputeLine]
    next_cursor: str | None


class OwnDispute(DisputeLine):
    """One of the person's own. `answer`: what the department said when it closed it."""

    answer: str | None


class OwnDisputePage(Answered):
    """One page of the person's own disputes, by id."""

    disputes: list[OwnDispute]
    next_cursor: str | None


class DisputeStep(Answered):
    """One step: which, how the dispute stood afterwards, who took it, in which words, and the entry that tells it.

    `joined`: somebody said it again: `words` why, `own` what is right, `evidence`, and the `submission` it was said in.
    To a desk, of what was said at another one, that it was and no more.
    """

    step: str
    state: DisputeState
    at: datetime
    department: str
    due: date
    level: int
    actor: str
    reason: str
    words: str | None
    own: Any
    evidence: list[str]
    submission: str | None
    entry: str


class WholeDispute(OwnDispute):
    """A dispute with both values. `shown`: what the form offered, null where it is no longer known.

    Null, too, to a desk that it was delivered to masked. `erased`: what was said is no longer kept, because the person
    was erased or its time is over.
    """

    erased: bool
    reason: str | None
    shown: Any
    own: Any
    evidence: list[str]
    steps: list[DisputeStep]


class AffectedSlot(Answered):
    """One slot of an application that the value went into, and who handed it in."""

    id: str
    client: str
    department: str
    form: str
    form_version: int
    submitted_at: datetime
    path: str
    disposition: Disposition


class AffectedResolution(Answered):
    """An answer that offers the value; emptied when the dispute is corrected, to be resolved again."""

    id: str
    form: str
    form_version: int


class ToldClient(Answered):
    """A message to a client's webhook and what became of it. `failure`: code of the last try, "" for none."""

    id: str
    client: str
    created_at: datetime
    tries: int
    delivered_at: datetime | None
    next_at: datetime | None
    failure: str


class AffectedPage(Answered):
    """Where the value went: slots of applications, page by page, open answers, and who was told."""

    dispute: str
    submissions: list[AffectedSlot]
    resolutions: list[AffectedResolution]
    told: list[ToldClient]
    next_cursor: str | None
