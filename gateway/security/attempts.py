"""Failed attempts at the token endpoint: who fails too often is told to wait.

Counted per client and per address. A right assertion is always taken: else whoever knows a client's name could lock it
out by failing in its place; nobody can try signatures out. A secret can be tried out, and checking one is slow on
purpose: once a client or address has failed too often, none is even looked at.
"""

import time
from base64 import b64decode
from collections.abc import Callable, Mapping
from urllib.parse import unquote_plus

from gateway.errors import TooMany
from gateway.security import jws
from gateway.security.assertions import claimed_client
from gateway.security.rate_limits import RateLimits

_MINUTE = 60.0


class FailedAttempts:
    """One worker's memory of failures. `per_minute`: of all workers together; 0 is no limit."""

    def __init__(
        self, per_minute: int, *, workers: int = 1, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        # Apart: names can be invented by the thousand, and must not push out what is known of an address.
        self._clients, self._addresses = (
            RateLimits(per_minute / _MINUTE, per_minute, workers=workers, monotonic=monotonic)
            for _ in range(2)
        )
        self._wait = _MINUTE * workers / (per_minute or 1)

    def failed(self, client: str, address: str) -> None:
        """Count one; raises `TooMany` when there were too many before it."""
        for limits, key in self._counted(client, address):
            wait = limits.take(key)
            if wait:
                raise _too_many(wait)

    def may_try_secret(self, client: str, address: str) -> None:
        """Return when a secret may be looked at; raises `TooMany`."""
        if not all(limits.left(key) for limits, key in self._counted(client, address)):
            raise _too_many(self._wait)

    def _counted(self, client: str, address: str) -> list[tuple[RateLimits, str]]:
        """The address first: one that has failed too often is not listened to about names."""
        both = ((self._addresses, address), (self._clients, client[:200]))
        return [(limits, name) for limits, name in both if name]


def claimed_by(form: Mapping[str, str], authorization: str | None) -> str:
    """The client that a token request says it is, unproven; "" when it does not say."""
    try:
        if "client_assertion" in form:
            return claimed_client(jws.split(form["client_assertion"]))
        scheme, _, encoded = (authorization or "").partition(" ")
        if scheme.lower() == "basic":
            return unquote_plus(b64decode(encoded, validate=True).decode().partition(":")[0])
    except (jws.Refused, ValueError):
        pass
    return form.get("client_id", "")


def _too_many(wait: float) -> TooMany:
    return TooMany(
        "too_many_attempts",
        "There were too many failed attempts. Check the credentials, wait, and try again.",
        retry_after=wait,
    )
