"""Receipts, exports and statutory notices over HTTP: who may have them, what they hold, what is noted."""

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import orjson
import pytest

from field_registry import Binding, Item, Registry, Source, SubjectKind, subject_from
from field_registry.items import Datatype, Sensitivity
from forms.definition import Field, Form, Role
from gateway.consents.receipt_check import check_receipt
from gateway.curation.publish import Publisher
from gateway.records import Caller, Client
from gateway.reports.uses import ledger_of
from gateway.security import hash_client_secret, new_client_secret
from policies import Ground, GroundKind, Policy, Purpose, Rule
from policies.rules import Conditions, Effect

POLICE, HALL = "公安", "政务服务"
ANN = {"kind": "person", "id_type": "111", "id_no": "35058219910603996X"}
LAW = "《居住证暂行条例》第九条"


def item(name: str, **more: Any) -> Item:
    return Item(f"person.{name}", f"{name}项", SubjectKind.person, Datatype.text, POLICE, **more)


ITEMS = (item("name"), item("address", sensitivity=Sensitivity.sensitive), item("phone"), item("school"))
REGISTRY = Registry.of(
    0,
    items=ITEMS,
    sources=[Source("civil", "人口库", POLICE, "sandbox", department_en="Police", config={"personas": {}})],
    bindings=[Binding(each.id, "civil", f"/{each.id}") for each in ITEMS],
)


def permit(rule: str, ground: Ground, *names: str, departments: tuple[str, ...] = (POLICE, HALL)) -> Rule:
    when = Conditions(items=frozenset(f"person.{name}" for name in names), departments=frozenset(departments))
    return Rule(rule, Effect.permit, f"{rule} 的理由", when, ground)


POLICY = Policy.of(
    0,
    [Purpose("residence", "办理居住证", "Residence permit", LAW)],
    [
        permit("R-1", Ground(GroundKind.consent, ""), "phone", "school"),
        permit("R-2", Ground(GroundKind.statutory_duty, "SF-1", LAW), "name", "address"),
        permit("R-3", Ground(GroundKind.other_law, "GX-1", "某条例"), "school", departments=(POLICE,)),
    ],
)
FORM = Form(
    "residence-permit",
    3,
    "居住证申领表",
    "M-1",
    "residence",
    POLICE,
    fields=tuple(Field(each.id.partition(".")[2], each.name, item=each.id) for each in ITEMS),
    roles=(
        Role("applicant", "申领人", frozenset({SubjectKind.person}), label_en="applicant"),
        Role("enterprise", "单位", frozenset({SubjectKind.organisation}), required=False),
    ),
)
SECRET = new_client_secret()


@dataclass
class Counter:
    """A department's client at work."""

    service: Any
    headers: dict[str, str]

    async def get(self, path: str, **query: Any) -> httpx.Response:
        found: httpx.Response = await self.service.http.get(path, params=query or None, headers=self.headers)
        return found

    async def post(self, path: str, body: Any, **headers: str) -> httpx.Response:
        made: httpx.Response = await self.service.http.post(path, json=body, headers=self.headers | headers)
        return made

    async def agree(self, **changes: Any) -> str:
        """The id of a consent of Ann's."""
        now = self.service.clock()
        body = {
            "subject": ANN,
            "purpose": "residence",
            "form": FORM.id,
            "items": [{"item": "person.phone"}, {"item": "person.school", "permit": False}],
            "recipient_departments": [HALL],
            "expires_at": (now + timedelta(hours=2)).isoformat(),
            "notice": {
                "id": "n",
                "version": 1,
                "language": "zh-CN",
                "rendered_sha256": "0" * 64,
                "shown_at": now.isoformat(),
                "channel": "window",
            },
            "evidence": {"method": "signature_pad", "witness": "clerk-1", "device": "pad-0317"},
            **changes,
        }
        answer = await self.post("/v1/consents", body)
        assert answer.status_code == 201, answer.text
        consent_id: str = answer.json()["id"]
        return consent_id


@pytest.fixture
async def at(service):
    """Department → a counter there; forms, rules and registry are published."""
    runtime, now = service.runtime, service.clock()
    publisher = Publisher(runtime.store, "test", now, runtime.new_reference)
    await publisher.registry(REGISTRY)
    await publisher.policy(POLICY)
    await publisher.form(FORM)
    await runtime.library.refresh(now)
    roles = frozenset({"renderer", "consent_desk"})

    async def counter(department: str, roles: frozenset[str] = roles) -> Counter:
        client_id = f"client-{hashlib.sha256(department.encode()).hexdigest()[:6]}-{'-'.join(sorted(roles))}"
        registered = Client(client_id, client_id, department, roles, hash_client_secret(SECRET))
        await runtime.store.clients.put(registered, now)
        answer = await service.http.post(
            "/oauth/token", auth=(client_id, SECRET), data={"grant_type": "client_credentials"}
        )
        assert answer.status_code == 200, answer.text
        return Counter(service, {"authorization": f"Bearer {answer.json()['access_token']}"})

    return counter


async def person(service, ref: str) -> Counter:
    """Somebody with their own token."""
    caller = Caller("portal", HALL, frozenset({"person"}), person=ref)
    return Counter(service, {"authorization": f"Bearer {service.app.state.tokens.issue_to(caller, 300)}"})


# ---------------------------------------------------------------- receipts


async def test_a_receipt_can_be_checked_offline(service, at) -> None:
    """As soon as its entry has its place; with the keys that are published, too."""
    hall = await at(HALL)
    consent = await hall.agree()

    before = (await hall.get(f"/v1/consents/{consent}/receipt")).json()
    await service.app.state.sequencer.run()
    after = (await hall.get(f"/v1/consents/{consent}/receipt")).json()
    keys = (await service.http.get("/v1/receipts/keys")).json()["keys"]
    log_key = (await service.http.get("/v1/audit/key")).text.splitlines()[0]
    found = check_receipt(orjson.dumps(after), log_key=log_key, receipt_key=keys[0])

    assert before["proof"] is None
    assert before["receipt"] == after["receipt"]
    assert found.faults == ()
    assert found.claims is not None
    assert found.claims["record"]["id"] == consent
    assert "pad-0317" not in str(found.claims)


async def test_the_person_has_it_and_nobody_else(service, at) -> None:
    """The person it is about, who recorded it, who receives by it; to others there is no such consent."""
    hall, police = await at(HALL), await at(POLICE)
    consent = await hall.agree()
    ref = (await hall.get(f"/v1/consents/{consent}")).json()["subject"]["ref"]
    ann, bob = await person(service, ref), await person(service, "sub_somebody_else")

    for path in (f"/v1/consents/{consent}/receipt", f"/v1/consents/{consent}/export?as=dpv"):
        assert (await ann.get(path)).status_code == 200
        assert (await bob.get(path)).status_code == 404
        assert (await police.get(path)).status_code == 404
        assert (await service.http.get(path)).status_code == 401


async def test_a_withdrawn_consent_keeps_its_receipt(service, at) -> None:
    """What was given was given; the receipt is the same text."""
    hall = await at(HALL)
    consent = await hall.agree()
    before = (await hall.get(f"/v1/consents/{consent}/receipt")).json()

    assert (await hall.post(f"/v1/consents/{consent}/withdraw", None)).status_code == 200
    after = (await hall.get(f"/v1/consents/{consent}/receipt")).json()

    assert after["receipt"] == before["receipt"]


# ---------------------------------------------------------------- exports


async def test_an_export_tells_the_events(service, at) -> None:
    """JSON-LD with what happened, and no identifier of anybody."""
    hall = await at(HALL)
    consent = await hall.agree()
    service.clock.tick()
    await hall.post(f"/v1/consents/{consent}/pause", None)

    answer = await hall.get(f"/v1/consents/{consent}/export", **{"as": "dpv"})
    told = answer.json()

    assert answer.headers["content-type"] == "application/ld+json"
    states = [event["dpv:hasConsentStatus"] for event in told["og:event"]]
    assert states == ["dpv:ConsentGiven", "dpv:ConsentStatusInvalidForProcessing"]
    assert told["og:denied"] == ["person.school"]
    assert ANN["id_no"] not in answer.text


async def test_authorization_details_follow_the_state(at) -> None:
    """What is withdrawn authorises nothing."""
    hall = await at(HALL)
    consent = await hall.agree()

    (detail,) = (await hall.get(f"/v1/consents/{consent}/export", **{"as": "rar"})).json()
    await hall.post(f"/v1/consents/{consent}/withdraw", None)

    assert (detail["datatypes"], detail["identifier"]) == (["person.phone"], consent)
    assert (await hall.get(f"/v1/consents/{consent}/export", **{"as": "rar"})).json() == []


@pytest.mark.parametrize("query", [{}, {"as": "pdf"}])
async def test_an_export_wants_a_vocabulary_it_knows(query, at) -> None:
    """422, with what there is in the schema."""
    hall = await at(HALL)

    assert (await hall.get("/v1/consents/cns_x/export", **query)).status_code == 422


# ---------------------------------------------------------------- statutory notices


async def text(counter: Counter, **query: Any) -> httpx.Response:
    return await counter.get("/v1/notices/text", **{"form": FORM.id, "role": "applicant", **query})


def given(sha256: str, shown_at: str, **changes: Any) -> dict[str, Any]:
    """A notice that was shown to Ann."""
    shown = {
        "version": 1,
        "language": "zh-CN",
        "rendered_sha256": sha256,
        "shown_at": shown_at,
        "channel": "window",
    }
    return {
        "subject": ANN,
        "form": {"id": FORM.id},
        "role": "applicant",
        "notice": shown,
        "actor": {"kind": "clerk", "id": "clerk-0317"},
        **changes,
    }


async def test_the_notice_lists_what_rests_on_law_and_nothing_else(at) -> None:
    """Items with source, field, law and duty code; what needs consent is not in it; the text hashes to what is said."""
    hall = await at(HALL)

    told = (await text(hall)).json()

    assert told["sha256"] == hashlib.sha256(told["text"].encode()).hexdigest()
    assert told["duties"] == [
        {
            "kind": "statutory_duty",
            "code": "SF-1",
            "citation": LAW,
            "rule": "R-2",
            "items": ["person.name", "person.address"],
        }
    ]
    for words in (
        "name项",
        "address项【敏感个人信息】",
        LAW,
        "SF-1",
        "居住证申领表（第 3 版",
        POLICE,
        "12345",
    ):
        assert words in told["text"]
    assert "phone项" not in told["text"]
    assert "school项" not in told["text"]


async def test_each_department_tells_of_what_it_fetches_itself(at) -> None:
    """Another department has another ground for the school, without consent."""
    police = await at(POLICE)

    duties = (await text(police)).json()["duties"]

    assert [(duty["rule"], duty["kind"]) for duty in duties] == [
        ("R-2", "statutory_duty"),
        ("R-3", "other_law"),
    ]


async def test_the_text_is_the_same_bytes_every_time(at) -> None:
    """In either language; the hash of one says nothing about the other."""
    hall = await at(HALL)

    texts = [(await text(hall, language=language)).json()["text"] for language in ("zh-CN", "zh-CN", "en")]

    assert texts[0] == texts[1] != texts[2]
    assert "Notice about information fetched under the law" in texts[2]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"form": "nothing"}, "unknown_form"),
        ({"role": "nobody"}, "unknown_role"),
        ({"role": "enterprise"}, "no_duty"),
        ({"version": 99}, None),
    ],
)
async def test_there_is_no_notice_of_nothing(query, code, at) -> None:
    """404, and why."""
    hall = await at(HALL)

    answer = await text(hall, **query)

    assert answer.status_code == 404
    assert code in (None, answer.json()["code"])


async def test_a_notice_that_was_given_is_an_entry_without_names(service, at) -> None:
    """Subject by reference, duties as the rules have them, the hash of what was shown; the clerk sealed beside it."""
    hall = await at(HALL)
    told = (await text(hall)).json()

    answer = await hall.post("/v1/notices", given(told["sha256"], service.clock().isoformat()))
    noted = answer.json()
    (leaf,) = await service.entries("notice.given")

    assert answer.status_code == 201
    assert noted["as_rendered"] is True
    assert noted["duties"] == told["duties"]
    assert (leaf["request"], leaf["subject"]) == (noted["id"], noted["subject"]["ref"])
    assert leaf["duties"] == [["statutory_duty", "SF-1", LAW, "R-2", ["person.name", "person.address"]]]
    assert leaf["rendered_sha256"] == told["sha256"]
    assert "clerk-0317" not in str(leaf)
    assert ANN["id_no"] not in str(leaf)


async def test_words_of_its_own_are_noted_as_such(service, at) -> None:
    """A department may word its notice itself; that the hash is not of our text is said."""
    hall = await at(HALL)

    noted = (await hall.post("/v1/notices", given("f" * 64, service.clock().isoformat()))).json()

    assert noted["as_rendered"] is False


async def test_noting_twice_under_one_key_notes_once(service, at) -> None:
    """The second answer is the first."""
    hall = await at(HALL)
    body = given("f" * 64, service.clock().isoformat())

    first, second = [await hall.post("/v1/notices", body, **{"idempotency-key": "k-1"}) for _ in range(2)]

    assert first.json() == second.json()
    assert len(await service.entries("notice.given")) == 1


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"subject": {"kind": "person", "id_type": "111", "id_no": "350582199106039961"}}, "/subject"),
        ({"subject": {"kind": "organisation", "uscc": "91350582M0000XXXXX"}}, "/subject"),
        ({"subject": {"kind": "vehicle", "plate_number": "闽C12345"}}, "/subject/kind"),
    ],
)
async def test_what_cannot_be_is_refused_with_its_place(changes, pointer, service, at) -> None:
    """Bad identifiers, a subject that the role does not take; the identifier is not repeated."""
    hall = await at(HALL)

    answer = await hall.post("/v1/notices", given("f" * 64, service.clock().isoformat(), **changes))

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert await service.entries("notice.given") == []


async def test_a_notice_is_noted_after_it_was_shown(service, at) -> None:
    """A clock that is a little ahead is forgiven; one that is hours ahead is not."""
    hall = await at(HALL)
    now = service.clock()

    soon = await hall.post("/v1/notices", given("f" * 64, (now + timedelta(seconds=30)).isoformat()))
    later = await hall.post("/v1/notices", given("f" * 64, (now + timedelta(hours=1)).isoformat()))

    assert soon.status_code == 201
    assert (later.status_code, later.json()["errors"][0]["code"]) == (422, "in_the_future")


async def test_only_desks_and_renderers_note(service, at) -> None:
    """Neither an auditor nor the person themself."""
    auditor, ann = await at(HALL, frozenset({"auditor"})), await person(service, "sub_ann")

    for counter in (auditor, ann):
        assert (await text(counter)).status_code == 403
        body = given("f" * 64, service.clock().isoformat())
        assert (await counter.post("/v1/notices", body)).status_code == 403


async def test_the_persons_ledger_tells_of_the_notice_in_plain_words(service, at) -> None:
    """When, who, for what matter, which items, on which law."""
    hall = await at(HALL)
    await hall.post("/v1/notices", given("f" * 64, service.clock().isoformat()))
    await service.app.state.sequencer.run()

    ledger = await ledger_of(subject_from(ANN), service.runtime, caller="test", limit=10, language="zh")
    (use,) = [each for each in ledger.uses if each.kind == "notice.given"]

    assert (use.result.text, use.matter, use.roles) == ("已告知依法调取数据", "办理居住证", ("申领人",))
    assert [each.name for each in use.items] == ["name项", "address项"]
    assert [(each.kind, each.id, each.citation) for each in use.ground] == [("statutory_duty", "SF-1", LAW)]
