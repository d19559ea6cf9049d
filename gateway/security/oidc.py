"""Operators log in at an OpenID issuer; the way there and back is `oidc_flow`.

Roles and department come from the id token each time; roles that no one may unite are refused here too, and the refusal
is an entry.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NoReturn

from gateway.audit.noting import ITSELF, note
from gateway.errors import BadRequest, Conflict, NotAuthenticated
from gateway.records import EntryKind, Operator
from gateway.runtime import Runtime
from gateway.security import jws
from gateway.security.oidc_flow import Begun, CodeFlow, Returned
from gateway.security.operators import (
    changed_entry,
    login_key,
    put_operator,
    require_separate_duties,
    seal_name,
)
from gateway.security.refusals import Refusals
from gateway.security.sessions import Opened, Sessions


class OpenIdLogin:
    """Log-ins at the issuer that the settings name."""

    def __init__(self, runtime: Runtime, sessions: Sessions, flow: CodeFlow, refusals: Refusals) -> None:
        self._runtime = runtime
        self._refusals = refusals
        self._sessions = sessions
        self._flow = flow

    async def begin(self) -> Begun:
        """The way to the issuer. Raises `Unavailable`."""
        return await self._flow.begin()

    async def finish(self, returned: Returned) -> Opened:
        """A session for whom the issuer names. Raises `NotAuthenticated`, `Unavailable`."""
        try:
            claims, _ = await self._flow.finish(returned)
            operator = await self._operator(claims)
        except jws.Refused as refused:
            await self._refuse(str(refused))
        opened = await self._sessions.open(operator, None, "oidc")
        if opened is None:
            await self._refuse("disabled")
        return opened

    async def close(self) -> None:
        """Let go of the connections to the issuer."""
        await self._flow.close()

    async def _operator(self, claims: Mapping[str, Any]) -> Operator:
        """The operator the claims name, added at first sight, with the roles and department they have there now."""
        runtime, now = self._runtime, self._runtime.clock()
        roles, department = self._roles(claims), claims.get(runtime.settings.oidc_department_claim)
        if not roles:
            raise jws.Refused("no_role_here")
        if not isinstance(department, str) or not 0 < len(department) <= 100:
            raise jws.Refused("no_department")
        key = login_key(f"oidc {self._flow.issuer.url} {claims['sub']}", runtime)
        before = await runtime.store.operators.find(key)
        try:
            await require_separate_duties(before.id if before else None, roles, runtime, by=ITSELF)
        except BadRequest as error:
            raise jws.Refused("roles_incompatible") from error
        if before is not None and (before.roles, before.department) == (roles, department):
            return before
        made = before or Operator(runtime.new_reference("opr", now), key, b"", department, roles, now)
        name = claims.get("name") if isinstance(claims.get("name"), str) else ""
        sealed = seal_name(made.id, f"oidc:{claims['sub']}", str(name), runtime)
        operator = replace(made, roles=roles, department=department, sealed=sealed)
        entry = changed_entry(operator, "roles" if before else "added", ITSELF, runtime)
        try:
            await put_operator(before, operator, entry, runtime)
        except Conflict as error:  # the same person in two windows; or disabled at this moment
            raise jws.Refused("at_once") from error
        return operator

    def _roles(self, claims: Mapping[str, Any]) -> frozenset[str]:
        told = claims.get(self._runtime.settings.oidc_roles_claim)
        words = told.split() if isinstance(told, str) else told if isinstance(told, list) else []
        known = self._runtime.settings.oidc_roles
        return frozenset(known[word] for word in words if isinstance(word, str) and word in known)

    async def _refuse(self, reason: str) -> NoReturn:
        # Anybody may call the callback, and it costs them nothing: beyond some in a second they are only counted.
        if self._refusals.may_note(reason):
            facts = {"operator": None, "reason": reason, "method": "oidc"}
            await note(EntryKind.operator_login_refused, facts, self._runtime)
        raise NotAuthenticated(
            "login_refused", "The issuer's answer is not accepted. Begin again at /login, in this browser."
        )
