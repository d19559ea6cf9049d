"""A person's own token: a portal that has identified somebody exchanges its signed word for it (RFC 8693).

The portal signs who the person is with its own registered key. The identifier stands in the request's body alone, never
in a URL, a log or the token that is given: that names the person's random reference, and is bound as the portal's own
would be. Each statement counts once, is fresh and says how sure the portal is (`acr`); its entry is durable first.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwt import JWTClaimsRegistry

from field_registry import Subject
from field_registry.errors import BadIdentifier
from field_registry.identifiers import subject_from
from gateway.audit.entries import make_entry
from gateway.audit.noting import note
from gateway.errors import OAuthError
from gateway.records import (
    Caller,
    CallerRole,
    Client,
    EntryKind,
    GateRequest,
    GateView,
    GateWrite,
)
from gateway.runtime import Runtime
from gateway.security import jws
from gateway.security.assertions import ALGORITHMS, MAX_LIFE, SKEW
from gateway.security.callers import Proven, TokenService
from gateway.security.client_keys import choose_key
from gateway.security.oauth import invalid_request

EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
JWT = "urn:ietf:params:oauth:token-type:jwt"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105  (RFC 8693, section 3; not a secret)
STATEMENT_TYPE = "person-identified+jwt"
_MAX_ID = 256


@dataclass(frozen=True, slots=True)
class Statement:
    """What a portal says of a person, believed. `once`: what must be accepted once only, until `until`."""

    subject: Subject
    acr: str
    once: str
    until: datetime


class PersonTokens:
    """Gives portals the tokens of the persons they have identified."""

    def __init__(self, runtime: Runtime, tokens: TokenService) -> None:
        self._runtime = runtime
        self._tokens = tokens

    async def exchange(self, form: Mapping[str, str], portal: Proven) -> dict[str, Any]:
        """The answer (RFC 8693, section 2.2) to a portal that has proved itself; raises `OAuthError`, `Unavailable`."""
        client, binding = portal
        try:
            token = _require_form(form, self._runtime.settings.audience)
            _require_portal(client)
            statement = self._believe(token, client)
            await self._once(statement)
            runtime, facts = self._runtime, {"portal": client.id, "acr": statement.acr}
            ref = await identify(statement.subject, runtime, caller=client.id, facts=facts)
        except (jws.Refused, OAuthError) as error:
            refusal = _invalid_grant(str(error)) if isinstance(error, jws.Refused) else error
            facts = {"reason": refusal.reason}
            await note(EntryKind.person_refused, facts, self._runtime, caller=client.id)
            raise refusal from None
        seconds = self._runtime.settings.person_token_seconds
        person = Caller(
            client.id,
            client.department,
            frozenset({CallerRole.person.value}),
            person=ref,
        )
        return {
            "access_token": self._tokens.issue_to(person, seconds, binding),
            "issued_token_type": ACCESS_TOKEN,
            "token_type": "DPoP" if binding.key else "Bearer",
            "expires_in": seconds,
            "scope": CallerRole.person.value,
        }

    def _believe(self, token: str, client: Client) -> Statement:
        statement, settings, now = jws.split(token), self._runtime.settings, self._runtime.clock()
        if statement.header.get("typ") != STATEMENT_TYPE:
            raise jws.Refused("type_wrong")
        if client.jwks is None:
            raise jws.Refused("client_without_keys")
        jws.verify(statement, choose_key(client.jwks, statement.header.get("kid")), ALGORITHMS)
        claims = statement.claims
        _check_claims(claims, client, frozenset({settings.token_endpoint, settings.issuer}), now)
        check_login(claims, settings.person_assurance, settings.person_login_age, now)
        digest = self._runtime.fingerprint(f"person\x1f{client.id}\x1f{claims['jti']}".encode())
        until = now + timedelta(seconds=claims["exp"] - now.timestamp()) + 2 * SKEW
        return Statement(_subject(claims.get("sub_id")), claims["acr"], digest, until)

    async def _once(self, statement: Statement) -> None:
        if not await self._runtime.store.replays.add_once(statement.once, statement.until):
            raise jws.Refused("replayed")


async def identify(subject: Subject, runtime: Runtime, *, caller: str, facts: Mapping[str, str]) -> str:
    """The reference of a person who has shown who they are, once the entry that names it is durable.

    `facts`: how they did, codes and names of clients alone. Raises `jws.Refused` where two persons claim the document:
    whose log-in it would be nobody knows.
    """
    now, key = runtime.clock(), runtime.subjects.key_of(subject)
    new = runtime.subjects.new(subject.kind, now)
    entry_id = runtime.new_reference("aud", now)

    def write(view: GateView) -> GateWrite[str]:
        if any(each.is_contested for each in view.linked.get(key, ())):
            raise jws.Refused("identity_ambiguous")
        ref = view.subject_refs[key]
        kind, told = EntryKind.person_identified, {"subject": ref, **facts}
        entry = make_entry(entry_id, kind, now, caller=caller, request=None, facts=told)
        return GateWrite(entry, ref)

    ref = await runtime.ledger.pass_gate(GateRequest((), write, {key: new}))
    runtime.telemetry.entries(EntryKind.person_identified)
    return ref


def _require_form(form: Mapping[str, str], audience: str) -> str:
    """The subject token; raises `OAuthError` for what this exchange does not do."""
    token = form.get("subject_token")
    if token is None or form.get("subject_token_type") != JWT:
        raise invalid_request(f"Send subject_token, and subject_token_type {JWT}.")
    if "actor_token" in form or "actor_token_type" in form:
        raise invalid_request("An actor_token is not taken: the portal itself is the actor.")
    if form.get("requested_token_type", ACCESS_TOKEN) != ACCESS_TOKEN:
        raise invalid_request(f"Only {ACCESS_TOKEN} is given.")
    if form.get("audience", audience) != audience or "resource" in form:
        raise OAuthError("invalid_target", "The token is for this service alone.", reason="target")
    if form.get("scope", CallerRole.person.value) != CallerRole.person.value:
        raise OAuthError("invalid_scope", "A person's token has the scope person.", reason="scope")
    return token


def _require_portal(client: Client) -> None:
    if CallerRole.portal not in client.roles:
        detail = "This client may not say who a person is. An administrator may give it the role portal."
        raise OAuthError("unauthorized_client", detail, reason="not_a_portal")


def _check_claims(
    claims: Mapping[str, Any], client: Client, audiences: frozenset[str], now: datetime
) -> None:
    registry = JWTClaimsRegistry(
        now=int(now.timestamp()),
        leeway=int(SKEW.total_seconds()),
        iss={"essential": True, "value": client.id},
        aud={"essential": True},
        exp={"essential": True},
        iat={"essential": True},
        jti={"essential": True},
        auth_time={"essential": True},
        acr={"essential": True},
    )
    try:
        registry.validate(dict(claims))
    except JoseError as error:
        raise jws.Refused("claims_wrong") from error
    named = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
    if not named or not all(isinstance(each, str) and each in audiences for each in named):
        raise jws.Refused("audience_wrong")
    if not isinstance(claims["jti"], str) or not 0 < len(claims["jti"]) <= _MAX_ID:
        raise jws.Refused("jti_wrong")
    at, longest = now.timestamp(), (MAX_LIFE + SKEW).total_seconds()
    if not at - longest <= claims["iat"] <= claims["exp"] <= at + longest:
        raise jws.Refused("lives_too_long")


def check_login(claims: Mapping[str, Any], accepted: tuple[str, ...], age: timedelta, now: datetime) -> None:
    """Nothing, where a person logged in surely enough (`acr`) and lately (`auth_time`); else raises `jws.Refused`."""
    if claims.get("acr") not in accepted:
        raise jws.Refused("assurance_too_low")
    auth_time, at = claims.get("auth_time"), now.timestamp()
    skew = SKEW.total_seconds()
    if not isinstance(auth_time, int | float) or isinstance(auth_time, bool):
        raise jws.Refused("login_too_old")
    if not at - age.total_seconds() - skew <= auth_time <= at + skew:
        raise jws.Refused("login_too_old")


def _subject(sub_id: object) -> Subject:
    """Whom the statement is about. Only people have tokens of their own."""
    if (
        not isinstance(sub_id, dict)
        or sub_id.get("kind") != "person"
        or set(sub_id) - {"issuer"} != {"kind", "id_type", "id_no"}
    ):
        raise jws.Refused("subject_malformed")
    try:
        return subject_from(sub_id)
    except BadIdentifier:
        raise jws.Refused("subject_malformed") from None


def _invalid_grant(reason: str) -> OAuthError:
    # One sentence for every cause, as for client assertions; the entry says which.
    detail = "The subject_token is not accepted. Check its key, type, audience, times, acr and sub_id, and use it once."
    return OAuthError("invalid_grant", detail, reason=reason)
