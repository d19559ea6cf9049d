"""`/v1/reports/backfill…`: rates by form, field, item, source, department … and the slots behind a percentage."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import StringConstraints, WithJsonSchema

from field_registry.outcomes import Disposition, OutcomeCode
from gateway.http.days import Day
from gateway.http.problems import problem_responses
from gateway.http.routing import (
    AUTHENTICATED,
    BEARER,
    Cursor,
    Limit,
    caller_of,
    json_response,
    runtime_of,
)
from gateway.http.schemas.reports import BackfillReport, SlotPage
from gateway.records import CallerRole
from gateway.reports.asking import require_known, require_opened, require_period
from gateway.reports.backfill import BY, Asked, asked_by, backfill_report
from gateway.reports.backfill_document import report_document
from gateway.reports.backfill_slots import OPENED, FoundSlot, Part, SlotsAsked, open_slots
from gateway.reports.naming import names_of

router = APIRouter(tags=["reports"], dependencies=AUTHENTICATED)

From = Annotated[
    Day | None, Query(alias="from", description="First day, in China. From the beginning without.")
]
To = Annotated[Day | None, Query(description="The day before which it ends, in China. Until now without.")]
Id = Annotated[str | None, Query(max_length=100)]
Segment = Annotated[str | None, Query(max_length=24, description="What kind of subject applied.")]
ByNames = Annotated[str, StringConstraints(pattern=f"^({'|'.join(BY)})(,({'|'.join(BY)}))*$")]
# Text to us, so that the refusal of M5 can say why; the document names those that open.
RateName = Annotated[
    str, StringConstraints(max_length=30), WithJsonSchema({"type": "string", "enum": list(OPENED)})
]


@router.get(
    "/v1/reports/backfill",
    summary="Backfill and the other rates, with their counts",
    responses={200: {"model": BackfillReport}, **problem_responses(400, 401, 403, 404, 422, 503)},
    openapi_extra=BEARER,
)
async def get_backfill(
    request: Request,
    by: Annotated[
        list[ByNames], Query(max_length=9, description="One table for each: several times, or with commas.")
    ] = ["form"],  # noqa: B006  (read, never written)
    since: From = None,
    to: To = None,
    form: Id = None,
    department: Id = None,
    segment: Segment = None,
    public: Annotated[bool, Query(description="As it may be seen outside the hall.")] = False,
    limit: Limit = 100,
    cursor: Annotated[
        str, Query(max_length=1000, description="`next_cursor` of a table; then `by` once.")
    ] = "",
) -> Response:
    """For data_admin, operator, auditor: everything. For renderer: its own department's whole months, as outside.

    Outside the hall a cell of fewer than ten applications is withheld, and with it what it could be worked out from.
    """
    hall = (CallerRole.data_admin, CallerRole.operator, CallerRole.auditor)
    caller = caller_of(request, *hall, CallerRole.renderer)
    wanted = Asked(_names(by), since, to, form, department, segment, public)
    runtime = runtime_of(request)
    report = await backfill_report(asked_by(caller, wanted), runtime, limit=limit, cursor=cursor)
    return json_response(report_document(report, await names_of(wanted.by, runtime)))


@router.get(
    "/v1/reports/backfill/slots",
    summary="The slots behind a percentage",
    responses={200: {"model": SlotPage}, **problem_responses(400, 401, 403, 404, 422, 503)},
    openapi_extra=BEARER,
)
async def get_slots(
    request: Request,
    since: From = None,
    to: To = None,
    form: Id = None,
    field: Annotated[str | None, Query(max_length=500, description="Path of a field, without rows.")] = None,
    item: Annotated[str | None, Query(max_length=100, description="Empty: slots without an item.")] = None,
    source: Annotated[str | None, Query(max_length=100, description="Empty: slots without a source.")] = None,
    department: Id = None,
    matter: Id = None,
    segment: Segment = None,
    disposition: Disposition | None = None,
    outcome: OutcomeCode | None = None,
    rate: Annotated[
        RateName | None, Query(description="With `part`: the slots that it counts there.")
    ] = None,
    part: Part = Part.numerator,
    limit: Limit = 100,
    cursor: Cursor = "",
) -> Response:
    """For data_admin and auditor: paths and codes of frozen slots, no values. The look is an entry of the log."""
    caller = caller_of(request, CallerRole.data_admin, CallerRole.auditor)
    asked = SlotsAsked(
        *(since, to, form, field, item, source, department, matter, segment),
        *(disposition, outcome, rate, part),
    )
    runtime = runtime_of(request)
    require_period(since, to)
    require_opened(rate)
    await require_known(form, segment, runtime)
    found = await open_slots(asked, runtime, caller=caller.id, limit=limit, cursor=cursor)
    slots = [_slot_document(each) for each in found.slots]
    return json_response({"slots": slots, "next_cursor": found.cursor, "is_complete": found.cursor is None})


def _names(by: list[str]) -> tuple[str, ...]:
    """What the tables are by, each once, in the order asked."""
    return tuple(dict.fromkeys(name for part in by for name in part.split(",")))


def _slot_document(found: FoundSlot) -> dict[str, Any]:
    snapshot, slot = found.snapshot, found.slot
    application = ("form", "form_version", "matter", "department", "segment", "at")
    flags = ("mapped", "attempted", "obtainable", "identity", "grounded")
    codes = ("path", "field", "item", "source", "outcome", "tier", "disposition")
    return {
        "submission": snapshot.submission_id,
        "snapshot": snapshot.number,
        **{name: getattr(snapshot, name) for name in application},
        **{name: getattr(slot, name) for name in (*codes, *flags)},
    }
