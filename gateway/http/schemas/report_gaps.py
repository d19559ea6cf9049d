"""`/v1/reports/gaps`, `repeat-collection`, `sources`, `answer-times`, `exempt-materials`: what to do, and where."""

from datetime import date
from typing import Annotated

from pydantic import Field

from field_registry import OutcomeCode
from field_registry.outcomes import FixedBy
from forms.materials import Obstacle
from gateway.http.schemas.resolutions import Answered
from gateway.reports.gap_causes import FixKind
from gateway.reports.repeat import Advice

First = Annotated[date, Field(alias="from")]
"""The first day of a period; its `to` is no more in it."""


class CountedRate(Answered):
    """A share with its counts; `rate` is null when there was nothing to count."""

    rate: float | None
    numerator: int
    denominator: int


class ExtentBody(Answered):
    """How many applications the report is of. `waiting`: snapshots that are not counted yet, of whatever period."""

    counted: int
    waiting: int


class GapCause(Answered):
    """One reason why slots were not filled. `share`: of all eligible slots. `done`: it was put right since."""

    outcome: OutcomeCode
    message: str
    message_en: str
    source: str | None
    fixed_by: FixedBy
    share: CountedRate
    done: bool


class GapFix(Answered):
    """One thing to do, and whose it is."""

    kind: FixKind
    item: str | None
    source: str | None
    form: str | None
    field: str | None
    department: str | None
    what: str
    what_en: str


class GapStep(Answered):
    """What to do next. `points`: of the backfill rate (M4), on top of the steps before; `points_alone`: done first.

    `m4_after`: the rate once this and all steps before are done. `at_most`: the points are a bound. `forms`: the first
    of `form_count`. `applications`: that have a slot which this opens; who handed in two is two of them.
    `kept_of_answered`: what the gain is expected from; null when nothing was seen yet.
    """

    rank: int
    sentence: str
    sentence_en: str
    fixes: list[GapFix]
    points: float
    points_alone: float
    m4_after: float
    at_most: bool
    slots: int
    applications: int
    applications_a_month: int
    form_count: int
    forms: list[str]
    kept_of_answered: CountedRate | None


class SegmentCause(Answered):
    """A reason that meets one kind of applicant out of proportion. Both are shares of eligible slots."""

    outcome: OutcomeCode
    source: str | None
    share: CountedRate
    overall: CountedRate


class SegmentBody(Answered):
    """How one kind of applicant fares; `points_behind` the backfill rate of all."""

    segment: str
    applications: int
    m4: CountedRate
    points_behind: float
    causes: list[SegmentCause]


class GapBody(Answered):
    """What to connect next. `withheld`: steps of this page that are about too few applications to be told.

    `segments`: none outside the hall, where `by=segment` of the backfill report tells them.
    """

    definition: str
    from_: First
    to: date
    applications: ExtentBody
    m4: CountedRate | None
    causes: list[GapCause]
    steps: list[GapStep]
    withheld: int
    segments: list[SegmentBody]
    next_cursor: str | None


class NamedSource(Answered):
    """A source by id and name."""

    id: str
    name: str


class RepeatDepartment(Answered):
    """One office: how often it asked again for what is held (M7)."""

    department: str
    applications: int
    m7: CountedRate


class RepeatField(Answered):
    """One field that asks again. `times`: how often it was typed (人次); one person may have typed it several times.

    `applications`: in how many. `last_seen`: the day it was last asked.
    """

    department: str
    form: str
    form_name: str
    field: str
    label: str
    item: str | None
    item_name: str | None
    owner: str | None
    sources: list[NamedSource]
    times: int
    times_a_month: int
    applications: int
    last_seen: date | None
    outcome: OutcomeCode
    advice: Advice
    what: str
    what_en: str


class RepeatBody(Answered):
    """Who was asked again. `rows_in_all`: of all pages; `withheld`: about too few applications to be told."""

    definition: str
    from_: First
    to: date
    applications: ExtentBody
    m7: CountedRate
    departments: list[RepeatDepartment]
    rows: list[RepeatField]
    rows_in_all: int
    withheld: int
    next_cursor: str | None


class TimesBody(Answered):
    """In ms; null where nothing was timed. Read from counts per range, so only as exact as the ranges are."""

    p50: int | None
    p95: int | None
    p99: int | None


class LeagueSource(Answered):
    """One source. `available`: answers of calls; "no record" is an answer, maintenance counts neither way.

    `calls`: by outcome. `stale`: of its values handed in, those older than their freshness.
    `confirmed_wrong`: of its values handed in, those that a dispute found wrong.
    """

    source: str
    name: str
    department: str | None
    available: CountedRate
    ms: TimesBody
    calls: dict[str, int]
    stale: CountedRate
    confirmed_wrong: CountedRate | None


class LeagueBody(Answered):
    """The sources, the least available first. `lost_at_most_seconds`: what a worker that dies takes with it."""

    from_: First
    to: date
    applications: ExtentBody
    lost_at_most_seconds: float
    sources: list[LeagueSource]
    next_cursor: str | None


class FormTimes(Answered):
    """How long the first usable answer of a form took."""

    form: str
    answers: int
    ms: TimesBody


class AnswerTimesBody(Answered):
    """The forms that were resolved, by id."""

    from_: First
    to: date
    lost_at_most_seconds: float
    forms: list[FormTimes]
    next_cursor: str | None


class MissingPart(Answered):
    """What keeps a paper from being exempt. `what`: an item's id, or the form's own words."""

    what: str
    name: str
    department: str | None
    why: Obstacle
    message: str
    message_en: str


class MaterialBody(Answered):
    """One paper of one form. `filled`: of the field least filled among those that ask for its content."""

    form: str
    form_name: str
    department: str
    material: str
    name: str
    name_en: str | None
    role: str
    required: bool
    exempt: bool
    missing: list[MissingPart]
    least_filled: str | None
    filled: CountedRate | None


class ExemptBody(Answered):
    """The 免提交 list. The shares are over all pages; `exempt_in_practice` is null where counts may not be told."""

    from_: First
    to: date
    exempt: CountedRate
    exempt_required: CountedRate
    exempt_in_practice: CountedRate | None
    materials: list[MaterialBody]
    materials_in_all: int
    next_cursor: str | None
