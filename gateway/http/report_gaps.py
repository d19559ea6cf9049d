"""`/v1/reports/…`: what to connect next, who was asked again, how sources did, which papers need not be handed in.

Those who run the hall (data admins, operators, auditors) see everything. A renderer sees what its own department handed
in, of whole months that are over, without cells of fewer than ten applications.
"""

from dataclasses import dataclass
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from gateway.errors import NotAllowed
from gateway.http.days import Since, Until, period_of
from gateway.http.problems import problem_responses
from gateway.http.routing import AUTHENTICATED, BEARER, Cursor, Limit, caller_of, json_response, runtime_of
from gateway.http.schemas.report_gaps import AnswerTimesBody, ExemptBody, GapBody, LeagueBody, RepeatBody
from gateway.records import CallerRole
from gateway.reports.exempt_report import exempt_document, exempt_report
from gateway.reports.gap_report import gap_document, gap_report, gap_report_outside
from gateway.reports.league_report import answer_times, league_report
from gateway.reports.outside import this_month_and_last
from gateway.reports.outside_causes import period_outside, require_no_segment
from gateway.reports.repeat_report import repeat_document, repeat_report, repeat_report_outside
from gateway.reports.survey import Period, Scope
from gateway.reports.withholding import LEAST
from gateway.runtime import Runtime

router = APIRouter(tags=["reports"], dependencies=AUTHENTICATED)

_HALL = (CallerRole.data_admin, CallerRole.operator, CallerRole.auditor)
_READ = problem_responses(400, 401, 403, 422, 503)

Name = Annotated[str | None, Query(min_length=1, max_length=100)]
Place = Annotated[
    str, Query(pattern="^[0-9]{0,6}$", description="`next_cursor` of the page before; empty for the first.")
]


@dataclass(frozen=True, slots=True)
class _May:
    """What a caller may see: `department` None is all; `at_least` applications per cell."""

    department: str | None
    at_least: int

    @property
    def is_outside(self) -> bool:
        """Whether it is told as outside the hall."""
        return self.at_least > 0


@router.get(
    "/v1/reports/gaps",
    summary="What to connect next, and what it gains",
    responses={200: {"model": GapBody}, **_READ},
    openapi_extra=BEARER,
)
async def get_gaps(
    request: Request,
    since: Since = None,
    until: Until = None,
    form: Name = None,
    department: Name = None,
    segment: Name = None,
    limit: Limit = 20,
    cursor: Place = "",
) -> Response:
    """Why slots were not filled, and steps in the order of what each gains on top of those before.

    `department`: that handed the applications in. All of them are counted; `waiting` are not yet. With `segment` a
    period begins and ends with a month; without days it is then of this month and the last. A renderer is told of whole
    months that are over, the last one without days.
    """
    may = _scope(request, department)
    runtime, skip = runtime_of(request), int(cursor or 0)
    wanted, steps = Scope(form, may.department, segment), skip + limit + 1
    if may.is_outside:
        require_no_segment(segment)
        months = period_outside(since, until, runtime)
        report = await gap_report_outside(wanted, months, runtime, steps=steps)
    else:
        report = await gap_report(wanted, _period(since, until, segment, runtime), runtime, steps=steps)
    has_more = len(report.steps) > skip + limit
    del report.steps[skip + limit :]
    document = gap_document(report, skip=skip, at_least=may.at_least)
    return json_response({**document, "next_cursor": str(skip + limit) if has_more else None})


@router.get(
    "/v1/reports/repeat-collection",
    summary="Who was asked again for what is held (重复采集)",
    responses={200: {"model": RepeatBody}, **_READ},
    openapi_extra=BEARER,
)
async def get_repeat_collection(
    request: Request,
    since: Since = None,
    until: Until = None,
    form: Name = None,
    department: Name = None,
    limit: Limit = 100,
    cursor: Place = "",
) -> Response:
    """By department, form and field, those that cost most first: the item, who holds it, how often, what to do."""
    may = _scope(request, department)
    runtime, skip = runtime_of(request), int(cursor or 0)
    wanted = Scope(form, may.department)
    if may.is_outside:
        report = await repeat_report_outside(wanted, period_outside(since, until, runtime), runtime)
    else:
        period = period_of(since, until, runtime)
        report = await repeat_report(wanted, period, runtime, skip=skip, limit=limit)
    document = repeat_document(report, skip=skip, limit=limit, at_least=may.at_least)
    has_more = document["rows_in_all"] > skip + limit
    return json_response({**document, "next_cursor": str(skip + limit) if has_more else None})


@router.get(
    "/v1/reports/sources",
    summary="The league table of sources",
    responses={200: {"model": LeagueBody}, **_READ},
    openapi_extra=BEARER,
)
async def get_sources_report(
    request: Request, since: Since = None, until: Until = None, limit: Limit = 100, cursor: Place = ""
) -> Response:
    """Availability, times, freshness and confirmed errors (M10), the least available first."""
    caller_of(request, *_HALL)
    runtime, skip = runtime_of(request), int(cursor or 0)
    document = await league_report(period_of(since, until, runtime), runtime)
    sources = document["sources"]
    has_more = len(sources) > skip + limit
    shown = {"sources": sources[skip : skip + limit], "next_cursor": str(skip + limit) if has_more else None}
    return json_response({**document, **shown})


@router.get(
    "/v1/reports/answer-times",
    summary="How long the first usable answer of each form took",
    responses={200: {"model": AnswerTimesBody}, **_READ},
    openapi_extra=BEARER,
)
async def get_answer_times(
    request: Request, since: Since = None, until: Until = None, limit: Limit = 100, cursor: Cursor = ""
) -> Response:
    """Per form, by id: resolutions answered, and how long they took (M10)."""
    caller_of(request, *_HALL)
    runtime = runtime_of(request)
    return json_response(
        await answer_times(period_of(since, until, runtime), runtime, after=cursor, limit=limit)
    )


@router.get(
    "/v1/reports/exempt-materials",
    summary="Papers that need not be handed in (免提交)",
    responses={200: {"model": ExemptBody}, **_READ},
    openapi_extra=BEARER,
)
async def get_exempt_materials(
    request: Request,
    since: Since = None,
    until: Until = None,
    form: Name = None,
    department: Name = None,
    limit: Limit = 100,
    cursor: Place = "",
) -> Response:
    """Every paper of every form: exempt, or what keeps it from that. `department`: that publishes the form."""
    caller = caller_of(request, *_HALL, CallerRole.renderer)
    runtime, skip = runtime_of(request), int(cursor or 0)
    period = period_of(since, until, runtime)
    lines = await exempt_report(period, runtime, form=form, department=department)
    is_hall = not caller.roles.isdisjoint(_HALL)
    document = exempt_document(period, lines, lines[skip : skip + limit], observed=is_hall)
    return json_response(
        {**document, "next_cursor": str(skip + limit) if len(lines) > skip + limit else None}
    )


def _period(since: date | None, until: date | None, segment: str | None, runtime: Runtime) -> Period:
    """Those days; without any, the last thirty, or this month and the last where only months are counted so."""
    if segment is None or since is not None or until is not None:
        return period_of(since, until, runtime)
    return this_month_and_last(runtime)


def _scope(request: Request, department: str | None) -> _May:
    """What this caller may see; raises `NotAllowed` for another department's numbers."""
    caller = caller_of(request, *_HALL, CallerRole.renderer)
    if not caller.roles.isdisjoint(_HALL):
        return _May(department, 0)
    if department not in (None, caller.department):
        raise NotAllowed(
            "other_department", "You see your own department's numbers; leave `department` out or name it."
        )
    return _May(caller.department, LEAST)
