"""Whoever was sent a link shows who they are at an OpenID issuer of citizens (闽政通 and its like).

The last four characters of a document are known to whoever made the link; what an issuer says under its signature is
not. Where an issuer is set, the link opens in no other way.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from field_registry import Subject, subject_from
from field_registry.errors import BadIdentifier
from gateway.audit.noting import note
from gateway.consents.answering import confirm_log_in, find_link
from gateway.consents.request_links import Session
from gateway.errors import NotAuthenticated
from gateway.records import ConsentRequest, EntryKind
from gateway.runtime import Runtime
from gateway.security import jws
from gateway.security.assertions import SKEW
from gateway.security.exchange import check_login
from gateway.security.oidc_flow import Begun, CodeFlow, Returned
from gateway.security.refusals import Refusals

_RESIDENT_ID = "111"


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
        settings = self._runtime.settings
        # Somebody may have left themself logged in on a phone that others use as well.
        asked = {"acr_values": " ".join(settings.person_assurance), "prompt": "login"}
        carried = {"link": link, "begun": str(self._runtime.clock().timestamp())}
        return await self._flow.begin(scope=settings.person_oidc_scope, carried=carried, **asked)

    async def finish(self, returned: Returned) -> LoggedIn:
        """Whom the issuer names, at the link they came from. Raises `NotAuthenticated`, `Unavailable`, `Gone`."""
        settings = self._runtime.settings
        try:
            claims, carried = await self._flow.finish(returned)
            check_login(claims, settings.person_assurance, settings.person_login_age, self._runtime.clock())
            # Not every issuer heeds `prompt`; and then whoever holds the phone would be whoever used it last.
            if claims["auth_time"] < float(carried["begun"]) - SKEW.total_seconds():
                raise jws.Refused("login_too_old")
            said = tuple(self._subjects(claims))
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

    def _subjects(self, claims: Mapping[str, Any]) -> Iterator[Subject]:
        """The person, and the organisation they answer for, as far as the claims name them."""
        settings = self._runtime.settings
        id_type = claims.get(settings.person_oidc_id_type_claim, _RESIDENT_ID)
        person = {"kind": "person", "id_type": id_type, "id_no": claims.get(settings.person_oidc_id_no_claim)}
        organisation = {"kind": "organisation", "uscc": claims.get(settings.person_oidc_uscc_claim)}
        for payload in (person, organisation):
            if all(isinstance(part, str) for part in payload.values()):
                with suppress(BadIdentifier):
                    yield subject_from(payload)

    async def _note(self, reason: str) -> None:
        # Anybody may call the callback, and it costs them nothing: beyond some in a second they are only counted.
        if self._refusals.may_note(reason):
            await note(EntryKind.person_refused, {"reason": reason, "method": "oidc"}, self._runtime)
