"""A small town in this process: two registers that may be connected, forms, a hall that resolves and hands in, Ann and Bob.

For what is kept of people: a form is resolved, handed in with "also my record", and the next one is resolved.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import orjson
from fastapi import FastAPI

from field_registry import Binding, Item, Registry, Source, SubjectKind, Tier
from field_registry.items import Datatype, Sensitivity, ShareAttribute
from field_registry.subjects import Subject
from forms.definition import Field, Form, Role
from gateway.app import create_app, refresh
from gateway.curation.publish import Publisher
from gateway.ports import Store
from gateway.records import Caller
from gateway.runtime import Runtime
from gateway.settings import Settings
from policies import Ground, GroundKind, Policy, Purpose, Rule
from policies.rules import Conditions, Effect

NOW = datetime(2026, 11, 21, 2, 3, 4, tzinfo=UTC)
HALL = "政务服务"
PERSON = SubjectKind.person
ANN = {"kind": "person", "id_type": "111", "id_no": "35058219910603996X"}
BOB = {"kind": "person", "id_type": "111", "id_no": "110102199101010078"}
PERSONAS = {
    ANN["id_no"]: {"name": "陈小满", "email": "register@example.com", "phone": "13800138000"},
    BOB["id_no"]: {"name": "王大力"},
}
DUTY = Ground(GroundKind.statutory_duty, "D-1", "某法 第1条")


def _item(item_id: str, datatype: Datatype, **more: Any) -> Item:
    return Item(item_id, item_id, PERSON, datatype, "公安", **more)


ITEMS = (
    _item("person.name", Datatype.name, mask="name"),
    _item("person.id_no", Datatype.id_no, mask="id_no"),
    _item("person.email", Datatype.text, name_en="E-mail"),
    _item("person.phone", Datatype.phone, sensitivity=Sensitivity.sensitive, mask="phone"),
    _item("person.unit", Datatype.text, share=ShareAttribute.none, share_citation="保守国家秘密法"),
    _item("person.birth_date", Datatype.date),
    _item("person.children", Datatype.rows),
)
SOURCES = (
    Source("civil", "人口基础库", "公安", "sandbox", config={"personas": PERSONAS}),
    Source(
        "profile",
        "一人一档",
        "数据局",
        "profile",
        tier=Tier.C,
        name_en="Own record",
        config={"kept": {"person.phone": "730d"}},
    ),
)
OF_RECORD = (
    "person.email",
    "person.phone",
    "person.birth_date",
    "person.unit",
    "person.id_no",
    "person.children",
)
FIELDS = (
    Field("name", "姓名", item="person.name"),
    Field("email", "电子邮箱", item="person.email"),
    Field("phone", "联系电话", item="person.phone"),
    Field("born", "出生日期", item="person.birth_date"),
    Field("note", "备注"),
)
APPLICANT = Role("applicant", "申请人", frozenset({PERSON}))
ROLES = (APPLICANT, Role("agent", "经办人", frozenset({PERSON}), required=False))


def registry(*registers: str) -> Registry:
    """The registry in which the record holds what it may, behind the civil register where that is connected."""
    connected = ("person.name", *registers)
    return Registry.of(
        0,
        items=ITEMS,
        sources=SOURCES,
        bindings=[
            *(Binding(item, "civil", f"/{item.removeprefix('person.')}") for item in connected),
            *(Binding(item, "profile", item, rank=2 if item in connected else 1) for item in OF_RECORD),
        ],
    )


def form(form_id: str, *fields: Field, purpose: str = "", version: int = 1) -> Form:
    """A form of that purpose, its own unless said."""
    asked = fields or FIELDS
    return Form(form_id, version, form_id, f"M-{form_id}", purpose or form_id, "公安", asked, ROLES)


FORMS = (form("residence"), form("school"), form("renewal", purpose="residence"))


def policy(*more: Rule) -> Policy:
    """Everything may be fetched by duty; `more` says otherwise."""
    purposes = [Purpose("residence", "居住登记", "Residence"), Purpose("school", "入学", "School entry")]
    rule = Rule("R-1", Effect.permit, "duty", Conditions(), DUTY)
    return Policy.of(0, purposes, [rule, *more])


@dataclass(slots=True)
class Clock:
    """A clock that a test moves."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now


@dataclass(slots=True)
class Town:
    """The service over a store, and the hall at work in it."""

    app: FastAPI
    clock: Clock
    http: httpx.AsyncClient

    @classmethod
    async def open(cls, settings: Settings, store: Store) -> "Town":
        """A town with its first registry, in which no register holds more than names."""
        clock = Clock()
        app = create_app(settings, store=store, clock=clock)
        transport = httpx.ASGITransport(app, raise_app_exceptions=True)
        town = cls(app, clock, httpx.AsyncClient(transport=transport, base_url=settings.public_url))
        await town.publish(registry())
        for each in FORMS:
            await town.publisher.form(each)
        await town.publisher.policy(policy())
        await refresh(town.runtime)
        return town

    async def close(self) -> None:
        """Everything let go of."""
        await self.http.aclose()
        await self.runtime.ledger.drain()
        await self.runtime.sources.close()
        await self.runtime.store.close()

    @property
    def headers(self) -> dict[str, str]:
        """The header of the hall's token, as it gets one now."""
        return self.bearer(Caller("hall", HALL, frozenset({"renderer"})))

    @property
    def runtime(self) -> Runtime:
        """Of the service."""
        runtime: Runtime = self.app.state.runtime
        return runtime

    @property
    def publisher(self) -> Publisher:
        """Who publishes here."""
        return Publisher(self.runtime.store, "admin", self.clock(), self.runtime.new_reference)

    async def publish(self, published: Registry) -> None:
        """From now on the registry is that."""
        await self.publisher.registry(published)
        await refresh(self.runtime)

    def bearer(self, caller: Caller) -> dict[str, str]:
        """The header of a token of that caller."""
        return {"authorization": f"Bearer {self.app.state.tokens.issue_to(caller, 300)}"}

    async def ref(self, person: Mapping[str, str] = ANN) -> str:
        """The reference of a person."""
        references = self.runtime.subjects
        key = references.key_of(Subject(PERSON, person["id_type"], person["id_no"]))
        return await references.ref_of(key, PERSON)

    async def person(self, person: Mapping[str, str] = ANN) -> dict[str, str]:
        """The header of a person's own token."""
        ref = await self.ref(person)
        return self.bearer(Caller("portal", HALL, frozenset({"person"}), person=ref))

    async def resolve(
        self, form_id: str = "residence", person: Mapping[str, str] = ANN, **more: Any
    ) -> dict[str, Any]:
        """The answer to a form about that person."""
        body = {
            "form": {"id": form_id},
            "subjects": {"applicant": person},
            "actor": {"kind": "clerk", "id": "c-1"},
            **more,
        }
        answer = await self.http.post("/v1/resolutions", json=body, headers=self.headers)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    async def hand_in(
        self, resolution: Mapping[str, Any], typed: Mapping[str, Any], keep: Iterable[str] = (), **more: Any
    ) -> dict[str, Any]:
        """The answer to handing in what was offered and what was typed."""
        offered = {
            path: said["value"] for path, said in resolution["fields"].items() if said["value"] is not None
        }
        body = {"values": {**offered, **typed}, "keep": dict.fromkeys(keep, "record"), **more}
        url = f"/v1/resolutions/{resolution['id']}/submission"
        answer = await self.http.post(url, json=body, headers=self.headers)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    async def keep(
        self, person: Mapping[str, str] = ANN, form_id: str = "residence", **values: Any
    ) -> dict[str, Any]:
        """One whole application in which the person types these and wants them kept."""
        return await self.hand_in(await self.resolve(form_id, person), values, keep=values)

    async def profile(self, person: Mapping[str, str] = ANN, **query: Any) -> list[dict[str, Any]]:
        """What the person is shown of their record."""
        answer = await self.http.get("/v1/me/profile", headers=await self.person(person), params=query)
        assert answer.status_code == 200, answer.text
        values: list[dict[str, Any]] = answer.json()["values"]
        return values

    async def entries(self, *kinds: str) -> list[dict[str, Any]]:
        """The leaves of those kinds, oldest first."""
        found = await self.runtime.store.entries.find(request=None, after="", limit=10_000)
        return [orjson.loads(each.leaf) for each in found if not kinds or each.kind.value in kinds]


def later(**span: Any) -> datetime:
    """So much after the town was opened."""
    return NOW + timedelta(**span)
