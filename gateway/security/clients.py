"""How a client proves itself at the token endpoint: by a signed assertion, used once, or in development by a secret."""

import asyncio
import base64
import binascii
import hmac
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple
from urllib.parse import unquote_plus

from gateway.ports import ClientStore, Replays
from gateway.records import Client
from gateway.security import jws
from gateway.security.assertions import Accepted, check_assertion, claimed_client
from gateway.security.client_secrets import is_client_secret
from gateway.security.keys import KeyRing
from gateway.security.oauth import ASSERTION_TYPE, invalid_client, invalid_request
from gateway.settings import Settings


class Claim(NamedTuple):
    """A client whose proof holds. `once`: an assertion that must not have been used before; see `use`."""

    client: Client
    once: Accepted | None


class ClientProofs:
    """Says which client a request to the token endpoint comes from."""

    def __init__(self, settings: Settings, ring: KeyRing, clients: ClientStore, replays: Replays) -> None:
        self._takes_secrets = settings.client_secret_basic
        self._clients = clients
        self._replays = replays
        self._digest_key = ring.derive_fixed("used-once")
        self._audiences = frozenset({settings.token_endpoint, settings.issuer})

    async def claim(self, form: Mapping[str, str], authorization: str | None, now: datetime) -> Claim:
        """The client that the form or the header proves. Raises `OAuthError`, or `StoreUnavailable`."""
        if "client_secret" in form:
            raise invalid_request("Secrets are not accepted in the body. Use private_key_jwt.")
        if "client_assertion" in form and authorization:
            raise invalid_request("Use one way to prove the client, not two.")  # RFC 6749, section 2.3
        if "client_assertion" in form:
            claim = await self._by_assertion(form, now)
        elif authorization:
            claim = Claim(await self._by_secret(authorization), None)
        else:
            raise invalid_client("no_proof")
        if form.get("client_id", claim.client.id) != claim.client.id:
            raise invalid_client("client_id_differs", claim.client.id)
        return claim

    async def use(self, claim: Claim, now: datetime) -> None:
        """Nothing, or a refusal: the assertion was used before, whichever worker or cache has forgotten it since."""
        if claim.once is None:
            return
        # Keyed: a client may have put anything into its jti, and a bare hash of a number can be guessed.
        digest = hmac.digest(
            self._digest_key, f"assertion\x1f{claim.once.replay_key}".encode(), "sha256"
        ).hex()
        if not await self._replays.add_once(digest, now + claim.once.remember_for):
            raise invalid_client("replayed", claim.client.id)

    async def _by_assertion(self, form: Mapping[str, str], now: datetime) -> Claim:
        if form.get("client_assertion_type") != ASSERTION_TYPE:
            raise invalid_request(f"client_assertion_type must be {ASSERTION_TYPE}.")
        client = None
        try:
            assertion = jws.split(form["client_assertion"])
            client = await self._clients.client(claimed_client(assertion))
            if client is None:
                raise jws.Refused("client_unknown")
            return Claim(client, check_assertion(assertion, client, audiences=self._audiences, now=now))
        except jws.Refused as error:
            raise invalid_client(str(error), client.id if client else None) from error

    async def _by_secret(self, authorization: str) -> Client:
        if not self._takes_secrets:
            raise invalid_client("secrets_are_off")
        client_id, secret = _basic(authorization)
        client = await self._clients.client(client_id)
        # In a thread: 40 ms of scrypt would hold up every other request.
        known = await asyncio.to_thread(is_client_secret, secret, client.secret_hash if client else None)
        if client is None or not known or client.disabled_at is not None:
            raise invalid_client("secret_wrong", client.id if client else None)
        return client


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
