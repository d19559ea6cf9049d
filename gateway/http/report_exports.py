"""`/v1/reports/export.xlsx`, `briefing.pdf` and `open`: reports to file, to print, and for everybody."""

from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from gateway.errors import NotFound
from gateway.http.days import Since, Until, period_of
from gateway.http.problems import problem_responses
from gateway.http.routing import AUTHENTICATED, BEARER, caller_of, runtime_of
from gateway.http.schemas.report_exports import OpenMonthBody
from gateway.records import CallerRole
from gateway.reports.export_files import OpenMonths, briefing_file, workbook_file
from gateway.submissions.printing import require_printer

router = APIRouter(tags=["reports"])

XLSX, PDF = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "application/pdf"
_HALL = (CallerRole.data_admin, CallerRole.operator, CallerRole.auditor)
_KEEP = {"cache-control": "public, max-age=3600"}

Month = Annotated[
    str,
    Query(pattern=r"^20[0-9]{2}-(0[1-9]|1[0-2])$", description="Month of China's calendar, e.g. 2026-10."),
]


def _file(media_type: str) -> dict[int | str, dict[str, Any]]:
    return {200: {"content": {media_type: {"schema": {"type": "string", "format": "binary"}}}}}


@router.get(
    "/v1/reports/export.xlsx",
    dependencies=AUTHENTICATED,
    summary="All reports of a period as a workbook",
    responses={**_file(XLSX), **problem_responses(400, 401, 403, 422, 503)},
    openapi_extra=BEARER,
)
async def get_workbook(request: Request, since: Since = None, until: Until = None) -> Response:
    """One sheet per table, rates as numbers with their counts; nothing in it is a formula."""
    caller_of(request, *_HALL)
    period = period_of(since, until, runtime_of(request))
    name = f"oncegate-{period.since}-{period.until}.xlsx"
    return _attached(await workbook_file(period, runtime_of(request)), XLSX, name)


@router.get(
    "/v1/reports/briefing.pdf",
    dependencies=AUTHENTICATED,
    summary="The monthly briefing, two pages",
    responses={**_file(PDF), **problem_responses(401, 403, 404, 422, 501, 503)},
    openapi_extra=BEARER,
)
async def get_briefing(request: Request, month: Month) -> Response:
    """The headline rate with its counts and change, charts by department and form, gaps, repeat collection, sources.

    `404` for a month in which nothing was handed in, `501` where the extra `print` is missing.
    """
    caller_of(request, *_HALL)
    require_printer()
    made = await briefing_file(month_of(month), runtime_of(request))
    return _attached(made, PDF, f"oncegate-briefing-{month}.pdf")


@router.get(
    "/v1/reports/open",
    summary="Open statistics of a month that is over",
    responses={200: {"model": OpenMonthBody}, **problem_responses(404, 422, 503)},
)
async def get_open_statistics(request: Request, month: Month) -> Response:
    """Open to everybody, where the hall has opened it: k-anonymous, delayed, no time finer than a day."""
    if not runtime_of(request).settings.open_statistics:
        raise NotFound("not_open", "This hall publishes no open statistics here; ask it for its files.")
    months: OpenMonths = request.app.state.open_months
    document = await months.document(month_of(month))
    return Response(document, media_type="application/json", headers=_KEEP)


def month_of(text: str) -> date:
    """The first day of the month that it names.

    >>> month_of("2026-10")
    datetime.date(2026, 10, 1)
    """
    return date(int(text[:4]), int(text[5:]), 1)


def _attached(content: bytes, media_type: str, name: str) -> Response:
    headers = {"content-disposition": f'attachment; filename="{name}"', "cache-control": "no-store"}
    return Response(content, media_type=media_type, headers=headers)
