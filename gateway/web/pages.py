"""`/c/{token}`: the page on which a person reads what they are asked for, and answers. `/static/…`: its style sheet.

Nothing of a request is shown before the person has confirmed that it is them; what confirms it afterwards is a cookie
bound to that request, and every form carries a nonce made for that cookie. Answers redirect, so that reloading a page
sends nothing twice; sent twice all the same, they come to one consent.
"""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import wraps
from typing import Any, cast
from urllib.parse import urlsplit

from fastapi import APIRouter, Request, Response
from starlette.responses import RedirectResponse

from gateway.consents.answering import (
    DECISIONS,
    MOST_FAILURES,
    Answer,
    answer_request,
    confirm_person,
    find_link,
    standing_of,
    withdraw_answer,
)
from gateway.consents.person_log_in import PersonLogIn
from gateway.consents.request_links import Session, form_nonce, is_nonce_of, link_secret, session_of
from gateway.consents.request_record import opened, state_of
from gateway.errors import Conflict, GatewayError, NotFound, NotValid
from gateway.records import ConsentRequest
from gateway.runtime import Runtime
from gateway.security.oidc_flow import Returned
from gateway.web.form_bodies import FormBody, form_of
from gateway.web.rendering import HEADERS, page, static_file
from gateway.web.views import general_items, of_stamp, request_view, result_view, to_stamp
from gateway.web.words import TROUBLES, Words, not_you, over, wrong
from policies import ConsentState

router = APIRouter()

Route = Callable[[Request], Awaitable[Response]]
_COOKIE = "oncegate_c"
_LOG_IN_COOKIE = "oncegate_l"
_ANSWERED = frozenset({ConsentState.given, ConsentState.refused, ConsentState.deferred})


def _as_pages(route: Route) -> Route:
    """The route with every refusal as a page for people; what nobody foresaw stays the edge's."""

    @wraps(route)
    async def answered(request: Request) -> Response:
        try:
            return await route(request)
        except GatewayError as error:
            _runtime(request).telemetry.problem(error.code)
            return page("over.html", error.status, over(error.status))

    return answered


@_as_pages
async def get_page(request: Request) -> Response:
    """What this browser may see of the request: the question who it is, the notice, or what came of the answer."""
    asked_for = await _request(request)
    session = _session(request, asked_for)
    return await _shown(asked_for, session, _runtime(request))


@_as_pages
async def post_page(request: Request) -> Response:
    """One step: confirm, answer, or withdraw."""
    asked_for, form = await _request(request), await form_of(request)
    session = _session(request, asked_for)
    if form.one("step") == "confirm" and _log_in(request) is None:
        return await _confirm(request, asked_for, form)
    nonce, step = form.one("nonce"), form.one("step")
    # Only these two: a step named like another's nonce would pass with the time of a page that was never shown.
    bound = {"answer": f"answer.{form.one('shown_at')}", "withdraw": "withdraw"}.get(step)
    runtime = _runtime(request)
    if session is None or bound is None or not is_nonce_of(nonce, session, bound, runtime.fingerprint):
        return await _ask_who(asked_for, runtime, 403, TROUBLES["confirm_again"])
    if step == "withdraw":
        return await _withdraw(request, asked_for, session)
    return await _answer(request, asked_for, form, session)


async def get_static(request: Request) -> Response:
    """A file of ours by its hash; 404 for anything else."""
    found = static_file(request.path_params["version"], request.path_params["name"])
    return Response(status_code=404, headers=dict(HEADERS)) if found is None else found


@_as_pages
async def get_log_in(request: Request) -> Response:
    """To the issuer at which the person shows who they are. A link and no form: a form may lead to ourselves only."""
    log_in = _log_in(request)
    if log_in is None:
        raise NotFound("oidc_not_set", "No OpenID issuer of persons is set.")
    begun = await log_in.begin(request.path_params["token"])
    answer = RedirectResponse(begun.url, 303, headers=dict(HEADERS))
    answer.set_cookie(_LOG_IN_COOKIE, begun.cookie, max_age=begun.seconds, **_log_in_rules(request))
    return answer


@_as_pages
async def get_callback(request: Request) -> Response:
    """Back from the issuer: to the link, when that was the person it is for."""
    log_in = _log_in(request)
    if log_in is None:
        raise NotFound("oidc_not_set", "No OpenID issuer of persons is set.")
    asked = request.query_params
    state, code, error = (asked.get(name, "") for name in ("state", "code", "error"))
    cookie = request.cookies.get(_LOG_IN_COOKIE, "")
    came = await log_in.finish(Returned(cookie, state, code, error, asked.get("iss")))
    there = f"../c/{came.link}"
    if came.session is None:
        answer = page("over.html", 403, not_you(there))
    else:
        # A redirect would not carry the new cookie, which is for navigations within this site; a page of ours does.
        answer = page("there.html", 200, {"there": there})
        answer.set_cookie(_COOKIE, came.session.cookie, **_session_rules(request, came.link))
    answer.delete_cookie(_LOG_IN_COOKIE, **_log_in_rules(request))
    return answer


# Plain routes: pages are no operations of the interface that /openapi.json describes.
router.add_route("/c/{token}", get_page, methods=["GET"])
router.add_route("/c/{token}", post_page, methods=["POST"])
router.add_route("/confirm/callback", get_callback, methods=["GET"])
router.add_route("/confirm/{token}", get_log_in, methods=["GET"])
router.add_route("/static/{version}/{name}", get_static, methods=["GET"])


# ---------------------------------------------------------------- the steps


async def _confirm(request: Request, asked_for: ConsentRequest, form: FormBody) -> Response:
    runtime = _runtime(request)
    session = await confirm_person(asked_for, form.one("typed"), runtime)
    if session is not None:
        return _there(request, session)
    after = await _request(request)
    if after.state is not ConsentState.requested:
        return page("over.html", 410, over(410))
    return await _ask_who(after, runtime, 403, wrong(MOST_FAILURES - after.failures))


async def _answer(request: Request, asked_for: ConsentRequest, form: FormBody, session: Session) -> Response:
    runtime, decision = _runtime(request), form.one("decision")
    ticked, acted = form.every("permit"), form.every("act")
    if decision not in DECISIONS:  # "tick", or the form sent by the Enter key
        if decision == "tick" and asked_for.state is ConsentState.requested:
            ticked |= general_items(await opened(asked_for, runtime))
        return await _shown(asked_for, session, runtime, ticked=ticked, acted=acted)
    answer = Answer(decision, of_stamp(form.one("shown_at")), ticked, acted)
    try:
        await answer_request(asked_for, answer, session, runtime)
    except NotValid as error:
        words = TROUBLES.get(error.code, TROUBLES["consent_not_valid"])
        return await _shown(asked_for, session, runtime, status=422, words=words, ticked=ticked, acted=acted)
    return _there(request)


async def _withdraw(request: Request, asked_for: ConsentRequest, session: Session) -> Response:
    runtime = _runtime(request)
    try:
        await withdraw_answer(asked_for, runtime)
    except (Conflict, NotFound):
        return await _shown(asked_for, session, runtime, status=409, words=TROUBLES["consent_moved"])
    return _there(request)


# ---------------------------------------------------------------- what is shown


async def _shown(
    asked_for: ConsentRequest,
    session: Session | None,
    runtime: Runtime,
    *,
    status: int = 200,
    words: Words | None = None,
    ticked: frozenset[str] = frozenset(),
    acted: frozenset[str] = frozenset(),
) -> Response:
    state = state_of(asked_for, runtime.clock())
    if session is None or state not in _ANSWERED | {ConsentState.requested}:
        return await _ask_who(asked_for, runtime, status, words)
    asked = await opened(asked_for, runtime)
    if not asked.record:
        return page("over.html", 410, over(410))
    if state is ConsentState.requested:
        stamp = to_stamp(runtime.clock())
        nonce = form_nonce(session, f"answer.{stamp}", runtime.fingerprint)
        shown = request_view(asked, nonce=nonce, shown_at=stamp, words=words, ticked=ticked, acted=acted)
        return page("request.html", status, shown)
    nonce = form_nonce(session, "withdraw", runtime.fingerprint)
    standing = await standing_of(asked_for, runtime)
    return page("result.html", status, result_view(asked, standing, nonce=nonce, words=words))


async def _ask_who(asked_for: ConsentRequest, runtime: Runtime, status: int, words: Words | None) -> Response:
    """The question who it is, while there is anything to answer; else that the link is over."""
    if state_of(asked_for, runtime.clock()) is not ConsentState.requested:
        return page("over.html", 410, over(410))
    is_by_log_in = runtime.settings.person_oidc_issuer is not None
    return page(
        "confirm.html",
        status,
        {"words": words, "log_in": is_by_log_in and link_secret(asked_for.id, runtime.fingerprint)},
    )


def _there(request: Request, session: Session | None = None) -> Response:
    """Back to the page itself, with a cookie for a new session."""
    token = request.path_params["token"]
    answer = RedirectResponse(token, 303, headers=dict(HEADERS))
    if session is not None:
        answer.set_cookie(_COOKIE, session.cookie, **_session_rules(request, token))
    return answer


def _session_rules(request: Request, token: str) -> dict[str, Any]:
    runtime = _runtime(request)
    public = urlsplit(runtime.settings.public_url)
    return {
        "max_age": int(_session_lasts(runtime).total_seconds()),
        "path": f"{public.path}/c/{token}",
        "secure": public.scheme == "https",
        "httponly": True,
        "samesite": "strict",
    }


def _log_in_rules(request: Request) -> dict[str, Any]:
    public = urlsplit(_runtime(request).settings.public_url)
    # Lax, not Strict: the way back from the issuer is a navigation from another site.
    path = f"{public.path}/confirm"
    return {"path": path, "secure": public.scheme == "https", "httponly": True, "samesite": "lax"}


# ---------------------------------------------------------------- who asks


def _runtime(request: Request) -> Runtime:
    return cast(Runtime, request.app.state.runtime)


async def _request(request: Request) -> ConsentRequest:
    return await find_link(request.path_params["token"], _runtime(request))


def _log_in(request: Request) -> PersonLogIn | None:
    return cast(PersonLogIn | None, request.app.state.person_log_in)


def _session(request: Request, asked_for: ConsentRequest) -> Session | None:
    runtime = _runtime(request)
    cookie = request.cookies.get(_COOKIE, "")
    return session_of(asked_for.id, cookie, runtime.clock(), _session_lasts(runtime), runtime.fingerprint)


def _session_lasts(runtime: Runtime) -> timedelta:
    return timedelta(minutes=runtime.settings.consent_request_minutes)
