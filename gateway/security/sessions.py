"""Operators' sessions: opened by password and one-time code, or by an OpenID issuer; ended at the next statement.

Every try is counted before anything is checked, so that a hundred at once are no more than a hundred in a row. Who
fails too often has to wait, and only they: `gateway.security.origins`. Whoever is refused hears one sentence after one
length of time, whether the operator exists or not; the entry says why.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import NoReturn

from gateway.audit.entries import make_entry
from gateway.audit.noting import ITSELF, note
from gateway.errors import NotAllowed, NotAuthenticated, TooMany
from gateway.records import Arrival, Caller, Entry, EntryKind, Operator, OperatorSession, Origin, Tried
from gateway.runtime import Runtime
from gateway.security.callers import TokenService
from gateway.security.operators import caller_id, login_key, login_of
from gateway.security.origins import device_key, new_device, origin_of, waits_of
from gateway.security.passwords import hash_password, is_password, require_acceptable
from gateway.security.totp import SECRET_BYTES, accepted_step
from gateway.telemetry import get_logger

log = get_logger(__name__)

_NOBODY = "opr_nobody"
_NO_SECRET = bytes(SECRET_BYTES)
_AT_ONCE = 2  # a check holds 32 MiB, and more of them than cores are no faster
_MOST_WAITING = (
    20  # some two seconds' worth: whoever comes later is told to come again, before anything is counted
)


@dataclass(frozen=True, slots=True)
class LogIn:
    """What somebody presents. `totp`: six digits. `new_password`: to replace a one-time one, or whenever they like.

    `device`: what their device was given at an earlier log-in. `address`: where they come from, "" where that is not
    told apart.
    """

    operator: str = field(repr=False)
    password: str = field(repr=False)
    totp: str = field(repr=False)
    new_password: str | None = field(default=None, repr=False)
    device: str | None = field(default=None, repr=False)
    address: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Opened:
    """A session and the token that carries it. `expires_in`: seconds, of both.

    `device`: what the device is to present next time; None for one that is known already.
    """

    session: OperatorSession
    caller: Caller
    access_token: str = field(repr=False)
    expires_in: int
    device: str | None = field(default=None, repr=False)


class Sessions:
    """Opens sessions. `refusal_takes`: how long a refusal takes at least, longer than any check."""

    def __init__(
        self,
        runtime: Runtime,
        tokens: TokenService,
        *,
        refusal_takes: timedelta = timedelta(milliseconds=600),
    ) -> None:
        self._runtime = runtime
        self._tokens = tokens
        self._refusal_seconds = refusal_takes.total_seconds()
        self._checking = asyncio.Semaphore(_AT_ONCE)
        self._waiting = 0

    async def by_password(self, given: LogIn) -> Opened:
        """A session. Raises `NotAuthenticated`, `NotAllowed("password_change_required")`, `NotValid`, `TooMany`."""
        async with self._place(), _no_sooner(self._refusal_seconds):
            now = self._runtime.clock()
            found = await self._runtime.store.operators.find(login_key(given.operator, self._runtime))
            origin = origin_of(given.device, given.address, self._runtime)
            tried = await self._attempt(found, origin, now)
            step, is_right = await self._check(found, given, now)
            reason = _reason(found, tried, step, is_right)
            if found is None or tried is None or reason:
                await self._refuse(found, reason, tried)
            hashed = await self._new_password(found, given)
            device = (
                new_device() if self._runtime.settings.operator_known_for and not tried.by_device else None
            )
            arrival = self._arrival(origin, device, tried, now)
            opened = await self.open(found, step, "password", password=hashed, arrival=arrival)
            if opened is None:
                await self._refuse(found, "code_used", tried)
        return replace(opened, device=device)

    async def open(
        self,
        operator: Operator,
        step: int | None,
        method: str,
        *,
        password: str | None = None,
        arrival: Arrival | None = None,
    ) -> Opened | None:
        """A session for an operator who has proved who they are, and who came from there.

        None when the code was used, or they were disabled or changed since they were read.
        """
        runtime, now = self._runtime, self._runtime.clock()
        seconds = runtime.settings.operator_session_seconds
        session = OperatorSession(
            runtime.new_reference("ses", now), operator.id, now, now + timedelta(seconds=seconds)
        )
        entry = _entry(EntryKind.operator_logged_in, session, caller_id(operator), runtime, method=method)
        if not await runtime.store.operators.log_in(
            operator, step, session, entry, password=password, arrival=arrival
        ):
            return None
        runtime.telemetry.entries(entry.kind)
        caller = Caller(caller_id(operator), operator.department, operator.roles, session=session.id)
        return Opened(session, caller, self._tokens.issue_to(caller, seconds), seconds)

    @asynccontextmanager
    async def _place(self) -> AsyncIterator[None]:
        """One of the places in the queue; raises `TooMany` when all are taken."""
        if self._waiting >= _MOST_WAITING:
            raise TooMany(
                "too_many_attempts", "Too many people log in at this moment. Wait a little, then try again."
            )
        self._waiting += 1
        try:
            yield
        finally:
            self._waiting -= 1

    async def _attempt(self, found: Operator | None, origin: Origin, now: datetime) -> Tried | None:
        waits = waits_of(self._runtime.settings)
        return await self._runtime.store.operators.attempt(
            found.id if found else _NOBODY, origin, now, waits=waits
        )

    def _arrival(self, origin: Origin, device: str | None, tried: Tried, now: datetime) -> Arrival:
        """What is kept of a success: the place is theirs from now on, and the device by what it is given."""
        runtime = self._runtime
        own = origin.device if device is None else device_key(device, runtime)
        known_until = now + runtime.settings.operator_known_for
        return Arrival(replace(origin, device=own), known_until, forgets_strangers=tried.strangers > 0)

    async def _check(self, found: Operator | None, given: LogIn, now: datetime) -> tuple[int | None, bool]:
        """The step of the code and whether the password is right; as much work for nobody as for somebody."""
        secret = _NO_SECRET
        if found is not None and found.totp is not None:
            secret = self._runtime.sealer.open(found.totp, table="operator", column="totp", row=found.id)
        stored = found.password_hash if found else None
        async with self._checking:
            is_right = await asyncio.to_thread(is_password, given.password, stored)
        step = accepted_step(secret, given.totp, now)
        return step if secret is not _NO_SECRET else None, is_right

    async def _new_password(self, found: Operator, given: LogIn) -> str | None:
        if given.new_password is None:
            if not found.must_change_password:
                return None
            await self._note_refusal(found, "password_change_required")
            raise NotAllowed(
                "password_change_required",
                "The one-time password must be changed: send `new_password` as well.",
            )
        require_acceptable(given.new_password, before=given.password, login=login_of(found, self._runtime))
        return await asyncio.to_thread(hash_password, given.new_password)

    async def _refuse(self, found: Operator | None, reason: str, tried: Tried | None) -> NoReturn:
        await self._note_refusal(found, reason)
        if found is not None and tried is not None:
            await self._note_waits(found, tried)
        raise NotAuthenticated(
            "login_refused",
            "Operator, password or code is not right, or there were too many tries. Wait a moment, then try again.",
        )

    async def _note_waits(self, found: Operator, tried: Tried) -> None:
        """Entries about who has to wait from now on; that strangers do is an alarm as well, once for each crowd."""
        settings, caller = self._runtime.settings, caller_id(found)
        if tried.here >= settings.operator_tries:
            facts = {"operator": found.id, "tries": tried.here, "is_known": not tried.strangers}
            await note(EntryKind.operator_locked, facts, self._runtime, caller=caller)
        if tried.strangers and tried.strangers % settings.operator_stranger_tries == 0:
            log.error("operator_beset", operator=found.id, tries=tried.strangers)
            facts = {"operator": found.id, "tries": tried.strangers}
            await note(EntryKind.operator_beset, facts, self._runtime, caller=caller)

    async def _note_refusal(self, found: Operator | None, reason: str) -> None:
        # Never what was typed: it may be a password in the wrong field.
        facts = {"operator": found.id if found else None, "reason": reason}
        who = caller_id(found) if found else ITSELF
        await note(EntryKind.operator_login_refused, facts, self._runtime, caller=who)


async def stands(caller: Caller, runtime: Runtime) -> bool:
    """Whether the session that an operator's token carries stands at this moment, on any worker."""
    session = await runtime.store.operators.session(caller.session or "")
    return session is not None and session.ended_at is None and runtime.clock() < session.expires_at


async def end_session(caller: Caller, runtime: Runtime) -> None:
    """End the session that this token carries; one that has ended stays so. Raises `NotAllowed` without one."""
    session = await runtime.store.operators.session(caller.session) if caller.session else None
    if session is None:
        raise NotAllowed(
            "no_session", "Only an operator who logged in has a session; a token ends by itself."
        )
    entry = _entry(EntryKind.operator_session_ended, session, caller.id, runtime, by="operator")
    if await runtime.store.operators.end(session.id, entry.at, entry):
        runtime.telemetry.entries(entry.kind)


def _entry(kind: EntryKind, session: OperatorSession, caller: str, runtime: Runtime, **facts: str) -> Entry:
    now = runtime.clock()
    told = {"operator": session.operator, "session": session.id, **facts}
    return make_entry(runtime.new_reference("aud", now), kind, now, caller=caller, request=None, facts=told)


def _reason(found: Operator | None, tried: Tried | None, step: int | None, is_right: bool) -> str:
    """Why not; empty when everything is right. For the log only."""
    if found is None:
        return "unknown"
    if tried is None:
        return "locked" if found.disabled_at is None else "disabled"
    if not is_right:
        return "password"
    if step is None:
        return "code"
    return "code_used" if step <= found.totp_last_step else ""


@asynccontextmanager
async def _no_sooner(seconds: float) -> AsyncIterator[None]:
    """A body that fails takes at least so long."""
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    try:
        yield
    except Exception:
        await asyncio.sleep(max(0.0, until - loop.time()))
        raise
