"""`/v1/me/uses`: everything done with my data, for the person whose own token it is."""

from fastapi import APIRouter, Request, Response

from gateway.errors import NotAllowed
from gateway.http.problems import problem_responses
from gateway.http.routing import (
    AUTHENTICATED,
    BEARER,
    Cursor,
    Limit,
    caller_of,
    json_response,
    language_of,
    runtime_of,
)
from gateway.http.schemas.entries import UsePage
from gateway.records import CallerRole
from gateway.reports.ledger_words import Language
from gateway.reports.own_uses import own_use_document
from gateway.reports.uses import own_uses

router = APIRouter(tags=["me"], dependencies=AUTHENTICATED)


def person_of(request: Request) -> str:
    """The reference of the person whose own token it is; raises `NotAllowed` for anybody else's."""
    caller = caller_of(request, CallerRole.person)
    if caller.person is None:
        raise NotAllowed("not_a_person", "This is for a person's own token; a portal exchanges for one.")
    return caller.person


@router.get(
    "/v1/me/uses",
    summary="Everything done with my data",
    responses={200: {"model": UsePage}, **problem_responses(401, 403, 422, 503)},
    openapi_extra=BEARER,
)
async def get_uses(request: Request, limit: Limit = 50, cursor: Cursor = "") -> Response:
    """Uses, refusals, readings again, consents and look-ups, newest first, in plain words (`Accept-Language`)."""
    ref = person_of(request)
    language: Language = "en" if language_of(request) == "en" else "zh"
    found = await own_uses(ref, runtime_of(request), cursor=cursor, limit=limit, language=language)
    uses = [own_use_document(use, language) for use in found.uses]
    return json_response({"uses": uses, "total": found.total, "next_cursor": found.cursor})
