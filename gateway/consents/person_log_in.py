"""Whoever was sent a link shows who they are at an OpenID issuer of citizens (闽政通 and its like).

The last four characters of a document are known to whoever made the link; what an issuer says under its signature is
not. Where an issuer is set, the link opens in no other way.
"""

from dataclasses import dataclass

from gateway.audit.noting import note
from gateway.consents.answering import confirm_log_in, find_link
from gateway.consents.request_links import Session
from gateway.errors import NotAuthenticated
from gateway.records import ConsentRequest, EntryKind
from gateway.runtime import Runtime
from gateway.security import jws
from gateway.security.oidc_flow import Begun, CodeFlow, Returned
from gateway.security.person_claims import begin_fresh, require_fresh, subjects_in
from gateway.security.refusals import Refusals


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """Back at the link. `session`: None when the person is not who was asked."""

    link: str
    request: ConsentRequest
    session: Session | None


class PersonLogIn:
    """Log-ins at the persons' issuer that the settings name."""

    def __init__(self, runtime: Runtime, flow: CodeFlow, refusals: Refusals) -> None:
        self._runtime = runtime
        self._flow = flow
        self._refusals = refusals

    async def begin(self, link: str) -> Begun:
        """The way to the issuer. `link`: the secret part of the link, which waits in the sealed cookie.

        Raises `NotFound` for a link that does not exist, `Unavailable`.
        """
        await find_link(link, self._runtime)
        return await begin_fresh(self._flow, self._runtime, link=link)

    async def finish(self, returned: Returned) -> LoggedIn:
        """Whom the issuer names, at the link they came from. Raises `NotAuthenticated`, `Unavailable`, `Gone`."""
        try:
            claims, carried = await self._flow.finish(returned)
            require_fresh(claims, carried, self._runtime)
            said = tuple(subjects_in(claims, self._runtime.settings))
            if not said:  # the issuer tells of nobody: no wrong person, and not counted as one
                raise jws.Refused("identity_missing")
        except jws.Refused as refused:
            await self._note(str(refused))
            raise NotAuthenticated(
                "login_refused", "The log-in is not accepted. Open the link again, in this browser."
            ) from None
        request = await find_link(carried["link"], self._runtime)
        session = await confirm_log_in(request, said, f"oidc:{claims['acr']}", self._runtime)
        if session is None:
            await self._note("somebody_else")
        return LoggedIn(carried["link"], request, session)

    async def close(self) -> None:
        """Let go of the connections to the issuer."""
        await self._flow.close()

    async def _note(self, reason: str) -> None:
        # Anybody may call the callback, and it costs them nothing: beyond some in a second they are only counted.
        if self._refusals.may_note(reason):
            await note(EntryKind.person_refused, {"reason": reason, "method": "oidc"}, self._runtime)
