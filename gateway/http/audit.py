"""`/v1/audit/…`: the log as anybody can check it (C2SP tlog-tiles), and proofs for whom an entry concerns."""

from typing import Any

from fastapi import APIRouter, Request, Response

from gateway.audit.looking import concerns, note_look
from gateway.audit.reading import proof_of, tile_at
from gateway.errors import NotFound
from gateway.http.problems import problem_responses
from gateway.http.routing import AUTHENTICATED, BEARER, caller_of, runtime_of
from gateway.records import CallerRole

router = APIRouter(tags=["audit"])

_TEXT: dict[int | str, dict[str, Any]] = {200: {"content": {"text/plain": {}}}}
_BYTES: dict[int | str, dict[str, Any]] = {200: {"content": {"application/octet-stream": {}}}}


@router.get(
    "/v1/audit/checkpoint",
    summary="The newest signed checkpoint of the log",
    responses={**_TEXT, **problem_responses(404, 422, 503)},
)
async def get_checkpoint(request: Request) -> Response:
    """A signed note (C2SP): origin, number of entries, root hash. Open to everybody: it tells nothing else."""
    note = await runtime_of(request).store.log_for_readers.checkpoint()
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
    return Response(
        "".join(f"{key}\n" for key in request.app.state.sequencer.present_keys), media_type="text/plain"
    )


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
        content = await tile_at(f"tile/{path}", runtime_of(request).store.log_for_readers)
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
    """A `.tlog-proof` (C2SP) that can be checked offline for ever: for auditors, and for whom the entry is about."""
    caller = caller_of(request, CallerRole.auditor, CallerRole.person)
    runtime = runtime_of(request)
    found = await proof_of(entry, runtime.store.log_for_readers, request.app.state.sequencer.keys)
    if found is None or (caller.person and not await concerns(entry, caller.person, runtime)):
        raise NotFound("not_in_log", "There is no such entry, or it has no place yet; try again in a second.")
    if caller.person is None:
        await note_look("proof", runtime, caller=caller.id, shown=1, entry=entry)
    return Response(found.text(), media_type="text/plain; charset=utf-8")
