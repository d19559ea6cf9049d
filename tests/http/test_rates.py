"""A caller over its rate is told to wait, whatever it asks for; who fails to prove itself too often, too."""

import base64

import pytest

from gateway.http.turns import route_class
from gateway.records import Caller, Client
from gateway.security import hash_client_secret, new_client_secret
from gateway.security.attempts import FailedAttempts
from gateway.security.rate_limits import RateLimits

PROBLEM = "application/problem+json"
SECRET = new_client_secret()


class Time:
    """Seconds that a test moves."""

    now = 1_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def time():
    return Time()


def bearer(service, caller):
    """The header of a token for that caller."""
    return {"authorization": f"Bearer {service.app.state.tokens.issue_to(caller, 300)}"}


def hall(service):
    return bearer(service, Caller("hall", "政务服务", frozenset({"renderer", "consent_desk"})))


def limited(service, time, per_second=10.0, burst=3):
    service.app.state.limits = RateLimits(per_second, burst, monotonic=time)


async def test_over_the_rate_is_429_with_when_to_come_back(service, time) -> None:
    """A problem with its code, and Retry-After in whole seconds."""
    limited(service, time, per_second=0.25, burst=3)
    who = hall(service)

    answers = [await service.http.get("/v1/forms", headers=who) for _ in range(4)]
    time.now += 4
    later = await service.http.get("/v1/forms", headers=who)

    assert [each.status_code for each in answers] == [200, 200, 200, 429]
    refused = answers[-1]
    assert refused.headers["content-type"] == PROBLEM
    assert refused.json()["code"] == "too_many_requests"
    assert refused.headers["retry-after"] == "4"
    assert later.status_code == 200


async def test_the_hot_route_counts_too(service, time) -> None:
    """Resolving is what the limit is for; a request is counted once, however often its token is looked at."""
    limited(service, time)
    who = hall(service)

    statuses = [
        (await service.http.post("/v1/resolutions", json={}, headers=who)).status_code for _ in range(4)
    ]

    assert statuses == [422, 422, 422, 429]


async def test_a_caller_is_counted_before_its_rights_are_looked_at(service, time) -> None:
    """Who may not do something may not try it without end either."""
    limited(service, time)
    who = hall(service)

    statuses = [(await service.http.get("/v1/audit/entries", headers=who)).status_code for _ in range(4)]

    assert statuses == [403, 403, 403, 429]


async def test_persons_of_one_portal_do_not_use_up_one_another(service, time) -> None:
    """Each is counted by their own reference, and the portal by its own id."""
    limited(service, time)
    portal = Caller("portal", "政务服务", frozenset({"person"}))
    ann, bob = (
        bearer(service, Caller("portal", portal.department, portal.roles, person=ref))
        for ref in ("sub_ann", "sub_bob")
    )

    spent = [(await service.http.get("/v1/consents/cns_x", headers=ann)).status_code for _ in range(4)]

    assert spent == [404, 404, 404, 429]
    assert (await service.http.get("/v1/consents/cns_x", headers=bob)).status_code == 404


async def test_what_is_open_to_all_has_no_caller_to_count(service, time) -> None:
    """Health, readiness and the public log answer whatever a caller has used up."""
    limited(service, time, burst=1)

    assert [(await service.http.get("/healthz")).status_code for _ in range(5)] == [200] * 5


async def test_refusals_are_counted_by_kind_of_route_and_never_by_name(service, time) -> None:
    """What an operator sees: where, not who."""
    limited(service, time, burst=1)
    who = hall(service)
    for path in ("/v1/forms", "/v1/forms", "/v1/items", "/v1/consents/cns_zhang-san"):
        await service.http.get(path, headers=who)

    text = service.runtime.telemetry.render().decode()

    assert 'oncegate_rate_limited_total{route="forms"} 1.0' in text
    assert 'oncegate_rate_limited_total{route="other"} 1.0' in text
    assert 'oncegate_rate_limited_total{route="consents"} 1.0' in text
    assert "zhang-san" not in text


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/v1/resolutions", "resolutions"),
        ("/v1/me/uses", "me"),
        ("/v1/x", "other"),
        ("/", "other"),
        ("", "other"),
    ],
)
def test_a_route_class_is_of_a_closed_list(path, found) -> None:
    """A path somebody made up is "other"."""
    assert route_class(path) == found


async def test_the_document_says_so(service) -> None:
    """Every operation that knows its caller may answer 429."""
    document = (await service.http.get("/openapi.json")).json()

    for path, methods in document["paths"].items():
        for operation in methods.values():
            if "401" in operation["responses"]:
                assert "429" in operation["responses"], path


# ---------------------------------------------------------------- failed attempts


@pytest.fixture
async def client(service):
    """A registered client with a secret."""
    registered = Client("library", "library", "文旅", frozenset({"renderer"}), hash_client_secret(SECRET))
    await service.runtime.store.clients.put(registered, service.clock())


async def attempt(service, secret, client="library"):
    return await service.http.post(
        "/oauth/token", auth=(client, secret), data={"grant_type": "client_credentials"}
    )


def attempts(service, time, per_minute):
    service.app.state.attempts = FailedAttempts(per_minute, monotonic=time)


async def test_too_many_wrong_secrets_are_told_to_wait(client, service, time) -> None:
    """Then even the right one, for it could be a guess; a minute later it works."""
    attempts(service, time, 3)

    failed = [(await attempt(service, "wrong")).status_code for _ in range(3)]
    refused = await attempt(service, SECRET)
    time.now += 60
    later = await attempt(service, SECRET)

    assert failed == [401, 401, 401]
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_attempts")
    assert refused.headers["retry-after"] == "20"
    assert later.status_code == 200


async def test_one_address_cannot_go_on_under_other_names(client, service, time) -> None:
    """Counted per address as well as per client."""
    attempts(service, time, 3)

    statuses = [
        (await attempt(service, "wrong", client=f"guess-{number}")).status_code for number in range(4)
    ]

    assert statuses == [401, 401, 401, 429]


async def test_behind_a_proxy_one_clients_failures_are_its_own(client, make_service, time) -> None:
    """All addresses are the proxy's there: counting by them would lock everybody out."""
    service = make_service(behind_tls_proxy=True)
    attempts(service, time, 3)
    registered = Client("library", "library", "文旅", frozenset({"renderer"}), hash_client_secret(SECRET))
    await service.runtime.store.clients.put(registered, service.clock())

    for number in range(5):
        assert (await attempt(service, "wrong", client=f"guess-{number}")).status_code == 401
    assert (await attempt(service, SECRET)).status_code == 200
    await service.http.aclose()


async def test_junk_assertions_end_in_429_and_cost_nobody_their_token(client, service, time) -> None:
    """Whoever claims to be the library and cannot sign is told to wait, by its name as by its address."""
    service.app.state.attempts = FailedAttempts(3, monotonic=time)
    claims = base64.urlsafe_b64encode(b'{"iss":"library","sub":"library"}').rstrip(b"=").decode()
    header = base64.urlsafe_b64encode(b'{"alg":"Ed25519"}').rstrip(b"=").decode()
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": f"{header}.{claims}.AAAA",
    }

    statuses = [(await service.http.post("/oauth/token", data=form)).status_code for _ in range(4)]

    assert statuses == [401, 401, 401, 429]
    assert 'oncegate_rate_limited_total{route="token"} 1.0' in service.runtime.telemetry.render().decode()
