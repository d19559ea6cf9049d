"""The way to an OpenID issuer and back: authorization code with PKCE, state and nonce (OAuth 2.0 Security BCP).

What was begun is kept in the browser's own cookie, sealed and bound to its state, so that any worker can finish it and
nobody else's browser can. Operators and persons go the same way, each under a purpose of its own: what was begun for
the one can never be finished as the other.
"""

import base64
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import quote_plus, urlencode

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc.jwk import OKPKey

from gateway.errors import CannotOpen
from gateway.runtime import Runtime
from gateway.security import jws
from gateway.security.id_tokens import Expected, check_id_token
from gateway.security.keys import KeyRing
from gateway.security.oauth import ASSERTION_TYPE
from gateway.security.oidc_issuer import Issuer

_VALID_FOR = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Begun:
    """Where the browser goes, and the cookie it takes along for so many seconds."""

    url: str
    cookie: str = field(repr=False)
    seconds: int


@dataclass(frozen=True, slots=True)
class Returned:
    """What a browser brings back from the issuer. `cookie`: what it took along."""

    cookie: str = field(repr=False)
    state: str = field(repr=False)
    code: str = field(repr=False)
    error: str
    issuer: str | None


class ClientProof:
    """How we prove ourselves to an issuer: by our secret there, or by an assertion under a key of our ring."""

    def __init__(self, client_id: str, secret: str | None, ring: KeyRing) -> None:
        self.client_id = client_id
        self._secret = secret
        self._kid = ring.ids[0]
        self._keys = {root: _client_key(ring, root) for root in ring.ids}

    def jwks(self) -> dict[str, Any]:
        """Our public keys, for the issuer."""
        keys = [
            key.as_dict(private=False, kid=kid, use="sig", alg="EdDSA") for kid, key in self._keys.items()
        ]
        return {"keys": keys}

    def of(self, audience: str, now: int) -> tuple[dict[str, str], str | None]:
        """Form parameters and Authorization header of a request to that token endpoint."""
        if self._secret is not None:
            pair = f"{quote_plus(self.client_id)}:{quote_plus(self._secret)}"
            return {}, f"Basic {base64.b64encode(pair.encode()).decode()}"
        claims = {"iss": self.client_id, "sub": self.client_id, "aud": audience}
        claims |= {"jti": secrets.token_urlsafe(16), "iat": now, "exp": now + 60}  # type: ignore[dict-item]
        header = {"alg": "EdDSA", "kid": self._kid, "typ": "JWT"}
        assertion = jws.sign(header, claims, self._keys[self._kid])
        return {"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion}, None


class CodeFlow:
    """Log-ins of one purpose ("login", "person-login") at one issuer. `callback`: the path it sends people back to."""

    def __init__(
        self, runtime: Runtime, issuer: Issuer, proof: ClientProof, *, purpose: str, callback: str
    ) -> None:
        self.issuer = issuer
        self._runtime = runtime
        self._proof = proof
        self._purpose = purpose
        self._callback = f"{runtime.settings.public_url}{callback}"

    async def begin(
        self, *, scope: str = "openid", carried: Mapping[str, str] | None = None, **asked: str
    ) -> Begun:
        """The way to the issuer. `carried`: what `finish` gives back. `asked`: further parameters, as they are.

        Raises `Unavailable`.
        """
        address = (await self.issuer.metadata())["authorization_endpoint"]
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        query = asked | {
            "response_type": "code",
            "client_id": self._proof.client_id,
            "redirect_uri": self._callback,
            "scope": scope,
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        until = (self._runtime.clock() + _VALID_FOR).timestamp()
        kept = {"nonce": nonce, "verifier": verifier, "until": until, "carried": dict(carried or {})}
        sealed = self._runtime.sealer.seal(
            orjson.dumps(kept), table=self._purpose, column="cookie", row=state
        )
        joint = "&" if "?" in address else "?"
        cookie = base64.urlsafe_b64encode(sealed).decode()
        return Begun(f"{address}{joint}{urlencode(query)}", cookie, int(_VALID_FOR.total_seconds()))

    async def finish(self, returned: Returned) -> tuple[Mapping[str, Any], Mapping[str, str]]:
        """The claims of the id token, believed, and what was carried. Raises `jws.Refused`, `Unavailable`."""
        kept = self.opened(returned)
        await self._check_answer(returned)
        return await self._claims(returned.code, kept), kept["carried"]

    def opened(self, returned: Returned) -> Mapping[str, Any]:
        """What the browser took along; raises `jws.Refused` when it is not of this log-in or too old."""
        try:
            sealed = base64.b64decode(returned.cookie.encode(), altchars=b"-_", validate=True)
            kept: Mapping[str, Any] = orjson.loads(
                self._runtime.sealer.open(sealed, table=self._purpose, column="cookie", row=returned.state)
            )
        except (CannotOpen, ValueError):
            raise jws.Refused("state_wrong") from None
        if kept["until"] <= self._runtime.clock().timestamp():
            raise jws.Refused("state_expired")
        return kept

    async def close(self) -> None:
        """Let go of the connections to the issuer."""
        await self.issuer.close()

    async def _check_answer(self, returned: Returned) -> None:
        metadata = await self.issuer.metadata()
        # Another issuer's answer, mixed up with ours (RFC 9207).
        must_tell = metadata.get("authorization_response_iss_parameter_supported") is True
        if returned.issuer != self.issuer.url and (returned.issuer is not None or must_tell):
            raise jws.Refused("issuer_mixed_up")
        digest = self._runtime.fingerprint(f"{self._purpose}\x1f{returned.state}".encode())
        until = self._runtime.clock() + 2 * _VALID_FOR
        if not await self._runtime.store.replays.add_once(digest, until):
            raise jws.Refused("state_replayed")
        if returned.error or not returned.code:
            raise jws.Refused("issuer_refused")

    async def _claims(self, code: str, kept: Mapping[str, Any]) -> Mapping[str, Any]:
        now = self._runtime.clock()
        endpoint = (await self.issuer.metadata())["token_endpoint"]
        parameters, authorization = self._proof.of(endpoint, int(now.timestamp()))
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._callback,
            "client_id": self._proof.client_id,
            "code_verifier": kept["verifier"],
        }
        answer = await self.issuer.redeem(form | parameters, authorization)
        id_token, access_token = answer.get("id_token"), answer.get("access_token")
        if not isinstance(id_token, str) or not isinstance(access_token, str | None):
            raise jws.Refused("no_id_token")
        token = jws.split(id_token)
        expected = Expected(self.issuer.url, self._proof.client_id, kept["nonce"], access_token)
        return check_id_token(token, await self.issuer.keys(token.header.get("kid")), expected, now)


def _client_key(ring: KeyRing, root: str) -> OKPKey:
    return OKPKey.import_key(Ed25519PrivateKey.from_private_bytes(ring.derive("oidc-client", root=root)))
