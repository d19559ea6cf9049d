"""`/my`: a person's own pages. Log in at the citizens' issuer, see what is new, and log out.

The way there and back is that of the links people are sent, for a purpose of its own: what was begun for a link can
never be finished here. The session is a cookie for these pages alone, short, and ended by one press.
"""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from gateway.errors import GatewayError, NotFound, TooMany
from gateway.security.oidc_flow import Returned
from gateway.security.own_log_in import OwnLogIn
from gateway.security.own_sessions import end_own_session
from gateway.security.rate_limits import RateLimits
from gateway.web.my_gate import (
    COOKIE,
    Visit,
    cookie_rules,
    log_in_of,
    own_page,
    runtime_of,
    seconds_left,
    session_of,
    trouble_page,
    up_of,
)
from gateway.web.my_overview import overview
from gateway.web.my_words import LEFT, NOT_OFFERED
from gateway.web.rendering import HEADERS, page

router = APIRouter()

_LOG_IN_COOKIE = "oncegate_my_l"
SECTIONS = frozenset({"uses", "consents", "record", "disputes"})
"""Pages that somebody may be led to after logging in; anything else is the first page."""


async def get_my(request: Request) -> Response:
    """What is new, for whoever is logged in; the button to log in for everybody else; or that it is not offered."""
    if log_in_of(request) is None:
        heading, told = NOT_OFFERED
        return page("my_none.html", 200, {"heading": heading, "told": told}, up=up_of(request))
    try:
        session = await session_of(request)
    except GatewayError as error:
        return trouble_page(request, error)
    if session is None:
        asked = request.query_params
        to = asked.get("to", "") if asked.get("to", "") in SECTIONS else ""
        said = LEFT if asked.get("left") else None
        return page("my_enter.html", 200, {"to": to, "said": said}, up=up_of(request))
    return await _get_overview(request)


async def post_my(request: Request) -> Response:
    """Log out. Whoever is not logged in any more has logged out."""
    return await _post_leave(request)


async def get_log_in(request: Request) -> Response:
    """To the issuer. A link and no form: a form may lead to ourselves only."""
    try:
        log_in = _take_try(request)
        begun = await log_in.begin(request.query_params.get("to", "")[:20])
    except GatewayError as error:
        return trouble_page(request, error)
    answer = RedirectResponse(begun.url, 303, headers=dict(HEADERS))
    # Lax, not Strict: the way back from the issuer is a navigation from another site.
    rules = cookie_rules(request, samesite="lax", max_age=begun.seconds)
    answer.set_cookie(_LOG_IN_COOKIE, begun.cookie, **rules)
    return answer


async def get_callback(request: Request) -> Response:
    """Back from the issuer: in, when it named somebody."""
    asked = request.query_params
    state, code, error = (asked.get(name, "") for name in ("state", "code", "error"))
    returned = Returned(request.cookies.get(_LOG_IN_COOKIE, ""), state, code, error, asked.get("iss"))
    try:
        came = await _take_try(request).finish(returned)
    except GatewayError as refusal:
        answer = trouble_page(request, refusal)
    else:
        there = f"../my/{came.to}" if came.to in SECTIONS else "../my"
        # A redirect would not carry the new cookie, which is for navigations within this site; a page of ours does.
        answer = page("there.html", 200, {"there": there})
        lasts = seconds_left(came.session, runtime_of(request).clock())
        answer.set_cookie(COOKIE, came.session.cookie, **cookie_rules(request, max_age=lasts))
    answer.delete_cookie(_LOG_IN_COOKIE, **cookie_rules(request, samesite="lax"))
    return answer


async def get_slash(request: Request) -> Response:
    """What somebody types who ends every address with a slash."""
    return RedirectResponse("../my", 303, headers=dict(HEADERS))


# Plain routes: pages are no operations of the interface that /openapi.json describes.
router.add_route("/my", get_my, methods=["GET"])
router.add_route("/my", post_my, methods=["POST"])
router.add_route("/my/", get_slash, methods=["GET"])
router.add_route("/my/login", get_log_in, methods=["GET"])
router.add_route("/my/callback", get_callback, methods=["GET"])


@own_page("")
async def _get_overview(visit: Visit) -> Response:
    return visit.show("my_overview.html", await overview(visit.ref, visit.runtime))


@own_page("")
async def _post_leave(visit: Visit) -> Response:
    await visit.sent("leave")
    await end_own_session(visit.session, visit.runtime)
    answer = RedirectResponse(f"{visit.up}my?left=1", 303, headers=dict(HEADERS))
    answer.delete_cookie(COOKIE, **cookie_rules(visit.request))
    return answer


def _take_try(request: Request) -> OwnLogIn:
    """The way to log in, for one more try of that address; raises `NotFound` without an issuer, `TooMany`."""
    log_in, runtime = log_in_of(request), runtime_of(request)
    if log_in is None:
        raise NotFound("oidc_not_set", "No OpenID issuer of persons is set.")
    limits: RateLimits = request.app.state.own_log_ins
    if request.client is None or runtime.settings.behind_tls_proxy:
        # All come from the same place: together they have the rate of one caller.
        limits = request.app.state.limits
        wait = limits.take("/my/login")
    else:
        wait = limits.take(request.client.host)
    if wait:
        runtime.telemetry.rate_limited("me")
        raise TooMany("too_many_attempts", "There are too many log-ins. Wait a minute.", retry_after=wait)
    return log_in
