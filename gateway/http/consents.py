"""`/v1/consents`: record, read, withdraw, pause, resume."""

from enum import StrEnum

import orjson
from fastapi import APIRouter, Request, Response

from gateway.consents import RecordConsent, move_consent, read_consent, record_consent
from gateway.errors import NotValid
from gateway.http.problems import problem_responses
from gateway.http.routing import (
    AUTHENTICATED,
    BEARER,
    body_of,
    caller_of,
    created_once,
    json_response,
    runtime_of,
)
from gateway.http.schemas.consents import ConsentAnswer, ConsentBody, MoveBody
from gateway.records import CallerRole

router = APIRouter(tags=["consents"], dependencies=AUTHENTICATED)


class Step(StrEnum):
    """What can be done with a recorded consent."""

    withdraw = "withdraw"
    pause = "pause"
    resume = "resume"


def _body(name: str, *, required: bool, idempotent: bool = False) -> dict[str, object]:
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}
    extra: dict[str, object] = {"requestBody": {"required": required, "content": content}, **BEARER}
    if idempotent:
        schema = {"type": "string", "minLength": 1, "maxLength": 200}
        extra["parameters"] = [
            {"name": "Idempotency-Key", "in": "header", "required": False, "schema": schema}
        ]
    return extra


@router.post(
    "/v1/consents",
    status_code=201,
    summary="Record a consent",
    responses={201: {"model": ConsentAnswer}, **problem_responses(400, 401, 403, 409, 413, 415, 422, 503)},
    openapi_extra=_body("ConsentBody", required=True, idempotent=True),
)
async def post_consent(request: Request) -> Response:
    """Record what a person agreed to, with the notice they read and how they agreed."""
    caller = caller_of(request, CallerRole.consent_desk)
    runtime = runtime_of(request)
    command = _command(await body_of(request, ConsentBody))

    async def create() -> tuple[str, bytes]:
        consent = await record_consent(command, caller, runtime)
        return consent["id"], orjson.dumps(consent)

    async def replay(consent_id: str) -> bytes:
        return orjson.dumps(await read_consent(consent_id, caller, runtime))

    return await created_once(request, caller, create, replay, status=201)


@router.get(
    "/v1/consents/{consent_id}",
    summary="A consent as it stands",
    responses={200: {"model": ConsentAnswer}, **problem_responses(401, 403, 404, 422, 503)},
    openapi_extra=BEARER,
)
async def get_consent(request: Request, consent_id: str) -> Response:
    """The consent, for the department that recorded it and those it names as recipients."""
    caller = caller_of(request, CallerRole.consent_desk, CallerRole.renderer)
    return json_response(await read_consent(consent_id, caller, runtime_of(request)))


@router.post(
    "/v1/consents/{consent_id}/{step}",
    summary="Withdraw, pause or resume a consent",
    responses={
        200: {"model": ConsentAnswer},
        **problem_responses(400, 401, 403, 404, 409, 413, 415, 422, 503),
    },
    openapi_extra=_body("MoveBody", required=False),
)
async def post_step(request: Request, consent_id: str, step: Step) -> Response:
    """Effective at the next statement of every worker; withdrawing also purges the answers that used the consent."""
    caller = caller_of(request, CallerRole.consent_desk)
    body = await body_of(request, MoveBody) if await request.body() else MoveBody()
    consent = await move_consent(
        consent_id, step.value, caller, runtime_of(request), actor_kind=body.actor.value, reason=body.reason
    )
    return json_response(consent)


def _command(body: ConsentBody) -> RecordConsent:
    items = {each.item: each.permit for each in body.items}
    if len(items) != len(body.items):
        finding = {
            "pointer": "/items",
            "code": "duplicate_item",
            "detail": "Every item stands once, permitted or not.",
        }
        raise NotValid(
            "consent_not_valid", "The consent was not recorded; correct `items`.", errors=[finding]
        )
    record = body.model_dump(mode="json", exclude={"subject"})
    return RecordConsent(
        subject=body.subject.model_dump(exclude_none=True),
        purpose=body.purpose,
        items=items,
        recipients=tuple(dict.fromkeys(body.recipient_departments)),
        expires_at=body.expires_at,
        channel=body.notice.channel.value,
        record=record,
        form=body.form,
        not_before=body.not_before,
        max_uses=body.max_uses,
    )
