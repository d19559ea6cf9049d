"""What an issuer of persons says of whoever logged in: asked for alike, and believed alike, wherever they came from."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from field_registry import Subject, subject_from
from field_registry.errors import BadIdentifier
from field_registry.identifiers import ISSUED_BY_COUNTRIES
from gateway.runtime import Runtime
from gateway.security import jws
from gateway.security.assertions import SKEW
from gateway.security.exchange import check_login
from gateway.security.oidc_flow import Begun, CodeFlow
from gateway.settings import Settings

_RESIDENT_ID = "111"


async def begin_fresh(flow: CodeFlow, runtime: Runtime, **carried: str) -> Begun:
    """The way to the issuer, for a log-in made now and sure enough. `carried`: what comes back with it.

    Raises `Unavailable`.
    """
    settings = runtime.settings
    # Somebody may have left themself logged in on a phone that others use as well.
    asked = {"acr_values": " ".join(settings.person_assurance), "prompt": "login"}
    begun = str(runtime.clock().timestamp())
    return await flow.begin(scope=settings.person_oidc_scope, carried={**carried, "begun": begun}, **asked)


def require_fresh(claims: Mapping[str, Any], carried: Mapping[str, str], runtime: Runtime) -> None:
    """Nothing, where they logged in surely enough and since the button was pressed; else raises `jws.Refused`."""
    settings = runtime.settings
    check_login(claims, settings.person_assurance, settings.person_login_age, runtime.clock())
    # Not every issuer heeds `prompt`; and then whoever holds the phone would be whoever used it last.
    if claims["auth_time"] < float(carried["begun"]) - SKEW.total_seconds():
        raise jws.Refused("login_too_old")


def subjects_in(claims: Mapping[str, Any], settings: Settings) -> Iterator[Subject]:
    """The person, and the organisation they answer for, as far as the claims name them.

    A passport whose country is told comes first with it and then without: as somebody was asked who did not say it.
    """
    id_type = claims.get(settings.person_oidc_id_type_claim, _RESIDENT_ID)
    person = {"kind": "person", "id_type": id_type, "id_no": claims.get(settings.person_oidc_id_no_claim)}
    country = claims.get(settings.person_oidc_id_issuer_claim)
    is_told = country is not None and isinstance(id_type, str) and id_type in ISSUED_BY_COUNTRIES
    organisation = {"kind": "organisation", "uscc": claims.get(settings.person_oidc_uscc_claim)}
    # A country that nobody knows makes the whole document unknown: without it the number may be somebody else's.
    for payloads in ([person | {"issuer": country}, person] if is_told else [person], [organisation]):
        with suppress(BadIdentifier):
            yield from _read(payloads)


def _read(payloads: Iterable[Mapping[str, Any]]) -> Iterator[Subject]:
    for payload in payloads:
        if not all(isinstance(part, str) for part in payload.values()):
            return
        yield subject_from(payload)
