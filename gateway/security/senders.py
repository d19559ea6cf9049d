"""Who sends a token: the holder of the key or certificate that it is bound to, or it is of no use (RFC 9449, 8705).

A bound token that was copied from a log or a memory cannot be sent by whoever has it. A token may be bound to both.
"""

import hmac
from dataclasses import dataclass, field
from datetime import datetime

from gateway.errors import NotAuthenticated, Unavailable
from gateway.records import Caller, Client
from gateway.security.certificates import Certificates
from gateway.security.jws import Refused
from gateway.security.oauth import invalid_proof, invalid_request, nonce_wanted
from gateway.security.proofs import NonceWanted, Proofs
from gateway.security.tokens import UNBOUND, Believed, Binding, refused


@dataclass(frozen=True, slots=True)
class Shown:
    """What a request shows of its sender, beside body and Authorization.

    `method`, `url`: as a proof must name them. `proofs`: every DPoP header. `certificates`: every header in which the
    proxy passes one on. `peer`: the address that connected. `key`: thumbprint of the key that a proof for this request
    and its token was accepted of, or why none was.
    """

    method: str = "POST"
    url: str = ""
    proofs: tuple[str, ...] = field(default=(), repr=False)
    certificates: tuple[str, ...] = field(default=(), repr=False)
    peer: str | None = field(default=None, repr=False)
    key: str | NotAuthenticated | Unavailable | None = None


NOTHING = Shown()


class Senders:
    """Binds new tokens to what their client shows, and holds every bound token against who sends it."""

    def __init__(self, proofs: Proofs, certificates: Certificates) -> None:
        self._proofs = proofs
        self._certificates = certificates

    async def bind(self, client: Client, shown: Shown, now: datetime) -> Binding:
        """What a token for that client is bound to: what it shows, and it must show what it is registered with.

        Raises `OAuthError`, or `Unavailable`.
        """
        key = await self._proven_key(client, shown, now) if shown.proofs or client.bound == "dpop" else None
        try:
            certificate = self._certificates.thumbprint(shown.certificates, shown.peer)
            if certificate is None and client.bound == "mtls":
                raise Refused("certificate_missing")
        except Refused as error:
            detail = "Come with one client certificate, by way of the proxy that ends TLS."
            raise invalid_request(detail, str(error), client.id) from error
        return Binding(key, certificate)

    async def _proven_key(self, client: Client, shown: Shown, now: datetime) -> str:
        try:
            return await self._proofs.accept(shown.proofs, method=shown.method, url=shown.url, now=now)
        except NonceWanted as error:
            raise nonce_wanted(error.nonce, client.id) from error
        except Refused as error:
            raise invalid_proof(str(error), client.id) from error

    async def accept_proof(self, believed: Believed, token: str, shown: Shown, now: datetime) -> str:
        """Thumbprint of the key whose holder sends this token, once per proof.

        Raises `NotAuthenticated`, or `Unavailable` when nobody can say whether the proof was used before.
        """
        caller, key = believed.caller, (believed.binding or UNBOUND).key
        if key is None:
            raise _not_bound(caller)
        try:
            return await self._proofs.accept(
                shown.proofs, method=shown.method, url=shown.url, now=now, token=token, key=key
            )
        except Refused as error:
            raise _proof_refused(error, caller) from error

    def require(self, believed: Believed, scheme: str, shown: Shown) -> None:
        """Nothing, or why whoever sent this token is not who it was given to."""
        caller, binding = believed.caller, believed.binding or UNBOUND
        if (binding.key is None) == (scheme == "dpop"):
            raise _not_bound(caller) if scheme == "dpop" else _bound(caller)
        if binding.certificate is not None:
            self._require_certificate(binding.certificate, caller, shown)
        if isinstance(shown.key, Exception):
            raise shown.key
        if binding.key != shown.key:
            raise _proof_refused(Refused("proof_missing"), caller)

    def _require_certificate(self, thumbprint: str, caller: Caller, shown: Shown) -> None:
        try:
            certificate = self._certificates.thumbprint(shown.certificates, shown.peer)
            if certificate is None:
                raise Refused("certificate_missing")
            if not hmac.compare_digest(certificate, thumbprint):
                raise Refused("certificate_differs")
        except Refused as error:
            raise refused(
                str(error), "Call with the client certificate that the token was given for.", caller
            ) from error


def _bound(caller: Caller) -> NotAuthenticated:
    detail = "This token is bound to a key: send it as Authorization: DPoP <token>, with a proof beside it."
    return refused("token_bound", detail, caller, scheme="DPoP")


def _not_bound(caller: Caller) -> NotAuthenticated:
    detail = "This token is bound to no key: send it as Authorization: Bearer <token>."
    return refused("token_not_bound", detail, caller, scheme="DPoP")


def _proof_refused(error: Refused, caller: Caller) -> NotAuthenticated:
    """How RFC 9449 refuses a proof (sections 7.1 and 9). One sentence for every cause; the log knows which."""
    nonce = error.nonce if isinstance(error, NonceWanted) else None
    word = "invalid_dpop_proof" if nonce is None else "use_dpop_nonce"
    detail = (
        "Send one fresh DPoP proof for this method, address and token, signed by the key the token is bound to."
        if nonce is None
        else "Sign a new DPoP proof with the nonce of the DPoP-Nonce header, and send the request again."
    )
    return NotAuthenticated(
        "proof_invalid" if nonce is None else "proof_nonce_wanted",
        detail,
        scheme="DPoP",
        word=word,
        nonce=nonce,
        reason=str(error),
        client=caller.id,
    )
