"""`/v1/subjects/erase`: the end of everything that is kept about somebody."""

from fastapi import APIRouter, Request, Response

from field_registry import Subject, subject_from
from field_registry.errors import BadIdentifier
from gateway.audit.entries import rfc3339
from gateway.errors import NotValid
from gateway.http.problems import problem_responses
from gateway.http.routing import AUTHENTICATED, body_of, caller_of, json_request, json_response, runtime_of
from gateway.http.schemas.resolutions import SubjectBody
from gateway.http.schemas.subjects import EraseBody, ErasedAnswer
from gateway.records import CallerRole
from gateway.retention import erase_subject

router = APIRouter(tags=["subjects"], dependencies=AUTHENTICATED)


@router.post(
    "/v1/subjects/erase",
    summary="Erase a subject",
    responses={
        200: {"model": ErasedAnswer},
        **problem_responses(400, 401, 403, 404, 409, 413, 415, 422, 503),
    },
    openapi_extra=json_request("EraseBody"),
)
async def post_erasure(request: Request) -> Response:
    """Destroys the subject's key and index, for good: consents end, values are gone, the log's proofs stay valid.

    409 `retention_holds` while the law keeps its records. Asked again for the same subject, it is 404.
    """
    caller = caller_of(request, CallerRole.security)
    body = await body_of(request, EraseBody)
    erased = await erase_subject(
        _subject(body.subject),
        body.reason,
        runtime_of(request),
        caller=caller.id,
        reference=body.request_reference,
    )
    return json_response(
        {
            "subject": erased.subject,
            "erased_at": rfc3339(erased.at),
            "consents": erased.done.consents,
            "ended": erased.done.ended,
            "drafts": erased.done.drafts,
            "entry": erased.entry,
        }
    )


def _subject(body: SubjectBody) -> Subject:
    try:
        return subject_from(body.model_dump(exclude_none=True))
    except BadIdentifier as error:
        finding = {"pointer": "/subject", "code": error.code, "detail": str(error)}
        raise NotValid(
            "subject_not_valid", "Nobody was erased; correct what `errors` names.", errors=[finding]
        ) from None
