"""`/v1/identity-links`: several documents of one subject, linked with evidence and parted again (两证互认)."""

from fastapi import APIRouter, Request, Response

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
from gateway.http.schemas.identities import EndLinkBody, IdentityLinkAnswer, IdentityLinkBody
from gateway.identities.commands import LinkEvidence, LinkIdentities
from gateway.identities.service import end_link, link_identities, read_link
from gateway.records import CallerRole

router = APIRouter(tags=["identities"], dependencies=AUTHENTICATED)

_READERS = (CallerRole.consent_desk, CallerRole.person)


@router.post(
    "/v1/identity-links",
    status_code=201,
    summary="Link two documents of one subject",
    responses={
        201: {"model": IdentityLinkAnswer},
        **problem_responses(400, 401, 403, 404, 409, 413, 415, 422, 503),
    },
    openapi_extra=json_request("IdentityLinkBody", idempotent=True),
)
async def post_link(request: Request) -> Response:
    """From now on a consent given under one covers the other, and a source is asked by whichever it understands.

    `409 identity_ambiguous` when one of them is linked to, or claimed for, somebody else.
    """
    caller = caller_of(request, CallerRole.consent_desk)
    runtime = runtime_of(request)
    command = _command(await body_of(request, IdentityLinkBody))

    async def create() -> tuple[str, bytes]:
        link = await link_identities(command, caller, runtime)
        return link["id"], json_bytes(link)

    async def replay(link_id: str) -> bytes:
        return json_bytes(await read_link(link_id, caller, runtime))

    return await created_once(request, caller, create, replay, status=201)


@router.get(
    "/v1/identity-links/{link_id}",
    summary="A link as it stands",
    responses={200: {"model": IdentityLinkAnswer}, **problem_responses(401, 403, 404, 422, 503)},
    openapi_extra=BEARER,
)
async def get_link(request: Request, link_id: str) -> Response:
    """With its evidence, for the department that recorded it and the person whose documents they are."""
    caller = caller_of(request, *_READERS)
    return json_response(await read_link(link_id, caller, runtime_of(request)))


@router.post(
    "/v1/identity-links/{link_id}/end",
    summary="Part two linked documents",
    responses={
        200: {"model": IdentityLinkAnswer},
        **problem_responses(400, 401, 403, 404, 409, 413, 415, 422, 503),
    },
    openapi_extra=json_request("EndLinkBody"),
)
async def post_end(request: Request, link_id: str) -> Response:
    """They are two subjects again, each with what was recorded under it; answers that told of either are purged."""
    caller = caller_of(request, *_READERS)
    body = await body_of(request, EndLinkBody)
    return json_response(await end_link(link_id, body.reason, caller, runtime_of(request)))


def _command(body: IdentityLinkBody) -> LinkIdentities:
    shown = body.evidence
    return LinkIdentities(
        subject=body.subject.model_dump(exclude_none=True),
        other=body.other.model_dump(exclude_none=True),
        evidence=LinkEvidence(
            shown.kind, shown.reference, shown.checked_by, shown.checked_at, shown.presence
        ),
    )
