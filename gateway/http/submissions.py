"""Handing a form in, and reading what became of it: `/v1/resolutions/{id}/submission`, `/v1/submissions`."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from field_registry import Tier
from gateway.audit.entries import rfc3339
from gateway.http.entries import Instant
from gateway.http.problems import problem_responses
from gateway.http.routing import (
    AUTHENTICATED,
    BEARER,
    Cursor,
    Limit,
    body_of,
    caller_of,
    created_once,
    json_bytes,
    json_request,
    json_response,
    page,
    runtime_of,
)
from gateway.http.schemas.submissions import SubmissionAnswer, SubmissionList, SubmitBody
from gateway.records import Actor, CallerRole, SnapshotFilter
from gateway.submissions.answer import counts_of
from gateway.submissions.commands import Assistance, Claim, SubmitCommand
from gateway.submissions.service import list_submissions, read_submission, submit

router = APIRouter(tags=["submissions"], dependencies=AUTHENTICATED)

Form = Annotated[str | None, Query(min_length=1, max_length=100, description="Only of this form.")]
Since = Annotated[Instant | None, Query(description="Handed in at that time or later.")]
Until = Annotated[Instant | None, Query(description="Handed in before that time.")]


@router.post(
    "/v1/resolutions/{resolution_id}/submission",
    summary="Hand a form in",
    responses={
        200: {"model": SubmissionAnswer, "description": "What became of every slot."},
        **problem_responses(400, 401, 403, 404, 409, 410, 413, 415, 422, 503),
    },
    openapi_extra=json_request("SubmitBody", idempotent=True),
)
async def post_submission(request: Request, resolution_id: str) -> Response:
    """The person's final values in, one disposition per slot out. The same handed in twice gives the same answer."""
    caller = caller_of(request, CallerRole.renderer)
    runtime = runtime_of(request)
    command = _command(await body_of(request, SubmitBody))

    async def create() -> tuple[str, bytes]:
        answer = await submit(resolution_id, command, caller, runtime)
        return answer["id"], json_bytes(answer)

    async def replay(submission_id: str) -> bytes:
        return json_bytes(await read_submission(submission_id, caller, runtime))

    return await created_once(request, caller, create, replay, status=200)


@router.get(
    "/v1/submissions/{submission_id}",
    summary="What became of a form that was handed in",
    responses={200: {"model": SubmissionAnswer}, **problem_responses(401, 403, 404, 422, 503)},
    openapi_extra=BEARER,
)
async def get_submission(request: Request, submission_id: str) -> Response:
    """The same answer again, for the caller that handed it in; after a correction as the slots stand now."""
    caller = caller_of(request, CallerRole.renderer)
    return json_response(await read_submission(submission_id, caller, runtime_of(request)))


@router.get(
    "/v1/submissions",
    summary="The caller's submissions",
    responses={200: {"model": SubmissionList}, **problem_responses(400, 401, 403, 422, 503)},
    openapi_extra=BEARER,
)
async def get_submissions(
    request: Request,
    form: Form = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = 100,
    cursor: Cursor = "",
) -> Response:
    """What this caller handed in, oldest first, with the counts of each."""
    caller = caller_of(request, CallerRole.renderer)
    wanted = SnapshotFilter(form=form, since=since, until=until, caller=caller.id)
    rows = await list_submissions(wanted, runtime_of(request), after=cursor, limit=limit + 1)
    shown, next_cursor = page(rows, limit, lambda row: row[1].submission_id)
    lines = [
        {
            "id": shot.submission_id,
            "resolution": resolution,
            "form": {"id": shot.form, "version": shot.form_version},
            "snapshot": shot.number,
            "at": rfc3339(shot.at),
            "segment": shot.segment,
            "test": shot.is_test,
            "counts": counts_of(shot.slots),
        }
        for resolution, shot in shown
    ]
    return json_response({"submissions": lines, "next_cursor": next_cursor})


def _command(body: SubmitBody) -> SubmitCommand:
    return SubmitCommand(
        values=body.values,
        disputes={path: Claim(each.reason, tuple(each.evidence)) for path, each in body.disputes.items()},
        assisted={path: Assistance(Tier(each.tier), each.value) for path, each in body.assisted.items()},
        keep=frozenset(body.keep),
        own_word=frozenset(body.own_word),
        is_test=body.test,
        actor=None if body.actor is None else Actor(body.actor.kind.value, body.actor.id),
    )
