"""Callers: the token endpoint and the check of tokens, and everything an attacker has tried on either elsewhere."""

import base64
import hmac
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote_plus

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc import jws
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from gateway.cache import MemoryCache
from gateway.errors import (
    CacheUnavailable,
    GatewayError,
    NotAllowed,
    NotAuthenticated,
    OAuthError,
    StoreUnavailable,
)
from gateway.records import Caller, Client
from gateway.security import (
    KeyRing,
    TokenAnswer,
    TokenService,
    hash_client_secret,
    new_client_secret,
    oauth_answer,
    require_roles,
)
from gateway.security.proofs import ProofMemory
from gateway.settings import Settings
from gateway.store.replays import MemoryReplays

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
AT = int(NOW.timestamp())
SETTINGS = Settings(issuer="https://gate", public_url="https://gate.example")
ENDPOINT = "https://gate.example/oauth/token"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
RING = KeyRing([b"r" * 32])
KEYS = {
    "Ed25519": OKPKey.generate_key("Ed25519", {"kid": "ed"}),
    "ES256": ECKey.generate_key("P-256", {"kid": "ec"}),
    "RS256": RSAKey.generate_key(2048, {"kid": "rsa"}),
}
OTHERS = OKPKey.generate_key("Ed25519", {"kid": "ed"})
SECRET = new_client_secret()
SECRET_HASH = hash_client_secret(SECRET)


class FakeClients:
    """The client store, from a list."""

    def __init__(self, *clients: Client) -> None:
        self._clients = {client.id: client for client in clients}

    async def client(self, client_id: str) -> Client | None:
        """As the port promises."""
        return self._clients.get(client_id)


class LostReplays(MemoryReplays):
    """A database that cannot be reached."""

    async def add_once(self, key: str, until: datetime) -> bool:
        """As the port promises when the database is away."""
        raise StoreUnavailable("store_unavailable", "Try again.")


def make_client(client_id: str = "hall", **changes: Any) -> Client:
    """A client with one key of each kind, unless changed."""
    keys = {"keys": [key.as_dict(private=False) for key in KEYS.values()]}
    given = {"jwks": keys, "department": "政务服务", "roles": frozenset({"renderer", "consent_desk"})}
    return Client(id=client_id, name="Hall", **given | changes)


CLIENTS = FakeClients(
    make_client(),
    make_client("school", jwks={"keys": [OTHERS.as_dict(private=False)]}),
    make_client("gone", disabled_at=NOW),
    make_client("basic", jwks=None, secret_hash=SECRET_HASH),
    make_client("basic:gone", jwks=None, secret_hash=SECRET_HASH, disabled_at=NOW),
)


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        """The time a test set."""
        return self.now


def make_service(settings: Settings = SETTINGS, ring: KeyRing = RING, **parts: Any) -> TokenService:
    """A token service with an empty replay memory and a clock that stands still."""
    replays = parts.get("replays") or MemoryReplays()
    proofs = ProofMemory(MemoryCache(), replays)
    return TokenService(
        settings, ring, **{"clients": CLIENTS, "replays": replays, "proofs": proofs, "clock": Clock()} | parts
    )


@pytest.fixture
def service() -> TokenService:
    """A token service nobody has used yet."""
    return make_service()


def b64(data: bytes | Mapping[str, Any]) -> str:
    """A segment of a compact JWS."""
    raw = data if isinstance(data, bytes) else json.dumps(data).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def claims_of(token: str) -> dict[str, Any]:
    """The claims a token shows, unverified."""
    payload = token.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=="))
    return claims


def sign(header: Mapping[str, Any], claims: Mapping[str, Any] | bytes, key: Any) -> str:
    """A compact JWS, signed with whatever algorithm is asked for."""
    payload = claims if isinstance(claims, bytes) else json.dumps(claims)
    registry = jws.JWSRegistry(algorithms=[header["alg"]], strict_check_header=False)
    return jws.serialize_compact(dict(header), payload, key, registry=registry)


def assertion_claims(**changes: Any) -> dict[str, Any]:
    """The claims of a good assertion, with changes; None takes a claim away."""
    good = {"iss": "hall", "sub": "hall", "aud": ENDPOINT, "jti": "j1", "iat": AT, "exp": AT + 60}
    return {name: value for name, value in (good | changes).items() if value is not None}


def make_assertion(alg: str = "Ed25519", *, header: Mapping[str, Any] | None = None, **changes: Any) -> str:
    """A good assertion by the hall, with changes to header and claims."""
    key = KEYS["RS256" if alg == "PS256" else alg]
    return sign({"alg": alg, "kid": key.kid, **(header or {})}, assertion_claims(**changes), key)


def form_of(assertion: str, **changes: str) -> dict[str, str]:
    """The form that presents an assertion."""
    return {
        "grant_type": "client_credentials",
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": assertion,
        **changes,
    }


def basic(client_id: str, secret: str) -> str:
    """A Basic header as RFC 6749 wants it."""
    return "Basic " + base64.b64encode(f"{quote_plus(client_id)}:{quote_plus(secret)}".encode()).decode()


async def refusal(
    service: TokenService, form: Mapping[str, str], authorization: str | None = None
) -> OAuthError:
    """How the token endpoint refuses that; fails when it does not."""
    with pytest.raises(OAuthError) as caught:
        await service.issue(form, authorization)
    return caught.value


# --- tokens are issued


@pytest.mark.parametrize("alg", ["Ed25519", "ES256", "RS256", "PS256"])
async def test_a_signed_assertion_gets_a_token(service: TokenService, alg: str) -> None:
    """Each allowed algorithm proves the client; the token says who it is."""
    answer = await service.issue(form_of(make_assertion(alg)), None)

    expected = Caller("hall", "政务服务", frozenset({"renderer", "consent_desk"}))
    assert service.authenticate(f"Bearer {answer.access_token}", NOW) == expected


async def test_the_old_name_of_ed25519_is_understood(service: TokenService) -> None:
    """Many libraries still write EdDSA in the header and in the key."""
    parts = [b64({"alg": "EdDSA", "kid": "ed"}), b64(assertion_claims())]
    signature = KEYS["Ed25519"].private_key.sign(".".join(parts).encode())

    assert await service.issue(form_of(".".join([*parts, b64(signature)])), None)


@pytest.mark.parametrize("audience", [ENDPOINT, "https://gate", [ENDPOINT], [ENDPOINT, "https://gate"]])
async def test_endpoint_and_issuer_are_both_our_names(service: TokenService, audience: Any) -> None:
    """An assertion may be addressed to either, or to both."""
    assert await service.issue(form_of(make_assertion(aud=audience)), None)


@pytest.mark.parametrize("typ", ["JWT", "client-authentication+jwt"])
async def test_usual_types_of_assertions_are_accepted(service: TokenService, typ: str) -> None:
    """RFC 7523 names no type; these two are in use."""
    assert await service.issue(form_of(make_assertion(header={"typ": typ})), None)


async def test_clocks_may_differ_by_half_a_minute(service: TokenService) -> None:
    """An honest client whose clock is a little off is not turned away."""
    early = make_assertion(jti="early", iat=AT + 29, nbf=AT + 29, exp=AT + 320)
    late = make_assertion(jti="late", iat=AT - 300, exp=AT - 29)

    assert await service.issue(form_of(early), None)
    assert await service.issue(form_of(late), None)


async def test_the_answer_is_what_oauth_clients_expect(service: TokenService) -> None:
    """Bearer, five minutes, and the roles as scope; the token does not show in `repr`."""
    answer = await service.issue(form_of(make_assertion()), None)

    body = answer.as_dict()
    token = body.pop("access_token")
    assert body == {"token_type": "Bearer", "expires_in": 300, "scope": "consent_desk renderer"}
    assert token not in repr(answer)


async def test_a_token_carries_the_claims_of_rfc_9068(service: TokenService) -> None:
    """Issuer, audience, subject, client, times, a fresh id, and our roles and department."""
    claims = claims_of((await service.issue(form_of(make_assertion()), None)).access_token)

    assert len(claims.pop("jti")) > 20
    assert claims == {
        "iss": "https://gate",
        "aud": "oncegate",
        "sub": "hall",
        "client_id": "hall",
        "iat": AT,
        "exp": AT + 300,
        "roles": ["consent_desk", "renderer"],
        "department": "政务服务",
    }


async def test_a_scope_narrows_the_roles(service: TokenService) -> None:
    """A client may take less than it holds."""
    answer = await service.issue(form_of(make_assertion(), scope="renderer"), None)

    assert answer.scope == "renderer"
    assert service.authenticate(f"Bearer {answer.access_token}", NOW).roles == {"renderer"}


async def test_a_scope_cannot_widen_the_roles(service: TokenService) -> None:
    """A role the client does not hold is refused, not dropped."""
    error = await refusal(service, form_of(make_assertion(), scope="renderer auditor"))

    assert (error.status, error.code) == (400, "invalid_scope")


async def test_a_secret_gets_a_token_in_development(service: TokenService) -> None:
    """The short way for a developer with curl."""
    answer = await service.issue({"grant_type": "client_credentials"}, basic("basic", SECRET))

    assert service.authenticate(f"Bearer {answer.access_token}", NOW).id == "basic"


# --- the token endpoint refuses

MANY = "[" * 3000
FORGED: dict[str, Callable[[], str]] = {
    "alg none, no signature": lambda: b64({"alg": "none"}) + "." + b64(assertion_claims()) + ".",
    "alg none, with a signature": lambda: ".".join([b64({"alg": "none"}), b64(assertion_claims()), "AAAA"]),
    "alg NONE in capitals": lambda: ".".join([b64({"alg": "NONE"}), b64(assertion_claims()), "AAAA"]),
    "HS256 with the public key as secret": lambda: hs256(KEYS["RS256"].as_pem(private=False)),
    "HS256 with the JWK as secret": lambda: hs256(
        json.dumps(KEYS["Ed25519"].as_dict(private=False)).encode()
    ),
    "an algorithm not on the list": lambda: sign(
        {"alg": "RS512", "kid": "rsa"}, assertion_claims(), KEYS["RS256"]
    ),
    "the algorithm of another key": lambda: sign(
        {"alg": "ES256", "kid": "ed"}, assertion_claims(), KEYS["ES256"]
    ),
    "no algorithm": lambda: ".".join([b64({"kid": "ed"}), b64(assertion_claims()), "AAAA"]),
    "alg is a list": lambda: ".".join([b64({"alg": ["Ed25519"]}), b64(assertion_claims()), "AAAA"]),
    "another's key under our kid": lambda: sign({"alg": "Ed25519", "kid": "ed"}, assertion_claims(), OTHERS),
    "an unknown kid": lambda: make_assertion(header={"kid": "nobody"}),
    "kid is a path": lambda: make_assertion(header={"kid": "../../dev/null"}),
    "kid is SQL": lambda: make_assertion(header={"kid": "x' UNION SELECT 'k"}),
    "no kid among several keys": lambda: sign({"alg": "Ed25519"}, assertion_claims(), KEYS["Ed25519"]),
    "kid is a number": lambda: tampered(make_assertion(), header={"alg": "Ed25519", "kid": 1}),
    "its own key in the header": lambda: sign(
        {"alg": "Ed25519", "jwk": OTHERS.as_dict(private=False), "kid": "ed"}, assertion_claims(), OTHERS
    ),
    "a key address in the header": lambda: sign(
        {"alg": "Ed25519", "jku": "https://evil/jwks", "kid": "ed"}, assertion_claims(), OTHERS
    ),
    "a certificate address in the header": lambda: sign(
        {"alg": "Ed25519", "x5u": "https://evil/cert", "kid": "ed"}, assertion_claims(), OTHERS
    ),
    "a critical extension": lambda: tampered(
        make_assertion(), header={"alg": "Ed25519", "kid": "ed", "crit": ["exp"], "exp": 1}
    ),
    "an unencoded payload": lambda: tampered(
        make_assertion(), header={"alg": "Ed25519", "kid": "ed", "b64": False, "crit": ["b64"]}
    ),
    "tampered claims": lambda: tampered(make_assertion(), claims=assertion_claims(exp=AT + 61)),
    "a tampered signature": lambda: make_assertion()[:-4] + "AAAA",
    "an empty signature": lambda: make_assertion().rpartition(".")[0] + ".",
    "an access token type": lambda: make_assertion(header={"typ": "at+jwt"}),
    "typ is a list": lambda: tampered(make_assertion(), header={"alg": "Ed25519", "kid": "ed", "typ": []}),
    "expired": lambda: make_assertion(exp=AT - 30),
    "no expiry": lambda: make_assertion(exp=None),
    "expiry is NaN": lambda: sign_raw(
        b'{"exp":NaN,"iss":"hall","sub":"hall","jti":"1","aud":"https://gate"}'
    ),
    "expiry is text": lambda: make_assertion(exp=str(AT + 60)),
    "expiry is true": lambda: make_assertion(exp=True),
    "lives too long": lambda: make_assertion(exp=AT + 331),
    "lives for ever": lambda: make_assertion(exp=1e300),
    "expiry beyond any number": lambda: make_assertion(exp=10**400),
    "not valid yet": lambda: make_assertion(nbf=AT + 31),
    "issued in the future": lambda: make_assertion(iat=AT + 31),
    "issued long ago": lambda: make_assertion(iat=AT - 331),
    "issued before time": lambda: make_assertion(iat=-1e300),
    "no jti": lambda: make_assertion(jti=None),
    "jti is empty": lambda: make_assertion(jti=""),
    "jti is a number": lambda: make_assertion(jti=1),
    "jti is huge": lambda: make_assertion(jti="j" * 257),
    "no audience": lambda: make_assertion(aud=None),
    "another audience": lambda: make_assertion(aud="https://other/oauth/token"),
    "our audience and another": lambda: make_assertion(aud=[ENDPOINT, "https://other"]),
    "an empty list of audiences": lambda: make_assertion(aud=[]),
    "audience is an object": lambda: make_assertion(aud={"a": 1}),
    "audience with a slash more": lambda: make_assertion(aud=ENDPOINT + "/"),
    "issuer is not subject": lambda: make_assertion(iss="school"),
    "no subject": lambda: make_assertion(sub=None),
    "subject is a list": lambda: make_assertion(sub=["hall"], iss=["hall"]),
    "for another client": lambda: make_assertion(iss="school", sub="school"),
    "for an unknown client": lambda: make_assertion(iss="nobody", sub="nobody"),
    "for a disabled client": lambda: make_assertion(iss="gone", sub="gone"),
    "for a client without keys": lambda: make_assertion(iss="basic", sub="basic"),
    "claims are a list": lambda: sign_raw(b"[]"),
    "claims are not JSON": lambda: sign_raw(b"hello"),
    "claims nest without end": lambda: sign_raw(MANY.encode()),
    "header nests deep": lambda: ".".join([b64(b"[" * 700), b64(assertion_claims()), "AAAA"]),
    "header is a list": lambda: ".".join([b64(b"[]"), b64(assertion_claims()), "AAAA"]),
    "two parts": lambda: make_assertion().rpartition(".")[0],
    "five parts, as encrypted ones have": lambda: "a.b.c.d.e",
    "not ASCII": lambda: make_assertion() + "\u00e9",
    "line breaks": lambda: make_assertion() + "\n",
    "huge": lambda: make_assertion(padding="x" * 100_000),
    "empty": lambda: "",
}


def hs256(secret: bytes) -> str:
    """An assertion under HMAC, keyed with something public."""
    signing_input = f"{b64({'alg': 'HS256', 'kid': 'rsa'})}.{b64(assertion_claims())}"
    return f"{signing_input}.{b64(hmac.digest(secret, signing_input.encode(), 'sha256'))}"


def tampered(
    token: str, *, header: Mapping[str, Any] | None = None, claims: Mapping[str, Any] | None = None
) -> str:
    """The token with another header or other claims under its old signature."""
    parts = token.split(".")
    return ".".join([b64(header) if header else parts[0], b64(claims) if claims else parts[1], parts[2]])


def sign_raw(payload: bytes) -> str:
    """An assertion whose payload is whatever it is."""
    return sign({"alg": "Ed25519", "kid": "ed"}, payload, KEYS["Ed25519"])


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED.keys())
async def test_a_forged_assertion_gets_nothing(service: TokenService, forge: Callable[[], str]) -> None:
    """Every trick ends the same way: invalid_client, in a sentence that does not say what was wrong."""
    error = await refusal(service, form_of(forge()))

    assert (error.status, error.code) == (401, "invalid_client")
    assert error.detail == (await refusal(service, {"grant_type": "client_credentials"})).detail


async def test_an_assertion_works_once(service: TokenService) -> None:
    """Whoever copied it from a log is too late."""
    assertion = make_assertion()
    await service.issue(form_of(assertion), None)

    assert (await refusal(service, form_of(assertion))).reason == "replayed"


async def test_the_jti_works_once_whatever_else_changes(service: TokenService) -> None:
    """It is the id that is remembered, not the bytes."""
    await service.issue(form_of(make_assertion()), None)

    assert (await refusal(service, form_of(make_assertion("ES256", exp=AT + 90)))).reason == "replayed"


async def test_clients_do_not_share_ids(service: TokenService) -> None:
    """Two clients may use the same jti."""
    other = sign({"alg": "Ed25519", "kid": "ed"}, assertion_claims(iss="school", sub="school"), OTHERS)

    assert await service.issue(form_of(make_assertion()), None)
    assert await service.issue(form_of(other), None)


async def test_an_assertion_is_remembered_for_as_long_as_it_would_pass() -> None:
    """Between its last valid second and its being forgotten there is no gap, however often what is over is purged."""
    clock, replays = Clock(), MemoryReplays()
    service = make_service(clock=clock, replays=replays)
    assertion = make_assertion()
    await service.issue(form_of(assertion), None)

    reasons = set()
    for passed in range(1, 200):
        clock.now = NOW + timedelta(seconds=passed)
        await replays.purge(clock.now)
        reasons.add((await refusal(service, form_of(assertion))).reason)

    assert reasons == {"replayed", "claims_wrong"}


async def test_a_refused_assertion_does_not_use_up_its_id(service: TokenService) -> None:
    """A forger cannot spend the ids of an honest client."""
    await refusal(service, form_of(make_assertion()[:-4] + "AAAA"))

    assert await service.issue(form_of(make_assertion()), None)


async def test_without_the_replay_memory_nobody_gets_a_token() -> None:
    """Without the database nobody can say whether an assertion was used: refused, never permitted."""
    with pytest.raises(StoreUnavailable):
        await make_service(replays=LostReplays()).issue(form_of(make_assertion()), None)


async def test_no_cache_can_let_an_assertion_through_twice() -> None:
    """Every cache lost, every process restarted: what the database knows stays used."""
    replays, assertion = MemoryReplays(), make_assertion()
    await make_service(replays=replays).issue(form_of(assertion), None)

    restarted = make_service(replays=replays)

    assert (await refusal(restarted, form_of(assertion))).reason == "replayed"


@pytest.mark.parametrize(
    ("form", "authorization", "code"),
    [
        ({}, None, "unsupported_grant_type"),
        ({"grant_type": "password"}, None, "unsupported_grant_type"),
        ({"grant_type": "client_credentials"}, None, "invalid_client"),
        (form_of("x", client_assertion_type="urn:other"), None, "invalid_request"),
        (form_of("x"), basic("basic", SECRET), "invalid_request"),
        ({"grant_type": "client_credentials", "client_secret": SECRET}, None, "invalid_request"),
        (form_of(make_assertion(), client_id="school"), None, "invalid_client"),
    ],
    ids=[
        "no grant type", "another grant type", "no proof", "another assertion type", "two proofs", "secret in the body",
        "client_id of another",
    ],
)  # fmt: skip
async def test_a_wrong_request_is_told_apart(
    service: TokenService, form: dict[str, str], authorization: str | None, code: str
) -> None:
    """Mistakes of form have OAuth's own words."""
    assert (await refusal(service, form, authorization)).code == code


@pytest.mark.parametrize(
    "authorization",
    [
        basic("basic", "wrong"),
        basic("basic", ""),
        basic("basic", "s" * 300),
        basic("nobody", SECRET),
        basic("hall", SECRET),
        basic("basic:gone", SECRET),
        "Basic !",
        "Basic " + base64.b64encode(b"no colon").decode(),
        "Basic " + base64.b64encode(b"\xff:\xff").decode(),
        "Bearer " + base64.b64encode(f"basic:{SECRET}".encode()).decode(),
    ],
    ids=[
        "wrong", "empty", "huge", "unknown client", "client with keys", "disabled", "not base64", "no colon", "not UTF-8",
        "another scheme",
    ],
)  # fmt: skip
async def test_a_wrong_secret_gets_nothing(service: TokenService, authorization: str) -> None:
    """Wrong, empty, of another client, malformed: all alike."""
    error = await refusal(service, {"grant_type": "client_credentials"}, authorization)

    assert (error.status, error.code) == (401, "invalid_client")


async def test_secrets_are_off_when_the_setting_is_off() -> None:
    """Even the right secret: production knows keys only."""
    settings = Settings(issuer="https://gate", client_secret_basic=False)

    error = await refusal(
        make_service(settings), {"grant_type": "client_credentials"}, basic("basic", SECRET)
    )

    assert error.reason == "secrets_are_off"


@pytest.mark.parametrize(
    "stored", ["", "scrypt$1", "bcrypt$1$2$3$4$5", "scrypt$a$8$1$AA==$AA==", "scrypt$16384$8$1$!$!"]
)
async def test_a_damaged_hash_lets_nobody_in(stored: str) -> None:
    """A stored hash that cannot be read matches no secret."""
    clients = FakeClients(make_client("basic", jwks=None, secret_hash=stored))

    error = await refusal(
        make_service(clients=clients), {"grant_type": "client_credentials"}, basic("basic", SECRET)
    )

    assert error.reason == "secret_wrong"


@pytest.mark.parametrize(
    ("error", "status", "word", "headers"),
    [
        (OAuthError("invalid_client", "d", reason="r"), 401, "invalid_client", {"www-authenticate"}),
        (OAuthError("invalid_scope", "d", reason="r"), 400, "invalid_scope", set()),
        (CacheUnavailable("cache_unavailable", "d"), 503, "temporarily_unavailable", {"retry-after"}),
    ],
)
def test_refusals_are_written_as_oauth_writes_them(
    error: GatewayError, status: int, word: str, headers: set[str]
) -> None:
    """Status, word and headers of RFC 6749; the reason for our log is not in them."""
    given_status, body, given_headers = oauth_answer(error)

    assert (given_status, body) == (status, {"error": word, "error_description": "d"})
    assert set(given_headers) == headers | {"cache-control"}


# --- tokens are checked


@pytest.fixture
async def token(service: TokenService) -> str:
    """A token of the hall, fresh."""
    answer: TokenAnswer = await service.issue(form_of(make_assertion()), None)
    return answer.access_token


def code_of(service: TokenService, authorization: str | None, now: datetime = NOW) -> str:
    """The code by which a header is refused; fails when it is not."""
    with pytest.raises(NotAuthenticated) as caught:
        service.authenticate(authorization, now)
    return caught.value.code


async def test_a_token_ends_to_the_second(service: TokenService, token: str) -> None:
    """Valid just before its five minutes are over, expired at them, remembered or not."""
    header = f"Bearer {token}"
    almost, over = NOW + timedelta(seconds=299.9), NOW + timedelta(seconds=300)

    assert service.authenticate(header, almost).id == "hall"
    assert code_of(service, header, over) == "token_expired"
    assert code_of(make_service(), header, over) == "token_expired"


async def test_another_process_believes_the_same_token(token: str) -> None:
    """Workers share the root key, nothing else."""
    assert make_service().authenticate(f"bearer {token}", NOW).id == "hall"


async def test_a_rotation_keeps_the_tokens_of_the_last_five_minutes(token: str) -> None:
    """The old key still verifies; new tokens are signed by the new one; without the old key they end at once."""
    rotated = make_service(ring=KeyRing([b"n" * 32, b"r" * 32]))
    renewed = (await rotated.issue(form_of(make_assertion()), None)).access_token

    assert rotated.authenticate(f"Bearer {token}", NOW).id == "hall"
    assert code_of(make_service(), f"Bearer {renewed}") == "token_invalid"


async def test_the_published_keys_verify_tokens(service: TokenService, token: str) -> None:
    """Whoever wants to check a token elsewhere can; the keys are public ones only."""
    (key,) = service.jwks()["keys"]

    assert jws.deserialize_compact(token, OKPKey.import_key(key), algorithms=["Ed25519"])
    assert "d" not in key


@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        (None, "token_missing"),
        ("", "token_missing"),
        ("Bearer", "token_malformed"),
        ("Bearer ", "token_malformed"),
        pytest.param(basic("basic", SECRET), "token_malformed", id="basic"),
        ("Bearer \u00e9", "token_malformed"),
        ("Bearer " + "a" * 100_000, "token_malformed"),
        ("Bearer abc", "token_invalid"),
        ("Bearer a.b.c", "token_invalid"),
        ("Bearer  a.b.c", "token_invalid"),
    ],
)
def test_a_header_that_holds_no_token_is_refused(
    service: TokenService, authorization: str | None, code: str
) -> None:
    """Missing, malformed and invalid are three codes."""
    assert code_of(service, authorization) == code


def our_key() -> OKPKey:
    """The key that tokens are signed with: what an attacker would have to have."""
    return OKPKey.import_key(Ed25519PrivateKey.from_private_bytes(RING.derive("access-token-signing")))


def token_claims(**changes: Any) -> dict[str, Any]:
    """The claims of a good token, with changes; None takes a claim away."""
    good = {
        "iss": "https://gate", "aud": "oncegate", "sub": "hall", "client_id": "hall", "iat": AT, "exp": AT + 300,
        "roles": ["renderer"], "department": "d",
    }  # fmt: skip
    return {name: value for name, value in (good | changes).items() if value is not None}


HEADER = {"typ": "at+jwt", "alg": "Ed25519", "kid": RING.ids[0]}
BAD_TOKENS: dict[str, Callable[[], str]] = {
    "alg none": lambda: f"{b64({**HEADER, 'alg': 'none'})}.{b64(token_claims())}.",
    "alg none, with a signature": lambda: f"{b64({**HEADER, 'alg': 'none'})}.{b64(token_claims())}.AAAA",
    "HS256 with the public key": lambda: sign(
        {**HEADER, "alg": "HS256"}, token_claims(), OctKey.import_key(our_key().as_dict(private=False)["x"])
    ),
    "another key": lambda: sign(HEADER, token_claims(), OTHERS),
    "its own key in the header": lambda: sign(
        {**HEADER, "jwk": OTHERS.as_dict(private=False)}, token_claims(), OTHERS
    ),
    "another algorithm of the list for clients": lambda: sign(
        {**HEADER, "alg": "ES256"}, token_claims(), KEYS["ES256"]
    ),
    "no kid": lambda: sign({"typ": "at+jwt", "alg": "Ed25519"}, token_claims(), our_key()),
    "an unknown kid": lambda: sign({**HEADER, "kid": "x"}, token_claims(), our_key()),
    "type JWT": lambda: sign({**HEADER, "typ": "JWT"}, token_claims(), our_key()),
    "no type": lambda: sign({"alg": "Ed25519", "kid": RING.ids[0]}, token_claims(), our_key()),
    "a critical extension": lambda: (
        f"{b64({**HEADER, 'crit': ['exp'], 'exp': 1})}.{b64(token_claims())}.AAAA"
    ),
    "tampered roles": lambda: tampered(
        sign(HEADER, token_claims(), our_key()), claims=token_claims(roles=["auditor"])
    ),
    "another issuer": lambda: sign(HEADER, token_claims(iss="https://other"), our_key()),
    "another audience": lambda: sign(HEADER, token_claims(aud="other"), our_key()),
    "no audience": lambda: sign(HEADER, token_claims(aud=None), our_key()),
    "no subject": lambda: sign(HEADER, token_claims(sub=None), our_key()),
    "no expiry": lambda: sign(HEADER, token_claims(exp=None), our_key()),
    "expiry is text": lambda: sign(HEADER, token_claims(exp="later"), our_key()),
    "issued in the future": lambda: sign(HEADER, token_claims(iat=AT + 31), our_key()),
    "not valid yet": lambda: sign(HEADER, token_claims(nbf=AT + 31), our_key()),
    "no roles": lambda: sign(HEADER, token_claims(roles=None), our_key()),
    "no department": lambda: sign(HEADER, token_claims(department=None), our_key()),
    "a client assertion": make_assertion,
}


@pytest.mark.parametrize("forge", BAD_TOKENS.values(), ids=BAD_TOKENS.keys())
def test_a_forged_token_is_nobody(service: TokenService, forge: Callable[[], str]) -> None:
    """Even a token signed with our own key must be of our type, for us, and complete."""
    assert code_of(service, f"Bearer {forge()}") == "token_invalid"


def test_a_good_token_made_by_hand_passes(service: TokenService) -> None:
    """The forgeries above fail for what they change, not for how they are made."""
    assert service.authenticate(f"Bearer {sign(HEADER, token_claims(), our_key())}", NOW).id == "hall"


async def test_a_remembered_token_must_still_be_the_same(service: TokenService, token: str) -> None:
    """Remembering a token never makes a similar one pass."""
    service.authenticate(f"Bearer {token}", NOW)
    head, _, signature = token.rpartition(".")

    assert code_of(service, f"Bearer {head}.{'A' * len(signature)}") == "token_invalid"


async def test_the_memory_of_tokens_is_bounded(service: TokenService, token: str) -> None:
    """Many tokens push the oldest out, which is only checked again."""
    key = our_key()
    for number in range(4_200):
        service.authenticate(f"Bearer {sign(HEADER, token_claims(jti=str(number)), key)}", NOW)

    assert len(service._tokens._known) == 4_096
    assert service.authenticate(f"Bearer {token}", NOW).id == "hall"


# --- what a client may at present


PORTAL = {"roles": frozenset({"portal"})}


class Listed(FakeClients):
    """Clients that can be read page by page."""

    async def listing(self, *, after: str, limit: int) -> list[Client]:
        """As the port promises."""
        return [self._clients[each] for each in sorted(self._clients) if each > after][:limit]


@pytest.mark.parametrize(
    ("caller", "changes", "code"),
    [
        (Caller("hall", "d", frozenset({"renderer"})), {}, None),
        (Caller("hall", "d", frozenset({"renderer"})), {"disabled_at": NOW}, "token_revoked"),
        (Caller("hall", "d", frozenset({"renderer", "auditor"})), {}, "token_revoked"),
        (Caller("hall", "d", frozenset({"renderer"})), {"bound": "dpop"}, "token_revoked"),
        (Caller("hall", "d", frozenset({"renderer"})), {"bound": "mtls"}, "token_revoked"),
        (Caller("hall", "d", frozenset({"renderer"})), {"bound": "something newer"}, "token_revoked"),
        (Caller("hall", "d", frozenset({"person"}), person="sub_1"), PORTAL, None),
        (Caller("hall", "d", frozenset({"person"}), person="sub_1"), PORTAL | {"disabled_at": NOW}, "token_revoked"),
        (Caller("hall", "d", frozenset({"person"}), person="sub_1"), {}, "token_revoked"),
        (Caller("hall", "d", frozenset({"person"}), person="sub_1"), PORTAL | {"bound": "dpop"}, "token_revoked"),
        (Caller("hall", "d", frozenset({"auditor"}), session="ses_1"), {"disabled_at": NOW}, None),
        (Caller("new", "d", frozenset({"renderer"})), {}, None),
    ],
    ids=[
        "as registered", "disabled", "fewer roles", "must bind to a key", "must bind to a certificate", "unknown binding",
        "a person's", "a person's, of a disabled portal", "a person's, of a portal no more",
        "a person's, of a portal that must bind", "an operator's", "of a client newer than the look",
    ],
)  # fmt: skip
async def test_a_token_is_worth_what_its_client_may_now(
    caller: Caller, changes: dict[str, Any], code: str | None
) -> None:
    """From the next look at the clients on, remembered tokens too; whom nobody has looked at yet is believed."""
    service = make_service(clock=(clock := Clock()))
    header = f"Bearer {service.issue_to(caller, 300)}"
    service.authenticate(header, NOW)
    clock.now = NOW + timedelta(seconds=2)

    await service.take_up(Listed(make_client(**changes)))

    if code is None:
        assert service.authenticate(header, clock.now) == caller
    else:
        assert code_of(service, header, clock.now) == code


async def test_looking_again_without_news_verifies_nothing_anew(service: TokenService, token: str) -> None:
    """Clients that are as they were cost their callers nothing."""
    await service.take_up(Listed(make_client()))
    service.authenticate(f"Bearer {token}", NOW)

    await service.take_up(Listed(make_client()))

    assert len(service._tokens._known) == 1


# --- roles


def test_one_of_the_roles_is_enough() -> None:
    """A caller with any of them may go on."""
    require_roles(Caller("c", "d", frozenset({"auditor"})), "operator", "auditor")


def test_without_a_role_the_caller_is_told_which() -> None:
    """403 names what to ask for."""
    with pytest.raises(NotAllowed, match="operator or auditor") as caught:
        require_roles(Caller("c", "d", frozenset({"renderer"})), "operator", "auditor")

    assert (caught.value.status, caught.value.code) == (403, "role_required")
