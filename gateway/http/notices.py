"""`/v1/notices`: what is fetched under the law, in words to be shown; and noting that somebody was told."""

from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from gateway.consents.duties import Duty
from gateway.consents.notices import (
    DUTY_NOTICE_ID,
    DUTY_NOTICE_VERSION,
    DutyNotice,
    GiveNotice,
    duty_notice,
    give_notice,
    read_given,
)
from gateway.http.problems import problem_responses
from gateway.http.routing import (
    AUTHENTICATED,
    BEARER,
    body_of,
    caller_of,
    created_once,
    json_bytes,
    json_request,
    json_response,
    runtime_of,
)
from gateway.http.schemas.notices import NoticeAnswer, NoticeBody, NoticeText
from gateway.records import CallerRole

router = APIRouter(tags=["notices"], dependencies=AUTHENTICATED)


class Language(StrEnum):
    """The languages that notices are written in."""

    chinese = "zh-CN"
    english = "en"


@router.get(
    "/v1/notices/text",
    summary="The notice of what is fetched about a role without consent",
    responses={200: {"model": NoticeText}, **problem_responses(401, 403, 404, 422, 503)},
    openapi_extra=BEARER,
)
async def get_text(
    request: Request,
    form: Annotated[str, Query(min_length=1, max_length=100, description="Form id.")],
    role: Annotated[str, Query(min_length=1, max_length=100, description="A role of the form.")],
    language: Annotated[Language, Query(description="zh-CN or en.")] = Language.chinese,
    version: Annotated[
        int | None, Query(ge=1, le=2_147_483_647, description="Of the form; the newest when left out.")
    ] = None,
) -> Response:
    """What the caller's department may fetch under the law, item by item with its ground (PIPL art. 17, 35)."""
    caller = caller_of(request, CallerRole.consent_desk, CallerRole.renderer)
    notice = await duty_notice(form, version, role, language.value, caller, runtime_of(request))
    return json_response(_text(notice))


@router.post(
    "/v1/notices",
    status_code=201,
    summary="Note that somebody was told what the law lets be fetched about them",
    responses={
        201: {"model": NoticeAnswer},
        **problem_responses(400, 401, 403, 404, 409, 413, 415, 422, 503),
    },
    openapi_extra=json_request("NoticeBody", idempotent=True),
)
async def post_notice(request: Request) -> Response:
    """An entry of the log with the duties and items as the rules have them, and the hash of what was shown."""
    caller = caller_of(request, CallerRole.consent_desk, CallerRole.renderer)
    runtime = runtime_of(request)
    command = _command(await body_of(request, NoticeBody))

    async def create() -> tuple[str, bytes]:
        given = await give_notice(command, caller, runtime)
        return given["id"], json_bytes(given)

    async def replay(notice_id: str) -> bytes:
        return json_bytes(await read_given(notice_id, runtime))

    return await created_once(request, caller, create, replay, status=201)


def _command(body: NoticeBody) -> GiveNotice:
    return GiveNotice(
        subject=body.subject.model_dump(exclude_none=True),
        form=body.form.id,
        form_version=body.form.version,
        role=body.role,
        version=body.notice.version,
        language=body.notice.language,
        rendered_sha256=body.notice.rendered_sha256,
        shown_at=body.notice.shown_at,
        channel=body.notice.channel.value,
        actor_kind=body.actor.kind.value,
        actor_id=body.actor.id,
    )


def _text(notice: DutyNotice) -> dict[str, Any]:
    return {
        "id": DUTY_NOTICE_ID,
        "version": DUTY_NOTICE_VERSION,
        "language": notice.language,
        "form": {"id": notice.form[0], "version": notice.form[1]},
        "role": notice.role,
        "text": notice.text,
        "sha256": notice.sha256,
        "duties": [_duty(duty) for duty in notice.duties],
    }


def _duty(duty: Duty) -> dict[str, Any]:
    items = [each.item for each in duty.items]
    return {
        "kind": duty.kind,
        "code": duty.code,
        "citation": duty.citation,
        "rule": duty.rule,
        "items": items,
    }
