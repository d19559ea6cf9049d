"""`/healthz`, `/readyz`, `/metrics`, `/oauth/token`, and the auditors' first look at the log."""

from collections.abc import Awaitable, Sequence
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import orjson
from fastapi import APIRouter, Request, Response

from gateway.disputes.load import calendar_warnings
from gateway.errors import CacheUnavailable, OAuthError, StoreUnavailable
from gateway.http.problems import problem_responses
from gateway.http.proofs import note_refusal, shown_by
from gateway.http.routing import (
    caller_of,
    json_response,
    runtime_of,
)
from gateway.http.schemas.service import Health, Readiness, TokenBody, TokenProblem
from gateway.http.turns import failures_counted
from gateway.records import CallerRole
from gateway.security import TokenService, oauth_answer
from gateway.security.exchange import ACCESS_TOKEN, EXCHANGE, JWT, PersonTokens
from gateway.settings.safety import weak_settings
from gateway.telemetry import CONTENT_TYPE

T = TypeVar("T")
router = APIRouter()

_TOKEN_FORM = {
    "parameters": [
        {
            "name": "DPoP",
            "in": "header",
            "required": False,
            "description": "A proof of the key that the token is to be bound to (RFC 9449).",
            "schema": {"type": "string"},
        }
    ],
    "requestBody": {
        "required": True,
        "content": {
            "application/x-www-form-urlencoded": {
                "schema": {
                    "type": "object",
                    "required": ["grant_type"],
                    "properties": {
                        "grant_type": {"type": "string", "enum": ["client_credentials", EXCHANGE]},
                        "client_id": {"type": "string"},
                        "client_assertion_type": {"type": "string"},
                        "client_assertion": {"type": "string"},
                        "scope": {"type": "string"},
                        "subject_token": {
                            "type": "string",
                            "description": "A portal's word: who a person is.",
                        },
                        "subject_token_type": {"type": "string", "enum": [JWT]},
                        "requested_token_type": {"type": "string", "enum": [ACCESS_TOKEN]},
                        "audience": {"type": "string"},
                    },
                }
            }
        },
    },
    "security": [{"client_secret_basic": []}, {}],
}


@router.post(
    "/oauth/token",
    tags=["callers"],
    summary="A token of five minutes",
    responses={
        200: {"model": TokenBody},
        400: {"model": TokenProblem},
        401: {"model": TokenProblem},
        503: {"model": TokenProblem},
        **problem_responses(413, 422, 429),
    },
    openapi_extra=_TOKEN_FORM,
)
async def post_token(request: Request) -> Response:
    """Client credentials (RFC 6749), by `private_key_jwt` (RFC 7523); by secret in development.

    A portal exchanges its signed word on who a person is for that person's own token, of ten minutes (RFC 8693).
    """
    try:
        form, authorization = await _noted(request, _read(request))
        with failures_counted(request, form, authorization):
            answer = await _token(request, form, authorization)
    except (OAuthError, CacheUnavailable, StoreUnavailable) as error:
        status, body, headers = oauth_answer(error)
        return Response(orjson.dumps(body), status, headers, media_type="application/json")
    return json_response(answer)


async def _token(request: Request, form: dict[str, str], authorization: str | None) -> dict[str, Any]:
    tokens: TokenService = request.app.state.tokens
    shown, has_assertion = shown_by(request), "client_assertion" in form
    if form.get("grant_type") == EXCHANGE:
        persons: PersonTokens = request.app.state.persons
        portal = await _noted(request, tokens.prove(form, authorization, shown), has_assertion)
        return await persons.exchange(form, portal)
    return (await _noted(request, tokens.issue(form, authorization, shown), has_assertion)).as_dict()


async def _noted(request: Request, attempt: Awaitable[T], has_assertion: bool = False) -> T:
    """What the attempt gives; its refusal is noted. (An exchange notes its own.)"""
    try:
        return await attempt
    except OAuthError as error:
        note_refusal(request, error.reason, client=error.client, has_assertion=has_assertion)
        raise


async def _read(request: Request) -> tuple[dict[str, str], str | None]:
    headers = request.headers.getlist("authorization")
    if len(headers) > 1:
        raise OAuthError("invalid_request", "Send one Authorization header.", reason="repeated")
    return await _form(request), headers[0] if headers else None


async def _form(request: Request) -> dict[str, str]:
    """The parameters; one sent twice is refused (RFC 6749 section 3.2)."""
    try:
        text = (await request.body()).decode("utf-8")
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=20, strict_parsing=bool(text))
    except ValueError:
        raise OAuthError(
            "invalid_request", "The body must be application/x-www-form-urlencoded.", reason="body"
        ) from None
    names = [name for name, _ in pairs]
    if len(set(names)) != len(names):
        raise OAuthError("invalid_request", "Every parameter may be sent once.", reason="repeated")
    return dict(pairs)


@router.get("/healthz", tags=["service"], responses={200: {"model": Health}})
async def get_health() -> Response:
    """Alive: the process answers."""
    return json_response({"status": "ok"})


@router.get("/readyz", tags=["service"], responses={200: {"model": Readiness}, 503: {"model": Readiness}})
async def get_readiness(request: Request) -> Response:
    """Ready to resolve, or what is in the way."""
    runtime = runtime_of(request)
    problems: list[str] = []
    warnings: Sequence[str] = ()
    try:
        await runtime.store.ping()
        stopped = await runtime.store.check_schema()
        problems += [stopped] if stopped else []
        if not runtime.settings.is_development:
            warnings = [
                *await runtime.store.weaknesses(),
                *weak_settings(runtime.settings),
                *calendar_warnings(runtime.settings, runtime.clock()),
            ]
    except StoreUnavailable:
        problems.append("The database cannot be reached.")
    warnings = [*warnings, *request.app.state.witnessing.warnings()]
    problems += runtime.watch.problems()
    published = runtime.library.published
    if runtime.library.problem:
        problems.append(runtime.library.problem)
    if not published.registry.version:
        problems.append("No registry is published; run `oncegate registry import DIR`.")
    if not published.policy.version:
        problems.append("No policy is published; every item is refused until one is.")
    body = {
        "ready": not problems,
        "problems": problems,
        "warnings": list(warnings),
        "registry_version": published.registry.version,
        "policy_version": published.policy.version,
        "forms": len(published.forms),
    }
    return json_response(body, 503 if problems else 200)


@router.get(
    "/metrics",
    tags=["service"],
    responses={200: {"content": {"text/plain": {}}}, **problem_responses(401, 403)},
    openapi_extra={"security": [{"bearer": []}, {}]},
)
async def get_metrics(request: Request) -> Response:
    """Prometheus metrics of this worker; names and counts only."""
    runtime = runtime_of(request)
    if runtime.settings.metrics_role_required:
        caller_of(request, CallerRole.operator)
    return Response(runtime.telemetry.render(), media_type=CONTENT_TYPE)
