"""`POST /v1/resolutions`: request and answer (contract, section 4)."""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from field_registry import OutcomeCode, Tier
from field_registry.outcomes import FILLED, FixedBy
from gateway.resolution.commands import Delivery
from policies import GroundKind

Name = Annotated[str, Field(min_length=1, max_length=100)]
Reference = Annotated[str, Field(min_length=1, max_length=64)]


class Strict(BaseModel):
    """A request part: unknown keys are refused, so that a misspelt one is noticed."""

    model_config = ConfigDict(extra="forbid")


class Answered(BaseModel):
    """An answer part: every key is always there, possibly null."""

    model_config = ConfigDict(extra="forbid")


class FormRef(Strict):
    """A form; without `version` the newest published one."""

    id: Name
    version: Annotated[int, Field(ge=1, le=2_147_483_647)] | None = None


class ActorKind(StrEnum):
    """The natural person at work."""

    clerk = "clerk"
    applicant = "applicant"
    agent = "agent"
    terminal = "terminal"


class ActorBody(Strict):
    """Who works; `id` is the caller's own name for them."""

    kind: ActorKind
    id: Name = Field(repr=False)


class SubjectBody(Strict):
    """Whose data it is; what is wrong with one subject blanks its own role's fields only.

    `person` with `id_type` (GA/T 517) and `id_no`, of a passport with `issuer` (GB/T 2659, three letters) too, by which
    it is known which of two equal numbers is meant; `organisation` with `uscc`, or `reg_no` for the 15 digits it was
    registered by before; `vehicle` with `plate_number`, `project` with `project_code`.
    """

    kind: Name
    id_type: Annotated[str, Field(max_length=20)] | None = None
    id_no: Annotated[str, Field(max_length=100)] | None = Field(None, repr=False)
    issuer: Annotated[str, Field(max_length=20)] | None = None
    uscc: Annotated[str, Field(max_length=100)] | None = Field(None, repr=False)
    reg_no: Annotated[str, Field(max_length=100)] | None = Field(None, repr=False)
    plate_number: Annotated[str, Field(max_length=100)] | None = Field(None, repr=False)
    project_code: Annotated[str, Field(max_length=100)] | None = Field(None, repr=False)


class ResolveBody(Strict):
    """A form to be filled, for whom, by whom, on which consents. `again`: an application of before to begin it from.

    `continues`: a resolution whose time was over when it was handed in; what was typed into it joins `answers`, which
    go before it.
    """

    form: FormRef
    subjects: Annotated[dict[Name, SubjectBody], Field(max_length=30)] = Field(default_factory=dict)
    actor: ActorBody
    case: Annotated[str, Field(max_length=100)] | None = Field(None, repr=False)
    consent: Reference | Annotated[list[Reference], Field(max_length=20)] | None = None
    answers: dict[str, JsonValue] = Field(default_factory=dict, repr=False)
    delivery: Delivery = Delivery.values
    patience_ms: Annotated[int, Field(ge=1, strict=True)] | None = None
    again: Reference | None = None
    continues: Reference | None = None


class GroundBody(Answered):
    """What a release stands on."""

    kind: GroundKind
    id: str
    citation: str | None = None


class SourceBody(Answered):
    """One system of one department."""

    id: str
    name: str
    department: str


class FilledField(Answered):
    """A field with a value. `value` is null in `masked` and `sealed` delivery, where only `display` is shown.

    Tier C is what the person typed before, offered to be confirmed: never locked. `item`: null only where that comes
    from an application of before and the field stands for none. `changed`: only where the form is begun again and a
    source says something else than was submitted then.
    """

    outcome: Literal[OutcomeCode.filled, OutcomeCode.filled_stale]
    value: Any
    display: str
    tier: Tier
    locked: bool
    item: str | None
    source: SourceBody
    recorded_at: date | None
    retrieved_at: datetime
    stale: bool
    ground: GroundBody
    rule: str
    changed: bool | None = None


_MISSING = tuple(code for code in OutcomeCode if code not in FILLED)


class MissingField(Answered):
    """A field that must still be asked: why, who can fix it, whether to retry. `answered`: the person typed it."""

    outcome: Literal[*_MISSING]  # type: ignore[valid-type]  # the closed list, less the two that carry a value
    value: None
    message: str
    reason: str | None
    retry: bool
    fixed_by: FixedBy
    answered: bool
    item: str | None
    source: SourceBody | None
    rule: str | None


class CountsBody(Answered):
    """How many fields ended how; `by_outcome` adds up to `fields`."""

    fields: int
    eligible: int
    mapped: int
    filled: int
    by_outcome: dict[OutcomeCode, int]


class ReceiptBody(Answered):
    """The call receipt and the log entry that proves the release."""

    id: str
    entry: str


class FindingBody(Answered):
    """Something in the request that was not used, and why."""

    pointer: str
    code: str
    detail: str


class AnsweredForm(Answered):
    """The form and version that was resolved."""

    id: str
    version: int


class AgainBody(Answered):
    """What an application of before added: fields offered from there, and fields whose source says otherwise by now."""

    submission: str
    offered: list[str]
    changed: list[str]


class SealedBody(Answered):
    """The values with their provenance, for the receiving department alone: a compact JWE that its key `kid` opens.

    `signature`: a detached JWS over the text of `jwe` by the key of receipts, of `typ` `sealed-values+jws`, with the
    resolution as `jti`: a department that opens a JWE without it does not know who made it.
    """

    kid: str
    alg: str
    enc: str
    jwe: str
    signature: str


class ResolutionBody(Answered):
    """Every field of the form, keyed by its dotted path, with exactly one outcome each.

    `again`: only where the form was begun from an application of before. `sealed`: only in `sealed` delivery; null when
    it is read again after a value in it was disputed.
    """

    id: str
    form: AnsweredForm
    registry_version: int
    valid_until: datetime
    fields: dict[str, Annotated[FilledField | MissingField, Field(discriminator="outcome")]]
    counts: CountsBody
    receipt: ReceiptBody
    findings: list[FindingBody]
    again: AgainBody | None = None
    sealed: SealedBody | None = None
