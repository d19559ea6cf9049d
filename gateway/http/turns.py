"""Whose turn it is: the rate of a caller, and of failed attempts at the token endpoint."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from fastapi import Request

from gateway.errors import NotAuthenticated, OAuthError, TooMany
from gateway.records import Caller
from gateway.runtime import Runtime
from gateway.security.attempts import FailedAttempts, claimed_by
from gateway.security.rate_limits import RateLimits

_COUNTED = "oncegate.turn"
ROUTE_CLASSES = frozenset(
    {
        "resolutions",
        "submissions",
        "consents",
        "consent-requests",
        "forms",
        "registry",
        "audit",
        "me",
        "notices",
    }
)
"""What refusals are counted by: the first part of a path. Everything else is "other"."""


def take_turn(request: Request, caller: Caller) -> None:
    """Use up one of the caller's requests, once per request; raises `TooMany`.

    A person is counted by themself: one portal serves a city of them.
    """
    scope = request.scope
    if _COUNTED in scope:
        return
    scope[_COUNTED] = True
    app = scope["app"]
    limits: RateLimits = app.state.limits
    wait = limits.take(caller.person or caller.id)
    if wait:
        runtime: Runtime = app.state.runtime
        runtime.telemetry.rate_limited(route_class(scope["path"]))
        raise TooMany(
            "too_many_requests",
            "This caller sends more requests than it may. Wait as long as Retry-After says, and spread them out.",
            retry_after=wait,
        )


def route_class(path: str) -> str:
    """What a refusal on that path is counted under; never a part of the path that a caller made up.

    >>> route_class("/v1/consents/cns_1/receipt"), route_class("/v1/zhang-san")
    ('consents', 'other')
    """
    parts = path.split("/", 3)
    return parts[2] if len(parts) > 2 and parts[2] in ROUTE_CLASSES else "other"


@contextmanager
def failures_counted(request: Request, form: Mapping[str, str], authorization: str | None) -> Iterator[None]:
    """Around an attempt to prove a client: raises `TooMany` instead of, or before, one failure too many."""
    attempts: FailedAttempts = request.app.state.attempts
    client, address = claimed_by(form, authorization), address_of(request)
    try:
        if authorization:
            attempts.may_try_secret(client, address)
        yield
    except OAuthError as error:
        if error.status == 401:
            _count(attempts, client, address, request)
        raise
    except TooMany:
        _note(request)
        raise


@contextmanager
def log_ins_counted(request: Request) -> Iterator[None]:
    """Around an operator's log-in: the same per address, so that nobody keeps the slow checks busy for all others."""
    attempts: FailedAttempts = request.app.state.attempts
    address = address_of(request)
    try:
        attempts.may_try_secret("", address)
        yield
    except NotAuthenticated:
        _count(attempts, "", address, request)
        raise
    except TooMany:
        _note(request)
        raise


def _count(attempts: FailedAttempts, client: str, address: str, request: Request) -> None:
    try:
        attempts.failed(client, address)
    except TooMany:
        _note(request)
        raise


def _note(request: Request) -> None:
    runtime: Runtime = request.app.state.runtime
    runtime.telemetry.rate_limited("token")


def address_of(request: Request) -> str:
    """Where the request comes from; "" behind a proxy, where all come from the same place."""
    runtime: Runtime = request.app.state.runtime
    if request.client is None or runtime.settings.behind_tls_proxy:
        return ""
    return request.client.host
