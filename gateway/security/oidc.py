"""Operators log in at an OpenID issuer: authorization code with PKCE, state and nonce (OAuth 2.0 Security BCP).

What was begun is kept in the browser's own cookie, sealed and bound to its state, so that any worker can finish it and
nobody else's browser can. Roles and department come from the id token each time; roles that no one may unite are
refused here too, and the refusal is an entry.
"""

import base64
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, NoReturn
from urllib.parse import quote_plus, urlencode

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc.jwk import OKPKey

from gateway.audit.noting import ITSELF, note
from gateway.errors import BadRequest, CannotOpen, Conflict, NotAuthenticated
from gateway.records import EntryKind, Operator
from gateway.runtime import Runtime
from gateway.security import jws
from gateway.security.id_tokens import Expected, check_id_token
from gateway.security.keys import KeyRing
from gateway.security.oauth import ASSERTION_TYPE
from gateway.security.oidc_issuer import Issuer
from gateway.security.operators import changed_entry, login_key, require_separate_duties, seal_name
from gateway.security.refusals import Refusals
from gateway.security.sessions import Opened, Sessions

_VALID_FOR = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Begun:
    """Where the browser goes, and the cookie it takes along for so many seconds."""

    url: str
    cookie: str = field(repr=False)
    seconds: int


class ClientProof:
    """How we prove ourselves to the issuer: by our secret there, or by an assertion under a key of our ring."""

    def __init__(self, client_id: str, secret: str | None, ring: KeyRing) -> None:
        self._client_id = client_id
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
            pair = f"{quote_plus(self._client_id)}:{quote_plus(self._secret)}"
            return {}, f"Basic {base64.b64encode(pair.encode()).decode()}"
        claims = {"iss": self._client_id, "sub": self._client_id, "aud": audience}
        claims |= {"jti": secrets.token_urlsafe(16), "iat": now, "exp": now + 60}  # type: ignore[dict-item]
        header = {"alg": "EdDSA", "kid": self._kid, "typ": "JWT"}
        assertion = jws.sign(header, claims, self._keys[self._kid])
        return {"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion}, None


class OpenIdLogin:
    """Log-ins at the issuer that the settings name."""

    def __init__(
        self, runtime: Runtime, sessions: Sessions, issuer: Issuer, proof: ClientProof, refusals: Refusals
    ) -> None:
        self._runtime = runtime
        self._refusals = refusals
        self._sessions = sessions
        self._issuer = issuer
        self._proof = proof
        self._callback = f"{runtime.settings.public_url}/login/callback"

    async def begin(self) -> Begun:
        """The way to the issuer. Raises `Unavailable`."""
        address = (await self._issuer.metadata())["authorization_endpoint"]
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        query = {
            "response_type": "code",
            "client_id": self._runtime.settings.oidc_client_id,
            "redirect_uri": self._callback,
            "scope": "openid",
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        until = (self._runtime.clock() + _VALID_FOR).timestamp()
        kept = orjson.dumps({"nonce": nonce, "verifier": verifier, "until": until})
        cookie = base64.urlsafe_b64encode(
            self._runtime.sealer.seal(kept, table="login", column="cookie", row=state)
        ).decode()
        joint = "&" if "?" in address else "?"
        seconds = int(_VALID_FOR.total_seconds())
        return Begun(f"{address}{joint}{urlencode(query)}", cookie, seconds)

    async def finish(self, cookie: str, *, state: str, code: str, error: str, issuer: str | None) -> Opened:
        """A session for whom the issuer names. Raises `NotAuthenticated`, `Unavailable`."""
        try:
            kept = self._kept(cookie, state)
            await self._check_answer(state, code, error, issuer)
            claims = await self._claims(code, kept)
            operator = await self._operator(claims)
        except jws.Refused as refused:
            await self._refuse(str(refused))
        opened = await self._sessions.open(operator, None, "oidc")
        if opened is None:
            await self._refuse("disabled")
        return opened

    async def close(self) -> None:
        """Let go of the connections to the issuer."""
        await self._issuer.close()

    def _kept(self, cookie: str, state: str) -> Mapping[str, Any]:
        try:
            sealed = base64.b64decode(cookie.encode(), altchars=b"-_", validate=True)
            kept: Mapping[str, Any] = orjson.loads(
                self._runtime.sealer.open(sealed, table="login", column="cookie", row=state)
            )
        except (CannotOpen, ValueError):
            raise jws.Refused("state_wrong") from None
        if kept["until"] <= self._runtime.clock().timestamp():
            raise jws.Refused("state_expired")
        return kept

    async def _check_answer(self, state: str, code: str, error: str, issuer: str | None) -> None:
        metadata = await self._issuer.metadata()
        # Another issuer's answer, mixed up with ours (RFC 9207).
        must_tell = metadata.get("authorization_response_iss_parameter_supported") is True
        if issuer != self._issuer.url and (issuer is not None or must_tell):
            raise jws.Refused("issuer_mixed_up")
        digest = self._runtime.fingerprint(f"login\x1f{state}".encode())
        until = self._runtime.clock() + 2 * _VALID_FOR
        if not await self._runtime.store.replays.add_once(digest, until):
            raise jws.Refused("state_replayed")
        if error or not code:
            raise jws.Refused("issuer_refused")

    async def _claims(self, code: str, kept: Mapping[str, Any]) -> Mapping[str, Any]:
        settings, now = self._runtime.settings, self._runtime.clock()
        endpoint = (await self._issuer.metadata())["token_endpoint"]
        parameters, authorization = self._proof.of(endpoint, int(now.timestamp()))
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._callback,
            "client_id": settings.oidc_client_id,
            "code_verifier": kept["verifier"],
        }
        answer = await self._issuer.redeem(form | parameters, authorization)
        id_token, access_token = answer.get("id_token"), answer.get("access_token")
        if not isinstance(id_token, str) or not isinstance(access_token, str | None):
            raise jws.Refused("no_id_token")
        token = jws.split(id_token)
        expected = Expected(self._issuer.url, settings.oidc_client_id, kept["nonce"], access_token)
        return check_id_token(token, await self._issuer.keys(token.header.get("kid")), expected, now)

    async def _operator(self, claims: Mapping[str, Any]) -> Operator:
        """The operator the claims name, added at first sight, with the roles and department they have there now."""
        runtime, now = self._runtime, self._runtime.clock()
        roles, department = self._roles(claims), claims.get(runtime.settings.oidc_department_claim)
        if not roles:
            raise jws.Refused("no_role_here")
        if not isinstance(department, str) or not 0 < len(department) <= 100:
            raise jws.Refused("no_department")
        key = login_key(f"oidc {self._issuer.url} {claims['sub']}", runtime)
        before = await runtime.store.operators.find(key)
        try:
            await require_separate_duties(before.id if before else None, roles, runtime, by=ITSELF)
        except BadRequest as error:
            raise jws.Refused("roles_incompatible") from error
        if before is not None and (before.roles, before.department) == (roles, department):
            return before
        made = before or Operator(runtime.new_reference("opr", now), key, b"", department, roles, now)
        name = claims.get("name") if isinstance(claims.get("name"), str) else ""
        sealed = seal_name(made.id, f"oidc:{claims['sub']}", str(name), runtime)
        operator = replace(made, roles=roles, department=department, sealed=sealed)
        entry = changed_entry(operator, "roles" if before else "added", ITSELF, runtime)
        try:
            await runtime.store.operators.put(operator, entry)
        except Conflict as error:  # the same person in two windows, for the first time
            raise jws.Refused("at_once") from error
        runtime.telemetry.entries(entry.kind)
        return operator

    def _roles(self, claims: Mapping[str, Any]) -> frozenset[str]:
        told = claims.get(self._runtime.settings.oidc_roles_claim)
        words = told.split() if isinstance(told, str) else told if isinstance(told, list) else []
        known = self._runtime.settings.oidc_roles
        return frozenset(known[word] for word in words if isinstance(word, str) and word in known)

    async def _refuse(self, reason: str) -> NoReturn:
        # Anybody may call the callback, and it costs them nothing: beyond some in a second they are only counted.
        if self._refusals.may_note(reason):
            facts = {"operator": None, "reason": reason, "method": "oidc"}
            await note(EntryKind.operator_login_refused, facts, self._runtime)
        raise NotAuthenticated(
            "login_refused", "The issuer's answer is not accepted. Begin again at /login, in this browser."
        )


def _client_key(ring: KeyRing, root: str) -> OKPKey:
    return OKPKey.import_key(Ed25519PrivateKey.from_private_bytes(ring.derive("oidc-client", root=root)))
