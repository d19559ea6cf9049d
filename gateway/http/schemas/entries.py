"""`/v1/audit/entries…` and `/v1/me/uses`: what auditors look for, and what they and the persons concerned are shown."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from field_registry import OutcomeCode
from gateway.http.schemas.consents import Moment
from gateway.http.schemas.resolutions import Answered, Strict, SubjectBody
from gateway.records import EntryKind

Code = Annotated[str, Field(min_length=1, max_length=100)]


class SearchBody(Strict):
    """What an auditor looks for; what is left out is any. A resolution is found as a whole."""

    subject: SubjectBody | None = None
    officer: Code | None = None
    case: Code | None = None
    request: Code | None = None
    kind: EntryKind | None = None
    caller: Code | None = None
    since: Moment | None = None
    until: Moment | None = None
    form: Code | None = None
    item: Code | None = None
    source: Code | None = None
    outcome: OutcomeCode | None = None
    department: Code | None = None
    ground: Code | None = None
    limit: Annotated[int, Field(ge=1, le=500)] = 100
    cursor: Annotated[str, Field(max_length=200)] = ""


class EntryBody(Answered):
    """One entry of the log, without its private part."""

    id: str
    kind: str
    at: datetime
    request: str | None
    caller: str
    leaf: dict[str, Any]


class EntryPage(Answered):
    """One page of entries, oldest first. `is_complete`: whether everything has been looked through."""

    entries: list[EntryBody]
    next_cursor: str | None
    is_complete: bool


class OpenBody(Strict):
    """Why the private part of an entry is opened."""

    reason: Annotated[str, Field(min_length=3, max_length=500)]


class OpenedBody(Answered):
    """The private part of an entry. `matches_commitment`: it is what the entry committed to; else nothing is shown.

    `opening`: the entry that tells of the opening.
    """

    entry: str
    kind: str
    actor: str | None
    case: str | None
    private: dict[str, Any]
    matches_commitment: bool
    opening: str


class FormRef(Answered):
    """One version of a form."""

    id: str
    version: int


class SealedOfficer(Answered):
    """Who worked. `sealed_in`: the entry whose private part names them."""

    kind: str
    sealed_in: str


class AskTold(Answered):
    """What was asked of one source for one role, and on which ground or why not."""

    role: str
    source: str
    items: list[str]
    allowed: bool
    rule: str
    ground_or_reason: str


class FieldTold(Answered):
    """What came of one field. `sources`: those that were asked for its item."""

    path: str
    outcome: str
    item: str | None
    role: str | None
    sources: list[str]
    grounds: list[str]


class TraceOfReceipt(Answered):
    """Everything that the log tells of one resolution. `omitted`: what was too long for an entry and is sealed."""

    resolution: str
    receipt: str | None
    form: FormRef
    matter: str
    purpose: str
    registry_version: int
    policy_version: int
    caller: str
    department: str
    officer: SealedOfficer
    subjects: dict[str, str]
    asked_at: datetime
    answered_at: datetime | None
    result: str | None
    asks: list[AskTold]
    fields: list[FieldTold]
    omitted: list[str]
    reread_at: list[datetime]
    entries: list[str]


class ItemOfUse(Answered):
    """One item that a use was about."""

    id: str
    name: str
    source: str | None


class RefusedItem(ItemOfUse):
    """One item that was wanted and not fetched."""

    reason: str
    reason_text: str


class GroundOfUse(Answered):
    """What a use stood on, as a code and in words with its citation."""

    kind: str
    id: str
    rule: str | None
    citation: str | None
    text: str


class NamedItem(Answered):
    """An item by its name."""

    id: str
    name: str


class ResultOfUse(Answered):
    """What came of it. `not_obtained`: outcome code → fields that stayed empty."""

    code: str
    text: str
    fields: int | None
    withheld: list[NamedItem]
    reasons: list[str]
    not_obtained: dict[str, int]


class ProofOfUse(Answered):
    """Whether the entry has its place in the log, and where its proof is to be had."""

    available: bool
    path: str


class UseBody(Answered):
    """One thing that was done with a person's data. `lines`: the same as a paragraph to be read."""

    at: datetime
    kind: str
    who: str
    department: str
    actor: str | None
    matter: str | None
    form: str | None
    roles: list[str]
    items: list[ItemOfUse]
    refused: list[RefusedItem]
    ground: list[GroundOfUse]
    result: ResultOfUse
    entry: str
    proof: ProofOfUse
    lines: list[str]


class UsePage(Answered):
    """One page of a person's own uses, newest first. `total`: how many there are in all."""

    uses: list[UseBody]
    total: int
    next_cursor: str | None
