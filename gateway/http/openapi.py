"""`/openapi.json`: what the routes declare, and the bodies that they read by themselves."""

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from gateway.http.problems import add_problem_schema
from gateway.http.schemas.consent_requests import ConsentRequestBody
from gateway.http.schemas.consents import ConsentBody, MoveBody
from gateway.http.schemas.disputes import DisputeBody, StepBody
from gateway.http.schemas.entries import OpenBody, SearchBody
from gateway.http.schemas.identities import EndLinkBody, IdentityLinkBody
from gateway.http.schemas.notices import NoticeBody
from gateway.http.schemas.profile import CorrectBody
from gateway.http.schemas.resolutions import ResolveBody
from gateway.http.schemas.sessions import LogInBody, RolesBody
from gateway.http.schemas.subjects import EraseBody
from gateway.http.schemas.submissions import SubmitBody

# Read strictly by the routes, past the framework, which therefore does not know them.
_BODIES: tuple[type[BaseModel], ...] = (
    *(ResolveBody, ConsentBody, ConsentRequestBody, MoveBody, NoticeBody),
    *(DisputeBody, StepBody),
    *(IdentityLinkBody, EndLinkBody),
    *(SubmitBody, CorrectBody),
    *(LogInBody, RolesBody, EraseBody, SearchBody, OpenBody),
)
_SCHEMES = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "A token bound to a key is sent as `DPoP` with a proof beside it (RFC 9449).",
    },
    "client_secret_basic": {"type": "http", "scheme": "basic"},
}


def openapi_of(app: FastAPI) -> Callable[[], dict[str, Any]]:
    """What gives the document of that application, made once."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    return openapi


def _document(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(title=app.title, version=app.version, routes=app.routes)
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for model in _BODIES:
        body = model.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas.update(body.pop("$defs", {}))
        schemas[model.__name__] = body
    components["securitySchemes"] = _SCHEMES
    return add_problem_schema(document)
