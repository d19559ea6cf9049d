"""`/v1/audit/entries…`: the log as auditors search it, open it and follow a form back. Every look is an entry."""

from datetime import datetime
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query, Request, Response
from pydantic import BeforeValidator, WithJsonSchema

from field_registry import OutcomeCode
from field_registry.errors import BadIdentifier
from field_registry.identifiers import subject_from
from gateway.audit.looking import LookUp
from gateway.audit.search import FoundEntries, look_up
from gateway.audit.telling import Told
from gateway.audit.unsealing import unseal_entry
from gateway.errors import NotValid
from gateway.http.problems import problem_responses
from gateway.http.routing import (
    AUTHENTICATED,
    BEARER,
    Cursor,
    Limit,
    body_of,
    caller_of,
    json_response,
    runtime_of,
)
from gateway.http.schemas.consents import in_utc
from gateway.http.schemas.entries import (
    EntryPage,
    OpenBody,
    OpenedBody,
    SearchBody,
    TraceOfReceipt,
)
from gateway.records import CallerRole, Entry, EntryKind
from gateway.reports.trace import trace_of

router = APIRouter(tags=["audit"], dependencies=AUTHENTICATED)


def _instant(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None or "T" not in text:
        raise ValueError("a time is written like 2026-11-21T02:03:04Z")
    return in_utc(moment)


# Pydantic's own takes numbers for times too.
Instant = Annotated[
    datetime, BeforeValidator(_instant), WithJsonSchema({"type": "string", "format": "date-time"})
]
Code = Annotated[str | None, Query(max_length=100)]


def _body(name: str) -> dict[str, object]:
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}
    return {"requestBody": {"required": True, "content": content}, **BEARER}


@router.get(
    "/v1/audit/entries",
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
    form: Code = None,
    item: Code = None,
    source: Code = None,
    outcome: Annotated[OutcomeCode | None, Query(description="Of any field.")] = None,
    department: Code = None,
    ground: Annotated[str | None, Query(max_length=100, description="A consent id or a duty's code.")] = None,
) -> Response:
    """For auditors: references, codes and times. The private part of an entry is not shown here.

    To look by person, officer or case, whose numbers must not stand in an address: `POST /v1/audit/entries/search`.
    """
    told = Told(form, item, source, outcome and outcome.value, department, ground)
    wanted = LookUp(request=about, kind=kind, caller=caller, since=since, until=until, told=told)
    return await _search(request, wanted, limit, cursor)


@router.post(
    "/v1/audit/entries/search",
    summary="Entries of the log by person, officer or case",
    responses={200: {"model": EntryPage}, **problem_responses(400, 401, 403, 413, 415, 422, 503)},
    openapi_extra=_body("SearchBody"),
)
async def post_search(request: Request) -> Response:
    """For auditors: the same answer as `GET /v1/audit/entries`; a resolution's entries stand together."""
    caller_of(request, CallerRole.auditor)
    body = await body_of(request, SearchBody)
    return await _search(request, _wanted(body), body.limit, body.cursor)


@router.post(
    "/v1/audit/entries/{entry}/open",
    summary="Open the private part of an entry",
    responses={200: {"model": OpenedBody}, **problem_responses(400, 401, 403, 404, 410, 413, 415, 422, 503)},
    openapi_extra=_body("OpenBody"),
)
async def post_open(request: Request, entry: str) -> Response:
    """For auditors: who worked, on which case, checked against the entry. The opening is an entry with the reason."""
    caller = caller_of(request, CallerRole.auditor)
    body = await body_of(request, OpenBody)
    opened = await unseal_entry(entry, body.reason, runtime_of(request), caller=caller.id)
    return json_response(
        {
            "entry": opened.entry,
            "kind": opened.kind,
            "actor": opened.private.get("actor"),
            "case": opened.private.get("case"),
            "private": opened.private,
            "matches_commitment": True,
            "opening": opened.opening,
        }
    )


@router.get(
    "/v1/audit/receipts/{receipt}",
    summary="Everything behind a printed form",
    responses={200: {"model": TraceOfReceipt}, **problem_responses(401, 403, 404, 422, 503)},
    openapi_extra=BEARER,
)
async def get_receipt(request: Request, receipt: str) -> Response:
    """For auditors, by receipt or resolution id: persons by reference, officer's entry, grounds, versions, sources."""
    caller = caller_of(request, CallerRole.auditor)
    return json_response(await trace_of(receipt, runtime_of(request), caller=caller.id))


async def _search(request: Request, wanted: LookUp, limit: int, cursor: str) -> Response:
    caller = caller_of(request, CallerRole.auditor)
    found = await look_up(wanted, runtime_of(request), caller=caller.id, limit=limit, cursor=cursor)
    return json_response(_page(found))


def _page(found: FoundEntries) -> dict[str, Any]:
    entries = [entry_document(entry) for entry in found.entries]
    return {"entries": entries, "next_cursor": found.cursor, "is_complete": found.cursor is None}


def entry_document(entry: Entry) -> dict[str, Any]:
    """An entry as auditors see it: everything but its private part."""
    return {
        "id": entry.id,
        "kind": entry.kind.value,
        "at": entry.at,
        "request": entry.request,
        "caller": entry.caller,
        "leaf": orjson.loads(entry.leaf),
    }


def _wanted(body: SearchBody) -> LookUp:
    try:
        subject = subject_from(body.subject.model_dump(exclude_none=True)) if body.subject else None
    except BadIdentifier as error:
        finding = {"pointer": "/subject", "code": error.code, "detail": str(error)}
        raise NotValid("not_valid", "Correct `subject`.", errors=[finding]) from None
    return LookUp(
        subject=subject,
        officer=body.officer,
        case=body.case,
        request=body.request,
        kind=body.kind,
        caller=body.caller,
        since=body.since,
        until=body.until,
        told=Told(
            form=body.form,
            item=body.item,
            source=body.source,
            outcome=body.outcome and body.outcome.value,
            department=body.department,
            ground=body.ground,
        ),
    )
