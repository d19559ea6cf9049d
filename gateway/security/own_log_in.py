"""A person logs in to their own pages at the citizens' OpenID issuer (闽政通 and its like).

Nothing less does here: there is no link that somebody sent them, and the last characters of a document are no secret.
"""

from dataclasses import dataclass

from field_registry import SubjectKind
from gateway.audit.noting import note
from gateway.errors import NotAllowed, NotAuthenticated
from gateway.records import EntryKind
from gateway.runtime import Runtime
from gateway.security import jws
from gateway.security.exchange import identify
from gateway.security.oidc_flow import Begun, CodeFlow, Returned
from gateway.security.own_sessions import PERSON, OwnSession, new_own_session
from gateway.security.person_claims import begin_fresh, require_fresh, subjects_in
from gateway.security.refusals import Refusals


@dataclass(frozen=True, slots=True)
class Arrived:
    """Logged in. `to`: the page they were on their way to, as it was named when they set out."""

    session: OwnSession
    to: str


class OwnLogIn:
    """Log-ins to a person's own pages, at the issuer that the settings name."""

    def __init__(self, runtime: Runtime, flow: CodeFlow, refusals: Refusals) -> None:
        self._runtime = runtime
        self._flow = flow
        self._refusals = refusals

    async def begin(self, to: str) -> Begun:
        """The way to the issuer. `to`: a name of ours for a page, which comes back. Raises `Unavailable`."""
        return await begin_fresh(self._flow, self._runtime, to=to)

    async def finish(self, returned: Returned) -> Arrived:
        """A session for whom the issuer names, once that they were identified is an entry.

        Raises `NotAuthenticated`, `NotAllowed` for a document that two persons claim, `Unavailable`.
        """
        try:
            claims, carried = await self._flow.finish(returned)
            require_fresh(claims, carried, self._runtime)
            said = subjects_in(claims, self._runtime.settings)
            person = next((each for each in said if each.kind is SubjectKind.person), None)
            if person is None:
                raise jws.Refused("identity_missing")
            facts = {"method": "oidc", "acr": claims["acr"]}
            ref = await identify(person, self._runtime, caller=PERSON, facts=facts)
        except jws.Refused as refused:
            await self._note(str(refused))
            raise _refusal(str(refused)) from None
        return Arrived(new_own_session(ref, self._runtime), carried["to"])

    async def close(self) -> None:
        """Let go of the connections to the issuer."""
        await self._flow.close()

    async def _note(self, reason: str) -> None:
        # Anybody may call the callback, and it costs them nothing: beyond some in a second they are only counted.
        if self._refusals.may_note(reason):
            await note(EntryKind.person_refused, {"reason": reason, "method": "oidc"}, self._runtime)


def _refusal(reason: str) -> NotAuthenticated | NotAllowed:
    if reason == "identity_ambiguous":
        detail = "Two persons are recorded under this document. An office has to settle whose it is."
        return NotAllowed(reason, detail)
    return NotAuthenticated("login_refused", "The log-in is not accepted. Begin again, in this browser.")
