"""What routes share: the runtime, the caller, the language, bodies, pages, and creating once."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from operator import itemgetter
from typing import Annotated, Any, TypeVar, cast

import orjson
from fastapi import Depends, Query, Request, Response
from pydantic import BaseModel

from connectors.errors import SourceBroken
from connectors.strict_json import parse_json
from gateway.errors import BadRequest, Conflict, NotAllowed, NotAuthenticated, StoreUnavailable
from gateway.http.limits import BODY, HEADERS
from gateway.http.proofs import note_refusal, shown_by
from gateway.http.turns import take_turn
from gateway.records import Caller
from gateway.runtime import Runtime
from gateway.security import TokenService, require_roles
from gateway.security.sessions import stands

Body = TypeVar("Body", bound=BaseModel)
T = TypeVar("T")

Limit = Annotated[int, Query(ge=1, le=500, description="Entries per page.")]
Cursor = Annotated[
    str, Query(max_length=200, description="`next_cursor` of the page before; empty for the first.")
]

_AUTHORIZATION = b"authorization"
_name_of = itemgetter(0)
BEARER: dict[str, Any] = {"security": [{"bearer": []}]}


def json_request(model: str, *, required: bool = True, idempotent: bool = False) -> dict[str, Any]:
    """What /openapi.json says of a call that is sent JSON of that schema, by a caller with a token.

    Routes read the body themselves (`body_of`), so the framework cannot tell. `idempotent`: it takes an
    `Idempotency-Key`.
    """
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{model}"}}}
    told: dict[str, Any] = {"requestBody": {"required": required, "content": content}, **BEARER}
    return told | {"parameters": [_IDEMPOTENCY_KEY]} if idempotent else told


_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": 200},
}


def runtime_of(request: Request) -> Runtime:
    """The runtime of the app that serves this request."""
    return cast(Runtime, request.app.state.runtime)


def caller_of(request: Request, *roles: str) -> Caller:
    """The authenticated caller, holding at least one of the roles (any caller but a person when none are named).

    Raises `NotAuthenticated` or `NotAllowed`. An operator counts only where `note_session` has run before.
    """
    caller = _who(request)
    try:
        if roles:
            require_roles(caller, *roles)
        elif caller.person is not None:
            raise NotAllowed(
                "role_required", "A person's own token reads that person's uses and consents only."
            )
    except NotAllowed as error:
        note_refusal(request, error.code, client=caller.id, is_proven=True)
        raise
    return caller


def _who(request: Request) -> Caller:
    """The authenticated caller, whatever they may do."""
    tokens: TokenService = request.app.state.tokens
    try:
        headers = request.scope["headers"]
        # As many names as headers: none stands twice.
        if (
            len(_headers_of(request)) < len(headers)
            and list(map(_name_of, headers)).count(_AUTHORIZATION) > 1
        ):
            raise NotAuthenticated("token_malformed", "Send one Authorization header.")
        now = runtime_of(request).clock()
        caller = tokens.authenticate(header_of(request, _AUTHORIZATION), now, lambda: shown_by(request))
        if caller.session is not None:
            _require_session(request, caller)
    except NotAuthenticated as error:
        note_refusal(request, error.reason, client=error.client)
        raise
    take_turn(request, caller)
    return caller


def _require_session(request: Request, caller: Caller) -> None:
    """Nothing when the operator's session stands; else why not. Raises `NotAllowed` where nobody has asked."""
    noted = getattr(request.state, "session", None)
    if isinstance(noted, StoreUnavailable):
        raise noted
    if noted is None:
        raise NotAllowed("role_required", "This is for registered systems, not for operators.")
    if noted != caller.session:
        raise NotAuthenticated(
            "session_ended", "This session has ended. Log in again at /v1/sessions.", client=caller.id
        )


async def note_session(request: Request) -> None:
    """For every route: notes the session of an operator's token if it stands at this moment, for `caller_of`.

    Read from the database each time, so that ending a session works at the next request to any worker.
    """
    headers = request.headers.getlist("authorization")
    if len(headers) != 1:
        return
    runtime = runtime_of(request)
    tokens: TokenService = request.app.state.tokens
    try:
        caller = tokens.authenticate(headers[0], runtime.clock())
        if caller.session is not None:
            request.state.session = caller.session if await stands(caller, runtime) else ""
    except NotAuthenticated:
        pass  # a public route does not mind, and any other says so itself
    except StoreUnavailable as error:
        request.state.session = error


async def _authenticated(request: Request) -> None:  # async: the framework would run it in a thread otherwise
    _who(request)


AUTHENTICATED = [Depends(_authenticated)]
"""For routers whose every route needs a caller: who cannot be told learns nothing about what is wrong besides."""


async def body_of(request: Request, model: type[Body]) -> Body:
    """The body as that model, read strictly: of a key that stands twice nobody knows which was meant.

    Raises `BadRequest`, or pydantic's `ValidationError`, which becomes a 422 problem.
    """
    try:
        whole: bytes | None = request.scope.get(BODY)
        document = parse_json(await request.body() if whole is None else whole)
    except SourceBroken:
        raise BadRequest(
            "not_json", "The body is not one JSON document, or has a key twice in one object."
        ) from None
    _require_writable(document)
    return model.model_validate(document)


def _require_writable(document: object) -> None:
    """Nothing, or `BadRequest`: it holds a number that could be read here and never be written again."""
    try:
        orjson.dumps(document)
    except TypeError:
        raise BadRequest(
            "number_too_long", "A number in the body needs more than 64 bits; send it as text."
        ) from None


def header_of(request: Request, name: bytes) -> str | None:
    """The first header of that name, in small letters; None without one.

    As `request.headers.get` says it, at a fraction of the price: every request is asked for three.
    """
    value: bytes | None = _headers_of(request).get(name)
    return None if value is None else value.decode("latin-1")


def _headers_of(request: Request) -> Mapping[bytes, bytes]:
    scope = request.scope
    known: Mapping[bytes, bytes] | None = scope.get(HEADERS)
    return dict(reversed(scope["headers"])) if known is None else known


def language_of(request: Request) -> str:
    """The language of messages: `en` when the caller prefers English, else `zh`."""
    preferred = header_of(request, b"accept-language") or "zh-CN"
    return "en" if preferred.strip().lower().startswith("en") else "zh"


class JsonAnswer(Response):
    """An answer of JSON that is written already, with a body in every case."""

    def init_headers(self, headers: Mapping[str, str] | None = None) -> None:
        """The two headers that the framework would come to, and no others."""
        self.raw_headers = [
            (b"content-length", b"%d" % len(self.body)),
            (b"content-type", b"application/json"),
        ]


def json_response(content: Any, status: int = 200) -> Response:
    """An answer serialised once."""
    return JsonAnswer(json_bytes(content), status)


def json_bytes(content: Any) -> bytes:
    """That content as every answer has it: times in UTC end in Z."""
    return orjson.dumps(content, option=orjson.OPT_UTC_Z)


def page(rows: Sequence[T], limit: int, cursor_of: Callable[[T], str]) -> tuple[Sequence[T], str | None]:
    """The first `limit` rows, and the cursor of the next page when there are more (`rows` holds one extra then)."""
    shown = rows[:limit]
    return shown, cursor_of(shown[-1]) if len(rows) > limit else None


def paged_items(
    items: Sequence[T], cursor: str, limit: int, key: Callable[[T], str]
) -> tuple[Sequence[T], str | None]:
    """One page of something held in memory and sorted by `key`."""
    after = [item for item in items if key(item) > cursor][: limit + 1]
    return page(after, limit, key)


async def created_once(
    request: Request,
    caller: Caller,
    create: Callable[[], Awaitable[tuple[str, bytes]]],
    replay: Callable[[str], Awaitable[bytes]],
    *,
    status: int,
) -> Response:
    """The answer of `create`, or of `replay` when the same `Idempotency-Key` made the same request before.

    Raises `BadRequest` for a key used with another body and `Conflict` while the first request is at work.
    """
    header = header_of(request, b"idempotency-key")
    if header is None:
        return JsonAnswer((await create())[1], status)
    if not 1 <= len(header) <= 200:
        raise BadRequest("idempotency_key_invalid", "An Idempotency-Key has 1 to 200 characters.")
    runtime = runtime_of(request)
    keys, now = runtime.store.idempotency, runtime.clock()
    # Under a key: a bare hash of a body that names a person is as good as the person's number.
    key = runtime.fingerprint(header.encode())
    digest = runtime.fingerprint(request.scope["path"].encode() + b"\n" + await request.body())
    before = await keys.claim(caller.id, key, digest, now)
    if before is not None:
        made = _made_before(before, digest)
        return JsonAnswer(await replay(made), status)
    try:
        resource, body = await create()
    except BaseException:  # whatever happened, the caller may try again under the same key
        await keys.release(caller.id, key)
        raise
    await keys.settle(caller.id, key, resource)
    return JsonAnswer(body, status)


def _made_before(before: tuple[str, str | None], digest: str) -> str:
    earlier_digest, resource = before
    if earlier_digest != digest:
        raise BadRequest(
            "idempotency_key_reused", "This Idempotency-Key was used for another request; make a new one."
        )
    if resource is None:
        raise Conflict(
            "idempotency_in_progress", "The first request with this Idempotency-Key is still at work."
        )
    return resource
