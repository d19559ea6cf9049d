"""`GET /v1/me/consents`: the consents about the person whose own token it is."""

from fastapi import APIRouter, Request, Response

from gateway.consents.service import own_consents, view
from gateway.http.me import person_of
from gateway.http.problems import problem_responses
from gateway.http.routing import (
    AUTHENTICATED,
    BEARER,
    Cursor,
    Limit,
    json_response,
    page,
    runtime_of,
)
from gateway.http.schemas.sessions import OwnConsentPage

router = APIRouter(tags=["me"], dependencies=AUTHENTICATED)


@router.get(
    "/v1/me/consents",
    summary="What I agreed to",
    responses={200: {"model": OwnConsentPage}, **problem_responses(401, 403, 422, 503)},
    openapi_extra=BEARER,
)
async def get_own_consents(request: Request, limit: Limit = 100, cursor: Cursor = "") -> Response:
    """The person's consents by id, in whatever state, with what was agreed and how each stands now."""
    ref, runtime = person_of(request), runtime_of(request)
    rows = await own_consents(ref, runtime, after=cursor, limit=limit + 1)
    shown, following = page(rows, limit, lambda stored: stored.consent.id)
    # What was erased meanwhile has nothing left to show.
    consents = [view(each, runtime) for each in shown if each.sealed]
    return json_response({"consents": consents, "next_cursor": following})
