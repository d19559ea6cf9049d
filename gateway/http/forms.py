"""`/v1/forms`: the published forms, with what a renderer needs to draw them and what it may expect to be filled."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from forms.definition import Form
from forms.describe import field_descriptions, layout_of
from forms.validate import schema_of
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
from gateway.http.schemas.registry import FormBody, FormPage
from gateway.library import Published
from gateway.records import FormPublication

router = APIRouter(tags=["forms"], dependencies=AUTHENTICATED)


@router.get(
    "/v1/forms",
    summary="Published forms",
    responses={200: {"model": FormPage}, **problem_responses(401, 403, 422, 503)},
    openapi_extra=BEARER,
)
async def get_forms(request: Request, limit: Limit = 100, cursor: Cursor = "") -> Response:
    """The newest version of every published form, by id."""
    caller_of(request)
    rows = await runtime_of(request).store.forms.listing(after=cursor, limit=limit + 1)
    shown, following = page(rows, limit, lambda form: form.id)
    return json_response({"forms": [_summary(form) for form in shown], "next_cursor": following})


@router.get(
    "/v1/forms/{form_id}",
    summary="One form version",
    responses={200: {"model": FormBody}, **problem_responses(401, 403, 404, 422, 503)},
    openapi_extra=BEARER,
)
async def get_form(
    request: Request,
    form_id: str,
    version: Annotated[int | None, Query(ge=1, le=2_147_483_647, description="Newest when left out.")] = None,
) -> Response:
    """JSON Schema 2020-12, layout, and per field its role, item and the tier to expect."""
    caller_of(request)
    library = runtime_of(request).library
    return json_response(_form(await library.form(form_id, version), library.published))


def _summary(form: FormPublication) -> dict[str, Any]:
    return {
        "id": form.id,
        "version": form.version,
        "name": form.name,
        "matter": form.matter,
        "department": form.department,
        "published_at": form.published_at,
    }


def _form(form: Form, published: Published) -> dict[str, Any]:
    return {
        "id": form.id,
        "version": form.version,
        "name": form.name,
        "name_en": form.name_en,
        "matter": form.matter,
        "purpose": form.purpose,
        "department": form.department,
        "registry_version": published.registry.version,
        "roles": [
            {
                "name": role.name,
                "label": role.label,
                "label_en": role.label_en,
                "kinds": sorted(kind.value for kind in role.kinds),
                "required": role.required,
                "identity_field": role.identity_field,
            }
            for role in form.roles
        ],
        "groups": [
            {
                "path": group.path,
                "label": group.label,
                "role": group.role,
                "item": group.item,
                "identity_key": group.identity_key,
                "max_rows": group.max_rows,
            }
            for group in form.groups
        ],
        "fields": list(field_descriptions(form, published.registry, published.day)),
        "layout": list(layout_of(form)),
        "json_schema": dict(form.schema) or schema_of(form, published.registry),
    }
