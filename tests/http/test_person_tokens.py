"""A portal that has identified a person exchanges its signed word for that person's own token (RFC 8693)."""

import base64
from collections.abc import Mapping
from datetime import timedelta
from itertools import count
from typing import Any

import httpx
import orjson
import pytest
from joserfc.jwk import ECKey, OKPKey

from gateway.errors import Conflict
from gateway.identities.commands import EvidenceKind, LinkEvidence, LinkIdentities, Presence
from gateway.identities.service import link_identities
from gateway.records import Caller, Client
from gateway.security import jws
from gateway.security.client_secrets import scrypt_hash

EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
JWT = "urn:ietf:params:oauth:token-type:jwt"
ACCESS = "urn:ietf:params:oauth:token-type:access_token"
ENDPOINT = "http://127.0.0.1:8000/oauth/token"
ANN = {"kind": "person", "id_type": "111", "id_no": "35058219910603996X"}
BOB = {"kind": "person", "id_type": "111", "id_no": "350582199001011231"}
PORTAL, OTHER, FORGER = (OKPKey.generate_key("Ed25519", {"kid": kid}) for kid in ("p", "o", "p"))
CURVE = ECKey.generate_key("P-256", {"kid": "p"})
_numbers = count()


class Desk:
    """A service with a portal, another client with a key, and one that is no portal."""

    def __init__(self, service: Any) -> None:
        self.service, self.http = service, service.http

    async def furnish(self) -> None:
        def keys(key: OKPKey) -> Mapping[str, Any]:
            return {"keys": [key.as_dict(private=False)]}

        secret = scrypt_hash("s" * 32, 16, 8, 1)
        clients = [
            Client("portal", "门户", "政务服务", frozenset({"portal"}), jwks=keys(PORTAL)),
            Client("hall", "大厅", "政务服务", frozenset({"renderer"}), jwks=keys(OTHER)),
            Client("simple", "门户", "政务服务", frozenset({"portal"}), secret_hash=secret),
        ]
        for client in clients:
            await self.service.runtime.store.clients.put(client, self.service.clock())

    def claims(self, **changes: Any) -> dict[str, Any]:
        """What a portal says of Ann, unless changed; ... leaves a claim out."""
        at = int(self.service.clock().timestamp())
        said = {
            "iss": "portal",
            "aud": ENDPOINT,
            "jti": f"j-{next(_numbers)}",
            "iat": at,
            "exp": at + 60,
            "auth_time": at - 30,
            "acr": "high",
            "sub_id": ANN,
        }
        return {name: value for name, value in (said | changes).items() if value is not ...}

    def word(self, key: Any = PORTAL, header: Mapping[str, Any] | None = None, **changes: Any) -> str:
        alg = "ES256" if isinstance(key, ECKey) else "Ed25519"
        head = {"alg": alg, "typ": "person-identified+jwt", "kid": key.get("kid")} | (header or {})
        return jws.sign(head, self.claims(**changes), key)

    def proof(self, client: str = "portal", key: Any = PORTAL) -> dict[str, str]:
        at = int(self.service.clock().timestamp())
        claims = {"iss": client, "sub": client, "aud": ENDPOINT, "jti": f"a-{next(_numbers)}", "exp": at + 60}
        return {
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": jws.sign({"alg": "Ed25519", "kid": key.get("kid")}, claims, key),
        }

    async def exchange(self, word: str | None = None, **changes: Any) -> httpx.Response:
        form = {
            "grant_type": EXCHANGE,
            "subject_token": self.word() if word is None else word,
            "subject_token_type": JWT,
            **self.proof(),
        } | changes
        given = {name: value for name, value in form.items() if value is not ...}
        return await self.http.post("/oauth/token", data=given)

    async def bearer(self, sub_id: Mapping[str, str] = ANN) -> dict[str, str]:
        answer = await self.exchange(self.word(sub_id=sub_id))
        assert answer.status_code == 200, answer.text
        return {"authorization": f"Bearer {answer.json()['access_token']}"}


@pytest.fixture
async def desk(service) -> Desk:
    made = Desk(service)
    await made.furnish()
    return made


# ---------------------------------------------------------------- given


async def test_a_portal_is_given_the_persons_token(desk: Desk) -> None:
    """Ten minutes, the role person, the portal's department, the person's reference and not their number."""
    answer = await desk.exchange()
    body = answer.json()
    token = jws.split(body["access_token"])
    identified = (await desk.service.entries("person.identified"))[0]

    assert (body["token_type"], body["expires_in"], body["scope"]) == ("Bearer", 600, "person")
    assert body["issued_token_type"] == ACCESS
    assert token.claims["person"] == token.claims["sub"] == identified["subject"]
    assert (token.claims["client_id"], token.claims["department"]) == ("portal", "政务服务")
    assert (identified["portal"], identified["acr"], identified["caller"]) == ("portal", "high", "portal")
    assert ANN["id_no"] not in str(token.claims) + str(await desk.service.entries())


async def test_one_person_has_one_reference(desk: Desk) -> None:
    """Ann is Ann again; Bob is somebody else."""
    words = [desk.word(), desk.word(), desk.word(sub_id=BOB)]
    refs = [jws.split((await desk.exchange(word)).json()["access_token"]).claims["person"] for word in words]

    assert refs[0] == refs[1]
    assert refs[2] != refs[0]


async def test_the_token_opens_the_persons_own_and_nothing_else(desk: Desk) -> None:
    """Own uses and own consents; forms, registry, log, resolutions: 403."""
    bearer = await desk.bearer()
    own = [await desk.http.get(path, headers=bearer) for path in ("/v1/me/uses", "/v1/me/consents")]
    paths = ("/v1/forms", "/v1/items", "/v1/sources", "/v1/bindings", "/v1/audit/entries", "/v1/operators")
    others = [await desk.http.get(path, headers=bearer) for path in paths]
    resolve = await desk.http.post("/v1/resolutions", headers=bearer, json={})

    assert [each.status_code for each in own] == [200, 200]
    assert own[1].json() == {"consents": [], "next_cursor": None}
    assert [each.status_code for each in (*others, resolve)] == [403] * 7


async def test_a_portal_itself_is_nobodys_person(desk: Desk) -> None:
    """Its own token opens no person's uses or consents."""
    answer = await desk.http.post("/oauth/token", data={"grant_type": "client_credentials", **desk.proof()})
    bearer = {"authorization": f"Bearer {answer.json()['access_token']}"}

    for path in ("/v1/me/uses", "/v1/me/consents", "/v1/items"):
        expected = 200 if path == "/v1/items" else 403
        assert (await desk.http.get(path, headers=bearer)).status_code == expected


# ---------------------------------------------------------------- refused

WORDS: dict[str, dict[str, Any]] = {
    "issuer is another client": {"iss": "hall"},
    "no issuer": {"iss": ...},
    "for somebody else": {"aud": "https://elsewhere"},
    "for us and somebody else": {"aud": [ENDPOINT, "https://elsewhere"]},
    "for nobody": {"aud": []},
    "no audience": {"aud": ...},
    "no jti": {"jti": ...},
    "jti is a number": {"jti": 7},
    "jti is endless": {"jti": "x" * 257},
    "no issue time": {"iat": ...},
    "no expiry": {"exp": ...},
    "no time of log-in": {"auth_time": ...},
    "log-in is text": {"auth_time": "now"},
    "log-in is a claim of truth": {"auth_time": True},
    "no assurance": {"acr": ...},
    "assurance too low": {"acr": "low"},
    "assurance is a list": {"acr": ["high"]},
    "no person": {"sub_id": ...},
    "a person as text": {"sub_id": "35058219910603996X"},
    "wrong check digit": {"sub_id": ANN | {"id_no": "350582199106039961"}},
    "no number": {"sub_id": {"kind": "person", "id_type": "111"}},
    "more than a person": {"sub_id": ANN | {"name": "安妮"}},
    "an organisation": {"sub_id": {"kind": "organisation", "uscc": "91350582M0000XXXXX"}},
    "a vehicle": {"sub_id": {"kind": "vehicle", "plate_number": "闽C12345"}},
    "not yet valid": {"nbf": 4_000_000_000},
}
TIMES = {
    "expired": {"iat": -200, "exp": -31},
    "lives too long": {"exp": 400},
    "issued too long ago": {"iat": -400},
    "issued in the future": {"iat": 200, "exp": 260},
    "logged in too long ago": {"auth_time": -1900},
    "logged in in the future": {"auth_time": 100},
    "expires before it was issued": {"iat": 20, "exp": 10},
}


def tampered(word: str) -> str:
    """Another person under the same signature."""
    head, _, signature = word.split(".")
    claims = orjson.dumps(orjson.loads(base64.urlsafe_b64decode(word.split(".")[1] + "==")) | {"sub_id": BOB})
    return f"{head}.{base64.urlsafe_b64encode(claims).rstrip(b'=').decode()}.{signature}"


async def refused(desk: Desk, answer: httpx.Response, error: str) -> str:
    """The reason in the log, after the answer was seen to be this refusal and to quote nothing."""
    assert (answer.status_code, answer.json()["error"]) == (401 if error == "invalid_client" else 400, error)
    assert ANN["id_no"] not in answer.text
    told = (await desk.service.entries("person.refused"))[-1]
    assert told["caller"] in ("portal", "hall", "simple")
    assert await desk.service.entries("person.identified") == []
    return str(told["reason"])


@pytest.mark.parametrize("how", WORDS)
async def test_a_word_that_is_not_a_portals_on_a_person_is_refused(desk: Desk, how: str) -> None:
    """Each claim must be there and right; the entry says that it was not, the answer does not say which."""
    answer = await desk.exchange(desk.word(**WORDS[how]))

    assert await refused(desk, answer, "invalid_grant")


@pytest.mark.parametrize("how", TIMES)
async def test_a_word_of_another_time_is_refused(desk: Desk, how: str) -> None:
    """A statement is of now, short, and about a log-in of today."""
    at = int(desk.service.clock().timestamp())
    answer = await desk.exchange(desk.word(**{name: at + by for name, by in TIMES[how].items()}))

    assert await refused(desk, answer, "invalid_grant")


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("another client's key", "key_unknown"),
        ("an unknown key of the same id", "signature_wrong"),
        ("another kind of key", "signature_wrong"),
        ("another person under the same signature", "signature_wrong"),
        ("an access token's type", "type_wrong"),
        ("an assertion as the word", "type_wrong"),
        ("no token at all", "not_a_token"),
        ("a critical header", "header_not_allowed"),
    ],
)
async def test_a_forged_word_is_refused(desk: Desk, how: str, reason: str) -> None:
    """Only the portal's own registered key, on a statement of exactly this type."""
    words = {
        "another client's key": lambda: desk.word(OTHER),
        "an unknown key of the same id": lambda: desk.word(FORGER),
        "another kind of key": lambda: desk.word(CURVE),
        "another person under the same signature": lambda: tampered(desk.word()),
        "an access token's type": lambda: desk.word(header={"typ": "at+jwt"}),
        "an assertion as the word": lambda: desk.proof()["client_assertion"],
        "no token at all": lambda: "35058219910603996X",
        "a critical header": lambda: tampered_header(desk.word()),
    }
    answer = await desk.exchange(words[how]())

    assert await refused(desk, answer, "invalid_grant") == reason


def tampered_header(word: str) -> str:
    """A header that asks for more than we know."""
    header = b'{"alg":"Ed25519","typ":"person-identified+jwt","kid":"p","crit":["x"],"x":1}'
    return ".".join([base64.urlsafe_b64encode(header).rstrip(b"=").decode(), *word.split(".")[1:]])


async def test_a_word_counts_once(desk: Desk) -> None:
    """The same statement again is refused, under a new proof of the portal too."""
    word = desk.word()
    first, again = await desk.exchange(word), await desk.exchange(word)

    assert (first.status_code, again.status_code) == (200, 400)
    assert [each["reason"] for each in await desk.service.entries("person.refused")] == ["replayed"]


async def test_whoever_is_no_portal_may_not_say_who_a_person_is(desk: Desk) -> None:
    """A proven client without the role is refused, whatever its word says."""
    answer = await desk.exchange(desk.word(OTHER, iss="hall"), **desk.proof("hall", OTHER))

    assert await refused(desk, answer, "unauthorized_client") == "not_a_portal"


async def test_a_portal_without_a_key_has_no_word(desk: Desk) -> None:
    """A secret proves the client, in development; it signs nothing."""
    form = {"grant_type": EXCHANGE, "subject_token": desk.word(iss="simple"), "subject_token_type": JWT}
    answer = await desk.http.post("/oauth/token", data=form, auth=("simple", "s" * 32))

    assert await refused(desk, answer, "invalid_grant") == "client_without_keys"


async def test_a_disabled_portal_is_no_client(desk: Desk) -> None:
    """It is refused as any client that is not there."""
    found = await desk.service.runtime.store.clients.client("portal")
    gone = Client(
        found.id, found.name, found.department, found.roles, jwks=found.jwks, disabled_at=desk.service.clock()
    )
    await desk.service.runtime.store.clients.put(gone, desk.service.clock())

    assert (await desk.exchange()).json()["error"] == "invalid_client"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"subject_token": ...}, "invalid_request"),
        ({"subject_token_type": ACCESS}, "invalid_request"),
        ({"subject_token_type": ...}, "invalid_request"),
        ({"actor_token": "x", "actor_token_type": JWT}, "invalid_request"),
        ({"requested_token_type": JWT}, "invalid_request"),
        ({"audience": "elsewhere"}, "invalid_target"),
        ({"resource": "https://elsewhere"}, "invalid_target"),
        ({"scope": "auditor"}, "invalid_scope"),
        ({"scope": "person renderer"}, "invalid_scope"),
        ({"client_assertion": ...}, "invalid_client"),
    ],
)
async def test_what_this_exchange_does_not_do_is_said_in_oauths_words(
    desk: Desk, changes: dict[str, Any], error: str
) -> None:
    """No delegation, no other kind of token, for nobody else, with no other scope."""
    answer = await desk.exchange(**changes)

    assert answer.json()["error"] == error
    assert "access_token" not in answer.json()


async def test_a_persons_token_ends_after_ten_minutes(desk: Desk) -> None:
    """Then the portal identifies the person anew."""
    bearer = await desk.bearer()
    desk.service.clock.tick(timedelta(minutes=10))

    assert (await desk.http.get("/v1/me/consents", headers=bearer)).json()["code"] == "token_expired"


async def test_a_persons_token_is_no_word_and_no_proof(desk: Desk) -> None:
    """It cannot be exchanged again."""
    token = (await desk.exchange()).json()["access_token"]
    answer = await desk.exchange(token)

    assert answer.json()["error"] == "invalid_grant"


async def test_a_document_that_two_persons_claim_gives_nobody_a_token(desk: Desk) -> None:
    """Whose token it would be nobody knows; the refusal says why, and the documents of either still work."""
    passport = {"kind": "person", "id_type": "414", "id_no": "E12345678"}
    runtime, now = desk.service.runtime, desk.service.clock()
    caller = Caller("desk", "公安", frozenset({"consent_desk"}))
    evidence = LinkEvidence(EvidenceKind.both_shown, "copy", "clerk-7", now, Presence.in_person)
    stranger = {**ANN, "id_no": "110102199101010078"}
    await link_identities(LinkIdentities(ANN, passport, evidence), caller, runtime)
    with pytest.raises(Conflict):
        await link_identities(LinkIdentities(stranger, passport, evidence), caller, runtime)

    answer = await desk.exchange(desk.word(sub_id=passport))

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    assert [each["reason"] for each in await desk.service.entries("person.refused")] == ["identity_ambiguous"]
    assert (await desk.bearer(ANN))["authorization"]
