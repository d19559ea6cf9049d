"""`/v1/receipts/{number}` and the filled form on paper: what was fetched, signed, to keep and to file."""

from typing import Any

from fastapi import APIRouter, Request, Response

from gateway.http.problems import problem_responses
from gateway.http.routing import AUTHENTICATED, BEARER, caller_of, json_response, runtime_of
from gateway.http.schemas.call_receipts import CallReceipt
from gateway.records import Caller, CallerRole
from gateway.security.receipt_keys import ReceiptKeys
from gateway.submissions.filled_form import form_of_resolution, form_of_submission
from gateway.submissions.printing import Sheet, print_pdf, require_printer
from gateway.submissions.receipt_print import receipt_sheet
from gateway.submissions.receipts import Issued, find_receipt, issue, require_reader

router = APIRouter(tags=["receipts"], dependencies=AUTHENTICATED)

PDF = "application/pdf"
_PDF: dict[int | str, dict[str, Any]] = {
    200: {"content": {PDF: {"schema": {"type": "string", "format": "binary"}}}}
}


def _reader(request: Request) -> Caller:
    return caller_of(request, CallerRole.renderer, CallerRole.auditor, CallerRole.person)


async def _issued(request: Request, number: str) -> Issued:
    caller, runtime = _reader(request), runtime_of(request)
    told = await find_receipt(number, runtime)
    await require_reader(told, caller, runtime)
    keys: ReceiptKeys = request.app.state.receipt_keys
    # An auditor opens who worked with a reason, and a person is not told the name of a clerk by a paper.
    return await issue(
        told,
        caller,
        runtime,
        keys=keys,
        log_keys=request.app.state.sequencer.keys,
        with_officer=CallerRole.renderer in caller.roles and told.intent.caller == caller.id,
    )


async def _pdf(sheet: Sheet, name: str) -> Response:
    headers = {"content-disposition": f'inline; filename="{name}.pdf"'}
    return Response(await print_pdf(sheet), media_type=PDF, headers=headers)


@router.get(
    "/v1/receipts/{number}.pdf",
    summary="The call receipt 调用凭证 as a document to file",
    responses={**_PDF, **problem_responses(401, 403, 404, 409, 413, 422, 501, 503)},
    openapi_extra=BEARER,
)
async def get_receipt_pdf(request: Request, number: str) -> Response:
    """The same receipt on A4, with the signed file attached inside. `501` where the extra `print` is missing."""
    require_printer()
    made = await _issued(request, number)
    return await _pdf(receipt_sheet(made, runtime_of(request).settings.issuer), made.record["number"])


@router.get(
    "/v1/receipts/{number}",
    summary="The call receipt 调用凭证 of a resolution: signed, with the proofs that the log holds it",
    responses={200: {"model": CallReceipt}, **problem_responses(401, 403, 404, 422, 503)},
    openapi_extra=BEARER,
)
async def get_receipt(request: Request, number: str) -> Response:
    """By its id (`rcp_…`), its short number or the resolution's id; for the system that resolved, the person, auditors.

    Keep it: `oncegate receipt verify` checks it offline. `503 proof_pending` for a second after the resolution.
    """
    return json_response((await _issued(request, number)).document)


@router.get(
    "/v1/resolutions/{resolution_id}/form.pdf",
    summary="The form as this resolution fills it, on paper",
    responses={**_PDF, **problem_responses(401, 403, 404, 409, 410, 413, 422, 501, 503)},
    openapi_extra=BEARER,
)
async def get_resolution_form(request: Request, resolution_id: str) -> Response:
    """A preview in the form's own layout, a mark per value for source and tier. Masked where the answer was."""
    caller, runtime = caller_of(request, CallerRole.renderer), runtime_of(request)
    state = request.app.state
    sheet = await form_of_resolution(
        resolution_id, caller, runtime, keys=state.receipt_keys, log_keys=state.sequencer.keys
    )
    return await _pdf(sheet, resolution_id)


@router.get(
    "/v1/submissions/{submission_id}/form.pdf",
    summary="The form as it was handed in, on paper",
    responses={**_PDF, **problem_responses(401, 403, 404, 409, 410, 413, 422, 501, 503)},
    openapi_extra=BEARER,
)
async def get_submission_form(request: Request, submission_id: str) -> Response:
    """In the form's own layout, a mark per value for source and tier; disputed values with what the person says."""
    caller, runtime = caller_of(request, CallerRole.renderer), runtime_of(request)
    state = request.app.state
    sheet = await form_of_submission(
        submission_id, caller, runtime, keys=state.receipt_keys, log_keys=state.sequencer.keys
    )
    return await _pdf(sheet, submission_id)
