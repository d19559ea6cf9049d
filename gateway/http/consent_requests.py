"""`/v1/consent-requests`: ask a person for a consent, by a link that their own phone opens."""

import io
from datetime import timedelta
from typing import Any

import segno
from fastapi import APIRouter, Request, Response

from gateway.consents.ask_command import AskConsent
from gateway.consents.commands import Relationship
from gateway.consents.request_record import Asked, view
from gateway.consents.requests import create_request, read_request
from gateway.http.problems import problem_responses
from gateway.http.routing import (
    AUTHENTICATED,
    BEARER,
    body_of,
    caller_of,
    created_once,
    json_bytes,
    json_request,
    json_response,
    runtime_of,
)
from gateway.http.schemas.consent_requests import ConsentRequestAnswer, ConsentRequestBody, Initiator
from gateway.http.schemas.consents import RelationshipBody
from gateway.records import CallerRole
from gateway.runtime import Runtime

router = APIRouter(tags=["consents"], dependencies=AUTHENTICATED)

_ASKERS = (CallerRole.consent_desk, CallerRole.renderer)
_DAY = timedelta(days=1)


@router.post(
    "/v1/consent-requests",
    status_code=201,
    summary="Ask a person for a consent",
    responses={
        201: {"model": ConsentRequestAnswer},
        **problem_responses(400, 401, 403, 404, 409, 410, 413, 415, 422, 503),
    },
    openapi_extra=json_request("ConsentRequestBody", idempotent=True),
)
async def post_consent_request(request: Request) -> Response:
    """A link, and its QR code, under which the person reads the notice and agrees, refuses or puts it off.

    What they refused within 30 days is left out; `409` when nothing is left, or the form needs no consent of theirs.
    """
    caller = caller_of(request, *_ASKERS)
    runtime = runtime_of(request)
    command = _command(await body_of(request, ConsentRequestBody), runtime)

    async def create() -> tuple[str, bytes]:
        asked = await create_request(command, caller, runtime)
        return asked.request.id, json_bytes(_answer(asked, runtime))

    async def replay(request_id: str) -> bytes:
        return json_bytes(_answer(await read_request(request_id, caller, runtime), runtime))

    return await created_once(request, caller, create, replay, status=201)


@router.get(
    "/v1/consent-requests/{request_id}",
    summary="How a request stands",
    responses={200: {"model": ConsentRequestAnswer}, **problem_responses(401, 403, 404, 410, 422, 503)},
    openapi_extra=BEARER,
)
async def get_consent_request(request: Request, request_id: str) -> Response:
    """Its state, what was recorded when it was answered, and the notice as rendered; for the department that asked."""
    caller, runtime = caller_of(request, *_ASKERS), runtime_of(request)
    return json_response(_answer(await read_request(request_id, caller, runtime), runtime))


def qr_svg(address: str) -> str:
    """The QR code of an address as one SVG element that loads nothing; readable by assistive technology as an image."""
    out = io.BytesIO()
    code = segno.make(address, error="m", micro=False)
    # White behind it: on a dark page a code without background is not found by a camera.
    code.save(out, kind="svg", xmldecl=False, omitsize=True, light="#fff", title="QR code 二维码", nl=False)
    return out.getvalue().decode()


def _answer(asked: Asked, runtime: Runtime) -> dict[str, Any]:
    told = view(asked, runtime)
    return {**told, "qr_svg": told["url"] and qr_svg(told["url"])}


def _command(body: ConsentRequestBody, runtime: Runtime) -> AskConsent:
    often = body.frequency
    longest = _DAY if often is None else runtime.settings.consent_longest
    return AskConsent(
        form_id=body.form.id,
        version=body.form.version,
        role=body.role,
        subject=body.subject.model_dump(exclude_none=True),
        channel=body.channel.value,
        life=_seconds(body.expires_in_seconds) or longest,
        recipients=tuple(dict.fromkeys(body.recipient_departments)),
        case=body.case,
        max_uses=body.max_uses or (1 if often is None else None),
        frequency=None if often is None else (often.count, timedelta(seconds=often.per_seconds)),
        data_life=_seconds(body.data_life_seconds),
        mode=body.mode.value,
        grantor_role=body.grantor_role.value,
        grantor=None if body.grantor is None else body.grantor.model_dump(exclude_none=True),
        relationship=_relationship(body.relationship_evidence),
        witness=body.witness,
        started_by_subject=body.initiated_by is Initiator.subject,
        language=body.language.value,
    )


def _relationship(shown: RelationshipBody | None) -> Relationship | None:
    return None if shown is None else Relationship(shown.kind.value, shown.reference, shown.checked_at)


def _seconds(number: int | None) -> timedelta | None:
    return None if number is None else timedelta(seconds=number)
