"""Every attack on callers' tokens that we know by name, over HTTP: each is refused with its status, code and reason.

One service and honest clients; an attack changes one thing of what an honest client sends. The refusal is an entry of the
log; neither the answer nor the entry holds anything of what was sent. The last test prints how many there are.
"""

import base64
import hashlib
import hmac
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import orjson
import pytest
import pytest_asyncio
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc import jws
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from field_registry import Registry
from gateway.app import create_app
from gateway.curation import Publisher
from gateway.records import Client, Entry, EntryFilter, EntryKind
from gateway.security import KeyRing, hash_client_secret, load_key_ring, new_client_secret, new_reference
from gateway.settings import Settings
from gateway.store.memory import MemoryStore
from policies import Policy

pytestmark = pytest.mark.asyncio(loop_scope="module")

START = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
PUBLIC = "https://gate.example"
ENDPOINT = f"{PUBLIC}/oauth/token"
FORMS = f"{PUBLIC}/v1/forms"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
PROXY, STRANGER = "10.0.0.7", "203.0.113.9"
CANARY = "canary-zhang-san-7f3a"
"""Stands wherever an attacker may write something; it may come back nowhere."""

CLIENT_KEYS = {
    "Ed25519": OKPKey.generate_key("Ed25519", {"kid": "ed"}),
    "ES256": ECKey.generate_key("P-256", {"kid": "ec"}),
    "RS256": RSAKey.generate_key(2048, {"kid": "rsa"}),
}
STOLEN = OKPKey.generate_key("Ed25519", {"kid": "ed"})
"""The attacker's own key, under a name of ours."""
HOLDER, OTHER_HOLDER = OKPKey.generate_key("Ed25519"), OKPKey.generate_key("Ed25519")
HOLDER_EC, HOLDER_RSA = ECKey.generate_key("P-256"), RSAKey.generate_key(2048)
SECRET = new_client_secret()
Json = Mapping[str, Any]


# ---------------------------------------------------------------- tokens of any make


def b64(data: bytes | str | Json) -> str:
    """A segment of a compact JWS."""
    raw = (
        data
        if isinstance(data, bytes)
        else data.encode()
        if isinstance(data, str)
        else json.dumps(data).encode()
    )
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def sign(header: Json, claims: Json | bytes | str, key: Any) -> str:
    """A compact JWS under whatever algorithm its header names."""
    payload = json.dumps(claims) if isinstance(claims, Mapping) else claims
    if header["alg"] == "Ed25519" and isinstance(key, OKPKey):  # the library would not sign every header
        return sign_bytes(
            json.dumps(header).encode(), payload if isinstance(payload, bytes) else payload.encode(), key
        )
    registry = jws.JWSRegistry(algorithms=[header["alg"]], strict_check_header=False)
    registry.max_payload_length = 2_000_000
    registry.max_header_length = 100_000
    return jws.serialize_compact(dict(header), payload, key, registry=registry)


def sign_bytes(header: bytes, claims: bytes, key: OKPKey) -> str:
    """A compact JWS over exactly these bytes, in order and well signed."""
    signing_input = f"{b64(header)}.{b64(claims)}"
    signature: bytes = key.private_key.sign(signing_input.encode())  # type: ignore[union-attr,call-arg,assignment]
    return f"{signing_input}.{b64(signature)}"


def hs256(header: Json, claims: Json, secret: bytes) -> str:
    """A compact JWS under HMAC, keyed with something that is public."""
    signing_input = f"{b64({**header, 'alg': 'HS256'})}.{b64(claims)}"
    return f"{signing_input}.{b64(hmac.digest(secret, signing_input.encode(), 'sha256'))}"


def with_header(token: str, header: Json) -> str:
    """The token under another header, with its old signature."""
    return ".".join([b64(header), *token.split(".")[1:]])


def with_claims(token: str, claims: Json) -> str:
    """The token with other claims, with its old signature."""
    parts = token.split(".")
    return ".".join([parts[0], b64(claims), parts[2]])


def respelled(token: str) -> str:
    """The same signature in another spelling: the unused bits of the last character are set."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return token[:-1] + alphabet[alphabet.index(token[-1]) + 1]


def malleated(token: str) -> str:
    """An ES256 token whose signature (r, s) is replaced by (r, n - s), which verifies as well."""
    head, _, signature = token.rpartition(".")
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    raw = base64.urlsafe_b64decode(signature + "==")
    flipped = order - int.from_bytes(raw[32:])
    return f"{head}.{b64(raw[:32] + flipped.to_bytes(32))}"


def certificate() -> str:
    """A client certificate as the proxy passes it on (RFC 9440)."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "hall")])
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(START)
        .not_valid_after(START + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    return f":{base64.b64encode(built.public_bytes(serialization.Encoding.DER)).decode()}:"


CERTIFICATE, OTHER_CERTIFICATE = certificate(), certificate()


# ---------------------------------------------------------------- the service and its honest clients


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        """The time a test set."""
        return self.now


@dataclass
class World:
    """The service as its clients and an attacker meet it."""

    app: Any
    store: MemoryStore
    clock: Clock
    ring: KeyRing
    direct: httpx.AsyncClient
    proxied: httpx.AsyncClient
    number: int = 0

    @property
    def at(self) -> int:
        """Now, in seconds."""
        return int(self.clock.now.timestamp())

    def id(self) -> str:
        """One that was never used."""
        self.number += 1
        return f"{CANARY}-{self.number}"

    # --- what an honest client sends

    def assertion_claims(self, **changes: Any) -> dict[str, Any]:
        """The claims of a good assertion of the hall, with changes; None takes a claim away."""
        good = {
            "iss": "hall",
            "sub": "hall",
            "aud": ENDPOINT,
            "jti": self.id(),
            "iat": self.at,
            "exp": self.at + 60,
        }
        return {name: value for name, value in (good | changes).items() if value is not None}

    def assertion(
        self, alg: str = "Ed25519", *, header: Json | None = None, key: Any = None, **changes: Any
    ) -> str:
        """A good assertion of the hall, with changes to header, key and claims."""
        ours = CLIENT_KEYS[alg]
        return sign(
            {"alg": alg, "kid": ours.kid, **(header or {})}, self.assertion_claims(**changes), key or ours
        )

    async def ask(
        self, assertion: str | None = None, *, form: Json | None = None, **sent: Any
    ) -> httpx.Response:
        """The token endpoint's answer."""
        given = {
            "grant_type": "client_credentials",
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": self.assertion() if assertion is None else assertion,
            **(form or {}),
        }
        data = {name: value for name, value in given.items() if value is not None}
        via = self.proxied if sent.pop("proxied", False) else self.direct
        return await via.post("/oauth/token", data=data, **sent)

    async def token(self, key: Any = None, **sent: Any) -> str:
        """A fresh token of the hall; bound to `key` or a certificate if one is sent."""
        headers = dict(sent.pop("headers", {}))
        if key is not None:
            proof = self.proof(key, htm="POST", htu=ENDPOINT)
            answer = await self.ask(headers={**headers, "dpop": proof}, **sent)
            if answer.status_code == 400 and answer.json()["error"] == "use_dpop_nonce":
                proof = self.proof(key, htm="POST", htu=ENDPOINT, nonce=answer.headers["dpop-nonce"])
                answer = await self.ask(headers={**headers, "dpop": proof}, **sent)
        else:
            answer = await self.ask(headers=headers, **sent)
        assert answer.status_code == 200, answer.text
        token: str = answer.json()["access_token"]
        return token

    def proof(
        self, key: Any = HOLDER, *, header: Json | None = None, alg: str = "Ed25519", **changes: Any
    ) -> str:
        """A good DPoP proof for GET /v1/forms, with changes; None takes a claim away."""
        good = {"jti": self.id(), "htm": "GET", "htu": FORMS, "iat": self.at, "ath": None, "nonce": None}
        claims = {name: value for name, value in (good | changes).items() if value is not None}
        jwk = key.as_dict(private=False)
        return sign({"typ": "dpop+jwt", "alg": alg, "jwk": jwk, **(header or {})}, claims, key)

    async def get(self, authorization: str | None, **sent: Any) -> httpx.Response:
        """What GET /v1/forms answers to that."""
        via = self.proxied if sent.pop("proxied", False) else self.direct
        headers = sent.pop("headers", [])
        given = [("authorization", authorization)] if authorization is not None else []
        more = headers.items() if isinstance(headers, Mapping) else headers
        return await via.get("/v1/forms", headers=[*given, *more], **sent)

    async def nonce(self) -> str:
        """A nonce that the service gave just now."""
        token = await self.token(HOLDER)
        proof = self.proof(ath=ath(token), nonce="none-of-yours")
        answer = await self.get(f"DPoP {token}", headers={"dpop": proof})
        return str(answer.headers["dpop-nonce"])

    async def send_proof(self, **changes: Any) -> httpx.Response:
        """GET /v1/forms with a good bound token and a proof that is good but for the changes."""
        token = await self.token(HOLDER)
        nonce = changes.pop("nonce", await self.nonce())
        return await self.get(
            f"DPoP {token}", headers={"dpop": self.proof(**{"ath": ath(token), "nonce": nonce} | changes)}
        )

    # --- what only we could make

    def our_key(self, root: str | None = None) -> OKPKey:
        """The key that tokens are signed with: what an attacker would have to have."""
        seed = self.ring.derive("access-token-signing", root=root)
        return OKPKey.import_key(Ed25519PrivateKey.from_private_bytes(seed))

    def token_header(self, **changes: Any) -> dict[str, Any]:
        """The header of a good token."""
        good = {"typ": "at+jwt", "alg": "Ed25519", "kid": self.ring.ids[0]}
        return {name: value for name, value in (good | changes).items() if value is not None}

    def token_claims(self, **changes: Any) -> dict[str, Any]:
        """The claims of a good token of the hall."""
        good = {
            "iss": PUBLIC, "aud": "oncegate", "sub": "hall", "client_id": "hall", "iat": self.at, "exp": self.at + 300,
            "jti": self.id(), "roles": ["renderer"], "department": "政务服务",
        }  # fmt: skip
        return {name: value for name, value in (good | changes).items() if value is not None}

    def minted(self, *, header: Json | None = None, **changes: Any) -> str:
        """A token signed by our own key, with changes."""
        return sign(self.token_header(**(header or {})), self.token_claims(**changes), self.our_key())

    # --- and what is left of it

    async def noted(self) -> list[Entry]:
        """Every refusal in the log, oldest first."""
        await self.app.state.refusals.flush()
        found = EntryFilter(kind=EntryKind.access_refused)
        return list(await self.store.entries.search(found, after="", limit=5_000))


def ath(token: str) -> str:
    """The hash of a token, as a proof holds it."""
    return b64(hashlib.sha256(token.encode()).digest())


def make_client(client_id: str = "hall", **changes: Any) -> Client:
    """A client with one key of each kind."""
    keys = {"keys": [key.as_dict(private=False) for key in CLIENT_KEYS.values()]}
    given = {"jwks": keys, "department": "政务服务", "roles": frozenset({"renderer"})}
    return Client(id=client_id, name=client_id, **given | changes)


CLIENTS = (
    make_client(),
    make_client("school", jwks={"keys": [STOLEN.as_dict(private=False)]}),
    make_client("dpop-only", bound="dpop"),
    make_client("mtls-only", bound="mtls"),
    make_client("gone", disabled_at=START),
    make_client("basic", jwks=None, secret_hash=hash_client_secret(SECRET)),
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """The service behind a proxy that ends TLS, and two ways to it: through the proxy, and past it."""
    settings = Settings(
        state_dir=tmp_path_factory.mktemp("state"),
        issuer=PUBLIC,
        public_url=PUBLIC,
        behind_tls_proxy=True,
        client_certificate_header="Client-Cert",
        trusted_proxies=(f"{PROXY}/32",),
        rate_limit_per_second=0,
        token_failures_per_minute=0,
    )
    store, clock = MemoryStore(), Clock()
    publisher = Publisher(store, "test", START, new_reference)
    await publisher.registry(Registry.of(0, items=(), sources=(), bindings=()))
    await publisher.policy(Policy.of(0, (), ()))
    for client in CLIENTS:
        await store.clients.put(client, START)
    app = create_app(settings, store=store, clock=clock)
    ring = load_key_ring(settings.root_key_file, create=False)

    def via(address: str) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(app, client=(address, 40_000)), base_url=PUBLIC
        )

    async with app.router.lifespan_context(app), via(STRANGER) as direct, via(PROXY) as proxied:
        yield World(app, store, clock, ring, direct, proxied)


@pytest.fixture(autouse=True)
def _another_minute(world: World) -> None:
    """Refusals are bounded per second, and memories begin to count after a minute: time goes on between tests."""
    world.clock.now += timedelta(seconds=90)


# ---------------------------------------------------------------- the attacks


Send = Callable[[World], Awaitable[httpx.Response]]


@dataclass(frozen=True)
class Attack:
    """One attack: what is sent, and how it must end. `reason`: what the log says."""

    name: str
    send: Send
    status: int
    code: str
    reason: str


def at_endpoint(reason: str, code: str = "invalid_client", status: int = 401) -> Callable[..., Attack]:
    """Attacks on the token endpoint that end so."""
    return lambda name, send: Attack(f"endpoint: {name}", send, status, code, reason)


def forged(reason: str) -> Callable[..., Attack]:
    """Assertions that are refused for that reason."""

    def attack(name: str, forge: Callable[[World], str]) -> Attack:
        return Attack(f"assertion: {name}", lambda w: w.ask(forge(w)), 401, "invalid_client", reason)

    return attack


def bearing(reason: str, code: str = "token_invalid") -> Callable[..., Attack]:
    """Access tokens that are refused for that reason."""

    def attack(name: str, forge: Callable[[World], str]) -> Attack:
        return Attack(f"token: {name}", lambda w: w.get(f"Bearer {forge(w)}"), 401, code, reason)

    return attack


def proving(reason: str, code: str = "proof_invalid") -> Callable[..., Attack]:
    """Proofs beside a good token that are refused for that reason."""
    return lambda name, send: Attack(f"dpop: {name}", send, 401, code, reason)


def certified(reason: str, status: int = 401, code: str | None = None) -> Callable[..., Attack]:
    """Tokens bound to a certificate, refused for that reason."""
    return lambda name, send: Attack(f"mtls: {name}", send, status, code or reason, reason)


DEEP = "[" * 700 + "]" * 700

ASSERTIONS = [
    # --- the algorithm and the key are ours to choose
    forged("not_a_token")("alg none, no signature", lambda w: f"{b64({'alg': 'none'})}.{b64(w.assertion_claims())}."),
    forged("signature_wrong")(
        "alg none, with a signature", lambda w: f"{b64({'alg': 'none', 'kid': 'ed'})}.{b64(w.assertion_claims())}.AAAA"
    ),
    forged("signature_wrong")(
        "alg nOnE", lambda w: f"{b64({'alg': 'nOnE', 'kid': 'ed'})}.{b64(w.assertion_claims())}.AAAA"
    ),
    forged("signature_wrong")(
        "HS256 under the public key in PEM",
        lambda w: hs256({"kid": "rsa"}, w.assertion_claims(), CLIENT_KEYS["RS256"].as_pem(private=False)),
    ),
    forged("signature_wrong")(
        "HS256 under the public key as JWK",
        lambda w: hs256({"kid": "ed"}, w.assertion_claims(), json.dumps(CLIENT_KEYS["Ed25519"].as_dict(False)).encode()),
    ),
    forged("signature_wrong")(
        "an algorithm that is not on the list",
        lambda w: sign({"alg": "RS512", "kid": "rsa"}, w.assertion_claims(), CLIENT_KEYS["RS256"]),
    ),
    forged("signature_wrong")(
        "the algorithm of another key",
        lambda w: sign({"alg": "ES256", "kid": "ed"}, w.assertion_claims(), CLIENT_KEYS["ES256"]),
    ),
    forged("no_algorithm")("no alg", lambda w: with_header(w.assertion(), {"kid": "ed"})),
    forged("no_algorithm")("alg is a list", lambda w: with_header(w.assertion(), {"alg": ["Ed25519"], "kid": "ed"})),
    forged("signature_wrong")(
        "its own key in the header (jwk)",
        lambda w: w.assertion(header={"jwk": STOLEN.as_dict(private=False)}, key=STOLEN),
    ),
    forged("signature_wrong")(
        "the address of its own keys (jku)",
        lambda w: w.assertion(header={"jku": f"https://{CANARY}.example/jwks"}, key=STOLEN),
    ),
    forged("signature_wrong")(
        "the address of its own certificate (x5u)",
        lambda w: w.assertion(header={"x5u": f"https://{CANARY}.example/cert"}, key=STOLEN),
    ),
    forged("signature_wrong")(
        "its own certificate (x5c)", lambda w: w.assertion(header={"x5c": [CERTIFICATE.strip(":")]}, key=STOLEN)
    ),
    forged("signature_wrong")("another's key under our kid", lambda w: w.assertion(key=STOLEN)),
    forged("key_unknown")("kid is a path", lambda w: w.assertion(header={"kid": f"../../../{CANARY}"})),
    forged("key_unknown")("kid is SQL", lambda w: w.assertion(header={"kid": "x' UNION SELECT 'k"})),
    forged("key_unknown")("kid is unknown", lambda w: w.assertion(header={"kid": CANARY})),
    forged("key_unknown")(
        "no kid among several keys", lambda w: sign({"alg": "Ed25519"}, w.assertion_claims(), CLIENT_KEYS["Ed25519"])
    ),
    forged("key_unknown")(
        "kid is a number", lambda w: with_header(w.assertion(), {"alg": "Ed25519", "kid": 1})
    ),
    # --- headers that would change what is read
    forged("header_not_allowed")(
        "a critical extension (crit)",
        lambda w: with_header(w.assertion(), {"alg": "Ed25519", "kid": "ed", "crit": ["exp"], "exp": 1}),
    ),
    forged("header_not_allowed")(
        "an unencoded payload (b64 false)",
        lambda w: with_header(w.assertion(), {"alg": "Ed25519", "kid": "ed", "b64": False}),
    ),
    forged("header_not_allowed")(
        "a compressed payload (zip)", lambda w: w.assertion(header={"zip": "DEF"})
    ),
    forged("not_json")(
        "a header that nests deep",
        lambda w: sign_bytes(f'{{"alg":"Ed25519","kid":"ed","x":{DEEP[:300]}{DEEP[-300:]}}}'.encode(), b"{}", CLIENT_KEYS["Ed25519"]),
    ),
    forged("not_json")("a header that is a list", lambda w: f"{b64('[]')}.{b64(w.assertion_claims())}.AAAA"),
    forged("not_json")(
        "alg twice in the header",
        lambda w: sign_bytes(
            b'{"alg":"none","alg":"Ed25519","kid":"ed"}', json.dumps(w.assertion_claims()).encode(), CLIENT_KEYS["Ed25519"]
        ),
    ),
    forged("type_wrong")("an access token's type", lambda w: w.assertion(header={"typ": "at+jwt"})),
    forged("type_wrong")("a DPoP proof's type", lambda w: w.assertion(header={"typ": "dpop+jwt"})),
    forged("type_wrong")("typ is a list", lambda w: w.assertion(header={"typ": ["JWT"]})),
    # --- what holds it together
    forged("signature_wrong")("its claims changed", lambda w: with_claims(w.assertion(), w.assertion_claims(exp=w.at + 90))),
    forged("not_a_token")("an empty signature", lambda w: w.assertion().rpartition(".")[0] + "."),
    forged("signature_wrong")("a truncated signature", lambda w: w.assertion()[:-46]),
    forged("not_base64")("a signature in another spelling", lambda w: respelled(w.assertion())),
    forged("not_a_token")("two parts", lambda w: w.assertion().rpartition(".")[0]),
    forged("not_a_token")("five parts, as encrypted ones have", lambda w: ".".join([b64({"alg": "dir", "zip": "DEF"}), "", "AA", "AA", "AA"])),
    forged("not_json")("nested: a token as its claims", lambda w: sign_bytes(b'{"alg":"Ed25519","kid":"ed","cty":"JWT"}', w.assertion().encode(), CLIENT_KEYS["Ed25519"])),
    forged("not_a_token")("not ASCII", lambda w: w.assertion() + "\u00e9"),
    forged("not_a_token")("white space before", lambda w: " " + w.assertion()),
    forged("not_a_token")("a line break after", lambda w: w.assertion() + "\n"),
    forged("not_a_token")("900 KB", lambda w: w.assertion(padding="x" * 675_000)),
    forged("not_a_token")("empty", lambda w: ""),
    # --- claims
    forged("not_json")(
        "sub twice",
        lambda w: sign_bytes(
            b'{"alg":"Ed25519","kid":"ed"}',
            json.dumps(w.assertion_claims())[:-1].encode() + b',"sub":"school"}',
            CLIENT_KEYS["Ed25519"],
        ),
    ),
    forged("not_json")(
        "jti twice, once escaped",
        lambda w: sign_bytes(
            b'{"alg":"Ed25519","kid":"ed"}',
            json.dumps(w.assertion_claims())[:-1].encode() + b',"\\u006ati":"other"}',
            CLIENT_KEYS["Ed25519"],
        ),
    ),
    forged("claims_wrong")("expired", lambda w: w.assertion(exp=w.at - 30)),
    forged("claims_wrong")("no exp", lambda w: w.assertion(exp=None)),
    forged("not_json")("exp is NaN", lambda w: sign_bytes(b'{"alg":"Ed25519","kid":"ed"}', b'{"exp":NaN,"iss":"hall","sub":"hall"}', CLIENT_KEYS["Ed25519"])),
    forged("claims_wrong")("exp is text", lambda w: w.assertion(exp=str(w.at + 60))),
    forged("claims_wrong")("exp is true", lambda w: w.assertion(exp=True)),
    forged("claims_wrong")("exp is negative", lambda w: w.assertion(exp=-1)),
    forged("lives_too_long")("exp is huge", lambda w: w.assertion(exp=10**15)),
    forged("lives_too_long")("exp is a huge float", lambda w: w.assertion(exp=1e300)),
    forged("lives_too_long")("exp lies beyond our limit", lambda w: w.assertion(exp=w.at + 331)),
    forged("claims_wrong")("nbf lies ahead", lambda w: w.assertion(nbf=w.at + 31)),
    forged("claims_wrong")("iat lies ahead", lambda w: w.assertion(iat=w.at + 31)),
    forged("too_old")("iat is ancient", lambda w: w.assertion(iat=1)),
    forged("claims_wrong")("no jti", lambda w: w.assertion(jti=None)),
    forged("claims_wrong")("jti is empty", lambda w: w.assertion(jti="")),
    forged("claims_wrong")("jti is a number", lambda w: w.assertion(jti=7)),
    forged("claims_wrong")("jti is an object", lambda w: w.assertion(jti={"a": 1})),
    forged("jti_too_long")("jti is too long", lambda w: w.assertion(jti="j" * 257)),
    forged("claims_wrong")("no aud", lambda w: w.assertion(aud=None)),
    forged("audience_wrong")("for another server", lambda w: w.assertion(aud=f"https://{CANARY}.example/oauth/token")),
    forged("audience_wrong")("for us and another server", lambda w: w.assertion(aud=[ENDPOINT, f"https://{CANARY}.example"])),
    forged("audience_wrong")("for our resources", lambda w: w.assertion(aud=FORMS)),
    forged("iss_sub_differ")("iss is another client", lambda w: w.assertion(iss="school")),
    forged("iss_sub_differ")("no sub", lambda w: w.assertion(sub=None)),
    forged("iss_sub_differ")("sub is a list", lambda w: w.assertion(sub=["hall"], iss=["hall"])),
    forged("key_unknown")("in another client's name", lambda w: sign({"alg": "ES256", "kid": "ec"}, w.assertion_claims(iss="school", sub="school"), CLIENT_KEYS["ES256"])),
    forged("client_unknown")("of a client nobody knows", lambda w: w.assertion(iss=CANARY, sub=CANARY)),
    forged("client_unknown")("of a disabled client", lambda w: w.assertion(iss="gone", sub="gone")),
    forged("client_without_keys")("of a client that has a secret", lambda w: w.assertion(iss="basic", sub="basic")),
    forged("iss_sub_differ")("an access token of ours", lambda w: w.minted()),
    forged("iss_sub_differ")("a DPoP proof", lambda w: w.proof()),
]  # fmt: skip


async def _replayed(w: World) -> httpx.Response:
    assertion = w.assertion()
    assert (await w.ask(assertion)).status_code == 200
    return await w.ask(assertion)


async def _replayed_malleated(w: World) -> httpx.Response:
    assertion = w.assertion("ES256")
    assert (await w.ask(assertion)).status_code == 200
    return await w.ask(malleated(assertion))


async def _jti_again(w: World) -> httpx.Response:
    jti = w.id()
    assert (await w.ask(w.assertion(jti=jti))).status_code == 200
    return await w.ask(w.assertion("RS256", jti=jti, exp=w.at + 90))


async def _replayed_after_restart(w: World) -> httpx.Response:
    """Every cache of the process is new; the database is not."""
    assertion = w.assertion()
    assert (await w.ask(assertion)).status_code == 200
    again = create_app(w.app.state.runtime.settings, store=w.store, clock=w.clock)
    again.state.refusals = w.app.state.refusals
    transport = httpx.ASGITransport(again, client=(STRANGER, 40_000))
    async with httpx.AsyncClient(transport=transport, base_url=PUBLIC) as direct:
        return await replace(w, direct=direct).ask(assertion)


def basic(client: str, secret: str) -> str:
    """A Basic header."""
    return "Basic " + base64.b64encode(f"{client}:{secret}".encode()).decode()


BAD_REQUEST = ("invalid_request", 400)
REQUESTS = [
    at_endpoint("replayed")("an assertion used before", _replayed),
    at_endpoint("replayed")("an assertion used before, its signature malleated", _replayed_malleated),
    at_endpoint("replayed")("an id used before, in another assertion", _jti_again),
    at_endpoint("replayed")("an assertion used before the caches were lost", _replayed_after_restart),
    at_endpoint("repeated", *BAD_REQUEST)(
        "two assertions",
        lambda w: w.direct.post(
            "/oauth/token",
            content=f"grant_type=client_credentials&client_assertion={w.assertion()}&client_assertion={w.assertion()}",
            headers={"content-type": "application/x-www-form-urlencoded"},
        ),
    ),
    at_endpoint("invalid_request", *BAD_REQUEST)(
        "an assertion and a secret", lambda w: w.ask(headers={"authorization": basic("basic", SECRET)})
    ),
    at_endpoint("invalid_request", *BAD_REQUEST)(
        "an assertion and a secret in the body", lambda w: w.ask(form={"client_secret": SECRET})
    ),
    at_endpoint("repeated", *BAD_REQUEST)(
        "two Authorization headers",
        lambda w: w.direct.post(
            "/oauth/token",
            data={"grant_type": "client_credentials"},
            headers=[("authorization", basic("basic", CANARY)), ("authorization", basic("basic", SECRET))],
        ),
    ),
    at_endpoint("client_id_differs")("the id of another client beside it", lambda w: w.ask(form={"client_id": "school"})),
    at_endpoint("invalid_request", *BAD_REQUEST)(
        "another type of assertion", lambda w: w.ask(form={"client_assertion_type": f"urn:{CANARY}"})
    ),
    at_endpoint("grant_type", "unsupported_grant_type", 400)(
        "another grant", lambda w: w.ask(form={"grant_type": "password", "username": CANARY})
    ),
    at_endpoint("no_proof")("no proof at all", lambda w: w.ask(form={"client_assertion": None, "client_id": "hall"})),
    at_endpoint("secret_wrong")(
        "a wrong secret",
        lambda w: w.ask(form={"client_assertion": None}, headers={"authorization": basic("basic", CANARY)}),
    ),
    at_endpoint("secret_wrong")(
        "the secret of a client that has keys",
        lambda w: w.ask(form={"client_assertion": None}, headers={"authorization": basic("hall", SECRET)}),
    ),
    at_endpoint("scope", "invalid_scope", 400)("a role by scope", lambda w: w.ask(form={"scope": "renderer auditor"})),
    at_endpoint("scope", "invalid_scope", 400)("a role that does not exist", lambda w: w.ask(form={"scope": CANARY})),
    at_endpoint("scope", "invalid_scope", 400)("every role by a star", lambda w: w.ask(form={"scope": "*"})),
]  # fmt: skip


def _our_jwk(w: World) -> OctKey:
    return OctKey.import_key(w.our_key().as_dict(private=False)["x"])


async def _respelled_token(w: World) -> httpx.Response:
    token = await w.token()
    assert (await w.get(f"Bearer {token}")).status_code == 200
    return await w.get(f"Bearer {respelled(token)}")


TOKENS = [
    bearing("not_a_token")("alg none, no signature", lambda w: f"{b64(w.token_header(alg='none'))}.{b64(w.token_claims())}."),
    bearing("signature_wrong")("alg none, with a signature", lambda w: f"{b64(w.token_header(alg='none'))}.{b64(w.token_claims())}.AAAA"),
    bearing("signature_wrong")("HS256 under our public key", lambda w: sign(w.token_header(alg="HS256"), w.token_claims(), _our_jwk(w))),
    bearing("signature_wrong")("another's key under our kid", lambda w: sign(w.token_header(), w.token_claims(), STOLEN)),
    bearing("signature_wrong")("its own key in the header (jwk)", lambda w: sign(w.token_header(jwk=STOLEN.as_dict(private=False)), w.token_claims(), STOLEN)),
    bearing("signature_wrong")("the address of its own keys (jku)", lambda w: sign(w.token_header(jku=f"https://{CANARY}.example"), w.token_claims(), STOLEN)),
    bearing("signature_wrong")("a client's algorithm", lambda w: sign(w.token_header(alg="ES256"), w.token_claims(), CLIENT_KEYS["ES256"])),
    bearing("not_our_token")("no kid", lambda w: w.minted(header={"kid": None})),
    bearing("not_our_token")("kid is a path", lambda w: w.minted(header={"kid": f"../{CANARY}"})),
    bearing("not_our_token")("of another root key", lambda w: sign({**w.token_header(), "kid": KeyRing([b"o" * 32]).ids[0]}, w.token_claims(), STOLEN)),
    bearing("not_our_token")("type JWT", lambda w: w.minted(header={"typ": "JWT"})),
    bearing("not_our_token")("no type", lambda w: w.minted(header={"typ": None})),
    bearing("not_our_token")("a client's assertion", lambda w: w.assertion()),
    bearing("not_our_token")("a client's assertion under our type and kid name", lambda w: w.assertion(header={"typ": "at+jwt"})),
    bearing("not_our_token")("a DPoP proof", lambda w: w.proof()),
    bearing("not_our_token")("a receipt of ours", lambda w: w.minted(header={"typ": "consent-receipt+jwt"})),
    bearing("header_not_allowed")("a critical extension (crit)", lambda w: w.minted(header={"crit": ["b64"], "b64": True})),
    bearing("header_not_allowed")("an unencoded payload (b64 false)", lambda w: with_header(w.minted(), w.token_header(b64=False))),
    bearing("header_not_allowed")("a compressed payload (zip)", lambda w: w.minted(header={"zip": "DEF"})),
    bearing("signature_wrong")("roles changed", lambda w: with_claims(w.minted(), w.token_claims(roles=["auditor"]))),
    bearing("not_a_token")("no signature", lambda w: w.minted().rpartition(".")[0] + "."),
    bearing("signature_wrong")("half a signature", lambda w: w.minted()[:-46]),
    bearing("not_json")("roles twice", lambda w: sign_bytes(json.dumps(w.token_header()).encode(), json.dumps(w.token_claims())[:-1].encode() + b',"roles":["auditor"]}', w.our_key())),
    bearing("token_claims_wrong")("of another issuer", lambda w: w.minted(iss=f"https://{CANARY}.example")),
    bearing("token_claims_wrong")("for another audience", lambda w: w.minted(aud="other")),
    bearing("token_claims_wrong")("for no audience", lambda w: w.minted(aud=None)),
    bearing("token_claims_wrong")("of nobody", lambda w: w.minted(sub=None)),
    bearing("token_claims_wrong")("of two", lambda w: w.minted(sub="school")),
    bearing("token_expired", "token_expired")("expired", lambda w: w.minted(iat=w.at - 300, exp=w.at)),
    bearing("token_claims_wrong")("no exp", lambda w: w.minted(exp=None)),
    bearing("token_claims_wrong")("exp is text", lambda w: w.minted(exp="later")),
    bearing("token_claims_wrong")("exp is an object", lambda w: w.minted(exp={})),
    bearing("token_expired", "token_expired")("exp is negative", lambda w: w.minted(exp=-1.5)),
    bearing("token_claims_wrong")("issued in the future", lambda w: w.minted(iat=w.at + 31)),
    bearing("token_claims_wrong")("not valid yet", lambda w: w.minted(nbf=w.at + 31)),
    bearing("token_claims_wrong")("bound in a way we do not know", lambda w: w.minted(cnf={"x5t#S512": "a"})),
    bearing("token_claims_wrong")("bound to nothing", lambda w: w.minted(cnf={})),
    bearing("token_claims_wrong")("bound to text", lambda w: w.minted(cnf="jkt")),
    bearing("token_malformed", "token_malformed")("a megabyte", lambda w: "a" * 1_000_000),
    bearing("token_malformed", "token_malformed")("empty", lambda w: ""),
    bearing("not_a_token")("a space before it", lambda w: " " + w.minted()),
    bearing("not_a_token")("encrypted (five parts)", lambda w: "a.b.c.d.e"),
    bearing("token_revoked", "token_revoked")("of a disabled client", lambda w: w.minted(sub="gone", client_id="gone", iat=w.at - 60)),
    bearing("token_revoked", "token_revoked")("with a role its client has lost", lambda w: w.minted(roles=["renderer", "operator"], iat=int(START.timestamp()) - 60)),
    bearing("token_revoked", "token_revoked")("unbound, of a client that must bind its tokens", lambda w: w.minted(sub="dpop-only", client_id="dpop-only", iat=int(START.timestamp()) - 60)),
    Attack("token: a signature in another spelling", _respelled_token, 401, "token_invalid", "not_base64"),
    Attack("token: none", lambda w: w.get(None), 401, "token_missing", "token_missing"),
    Attack("token: not ASCII", lambda w: w.get(None, headers={b"authorization": "Bearer é".encode()}), 401, "token_malformed", "token_malformed"),
    Attack("token: under Basic", lambda w: w.get(basic("basic", SECRET)), 401, "token_malformed", "token_malformed"),
    Attack(
        "token: two Authorization headers",
        lambda w: w.direct.get("/v1/forms", headers=[("authorization", f"Bearer {w.minted()}"), ("authorization", "Bearer x")]),
        401, "token_malformed", "token_malformed",
    ),
    Attack("token: in the query", lambda w: w.direct.get("/v1/forms", params={"access_token": w.minted()}), 401, "token_missing", "token_missing"),
    Attack(
        "token: to a route of another role",
        lambda w: w.direct.get("/v1/audit/entries", headers={"authorization": f"Bearer {w.minted()}"}),
        403, "role_required", "role_required",
    ),
]  # fmt: skip


async def _bound_as_bearer(w: World) -> httpx.Response:
    return await w.get(f"Bearer {await w.token(HOLDER)}")


async def _bound_as_bearer_with_proof(w: World) -> httpx.Response:
    token = await w.token(HOLDER)
    return await w.get(f"Bearer {token}", headers={"dpop": w.proof(ath=ath(token))})


async def _unbound_as_dpop(w: World) -> httpx.Response:
    token = await w.token()
    return await w.get(f"DPoP {token}", headers={"dpop": w.proof(ath=ath(token))})


async def _without_proof(w: World) -> httpx.Response:
    return await w.get(f"DPoP {await w.token(HOLDER)}")


async def _two_proofs(w: World) -> httpx.Response:
    token = await w.token(HOLDER)
    headers = [("authorization", f"DPoP {token}"), *(("dpop", w.proof(ath=ath(token))) for _ in range(2))]
    return await w.direct.get("/v1/forms", headers=headers)


async def _proof_used(w: World) -> httpx.Response:
    token, nonce = await w.token(HOLDER), await w.nonce()
    headers = {"dpop": w.proof(ath=ath(token), nonce=nonce)}
    assert (await w.get(f"DPoP {token}", headers=headers)).status_code == 200
    return await w.get(f"DPoP {token}", headers=headers)


async def _proof_used_elsewhere(w: World) -> httpx.Response:
    """The same id, in another proof of the same key."""
    token, nonce, jti = await w.token(HOLDER), await w.nonce(), w.id()
    first = {"dpop": w.proof(ath=ath(token), nonce=nonce, jti=jti)}
    assert (await w.get(f"DPoP {token}", headers=first)).status_code == 200
    return await w.get(
        f"DPoP {token}", headers={"dpop": w.proof(ath=ath(token), nonce=nonce, jti=jti, iat=w.at - 1)}
    )


async def _proof_of_endpoint(w: World) -> httpx.Response:
    token = await w.token(HOLDER)
    return await w.get(f"DPoP {token}", headers={"dpop": w.proof(htm="POST", htu=ENDPOINT)})


async def _old_nonce(w: World) -> httpx.Response:
    nonce = await w.nonce()
    w.clock.now += timedelta(minutes=4)
    return await w.send_proof(nonce=nonce)


async def _proof_after_flush(w: World) -> httpx.Response:
    """Everything the cache knew is gone between use and replay: the nonce is of a memory that is no more."""
    token, nonce = await w.token(HOLDER), await w.nonce()
    headers = {"dpop": w.proof(ath=ath(token), nonce=nonce)}
    assert (await w.get(f"DPoP {token}", headers=headers)).status_code == 200
    w.app.state.cache.__init__()
    return await w.get(f"DPoP {token}", headers=headers)


async def _proof_without_nonce_after_flush(w: World) -> httpx.Response:
    token = await w.token(HOLDER)
    headers = {"dpop": w.proof(ath=ath(token))}
    assert (await w.get(f"DPoP {token}", headers=headers)).status_code == 200
    w.app.state.cache.__init__()
    return await w.get(f"DPoP {token}", headers=headers)


def with_jwk(**more: Any) -> Callable[[World], Awaitable[httpx.Response]]:
    """A proof whose key holds more, or less, than a public key may."""
    jwk = {name: value for name, value in (HOLDER.as_dict(private=False) | more).items() if value is not None}
    return lambda w: w.send_proof(header={"jwk": jwk})


def raw_proof(make: Callable[[World], str]) -> Callable[[World], Awaitable[httpx.Response]]:
    """A good token with that beside it."""

    async def send(w: World) -> httpx.Response:
        return await w.get(f"DPoP {await w.token(HOLDER)}", headers={"dpop": make(w)})

    return send


PROOFS = [
    proving("token_bound", "token_bound")("a bound token sent as bearer", _bound_as_bearer),
    proving("token_bound", "token_bound")("a bound token sent as bearer, with a proof", _bound_as_bearer_with_proof),
    proving("token_not_bound", "token_not_bound")("an unbound token sent as DPoP", _unbound_as_dpop),
    proving("proof_missing")("no proof", _without_proof),
    proving("proof_repeated")("two proofs", _two_proofs),
    proving("proof_replayed")("a proof used before", _proof_used),
    proving("proof_replayed")("the id of a proof used before", _proof_used_elsewhere),
    proving("proof_for_another_method")("the proof of the token endpoint", _proof_of_endpoint),
    proving("proof_for_another_method")("htm is another method", lambda w: w.send_proof(htm="POST")),
    proving("proof_for_another_method")("htm in small letters", lambda w: w.send_proof(htm="get")),
    proving("proof_for_another_method")("no htm", lambda w: w.send_proof(htm=None)),
    proving("proof_for_another_address")("htu is another path", lambda w: w.send_proof(htu=f"{PUBLIC}/v1/items")),
    proving("proof_for_another_address")("htu is another host", lambda w: w.send_proof(htu=f"https://{CANARY}.example/v1/forms")),
    proving("proof_for_another_address")("htu is not https", lambda w: w.send_proof(htu=FORMS.replace("https", "http"))),
    proving("proof_for_another_address")("htu is another port", lambda w: w.send_proof(htu=FORMS.replace(".example", ".example:444"))),
    proving("proof_for_another_address")("htu names a user", lambda w: w.send_proof(htu=FORMS.replace("//", f"//{CANARY}@"))),
    proving("proof_for_another_address")("htu is a list", lambda w: w.send_proof(htu=[FORMS])),
    proving("proof_for_another_token")("no ath", lambda w: w.send_proof(ath=None)),
    proving("proof_for_another_token")("ath of another token", lambda w: w.send_proof(ath=ath(CANARY))),
    proving("proof_time_wrong")("iat is old", lambda w: w.send_proof(iat=w.at - 61)),
    proving("proof_time_wrong")("iat lies ahead", lambda w: w.send_proof(iat=w.at + 31)),
    proving("proof_time_wrong")("no iat", lambda w: w.send_proof(iat=None)),
    proving("proof_time_wrong")("iat is text", lambda w: w.send_proof(iat=str(w.at))),
    proving("proof_time_wrong")("iat is true", lambda w: w.send_proof(iat=True)),
    proving("proof_time_wrong")("iat is huge", lambda w: w.send_proof(iat=1e300)),
    proving("proof_id_wrong")("no jti", lambda w: w.send_proof(jti=None)),
    proving("proof_id_wrong")("jti is a number", lambda w: w.send_proof(jti=5)),
    proving("proof_id_wrong")("jti is too long", lambda w: w.send_proof(jti="j" * 257)),
    proving("proof_nonce_wanted", "proof_nonce_wanted")("a nonce of its own", lambda w: w.send_proof(nonce=CANARY)),
    proving("proof_nonce_wanted", "proof_nonce_wanted")("a nonce that is too old", _old_nonce),
    proving("proof_nonce_wanted", "proof_nonce_wanted")("used before the cache was flushed", _proof_after_flush),
    proving("proof_nonce_wanted", "proof_nonce_wanted")("used without nonce before the cache was flushed", _proof_without_nonce_after_flush),
    proving("proof_nonce_wrong")("nonce is a number", lambda w: w.send_proof(nonce=3)),
    proving("proof_of_another_key")("of another key", lambda w: w.send_proof(key=OTHER_HOLDER)),
    proving("signature_wrong")("of another key under the right one's name", lambda w: w.send_proof(key=OTHER_HOLDER, header={"jwk": HOLDER.as_dict(private=False)})),
    proving("signature_wrong")("its claims changed", raw_proof(lambda w: with_claims(w.proof(), {"htm": "GET"}))),
    proving("proof_key_wrong")("a private key in jwk", with_jwk(d=HOLDER.as_dict(private=True)["d"])),
    proving("proof_key_wrong")("no jwk", lambda w: w.send_proof(header={"jwk": None})),
    proving("proof_key_wrong")("jwk is text", lambda w: w.send_proof(header={"jwk": CANARY})),
    proving("proof_key_wrong")("jwk without a curve", with_jwk(crv=None)),
    proving("proof_key_wrong")("jwk with an address (x5u)", with_jwk(x5u=f"https://{CANARY}.example")),
    proving("proof_key_wrong")("jwk whose point is a number", with_jwk(x=1)),
    proving("proof_key_wrong")("jwk whose point is none", with_jwk(x="AAAA")),
    proving("proof_key_wrong")("a symmetric key", raw_proof(lambda w: hs256({"typ": "dpop+jwt", "jwk": {"kty": "oct", "k": b64("k" * 32)}}, {}, b"k" * 32))),
    proving("proof_key_wrong")("an RSA key", lambda w: w.send_proof(key=HOLDER_RSA, alg="RS256")),
    proving("signature_wrong")("alg none", raw_proof(lambda w: f"{b64({'typ': 'dpop+jwt', 'alg': 'none', 'jwk': HOLDER.as_dict(private=False)})}.{b64({'htm': 'GET'})}.AAAA")),
    proving("signature_wrong")("HS256 under its public key", raw_proof(lambda w: hs256({"typ": "dpop+jwt", "jwk": HOLDER.as_dict(private=False)}, {}, HOLDER.as_pem(private=False)))),
    proving("signature_wrong")("an algorithm of another curve", raw_proof(lambda w: with_header(w.proof(), {"typ": "dpop+jwt", "alg": "ES256", "jwk": HOLDER.as_dict(private=False)}))),
    proving("proof_type_wrong")("type JWT", lambda w: w.send_proof(header={"typ": "JWT"})),
    proving("proof_type_wrong")("the assertion of a client", raw_proof(lambda w: w.assertion())),
    proving("proof_type_wrong")("an access token", raw_proof(lambda w: w.minted())),
    proving("header_not_allowed")("a critical extension (crit)", raw_proof(lambda w: with_header(w.proof(), {"typ": "dpop+jwt", "alg": "Ed25519", "crit": ["x"]}))),
    proving("not_json")("htm twice", raw_proof(lambda w: sign_bytes(json.dumps({"typ": "dpop+jwt", "alg": "Ed25519", "jwk": HOLDER.as_dict(private=False)}).encode(), b'{"htm":"POST","htm":"GET"}', HOLDER))),
    proving("not_base64")("a signature in another spelling", raw_proof(lambda w: respelled(w.proof()))),
    proving("not_a_token")("no token at all", raw_proof(lambda w: CANARY)),
    proving("not_a_token")("a megabyte", raw_proof(lambda w: "a" * 1_000_000)),
    proving("not_a_token")("empty", raw_proof(lambda w: "")),
    at_endpoint("proof_missing", "invalid_dpop_proof", 400)("no proof, of a client that must bind its tokens", lambda w: w.ask(w.assertion(iss="dpop-only", sub="dpop-only"))),
    at_endpoint("proof_for_another_method", "invalid_dpop_proof", 400)("the proof of another request", lambda w: w.ask(headers={"dpop": w.proof()})),
    at_endpoint("proof_for_another_address", "invalid_dpop_proof", 400)("a proof for another server", lambda w: w.ask(headers={"dpop": w.proof(htm="POST", htu=f"https://{CANARY}.example/oauth/token")})),
    at_endpoint("proof_key_wrong", "invalid_dpop_proof", 400)("a proof with a private key", lambda w: w.ask(headers={"dpop": w.proof(htm="POST", htu=ENDPOINT, header={"jwk": HOLDER.as_dict(private=True)})})),
    at_endpoint("proof_nonce_wanted", "use_dpop_nonce", 400)("a proof with a nonce of its own", lambda w: w.ask(headers={"dpop": w.proof(htm="POST", htu=ENDPOINT, nonce=CANARY)})),
    at_endpoint("signature_wrong")("a good proof beside a forged assertion", lambda w: w.ask(w.assertion(key=STOLEN), headers={"dpop": w.proof(htm="POST", htu=ENDPOINT)})),
]  # fmt: skip


async def _bound_certificate(w: World, *sent: str, proxied: bool = True) -> httpx.Response:
    """GET /v1/forms with a token bound to our certificate, and those certificates beside it."""
    token = await w.token(headers={"client-cert": CERTIFICATE}, proxied=True)
    headers = [("authorization", f"Bearer {token}"), *(("client-cert", each) for each in sent)]
    return await (w.proxied if proxied else w.direct).get("/v1/forms", headers=headers)


def with_certificate(*sent: str, proxied: bool = True) -> Send:
    """A token bound to our certificate, sent with those."""
    return lambda w: _bound_certificate(w, *sent, proxied=proxied)


CERTIFICATES = [
    certified("certificate_missing")("no certificate", with_certificate()),
    certified("certificate_differs")("another certificate", with_certificate(OTHER_CERTIFICATE)),
    certified("certificate_untrusted")("the right header, not from the proxy", with_certificate(CERTIFICATE, proxied=False)),
    certified("certificate_malformed")("two certificates", with_certificate(CERTIFICATE, CERTIFICATE)),
    certified("certificate_malformed")("not a byte sequence", with_certificate(CERTIFICATE.strip(":"))),
    certified("certificate_malformed")("not base64", with_certificate(":!!!!:")),
    certified("certificate_malformed")("no certificate in it", with_certificate(f":{base64.b64encode(CANARY.encode()).decode()}:")),
    certified("certificate_malformed")("a certificate and more behind it", with_certificate(f"{CERTIFICATE}, {OTHER_CERTIFICATE}")),
    certified("certificate_malformed")("empty", with_certificate("")),
    certified("certificate_untrusted", 400, "invalid_request")("at the endpoint, not from the proxy", lambda w: w.ask(headers={"client-cert": CERTIFICATE})),
    certified("certificate_malformed", 400, "invalid_request")("at the endpoint, malformed", lambda w: w.ask(headers={"client-cert": CANARY}, proxied=True)),
    certified("certificate_missing", 400, "invalid_request")("at the endpoint, none of a client that must have one", lambda w: w.ask(w.assertion(iss="mtls-only", sub="mtls-only"), proxied=True)),
]  # fmt: skip

ATTACKS = [*ASSERTIONS, *REQUESTS, *TOKENS, *PROOFS, *CERTIFICATES]


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
async def test_an_attack_is_refused_and_noted(attack: Attack, world: World) -> None:
    """The right status and code, a word of ours in the log, and nothing of what was sent in either."""
    before = len(await world.noted())
    answer = await attack.send(world)
    *_, last = entries = await world.noted()

    told = answer.json()
    leaf = orjson.loads(last.leaf)
    assert (answer.status_code, told.get("code") or told.get("error")) == (attack.status, attack.code), told
    assert len(entries) > before
    assert leaf["reason"] == attack.reason
    assert leaf["client"] in {None, *(each.id for each in CLIENTS)}
    shown = answer.text + str(answer.headers) + last.leaf.decode()
    assert not [each for each in (CANARY, PROXY, STRANGER, SECRET) if each in shown]


async def test_every_attack_has_a_name_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    """At least sixty, each told apart by its name; how many there are is printed."""
    names = [attack.name for attack in ATTACKS]
    with capsys.disabled():
        sys.stdout.write(f"\n{len(names)} named attacks on callers' tokens, all refused\n")

    assert len(set(names)) == len(names) >= 60


# ---------------------------------------------------------------- the same, honestly


async def test_what_the_attacks_change_passes_unchanged(world: World) -> None:
    """They fail for what they change, not for how they are made: bearer, minted by hand, bound to key and certificate."""
    plain, bound = await world.token(), await world.token(HOLDER)
    certified = await world.token(headers={"client-cert": CERTIFICATE}, proxied=True)
    proof = world.proof(ath=ath(bound), nonce=await world.nonce())
    answers = [
        await world.get(f"Bearer {plain}"),
        await world.get(f"bearer {world.minted()}"),
        await world.get(f"DPoP {bound}", headers={"dpop": proof}),
        await world.get(f"Bearer {certified}", headers={"client-cert": CERTIFICATE}, proxied=True),
    ]

    assert [each.status_code for each in answers] == [200] * 4


@pytest.mark.parametrize(
    ("key", "alg"),
    [(HOLDER, "Ed25519"), (HOLDER, "EdDSA"), (HOLDER_EC, "ES256")],
    ids=lambda each: str(each)[:12],
)
async def test_a_client_binds_its_token_to_its_key(world: World, key: Any, alg: str) -> None:
    """Both kinds of key, under the older name too; the answer says how the token is to be sent."""
    nonce = await world.nonce()
    asked = sign_any(world, key, alg, htm="POST", htu=ENDPOINT, nonce=nonce)
    answer = (await world.ask(headers={"dpop": asked})).json()
    token = answer["access_token"]
    shown = await world.get(
        f"dpop {token}", headers={"dpop": sign_any(world, key, alg, ath=ath(token), nonce=nonce)}
    )

    assert (answer["token_type"], shown.status_code) == ("DPoP", 200)


def sign_any(world: World, key: Any, alg: str, **claims: Any) -> str:
    """A proof under any name of an algorithm."""
    if alg != "EdDSA":
        return world.proof(key, alg=alg, **claims)
    header = {"typ": "dpop+jwt", "alg": "EdDSA", "jwk": key.as_dict(private=False)}
    good = {"jti": world.id(), "htm": "GET", "htu": FORMS, "iat": world.at}
    return sign_bytes(json.dumps(header).encode(), json.dumps(good | claims).encode(), key)


@pytest.mark.parametrize(
    "htu",
    [
        f"{FORMS}?limit=5",
        f"{FORMS}#top",
        FORMS.replace("gate", "GATE"),
        FORMS.replace(".example", ".example:443"),
    ],
)
async def test_an_address_may_be_written_differently(world: World, htu: str) -> None:
    """Query, fragment, capitals of the host, the usual port: still the same address."""
    assert (await world.send_proof(htu=htu)).status_code == 200


async def test_a_token_may_be_bound_to_both(world: World) -> None:
    """Key and certificate: then each call needs both."""
    nonce = await world.nonce()
    proof = world.proof(htm="POST", htu=ENDPOINT, nonce=nonce)
    token = (await world.ask(headers={"dpop": proof, "client-cert": CERTIFICATE}, proxied=True)).json()[
        "access_token"
    ]

    async def call(*certificates: str) -> int:
        proof = ("dpop", world.proof(ath=ath(token), nonce=nonce))
        headers = [proof, *(("client-cert", each) for each in certificates)]
        return (await world.get(f"DPoP {token}", headers=headers, proxied=True)).status_code

    assert [await call(CERTIFICATE), await call(), await call(OTHER_CERTIFICATE)] == [200, 401, 401]


async def test_a_certificate_of_a_client_that_binds_nothing_is_not_looked_at(world: World) -> None:
    """A plain token is a plain token: a stray header beside it changes nothing, wherever it comes from."""
    token = await world.token()

    assert (await world.get(f"Bearer {token}", headers={"client-cert": CANARY})).status_code == 200


async def test_one_nonce_is_good_for_many_calls_and_one_assertion_for_both_tries(world: World) -> None:
    """The client that is told to use a nonce sends the same assertion again, with a new proof, and is served."""
    assertion = world.assertion()
    first = await world.ask(assertion, headers={"dpop": world.proof(htm="POST", htu=ENDPOINT, nonce="stale")})
    nonce = first.headers["dpop-nonce"]
    second = await world.ask(assertion, headers={"dpop": world.proof(htm="POST", htu=ENDPOINT, nonce=nonce)})
    calls = [(await world.send_proof(nonce=nonce)).status_code for _ in range(3)]

    assert (first.json()["error"], second.status_code, calls) == ("use_dpop_nonce", 200, [200] * 3)


async def test_a_refused_proof_is_told_as_rfc_9449_tells_it(world: World) -> None:
    """The challenge names the scheme, what is wrong and the algorithms; a wanted nonce comes in its header."""
    wrong, stale = await world.send_proof(htm="POST"), await world.send_proof(nonce="stale")

    algs = 'algs="Ed25519 EdDSA ES256"'
    assert wrong.headers["www-authenticate"] == f'DPoP realm="oncegate", error="invalid_dpop_proof", {algs}'
    assert stale.headers["www-authenticate"] == f'DPoP realm="oncegate", error="use_dpop_nonce", {algs}'
    assert len(stale.headers["dpop-nonce"]) == 22
    assert "dpop-nonce" not in wrong.headers


async def test_an_open_route_asks_nobody(world: World) -> None:
    """A broken proof or token does not close what is open to everybody."""
    answer = await world.direct.get("/healthz", headers={"authorization": "DPoP x", "dpop": "y"})

    assert answer.status_code == 200


# ---------------------------------------------------------------- what is done about it, and when


async def test_a_disabled_client_is_out_at_the_next_look(world: World) -> None:
    """Its token is worth nothing as soon as the clients are read again; everybody else's goes on."""
    theirs = f"Bearer {world.minted(sub='hall-2', client_id='hall-2')}"
    await world.store.clients.put(make_client("hall-2"), START)
    ours = f"Bearer {await world.token()}"
    assert [(await world.get(each)).status_code for each in (theirs, ours)] == [200, 200]
    world.clock.now += timedelta(seconds=2)
    await world.store.clients.put(make_client("hall-2", disabled_at=world.clock.now), START)
    await world.app.state.tokens.take_up(world.store.clients)

    answers = [await world.get(each) for each in (theirs, ours)]

    assert [each.status_code for each in answers] == [401, 200]
    assert answers[0].json()["code"] == "token_revoked"


async def test_a_new_role_is_worth_something_at_once(world: World) -> None:
    """A token that is newer than our last look at the clients is not held against that look."""
    roles = frozenset({"renderer", "consent_desk"})
    await world.app.state.tokens.take_up(world.store.clients)
    world.clock.now += timedelta(seconds=2)
    await world.store.clients.put(make_client(roles=roles), START)
    try:
        token = await world.token()
        assert (await world.get(f"Bearer {token}")).status_code == 200
        await world.app.state.tokens.take_up(world.store.clients)
        assert (await world.get(f"Bearer {token}")).status_code == 200
    finally:
        await world.store.clients.put(make_client(), START)


async def test_an_attacker_cannot_fill_the_log(world: World) -> None:
    """A hundred refusals in a second are ten entries and one that counts the others, by reason."""
    before = len(await world.noted())
    for _ in range(60):
        await world.get("Bearer x")
    for _ in range(40):
        await world.ask("x")

    entries = (await world.noted())[before:]

    assert len(entries) == 11
    told = [orjson.loads(each.leaf) for each in entries]
    assert [each["reason"] for each in told[:10]] == ["not_a_token"] * 10
    assert (told[10]["reason"], told[10]["refusals"], told[10]["by_reason"]) == (
        "many",
        90,
        {"not_a_token": 90},
    )
    assert {each.caller for each in entries} == {"oncegate"}


async def test_an_entry_says_what_was_shown_and_in_whose_name(world: World) -> None:
    """Nothing, a token, a proof, an assertion, a secret; a client that was not proven is claimed, not the caller."""
    before = len(await world.noted())
    await world.get(None)
    await world.get(f"Bearer {world.minted(exp=1)}")
    await world.send_proof(htm="POST")
    await world.ask(world.assertion(key=STOLEN))
    await world.ask(form={"client_assertion": None}, headers={"authorization": basic("basic", "x")})
    await world.direct.get("/v1/audit/entries", headers={"authorization": f"Bearer {world.minted()}"})

    entries = [each for each in (await world.noted())[before:] if b"nonce_wanted" not in each.leaf]

    told = [(each.caller, orjson.loads(each.leaf)) for each in entries]
    assert [(caller, leaf["proof"], leaf["client"]) for caller, leaf in told] == [
        ("oncegate", "none", None),
        ("oncegate", "bearer", "hall"),
        ("oncegate", "dpop", "hall"),
        ("oncegate", "assertion", "hall"),
        ("oncegate", "secret", "basic"),
        ("hall", "bearer", "hall"),
    ]
