"""Operators log in at an OpenID issuer; a simulator plays the issuer, honest or attacked."""

import base64
import hashlib
import hmac
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx
import pytest
from joserfc.jwk import OctKey, OKPKey, RSAKey

from gateway.security import jws as ours
from gateway.security.operators import disable_operator
from tests.issuer import KEYS, Issuer, served

OTHERS = RSAKey.generate_key(2048, {"kid": "rsa"})
ROLES = {"gov-admin": "operator", "gov-audit": "auditor", "gov-security": "security"}


class Browser:
    """An operator's browser at the service."""

    def __init__(self, service: Any, issuer: Issuer) -> None:
        self.service, self.issuer = service, issuer
        self.http: httpx.AsyncClient = service.http

    async def begin(self) -> str:
        answer = await self.http.get("/login")
        assert answer.status_code == 303, answer.text
        return str(answer.headers["location"])

    async def finish(self, location: str, code: str | None = None, **changes: str) -> httpx.Response:
        state = parse_qs(urlsplit(location).query)["state"][0]
        query = {"state": state, "code": code or self.issuer.authorize(location)} | changes
        return await self.http.get("/login/callback", params=query)

    async def log_in(self) -> httpx.Response:
        return await self.finish(await self.begin())


@pytest.fixture
async def issuer(make_service) -> AsyncIterator[Issuer]:
    made = Issuer()
    async with served(made):
        yield made


@pytest.fixture
async def browser(make_service, issuer: Issuer) -> AsyncIterator[Browser]:
    """A browser at a service that logs operators in at that issuer."""
    service = make_service(oidc_issuer=issuer.url, oidc_roles=ROLES, allow_private_addresses=True)
    issuer.now = int(service.clock().timestamp())
    yield Browser(service, issuer)
    await service.app.state.openid.close()
    await service.http.aclose()


async def reason(browser: Browser) -> str:
    """Why the last log-in was refused, as the log says."""
    told = (await browser.service.entries("operator.login_refused"))[-1]
    assert told["method"] == "oidc"
    return str(told["reason"])


# ---------------------------------------------------------------- honest


async def test_a_log_in_at_the_issuer_opens_a_session(browser: Browser) -> None:
    """Roles come from the claim by the mapping, the department from its claim; the token works."""
    answer = await browser.log_in()
    body = answer.json()

    assert answer.status_code == 200, answer.text
    assert (body["roles"], body["department"]) == (["operator"], "数据局")
    bearer = {"authorization": f"Bearer {body['access_token']}"}
    assert (await browser.http.delete("/v1/sessions/current", headers=bearer)).status_code == 204
    assert [e["method"] for e in await browser.service.entries("operator.logged_in")] == ["oidc"]


async def test_what_is_sent_to_the_issuer_is_what_the_rules_ask_for(browser: Browser) -> None:
    """Code flow, S256, state, nonce; the client proves itself by an assertion under the key it publishes."""
    location = await browser.begin()
    asked = dict(parse_qsl(urlsplit(location).query))
    await browser.finish(location)
    form, keys = browser.issuer.forms[0], (await browser.http.get("/login/keys")).json()
    key = OKPKey.import_key({**keys["keys"][0], "alg": "Ed25519"})
    assertion = ours.split(form["client_assertion"])
    ours.verify(assertion, key, ("Ed25519",))
    claims = assertion.claims

    assert (asked["response_type"], asked["code_challenge_method"], asked["scope"]) == (
        "code",
        "S256",
        "openid",
    )
    assert min(len(asked["state"]), len(asked["nonce"]), len(form["code_verifier"])) >= 43
    assert (claims["iss"], claims["sub"], claims["aud"]) == (
        "oncegate",
        "oncegate",
        f"{browser.issuer.url}/token",
    )


async def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(browser: Browser) -> None:
    """HttpOnly, SameSite, for /login alone; and gone after the log-in."""
    location = await browser.begin()
    begun = (await browser.http.get("/login")).headers["set-cookie"].lower()
    browser.http.cookies.clear()
    location = await browser.begin()
    ended = (await browser.finish(location)).headers["set-cookie"].lower()

    assert [rule for rule in ("httponly", "samesite=lax", "path=/login") if rule not in begun] == []
    assert "max-age=0" in ended


async def test_the_cookie_is_secure_where_the_service_is(make_service, issuer: Issuer) -> None:
    """Behind https the cookie travels by https alone."""
    service = make_service(
        oidc_issuer=issuer.url, allow_private_addresses=True, public_url="https://gate.example"
    )
    answer = await service.http.get("/login")
    await service.app.state.openid.close()

    assert "secure" in answer.headers["set-cookie"].lower()


@pytest.mark.parametrize("alg", KEYS)
async def test_each_algorithm_on_the_list_is_taken(browser: Browser, alg: str) -> None:
    """RS256, ES256 and Ed25519, by the key of that id."""
    browser.issuer.alg, browser.issuer.key = alg, KEYS[alg]

    assert (await browser.log_in()).status_code == 200


async def test_at_hash_is_checked_when_it_is_there(browser: Browser) -> None:
    """The right one passes."""
    digest = hashlib.sha256(b"opaque").digest()[:16]
    browser.issuer.claims = {"at_hash": base64.urlsafe_b64encode(digest).rstrip(b"=").decode()}

    assert (await browser.log_in()).status_code == 200


async def test_a_secret_from_the_secrets_file_proves_us(make_service, issuer: Issuer, tmp_path) -> None:
    """With a secret set it goes into the header, and no assertion is sent."""
    secrets = tmp_path / "secrets.json"
    secrets.write_text('{"issuer": "s:cret"}')
    service = make_service(
        oidc_issuer=issuer.url,
        oidc_roles=ROLES,
        oidc_client_secret="issuer",
        secrets_file=secrets,
        allow_private_addresses=True,
    )
    issuer.now = int(service.clock().timestamp())
    answer = await Browser(service, issuer).log_in()
    await service.app.state.openid.close()

    assert answer.status_code == 200
    assert "client_assertion" not in issuer.forms[0]
    assert base64.b64decode(issuer.headers["authorization"].split()[1]) == b"oncegate:s%3Acret"


async def test_the_same_person_is_the_same_operator_with_the_roles_of_today(browser: Browser) -> None:
    """The second log-in adds nobody; other roles at the issuer are other roles here."""
    first = (await browser.log_in()).json()
    browser.issuer.claims = {"roles": "gov-audit"}
    second = (await browser.log_in()).json()
    bearer = {"authorization": f"Bearer {first['access_token']}"}

    assert first["operator"] == second["operator"]
    assert (first["roles"], second["roles"]) == (["operator"], ["auditor"])
    assert [e["what"] for e in await browser.service.entries("operator.changed")] == ["added", "roles"]
    assert (await browser.http.get("/v1/items", headers=bearer)).status_code == 401


async def test_keys_and_metadata_are_remembered_and_new_keys_found(browser: Browser) -> None:
    """Asked for once; a key id nobody knew makes us ask again, but not for every made-up one."""
    await browser.log_in()
    await browser.log_in()
    once = (
        browser.issuer.asked.count("/keys"),
        browser.issuer.asked.count("/.well-known/openid-configuration"),
    )
    new = RSAKey.generate_key(2048, {"kid": "new"})
    browser.issuer.published.append(new.as_dict(private=False))
    browser.issuer.key = new
    too_soon = await browser.log_in()
    browser.service.clock.tick(timedelta(seconds=31))
    found = await browser.log_in()

    assert once == (1, 1)
    assert (too_soon.status_code, found.status_code) == (401, 200)


# ---------------------------------------------------------------- attacks


def swap_alg_none(token: str) -> str:
    """The same claims under `alg` none and no signature."""
    header = base64.urlsafe_b64encode(b'{"alg":"none","kid":"rsa"}').rstrip(b"=").decode()
    return f"{header}.{token.split('.')[1]}."


def flip_signature(token: str) -> str:
    head, _, signature = token.rpartition(".")
    return f"{head}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}"


def by_public_key_as_secret(token: str) -> str:
    """HS256 under the issuer's published key (the classic confusion)."""
    header = base64.urlsafe_b64encode(b'{"alg":"HS256","kid":"rsa"}').rstrip(b"=").decode()
    signed = f"{header}.{token.split('.')[1]}"
    mark = hmac.digest(KEYS["RS256"].as_pem(private=False), signed.encode(), "sha256")
    return f"{signed}.{base64.urlsafe_b64encode(mark).rstrip(b'=').decode()}"


AT = 1795226584  # the clock of these tests
BAD_CLAIMS: dict[str, dict[str, Any]] = {
    "wrong nonce": {"nonce": "x" * 43},
    "no nonce": {"nonce": ...},
    "nonce is a list": {"nonce": ["x"]},
    "wrong audience": {"aud": "another"},
    "several audiences": {"aud": ["oncegate", "another"]},
    "no audience": {"aud": ...},
    "other authorized party": {"azp": "another"},
    "wrong issuer": {"iss": "https://elsewhere"},
    "no issuer": {"iss": ...},
    "expired": {"exp": AT - 31},
    "no expiry": {"exp": ...},
    "expiry is text": {"exp": "tomorrow"},
    "issued tomorrow": {"iat": AT + 86_400},
    "issued an hour ago": {"iat": AT - 3_600},
    "no issue time": {"iat": ...},
    "no subject": {"sub": ...},
    "subject is a number": {"sub": 7},
    "wrong at_hash": {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"},
    "not yet valid": {"nbf": AT + 600},
    "no role here": {"roles": ["staff"]},
    "no roles": {"roles": ...},
    "roles is an object": {"roles": {"gov-admin": True}},
    "no department": {"department": ...},
    "department is a list": {"department": ["a"]},
}


@pytest.mark.parametrize("attack", BAD_CLAIMS)
async def test_a_token_that_says_something_else_is_refused(browser: Browser, attack: str) -> None:
    """Whatever the issuer's signature is on, it must be for us, for this request, now, for somebody with a role here."""
    browser.issuer.claims = BAD_CLAIMS[attack]
    answer = await browser.log_in()

    assert (answer.status_code, answer.json()["code"]) == (401, "login_refused"), attack
    assert await reason(browser) not in ("code_refused", "no_id_token")


FORGERIES: dict[str, Callable[[str], str]] = {
    "alg none": swap_alg_none,
    "signature flipped": flip_signature,
    "signature gone": lambda token: token.rpartition(".")[0] + ".",
    "public key as a secret": by_public_key_as_secret,
    "not a token": lambda _: "not a token",
    "empty": lambda _: "",
    "four parts": lambda token: token + ".x",
}


@pytest.mark.parametrize("forgery", FORGERIES)
async def test_a_forged_token_is_refused(browser: Browser, forgery: str) -> None:
    """No algorithm of the token's own choice, no signature that does not hold."""
    browser.issuer.mangle = FORGERIES[forgery]

    assert (await browser.log_in()).status_code == 401


async def test_another_key_of_the_same_id_is_refused(browser: Browser) -> None:
    """A key id proves nothing."""
    browser.issuer.key = OTHERS
    assert (await browser.log_in()).status_code == 401


async def test_a_key_inside_the_token_is_not_looked_at(browser: Browser) -> None:
    """`jwk` in the header: the token would choose its own key."""
    browser.issuer.key = OTHERS
    browser.issuer.header = {"jwk": OTHERS.as_dict(private=False)}
    assert (await browser.log_in()).status_code == 401


async def test_a_symmetric_key_among_the_published_is_no_key(browser: Browser) -> None:
    """A secret that everybody can read proves nothing."""
    secret = OctKey.generate_key(256, {"kid": "oct"})
    browser.issuer.published = [secret.as_dict(private=True)]
    browser.issuer.key, browser.issuer.alg = secret, "HS256"

    assert (await browser.log_in()).status_code == 401


async def test_a_callback_counts_once(browser: Browser) -> None:
    """The same callback again is refused before the issuer is asked; so is its code in another log-in."""
    location = await browser.begin()
    code = browser.issuer.authorize(location)
    cookie = browser.http.cookies.get("oncegate-login")
    first = await browser.finish(location, code)
    browser.http.cookies.set("oncegate-login", str(cookie), domain="127.0.0.1", path="/login")
    again = await browser.finish(location, code)
    why = await reason(browser)
    browser.http.cookies.clear()
    elsewhere = await browser.finish(await browser.begin(), code)

    assert [first.status_code, again.status_code, elsewhere.status_code] == [200, 401, 401]
    assert (why, await reason(browser)) == ("state_replayed", "code_refused")


async def test_a_code_of_another_login_does_not_fit(browser: Browser) -> None:
    """A code injected from another browser's log-in fails on PKCE."""
    stolen = browser.issuer.authorize(await browser.begin())
    browser.http.cookies.clear()
    answer = await browser.finish(await browser.begin(), stolen)

    assert answer.status_code == 401
    assert await reason(browser) == "code_refused"


@pytest.mark.parametrize(
    "how", ["no cookie", "other browser", "state changed", "cookie changed", "state gone"]
)
async def test_state_and_browser_belong_together(browser: Browser, how: str) -> None:
    """Login CSRF: a callback counts only in the browser that set out, for what it set out for."""
    first = await browser.begin()
    browser.http.cookies.clear()
    changes = {}
    if how == "other browser":
        await browser.begin()
    elif how == "cookie changed":
        browser.http.cookies.set("oncegate-login", "AAAA", domain="127.0.0.1", path="/login")
    elif how != "no cookie":
        await browser.begin()
        changes = {"state": "x" * 43 if how == "state changed" else ""}
    answer = await browser.finish(first, **changes)

    assert answer.status_code == 401
    assert await reason(browser) == "state_wrong"


async def test_nobody_fills_the_log_by_way_of_the_callback(make_service, issuer: Issuer) -> None:
    """Calling it costs nothing: beyond ten refusals in a second they are counted, in one entry."""
    service = make_service(
        oidc_issuer=issuer.url, oidc_roles=ROLES, allow_private_addresses=True, token_failures_per_minute=0
    )
    calls = [await service.http.get("/login/callback", params={"state": "x", "code": "y"}) for _ in range(30)]
    await service.app.state.refusals.flush()

    assert {answer.status_code for answer in calls} == {401}
    assert len(await service.entries("operator.login_refused")) == 10
    assert (await service.entries("access.refused"))[-1]["by_reason"] == {"state_wrong": 20}
    await service.http.aclose()


async def test_an_address_that_fails_too_often_at_the_callback_waits(browser: Browser) -> None:
    """As at the other ways in, so that nobody has the issuer asked for them again and again."""
    calls = [await browser.http.get("/login/callback", params={"state": "x"}) for _ in range(22)]

    assert [calls[0].status_code, calls[-1].status_code] == [401, 429]


async def test_a_log_in_that_takes_too_long_is_over(browser: Browser) -> None:
    """Ten minutes after setting out the way back is closed."""
    location = await browser.begin()
    browser.service.clock.tick(timedelta(minutes=10))
    assert (await browser.finish(location)).status_code == 401
    assert await reason(browser) == "state_expired"


async def test_another_issuers_answer_is_not_mixed_up_with_ours(browser: Browser) -> None:
    """RFC 9207: the `iss` beside the code must be ours, and must be there when ours always sends it."""
    wrong = await browser.finish(await browser.begin(), iss="https://elsewhere")
    right = await browser.finish(await browser.begin(), iss=browser.issuer.url)
    browser.issuer.metadata = {"authorization_response_iss_parameter_supported": True}
    browser.service.clock.tick(timedelta(hours=2))
    browser.issuer.now += 7200
    missing = await browser.log_in()

    assert [wrong.status_code, right.status_code, missing.status_code] == [401, 200, 401]
    assert await reason(browser) == "issuer_mixed_up"


async def test_the_issuers_refusal_is_a_refusal(browser: Browser) -> None:
    """Somebody who may not log in there comes back with `error`."""
    answer = await browser.finish(await browser.begin(), error="access_denied")
    assert (answer.status_code, await reason(browser)) == (401, "issuer_refused")


async def test_roles_of_two_hands_are_refused_here_too(browser: Browser) -> None:
    """An issuer that lets somebody audit and administer does not decide that here; the refusal is an entry."""
    browser.issuer.claims = {"roles": ["gov-admin", "gov-audit"]}
    answer = await browser.log_in()

    assert answer.status_code == 401
    assert [e["roles"] for e in await browser.service.entries("roles.refused")] == [["auditor", "operator"]]


class _DisabledAtThatMoment:
    """The operators of a store, of whom each is disabled right after they were found."""

    def __init__(self, operators: Any, runtime: Any) -> None:
        self._operators, self._runtime = operators, runtime

    def __getattr__(self, name: str) -> Any:
        return getattr(self._operators, name)

    async def find(self, key: str) -> Any:
        found = await self._operators.find(key)
        if found is not None:
            self._runtime.store.operators = self._operators
            await disable_operator(found, self._runtime)
        return found


async def test_a_log_in_with_new_roles_does_not_undo_a_disabling(browser: Browser) -> None:
    """Disabled between the issuer's word and ours: refused, and still disabled."""
    known = (await browser.log_in()).json()["operator"]
    runtime = browser.service.runtime
    operators = runtime.store.operators
    runtime.store.operators = _DisabledAtThatMoment(operators, runtime)
    browser.issuer.claims = {"roles": ["gov-audit"]}

    answer = await browser.log_in()

    assert (answer.status_code, await reason(browser)) == (401, "at_once")
    now = await operators.operator(known)
    assert (now.disabled_at is not None, "auditor" in now.roles) == (True, False)


async def test_whoever_was_disabled_here_stays_out(browser: Browser) -> None:
    """The issuer's word does not undo what security has decided."""
    known = (await browser.log_in()).json()["operator"]
    runtime = browser.service.runtime
    found = await runtime.store.operators.operator(known)
    await disable_operator(found, runtime)

    assert (await browser.log_in()).status_code == 401
    assert await reason(browser) == "disabled"


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/.well-known/openid-configuration", (500, {})),
        ("/.well-known/openid-configuration", (200, b"<html>")),
        ("/.well-known/openid-configuration", (200, {"issuer": "https://elsewhere"})),
        ("/.well-known/openid-configuration", (200, [])),
        ("/.well-known/openid-configuration", (302, {})),
        ("/.well-known/openid-configuration", (200, b"x" * 20_000_000)),
        ("/keys", (200, {"keys": "none"})),
        ("/keys", (404, {})),
        ("/token", (500, {})),
        ("/token", (200, b"{")),
    ],
)
async def test_a_broken_issuer_costs_the_log_in_only(browser: Browser, path: str, answer: Any) -> None:
    """Whatever it answers is 503 with a word on what to do, never 500, and never believed."""
    browser.issuer.answers[path] = answer
    began = await browser.http.get("/login")
    refused = began if began.status_code != 303 else await browser.finish(began.headers["location"])

    assert (refused.status_code, refused.json()["code"]) == (503, "issuer_unavailable")


async def test_metadata_that_leads_off_the_safe_way_is_not_followed(browser: Browser) -> None:
    """An endpoint of another scheme than the issuer's or https is not asked."""
    browser.issuer.metadata = {"token_endpoint": "file:///etc/passwd"}
    assert (await browser.http.get("/login")).status_code == 503


async def test_an_issuer_in_a_forbidden_network_is_not_asked(make_service, issuer: Issuer) -> None:
    """The rules on addresses hold for the issuer as for every source."""
    service = make_service(oidc_issuer=issuer.url, oidc_roles=ROLES)
    assert (await service.http.get("/login")).status_code == 503
    assert issuer.asked == []


async def test_without_an_issuer_there_is_no_such_way(service) -> None:
    """`/login` says where to log in instead."""
    assert (await service.http.get("/login")).status_code == 404
    assert (await service.http.get("/login/callback?state=x&code=y")).status_code == 404
