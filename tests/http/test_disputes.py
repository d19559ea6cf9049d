"""`/v1/disputes` over HTTP: said once, worked by its department alone, seen by the person; refusals are entries."""

from typing import Any

import httpx
import pytest

from field_registry import Binding, Item, Registry, Source, SubjectKind
from field_registry.items import Datatype
from forms.definition import Field, Form, Role
from gateway.app import refresh
from gateway.curation import Publisher
from gateway.http.schemas.disputes import AffectedPage, DisputeLine, DisputePage, OwnDisputePage, WholeDispute
from gateway.records import Caller, Client
from gateway.security.client_secrets import scrypt_hash
from policies import Ground, GroundKind, Policy, Purpose, Rule
from policies.rules import Effect

HALL, ANN = "政务服务", {"kind": "person", "id_type": "111", "id_no": "35058219910603996X"}
SECRET = "s" * 32
CLIENTS = {
    "hall": (HALL, {"renderer"}),
    "hall-2": (HALL, {"renderer"}),
    "police": ("公安", {"data_admin"}),
    "tax": ("税务", {"data_admin"}),
}
ITEMS = (
    Item("person.name", "姓名", SubjectKind.person, Datatype.name, "公安"),
    Item("person.income", "收入", SubjectKind.person, Datatype.text, "税务"),
)
CIVIL = Source("civil", "人口库", "公安", "sandbox", config={"personas": {ANN["id_no"]: {"name": "安妮"}}})
FORM = Form(
    "family",
    1,
    "家庭登记",
    "M-1",
    "family",
    HALL,
    fields=(Field("name", "姓名", item="person.name", locked=False), Field("note", "备注")),
    roles=(Role("applicant", "申请人", frozenset({SubjectKind.person})),),
)
RULE = Rule("R-1", Effect.permit, "依法", ground=Ground(GroundKind.statutory_duty, "D-1", "测试法 第1条"))


class Offices:
    """A service with two desks, two departments, and Ann by her own token."""

    def __init__(self, service: Any) -> None:
        self.service, self.http = service, service.http
        self._tokens: dict[str, str] = {}

    async def furnish(self) -> None:
        runtime, now = self.service.runtime, self.service.clock()
        publisher = Publisher(runtime.store, "test", now, runtime.new_reference)
        bindings = [Binding("person.name", "civil", "/name")]
        await publisher.registry(Registry.of(0, items=ITEMS, sources=[CIVIL], bindings=bindings))
        await publisher.policy(Policy.of(0, [Purpose("family", "家庭")], [RULE]))
        await publisher.form(FORM)
        await refresh(runtime)
        runtime.watch.begin()
        for name, (department, roles) in CLIENTS.items():
            hashed = scrypt_hash(SECRET, 16, 8, 1)
            client = Client(name, name, department, frozenset(roles), secret_hash=hashed)
            await runtime.store.clients.put(client, now)
            form = {"grant_type": "client_credentials"}
            answer = await self.http.post("/oauth/token", auth=(name, SECRET), data=form)
            self._tokens[name] = answer.json()["access_token"]

    def of_person(self, name: str, ref: str) -> None:
        """From now on `name` is that person, by a token of their own."""
        person = Caller("portal", HALL, frozenset({"person"}), person=ref)
        self._tokens[name] = self.service.app.state.tokens.issue_to(person, 300)

    async def call(self, method: str, path: str, *, by: str, **sent: Any) -> httpx.Response:
        """The answer to that caller."""
        headers = {"authorization": f"Bearer {self._tokens[by]}", **sent.pop("headers", {})}
        answer: httpx.Response = await self.http.request(method, path, headers=headers, **sent)
        return answer

    async def resolve(self, by: str = "hall", **more: Any) -> dict[str, Any]:
        """The form filled for Ann."""
        body = {
            "form": {"id": "family"},
            "subjects": {"applicant": ANN},
            "actor": {"kind": "clerk", "id": "c-1"},
            **more,
        }
        answer = await self.call("POST", "/v1/resolutions", by=by, json=body)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        intent = (await self.service.entries("intent"))[-1]
        self.of_person("ann", intent["subjects"]["applicant"])
        self.of_person("bob", "sub_of_bob")
        return told

    async def open(self, by: str = "hall", **changes: Any) -> httpx.Response:
        """Ann's name in a form just filled is said to be wrong."""
        shown = await self.resolve()
        body = {"resolution": shown["id"], "path": "name", "reason": "写错了", "own": "安娜"} | changes
        return await self.call("POST", "/v1/disputes", by=by, json=body)


@pytest.fixture
async def offices(service: Any) -> Offices:
    made = Offices(service)
    await made.furnish()
    return made


async def test_a_dispute_is_said_worked_and_seen(offices: Offices) -> None:
    """Every answer has its schema; only the department and the person learn how it ended."""
    opened = (await offices.open()).json()
    DisputeLine.model_validate(opened)

    listed = (await offices.call("GET", "/v1/disputes?state=open&state=referred", by="police")).json()
    whole = (await offices.call("GET", f"/v1/disputes/{opened['id']}", by="police")).json()
    where = (await offices.call("GET", f"/v1/disputes/{opened['id']}/affected", by="police")).json()
    closed = await offices.call(
        "POST", f"/v1/disputes/{opened['id']}/correct", by="police", json={"reason": "底册为安娜"}
    )
    mine = (await offices.call("GET", "/v1/me/disputes", by="ann")).json()

    DisputePage.model_validate(listed)
    WholeDispute.model_validate(whole)
    AffectedPage.model_validate(where)
    OwnDisputePage.model_validate(mine)
    assert [each["id"] for each in listed["disputes"]] == [opened["id"]]
    assert (whole["shown"], whole["own"], whole["reason"]) == ("安妮", "安娜", "写错了")
    assert (closed.status_code, closed.json()["state"]) == (200, "corrected")
    assert mine["disputes"][0]["answer"] == "底册为安娜"
    assert (await offices.call("GET", "/v1/me/disputes", by="bob")).json()["disputes"] == []


async def test_an_idempotency_key_opens_one(offices: Offices) -> None:
    """The same request under the same key is answered with the same ticket, also after it was closed."""
    resolution = (await offices.resolve())["id"]
    body = {"resolution": resolution, "path": "name", "reason": "写错了"}
    sent: dict[str, Any] = {"by": "ann", "json": body, "headers": {"idempotency-key": "k-1"}}

    first = await offices.call("POST", "/v1/disputes", **sent)
    await offices.call("POST", f"/v1/disputes/{first.json()['id']}/withdraw", by="ann")
    again = await offices.call("POST", "/v1/disputes", **sent)

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json()["id"] == first.json()["id"]
    assert again.json()["state"] == "withdrawn"


async def test_anothers_idempotency_key_tells_nothing(offices: Offices) -> None:
    """Two people come through one portal: the key and words of the one, sent by the other, find no ticket."""
    resolution = (await offices.resolve())["id"]
    await offices.call(
        "POST", "/v1/disputes", by="hall", json={"resolution": resolution, "path": "name", "reason": "错"}
    )
    body = {"resolution": resolution, "path": "name", "reason": "写错了"}
    sent: dict[str, Any] = {"json": body, "headers": {"idempotency-key": "k-1"}}
    joined = await offices.call("POST", "/v1/disputes", by="ann", **sent)

    overheard = await offices.call("POST", "/v1/disputes", by="bob", **sent)

    assert joined.status_code == 201
    assert (overheard.status_code, overheard.json()["code"]) == (404, "unknown_dispute")


@pytest.mark.parametrize(
    ("by", "changes", "status", "code"),
    [
        ("hall-2", {}, 404, "unknown_use"),
        ("bob", {}, 404, "unknown_use"),
        ("ann", {"resolution": "res_none"}, 404, "unknown_use"),
        ("ann", {"path": "note"}, 422, "not_shown"),
        ("ann", {"reason": ""}, 422, "not_valid"),
        ("ann", {"reason": " "}, 422, "dispute_not_valid"),
        ("ann", {"reason": "错" * 1_001}, 422, "not_valid"),
        ("ann", {"evidence": ["证" * 501]}, 422, "not_valid"),
        ("ann", {"evidence": ["证"] * 11}, 422, "not_valid"),
        ("ann", {"own": ["a", "list"]}, 422, "not_valid"),
        ("ann", {"colour": "red"}, 422, "not_valid"),
        ("police", {}, 403, "role_required"),
    ],
)
async def test_what_is_not_a_dispute(
    offices: Offices, by: str, changes: dict[str, Any], status: int, code: str
) -> None:
    """Another's value, one never shown, words that are none or too many: a clear code, and nothing is written."""
    answer = await offices.open(by, **changes)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert await offices.service.entries("dispute.opened") == []
    assert "安" not in answer.text.replace("公安", "")


@pytest.mark.parametrize(
    ("method", "tail", "body"),
    [
        ("GET", "", None),
        ("GET", "/affected", None),
        ("POST", "/correct", {"reason": "看过了"}),
        ("POST", "/uphold", {"reason": "看过了"}),
        ("POST", "/refer", {"reason": "看过了", "department": "税务"}),
    ],
)
async def test_another_department_is_refused_and_noted(
    offices: Offices, method: str, tail: str, body: Any
) -> None:
    """403 with a stable code, and an entry like every other refusal; the dispute stays as it was."""
    opened = (await offices.open()).json()

    answer = await offices.call(method, f"/v1/disputes/{opened['id']}{tail}", by="tax", json=body)
    await offices.service.app.state.refusals.flush()

    assert (answer.status_code, answer.json()["code"]) == (403, "not_the_owner_department")
    refused = (await offices.service.entries("access.refused"))[-1]
    assert (refused["reason"], refused["client"]) == ("not_the_owner_department", "tax")
    listed = (await offices.call("GET", "/v1/disputes", by="police")).json()["disputes"]
    assert [each["state"] for each in listed] == ["open"]


async def test_a_referral_moves_it_to_the_other_list(offices: Offices) -> None:
    """The new department finds it and answers; the first is refused from then on."""
    opened = (await offices.open()).json()
    path = f"/v1/disputes/{opened['id']}"

    await offices.call(
        "POST", f"{path}/refer", by="police", json={"reason": "请税务核实", "department": "税务"}
    )
    lists = [
        (await offices.call("GET", "/v1/disputes", by=who)).json()["disputes"] for who in ("police", "tax")
    ]
    late = await offices.call("POST", f"{path}/uphold", by="police", json={"reason": "无误"})
    answered = await offices.call("POST", f"{path}/uphold", by="tax", json={"reason": "无误"})

    assert [[each["state"] for each in found] for found in lists] == [[], ["referred"]]
    assert (late.status_code, answered.json()["state"]) == (403, "upheld")


async def test_steps_without_a_reason_and_after_the_end(offices: Offices) -> None:
    """400 and 409, with codes that say which."""
    path = f"/v1/disputes/{(await offices.open()).json()['id']}"

    silent = await offices.call("POST", f"{path}/correct", by="police")
    nowhere = await offices.call(
        "POST", f"{path}/refer", by="police", json={"reason": "请核实", "department": "海关"}
    )
    await offices.call("POST", f"{path}/withdraw", by="ann")
    late = await offices.call("POST", f"{path}/correct", by="police", json={"reason": "已更正"})

    assert (silent.status_code, silent.json()["code"]) == (400, "reason_required")
    assert nowhere.json()["errors"][0]["code"] == "unknown_department"
    assert (late.status_code, late.json()["code"]) == (409, "dispute_is_withdrawn")


async def test_the_persons_ledger_tells_of_it(offices: Offices) -> None:
    """Opened, read by an officer, answered: in plain words, once the entries have their place."""
    opened = (await offices.open("ann")).json()
    await offices.call("GET", f"/v1/disputes/{opened['id']}", by="police")
    await offices.call("POST", f"/v1/disputes/{opened['id']}/uphold", by="police", json={"reason": "无误"})
    await offices.service.app.state.sequencer.run()

    uses = (await offices.call("GET", "/v1/me/uses", by="ann")).json()["uses"]

    told = {each["kind"]: each["result"]["text"] for each in uses if each["kind"].startswith("dispute.")}
    assert told == {
        "dispute.opened": "对数据提出异议",
        "dispute.read": "查看了异议的内容",
        "dispute.upheld": "经核实数据无误，异议未成立",
    }


async def test_lists_page(offices: Offices) -> None:
    """With a cursor while there are more; a filter by day shows what was due before."""
    ids = []
    for _ in range(3):
        opened = (await offices.open()).json()
        await offices.call(
            "POST", f"/v1/disputes/{opened['id']}/uphold", by="police", json={"reason": "无误"}
        )
        ids.append(opened["id"])
    last = (await offices.open()).json()

    first = (await offices.call("GET", "/v1/disputes?limit=2", by="police")).json()
    second = (
        await offices.call("GET", f"/v1/disputes?limit=2&cursor={first['next_cursor']}", by="police")
    ).json()
    late = (await offices.call("GET", "/v1/disputes?due_before=2027-01-01", by="police")).json()
    none = (await offices.call("GET", "/v1/disputes?due_before=2026-11-22", by="police")).json()

    assert [each["id"] for page in (first, second) for each in page["disputes"]] == [*ids, last["id"]]
    assert second["next_cursor"] is None
    assert [each["id"] for each in late["disputes"]] == [last["id"]]
    assert none["disputes"] == []


async def test_a_dispute_lifts_no_mask(offices: Offices) -> None:
    """The desk that was given a value masked reads the ticket without it; the owner department and the person see it."""
    shown = await offices.resolve(delivery="masked")
    body = {"resolution": shown["id"], "path": "name", "reason": "写错了", "own": "安娜"}
    opened = (await offices.call("POST", "/v1/disputes", by="hall", json=body)).json()
    url = f"/v1/disputes/{opened['id']}"

    desk = await offices.call("GET", url, by="hall")
    seen = [(await offices.call("GET", url, by=who)).json()["shown"] for who in ("police", "ann")]

    assert "安妮" not in desk.text
    assert (desk.json()["shown"], desk.json()["own"]) == (None, "安娜")
    assert seen == ["安妮", "安妮"]


async def test_who_says_it_too_is_not_told_whose_form_it_was(offices: Offices) -> None:
    """Another desk gets the same ticket, without the resolution that it was opened for; the person gets it whole."""
    theirs = await offices.resolve(by="hall-2")
    first = (await offices.open()).json()
    body = {"resolution": theirs["id"], "path": "name", "reason": "写错了"}

    told, own = [
        (await offices.call("POST", "/v1/disputes", by=who, json=body)).json() for who in ("hall-2", "ann")
    ]

    assert told["id"] == own["id"] == first["id"]
    assert (told["resolution"], told["submission"]) == (None, None)
    assert own["resolution"] == first["resolution"]


async def test_a_number_that_cannot_be_written_is_no_failure(offices: Offices) -> None:
    """What the person says instead may be a number, of 64 bits at most."""
    answer = await offices.open(own=10**30)

    assert (answer.status_code, answer.json()["code"]) == (400, "number_too_long")
