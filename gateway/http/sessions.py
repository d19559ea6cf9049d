"""`/v1/sessions`, `/v1/operators`, `/login`: operators log in, end their sessions, and are managed by security."""

from enum import StrEnum
from typing import Any

from fastapi import APIRouter, Request, Response

from gateway.errors import NotFound
from gateway.http.problems import problem_responses
from gateway.http.routing import (
    AUTHENTICATED,
    BEARER,
    Cursor,
    Limit,
    body_of,
    caller_of,
    json_response,
    page,
    runtime_of,
)
from gateway.http.schemas.sessions import (
    Keys,
    LogInBody,
    OperatorAnswer,
    OperatorPage,
    RolesBody,
    SessionAnswer,
)
from gateway.http.turns import address_of, log_ins_counted
from gateway.records import CallerRole, Operator
from gateway.runtime import Runtime
from gateway.security.oidc import OpenIdLogin
from gateway.security.oidc_flow import Returned
from gateway.security.operators import assign_roles, disable_operator, view
from gateway.security.sessions import LogIn, Opened, Sessions, end_session

router = APIRouter(tags=["operators"])
_COOKIE = "oncegate-login"


def _body(name: str) -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}
    return {"requestBody": {"required": True, "content": content}}


@router.post(
    "/v1/sessions",
    status_code=201,
    summary="Log in as an operator",
    responses={201: {"model": SessionAnswer}, **problem_responses(400, 401, 403, 413, 415, 422, 429, 503)},
    openapi_extra=_body("LogInBody"),
)
async def post_session(request: Request) -> Response:
    """Password and one-time code → a token of 15 minutes at most. It is not renewed: log in again.

    Keep `device` and send it next time: whoever fails in your name elsewhere then makes you wait for nothing.
    """
    sessions: Sessions = request.app.state.sessions
    body = await body_of(request, LogInBody)
    with log_ins_counted(request):
        given = LogIn(**body.model_dump(), address=address_of(request))
        opened = await sessions.by_password(given)
    return json_response(_opened(opened), 201)


@router.delete(
    "/v1/sessions/current",
    status_code=204,
    dependencies=AUTHENTICATED,
    summary="Log out",
    responses=problem_responses(401, 403, 422, 503),
    openapi_extra=BEARER,
)
async def delete_session(request: Request) -> Response:
    """The session that the token carries ends at the next statement of every worker."""
    caller = caller_of(request, *CallerRole)
    await end_session(caller, runtime_of(request))
    return Response(status_code=204)


@router.get(
    "/v1/operators",
    dependencies=AUTHENTICATED,
    summary="Operators",
    responses={200: {"model": OperatorPage}, **problem_responses(401, 403, 422, 503)},
    openapi_extra=BEARER,
)
async def get_operators(request: Request, limit: Limit = 100, cursor: Cursor = "") -> Response:
    """For security: who administers, secures and audits the service. Adding one is done on the server itself."""
    caller_of(request, CallerRole.security)
    runtime = runtime_of(request)
    rows = await runtime.store.operators.listing(after=cursor, limit=limit + 1)
    shown, following = page(rows, limit, lambda operator: operator.id)
    return json_response({"operators": [view(each, runtime) for each in shown], "next_cursor": following})


@router.put(
    "/v1/operators/{operator}/roles",
    dependencies=AUTHENTICATED,
    summary="Give an operator other roles",
    responses={
        200: {"model": OperatorAnswer},
        **problem_responses(400, 401, 403, 404, 413, 415, 422, 503),
    },
    openapi_extra={**_body("RolesBody"), **BEARER},
)
async def put_roles(request: Request, operator: str) -> Response:
    """For security. Roles that no one may unite, and one's own, are refused; the refusal is an entry."""
    caller, runtime = caller_of(request, CallerRole.security), runtime_of(request)
    body = await body_of(request, RolesBody)
    roles = frozenset(role.value for role in body.roles)
    changed = await assign_roles(await _operator(operator, runtime), roles, runtime, by=caller.id)
    return json_response(view(changed, runtime))


class OperatorStep(StrEnum):
    """What can be done with an operator."""

    disable = "disable"


@router.post(
    "/v1/operators/{operator}/{step}",
    dependencies=AUTHENTICATED,
    summary="Disable an operator",
    responses={200: {"model": OperatorAnswer}, **problem_responses(401, 403, 404, 422, 503)},
    openapi_extra=BEARER,
)
async def post_operator_step(request: Request, operator: str, step: OperatorStep) -> Response:
    """For security. Their sessions end at the next statement; doing it twice is harmless."""
    caller, runtime = caller_of(request, CallerRole.security), runtime_of(request)
    found = await _operator(operator, runtime)
    return json_response(view(await disable_operator(found, runtime, by=caller.id), runtime))


# ---------------------------------------------------------------- an OpenID issuer


@router.get(
    "/login",
    status_code=303,
    summary="Log in at the OpenID issuer",
    responses={303: {"description": "To the issuer"}, **problem_responses(404, 422, 503)},
)
async def get_login(request: Request) -> Response:
    """Sends an operator's browser to the issuer (authorization code, PKCE); `404` when none is set."""
    begun = await _openid(request).begin()
    answer = Response(status_code=303, headers={"location": begun.url})
    answer.set_cookie(_COOKIE, begun.cookie, max_age=begun.seconds, **_cookie_rules(request))
    return answer


@router.get(
    "/login/callback",
    summary="Back from the OpenID issuer",
    responses={200: {"model": SessionAnswer}, **problem_responses(400, 401, 403, 404, 422, 429, 503)},
)
async def get_callback(
    request: Request, state: str = "", code: str = "", error: str = "", iss: str | None = None
) -> Response:
    """The issuer's code → the same session as by password. Only in the browser that set out, and once."""
    openid = _openid(request)
    with log_ins_counted(request):
        returned = Returned(request.cookies.get(_COOKIE, ""), state, code, error, iss)
        opened = await openid.finish(returned)
    answer = json_response(_opened(opened))
    answer.delete_cookie(_COOKIE, **_cookie_rules(request))
    return answer


@router.get("/login/keys", summary="Our keys at the OpenID issuer", responses={200: {"model": Keys}})
async def get_login_keys(request: Request) -> Response:
    """A JWK Set, for the issuer to know us by (`private_key_jwt`)."""
    keys: dict[str, Any] = request.app.state.openid_keys
    return json_response(keys)


def _cookie_rules(request: Request) -> dict[str, Any]:
    secure = runtime_of(request).settings.public_url.startswith("https://")
    # Lax, not Strict: the way back from the issuer is a navigation from another site.
    return {"path": "/login", "httponly": True, "samesite": "lax", "secure": secure}


def _openid(request: Request) -> OpenIdLogin:
    openid: OpenIdLogin | None = request.app.state.openid
    if openid is None:
        raise NotFound("oidc_not_set", "No OpenID issuer is set. Log in at POST /v1/sessions.")
    return openid


async def _operator(operator_id: str, runtime: Runtime) -> Operator:
    found = await runtime.store.operators.operator(operator_id)
    if found is None:
        raise NotFound("unknown_operator", "There is no operator of that id. GET /v1/operators lists them.")
    return found


def _opened(opened: Opened) -> dict[str, Any]:
    return {
        "access_token": opened.access_token,
        "token_type": "Bearer",
        "expires_in": opened.expires_in,
        "session": opened.session.id,
        "operator": opened.session.operator,
        "department": opened.caller.department,
        "roles": sorted(opened.caller.roles),
        "device": opened.device,
    }
