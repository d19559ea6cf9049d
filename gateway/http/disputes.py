"""`/v1/disputes`: say that a value is wrong, work the tickets, see where it went; `/v1/me/disputes`: one's own."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from gateway.disputes.service import (
    OpenDispute,
    list_disputes,
    open_dispute,
    own_disputes,
    read_dispute,
    read_opened,
)
from gateway.disputes.steps import take_step
from gateway.disputes.uses import Wanted
from gateway.disputes.whereabouts import where_it_went
from gateway.errors import NotAllowed
from gateway.http.days import Day
from gateway.http.me import person_of
from gateway.http.problems import problem_responses
from gateway.http.proofs import note_refusal
from gateway.http.routing import (
    AUTHENTICATED,
    BEARER,
    Cursor,
    Limit,
    body_of,
    caller_of,
    created_once,
    json_bytes,
    json_response,
    page,
    runtime_of,
)
from gateway.http.schemas.disputes import (
    AffectedPage,
    DisputeBody,
    DisputeLine,
    DisputePage,
    OwnDisputePage,
    StepBody,
    WholeDispute,
)
from gateway.records import Caller, CallerRole, DisputeState

router = APIRouter(tags=["disputes"], dependencies=AUTHENTICATED)


class DisputeStepName(StrEnum):
    """What can be done with a dispute; `withdraw` is the person's, the others the owner department's."""

    correct = "correct"
    uphold = "uphold"
    refer = "refer"
    withdraw = "withdraw"


_MAY = {
    DisputeStepName.correct: (CallerRole.data_admin,),
    DisputeStepName.uphold: (CallerRole.data_admin,),
    DisputeStepName.refer: (CallerRole.data_admin,),
    DisputeStepName.withdraw: (CallerRole.person,),
}


def _body(name: str, *, required: bool, idempotent: bool = False) -> dict[str, object]:
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}
    extra: dict[str, object] = {"requestBody": {"required": required, "content": content}, **BEARER}
    if idempotent:
        schema = {"type": "string", "minLength": 1, "maxLength": 200}
        extra["parameters"] = [
            {"name": "Idempotency-Key", "in": "header", "required": False, "schema": schema}
        ]
    return extra


@contextmanager
def _noted(request: Request, caller: Caller) -> Iterator[None]:
    """A ticket of another department is refused like a role that is not held: with an entry."""
    try:
        yield
    except NotAllowed as error:
        note_refusal(request, error.code, client=caller.id, is_proven=True)
        raise


@router.post(
    "/v1/disputes",
    status_code=201,
    summary="Say that a value is wrong",
    responses={
        201: {"model": DisputeLine},
        **problem_responses(400, 401, 403, 404, 409, 413, 415, 422, 503),
    },
    openapi_extra=_body("DisputeBody", required=True, idempotent=True),
)
async def post_dispute(request: Request) -> Response:
    """By the person it is about, or the desk it was shown to. The value is withheld from now on, until it is answered.

    One value has one open dispute: what is said of it again, with its evidence, joins that one, which is answered. The
    same said twice adds nothing.
    """
    caller = caller_of(request, CallerRole.person, CallerRole.renderer)
    runtime = runtime_of(request)
    body = await body_of(request, DisputeBody)
    command = OpenDispute(
        Wanted(body.resolution, body.path, body.item, body.source),
        body.reason,
        body.own,
        tuple(body.evidence),
    )

    async def create() -> tuple[str, bytes]:
        opened = await open_dispute(command, caller, runtime)
        return opened["id"], json_bytes(opened)

    async def replay(dispute_id: str) -> bytes:
        return json_bytes(await read_opened(dispute_id, caller, runtime))

    return await created_once(request, caller, create, replay, status=201)


@router.get(
    "/v1/disputes",
    summary="Disputes that a department has to answer",
    responses={200: {"model": DisputePage}, **problem_responses(401, 403, 422, 503)},
    openapi_extra=BEARER,
)
async def get_disputes(
    request: Request,
    state: Annotated[list[DisputeState] | None, Query(description="Only those that stand so now.")] = None,
    due_before: Annotated[
        Day | None, Query(description="Only unanswered ones that were due before that day.")
    ] = None,
    limit: Limit = 100,
    cursor: Cursor = "",
) -> Response:
    """Those that the caller's department owns, or supervises since they were escalated. No value stands in the list."""
    caller = caller_of(request, CallerRole.data_admin)
    rows = await list_disputes(
        caller, runtime_of(request), states=state or (), due_before=due_before, after=cursor, limit=limit + 1
    )
    shown, following = page(rows, limit, lambda row: str(row["id"]))
    return json_response({"disputes": shown, "next_cursor": following})


@router.get(
    "/v1/disputes/{dispute_id}",
    summary="A dispute with both values",
    responses={200: {"model": WholeDispute}, **problem_responses(401, 403, 404, 422, 503)},
    openapi_extra=BEARER,
)
async def get_dispute(request: Request, dispute_id: str) -> Response:
    """For the person, the desk it was shown to, and the owner department. That it was read is an entry first."""
    caller = caller_of(request, CallerRole.data_admin, CallerRole.renderer, CallerRole.person)
    with _noted(request, caller):
        return json_response(await read_dispute(dispute_id, caller, runtime_of(request)))


@router.get(
    "/v1/disputes/{dispute_id}/affected",
    summary="Where a disputed value went",
    responses={200: {"model": AffectedPage}, **problem_responses(401, 403, 404, 422, 503)},
    openapi_extra=BEARER,
)
async def get_affected(
    request: Request, dispute_id: str, limit: Limit = 100, cursor: Cursor = ""
) -> Response:
    """Applications that used it (`dispute_look_back` says how old), open answers, and which offices were told."""
    caller = caller_of(request, CallerRole.data_admin)
    with _noted(request, caller):
        return json_response(
            await where_it_went(dispute_id, caller, runtime_of(request), after=cursor, limit=limit)
        )


@router.post(
    "/v1/disputes/{dispute_id}/{step}",
    summary="Correct, uphold, refer or withdraw a dispute",
    responses={
        200: {"model": DisputeLine},
        **problem_responses(400, 401, 403, 404, 409, 413, 415, 422, 503),
    },
    openapi_extra=_body("StepBody", required=False),
)
async def post_step(request: Request, dispute_id: str, step: DisputeStepName) -> Response:
    """`correct`: the source was wrong and says the right thing now. `uphold`: the value stands. Both with a reason.

    `refer` names the department that has to answer instead. `withdraw`: the person takes it back.
    """
    caller = caller_of(request, *_MAY[step])
    body = await body_of(request, StepBody) if await request.body() else StepBody()
    with _noted(request, caller):
        told = await take_step(
            dispute_id,
            step.value,
            caller,
            runtime_of(request),
            reason=body.reason,
            department=body.department,
        )
    return json_response(told)


@router.get(
    "/v1/me/disputes",
    tags=["me"],
    summary="What I said is wrong, and what came of it",
    responses={200: {"model": OwnDisputePage}, **problem_responses(401, 403, 422, 503)},
    openapi_extra=BEARER,
)
async def get_own_disputes(request: Request, limit: Limit = 100, cursor: Cursor = "") -> Response:
    """The person's own disputes by id, each with its deadline and, once closed, the answer in words."""
    ref, runtime = person_of(request), runtime_of(request)
    rows = await own_disputes(ref, runtime, after=cursor, limit=limit + 1)
    shown, following = page(rows, limit, lambda row: str(row["id"]))
    return json_response({"disputes": shown, "next_cursor": following})
