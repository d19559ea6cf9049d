"""The words of the token endpoint: what it answers, and how its refusals are written (RFC 6749, sections 5.1, 5.2)."""

from dataclasses import dataclass, field
from typing import Any

from gateway.errors import GatewayError, OAuthError

GRANT_TYPE = "client_credentials"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass(frozen=True, slots=True)
class TokenAnswer:
    """A new access token. `expires_in`: seconds. `scope`: the roles granted, separated by spaces.

    `token_type`: how it is sent; a "DPoP" one needs a proof beside it each time.
    """

    access_token: str = field(repr=False)
    expires_in: int
    scope: str
    token_type: str = "Bearer"  # noqa: S105  (a scheme, not a secret)

    def as_dict(self) -> dict[str, Any]:
        """The JSON body of the answer."""
        return {
            "access_token": self.access_token,
            "token_type": self.token_type,
            "expires_in": self.expires_in,
            "scope": self.scope,
        }


def invalid_client(reason: str, client: str | None = None) -> OAuthError:
    """Who calls could not be established. One sentence for every cause: more would help only who is guessing."""
    detail = (
        "The client is unknown, or its assertion or secret is not valid. Check the key, audience and clock."
    )
    return OAuthError("invalid_client", detail, reason=reason, client=client)


def invalid_request(detail: str, reason: str = "invalid_request", client: str | None = None) -> OAuthError:
    """The request itself is wrong; `detail` says how to write it."""
    return OAuthError("invalid_request", detail, reason=reason, client=client)


def invalid_proof(reason: str, client: str | None = None) -> OAuthError:
    """The DPoP proof does not hold, or is missing (RFC 9449, section 5)."""
    detail = "Send one fresh DPoP proof for this address, signed by Ed25519 or ES256 (RFC 9449, section 4)."
    return OAuthError("invalid_dpop_proof", detail, reason=reason, client=client)


def nonce_wanted(nonce: str, client: str | None = None) -> OAuthError:
    """The next DPoP proof must hold this nonce (RFC 9449, section 8)."""
    detail = (
        "Sign a new DPoP proof with the nonce of the DPoP-Nonce header, and a new assertion, and send both."
    )
    return OAuthError("use_dpop_nonce", detail, reason="proof_nonce_wanted", nonce=nonce, client=client)


def oauth_answer(error: GatewayError) -> tuple[int, dict[str, str], dict[str, str]]:
    """Status, JSON body and headers for a refusal at the token endpoint."""
    word = error.code if isinstance(error, OAuthError) else "temporarily_unavailable"
    headers = {"cache-control": "no-store"}
    if isinstance(error, OAuthError) and error.nonce is not None:
        headers["dpop-nonce"] = error.nonce
    if error.status == 401:
        headers["www-authenticate"] = (
            'Basic realm="oncegate"'  # the only scheme of this endpoint that has a header
        )
    if error.status == 503:
        headers["retry-after"] = "1"
    return error.status, {"error": word, "error_description": error.detail}, headers
