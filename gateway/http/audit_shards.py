"""`/v1/audit/shards/…`: the trees of the log one by one, each in the shapes of C2SP tlog-tiles.

There is one as long as nothing goes wrong. `/v1/audit/…` shows the present one; those before stay to be read here.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response

from gateway.audit.reading import Signed, every_shard, newest, tile_at
from gateway.audit.shards import keys_in_shard, opened_on
from gateway.errors import NotFound
from gateway.http.problems import problem_responses
from gateway.http.routing import Cursor, Limit, caller_of, json_response, paged_items, runtime_of
from gateway.http.schemas.shards import ShardPage
from gateway.records import CallerRole

router = APIRouter(tags=["audit"])

_TEXT: dict[int | str, dict[str, Any]] = {200: {"content": {"text/plain": {}}}}
_BYTES: dict[int | str, dict[str, Any]] = {200: {"content": {"application/octet-stream": {}}}}
Number = Annotated[int, Path(ge=1, le=32_767, description="Number of the tree, from 1.")]


@router.get(
    "/v1/audit/shards",
    summary="The trees of the log",
    responses={200: {"model": ShardPage}, **problem_responses(422, 503)},
)
async def get_shards(request: Request, limit: Limit = 100, cursor: Cursor = "") -> Response:
    """Mostly one. A later one was opened by an operator because the database was no longer what had been signed."""
    trees = await every_shard(runtime_of(request).store.log_for_readers, request.app.state.sequencer.keys)
    shown, following = paged_items(trees, cursor, limit, lambda tree: f"{tree.shard:05}")
    told = [_told(tree, is_present=tree is trees[-1]) for tree in shown]
    return json_response({"shards": told, "next_cursor": following})


def _told(tree: Signed, *, is_present: bool) -> dict[str, Any]:
    stated = tree.checkpoint
    return {
        "shard": tree.shard,
        "origin": stated.origin,
        "size": stated.size,
        "root": stated.root.hex(),
        "present": is_present,
    }


@router.get(
    "/v1/audit/shards/{shard}/checkpoint",
    summary="The newest signed checkpoint of one tree",
    responses={**_TEXT, **problem_responses(404, 422, 503)},
)
async def get_shard_checkpoint(request: Request, shard: Number) -> Response:
    """A signed note (C2SP), signed under the name of that tree."""
    signed = await newest(
        runtime_of(request).store.log_for_readers, request.app.state.sequencer.keys, shard=shard
    )
    if signed is None:
        raise _no_such_shard()
    return Response(signed.note, media_type="text/plain; charset=utf-8")


@router.get(
    "/v1/audit/shards/{shard}/key",
    summary="The keys that the checkpoints of one tree are signed by",
    responses={**_TEXT, **problem_responses(422)},
)
async def get_shard_key(request: Request, shard: Number) -> Response:
    """Verifier keys (C2SP), newest first: those of the log, under the name of that tree."""
    keys = keys_in_shard(request.app.state.sequencer.keys, shard)
    return Response("".join(f"{key}\n" for key in keys), media_type="text/plain")


@router.get(
    "/v1/audit/shards/{shard}/tile/{path:path}",
    summary="A tile of one tree, or a bundle of its entries",
    responses={**_BYTES, **problem_responses(401, 403, 404, 422, 503)},
    openapi_extra={"security": [{}, {"bearer": []}]},
)
async def get_shard_tile(request: Request, shard: Number, path: str) -> Response:
    """`{L}/{N}` hashes of level L, `entries/{N}` leaves; `.p/{W}` for the first W of a tile that is not full."""
    runtime = runtime_of(request)
    if path.startswith("entries/") and not runtime.settings.log_entries_public:
        caller_of(request, CallerRole.auditor)
    try:
        content = await tile_at(f"tile/{path}", runtime.store.log_for_readers, shard=shard)
    except ValueError:
        content = None
    if content is None:
        raise NotFound(
            "no_such_tile", "There is no such tile in that tree; see C2SP tlog-tiles for their names."
        )
    return Response(content, media_type="application/octet-stream")


@router.get(
    "/v1/audit/shards/{shard}/first",
    summary="The entry that opened a later tree",
    responses={**_BYTES, **problem_responses(404, 422, 503)},
)
async def get_shard_first(request: Request, shard: Number) -> Response:
    """Its leaf: the last good checkpoint before it. Open to everybody, so that a witness can follow the log."""
    for leaf in await runtime_of(request).store.log_for_readers.leaves(0, 1, shard=shard):
        if opened_on(leaf) is not None:
            return Response(leaf, media_type="application/octet-stream")
    raise _no_such_shard()


@router.get(
    "/v1/audit/cosigned-checkpoint",
    summary="The newest checkpoint that a witness cosigned",
    responses={**_TEXT, **problem_responses(404, 422, 503)},
)
async def get_cosigned_checkpoint(request: Request) -> Response:
    """A signed note (C2SP) with the witness' lines (cosignature/v1) under the log's own; proofs rest on it too."""
    found = await runtime_of(request).store.log_for_readers.cosigned()
    if found is None:
        raise NotFound("not_cosigned", "No witness has cosigned this log; see `oncegate audit witness`.")
    return Response(found[1], media_type="text/plain; charset=utf-8")


def _no_such_shard() -> NotFound:
    return NotFound("no_such_shard", "The log has no such tree; GET /v1/audit/shards lists them.")
