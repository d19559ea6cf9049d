"""A dispute from submission to correction: withheld, reminded, escalated by a moved clock, corrected, the offices told.

In this process, for the clock is moved; over SQLite on disk, over HTTP with its tokens, and with a receiver that is
really listening and checks the signature by the key that the service hands out.
"""

import asyncio
import base64
import threading
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from typer.testing import CliRunner

from field_registry import Binding, Item, Registry, Source, SubjectKind
from field_registry.items import Datatype
from forms.definition import Field, Form, Role
from gateway.app import create_app, refresh
from gateway.cli import app as command_line
from gateway.curation import Publisher
from gateway.disputes.clockwork import push_disputes
from gateway.records import Caller, Client
from gateway.security.client_secrets import scrypt_hash
from gateway.settings import Settings
from gateway.store.migrate import migrate
from policies import Ground, GroundKind, Policy, Purpose, Rule
from policies.rules import Effect

DAY = timedelta(days=1)
FRIDAY = datetime(2026, 11, 20, 2, tzinfo=UTC)
ANN = {"kind": "person", "id_type": "111", "id_no": "35058219910603996X"}
SECRET = "s" * 32
CLIENTS = {
    "jinjiang": ("政务服务", {"renderer"}),
    "fuzhou": ("政务服务", {"renderer"}),
    "police": ("公安", {"data_admin"}),
    "bureau": ("数据局", {"data_admin"}),
}
NAME = Item("person.name", "姓名", SubjectKind.person, Datatype.name, "公安")
PHONE = Item("person.phone", "电话", SubjectKind.person, Datatype.text, "公安")
RULE = Rule("R-1", Effect.permit, "依法", ground=Ground(GroundKind.statutory_duty, "D-1", "测试法 第1条"))


def form(form_id: str) -> Form:
    return Form(
        form_id,
        1,
        form_id,
        "M-1",
        "family",
        "政务服务",
        fields=(
            Field("name", "姓名", item="person.name", locked=False),
            Field("phone", "电话", item="person.phone", locked=False),
        ),
        roles=(Role("applicant", "申请人", frozenset({SubjectKind.person})),),
    )


class City:
    """The service, its clock, the register and the callers."""

    def __init__(self, settings: Settings) -> None:
        self.now, self.settings = FRIDAY, settings
        self.app = create_app(settings, clock=lambda: self.now)
        self.runtime = self.app.state.runtime
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=True)
        self.http = httpx.AsyncClient(transport=transport, base_url=settings.public_url)
        self._tokens: dict[str, str] = {}

    async def furnish(self, webhook: str) -> None:
        self.publisher = Publisher(self.runtime.store, "test", self.now, self.runtime.new_reference)
        await self.publisher.policy(Policy.of(0, [Purpose("family", "家庭")], [RULE]))
        for form_id in ("marriage", "school"):
            await self.publisher.form(form(form_id))
        await self.register_says("安妮")
        self.runtime.watch.begin()
        for name, (department, roles) in CLIENTS.items():
            address = webhook if name == "fuzhou" else None
            hashed = scrypt_hash(SECRET, 16, 8, 1)
            made = Client(name, name, department, frozenset(roles), secret_hash=hashed, webhook=address)
            await self.runtime.store.clients.put(made, self.now)

    async def register_says(self, name: str) -> None:
        """What the civil register answers from now on."""
        personas = {ANN["id_no"]: {"name": name, "phone": "13800138000"}}
        civil = Source("civil", "人口库", "公安", "sandbox", config={"personas": personas})
        bindings = [Binding("person.name", "civil", "/name"), Binding("person.phone", "civil", "/phone")]
        await self.publisher.registry(Registry.of(0, items=[NAME, PHONE], sources=[civil], bindings=bindings))
        await refresh(self.runtime)

    async def token(self, name: str) -> str:
        """A token of five minutes; the clock is moved by days."""
        if name == "ann":
            intent = next(e for e in await self.leaves() if e["kind"] == "intent")
            person = Caller(
                "portal", "政务服务", frozenset({"person"}), person=intent["subjects"]["applicant"]
            )
            return str(self.app.state.tokens.issue_to(person, 300))
        form = {"grant_type": "client_credentials"}
        answer = await self.http.post("/oauth/token", auth=(name, SECRET), data=form)
        return str(answer.json()["access_token"])

    async def call(self, by: str, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """What the service answers to that caller."""
        headers = {"authorization": f"Bearer {await self.token(by)}"}
        answer = await self.http.request(method, path, headers=headers, json=body)
        assert answer.status_code < 300, answer.text
        told: dict[str, Any] = answer.json()
        return told

    async def resolve(self, by: str, form_id: str) -> dict[str, Any]:
        body = {
            "form": {"id": form_id},
            "subjects": {"applicant": ANN},
            "actor": {"kind": "clerk", "id": "c-1"},
        }
        return await self.call(by, "POST", "/v1/resolutions", body)

    async def hand_in(self, by: str, answer: Any, values: Any, **more: Any) -> dict[str, Any]:
        path = f"/v1/resolutions/{answer['id']}/submission"
        return await self.call(by, "POST", path, {"values": values, **more})

    async def leaves(self) -> list[dict[str, Any]]:
        found = await self.runtime.store.entries.find(request=None, after="", limit=10_000)
        return [orjson.loads(each.leaf) for each in found]


@pytest.fixture
def receiver() -> Iterator[Any]:
    """An office that listens; `seen` holds headers and body of what came."""
    seen: list[tuple[dict[str, str], bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            seen.append(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(202)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    server.seen = seen  # type: ignore[attr-defined]
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
async def city(tmp_path: Path, receiver: Any) -> AsyncIterator[City]:
    settings = Settings(
        state_dir=tmp_path, allow_private_addresses=True, dispute_supervisors={"公安": "数据局"}
    )
    migrate(settings.database_url)
    made = City(settings)
    await made.furnish(f"http://127.0.0.1:{receiver.server_port}/told")
    yield made
    await made.http.aclose()
    await made.runtime.ledger.drain()
    await made.app.state.webhooks.close()
    await made.runtime.sources.close()
    await made.runtime.store.close()


def checked(headers: dict[str, str], body: bytes, keys: Any) -> Any:
    """What the message says, its signature checked as a receiver would: by the key that its header names."""
    header, _, signature = headers["webhook-signature"].split(".")
    said = orjson.loads(_decoded(header))
    jwk = next(key for key in keys["keys"] if key["kid"] == said["kid"])
    signed = f"{header}.{base64.urlsafe_b64encode(body).rstrip(b'=').decode()}".encode()
    Ed25519PublicKey.from_public_bytes(_decoded(jwk["x"])).verify(_decoded(signature), signed)
    return orjson.loads(body)


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


async def test_from_submission_to_correction(city: City, receiver: Any, tmp_path: Path) -> None:
    """Disputed and handed in, withheld, escalated, corrected; who used the wrong value is listed, emptied and told."""
    # Fuzhou has used the wrong name before, and holds an answer with it.
    earlier = await city.hand_in(
        "fuzhou", await city.resolve("fuzhou", "school"), {"name": "安妮", "phone": "13800138000"}
    )
    open_answer = await city.resolve("fuzhou", "marriage")

    # In Jinjiang Ann says that it is wrong, and hands the form in all the same.
    shown = await city.resolve("jinjiang", "marriage")
    handed_in = await city.hand_in(
        "jinjiang",
        shown,
        {"name": "安娜", "phone": "13800138000"},
        disputes={"name": {"reason": "户口本上是安娜", "evidence": ["户口簿第3页"]}},
    )
    ticket = (await city.call("ann", "GET", "/v1/me/disputes"))["disputes"][0]
    assert handed_in["fields"]["name"]["disposition"] == "disputed"
    assert (ticket["department"], ticket["due"], ticket["submission"]) == (
        "公安",
        "2026-11-27",
        handed_in["id"],
    )

    # From now on nobody is offered the name, nor does an answer from before show it any more.
    again = await city.resolve("fuzhou", "school")
    reread = await city.call("fuzhou", "GET", f"/v1/resolutions/{open_answer['id']}")
    assert (again["fields"]["name"]["outcome"], again["fields"]["name"]["rule"]) == ("disputed", ticket["id"])
    assert again["fields"]["phone"]["outcome"] == "filled"
    assert reread["fields"]["name"]["value"] is None

    # Both values stand before the officer, who does nothing for a week; the department above is called in.
    whole = await city.call("police", "GET", f"/v1/disputes/{ticket['id']}")
    assert (whole["shown"], whole["own"], whole["evidence"]) == ("安妮", "安娜", ["户口簿第3页"])
    for _ in range(9):
        await push_disputes(city.runtime)
        city.now += DAY
    escalated = (await city.call("bureau", "GET", "/v1/disputes"))["disputes"]
    assert [(each["id"], each["level"], each["due"]) for each in escalated] == [
        (ticket["id"], 1, "2026-12-01")
    ]

    # The register is corrected, and its department says so.
    city.now = FRIDAY + 9 * DAY
    fresh = await city.resolve("jinjiang", "school")
    assert fresh["fields"]["name"]["outcome"] == "disputed"
    await city.app.state.sequencer.run()
    await city.register_says("安娜")
    closed = await city.call(
        "police", "POST", f"/v1/disputes/{ticket['id']}/correct", {"reason": "底册为安娜，录入有误，已更正"}
    )
    assert closed["state"] == "corrected"
    assert (await city.resolve("fuzhou", "school"))["fields"]["name"]["value"] == "安娜"

    # Who used the wrong name is listed, and told by a signed message without it.
    affected = await city.call("police", "GET", f"/v1/disputes/{ticket['id']}/affected")
    assert [(each["id"], each["path"], each["disposition"]) for each in affected["submissions"]] == [
        (earlier["id"], "name", "kept"),
        (handed_in["id"], "name", "disputed"),
    ]
    assert (await city.app.state.webhooks.deliver()).delivered == 1
    keys = (await city.http.get("/v1/receipts/keys")).json()
    told = checked(*receiver.seen[0], keys)
    assert (told["type"], told["dispute"], told["state"]) == ("dispute.corrected", ticket["id"], "corrected")
    assert [(each["id"], each["path"]) for each in told["submissions"]] == [(earlier["id"], "name")]
    assert not any(word in receiver.seen[0][1].decode() for word in ("安妮", "安娜", ANN["id_no"]))

    # Ann reads the answer; the log tells the whole story; the source has one confirmed error of two deliveries.
    mine = (await city.call("ann", "GET", "/v1/me/disputes"))["disputes"][0]
    assert mine["answer"] == "底册为安娜，录入有误，已更正"
    steps = [leaf["kind"] for leaf in await city.leaves() if leaf["kind"].startswith("dispute.")]
    assert steps == [
        "dispute.read",
        "dispute.reminded",
        "dispute.reminded",
        "dispute.reminded",
        "dispute.escalated",
        "dispute.corrected",
    ]
    counts = await city.runtime.store.disputes.counts(FRIDAY, city.now + DAY)
    assert [tuple(each) for each in counts] == [("civil", "person.name", 1, 0, 0, 0)]
    arguments = ["dispute", "list", "--state", str(tmp_path), "--in-state", "corrected", "--json"]
    listed = await asyncio.to_thread(CliRunner().invoke, command_line, arguments)  # it has a loop of its own
    assert listed.exit_code == 0
    assert [each["id"] for each in orjson.loads(listed.stdout)["disputes"]] == [ticket["id"]]


async def test_an_answer_that_is_still_open_is_emptied(city: City) -> None:
    """Corrected the same day: whoever holds an answer with the wrong value has to resolve it again."""
    held = await city.resolve("fuzhou", "marriage")
    shown = await city.resolve("jinjiang", "marriage")
    opened = await city.call(
        "jinjiang", "POST", "/v1/disputes", {"resolution": shown["id"], "path": "name", "reason": "写错了"}
    )
    await city.app.state.sequencer.run()

    await city.call("police", "POST", f"/v1/disputes/{opened['id']}/correct", {"reason": "已更正"})

    headers = {"authorization": f"Bearer {await city.token('fuzhou')}"}
    gone = await city.http.get(f"/v1/resolutions/{held['id']}", headers=headers)
    assert (gone.status_code, gone.json()["code"]) == (410, "resolution_gone")
    affected = await city.call("police", "GET", f"/v1/disputes/{opened['id']}/affected")
    assert {each["id"] for each in affected["resolutions"]} == {held["id"], shown["id"]}
