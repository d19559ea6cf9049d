"""`/v1/consents/{id}/receipt` and `/export`: a consent to keep, and a consent in the words of others."""

from enum import StrEnum
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query, Request, Response

from gateway.consents import read_consent
from gateway.consents.exporting import events_of
from gateway.consents.exports import as_dpv, as_rar
from gateway.consents.receipts import receipt_of
from gateway.http.problems import problem_responses
from gateway.http.routing import AUTHENTICATED, BEARER, caller_of, json_response, runtime_of
from gateway.http.schemas.receipts import ReceiptAnswer, ReceiptKeySet
from gateway.records import Caller, CallerRole
from gateway.security.receipt_keys import ReceiptKeys

router = APIRouter(tags=["consents"])

LD_JSON = "application/ld+json"
_EXPORTS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "as=dpv: a JSON-LD consent record; as=rar: authorization_details.",
        "content": {
            LD_JSON: {"schema": {"type": "object"}},
            "application/json": {"schema": {"type": "array"}},
        },
    }
}


class ExportAs(StrEnum):
    """In whose words a consent is told."""

    dpv = "dpv"
    rar = "rar"


def _reader(request: Request) -> Caller:
    """Whoever may read a consent: a desk, a renderer, the person themself."""
    return caller_of(request, CallerRole.consent_desk, CallerRole.renderer, CallerRole.person)


@router.get(
    "/v1/consents/{consent_id}/receipt",
    dependencies=AUTHENTICATED,
    summary="The receipt of a consent: signed, with the proof that the log holds it",
    responses={200: {"model": ReceiptAnswer}, **problem_responses(401, 403, 404, 409, 410, 422, 503)},
    openapi_extra=BEARER,
)
async def get_receipt(request: Request, consent_id: str) -> Response:
    """For whoever may read the consent, the person too. Keep it: `oncegate consent verify` checks it offline."""
    caller, runtime = _reader(request), runtime_of(request)
    record = await read_consent(consent_id, caller, runtime)
    keys: ReceiptKeys = request.app.state.receipt_keys
    log_keys = request.app.state.sequencer.keys
    return json_response(await receipt_of(record, runtime, keys=keys, log_keys=log_keys))


@router.get(
    "/v1/consents/{consent_id}/export",
    dependencies=AUTHENTICATED,
    summary="A consent as ISO/IEC TS 27560 record (DPV) or as OAuth authorization_details",
    responses={**_EXPORTS, **problem_responses(401, 403, 404, 410, 422, 503)},
    openapi_extra=BEARER,
)
async def get_export(
    request: Request,
    consent_id: str,
    form: Annotated[ExportAs, Query(alias="as", description="dpv (JSON-LD) or rar (RFC 9396).")],
) -> Response:
    """The consent as it stands now, with its events; nothing in it has to be fetched to be understood."""
    caller, runtime = _reader(request), runtime_of(request)
    record = await read_consent(consent_id, caller, runtime)
    settings = runtime.settings
    if form is ExportAs.rar:
        return json_response(as_rar(record, base=settings.public_url))
    events = await events_of(consent_id, runtime)
    told = as_dpv(record, events, issuer=settings.issuer, base=settings.public_url)
    return Response(orjson.dumps(told), media_type=LD_JSON)


@router.get(
    "/v1/receipts/keys",
    summary="The keys that receipts are signed by",
    responses={200: {"model": ReceiptKeySet}, **problem_responses(422)},
)
async def get_receipt_keys(request: Request) -> Response:
    """A JWK Set, newest first. Take them once, keep them, and compare: a key from here proves nothing."""
    keys: ReceiptKeys = request.app.state.receipt_keys
    return json_response(keys.jwks())
