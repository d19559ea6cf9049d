"""The contract's worked example, from beginning to end over HTTP: resolved, handed in, and the nine numbers come out.

The service runs in this process, over a store in memory and made-up sources; nothing of its answer is prepared.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest_asyncio

from field_registry import Binding, Item, Registry, Source, SubjectKind, Tier
from field_registry.items import Datatype
from forms.definition import Field, FieldKind, Form, Role
from gateway.app import create_app, refresh
from gateway.curation.publish import Publisher
from gateway.records import Caller
from gateway.reports.baselines import freeze_baseline
from gateway.settings import Settings
from gateway.store import MemoryStore
from policies import Ground, GroundKind, Policy, Purpose, Rule
from policies.rules import Conditions, Effect

NOW = datetime(2026, 11, 21, 2, 3, 4, tzinfo=UTC)
HALL, POLICE = "政务服务", "公安"
ANN = {"kind": "person", "id_type": "111", "id_no": "35058219910603996X"}
REGISTERED = tuple(f"a{number}" for number in range(1, 8))
SAID = {name: f"登记的{name}" for name in REGISTERED}
EXPECTED = {
    "M1": (11, 14, "78.6"),
    "M2": (8, 10, "80.0"),
    "M3": (9, 14, "64.3"),
    "M4": (7, 13, "53.8"),
    "M4a": (6, 13, "46.2"),
    "M5": (14, 20, "70.0"),
    "M6_correction": (1, 9, "11.1"),
    "M6_dispute": (1, 7, "14.3"),
    "M7": (2, 6, "33.3"),
}


def _item(name: str, label: str = "") -> Item:
    return Item(f"person.{name}", label or f"数据项{name}", SubjectKind.person, Datatype.text, POLICE)


ITEMS = [
    *map(_item, (*REGISTERED, "profiled", "refused", "empty", "late")),
    _item("catalogued", "经常居住地"),
]
PERSON = {ANN["id_no"]: {**SAID, "refused": "不给", "empty": "", "catalogued": "晋江市"}}
REGISTRY = Registry.of(
    0,
    items=ITEMS,
    sources=[
        Source("civil", "人口基础库", POLICE, "sandbox", config={"personas": PERSON}),
        Source(
            "record",
            "一人一档",
            "数据局",
            "sandbox",
            tier=Tier.C,
            config={"personas": {ANN["id_no"]: {"profiled": "上次填写的"}}},
        ),
        Source(
            "slow", "慢数源", "税务", "sandbox", config={"personas": {ANN["id_no"]: {"fault": "timeout"}}}
        ),
    ],
    bindings=[
        *(
            Binding(f"person.{name}", "civil", f"/{name}")
            for name in (*REGISTERED, "refused", "empty", "catalogued")
        ),
        Binding("person.profiled", "record", "/profiled"),
        Binding("person.late", "slow", "/late"),
    ],
)
POLICY = Policy.of(
    0,
    [Purpose("example", "示例")],
    [
        Rule("R-1", Effect.permit, "the person agreed", ground=Ground(GroundKind.consent, "")),
        Rule(
            "R-2",
            Effect.permit,
            "the law says so",
            Conditions(items=frozenset({"person.catalogued"})),
            Ground(GroundKind.other_law, "L-1", "国务院令第716号 第七条"),
        ),
    ],
)
MAPPED = (*REGISTERED, "profiled", "refused", "empty", "late")
SWITCH = {"field": "a1", "equals": "从不"}
FORM = Form(
    "example", 1, "示例表", "M-1", "example", "民政",
    fields=(
        *(Field(name, f"栏目{name}", item=f"person.{name}") for name in MAPPED),
        Field("scanned", "材料编号"),
        Field("asked_again", "经常居住地"),
        Field("left_open", "备注"),
        *(Field(f"hidden{number}", f"隐藏{number}", visible_when=SWITCH) for number in range(1, 5)),
        Field("signature", "签名", kind=FieldKind.signature),
        Field("agrees", "本人承诺", kind=FieldKind.consent_box),
    ),
    roles=(Role("applicant", "申请人", frozenset({SubjectKind.person})),),
)  # fmt: skip
CONSENT = {
    "subject": ANN,
    "purpose": "example",
    "form": "example",
    "items": [{"item": f"person.{name}", "permit": name != "refused"} for name in MAPPED],
    "acts": [{"topic": "third_party", "act_id": "act-1", "at": "2026-11-21T02:01:00Z"}],
    "recipient_departments": [HALL],
    "expires_at": "2026-11-22T00:00:00Z",
    "max_uses": 10,
    "notice": {
        "id": "notice",
        "version": 1,
        "language": "zh-CN",
        "rendered_sha256": "0" * 64,
        "shown_at": "2026-11-21T02:00:00Z",
        "channel": "window",
    },
    "evidence": {"method": "card_and_face", "witness": "clerk-17"},
}
RESOLVE = {
    "form": {"id": "example"},
    "subjects": {"applicant": ANN},
    "actor": {"kind": "clerk", "id": "jj-0317"},
    "patience_ms": 200,
}
SUBMIT = {
    "values": {
        **{name: SAID[name] for name in REGISTERED if name != "a7"},
        "a7": "本人认为的内容",
        "profiled": "上次填写的",
        "scanned": "改过的编号",
        "refused": "自己填",
        "empty": "自己填",
        "late": "自己填",
        "asked_again": "晋江市",
        "agrees": True,
    },
    "disputes": {"a7": {"reason": "登记的内容有误", "evidence": ["户口簿第3页"]}},
    "assisted": {"scanned": {"tier": "D", "value": "识别的编号"}},
    "actor": {"kind": "clerk", "id": "jj-0317"},
}


@dataclass
class Hall:
    """A service hall with a token of this service."""

    http: httpx.AsyncClient

    async def post(self, path: str, body: Any) -> dict[str, Any]:
        """What a call answers that must be taken."""
        answer = await self.http.post(path, json=body)
        assert answer.is_success, answer.text
        given: dict[str, Any] = answer.json()
        return given


@pytest_asyncio.fixture
async def hall(tmp_path: Path) -> AsyncIterator[Hall]:
    """A hall, and a service on which registry, policy, form and baseline are published."""
    app = create_app(Settings(state_dir=tmp_path), store=MemoryStore(), clock=lambda: NOW)
    runtime = app.state.runtime
    publisher = Publisher(runtime.store, "test", NOW, runtime.new_reference)
    await publisher.registry(REGISTRY)
    await publisher.policy(POLICY)
    await publisher.form(FORM)
    await refresh(runtime)
    runtime.watch.begin()
    await freeze_baseline("example", "2019-paper", date(2019, 1, 1), 20, runtime, caller="test")
    caller = Caller("hall", HALL, frozenset({"renderer", "consent_desk"}))
    headers = {"authorization": f"Bearer {app.state.tokens.issue_to(caller, 300)}"}
    transport = httpx.ASGITransport(app, raise_app_exceptions=True)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://127.0.0.1:8000", headers=headers
    ) as http:
        yield Hall(http)
    await runtime.sources.close()


async def test_the_worked_example_gives_its_nine_numbers(hall: Hall) -> None:
    """20 fields, 14 eligible; M1 to M7 as the contract works them out, to the slot."""
    consent = await hall.post("/v1/consents", CONSENT)
    resolved = await hall.post("/v1/resolutions", {**RESOLVE, "consent": consent["id"]})

    answer = await hall.post(f"/v1/resolutions/{resolved['id']}/submission", SUBMIT)

    counts = {
        code: number for code, number in resolved["counts"]["by_outcome"].items() if code != "no_binding"
    }
    assert resolved["counts"]["fields"] == 20
    assert counts == {
        "filled": 8,
        "refused_by_person": 1,
        "empty_at_source": 1,
        "timeout": 1,
        "skipped_hidden": 4,
    }
    rates = {name: answer["rates"][name] for name in EXPECTED}
    expected = {
        name: {"rate": round(top / bottom, 3), "numerator": top, "denominator": bottom}
        for name, (top, bottom, _) in EXPECTED.items()
    }
    assert expected == rates
    assert {name: f"{100 * each['numerator'] / each['denominator']:.1f}" for name, each in rates.items()} == {
        name: shown for name, (_, _, shown) in EXPECTED.items()
    }


async def test_each_slot_of_the_worked_example_is_what_it_says(hall: Hall) -> None:
    """Six authoritative values kept, one disputed; the profile's kept; the scanned one edited; four typed; one blank."""
    consent = await hall.post("/v1/consents", CONSENT)
    resolved = await hall.post("/v1/resolutions", {**RESOLVE, "consent": consent["id"]})

    answer = await hall.post(f"/v1/resolutions/{resolved['id']}/submission", SUBMIT)

    shown = {path: (each["disposition"], each["tier"]) for path, each in answer["fields"].items()}
    assert shown == {
        **dict.fromkeys(REGISTERED[:6], ("kept", "A")),
        "a7": ("disputed", "A"),
        "profiled": ("kept", "C"),
        "scanned": ("edited", "D"),
        **dict.fromkeys(("refused", "empty", "late", "asked_again"), ("typed", None)),
        "left_open": ("blank", None),
    }
    assert answer["counts"]["answered"] == 13
    missed = {
        path
        for path, each in answer["fields"].items()
        if each["obtainable"] and each["disposition"] == "typed"
    }
    assert missed == {"late", "asked_again"}
    assert len(answer["disputes"]) == 1
    assert answer["definition"] == "rates/1"
