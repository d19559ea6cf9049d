"""Who calls: the token endpoint behind `POST /oauth/token`, and the check of every token after it.

A client proves itself by a signed assertion (`private_key_jwt`), used once as the database knows; a shared secret is
accepted only while the setting `client_secret_basic` is on, which production refuses. Its token is bound to the key of
a DPoP proof or to the certificate it came with, if it sends one or must. When nobody can say whether an assertion or a
proof was used before, nothing is issued or believed.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from gateway.errors import NotAllowed, OAuthError
from gateway.ports import Clients, ClientStore, Clock, Replays
from gateway.records import Caller, Client
from gateway.security.certificates import Certificates
from gateway.security.clients import ClientProofs
from gateway.security.keys import KeyRing
from gateway.security.oauth import GRANT_TYPE, TokenAnswer
from gateway.security.proofs import ProofMemory, Proofs
from gateway.security.registered import Registered, read_all
from gateway.security.senders import NOTHING, Senders, Shown
from gateway.security.tokens import UNBOUND, AccessTokens, Binding, split_header
from gateway.settings import Settings


class Proven(NamedTuple):
    """A client that has proved itself, and what a token for it is to be bound to."""

    client: Client
    binding: Binding


def require_roles(caller: Caller, *roles: str) -> None:
    """Return when the caller holds at least one of the roles; raises `NotAllowed("role_required")`."""
    if caller.roles.isdisjoint(roles):
        needed = " or ".join(roles)
        raise NotAllowed("role_required", f"This needs the role {needed}. Ask an administrator to grant it.")


class TokenService:
    """Issues access tokens to clients that prove themselves, and says who calls from a token."""

    def __init__(
        self,
        settings: Settings,
        ring: KeyRing,
        *,
        clients: ClientStore,
        replays: Replays,
        proofs: ProofMemory,
        clock: Clock,
    ) -> None:
        self._token_seconds = settings.token_seconds
        self._clock = clock
        self._proofs = ClientProofs(settings, ring, clients, replays)
        self._registered = Registered()
        self._tokens = AccessTokens(settings, ring, self._registered)
        self.certificates = Certificates(settings)
        self._senders = Senders(Proofs(ring, proofs), self.certificates)

    async def issue(
        self, form: Mapping[str, str], authorization: str | None, shown: Shown = NOTHING
    ) -> TokenAnswer:
        """A token for the client that the form or the header proves. Raises `OAuthError`, or `Unavailable`."""
        if form.get("grant_type") != GRANT_TYPE:
            raise OAuthError(
                "unsupported_grant_type", f"grant_type must be {GRANT_TYPE}.", reason="grant_type"
            )
        client, binding = await self.prove(form, authorization, shown)
        roles = _granted(client, form.get("scope"))
        token = self._tokens.issue(client, roles, self._clock(), binding)
        scheme = "DPoP" if binding.key else "Bearer"
        return TokenAnswer(token, self._token_seconds, " ".join(sorted(roles)), scheme)

    def issue_to(self, caller: Caller, seconds: int, binding: Binding = UNBOUND) -> str:
        """A token of so many seconds that says exactly who that is: a person or an operator."""
        return self._tokens.issue_to(caller, self._clock(), seconds, binding)

    async def prove(
        self, form: Mapping[str, str], authorization: str | None, shown: Shown = NOTHING
    ) -> Proven:
        """The client that the form or the header proves, for any grant. Raises `OAuthError`, or `Unavailable`."""
        now = self._clock()
        claim = await self._proofs.claim(form, authorization, now)
        binding = await self._senders.bind(claim.client, shown, now)
        # Last: a client that has to send another DPoP proof may send the same assertion with it.
        await self._proofs.use(claim, now)
        return Proven(claim.client, binding)

    def authenticate(
        self, authorization: str | None, now: datetime, shown: Callable[[], Shown] = lambda: NOTHING
    ) -> Caller:
        """Who calls, from the Authorization header; `shown` is asked only when the token is bound.

        Raises `NotAuthenticated` with one of: token_missing, token_malformed, token_invalid, token_expired,
        token_revoked, token_bound, token_not_bound, proof_invalid, proof_nonce_wanted, certificate_missing,
        certificate_differs, certificate_malformed, certificate_untrusted; or `Unavailable`.
        """
        scheme, token = split_header(authorization)
        believed = self._tokens.read(token, now)
        if believed.binding is not None or scheme == "dpop":
            self._senders.require(believed, scheme, shown())
        return believed.caller

    async def accept_proof(self, authorization: str | None, now: datetime, shown: Shown) -> str:
        """Thumbprint of the key whose holder sends this request, once per proof; for `Shown.key`.

        Raises as `authenticate` does.
        """
        _, token = split_header(authorization)
        return await self._senders.accept_proof(self._tokens.read(token, now), token, shown, now)

    async def take_up(self, clients: Clients) -> None:
        """From now on believe tokens only as far as those clients, all there are, may go at present."""
        read_at = self._clock()
        if self._registered.take_up(await read_all(clients), read_at):
            self._tokens.forget()

    def jwks(self) -> dict[str, Any]:
        """The public keys of the tokens issued here, as a JWK Set."""
        return self._tokens.jwks()


def _granted(client: Client, scope: str | None) -> frozenset[str]:
    wanted = frozenset((scope or "").split())
    if not wanted <= client.roles:
        raise OAuthError(
            "invalid_scope",
            "The scope names a role that this client does not hold.",
            reason="scope",
            client=client.id,
        )
    return wanted or client.roles
