"""Who may do what: every call × roles × kind of token, and every step of a consent × ownership × state.

The oracle below is written from the contract (which call is for which role, who reads and ends whose consent), not from
the code, and a call it does not know fails the test. Requests go to the service in this process, over a store in memory.
"""

import base64
import hashlib
import itertools
import sys
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
import pytest_asyncio
from joserfc.jwk import OKPKey
from msgspec import structs

from field_registry import Binding, Item, Registry, Source, SubjectKind
from field_registry.items import Datatype
from forms.definition import Field, Form, Role
from gateway.app import create_app
from gateway.curation.publish import Publisher
from gateway.records import Caller, Entry, EntryKind, Operator, OperatorSession
from gateway.security import jws
from gateway.security.operators import seal_name
from gateway.security.tokens import Binding as SenderKey
from gateway.settings import Settings
from gateway.store import MemoryStore
from policies import ConsentState, Ground, GroundKind, Policy, Purpose
from policies.rules import Effect, Rule

pytestmark = pytest.mark.asyncio(loop_scope="module")

NOW = datetime(2026, 11, 21, 2, 3, 4, tzinfo=UTC)
HALL, TAX, POLICE = "政务服务", "税务", "公安"
ANN = {"kind": "person", "id_type": "111", "id_no": "35058219910603996X"}
CALLS_AT_LEAST = 10_000
HOLDER, THIEF = OKPKey.generate_key("Ed25519"), OKPKey.generate_key("Ed25519")
THUMBPRINT = HOLDER.thumbprint()
NUMBERS = itertools.count()
"""Of whatever may be used once, in the one service that all tests here share."""


# ---------------------------------------------------------------- the oracle

SYSTEM_ROLES = ("renderer", "consent_desk", "data_admin", "operator", "auditor", "security", "portal")
OPERATOR_ROLES = ("operator", "data_admin", "security", "auditor")
EVERYBODY = frozenset(SYSTEM_ROLES) | {"", "session"}
"""Every system and operator, also without any role; no person."""
PUBLIC: frozenset[str] = frozenset()
DESK, READERS = {"consent_desk"}, {"consent_desk", "renderer", "person"}
ASKERS = {"consent_desk", "renderer"}
HALL_REPORTS = {"data_admin", "operator", "auditor"}


@dataclass(frozen=True)
class Call:
    """One call of the API as somebody might make it. `let_in`: what it answers to whoever may make it."""

    method: str
    template: str
    url: str
    may: frozenset[str]
    let_in: tuple[int, ...]
    body: bytes | None = None


def call(line: str, may: Iterable[str], *let_in: int, url: str = "", body: Any = None) -> Call:
    """`line`: method and path as /openapi.json names them. `url`: with an id that nothing has, unless given."""
    method, template = line.split(" ")
    filled = url or template.format_map({**UNKNOWN, "step": "withdraw", "path": "0/000"})
    content = None if body is None else orjson.dumps(body)
    return Call(method, template, filled, frozenset(may), let_in, content)


UNKNOWN = {
    "resolution_id": "res_x", "submission_id": "smn_x", "consent_id": "cns_x", "request_id": "crq_x", "form_id": "none", "entry": "aud_x",
    "operator": "opr_x", "receipt": "rcp_x", "shard": "1", "item": "none.none",
    "dispute_id": "dsp_x", "link_id": "idl_x", "number": "rcp_x",
}  # fmt: skip

CALLS = (
    call("POST /v1/resolutions", {"renderer"}, 422, body={}),
    call("GET /v1/resolutions/{resolution_id}", {"renderer"}, 404),
    call("POST /v1/resolutions/{resolution_id}/submission", {"renderer"}, 422, body={}),
    call("GET /v1/submissions", {"renderer"}, 200),
    call("GET /v1/submissions/{submission_id}", {"renderer"}, 404),
    call("POST /v1/consents", DESK, 422, body={}),
    call("GET /v1/consents/{consent_id}", READERS, 404),
    call("GET /v1/consents/{consent_id}/events", READERS, 404),
    call("GET /v1/consents/{consent_id}/receipt", READERS, 404),
    call("GET /v1/consents/{consent_id}/export", READERS, 404, url="/v1/consents/cns_x/export?as=rar"),
    *(
        call("POST /v1/consents/{consent_id}/{step}", may, 404, url=f"/v1/consents/cns_x/{step}")
        for step, may in {
            "withdraw": {"consent_desk", "person"},
            "pause": {"consent_desk", "person"},
            "resume": {"consent_desk", "person"},
            "terminate": ASKERS,
            "invalidate": DESK,
        }.items()
    ),
    call("POST /v1/consent-requests", ASKERS, 422, body={}),
    call("GET /v1/consent-requests/{request_id}", ASKERS, 404),
    call("GET /v1/me/consents", {"person"}, 200),
    call("GET /v1/me/uses", {"person"}, 200),
    call("GET /v1/me/profile", {"person"}, 200),
    call("PUT /v1/me/profile/{item}", {"person"}, 404, body={"value": "x"}),
    call("DELETE /v1/me/profile/{item}", {"person"}, 404),
    call("GET /v1/me/disputes", {"person"}, 200),
    call("POST /v1/disputes", {"renderer", "person"}, 422, body={}),
    call("GET /v1/disputes", {"data_admin"}, 200),
    call("GET /v1/disputes/{dispute_id}", {"data_admin", "renderer", "person"}, 404),
    call("GET /v1/disputes/{dispute_id}/affected", {"data_admin"}, 404),
    *(
        call("POST /v1/disputes/{dispute_id}/{step}", may, 404, url=f"/v1/disputes/dsp_x/{step}")
        for step, may in {
            "correct": {"data_admin"},
            "uphold": {"data_admin"},
            "refer": {"data_admin"},
            "withdraw": {"person"},
        }.items()
    ),
    call("GET /v1/notices/text", ASKERS, 404, url="/v1/notices/text?form=none&role=applicant"),
    call("POST /v1/notices", ASKERS, 422, body={}),
    call("GET /v1/forms", EVERYBODY, 200),
    call("GET /v1/forms/{form_id}", EVERYBODY, 404),
    call("GET /v1/items", EVERYBODY, 200),
    call("GET /v1/sources", EVERYBODY, 200),
    call("GET /v1/bindings", EVERYBODY, 200),
    call("GET /v1/registry/trace", EVERYBODY, 200, url="/v1/registry/trace?form=family"),
    call("GET /v1/reports/backfill", {*HALL_REPORTS, "renderer"}, 200),
    call("GET /v1/reports/backfill/slots", {"data_admin", "auditor"}, 200),
    call("GET /v1/reports/gaps", {*HALL_REPORTS, "renderer"}, 200),
    call("GET /v1/reports/repeat-collection", {*HALL_REPORTS, "renderer"}, 200),
    call("GET /v1/reports/exempt-materials", {*HALL_REPORTS, "renderer"}, 200),
    call("GET /v1/reports/sources", HALL_REPORTS, 200),
    call("GET /v1/reports/answer-times", HALL_REPORTS, 200),
    call(
        "GET /v1/reports/export.xlsx",
        HALL_REPORTS,
        400,
        url="/v1/reports/export.xlsx?from=2026-02-02&to=2026-02-01",
    ),
    call("GET /v1/reports/briefing.pdf", HALL_REPORTS, 404, url="/v1/reports/briefing.pdf?month=2026-01"),
    call("GET /v1/reports/open", PUBLIC, 404, url="/v1/reports/open?month=2026-01"),
    call("GET /v1/audit/checkpoint", PUBLIC, 200),
    call("GET /v1/audit/cosigned-checkpoint", PUBLIC, 200, 404),
    call("GET /v1/audit/key", PUBLIC, 200),
    call("GET /v1/audit/tile/{path}", PUBLIC, 404),
    call("GET /v1/audit/tile/{path}", {"auditor"}, 404, url="/v1/audit/tile/entries/999"),
    call("GET /v1/audit/shards", PUBLIC, 200),
    call("GET /v1/audit/shards/{shard}/checkpoint", PUBLIC, 200, 404),
    call("GET /v1/audit/shards/{shard}/key", PUBLIC, 200),
    call("GET /v1/audit/shards/{shard}/first", PUBLIC, 200, 404),
    call("GET /v1/audit/shards/{shard}/tile/{path}", PUBLIC, 404),
    call(
        "GET /v1/audit/shards/{shard}/tile/{path}",
        {"auditor"},
        404,
        url="/v1/audit/shards/1/tile/entries/999",
    ),
    call("GET /v1/audit/proofs/{entry}", {"auditor", "person"}, 404),
    call("GET /v1/audit/entries", {"auditor"}, 200, url="/v1/audit/entries?limit=1"),
    call("POST /v1/audit/entries/search", {"auditor"}, 200, body={}),
    call("POST /v1/audit/entries/{entry}/open", {"auditor"}, 422, body={}),
    call("GET /v1/audit/receipts/{receipt}", {"auditor"}, 404),
    call("POST /v1/identity-links", DESK, 422, body={}),
    call("GET /v1/identity-links/{link_id}", {"consent_desk", "person"}, 404),
    call("POST /v1/identity-links/{link_id}/end", {"consent_desk", "person"}, 404, body={"reason": "x"}),
    call("POST /v1/subjects/erase", {"security"}, 422, body={}),
    call("GET /v1/operators", {"security"}, 200),
    call("PUT /v1/operators/{operator}/roles", {"security"}, 404, body={"roles": ["auditor"]}),
    call("POST /v1/operators/{operator}/{step}", {"security"}, 404, url="/v1/operators/opr_x/disable"),
    call("DELETE /v1/sessions/current", {"session"}, 204),
    call("POST /v1/sessions", PUBLIC, 422, body={}),
    call("POST /oauth/token", PUBLIC, 400, 401),
    call("GET /login", PUBLIC, 404),
    call("GET /login/callback", PUBLIC, 404),
    call("GET /login/keys", PUBLIC, 200),
    call("GET /v1/receipts/keys", PUBLIC, 200),
    call("GET /v1/receipts/{number}", {"renderer", "auditor", "person"}, 404),
    call("GET /v1/receipts/{number}.pdf", {"renderer", "auditor", "person"}, 404, url="/v1/receipts/x.pdf"),
    call("GET /v1/resolutions/{resolution_id}/form.pdf", {"renderer"}, 404),
    call("GET /v1/submissions/{submission_id}/form.pdf", {"renderer"}, 404),
    call("GET /metrics", {"operator"}, 200),
    call("GET /healthz", PUBLIC, 200),
    call("GET /readyz", PUBLIC, 200, 503),
)
FORMS = next(each for each in CALLS if each.template == "/v1/forms")
READS_BY_POST = {"POST /v1/audit/entries/search", "POST /v1/audit/entries/{entry}/open"}

NEVER = 401
"""For whoever cannot be told at all."""
GOOD = {"bearer", "bound", "session", "person", "person, bound"}
"""Kinds of token that say who calls; every other kind says nothing."""


def expected(asked: Call, roles: frozenset[str], kind: str) -> tuple[int, ...]:
    """What a call answers to whoever holds those roles by that kind of token."""
    if asked.may == PUBLIC:
        return asked.let_in
    if kind not in GOOD:
        # The hottest call is not for operators at all, and does not ask whether their session has ended.
        is_hot = asked.template == "/v1/resolutions" and kind.startswith("session")
        return (403,) if is_hot else (NEVER,)
    held = roles | ({"session"} if kind == "session" else set())
    may = bool(held & asked.may) or (asked.may == EVERYBODY and "person" not in roles)
    return asked.let_in if may else (403,)


S = ConsentState
LIVE = {S.given, S.renewed, S.paused, S.expired}
MOVES: Mapping[str, tuple[ConsentState, set[ConsentState]]] = {
    "withdraw": (S.withdrawn, LIVE | {S.requested, S.deferred}),
    "pause": (S.paused, {S.given, S.renewed}),
    "resume": (S.given, {S.paused}),
    "terminate": (S.terminated, LIVE),
    "invalidate": (S.invalidated, LIVE | {S.terminated}),
}
"""Into which state a step leads, and from which it may start; doing it twice is harmless."""


def expected_of_consent(
    what: str, asked: Call, who: "Who", state: ConsentState, kind: str
) -> tuple[int, ...]:
    """What a call about one consent answers; it was recorded by the hall, for the hall and the tax office, about Ann."""
    answer = expected(replace(asked, let_in=(0,)), who.roles, kind)
    if answer != (0,):
        return answer
    if not who.is_concerned:
        return (404,)
    if what == "receipt":
        return (200, 409)
    if what not in MOVES:
        return (200,)
    if what == "resume" and who.department == TAX:
        return (403,)  # only who recorded it, or the person, brings it back
    target, start = MOVES[what]
    return (200,) if state is target or state in start else (409,)


# ---------------------------------------------------------------- who calls


@dataclass(frozen=True)
class Who:
    """Somebody who calls. `is_concerned`: by Ann's consent."""

    name: str
    department: str
    roles: frozenset[str]
    person: str | None = None
    is_concerned: bool = False


def system(name: str, department: str, *roles: str, concerned: bool = False) -> Who:
    """A system of that department."""
    return Who(name, department, frozenset(roles), None, concerned)


ROLE_SETS = [frozenset(each) for size in (0, 1, 2) for each in itertools.combinations(SYSTEM_ROLES, size)]
SYSTEMS = [
    system(f"{department}:{'+'.join(sorted(roles))}", department, *roles)
    for roles in ROLE_SETS
    for department in (HALL, POLICE)
]
OPERATORS = [
    system("+".join(sorted(roles)), "数据局", *roles)
    for roles in ROLE_SETS
    if roles and roles <= set(OPERATOR_ROLES)
]
SYSTEM_KINDS = ("bearer", "bound", "bound, as bearer", "bound, by a thief", "expired")
OPERATOR_KINDS = ("session", "session, ended", "session, of nobody", "expired")
PERSON_KINDS = ("person", "person, bound", "bound, as bearer", "expired")
NO_KINDS = ("none", "garbage", "of another key")


# ---------------------------------------------------------------- the service in this process


@dataclass
class Gate:
    """The service, and requests to it without a network or a client library in between."""

    app: Any
    tokens: dict[tuple[str, str], str] = field(default_factory=dict)
    nonce: str = ""
    made: int = 0
    wrong: list[str] = field(default_factory=list)

    async def ask(
        self, method: str, url: str, headers: list[tuple[bytes, bytes]], body: bytes | None = None
    ) -> tuple[int, bytes]:
        """Status and body of one request."""
        path, _, query = url.partition("?")
        sent = [*headers, (b"content-type", b"application/json")]
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
            "path": path, "raw_path": path.encode(), "query_string": query.encode(), "root_path": "",
            "headers": [*sent, (b"content-length", str(len(body or b"")).encode())],
            "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8000),
        }  # fmt: skip
        status, parts = 0, []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body or b"", "more_body": False}

        async def send(message: Any) -> None:
            nonlocal status
            status = message.get("status", status)
            self.nonce = dict(message.get("headers", ())).get(b"dpop-nonce", self.nonce.encode()).decode()
            parts.append(message.get("body", b""))

        await self.app(scope, receive, send)
        return status, b"".join(parts)

    async def check(self, case: str, asked: Call, who: Who, kind: str, wanted: tuple[int, ...]) -> None:
        """Make the call and note it when the answer is not what the oracle says."""
        status, _ = await self.ask(asked.method, asked.url, await self.headers(who, kind, asked), asked.body)
        self.made += 1
        if status not in wanted or (status >= 500 and asked.template != "/readyz"):
            self.wrong.append(
                f"{case}: {asked.method} {asked.url} by {who.name} ({kind}): {status}, not {wanted}"
            )

    async def headers(self, who: Who, kind: str, asked: Call) -> list[tuple[bytes, bytes]]:
        """What that caller sends with that kind of token."""
        if kind == "none":
            return []
        if kind in ("garbage", "of another key"):
            return [(b"authorization", f"Bearer {FORGED if kind == 'of another key' else 'x.y.z'}".encode())]
        # A call that ends the session needs one of its own each time.
        fresh = str(next(NUMBERS)) if asked.let_in == (204,) and kind == "session" else ""
        holder = (who.name + fresh, kind)
        if holder not in self.tokens:
            self.tokens[holder] = await self._token(who, kind)
        token = self.tokens[holder]
        if kind not in ("bound", "bound, by a thief", "person, bound"):
            return [(b"authorization", b"Bearer " + token.encode())]
        key = THIEF if kind == "bound, by a thief" else HOLDER
        if not self.nonce:  # a service that has just begun wants one in every proof, and gives it
            await self.ask("GET", FORMS.url, self._bound(HOLDER, token, FORMS))
        return self._bound(key, token, asked)

    def _bound(self, key: OKPKey, token: str, asked: Call) -> list[tuple[bytes, bytes]]:
        proof = self._proof(key, token, asked)
        return [(b"authorization", b"DPoP " + token.encode()), (b"dpop", proof.encode())]

    async def _token(self, who: Who, kind: str) -> str:
        seconds = -60 if kind == "expired" else 300
        binding = SenderKey(key=THUMBPRINT) if "bound" in kind else SenderKey()
        session = await self._session(who, kind) if kind.startswith("session") else None
        name = f"portal-{who.name}" if who.person else who.name
        caller = Caller(name, who.department, who.roles, who.person, session)
        token: str = self.app.state.tokens.issue_to(caller, seconds, binding)
        return token

    async def _session(self, who: Who, kind: str) -> str:
        """An operator's session as that kind wants it."""
        operators, number = self.app.state.runtime.store.operators, next(NUMBERS)
        session = OperatorSession(f"ses_{number:05d}", f"opr_{number:05d}", NOW, NOW + timedelta(minutes=15))
        sealed = seal_name(session.operator, "wang", "王工", self.app.state.runtime)
        roles = frozenset({"auditor"})
        operator = Operator(session.operator, f"k{number}", sealed, who.department, roles, NOW)
        await operators.add(operator, self._entry())
        if kind != "session, of nobody":
            await operators.log_in(operator, None, session, self._entry(), password=None)
        if kind == "session, ended":
            await operators.end(session.id, NOW, self._entry())
        return session.id

    def _entry(self) -> Entry:
        return Entry(f"aud_m{next(NUMBERS):08d}", EntryKind.operator_changed, NOW, None, "matrix", b"{}")

    def _proof(self, key: OKPKey, token: str, asked: Call) -> str:
        claims: dict[str, Any] = {
            "jti": f"p{next(NUMBERS)}",
            "htm": asked.method,
            "htu": f"http://127.0.0.1:8000{asked.url.partition('?')[0]}",
            "iat": int(NOW.timestamp()),
            "ath": base64.urlsafe_b64encode(hashlib.sha256(token.encode()).digest()).rstrip(b"=").decode(),
        }
        claims |= {"nonce": self.nonce} if self.nonce else {}
        header = {"typ": "dpop+jwt", "alg": "Ed25519", "jwk": key.as_dict(private=False)}
        return jws.sign(header, claims, key)

    def done(self, what: str) -> None:
        """Print how many cases there were; fail with the first that went wrong."""
        found = f"authorisation matrix, {what}: {self.made} cases, {len(self.wrong)} not as the oracle says"
        sys.stdout.write(f"\n{found}\n")
        assert self.wrong[:20] == []


FORGED = jws.sign(
    {"alg": "Ed25519", "typ": "at+jwt", "kid": "x"}, {"client_id": "hall", "roles": ["auditor"]}, HOLDER
)

REGISTRY = Registry.of(
    0,
    items=[Item("person.name", "姓名", SubjectKind.person, Datatype.name, POLICE, mask="name")],
    sources=[
        Source("civil", "人口库", POLICE, "sandbox", config={"personas": {ANN["id_no"]: {"name": "安妮"}}})
    ],
    bindings=[Binding("person.name", "civil", "/name")],
    code_lists=[],
)
POLICY = Policy.of(
    0,
    [Purpose("family", "家庭")],
    [Rule("R-1", Effect.permit, "agreed", ground=Ground(GroundKind.consent, ""))],
)
FORM = Form(
    "family", 1, "家庭登记", "M-1", "family", "民政",
    fields=(Field("name", "姓名", item="person.name"),),
    roles=(Role("applicant", "申请人", frozenset({SubjectKind.person})),),
)  # fmt: skip
CONSENT = {
    "subject": ANN,
    "purpose": "family",
    "form": "family",
    "items": [{"item": "person.name", "permit": True}],
    "acts": [{"topic": "third_party", "act_id": "act-1", "at": "2026-11-21T02:01:00Z"}],
    "recipient_departments": [HALL, TAX],
    "expires_at": "2026-11-22T00:00:00Z",
    "max_uses": 1000,
    "notice": {
        "id": "notice",
        "version": 1,
        "language": "zh-CN",
        "rendered_sha256": "0" * 64,
        "shown_at": "2026-11-21T02:00:00Z",
        "channel": "window",
    },
    "evidence": {"method": "signature_pad", "witness": "clerk-1"},
}
RESOLUTION = {
    "form": {"id": "family"},
    "subjects": {"applicant": ANN},
    "actor": {"kind": "clerk", "id": "clerk-1"},
}
CLERK = system("hall", HALL, "consent_desk", "renderer", concerned=True)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def app(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Any]:
    """The service with one form published, running."""
    directory: Path = tmp_path_factory.mktemp("matrix")
    settings = Settings(
        state_dir=directory,
        metrics_role_required=True,
        log_entries_public=False,
        rate_limit_per_second=0,
        token_failures_per_minute=0,
    )
    made = create_app(settings, store=MemoryStore(), clock=lambda: NOW)
    runtime = made.state.runtime
    publisher = Publisher(runtime.store, "test", NOW, runtime.new_reference)
    await publisher.registry(REGISTRY)
    await publisher.policy(POLICY)
    await publisher.form(FORM)
    async with made.router.lifespan_context(made):
        await made.state.sequencer.run()
        yield made


@pytest.fixture
def gate(app: Any) -> Gate:
    """The service, and a new count."""
    return Gate(app)


async def created(gate: Gate, path: str, body: Any) -> dict[str, Any]:
    """What the hall's clerk makes there."""
    asked = Call("POST", path, path, frozenset(), (200, 201), orjson.dumps(body))
    status, answer = await gate.ask("POST", path, await gate.headers(CLERK, "bearer", asked), asked.body)
    assert status in asked.let_in, answer
    document: dict[str, Any] = orjson.loads(answer)
    return document


# ---------------------------------------------------------------- the matrix


async def test_the_oracle_knows_every_call(gate: Gate) -> None:
    """A call that is added must say here whom it is for; one that is gone must go."""
    document = orjson.loads((await gate.ask("GET", "/openapi.json", []))[1])
    operations = {
        f"{method.upper()} {path}" for path, methods in document["paths"].items() for method in methods
    }

    assert {f"{each.method} {each.template}" for each in CALLS} == operations


async def test_every_call_for_every_role_and_kind_of_token(gate: Gate) -> None:
    """All roles and pairs of them, systems and operators and a person, by tokens good and bad: as the oracle says."""
    person = Who("ann", HALL, frozenset({"person"}), person="sub_ann")
    callers = [
        *((who, kind) for who in SYSTEMS for kind in SYSTEM_KINDS),
        *((who, kind) for who in OPERATORS for kind in OPERATOR_KINDS),
        *((person, kind) for kind in PERSON_KINDS),
        *((CLERK, kind) for kind in NO_KINDS),
    ]
    for asked, (who, kind) in itertools.product(CALLS, callers):
        # The second department matters where something is owned; here every kind of token by one is enough.
        if who.department == POLICE and kind != "bearer":
            continue
        await gate.check("role", asked, who, kind, expected(asked, who.roles, kind))

    gate.done("calls × roles × kinds of token")
    assert gate.made >= CALLS_AT_LEAST


async def test_every_step_of_a_consent_for_every_owner_and_state(gate: Gate) -> None:
    """Ten states, read and moved by who recorded it, who receives by it, the person, and everybody else."""
    consent = await created(gate, "/v1/consents", CONSENT)
    await gate.app.state.sequencer.run()
    consents = gate.app.state.runtime.store.consents
    stored = (await consents.read([consent["id"]]))[consent["id"]]
    person = frozenset({"person"})
    everybody = [
        *(
            system(f"{role} of {department}", department, role, concerned=department != POLICE)
            for department in (HALL, TAX, POLICE)
            for role in SYSTEM_ROLES
        ),
        Who("ann", HALL, person, stored.subject_ref, is_concerned=True),
        Who("ann at another portal", POLICE, person, stored.subject_ref, is_concerned=True),
        Who("bob", HALL, person, "sub_bob"),
    ]
    calls = {what: f"/v1/consents/{consent['id']}/{what}" for what in ("events", "receipt", *MOVES)}
    calls |= {
        "read": f"/v1/consents/{consent['id']}",
        "export": f"/v1/consents/{consent['id']}/export?as=dpv",
    }
    known = {each.url.partition("?")[0]: each for each in CALLS if each.template.startswith("/v1/consents/")}
    for who, state, (what, url) in itertools.product(everybody, ConsentState, calls.items()):
        rule = known[url.partition("?")[0].replace(consent["id"], "cns_x")]
        body = b'{"reason": "found false"}' if what in MOVES else None
        asked = replace(rule, url=url, body=body)
        standing = structs.replace(stored.consent.standing, state=state)
        kinds = PERSON_KINDS if who.person else ("bearer", "bound", "expired")
        for kind in kinds:
            consents._tables.consents[consent["id"]] = replace(
                stored, consent=structs.replace(stored.consent, standing=standing)
            )
            wanted = expected_of_consent(what, asked, who, state, kind)
            await gate.check(state.value, asked, who, kind, wanted)

    gate.done("steps of a consent × ownership × state")


async def test_an_answer_is_read_again_by_whom_it_was_given_to(gate: Gate) -> None:
    """Not by a colleague's system of the same department, not by an auditor, not by the person."""
    given = await created(gate, "/v1/resolutions", RESOLUTION)
    rule = next(each for each in CALLS if each.template == "/v1/resolutions/{resolution_id}")
    asked = replace(rule, url=f"/v1/resolutions/{given['id']}", let_in=(200,))
    others = [*SYSTEMS, Who("ann", HALL, frozenset({"person"}), person="sub_ann")]
    await gate.check("own", asked, CLERK, "bearer", (200,))
    for who in others:
        wanted = (404,) if "renderer" in who.roles else (403,)
        await gate.check("another's", asked, who, "person" if who.person else "bearer", wanted)

    gate.done("answers read again")


async def test_a_request_for_consent_is_read_by_the_department_that_asked(gate: Gate) -> None:
    """Its desks and renderers; nobody else learns that somebody was asked."""
    request = await created(
        gate, "/v1/consent-requests", {"form": {"id": "family"}, "role": "applicant", "subject": ANN}
    )
    rule = next(each for each in CALLS if each.template == "/v1/consent-requests/{request_id}")
    asked = replace(rule, url=f"/v1/consent-requests/{request['id']}", let_in=(200,))
    for who in SYSTEMS:
        own = (200,) if who.department == HALL else (404,)
        await gate.check("asked", asked, who, "bearer", own if who.roles & asked.may else (403,))

    gate.done("requests for consent")


async def test_auditors_only_read(gate: Gate) -> None:
    """By token or session, an auditor changes nothing: every call but reading, opening and logging out is 403."""
    for (who, kind), asked in itertools.product(
        [
            (system("auditor alone", HALL, "auditor"), "bearer"),
            (system("auditor at work", HALL, "auditor"), "session"),
        ],
        CALLS,
    ):
        name = f"{asked.method} {asked.template}"
        if asked.method == "GET" or name in READS_BY_POST or asked.may == PUBLIC:
            continue
        if name == "DELETE /v1/sessions/current" and kind == "session":
            continue
        await gate.check("auditor", asked, who, kind, (403,))

    gate.done("auditors only read")
    assert gate.made > 20
