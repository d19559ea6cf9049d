"""The only translator of errors to HTTP: every refusal is `application/problem+json` (RFC 9457) with a stable `code`.

Nothing the caller sent comes back: a finding names the place (a JSON pointer) and the rule, never the value, and a
pointer names a key only when it looks like a name. What nobody foresaw becomes a 500 without a word about it; see
`gateway.http.limits`, which contains it.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import orjson
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from gateway import errors
from gateway.errors import BadRequest, GatewayError, NotAuthenticated, NotValid, OAuthError
from gateway.security import oauth_answer
from gateway.security.dpop import SHOWN_ALGORITHMS
from gateway.telemetry import Telemetry

MEDIA_TYPE = "application/problem+json"
_SCHEMA = {"$ref": "#/components/schemas/Problem"}
_NAME = re.compile(r"(?!.*\d{5})[A-Za-z_][\w.-]{0,63}")
_TITLES = {
    kind.status: kind.title
    for kind in (
        errors.BadRequest, errors.NotAuthenticated, errors.NotAllowed, errors.NotFound, errors.Conflict, errors.Gone,
        errors.TooLarge, errors.NotValid, errors.TooMany, errors.NotInstalled, errors.Unavailable,
    )
}  # fmt: skip
_MOST_FINDINGS = 100
_TITLES |= {
    405: "Method not allowed",
    408: "Request timeout",
    415: "Unsupported media type",
    500: "Internal error",
}
_HTTP = {
    400: ("not_json", "The body cannot be read as JSON. Send one JSON document in UTF-8."),
    404: ("no_such_path", "There is nothing at this path. See /openapi.json for what there is."),
    405: ("method_not_allowed", "This path does not take that method. See the Allow header."),
}


class HttpProblem(GatewayError):
    """A refusal of the transport itself, which no use case knows: 405, 408, 415, 500."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(code, detail)
        self.status = status
        self.title = _TITLES.get(status, "Refused")


def problem_response(
    error: GatewayError, trace_id: str, headers: Mapping[str, str] | None = None
) -> Response:
    """The answer for an error, with what its status calls for (WWW-Authenticate, Retry-After)."""
    body = {
        "type": f"urn:oncegate:problem:{error.code}",
        "title": error.title,
        "status": error.status,
        "code": error.code,
        "detail": error.detail,
        "trace_id": trace_id,
        "errors": error.errors,
    }
    return Response(
        orjson.dumps(body),
        error.status,
        headers={**_headers_for(error), **(headers or {})},
        media_type=MEDIA_TYPE,
    )


def trace_id_of(request: Request) -> str:
    """The trace id of a request, as `EdgeMiddleware` set it; empty without one."""
    return str(getattr(request.state, "trace_id", ""))


def register_problem_handlers(app: FastAPI, telemetry: Telemetry | None = None) -> None:
    """Make every error of the application a problem, and count it by code."""

    def answer(request: Request, error: GatewayError, headers: Mapping[str, str] | None = None) -> Response:
        if telemetry is not None:
            telemetry.problem(error.code)
        return problem_response(error, trace_id_of(request), headers)

    async def on_gateway_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, GatewayError)
        return answer(request, error)

    async def on_oauth_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, OAuthError)
        if telemetry is not None:
            telemetry.problem(error.code)
        status, body, headers = oauth_answer(error)
        return Response(orjson.dumps(body), status, headers=headers, media_type="application/json")

    async def on_validation_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError | ValidationError)
        return answer(request, not_valid(error))

    async def on_http_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        code, detail = _HTTP.get(error.status_code, (f"http_{error.status_code}", "The request was refused."))
        return answer(request, HttpProblem(error.status_code, code, detail), error.headers)

    app.add_exception_handler(GatewayError, on_gateway_error)
    app.add_exception_handler(OAuthError, on_oauth_error)
    app.add_exception_handler(RequestValidationError, on_validation_error)
    app.add_exception_handler(ValidationError, on_validation_error)
    app.add_exception_handler(HTTPException, on_http_error)


def problem_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What to give a route as `responses=`: each status described, with the Problem schema.

    Name 422 on every route: FastAPI then adds no schema of its own for it. Where a caller is known its rate is, too.
    """
    limited = (429,) if 401 in statuses else ()
    return {
        status: {"description": _TITLES.get(status, "Refused"), "content": {MEDIA_TYPE: {"schema": _SCHEMA}}}
        for status in (*statuses, *limited)
    }


def add_problem_schema(openapi: dict[str, Any]) -> dict[str, Any]:
    """That OpenAPI document with `components.schemas.Problem`, which `problem_responses` points at."""
    openapi.setdefault("components", {}).setdefault("schemas", {})["Problem"] = problem_schema()
    return openapi


def problem_schema() -> dict[str, Any]:
    """The JSON Schema of every problem."""
    text = {"type": "string"}
    finding = {
        "type": "object",
        "required": ["pointer", "code", "detail"],
        "properties": {
            "in": {"enum": ["body", "query", "path", "header", "cookie"]},
            "pointer": {**text, "description": "JSON pointer (RFC 6901) to the place; never a value"},
            "code": text,
            "detail": text,
        },
    }
    return {
        "type": "object",
        "description": "A refusal (RFC 9457). `code` is stable; no personal value stands in it.",
        "required": ["type", "title", "status", "code", "detail", "trace_id", "errors"],
        "properties": {
            "type": {**text, "format": "uri"},
            "title": text,
            "status": {"type": "integer"},
            "code": text,
            "detail": {**text, "description": "What to do about it"},
            "trace_id": text,
            "errors": {"type": "array", "items": finding},
        },
    }


def _headers_for(error: GatewayError) -> dict[str, str]:
    if isinstance(error, NotAuthenticated):
        # RFC 6750, section 3.1: no error code when no token was sent at all.
        why = f', error="{error.word}"' if error.word and error.code != "token_missing" else ""
        how = f', algs="{SHOWN_ALGORITHMS}"' if error.scheme == "DPoP" else ""  # RFC 9449, section 7.1
        challenge = {"www-authenticate": f'{error.scheme} realm="oncegate"{why}{how}'}
        return {**challenge, "dpop-nonce": error.nonce} if error.nonce else challenge
    return {"retry-after": str(getattr(error, "retry_after", 1))} if error.status in (429, 503) else {}


def not_valid(error: RequestValidationError | ValidationError) -> GatewayError:
    """What a body of the wrong shape is answered with: every finding by its place and rule, none with its content."""
    is_long = isinstance(error, ValidationError) and error.error_count() > _MOST_FINDINGS
    if is_long:  # describing each of ten thousand would stall everybody else
        return NotValid("not_valid", f"The request has more than {_MOST_FINDINGS} faults; see /openapi.json.")
    findings: Sequence[Mapping[str, Any]] = error.errors()
    if any(finding["type"] == "json_invalid" for finding in findings):
        return BadRequest(*_HTTP[400])
    in_request = isinstance(error, RequestValidationError)
    return NotValid(
        "not_valid",
        "The request does not have the expected shape. `errors` says where; see /openapi.json.",
        errors=[_finding(finding, in_request) for finding in findings],
    )


def _finding(finding: Mapping[str, Any], in_request: bool) -> dict[str, str]:
    location = tuple(finding["loc"])
    place, path = (str(location[0]), location[1:]) if in_request and location else ("body", location)
    return {"in": place, "pointer": _pointer(path), "code": finding["type"], "detail": _sentence(finding)}


def _sentence(finding: Mapping[str, Any]) -> str:
    """Pydantic's sentence, unless it quotes what was sent: parsers do, and so does many a ValueError."""
    context = finding.get("ctx") or {}
    if finding["type"].startswith("union_tag"):
        return f"{context.get('discriminator', 'The tag')} must be one of {context.get('expected_tags', 'the known')}."
    sentence = str(finding["msg"])
    parsers = "error" in context and finding["type"] not in ("value_error", "assertion_error")
    if parsers or any(leaf in sentence for leaf in _leaves(finding.get("input"))):
        return "The value is not what is expected here."
    return sentence


def _leaves(value: object) -> Iterator[str]:
    """Every key and value in there as text, down to two characters."""
    if isinstance(value, Mapping):
        yield from (leaf for pair in value.items() for item in pair for leaf in _leaves(item))
    elif isinstance(value, list | tuple):
        yield from (leaf for item in value for leaf in _leaves(item))
    elif value is not None and len(str(value)) > 1:
        yield str(value)


def _pointer(path: Iterable[object]) -> str:
    return "".join(
        f"/{part if isinstance(part, int) or _NAME.fullmatch(str(part)) else '*'}" for part in path
    )
