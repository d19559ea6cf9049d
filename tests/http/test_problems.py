"""Problems: every refusal has a code and says what to do, and nothing that was sent comes back."""

from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

import httpx
import pytest
from fastapi import Body, FastAPI, Query
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, TypeAdapter, ValidationError, field_validator
from pydantic_core import PydanticCustomError

from gateway import errors
from gateway.http.limits import EdgeMiddleware
from gateway.http.problems import (
    HttpProblem,
    add_problem_schema,
    not_valid,
    problem_response,
    problem_responses,
    problem_schema,
    register_problem_handlers,
)
from gateway.telemetry import Telemetry

SENT = "350102199001011234"
RAISED: dict[str, errors.GatewayError] = {
    kind.__name__: kind("some_code", "Do this.")
    for kind in (
        errors.BadRequest, errors.NotAuthenticated, errors.NotAllowed, errors.NotFound, errors.Conflict, errors.Gone,
        errors.TooLarge, errors.NotValid, errors.TooMany, errors.Unavailable, errors.StoreUnavailable,
        errors.CacheUnavailable,
    )
} | {
    "CannotOpen": errors.CannotOpen(),
    "OAuthError": errors.OAuthError("invalid_client", "Check the key.", reason="replayed"),
    "NoToken": errors.NotAuthenticated("token_missing", "Send one."),
}  # fmt: skip


class Cat(BaseModel):
    """One of two kinds."""

    kind: Literal["cat"]


class Dog(BaseModel):
    """The other."""

    kind: Literal["dog"]


class Thing(BaseModel, extra="forbid"):
    """A body with every kind of fault to find."""

    number: int = 0
    day: str = Field("", pattern="^x$")
    url: Annotated[str, Field(max_length=3)] = ""
    pet: Annotated[Cat | Dog, Field(discriminator="kind")] | None = None
    items: list[dict[str, int]] = []
    parsed: int = 0
    taught: str = ""

    @field_validator("parsed", mode="before")
    @classmethod
    def parse(cls, value: Any) -> int:
        """As careless validators do: the ValueError of int() quotes its argument."""
        return int(str(value))

    @field_validator("taught")
    @classmethod
    def teach(cls, value: str) -> str:
        """As careful ones do."""
        if value:
            raise PydanticCustomError("leave_empty", "Leave this empty; it is filled for you.")
        return value


def make_app(telemetry: Telemetry | None = None) -> FastAPI:
    """An application that fails in every way."""
    app = FastAPI(openapi_url=None)
    register_problem_handlers(app, telemetry)
    app.add_middleware(EdgeMiddleware, max_body_bytes=10_000, max_json_depth=8, telemetry=telemetry)

    @app.get("/raise/{name}")
    async def raise_named(name: str) -> None:
        raise RAISED[name]

    @app.get("/late")
    async def late() -> None:
        TypeAdapter(Thing).validate_python({"number": SENT + "x"})

    @app.post("/v1/things")
    async def things(thing: Annotated[Thing, Body()], limit: Annotated[int, Query(le=5)] = 1) -> None:
        return None

    return app


@pytest.fixture
def telemetry() -> Telemetry:
    """The counters of the application under test."""
    return Telemetry()


@pytest.fixture
async def http(telemetry: Telemetry) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the failing application."""
    transport = httpx.ASGITransport(make_app(telemetry))
    async with httpx.AsyncClient(transport=transport, base_url="http://gate") as client:
        yield client


def problem_of(answer: httpx.Response) -> dict[str, Any]:
    """The problem of an answer; fails when it is none or is not complete."""
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert set(problem) == set(problem_schema()["required"])
    assert (problem["status"], problem["type"]) == (
        answer.status_code,
        f"urn:oncegate:problem:{problem['code']}",
    )
    assert problem["trace_id"] == answer.headers["trace-id"]
    return problem


# --- what the service refuses


@pytest.mark.parametrize("name", [name for name in RAISED if name != "OAuthError"])
async def test_every_error_becomes_its_problem(http: httpx.AsyncClient, name: str) -> None:
    """Status, title, code and detail are the error's own."""
    error = RAISED[name]

    answer = await http.get(f"/raise/{name}")
    problem = problem_of(answer)

    assert answer.status_code == error.status
    assert (problem["title"], problem["code"], problem["detail"]) == (error.title, error.code, error.detail)


async def test_a_refused_token_request_speaks_oauth(http: httpx.AsyncClient) -> None:
    """The token endpoint has its own words; our reason for the log is not among them."""
    answer = await http.get("/raise/OAuthError")

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Basic")
    assert answer.json() == {"error": "invalid_client", "error_description": "Check the key."}


@pytest.mark.parametrize(
    ("name", "header", "value"),
    [
        ("NotAuthenticated", "www-authenticate", 'Bearer realm="oncegate", error="invalid_token"'),
        ("NoToken", "www-authenticate", 'Bearer realm="oncegate"'),
        ("Unavailable", "retry-after", "1"),
        ("TooMany", "retry-after", "1"),
    ],
)
async def test_a_status_brings_its_header(
    http: httpx.AsyncClient, name: str, header: str, value: str
) -> None:
    """401 says how to authenticate, 429 and 503 when to come again."""
    assert (await http.get(f"/raise/{name}")).headers[header] == value


async def test_problems_are_counted_by_code(http: httpx.AsyncClient, telemetry: Telemetry) -> None:
    """An operator sees which refusals grow."""
    await http.get("/raise/Conflict")
    await http.get("/raise/OAuthError")
    await http.get("/nowhere")

    text = telemetry.render().decode()
    for code in ("some_code", "invalid_client", "no_such_path"):
        assert f'oncegate_problems_total{{code="{code}"}} 1.0' in text


def test_findings_travel_with_the_error() -> None:
    """Field-level findings of a use case come out as they went in."""
    finding = {"pointer": "/subjects/spouse", "code": "role_unknown", "detail": "Remove it."}
    error = errors.NotValid("not_valid", "See errors.", errors=[finding])

    body = bytes(problem_response(error, "t").body)

    assert b'"errors":[{"pointer":"/subjects/spouse","code":"role_unknown","detail":"Remove it."}]' in body


# --- what the framework refuses


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [("GET", "/nowhere", 404, "no_such_path"), ("DELETE", "/late", 405, "method_not_allowed")],
)
async def test_paths_and_methods_have_stable_codes(
    http: httpx.AsyncClient, method: str, path: str, status: int, code: str
) -> None:
    """404 and 405 of the router are problems like all others."""
    answer = await http.request(method, path)

    assert (answer.status_code, problem_of(answer)["code"]) == (status, code)


async def test_405_says_what_is_allowed(http: httpx.AsyncClient) -> None:
    """The router's Allow header is kept."""
    assert (await http.delete("/late")).headers["allow"] == "GET"


# --- what has the wrong shape


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({"number": SENT + "x"}, "/number", "int_parsing"),
        ({"day": SENT}, "/day", "string_pattern_mismatch"),
        ({"url": SENT}, "/url", "string_too_long"),
        ({"pet": {"kind": SENT}}, "/pet", "union_tag_invalid"),
        ({"items": [{}, {"a": SENT + "x"}]}, "/items/1/a", "int_parsing"),
        ({"items": [{SENT: SENT + "x"}]}, "/items/0/*", "int_parsing"),
        ({SENT: 1}, "/*", "extra_forbidden"),
        ({"colour": 1}, "/colour", "extra_forbidden"),
        ({"a/b": 1}, "/*", "extra_forbidden"),
        ({"parsed": SENT + "x"}, "/parsed", "value_error"),
        ({"taught": SENT}, "/taught", "leave_empty"),
        ([], "", "model_attributes_type"),
    ],
)
async def test_a_wrong_shape_is_told_by_its_place(
    http: httpx.AsyncClient, body: Any, pointer: str, code: str
) -> None:
    """422 with a JSON pointer and a rule, and never the value or a key that could be one."""
    answer = await http.post("/v1/things", json=body)

    (finding,) = problem_of(answer)["errors"]
    assert answer.status_code == 422
    assert (finding["in"], finding["pointer"], finding["code"]) == ("body", pointer, code)
    assert finding["detail"]
    assert SENT not in answer.text


async def test_a_sentence_that_teaches_is_kept(http: httpx.AsyncClient) -> None:
    """What pydantic or a validator says without quoting reaches the caller."""
    answer = await http.post("/v1/things", json={"number": "x1", "taught": "yes"})

    details = [finding["detail"] for finding in answer.json()["errors"]]
    assert details == [
        "Input should be a valid integer, unable to parse string as an integer",
        "Leave this empty; it is filled for you.",
    ]


async def test_an_unknown_kind_is_answered_with_the_known_ones(http: httpx.AsyncClient) -> None:
    """Pydantic's own sentence would quote the tag that was sent."""
    answer = await http.post("/v1/things", json={"pet": {"kind": SENT}})

    assert answer.json()["errors"][0]["detail"] == "'kind' must be one of 'cat', 'dog'."


async def test_a_wrong_parameter_is_told_by_its_name(http: httpx.AsyncClient) -> None:
    """The query has no JSON; its parameters are named the same way."""
    answer = await http.post("/v1/things?limit=9", json={})

    (finding,) = problem_of(answer)["errors"]
    assert (finding["in"], finding["pointer"]) == ("query", "/limit")


async def test_a_body_that_is_no_json_is_400(http: httpx.AsyncClient) -> None:
    """Not being JSON is not a matter of shape."""
    answer = await http.post("/v1/things", content=b'{"a": ', headers={"content-type": "application/json"})

    assert (answer.status_code, problem_of(answer)["code"]) == (400, "not_json")


async def test_a_model_that_a_route_checks_itself_is_a_problem_too(http: httpx.AsyncClient) -> None:
    """Routes that read their bytes and validate late answer alike."""
    answer = await http.get("/late")

    assert (answer.status_code, problem_of(answer)["errors"][0]["pointer"]) == (422, "/number")
    assert SENT not in answer.text


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.just(SENT)
    | st.just(SENT + "x"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*Thing.model_fields, "kind", SENT]), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(json_values)
def test_nothing_that_was_sent_comes_back(value: Any) -> None:
    """Whatever is sent wherever, a refusal never repeats the identifier in it."""
    try:
        Thing.model_validate(value)
    except ValidationError as error:
        body = bytes(problem_response(not_valid(error), "t").body)
        assert SENT.encode() not in body


# --- the description


def test_the_description_names_each_status() -> None:
    """What a route gives to `responses=` points at one schema."""
    responses = problem_responses(401, 422, 503)

    assert [responses[status]["description"] for status in (401, 422, 503)] == [
        "Not authenticated",
        "Not valid",
        "Unavailable",
    ]
    schemas = [response["content"]["application/problem+json"]["schema"] for response in responses.values()]
    assert schemas == [{"$ref": "#/components/schemas/Problem"}] * len(responses)


def test_where_a_caller_is_known_its_rate_is_too() -> None:
    """A route that may answer 401 may answer 429; one that is open to all does not."""
    assert set(problem_responses(401, 422)) == {401, 422, 429}
    assert set(problem_responses(404, 422)) == {404, 422}


def test_the_description_of_a_route_is_complete_and_ours() -> None:
    """With 422 named, the framework adds no schema of its own; every reference resolves."""
    app = FastAPI()

    @app.post("/v1/things", responses=problem_responses(400, 422))
    async def things(thing: Thing) -> None:
        return None

    openapi = add_problem_schema(app.openapi())

    assert "HTTPValidationError" not in openapi["components"]["schemas"]
    assert openapi["components"]["schemas"]["Problem"] == problem_schema()


def test_a_status_nobody_named_has_a_title() -> None:
    """Even an unusual status is described."""
    assert HttpProblem(418, "teapot", "No.").title == "Refused"
