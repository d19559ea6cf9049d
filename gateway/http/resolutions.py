"""`/v1/resolutions`: resolve a form, read the answer again while it is valid."""

from typing import Any

from fastapi import APIRouter, Request, Response
from msgspec.structs import replace

from gateway.errors import NotValid
from gateway.http.problems import problem_responses
from gateway.http.routing import (
    AUTHENTICATED,
    BEARER,
    body_of,
    caller_of,
    created_once,
    json_request,
    language_of,
    runtime_of,
)
from gateway.http.schemas.resolutions import ResolutionBody, ResolveBody, SubjectBody
from gateway.records import Actor, Caller, CallerRole
from gateway.resolution.commands import Delivery, ResolveCommand
from gateway.resolution.drafts import read_answer
from gateway.resolution.pipeline import resolve
from gateway.runtime import Runtime
from gateway.security.sealing import sealing_to
from gateway.submissions.late import continued

router = APIRouter(tags=["resolutions"], dependencies=AUTHENTICATED)

_ANSWER: dict[int | str, dict[str, Any]] = {
    200: {"model": ResolutionBody, "description": "One outcome for every field of the form."}
}


@router.post(
    "/v1/resolutions",
    summary="Resolve a form",
    responses={**_ANSWER, **problem_responses(400, 401, 403, 404, 409, 410, 413, 415, 422, 503)},
    openapi_extra=json_request("ResolveBody", idempotent=True),
)
async def post_resolution(request: Request) -> Response:
    """Fill a form from its sources, field by field with ground and provenance, or the reason it must be asked."""
    caller = caller_of(request, CallerRole.renderer)
    runtime = runtime_of(request)
    command = _command(await body_of(request, ResolveBody), caller, language_of(request), runtime)

    async def create() -> tuple[str, bytes]:
        wanted = command if command.continues is None else await continued(command, runtime)
        if command.delivery is Delivery.sealed:
            sealing = await sealing_to(caller.department, request.app.state.receipt_keys, runtime)
            wanted = replace(wanted, sealing=sealing)
        released = await resolve(wanted, runtime)
        return released.id, released.body

    async def replay(resolution_id: str) -> bytes:
        return await read_answer(resolution_id, caller, runtime)

    return await created_once(request, caller, create, replay, status=200)


@router.get(
    "/v1/resolutions/{resolution_id}",
    summary="The same answer, while it is valid",
    responses={**_ANSWER, **problem_responses(401, 403, 404, 410, 422, 503)},
    openapi_extra=BEARER,
)
async def get_resolution(request: Request, resolution_id: str) -> Response:
    """The answer exactly as it was given. `410` once it has expired or a consent it used was withdrawn."""
    caller = caller_of(request, CallerRole.renderer)
    return Response(
        await read_answer(resolution_id, caller, runtime_of(request), language=language_of(request)),
        media_type="application/json",
    )


def _named(subject: SubjectBody) -> dict[str, object]:
    """What `model_dump` makes of it, at a fifth of the price: its fields are texts."""
    return {name: value for name, value in vars(subject).items() if value is not None}


def _command(body: ResolveBody, caller: Caller, language: str, runtime: Runtime) -> ResolveCommand:
    settings = runtime.settings
    patience_ms = settings.patience_default_ms if body.patience_ms is None else body.patience_ms
    if patience_ms > settings.patience_max_ms:
        finding = {
            "pointer": "/patience_ms",
            "code": "too_long",
            "detail": f"patience_ms is 1 to {settings.patience_max_ms}; nobody waits longer at a counter.",
        }
        raise NotValid(
            "not_valid", "Correct what `errors` names and send the request again.", errors=[finding]
        )
    consents = [body.consent] if isinstance(body.consent, str) else body.consent or []
    return ResolveCommand(
        form_id=body.form.id,
        version=body.form.version,
        caller=caller,
        actor=Actor(str(body.actor.kind), body.actor.id),
        patience_seconds=patience_ms / 1000,
        subjects={role: _named(subject) for role, subject in body.subjects.items()},
        consents=tuple(dict.fromkeys(consents)),
        answers=body.answers,
        case=body.case,
        delivery=body.delivery,
        language=language,
        continues=body.continues,
        again=body.again,
    )
