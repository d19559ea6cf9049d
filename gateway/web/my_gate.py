"""The door of `/my`: whose browser it is, whether a form is one of ours, and what every page there has in common.

A page is shown to a session and to nobody else; without one, whoever asks is led to the log-in, and back afterwards.
What somebody asks for that is not theirs answers as what does not exist. Every form carries a nonce of its session, its
step and what it is about; answers redirect, and what came of them is said once, under a nonce as well.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import wraps
from typing import Any, cast
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from gateway.errors import GatewayError, NotAllowed, TooMany
from gateway.records import Caller
from gateway.runtime import Runtime
from gateway.security.own_log_in import OwnLogIn
from gateway.security.own_sessions import OwnSession, is_own_nonce, own_nonce, own_session_of
from gateway.security.rate_limits import RateLimits
from gateway.submissions.receipt_print import local
from gateway.web.form_bodies import FormBody, form_of
from gateway.web.my_words import DONE, my_trouble
from gateway.web.rendering import HEADERS, page

COOKIE = "oncegate_my"
Route = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Visit:
    """One request of somebody who is logged in. `up`: from this page to the root, as links of it begin."""

    request: Request
    session: OwnSession
    up: str

    @property
    def runtime(self) -> Runtime:
        """Of the service."""
        return runtime_of(self.request)

    @property
    def caller(self) -> Caller:
        """Who acts, as use cases want it."""
        return self.session.caller

    @property
    def ref(self) -> str:
        """Whose pages these are."""
        return self.session.ref

    def asked(self, name: str) -> str:
        """A parameter of the address; "" where it is not there."""
        return self.request.query_params.get(name, "")

    def nonce(self, step: str, about: str = "") -> str:
        """What a form for that step has to bring back."""
        return own_nonce(self.session, f"{step}\0{about}", self.runtime)

    async def sent(self, *steps: str, about: str = "") -> tuple[str, FormBody]:
        """The step that was sent, one of `steps`, and its form; raises `NotAllowed` when no page of theirs sent it."""
        form = await form_of(self.request)
        step = form.one("step")
        if step not in steps or not is_own_nonce(
            form.one("nonce"), self.session, f"{step}\0{about}", self.runtime
        ):
            raise NotAllowed(
                "nonce_wrong", "This form is not from a page of this session. Open the page again."
            )
        return step, form

    def show(self, template: str, words: Mapping[str, Any], *, status: int = 200) -> Response:
        """That page, with what all pages have: the way about, until when the session lasts, and how to end it."""
        common = {
            "up": self.up,
            "ends": local(self.session.ends_at.isoformat())[11:16],
            "leave": self.nonce("leave"),
            "done": self._done(),
            "words": None,
        }
        return page(template, status, common | dict(words), up=self.up)

    def there(self, where: str, done: str = "") -> Response:
        """To that page of ours, where it will be said what was done."""
        said = f"?done={done}.{self._said(done)}" if done else ""
        return RedirectResponse(f"{self.up}{where}{said}", 303, headers=dict(HEADERS))

    def _done(self) -> tuple[str, str] | None:
        """What is said on arrival; None for what this session was not led here with."""
        done, _, said = self.asked("done").partition(".")
        return DONE.get(done) if said and said == self._said(done) else None

    def _said(self, done: str) -> str:
        return self.nonce("done", done)[:16]


def own_page(section: str) -> Callable[[Callable[[Visit], Awaitable[Response]]], Route]:
    """For routes under /my: their visit, and every refusal as a page. `section`: where to after a log-in."""

    def decorate(route: Callable[[Visit], Awaitable[Response]]) -> Route:
        @wraps(route)
        async def answered(request: Request) -> Response:
            up = up_of(request)
            try:
                session = await session_of(request)
                if session is None:
                    return RedirectResponse(f"{up}my?to={section}", 303, headers=dict(HEADERS))
                take_turn(request, session.ref)
                return await route(Visit(request, session, up))
            except GatewayError as error:
                return trouble_page(request, error)

        return answered

    return decorate


def trouble_page(request: Request, error: GatewayError) -> Response:
    """A refusal as a page that shows nothing of anybody."""
    runtime_of(request).telemetry.problem(error.code)
    up = up_of(request)
    return page("over.html", error.status, {**my_trouble(error), "again": f"{up}my"}, up=up)


async def session_of(request: Request) -> OwnSession | None:
    """The session this browser is in; None without one. Raises `StoreUnavailable`."""
    if log_in_of(request) is None:
        return None
    return await own_session_of(request.cookies.get(COOKIE, ""), runtime_of(request))


def take_turn(request: Request, who: str) -> None:
    """Use up one request of that person or address, as the interface counts them; raises `TooMany`."""
    limits: RateLimits = request.app.state.limits
    wait = limits.take(who)
    if wait:
        runtime_of(request).telemetry.rate_limited("me")
        raise TooMany(
            "too_many_requests", "There are too many requests. Wait and try again.", retry_after=wait
        )


def runtime_of(request: Request) -> Runtime:
    """The runtime of the app that serves this request."""
    return cast(Runtime, request.app.state.runtime)


def log_in_of(request: Request) -> OwnLogIn | None:
    """The way to log in; None where no issuer of persons is set."""
    return cast(OwnLogIn | None, request.app.state.own_log_in)


def cookie_rules(request: Request, **more: Any) -> dict[str, Any]:
    """For whom a cookie of these pages is: for them alone, and never for a script."""
    public = urlsplit(runtime_of(request).settings.public_url)
    rules: dict[str, Any] = {
        "path": f"{public.path}/my",
        "secure": public.scheme == "https",
        "httponly": True,
    }
    return {**rules, "samesite": "strict", **more}


def up_of(request: Request) -> str:
    """From this page to the root: the service may be served below a path of its host."""
    path: str = request.scope["path"]
    return "../" * (path.count("/") - 1)


def seconds_left(session: OwnSession, now: datetime) -> int:
    """How long the cookie of that session is kept."""
    return max(0, int((session.ends_at - now.astimezone(UTC)).total_seconds()))
