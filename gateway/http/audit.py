"""`/v1/audit/…`: the log as anybody can check it (C2SP tlog-tiles), and as auditors search it."""

from datetime import datetime
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query, Request, Response
from pydantic import BeforeValidator, WithJsonSchema

from gateway.audit.reading import proof_of, tile_at
from gateway.errors import NotFound
from gateway.http.problems import problem_responses
from gateway.http.routing import (
    AUTHENTICATED,
    BEARER,
    Cursor,
    Limit,
    caller_of,
    json_response,
    page,
    runtime_of,
)
from gateway.http.schemas.registry import EntryPage
from gateway.records import CallerRole, Entry, EntryFilter, EntryKind

router = APIRouter(tags=["audit"])


def _instant(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None or "T" not in text:
        raise ValueError("a time is written like 2026-11-21T02:03:04Z")
    return moment


# Pydantic's own takes numbers for times too.
Instant = Annotated[
    datetime, BeforeValidator(_instant), WithJsonSchema({"type": "string", "format": "date-time"})
]

_TEXT: dict[int | str, dict[str, Any]] = {200: {"content": {"text/plain": {}}}}
_BYTES: dict[int | str, dict[str, Any]] = {200: {"content": {"application/octet-stream": {}}}}


@router.get(
    "/v1/audit/checkpoint",
    summary="The newest signed checkpoint of the log",
    responses={**_TEXT, **problem_responses(404, 422, 503)},
)
async def get_checkpoint(request: Request) -> Response:
    """A signed note (C2SP): origin, number of entries, root hash. Open to everybody: it tells nothing else."""
    note = await runtime_of(request).store.log.checkpoint()
    if note is None:
        raise NotFound("log_empty", "Nothing has been logged yet; there is no checkpoint.")
    return Response(note, media_type="text/plain; charset=utf-8")


@router.get(
    "/v1/audit/key",
    summary="The keys that checkpoints are signed by",
    responses={**_TEXT, **problem_responses(422)},
)
async def get_key(request: Request) -> Response:
    """Verifier keys (C2SP), newest first. Take them once, keep them, and compare: a key from here proves nothing."""
    return Response("".join(f"{key}\n" for key in request.app.state.sequencer.keys), media_type="text/plain")


@router.get(
    "/v1/audit/tile/{path:path}",
    summary="A tile of the tree, or a bundle of entries",
    responses={**_BYTES, **problem_responses(401, 403, 404, 422, 503)},
    openapi_extra={"security": [{}, {"bearer": []}]},
)
async def get_tile(request: Request, path: str) -> Response:
    """`{L}/{N}` hashes of level L, `entries/{N}` leaves; `.p/{W}` for the first W of a tile that is not full."""
    if path.startswith("entries/") and not runtime_of(request).settings.log_entries_public:
        caller_of(request, CallerRole.auditor)
    try:
        content = await tile_at(f"tile/{path}", runtime_of(request).store.log)
    except ValueError:
        raise NotFound(
            "no_such_tile", "There is no such tile; see C2SP tlog-tiles for how they are named."
        ) from None
    if content is None:
        raise NotFound("no_such_tile", "The log is not that long. Read /v1/audit/checkpoint again.")
    return Response(content, media_type="application/octet-stream")


@router.get(
    "/v1/audit/proofs/{entry}",
    dependencies=AUTHENTICATED,
    summary="The proof that an entry is in the log",
    responses={**_TEXT, **problem_responses(401, 403, 404, 422, 503)},
    openapi_extra=BEARER,
)
async def get_proof(request: Request, entry: str) -> Response:
    """For auditors: a `.tlog-proof` (C2SP) that can be checked offline for ever."""
    caller_of(request, CallerRole.auditor)
    found = await proof_of(entry, runtime_of(request).store.log, request.app.state.sequencer.keys)
    if found is None:
        raise NotFound("not_in_log", "There is no such entry, or it has no place yet; try again in a second.")
    return Response(found.text(), media_type="text/plain; charset=utf-8")


@router.get(
    "/v1/audit/entries",
    tags=["audit"],
    dependencies=AUTHENTICATED,
    summary="Entries of the log, oldest first",
    responses={200: {"model": EntryPage}, **problem_responses(401, 403, 422, 503)},
    openapi_extra=BEARER,
)
async def get_entries(
    request: Request,
    limit: Limit = 100,
    cursor: Cursor = "",
    about: Annotated[
        str | None, Query(alias="request", max_length=64, description="A resolution or consent id.")
    ] = None,
    kind: Annotated[EntryKind | None, Query(description="intent, outcome, consent.given …")] = None,
    caller: Annotated[str | None, Query(max_length=100, description="Client id of the caller.")] = None,
    since: Annotated[Instant | None, Query(description="Written at that time or later.")] = None,
    until: Annotated[Instant | None, Query(description="Written before that time.")] = None,
) -> Response:
    """For auditors: references, codes and times. The private part of an entry is not shown here."""
    caller_of(request, CallerRole.auditor)
    wanted = EntryFilter(about, kind, caller, since, until)
    rows = await runtime_of(request).store.entries.search(wanted, after=cursor, limit=limit + 1)
    shown, following = page(rows, limit, lambda entry: entry.id)
    return json_response({"entries": [_entry(entry) for entry in shown], "next_cursor": following})


def _entry(entry: Entry) -> dict[str, Any]:
    return {
        "id": entry.id,
        "kind": entry.kind.value,
        "at": entry.at,
        "request": entry.request,
        "caller": entry.caller,
        "leaf": orjson.loads(entry.leaf),
    }
