"""`/v1/items`, `/v1/sources`, `/v1/bindings`, `/v1/registry/trace`: what the registry says. Read only."""

from typing import Any

from fastapi import APIRouter, Request, Response

from field_registry import Binding, Item, Source
from gateway.http.problems import problem_responses
from gateway.http.routing import (
    AUTHENTICATED,
    BEARER,
    Cursor,
    Limit,
    caller_of,
    json_response,
    paged_items,
    runtime_of,
)
from gateway.http.schemas.registry import BindingPage, ItemPage, SourcePage, TraceBody
from gateway.resolution.compiled import CompiledForm, compile_form
from gateway.resolution.shape import describe_source

router = APIRouter(tags=["registry"], dependencies=AUTHENTICATED)
_READ = problem_responses(401, 403, 422, 503)


@router.get("/v1/items", responses={200: {"model": ItemPage}, **_READ}, openapi_extra=BEARER)
async def get_items(request: Request, limit: Limit = 100, cursor: Cursor = "") -> Response:
    """The items of the registry in force, by id."""
    caller_of(request)
    published = runtime_of(request).library.published
    items = sorted(published.registry.items.values(), key=lambda item: item.id)
    shown, following = paged_items(items, cursor, limit, lambda item: item.id)
    bound = {item.id for item in shown if published.registry.bindings_of(item.id, published.day)}
    return json_response(
        {
            "items": [_item(item, item.id in bound) for item in shown],
            "registry_version": published.registry.version,
            "next_cursor": following,
        }
    )


@router.get("/v1/sources", responses={200: {"model": SourcePage}, **_READ}, openapi_extra=BEARER)
async def get_sources(request: Request, limit: Limit = 100, cursor: Cursor = "") -> Response:
    """The sources of the registry in force, by id, with the state of their circuit breakers on this worker."""
    caller_of(request)
    runtime = runtime_of(request)
    registry = runtime.library.published.registry
    sources = sorted(registry.sources.values(), key=lambda source: source.id)
    shown, following = paged_items(sources, cursor, limit, lambda source: source.id)
    return json_response(
        {
            "sources": [_source(source, runtime.sources.state_of(source.id)) for source in shown],
            "registry_version": registry.version,
            "next_cursor": following,
        }
    )


@router.get("/v1/bindings", responses={200: {"model": BindingPage}, **_READ}, openapi_extra=BEARER)
async def get_bindings(request: Request, limit: Limit = 100, cursor: Cursor = "") -> Response:
    """The bindings of the registry in force, by item and rank."""
    caller_of(request)
    registry = runtime_of(request).library.published.registry
    bindings = sorted(registry.bindings, key=_binding_key)
    shown, following = paged_items(bindings, cursor, limit, _binding_key)
    return json_response(
        {
            "bindings": [_binding(binding) for binding in shown],
            "registry_version": registry.version,
            "next_cursor": following,
        }
    )


@router.get(
    "/v1/registry/trace",
    summary="Where each field of a form comes from (溯源)",
    responses={200: {"model": TraceBody}, **problem_responses(401, 403, 404, 422, 503)},
    openapi_extra=BEARER,
)
async def get_trace(request: Request, form: str) -> Response:
    """Field by field: the item, the sources and attributes in order of trust; also fields not yet connected."""
    caller_of(request)
    library = runtime_of(request).library
    compiled = library.compiled(await library.form(form, None), compile_form)
    return json_response(trace(compiled))


def trace(compiled: CompiledForm) -> dict[str, Any]:
    """The trace of a compiled form, JSON-ready."""
    return {
        "form": compiled.form.id,
        "version": compiled.form.version,
        "registry_version": compiled.registry.version,
        "fields": [
            {
                "path": line.path,
                "label": line.field.label,
                "role": line.field.role,
                "item": line.field.item,
                "item_name": line.item.name if line.item else None,
                "sources": [describe_source(compiled.source(binding.source)) for binding in line.bindings],
                "attributes": [binding.attribute for binding in line.bindings],
                "outcome": line.outcome.value if line.outcome else None,
            }
            for line in compiled.lines
        ],
    }


def _item(item: Item, is_bound: bool) -> dict[str, Any]:
    return {
        "id": item.id,
        "name": item.name,
        "name_en": item.name_en,
        "kind": item.kind.value,
        "datatype": item.datatype.value,
        "code_list": item.code_list,
        "department": item.department,
        "sensitivity": item.sensitivity.value,
        "share": item.share.value,
        "share_citation": item.share_citation,
        "freshness_days": item.freshness.days if item.freshness else None,
        "within": item.within,
        "about": item.about and item.about.value,
        "bound": is_bound,
    }


def _source(source: Source, breaker: str) -> dict[str, Any]:
    return {
        **describe_source(source),
        "connector": source.connector,
        "tier": source.tier.value,
        "kinds": sorted(kind.value for kind in source.kinds),
        "timeout_ms": int(source.timeout.total_seconds() * 1000),
        "contact": source.contact,
        "breaker": breaker,
    }


def _binding(binding: Binding) -> dict[str, Any]:
    return {
        "item": binding.item,
        "source": binding.source,
        "attribute": binding.attribute,
        "rank": binding.rank,
        "version": binding.version,
        "effective_from": binding.effective_from,
        "effective_to": binding.effective_to,
    }


def _binding_key(binding: Binding) -> str:
    return f"{binding.item}\x1f{binding.rank:04d}\x1f{binding.source}\x1f{binding.attribute}\x1f{binding.version}"
