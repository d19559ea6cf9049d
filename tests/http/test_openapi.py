"""`/openapi.json` is true: every operation, with data that fits and data that does not, answers only as it says.

Schemathesis makes the requests; ONCEGATE_FUZZ_EXAMPLES raises how many per operation.
"""

import asyncio
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import orjson
import pytest
import schemathesis
from fastapi import FastAPI
from fastapi.routing import APIRoute
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from jsonschema import Draft202012Validator
from schemathesis.config import (
    ChecksConfig,
    GenerationConfig,
    PositiveDataAcceptanceConfig,
    ProjectConfig,
    ProjectsConfig,
    SchemathesisConfig,
)
from schemathesis.generation import GenerationMode
from schemathesis.python.asgi import ASGIClient, get_client
from schemathesis.specs.openapi.checks import ignored_auth

from field_registry import Binding, CodeList, Item, Registry, Source, SubjectKind
from field_registry.items import Datatype
from forms.definition import Field, Form, Group, Role
from gateway.app import create_app, make_runtime
from gateway.curation.publish import Publisher
from gateway.http.rooms import ROOMS
from gateway.records import Client
from gateway.security import hash_client_secret, new_client_secret
from gateway.security.sessions import Sessions
from gateway.settings import Settings
from gateway.store.migrate import migrate
from policies import Ground, GroundKind, Policy, Purpose, Rule
from policies.rules import Conditions, Effect

EXAMPLES = int(os.environ.get("ONCEGATE_FUZZ_EXAMPLES", "25"))
NOW = datetime(2026, 11, 21, 2, 3, 4, tzinfo=UTC)
HALL = "政务服务"
ANN = {"kind": "person", "id_type": "111", "id_no": "35058219910603996X"}
PROBLEM = "application/problem+json"
Body = Mapping[str, Any]

PERSONAS = {
    "35058219910603996X": {
        "name": "安妮",
        "sex": "2",
        "income": "1.5万元",
        "children": [{"name": "小明", "born": "someday"}, {"name": "小红", "born": "20210304"}],
    }
}


def _item(item_id: str, datatype: Datatype, **more: Any) -> Item:
    return Item(item_id, item_id, SubjectKind.person, datatype, "公安", **more)


ITEMS = (
    _item("person.name", Datatype.name, mask="name"),
    _item("person.sex", Datatype.code, code_list="sex", freshness=timedelta(days=30)),
    _item("person.income", Datatype.amount, unit="CNY"),
    _item("person.tax_no", Datatype.text),
    _item("person.children", Datatype.rows),
    _item("child.name", Datatype.name, within="person.children"),
    _item("child.born", Datatype.date, within="person.children"),
)
REGISTRY = Registry.of(
    0,
    items=ITEMS,
    sources=[
        Source("civil", "人口基础库", "公安", "sandbox", config={"personas": PERSONAS}),
        # One that cannot be built: its place is not set.
        Source("tax", "税务", "税务", "http_json", config={"base_url": "${tax_url}", "answer": {}}),
    ],
    bindings=[
        *(
            Binding(f"person.{name}", "civil", f"/{name}", version=1)
            for name in ("name", "sex", "income", "children")
        ),
        *(Binding(f"child.{name}", "civil", f"/{name}") for name in ("name", "born")),
        Binding("person.tax_no", "tax", "/no"),
    ],
    code_lists=[CodeList("sex", "性别", {"1": "男", "2": "女"})],
)
BY_DUTY = Ground(GroundKind.statutory_duty, "D-1", "某法 第1条")
POLICY = Policy.of(
    0,
    [Purpose("family", "家庭")],
    [
        Rule("R-1", Effect.permit, "agreed", ground=Ground(GroundKind.consent, "")),
        Rule("R-2", Effect.permit, "duty", Conditions(items=frozenset({"person.sex"})), BY_DUTY),
    ],
)
FORM = Form(
    "family",
    1,
    "家庭登记",
    "M-1",
    "family",
    "民政",
    fields=(
        Field("name", "姓名", item="person.name"),
        Field("sex", "性别", item="person.sex"),
        Field("income", "收入", item="person.income"),
        Field("tax_no", "税号", item="person.tax_no"),
        Field("spouse.name", "配偶", "spouse", "person.name"),
        Field("note", "备注"),
        Field("why", "原因", visible_when={"field": "note", "present": True}),
        Field("stamp", "章", office_use=True),
        Field("children.name", "姓名", item="child.name", group="children"),
        Field("children.born", "生日", item="child.born", group="children"),
    ),
    roles=(
        Role("applicant", "申请人", frozenset({SubjectKind.person})),
        Role("spouse", "配偶", frozenset({SubjectKind.person}), required=False),
    ),
    groups=(Group("children", "子女", "applicant", "name", item="person.children"),),
)


# ---------------------------------------------------------------- the service, in process


async def _furnish(config: Settings, secret: str) -> None:
    runtime = make_runtime(config, clock=lambda: NOW)
    store = runtime.store
    publisher = Publisher(store, "test", NOW, runtime.new_reference)
    await publisher.registry(REGISTRY)
    await publisher.policy(POLICY)
    await publisher.form(FORM)
    roles = frozenset({"renderer", "consent_desk", "auditor"})
    await store.clients.put(Client("hall", "hall", HALL, roles, hash_client_secret(secret)), NOW)
    await store.close()


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ASGIClient]:
    """A caller with every role a hall may have, and a token that does not expire: the clock stands still."""
    config = Settings(
        state_dir=tmp_path_factory.mktemp("state"),
        metrics_role_required=True,
        rate_limit_per_second=0,
        token_failures_per_minute=0,
    )
    secret = new_client_secret()
    migrate(config.database_url)
    asyncio.run(_furnish(config, secret))
    app = create_app(config, clock=lambda: NOW)
    app.state.sessions = Sessions(app.state.runtime, app.state.tokens, refusal_takes=timedelta(0))
    with get_client(app) as opened:
        answer = opened.post("/oauth/token", auth=("hall", secret), data={"grant_type": "client_credentials"})
        opened.headers["authorization"] = f"Bearer {answer.json()['access_token']}"
        yield opened


@pytest.fixture(scope="module")
def app(client: ASGIClient) -> FastAPI:
    """The application."""
    served: Any = client.app
    return served


@pytest.fixture(scope="module")
def document(client: ASGIClient) -> Body:
    """`/openapi.json` as it is served."""
    told: Body = client.get("/openapi.json").json()
    return told


# What a request of the right shape may meet: no such form, somebody else's consent, a purpose nobody has.
_FITTING = PositiveDataAcceptanceConfig(
    expected_statuses=["2xx", "400", "401", "403", "404", "409", "410", "422"]
)
_CONFIG = SchemathesisConfig(
    projects=ProjectsConfig(
        default=ProjectConfig(
            checks=ChecksConfig(positive_data_acceptance=_FITTING),
            # Tokens are another test's; query parameters nobody knows are ignored, as everywhere on the web.
            generation=GenerationConfig(with_security_parameters=False, allow_extra_parameters=False),
        )
    )
)


@pytest.fixture(scope="module")
def described(app: FastAPI) -> Any:
    """What the document promises, as schemathesis reads it."""
    return schemathesis.openapi.from_asgi("/openapi.json", app, config=_CONFIG)


OPERATIONS = sorted(
    f"{method} {route.path.replace(':path', '')}"
    for room in ROOMS
    for route in room.router.routes
    if isinstance(route, APIRoute)
    for method in route.methods
)
OPEN = {
    "GET /v1/reports/open",
    "GET /v1/audit/checkpoint",
    "GET /v1/audit/cosigned-checkpoint",
    "GET /v1/audit/key",
    "GET /v1/audit/shards",
    "GET /v1/audit/shards/{shard}/checkpoint",
    "GET /v1/audit/shards/{shard}/first",
    "GET /v1/audit/shards/{shard}/key",
    "GET /v1/audit/shards/{shard}/tile/{path}",
    "GET /v1/audit/tile/{path}",
    "GET /v1/receipts/keys",
    "POST /v1/sessions",
}
"""What anybody may read: the log as public verifiers want it, which tells nothing of anybody."""


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_operation_keeps_its_word(
    operation: str, mode: GenerationMode, client: ASGIClient, described: Any
) -> None:
    """No 5xx; every status is documented; every answer has its schema and media type; bad data and no token are refused."""
    method, path = operation.split()

    with suppress(Unsatisfiable):  # nothing about this operation can be wrong
        _check(described[path][method].as_strategy(generation_mode=mode), client)


def _check(cases: st.SearchStrategy[Any], client: ASGIClient) -> None:
    @given(cases)
    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    def keeps_its_word(case: Any) -> None:
        case.call_and_validate(session=client, excluded_checks=[ignored_auth])

    keeps_its_word()


# ---------------------------------------------------------------- deeper: what random data hardly ever reaches


@pytest.fixture(scope="module")
def consent(client: ASGIClient) -> str:
    """The id of a consent of Ann's to everything but her income."""
    answer = client.post("/v1/consents", json=CONSENT)
    assert answer.status_code == 201, answer.text
    consent_id: str = answer.json()["id"]
    return consent_id


CONSENT: Body = {
    "subject": ANN,
    "purpose": "family",
    "items": [
        *({"item": f"person.{name}"} for name in ("name", "sex", "children", "tax_no")),
        {"item": "person.income", "permit": False},
    ],
    "recipient_departments": [HALL],
    "expires_at": "2026-11-22T00:00:00Z",
    "notice": {
        "id": "notice",
        "version": 1,
        "language": "zh-CN",
        "rendered_sha256": "0" * 64,
        "shown_at": "2026-11-21T02:00:00Z",
        "channel": "window",
    },
    "acts": [{"topic": "others", "act_id": "tick-1", "at": "2026-11-21T02:00:00Z"}],
    "evidence": {"method": "signature_pad", "witness": "clerk-1"},
    "max_uses": 1000,
}


CASES = count(1)
ASKING: Body = {"form": {"id": "family"}, "subject": ANN}


def resolution(consent: str | None = None, **changes: Any) -> dict[str, Any]:
    """The body of a resolution for Ann."""
    return {
        "form": {"id": "family"},
        "subjects": {"applicant": ANN},
        "actor": {"kind": "clerk", "id": "c-1"},
        "consent": consent,
        **changes,
    }


@pytest.mark.parametrize(
    "kept", [("form",), ("form", "subjects"), ("form", "consent", "patience_ms"), ("form", "answers")]
)
def test_any_resolution_of_a_form_keeps_its_word(
    kept: tuple[str, ...], client: ASGIClient, described: Any, consent: str
) -> None:
    """With a form that exists, whatever else is in the request: an answer of the documented shape, or a problem."""
    sound = resolution(consent, answers={"note": "x", "children": [{"name": "小明"}]}, patience_ms=50)

    def partly_sound(case: Any) -> Any:
        if isinstance(case.body, dict):
            case.body |= {name: sound[name] for name in kept}
        return case

    _check(described["/v1/resolutions"]["POST"].as_strategy().map(partly_sound), client)


@pytest.mark.parametrize(
    "free", ["subject", "items", "notice", "evidence", "recipient_departments", "max_uses", "case"]
)
def test_any_part_of_a_consent_keeps_its_word(free: str, client: ASGIClient, described: Any) -> None:
    """A consent that is in order but for one part: recorded, or refused as documented."""

    def partly_sound(case: Any) -> Any:
        drawn = case.body if isinstance(case.body, dict) else {}
        another = {**CONSENT, "case": f"case-{next(CASES)}"}  # the same agreement is recorded once
        case.body = {**another, **({free: drawn[free]} if free in drawn else {})}
        return case

    _check(described["/v1/consents"]["POST"].as_strategy().map(partly_sound), client)


# ---------------------------------------------------------------- and said outright


def refused(answer: Any, status: int, code: str | None = None) -> None:
    """Fails unless that is a problem of this status, complete and traceable."""
    problem = answer.json()
    assert (answer.status_code, answer.headers["content-type"]) == (status, PROBLEM), answer.text
    assert (problem["status"], problem["trace_id"]) == (status, answer.headers["trace-id"])
    assert problem["code"]
    assert problem["detail"]
    assert code in (None, problem["code"])


def schema_of(document: Body, path: str, method: str = "get", status: str = "200") -> Draft202012Validator:
    """The documented schema of an answer."""
    content = document["paths"][path][method]["responses"][status]["content"]
    schema = {**content["application/json"]["schema"], "components": document["components"]}
    return Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)


def test_every_route_is_listed(app: FastAPI, document: Body) -> None:
    """The document has exactly the operations that are served."""
    listed = {f"{method.upper()} {path}" for path, methods in document["paths"].items() for method in methods}

    assert listed == set(OPERATIONS)
    served = {route.path_format for route in app.routes if isinstance(route, APIRoute)}
    assert served <= document["paths"].keys()


def test_the_document_is_in_order(document: Body) -> None:
    """OpenAPI 3.1, every reference leads somewhere, every operation says what it does and what goes wrong."""
    text = orjson.dumps(document).decode()
    names = set(re.findall(r'"#/components/schemas/([^"]+)"', text))

    assert document["openapi"].startswith("3.1")
    assert names <= document["components"]["schemas"].keys()
    for operation in OPERATIONS:
        method, path = operation.lower().split(" ", 1)[0], operation.split(" ", 1)[1]
        described = document["paths"][path][method]
        assert described["summary"]
        assert described["description"]
        if path.startswith("/v1/") and operation not in OPEN:
            assert described["security"] == [{"bearer": []}]
            assert {"401", "403", "422", "503"} <= described["responses"].keys()


@pytest.mark.parametrize("operation", [each for each in OPERATIONS if "/v1/" in each and each not in OPEN])
@pytest.mark.parametrize("token", [None, "Bearer nonsense", "Basic aGFsbDp4", "Bearer a.b.c"])
def test_nobody_is_served_without_a_token(operation: str, token: str | None, client: ASGIClient) -> None:
    """Every operation under /v1 answers 401 to who cannot be told, and says how to authenticate."""
    method, path = operation.split()

    answer = client.request(
        method, path.replace("{step}", "pause"), json={}, headers={"authorization": token}
    )

    refused(answer, 401)
    assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    ("method", "path", "sent", "status", "code"),
    [
        ("GET", "/v1/forms/nothing", {}, 404, "unknown_form"),
        ("GET", "/v1/forms/family?version=9", {}, 404, "unknown_form_version"),
        ("GET", "/v1/forms/family?version=0", {}, 422, "not_valid"),
        ("GET", "/v1/forms?limit=501", {}, 422, "not_valid"),
        ("GET", "/v1/consents/cns_0", {}, 404, "unknown_consent"),
        ("GET", "/v1/consent-requests/crq_0", {}, 404, "unknown_consent_request"),
        ("POST", "/v1/consent-requests", {"json": {**ASKING, "role": "driver"}}, 422, "consent_request_not_valid"),
        ("POST", "/v1/consent-requests", {"json": {**ASKING, "form": {"id": "nothing"}}}, 404, "unknown_form"),
        ("POST", "/v1/consent-requests", {"json": {**ASKING, "expires_in_seconds": 1}}, 422, "not_valid"),
        ("GET", "/v1/resolutions/res_0", {}, 404, "unknown_resolution"),
        ("GET", "/v1/registry/trace", {}, 422, "not_valid"),
        ("GET", "/v1/registry/trace?form=nothing", {}, 404, "unknown_form"),
        ("GET", "/nowhere", {}, 404, "no_such_path"),
        ("DELETE", "/v1/forms", {}, 405, "method_not_allowed"),
        ("GET", "/metrics", {}, 403, "role_required"),
        ("POST", "/v1/resolutions", {"json": resolution(form={"id": "nothing"})}, 404, "unknown_form"),
        ("POST", "/v1/resolutions", {"json": resolution(form={"id": "family", "version": 7})}, 404, "unknown_form_version"),
        ("POST", "/v1/resolutions", {"json": resolution(patience_ms=0)}, 422, "not_valid"),
        ("POST", "/v1/resolutions", {"json": resolution(patience_ms=86_400_000)}, 422, "not_valid"),
        ("POST", "/v1/resolutions", {"json": resolution(surprise=1)}, 422, "not_valid"),
        ("POST", "/v1/resolutions", {"data": b"{"}, 400, "not_json"),
        ("POST", "/v1/resolutions", {"data": b"\xff"}, 400, "not_json"),
        ("POST", "/v1/resolutions", {"data": b"[" * 100 + b"]" * 100}, 400, "json_too_deep"),
        ("POST", "/v1/resolutions", {"data": b"x" * 1_000_001}, 413, "body_too_large"),
        ("POST", "/v1/resolutions", {"data": "{}", "headers": {"content-type": "text/plain"}}, 415, "json_required"),
        ("POST", "/v1/consents", {"json": {**CONSENT, "purpose": "other"}}, 422, "consent_not_valid"),
        ("POST", "/v1/consents", {"json": {}}, 422, "not_valid"),
        ("POST", "/v1/consents/cns_0/withdraw", {}, 404, "unknown_consent"),
        ("POST", "/v1/consents/cns_0/renew", {}, 422, "not_valid"),
    ],
)  # fmt: skip
def test_every_error_is_a_problem(
    method: str, path: str, sent: dict[str, Any], status: int, code: str, client: ASGIClient, document: Body
) -> None:
    """Whatever is wrong, the answer is a problem with its stable code, and the document lists its status."""
    headers = {"content-type": "application/json", **sent.get("headers", {})}

    refused(client.request(method, path, **{**sent, "headers": headers}), status, code)

    templates = {
        "/v1/consents/cns_0": "/v1/consents/{consent_id}",
        "/v1/consent-requests/crq_0": "/v1/consent-requests/{request_id}",
        "/v1/resolutions/res_0": "/v1/resolutions/{resolution_id}",
    }
    bare = path.partition("?")[0]
    template = templates.get(
        bare, re.sub("(?<=forms/).*", "{form_id}", re.sub("cns_0/.*", "{consent_id}/{step}", bare))
    )
    if status != 405 and bare != "/nowhere":
        assert str(status) in document["paths"][template][method.lower()]["responses"]


@pytest.mark.parametrize("path", ["/v1/forms", "/v1/audit/entries", "/v1/consents/{}"])
def test_times_of_answers_are_utc_and_end_in_z(path: str, client: ASGIClient, consent: str) -> None:
    """RFC 3339 in UTC, written in one way: whoever compares texts compares times."""
    found = client.get(path.format(consent)).text
    written = re.findall(r'"\d{4}-\d\d-\d\dT[^"]*"', found)

    assert written
    assert all(each.endswith('Z"') for each in written)


@pytest.mark.parametrize("delivery", ["values", "masked"])
@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_an_answer_has_its_documented_shape(
    delivery: str, language: str, client: ASGIClient, document: Body, consent: str
) -> None:
    """Filled, stale, missing, hidden, refused, broken: every kind of field is as the document says, twice."""
    body = resolution(consent, delivery=delivery, subjects={"applicant": ANN, "spouse": {"kind": "ghost"}})

    answer = client.post("/v1/resolutions", json=body, headers={"accept-language": language})
    told = answer.json()

    assert list(schema_of(document, "/v1/resolutions", "post").iter_errors(told)) == []
    assert {path: field["outcome"] for path, field in told["fields"].items()} == {
        "name": "filled",
        "sex": "filled",
        "income": "refused_by_person",
        "tax_no": "source_error",
        "spouse.name": "identity_unbound",
        "note": "no_binding",
        "why": "skipped_hidden",
        "stamp": "office_use",
        "children.0.name": "filled",
        "children.0.born": "invalid_value",
        "children.1.name": "filled",
        "children.1.born": "filled",
    }
    again = client.get(f"/v1/resolutions/{told['id']}")
    assert again.content == answer.content
    assert list(schema_of(document, "/v1/resolutions/{resolution_id}").iter_errors(again.json())) == []


@pytest.mark.parametrize(
    "path",
    [
        "/v1/forms", "/v1/forms/{form_id}", "/v1/items", "/v1/sources", "/v1/bindings", "/v1/registry/trace",
        "/v1/audit/entries", "/v1/consents/{consent_id}", "/healthz", "/readyz",
    ],
)  # fmt: skip
def test_a_look_up_has_its_documented_shape(
    path: str, client: ASGIClient, document: Body, consent: str
) -> None:
    """With something to show: forms, items, sources with and without connector, bindings, entries, a consent."""
    real = path.format(form_id="family", consent_id=consent)

    answer = client.get(real, params={"form": "family"} if path.endswith("trace") else None)

    assert answer.status_code == 200
    assert list(schema_of(document, path).iter_errors(answer.json())) == []


@pytest.mark.parametrize("path", ["items", "sources", "bindings", "audit/entries?request=the-consent"])
def test_lists_are_paged(path: str, client: ASGIClient, consent: str) -> None:
    """Page by page the same as at once, and the last page says that it is the last."""
    path = f"/v1/{path.replace('the-consent', consent)}"
    name = re.sub(".*/|[?].*", "", path)
    at_once = client.get(path).json()
    paged: list[Any] = []
    cursor: str | None = ""
    while cursor is not None:
        told = client.get(path, params={"limit": 1, "cursor": cursor}).json()
        paged, cursor = [*paged, *told[name]], told["next_cursor"]

    assert paged == at_once[name] != []
    assert at_once["next_cursor"] is None


@pytest.mark.parametrize(
    "free",
    ["form", "role", "subject", "grantor", "frequency", "expires_in_seconds", "max_uses", "channel", "case"],
)
def test_any_part_of_a_consent_request_keeps_its_word(free: str, client: ASGIClient, described: Any) -> None:
    """A request that is in order but for one part: a person is asked, or it is refused as documented."""

    def partly_sound(case: Any) -> Any:
        drawn = case.body if isinstance(case.body, dict) else {}
        case.body = {**ASKING, **({free: drawn[free]} if free in drawn else {})}
        return case

    _check(described["/v1/consent-requests"]["POST"].as_strategy().map(partly_sound), client)


def test_a_consent_request_has_its_documented_shape(client: ASGIClient, document: Body) -> None:
    """As it is made, and as it is read."""
    made = client.post("/v1/consent-requests", json=ASKING)
    read = client.get(f"/v1/consent-requests/{made.json()['id']}")

    assert made.json() == read.json()
    assert list(schema_of(document, "/v1/consent-requests", "post", "201").iter_errors(made.json())) == []
    assert list(schema_of(document, "/v1/consent-requests/{request_id}").iter_errors(read.json())) == []


def test_a_consent_goes_through_its_steps(client: ASGIClient, document: Body) -> None:
    """Recorded, paused, resumed, withdrawn: each answer is as documented; what cannot be is a 409."""
    made = client.post("/v1/consents", json={**CONSENT, "case": "case-of-steps"})
    assert list(schema_of(document, "/v1/consents", "post", "201").iter_errors(made.json())) == []

    states = []
    for step in ("pause", "resume", "withdraw"):
        answer = client.post(f"/v1/consents/{made.json()['id']}/{step}")
        path = "/v1/consents/{consent_id}/{step}"
        assert list(schema_of(document, path, "post").iter_errors(answer.json())) == []
        states.append(answer.json()["state"])

    assert states == ["paused", "given", "withdrawn"]
    refused(client.post(f"/v1/consents/{made.json()['id']}/resume"), 409, "consent_is_withdrawn")


def test_the_same_key_makes_one(client: ASGIClient, consent: str) -> None:
    """A POST sent twice under one Idempotency-Key is one thing; another body under it is refused."""
    key = {"idempotency-key": "k-1"}
    first, again = [client.post("/v1/resolutions", json=resolution(consent), headers=key) for _ in range(2)]

    assert first.status_code == 200
    assert again.content == first.content
    refused(client.post("/v1/resolutions", json=resolution(), headers=key), 400, "idempotency_key_reused")
    refused(
        client.post("/v1/resolutions", json=resolution(), headers={"idempotency-key": "k" * 201}),
        400,
        "idempotency_key_invalid",
    )


def test_the_token_endpoint_speaks_oauth(client: ASGIClient, document: Body) -> None:
    """Its refusals are OAuth's, not problems, and documented as such (RFC 6749 section 5.2)."""
    for sent, status in (
        (b"grant_type=password", "400"),
        (b"grant_type=client_credentials", "401"),
        (b"%%%", "400"),
    ):
        answer = client.post("/oauth/token", data=sent, headers={"authorization": None})

        assert answer.status_code == int(status)
        assert list(schema_of(document, "/oauth/token", "post", status).iter_errors(answer.json())) == []
