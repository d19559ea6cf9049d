"""Who calls: the token endpoint behind `POST /oauth/token`, and the check of every token after it.

A client proves itself by a signed assertion (`private_key_jwt`); a shared secret is accepted only while the setting
`client_secret_basic` is on, which production refuses. When the replay memory cannot be asked, no token is issued.
"""

import asyncio
import base64
import binascii
import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import unquote_plus

from gateway.errors import NotAllowed, OAuthError
from gateway.ports import Cache, ClientStore, Clock
from gateway.records import Caller, Client
from gateway.security import jws
from gateway.security.assertions import check_assertion, claimed_client
from gateway.security.client_secrets import is_client_secret
from gateway.security.keys import KeyRing
from gateway.security.oauth import ASSERTION_TYPE, GRANT_TYPE, TokenAnswer, invalid_client, invalid_request
from gateway.security.tokens import AccessTokens
from gateway.settings import Settings


def require_roles(caller: Caller, *roles: str) -> None:
    """Return when the caller holds at least one of the roles; raises `NotAllowed("role_required")`."""
    if caller.roles.isdisjoint(roles):
        needed = " or ".join(roles)
        raise NotAllowed("role_required", f"This needs the role {needed}. Ask an administrator to grant it.")


class TokenService:
    """Issues access tokens to clients that prove themselves, and says who calls from a token."""

    def __init__(
        self, settings: Settings, ring: KeyRing, *, clients: ClientStore, replay: Cache, clock: Clock
    ) -> None:
        self._settings = settings
        self._clients = clients
        self._replay = replay
        self._clock = clock
        self._tokens = AccessTokens(settings, ring)
        self._audiences = frozenset({settings.token_endpoint, settings.issuer})

    async def issue(self, form: Mapping[str, str], authorization: str | None) -> TokenAnswer:
        """A token for the client that the form or the header proves. Raises `OAuthError`, or `Unavailable`."""
        if form.get("grant_type") != GRANT_TYPE:
            raise OAuthError(
                "unsupported_grant_type", f"grant_type must be {GRANT_TYPE}.", reason="grant_type"
            )
        now = self._clock()
        client = await self._prove(form, authorization, now)
        roles = _granted(client, form.get("scope"))
        token = self._tokens.issue(client, roles, now)
        return TokenAnswer(token, self._settings.token_seconds, " ".join(sorted(roles)))

    def authenticate(self, authorization: str | None, now: datetime) -> Caller:
        """Who calls, from the Authorization header.

        Raises `NotAuthenticated` with one of: token_missing, token_malformed, token_invalid, token_expired. A client
        disabled meanwhile is still known until its token ends, at most 5 minutes.
        """
        return self._tokens.caller(authorization, now)

    def jwks(self) -> dict[str, Any]:
        """The public keys of the tokens issued here, as a JWK Set."""
        return self._tokens.jwks()

    async def _prove(self, form: Mapping[str, str], authorization: str | None, now: datetime) -> Client:
        if "client_secret" in form:
            raise invalid_request("Secrets are not accepted in the body. Use private_key_jwt.")
        if "client_assertion" in form and authorization:
            raise invalid_request("Use one way to prove the client, not two.")  # RFC 6749, section 2.3
        if "client_assertion" in form:
            client = await self._by_assertion(form, now)
        elif authorization:
            client = await self._by_secret(authorization)
        else:
            raise invalid_client("no_proof")
        if form.get("client_id", client.id) != client.id:
            raise invalid_client("client_id_differs")
        return client

    async def _by_assertion(self, form: Mapping[str, str], now: datetime) -> Client:
        if form.get("client_assertion_type") != ASSERTION_TYPE:
            raise invalid_request(f"client_assertion_type must be {ASSERTION_TYPE}.")
        try:
            assertion = jws.split(form["client_assertion"])
            client = await self._clients.client(claimed_client(assertion))
            if client is None:
                raise jws.Refused("client_unknown")
            accepted = check_assertion(assertion, client, audiences=self._audiences, now=now)
        except jws.Refused as error:
            raise invalid_client(str(error)) from error
        # Hashed: a client may have put anything into its jti, and keys of the shared cache must not hold it.
        digest = hashlib.sha256(accepted.replay_key.encode()).hexdigest()
        if not await self._replay.add_once(f"assertion:{digest}", accepted.remember_for):
            raise invalid_client("replayed")
        return client

    async def _by_secret(self, authorization: str) -> Client:
        if not self._settings.client_secret_basic:
            raise invalid_client("secrets_are_off")
        client_id, secret = _basic(authorization)
        client = await self._clients.client(client_id)
        # In a thread: 40 ms of scrypt would hold up every other request.
        known = await asyncio.to_thread(is_client_secret, secret, client.secret_hash if client else None)
        if client is None or not known or client.disabled_at is not None:
            raise invalid_client("secret_wrong")
        return client


def _granted(client: Client, scope: str | None) -> frozenset[str]:
    wanted = frozenset((scope or "").split())
    if not wanted <= client.roles:
        raise OAuthError(
            "invalid_scope", "The scope names a role that this client does not hold.", reason="scope"
        )
    return wanted or client.roles


def _basic(authorization: str) -> tuple[str, str]:
    """Client id and secret of a Basic header; both were form-encoded first (RFC 6749, section 2.3.1)."""
    scheme, _, encoded = authorization.partition(" ")
    try:
        client_id, separator, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, ValueError) as error:
        raise invalid_client("basic_malformed") from error
    if scheme.lower() != "basic" or not separator:
        raise invalid_client("basic_malformed")
    return unquote_plus(client_id), unquote_plus(secret)
