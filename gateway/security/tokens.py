"""Access tokens: JWTs (RFC 9068) that this service signs and, later, believes.

A token says who calls, for which department and in which roles, and may be bound to a key or a certificate (`cnf`):
then it is of no use to whoever copied it. It lives for 5 minutes (`token_seconds`) and ends before when its client is
disabled, holds less or must bind its tokens, as soon as that is read (`gateway.security.registered`). What was verified
is remembered by its digest until then, so a caller pays for one signature check per token, not per request.
"""

import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey
from joserfc.jwt import ClaimsOption, JWTClaimsRegistry

from gateway.errors import NotAuthenticated
from gateway.records import Caller, CallerRole, Client
from gateway.security import jws
from gateway.security.keys import KeyRing
from gateway.security.registered import Registered
from gateway.settings import Settings

ALGORITHM = "Ed25519"
TOKEN_TYPE = "at+jwt"  # noqa: S105  (RFC 9068, section 2.1; not a secret)
SKEW_SECONDS = 30
_REMEMBERED = 4_096
_HOW = "Send the token as: Authorization: Bearer <token>, or DPoP <token> with a proof beside it."


@dataclass(frozen=True, slots=True)
class Binding:
    """What the sender of a token must hold, as thumbprints: a key (`cnf.jkt`), a certificate (`cnf.x5t#S256`)."""

    key: str | None = None
    certificate: str | None = None


UNBOUND = Binding()


@dataclass(frozen=True, slots=True)
class Believed:
    """A token of ours, verified. `binding`: None for one that whoever has it may send."""

    caller: Caller
    issued: float
    expires: float
    binding: Binding | None = None


class AccessTokens:
    """Issues tokens under the newest key and reads tokens under any key of the ring."""

    def __init__(self, settings: Settings, ring: KeyRing, registered: Registered) -> None:
        self._settings = settings
        self._registered = registered
        self._keys = {root: _signing_key(ring, root) for root in ring.ids}
        self._newest = ring.ids[0]
        self._known: OrderedDict[bytes, Believed] = OrderedDict()
        self._claims: dict[str, ClaimsOption] = {
            "iss": {"essential": True, "value": settings.issuer},
            "aud": {"essential": True, "value": settings.audience},
            "iat": {"essential": True},
        }

    def issue(self, client: Client, roles: Iterable[str], now: datetime, binding: Binding = UNBOUND) -> str:
        """A token for that client in those roles, valid from `now` for `token_seconds`."""
        caller = Caller(client.id, client.department, frozenset(roles))
        return self.issue_to(caller, now, self._settings.token_seconds, binding)

    def issue_to(self, caller: Caller, now: datetime, seconds: int, binding: Binding = UNBOUND) -> str:
        """A token that says exactly that, also of a person (`sub` is their reference) or an operator's session."""
        issued = int(now.timestamp())
        claims: dict[str, Any] = {
            "iss": self._settings.issuer,
            "aud": self._settings.audience,
            "sub": caller.person or caller.id,
            "client_id": caller.id,
            "iat": issued,
            "exp": issued + seconds,
            "jti": secrets.token_urlsafe(16),
            "roles": sorted(caller.roles),
            "department": caller.department,
        }
        claims |= {"person": caller.person} if caller.person else {}
        claims |= {"sid": caller.session} if caller.session else {}
        bound = {"jkt": binding.key, "x5t#S256": binding.certificate}
        confirmed = {name: thumbprint for name, thumbprint in bound.items() if thumbprint}
        claims |= {"cnf": confirmed} if confirmed else {}
        header = {"typ": TOKEN_TYPE, "alg": ALGORITHM, "kid": self._newest}
        return jws.sign(header, claims, self._keys[self._newest])

    def read(self, token: str, now: datetime) -> Believed:
        """What a token says that is believed at `now`; raises `NotAuthenticated` with a stable code."""
        digest = hashlib.sha256(token.encode()).digest()
        believed = self._known.get(digest) or self._remember(digest, self._verify(token, now))
        if believed.expires <= now.timestamp():
            self._known.pop(digest, None)
            raise refused(
                "token_expired", "The token has expired. Get a new one from /oauth/token.", believed.caller
            )
        return believed

    def forget(self) -> None:
        """Verify every token anew: what its client may has changed."""
        self._known.clear()

    def jwks(self) -> dict[str, Any]:
        """The public keys that verify tokens, as a JWK Set."""
        keys = [
            key.as_dict(private=False, kid=kid, use="sig", alg=ALGORITHM) for kid, key in self._keys.items()
        ]
        return {"keys": keys}

    def _verify(self, token: str, now: datetime) -> Believed:
        try:
            unverified = jws.split(token)
            key = self._keys.get(str(unverified.header.get("kid")))
            if key is None or unverified.header.get("typ") != TOKEN_TYPE:
                raise jws.Refused("not_our_token")
            jws.verify(unverified, key, (ALGORITHM,))
        except jws.Refused as error:
            raise NotAuthenticated(
                "token_invalid", "The token is not one of this service.", reason=str(error)
            ) from error
        return self._believe(unverified.claims, now)

    def _believe(self, claims: Any, now: datetime) -> Believed:
        """What verified claims say. The expiry is judged by the caller of this, for remembered tokens too."""
        try:
            registry = JWTClaimsRegistry(now=int(now.timestamp()), leeway=SKEW_SECONDS, **self._claims)
            registry.validate({name: value for name, value in claims.items() if name != "exp"})
            of_whom = claims.get("person"), claims.get("sid")
            caller = Caller(claims["client_id"], claims["department"], frozenset(claims["roles"]), *of_whom)
            if claims["sub"] != (caller.person or caller.id):
                raise ValueError("a token of two")
            return Believed(caller, float(claims["iat"]), float(claims["exp"]), _binding(claims.get("cnf")))
        except (JoseError, AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
            raise NotAuthenticated(
                "token_invalid",
                "The token is not meant for this service, or not yet.",
                reason="token_claims_wrong",
            ) from error

    def _remember(self, digest: bytes, believed: Believed) -> Believed:
        if self._is_covered(believed):
            self._known[digest] = believed
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return believed

    def _is_covered(self, believed: Believed) -> bool:
        """Whether what the client may covers what the token says. False for one that may be newer than we know.

        Raises `NotAuthenticated` when the client is disabled or has lost what the token says.
        """
        caller, binding = believed.caller, believed.binding or UNBOUND
        standing = None if caller.session else self._registered.standing(caller.id)
        if standing is None:
            return True
        if not standing.is_disabled:
            # A person's token is a portal's word: it rests on what the portal may, bound as the portal must.
            roles = frozenset({CallerRole.portal.value}) if caller.person else caller.roles
            if standing.covers(roles, binding.key, binding.certificate):
                return True
            if believed.issued >= self._registered.read_at:
                return False
        raise refused(
            "token_revoked",
            "The client was disabled, or may less than its token says. Get a new one.",
            caller,
        )


def refused(code: str, detail: str, caller: Caller, *, scheme: str = "Bearer") -> NotAuthenticated:
    """The refusal of a token that is ours: the log may know whose."""
    return NotAuthenticated(code, detail, client=caller.id, scheme=scheme)


def split_header(authorization: str | None) -> tuple[str, str]:
    """Scheme, in small letters, and token of an Authorization header; raises `NotAuthenticated`."""
    if not authorization:
        raise NotAuthenticated("token_missing", _HOW, word="")
    scheme, _, token = authorization.partition(" ")
    scheme = scheme.lower()
    if scheme not in ("bearer", "dpop") or not token.isascii() or not 0 < len(token) <= jws.MAX_TOKEN_BYTES:
        raise NotAuthenticated("token_malformed", _HOW)
    return scheme, token


def _binding(confirmed: Mapping[str, Any] | None) -> Binding | None:
    """What `cnf` asks of the sender. One that says anything else is not of ours."""
    if confirmed is None:
        return None
    key, certificate = confirmed.get("jkt"), confirmed.get("x5t#S256")
    if len(confirmed) != sum(each is not None for each in (key, certificate)) or not confirmed:
        raise ValueError("a binding that is not known here")
    return Binding(key, certificate)


def _signing_key(ring: KeyRing, root: str) -> OKPKey:
    seed = ring.derive("access-token-signing", root=root)
    return OKPKey.import_key(Ed25519PrivateKey.from_private_bytes(seed))
