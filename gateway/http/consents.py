"""`/v1/consents`: record, read, and what may be done with one: withdraw, pause, resume, terminate, invalidate."""

from collections.abc import Mapping
from datetime import timedelta
from enum import Enum, StrEnum
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from gateway.audit.entries import rfc3339
from gateway.consents import RecordConsent, move_consent, read_consent, read_events, record_consent
from gateway.consents.commands import Act, Basis, Evidence, Notice, Party, Relationship, Signature
from gateway.errors import NotValid
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
from gateway.http.schemas.consents import ConsentAnswer, ConsentBody, ConsentEvents, MoveBody
from gateway.http.schemas.resolutions import ActorKind
from gateway.records import CallerRole

router = APIRouter(tags=["consents"], dependencies=AUTHENTICATED)


class Step(StrEnum):
    """What can be done with a recorded consent."""

    withdraw = "withdraw"
    pause = "pause"
    resume = "resume"
    terminate = "terminate"
    invalidate = "invalidate"


_READERS = (CallerRole.consent_desk, CallerRole.renderer, CallerRole.person)
_MAY: Mapping[Step, tuple[CallerRole, ...]] = {
    # Taking back asks for no more than giving did.
    Step.withdraw: (CallerRole.consent_desk, CallerRole.person),
    Step.pause: (CallerRole.consent_desk, CallerRole.person),
    Step.resume: (CallerRole.consent_desk, CallerRole.person),
    Step.terminate: (CallerRole.consent_desk, CallerRole.renderer),
    Step.invalidate: (CallerRole.consent_desk,),
}


@router.post(
    "/v1/consents",
    status_code=201,
    summary="Record a consent",
    responses={
        201: {"model": ConsentAnswer},
        **problem_responses(400, 401, 403, 404, 409, 410, 413, 415, 422, 503),
    },
    openapi_extra=json_request("ConsentBody", idempotent=True),
)
async def post_consent(request: Request) -> Response:
    """Record what a person agreed to, with the notice they read and how they agreed."""
    caller = caller_of(request, CallerRole.consent_desk)
    runtime = runtime_of(request)
    command = _command(await body_of(request, ConsentBody))

    async def create() -> tuple[str, bytes]:
        consent = await record_consent(command, caller, runtime)
        return consent["id"], json_bytes(consent)

    async def replay(consent_id: str) -> bytes:
        return json_bytes(await read_consent(consent_id, caller, runtime))

    return await created_once(request, caller, create, replay, status=201)


@router.get(
    "/v1/consents/{consent_id}",
    summary="A consent as it stands",
    responses={200: {"model": ConsentAnswer}, **problem_responses(401, 403, 404, 410, 422, 503)},
    openapi_extra=BEARER,
)
async def get_consent(request: Request, consent_id: str) -> Response:
    """The consent, for the person, the department that recorded it and those it names as recipients."""
    caller = caller_of(request, *_READERS)
    return json_response(await read_consent(consent_id, caller, runtime_of(request)))


@router.get(
    "/v1/consents/{consent_id}/events",
    summary="What happened to a consent",
    responses={200: {"model": ConsentEvents}, **problem_responses(401, 403, 404, 410, 422, 503)},
    openapi_extra=BEARER,
)
async def get_events(request: Request, consent_id: str, limit: Limit = 100, cursor: Cursor = "") -> Response:
    """Every step with its time, who took it and the entry that tells it, oldest first; for those who may read it."""
    caller = caller_of(request, *_READERS)
    rows = await read_events(consent_id, caller, runtime_of(request), after=cursor, limit=limit + 1)
    shown, next_cursor = page(rows, limit, lambda event: event.id)
    events = [
        {
            "id": event.id,
            "state": event.state.value,
            "at": rfc3339(event.at),
            "actor_kind": event.actor_kind,
            "actor": event.actor,
            "reason": event.reason,
            "entry": event.entry_id,
        }
        for event in shown
    ]
    return json_response({"events": events, "next_cursor": next_cursor})


@router.post(
    "/v1/consents/{consent_id}/{step}",
    summary="Withdraw, pause, resume, terminate or invalidate a consent",
    responses={
        200: {"model": ConsentAnswer},
        **problem_responses(400, 401, 403, 404, 409, 410, 413, 415, 422, 503),
    },
    openapi_extra=json_request("MoveBody", required=False),
)
async def post_step(request: Request, consent_id: str, step: Step) -> Response:
    """Effective at the next statement of every worker; ending it also purges the answers that used it.

    `terminate`: its purpose is served. `invalidate`: what it rested on was found false; `reason` says what. `resume`:
    what the person paused, by a token of their own or with `actor` at a desk, they resume, or a desk with `evidence`.
    """
    caller = caller_of(request, *_MAY[step])
    body = await body_of(request, MoveBody) if await request.body() else MoveBody()
    shown = body.evidence
    consent = await move_consent(
        consent_id,
        step.value,
        caller,
        runtime_of(request),
        actor_kind=body.actor.value,
        reason=body.reason,
        on_word="actor" in body.model_fields_set and body.actor is ActorKind.applicant,
        evidence=None if shown is None else Evidence(shown.method.value, witness=shown.witness),
    )
    return json_response(consent)


def _command(body: ConsentBody) -> RecordConsent:
    items = {each.item: each.permit for each in body.items}
    if len(items) != len(body.items):
        raise _twice()
    named = (
        "purpose",
        "purpose_text",
        "form",
        "case",
        "not_before",
        "expires_at",
        "max_uses",
        "renews",
        "scope_hash",
    )
    return RecordConsent(
        **{name: getattr(body, name) for name in named},
        subject=body.subject.model_dump(exclude_none=True),
        grantor=None if body.grantor is None else body.grantor.model_dump(exclude_none=True),
        grantor_role=body.grantor_role.value,
        relationship=None
        if body.relationship_evidence is None
        else Relationship(**_plain(body.relationship_evidence)),
        items=items,
        necessity={each.item: each.necessity.value for each in body.items if each.necessity},
        controller=None if body.controller is None else Party(**_plain(body.controller)),
        recipients=tuple(dict.fromkeys(body.recipient_departments)),
        contacts=tuple(Party(**_plain(party)) for party in body.recipients),
        frequency=None
        if body.frequency is None
        else (body.frequency.count, timedelta(seconds=body.frequency.per_seconds)),
        data_life=None if body.data_life_seconds is None else timedelta(seconds=body.data_life_seconds),
        mode=body.mode.value,
        basis=Basis(**_plain(body.basis) | {"citations": tuple(body.basis.citations)}),
        notice=Notice(**_plain(body.notice)),
        acts=tuple(Act(**_plain(act)) for act in body.acts),
        evidence=Evidence(
            **_plain(body.evidence)
            | {"signatures": tuple(Signature(**_plain(each)) for each in body.evidence.signatures)}
        ),
    )


def _plain(part: BaseModel) -> dict[str, Any]:
    """The fields of a part, its words as text: what is kept outlives the enum."""
    return {
        name: value.value if isinstance(value, Enum) else value
        for name in type(part).model_fields
        for value in (getattr(part, name),)
    }


def _twice() -> NotValid:
    finding = {
        "pointer": "/items",
        "code": "duplicate_item",
        "detail": "Every item stands once, permitted or not.",
    }
    return NotValid("consent_not_valid", "The consent was not recorded; correct `items`.", errors=[finding])
