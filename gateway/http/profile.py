"""`/v1/me/profile`: what is kept of me for my next forms (一人一档), for the person whose own token it is.

There is no such call for an organisation: no person's token speaks for one. Its record (一企一档) is listed and deleted
from by operators at the command line, who are not shown the values.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response

from gateway.audit.entries import rfc3339
from gateway.http.me import person_of
from gateway.http.problems import problem_responses
from gateway.http.routing import (
    AUTHENTICATED,
    BEARER,
    Cursor,
    Limit,
    body_of,
    json_response,
    language_of,
    page,
    runtime_of,
)
from gateway.http.schemas.profile import CorrectBody, DeletedBody, KeptBody, ProfilePage
from gateway.profiles.service import PERSON, correct_profile, delete_from_profile, show_profile
from gateway.profiles.telling import as_document

router = APIRouter(tags=["me"], dependencies=AUTHENTICATED)

_BODY = {"schema": {"$ref": "#/components/schemas/CorrectBody"}}
_WITH_BODY: dict[str, Any] = {
    "requestBody": {"required": True, "content": {"application/json": _BODY}},
    **BEARER,
}
ItemId = Annotated[str, Path(min_length=1, max_length=100, description="Id of the item.")]


@router.get(
    "/v1/me/profile",
    summary="What is kept of me for my next forms",
    responses={200: {"model": ProfilePage}, **problem_responses(401, 403, 422, 500, 503)},
    openapi_extra=BEARER,
)
async def get_own_profile(request: Request, limit: Limit = 100, cursor: Cursor = "") -> Response:
    """Each value with what it was given for, until when, and whether a register says otherwise. Reading is logged."""
    ref, runtime = person_of(request), runtime_of(request)
    shown = await show_profile(ref, runtime, caller=PERSON, cursor=cursor, limit=limit + 1, with_values=True)
    values, following = page(shown, limit, lambda each: each.kept.id)
    is_english = language_of(request) == "en"
    told = [as_document(each, runtime.library.published, is_english=is_english) for each in values]
    return json_response({"values": told, "next_cursor": following})


@router.put(
    "/v1/me/profile/{item}",
    summary="Correct what is kept of me",
    responses={
        200: {"model": KeptBody},
        **problem_responses(400, 401, 403, 404, 409, 410, 413, 415, 422, 503),
    },
    openapi_extra=_WITH_BODY,
)
async def put_own_value(request: Request, item: ItemId) -> Response:
    """Puts a value in the place of the one before, or beside the others. It changes no register: a dispute does.

    400 `not_keepable` for items whose values are not kept.
    """
    ref, runtime = person_of(request), runtime_of(request)
    body = await body_of(request, CorrectBody)
    kept = await correct_profile(ref, "person", item, body.value, runtime)
    return json_response(
        {
            "item": kept.item,
            "given_at": rfc3339(kept.given_at),
            "expires_at": rfc3339(kept.expires_at),
            "entry": kept.entry_id,
        }
    )


@router.delete(
    "/v1/me/profile/{item}",
    summary="Delete what is kept of me",
    responses={200: {"model": DeletedBody}, **problem_responses(401, 403, 404, 422, 503)},
    openapi_extra=BEARER,
)
async def delete_own_value(request: Request, item: ItemId) -> Response:
    """Empties what is kept of that item; the next form asks for it again."""
    ref, runtime = person_of(request), runtime_of(request)
    deleted_at = await delete_from_profile(ref, item, runtime, caller=PERSON)
    return json_response({"item": item, "deleted_at": rfc3339(deleted_at)})
