"""`/v1/consents` over HTTP: the full record, who may do what with it, and what happened to it."""

from datetime import timedelta
from typing import Any

import pytest

from field_registry import Binding, Item, Registry, Source, SubjectKind
from field_registry.items import Datatype, Sensitivity
from gateway.app import refresh
from gateway.curation import Publisher
from gateway.http.schemas.consents import ConsentAnswer, ConsentEvents
from gateway.records import Caller, Client
from gateway.security.client_secrets import scrypt_hash
from policies import Policy, Purpose

HALL, ANN = "政务服务", {"kind": "person", "id_type": "111", "id_no": "35058219910603996X"}
PROXY = {"kind": "power_of_attorney", "reference": "1"}
SECRET = "s" * 32
WHEN = "2026-11-21T02:03:04Z"
ROLES = {
    "desk": {"consent_desk"},
    "counter": {"renderer"},
    "watch": {"auditor"},
    "tax-desk": {"consent_desk"},
}
FULL = {
    "subject": ANN,
    "purpose": "family",
    "purpose_text": "为您办理家庭登记",
    "case": "case-9",
    "items": [{"item": "person.name", "necessity": "required"}, {"item": "person.income"}],
    "controller": {"id": HALL, "name": "示范市政务服务中心", "contact": "12345"},
    "recipient_departments": [HALL, "税务"],
    "recipients": [{"id": "税务", "name": "示范市税务局"}],
    "expires_at": "2026-12-21T00:00:00Z",
    "frequency": {"count": 2, "per_seconds": 3600},
    "data_life_seconds": 900,
    "basis": {"impact_assessment_ref": "PIA-1"},
    "notice": {
        "id": "n",
        "version": 1,
        "language": "zh-CN",
        "rendered_sha256": "0" * 64,
        "shown_at": WHEN,
        "channel": "self_service",
    },
    "acts": [
        {"topic": "sensitive", "act_id": "a-1", "at": WHEN},
        {"topic": "third_party", "act_id": "a-2", "at": WHEN},
    ],
    "evidence": {
        "method": "oidc",
        "device": "phone-1",
        "signatures": [{"by": "subject", "reference": "sig-1"}],
    },
}


class Desks:
    """A service with a consent desk, a renderer, an auditor, and the desk of another department."""

    def __init__(self, service: Any) -> None:
        self.service, self.http = service, service.http
        self._tokens: dict[str, str] = {}

    async def furnish(self) -> None:
        """Registry, policy and callers."""
        runtime, now = self.service.runtime, self.service.clock()
        publisher = Publisher(runtime.store, "test", now, runtime.new_reference)
        items = [
            Item("person.name", "姓名", SubjectKind.person, Datatype.name, "公安"),
            Item(
                "person.income",
                "收入",
                SubjectKind.person,
                Datatype.text,
                "税务",
                sensitivity=Sensitivity.sensitive,
            ),
        ]
        bindings = [Binding(item.id, "civil", "/x") for item in items]
        civil = Source("civil", "人口库", "公安", "sandbox")
        await publisher.registry(Registry.of(0, items=items, sources=[civil], bindings=bindings))
        await publisher.policy(Policy.of(0, [Purpose("family", "家庭")], []))
        await refresh(runtime)
        for name, roles in ROLES.items():
            department = "税务" if name == "tax-desk" else HALL
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

    async def call(self, method: str, path: str, *, by: str = "desk", **sent: Any) -> Any:
        """The answer to that caller."""
        headers = {"authorization": f"Bearer {self._tokens[by]}", **sent.pop("headers", {})}
        return await self.http.request(method, path, headers=headers, **sent)

    async def record(self, **changes: Any) -> dict[str, Any]:
        """A consent just recorded."""
        answer = await self.call("POST", "/v1/consents", json={**FULL, **changes})
        assert answer.status_code == 201, answer.text
        told: dict[str, Any] = answer.json()
        return told

    async def step(self, consent_id: str, step: str, *, by: str = "desk", **body: Any) -> tuple[int, str]:
        """Status, and the new state or the code of the problem."""
        answer = await self.call("POST", f"/v1/consents/{consent_id}/{step}", by=by, json=body)
        told = answer.json()
        return answer.status_code, told.get("state") or told["code"]


@pytest.fixture
async def desks(service: Any) -> Desks:
    """Those desks."""
    made = Desks(service)
    await made.furnish()
    return made


async def test_a_full_record_comes_back_whole(desks) -> None:
    """As it was sent, and with what the registry says; the same when it is read."""
    consent = await desks.record()

    ConsentAnswer.model_validate(consent)
    assert {name: consent[name] for name in ("purpose_text", "case", "controller", "frequency")} == {
        name: FULL[name] for name in ("purpose_text", "case", "controller", "frequency")
    }
    assert consent["recipients"][1] == {"id": "税务", "name": "示范市税务局", "contact": None}
    assert (consent["data_life"], consent["basis"]["kind"]) == ("PT900S", "consent")
    assert [each["sensitivity"] for each in consent["items"]] == ["personal", "sensitive"]
    assert consent["evidence"]["signatures"] == [{"by": "subject", "reference": "sig-1", "sha256": None}]
    assert (await desks.call("GET", f"/v1/consents/{consent['id']}")).json() == consent


async def test_a_key_makes_one_consent(desks) -> None:
    """The same body under the same key is the same consent; a refused body may be mended and sent again."""
    key = {"idempotency-key": "k-1"}
    without = {**FULL, "acts": []}
    refused = await desks.call("POST", "/v1/consents", json=without, headers=key)
    answers = [await desks.call("POST", "/v1/consents", json=FULL, headers=key) for _ in range(2)]

    assert (refused.status_code, refused.json()["code"]) == (422, "consent_not_valid")
    assert {error["code"] for error in refused.json()["errors"]} == {
        "sensitive_act_missing",
        "third_party_act_missing",
    }
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    kinds = [entry["kind"] for entry in await desks.service.entries("consent.given", "consent.rejected")]
    assert kinds == ["consent.rejected", "consent.given"]


@pytest.mark.parametrize(
    ("step", "by", "expected"),
    [
        ("withdraw", "desk", (200, "withdrawn")),
        ("withdraw", "tax-desk", (200, "withdrawn")),
        ("withdraw", "ann", (200, "withdrawn")),
        ("withdraw", "counter", (403, "role_required")),
        ("pause", "ann", (200, "paused")),
        ("pause", "counter", (403, "role_required")),
        ("terminate", "counter", (200, "terminated")),
        ("terminate", "tax-desk", (200, "terminated")),
        ("terminate", "ann", (403, "role_required")),
        ("invalidate", "desk", (200, "invalidated")),
        ("invalidate", "counter", (403, "role_required")),
        ("invalidate", "ann", (403, "role_required")),
        ("withdraw", "bob", (404, "unknown_consent")),
        ("withdraw", "watch", (403, "role_required")),
    ],
)
async def test_who_may_take_which_step(desks, step, by, expected) -> None:
    """Taking back asks for no more than giving did; ending it for another reason is the departments' affair."""
    consent = await desks.record()
    desks.of_person("ann", consent["subject"]["ref"])
    desks.of_person("bob", "sub_bob")

    assert await desks.step(consent["id"], step, by=by, reason="证据系伪造") == expected


async def test_a_resumption_is_the_persons_or_the_recorders(desks) -> None:
    """What a person paused, another department does not set going again."""
    consent = await desks.record()
    desks.of_person("ann", consent["subject"]["ref"])

    await desks.step(consent["id"], "pause", by="ann")

    assert await desks.step(consent["id"], "resume", by="tax-desk") == (403, "not_the_recording_department")
    assert await desks.step(consent["id"], "resume", by="ann") == (200, "given")


SEEN = {"method": "signature_pad", "witness": "clerk-7"}


@pytest.mark.parametrize("by", ["ann", "desk"])
async def test_a_desk_does_not_set_going_what_the_person_paused(desks, by: str) -> None:
    """By their own token, or because they asked at the desk: it takes their word, witnessed, which stays sealed."""
    consent = await desks.record()
    desks.of_person("ann", consent["subject"]["ref"])
    await desks.step(consent["id"], "pause", by=by, **({"actor": "applicant"} if by == "desk" else {}))

    alone = await desks.step(consent["id"], "resume")
    unseen = await desks.step(consent["id"], "resume", evidence={**SEEN, "method": "oidc"})
    on_their_word = await desks.step(consent["id"], "resume", actor="applicant", evidence=SEEN)

    assert [alone, unseen, on_their_word] == [
        (403, "paused_by_the_person"),
        (403, "paused_by_the_person"),
        (200, "given"),
    ]
    (leaf,) = await desks.service.entries("consent.resumed")
    assert "clerk-7" not in str(leaf)
    assert leaf["on_word"] is True


@pytest.mark.parametrize("paused_by", [{}, {"actor": "clerk"}], ids=["said nothing", "clerk"])
async def test_a_desk_resumes_what_it_paused_itself(desks, paused_by: dict[str, str]) -> None:
    """Also when the person had paused it before, and has resumed it since."""
    consent = await desks.record()
    desks.of_person("ann", consent["subject"]["ref"])
    for step in ("pause", "resume"):
        await desks.step(consent["id"], step, by="ann")

    await desks.step(consent["id"], "pause", **paused_by)

    assert await desks.step(consent["id"], "resume") == (200, "given")


async def test_without_a_reason_nothing_is_declared_invalid(desks) -> None:
    """400, and the consent stands."""
    consent = await desks.record()

    assert await desks.step(consent["id"], "invalidate") == (400, "reason_required")
    assert (await desks.call("GET", f"/v1/consents/{consent['id']}", by="counter")).json()["state"] == "given"


async def test_events_are_paged_and_say_who(desks) -> None:
    """Oldest first; each names its entry; the person reads them too, strangers do not."""
    consent = await desks.record()
    desks.of_person("ann", consent["subject"]["ref"])
    for step, by in (("pause", "ann"), ("resume", "ann"), ("withdraw", "desk")):
        desks.service.clock.tick(timedelta(seconds=1))
        await desks.step(consent["id"], step, by=by)

    path, pages, cursor = f"/v1/consents/{consent['id']}/events", [], ""
    while cursor is not None:
        answer = (await desks.call("GET", path, by="ann", params={"limit": 3, "cursor": cursor})).json()
        ConsentEvents.model_validate(answer)
        pages.append(answer["events"])
        cursor = answer["next_cursor"]

    assert [len(page) for page in pages] == [3, 1]
    told = [(each["state"], each["actor_kind"]) for page in pages for each in page]
    assert told == [
        ("given", "self_service"),
        ("paused", "applicant"),
        ("given", "applicant"),
        ("withdrawn", "applicant"),
    ]
    entries = await desks.service.entries()
    assert {each["entry"] for page in pages for each in page} <= {entry["id"] for entry in entries}
    desks.of_person("bob", "sub_bob")
    assert (await desks.call("GET", path, by="bob")).status_code == 404
    assert (await desks.call("GET", path, by="watch")).status_code == 403


async def test_a_renewal_over_http(desks) -> None:
    """The new one says what it renews; the old one is over; renewing it again is a finding."""
    old = await desks.record()

    new = await desks.record(renews=old["id"])

    assert (new["state"], new["renews"]) == ("renewed", old["id"])
    assert (await desks.call("GET", f"/v1/consents/{old['id']}")).json()["state"] == "terminated"
    again = await desks.call("POST", "/v1/consents", json={**FULL, "renews": old["id"]})
    assert [(error["pointer"], error["code"]) for error in again.json()["errors"]] == [
        ("/renews", "renews_ended")
    ]


async def test_an_agent_does_not_set_going_what_the_person_paused(desks) -> None:
    """Who agreed for another may take it back; that it counts again is the person's to say. The log tells which."""
    bob = {"kind": "person", "id_type": "111", "id_no": "110102199101010078"}
    consent = await desks.record(grantor_role="agent", grantor=bob, relationship_evidence=PROXY)
    desks.of_person("ann", consent["subject"]["ref"])
    desks.of_person("agent", consent["grantor_ref"])
    await desks.step(consent["id"], "pause", by="ann")

    assert await desks.step(consent["id"], "resume", by="agent") == (403, "not_by_the_agent")
    assert await desks.step(consent["id"], "resume", by="ann") == (200, "given")
    assert await desks.step(consent["id"], "withdraw", by="agent") == (200, "withdrawn")
    kinds = ("consent.paused", "consent.resumed", "consent.withdrawn")
    who = [leaf["person"] for leaf in await desks.service.entries(*kinds)]
    assert who == [consent["subject"]["ref"], consent["subject"]["ref"], consent["grantor_ref"]]


# ---------------------------------------------------------------- attacks

BOB = {"kind": "person", "id_type": "111", "id_no": "110102199101010078"}
NOTICE: dict[str, Any] = FULL["notice"]  # type: ignore[assignment]
AT_WINDOW = {"notice": {**NOTICE, "channel": "window"}}
OWN = {"recipient_departments": [HALL], "recipients": []}
SENSITIVE = {"topic": "sensitive", "act_id": "a-1", "at": WHEN}
PASSED_ON = {"topic": "third_party", "act_id": "a-2", "at": WHEN}
LONG_AGO = "2025-01-01T00:00:00Z"


def for_bob(role: str, kind: str, **shown: Any) -> dict[str, Any]:
    """Bob agrees for Ann, in that role and by that document."""
    return {
        "grantor_role": role,
        "grantor": BOB,
        "relationship_evidence": {"kind": kind, "reference": "1", **shown},
    }


def alike(act_id: str) -> dict[str, Any]:
    """Two topics under ids that read the same."""
    return {"acts": [{**SENSITIVE, "act_id": "tick"}, {**PASSED_ON, "act_id": act_id}]}


ATTACKS: dict[str, tuple[dict[str, Any], str]] = {
    "one tick under two spellings: space": (alike("tick "), "act_used_twice"),
    "one tick under two spellings: capital": (alike("Tick"), "act_used_twice"),
    "one tick under two spellings: full width": (alike("ｔｉｃｋ"), "act_used_twice"),
    "one tick under two spellings: nothing to see": (alike("ti\u200bck"), "act_used_twice"),
    "a frequency that limits nothing, to make a counter's day half a year": (
        {**AT_WINDOW, "frequency": {"count": 1_000_000, "per_seconds": 1}, "expires_at": "2027-05-01T00:00:00Z"},
        "frequency_not_periodic",
    ),
    "an agreement of long ago, handed in today": (
        {"notice": {**NOTICE, "shown_at": LONG_AGO}, "acts": [{**SENSITIVE, "at": LONG_AGO}, PASSED_ON]},
        "notice_too_old",
    ),
    "yesterday's agreement at a counter": (
        {"notice": {**NOTICE, "channel": "terminal", "shown_at": "2026-11-20T02:03:03Z"}, "frequency": None,
         "expires_at": "2026-11-22T02:03:04Z"},
        "notice_too_old",
    ),
    "identified long before": (
        {"evidence": {"method": "oidc", "authenticated_at": LONG_AGO}},
        "evidence_too_old",
    ),
    "anybody is an adult's guardian": (for_bob("guardian", "household_register"), "guardian_of_adult"),
    "a guardian instead of an agent, to save the act": (
        {**for_bob("guardian", "guardianship_ruling"), **OWN, "acts": [SENSITIVE]},
        "third_party_act_missing",
    ),
    "a person with a legal representative": (for_bob("legal_rep", "business_licence"), "role_not_possible"),
    "a document that will be checked": (
        for_bob("agent", "power_of_attorney", checked_at="2030-01-01T00:00:00Z"),
        "relationship_in_future",
    ),
}  # fmt: skip


@pytest.mark.parametrize("attack", ATTACKS)
async def test_an_attack_is_refused_by_its_rule(desks, attack: str) -> None:
    """It is not recorded, the answer names the rule, and so does an entry."""
    changes, code = ATTACKS[attack]

    answer = await desks.call("POST", "/v1/consents", json={**FULL, **changes})

    told = (await desks.service.entries("consent.rejected"))[-1]
    assert answer.status_code == 422, answer.text
    assert [each["code"] for each in answer.json()["errors"]] == [code]
    assert code in str(told)


@pytest.mark.parametrize(
    "changes",
    [
        {**AT_WINDOW, "frequency": {"count": 1, "per_seconds": 30 * 86_400}},
        for_bob("guardian", "guardianship_ruling"),
        for_bob("agent", "power_of_attorney", checked_at=WHEN),
        {"evidence": {"method": "oidc", "authenticated_at": "2026-11-20T03:00:00Z"}},
    ],
)
async def test_what_is_right_is_still_recorded(desks, changes: dict[str, Any]) -> None:
    """A monthly look agreed to at a window, a court's guardian, an agent with a power of attorney."""
    assert (await desks.record(**changes))["state"] == "given"


async def test_an_agreement_from_before_a_withdrawal_gives_nothing_back(desks) -> None:
    """Sent again as it was, under any other id, or as a renewal of something else: the person has withdrawn it."""
    consent = await desks.record()
    other = await desks.record(
        items=[{"item": "person.name"}], notice={**NOTICE, "rendered_sha256": "1" * 64}
    )
    desks.service.clock.tick()
    await desks.step(consent["id"], "withdraw")

    refused = [
        await desks.call("POST", "/v1/consents", json={**FULL, **changes})
        for changes in (
            {},
            {"case": "case-10"},
            {"renews": other["id"]},
            {"items": [{"item": "person.name"}]},
        )
    ]
    desks.service.clock.tick()
    now = desks.service.clock().isoformat()
    acts = [{**act, "at": now} for act in (SENSITIVE, PASSED_ON)]
    anew = await desks.record(notice={**NOTICE, "shown_at": now}, acts=acts)

    assert {each.json()["errors"][0]["code"] for each in refused} == {"agreed_before_withdrawal"}
    assert anew["state"] == "given"


async def test_a_notice_in_the_second_of_the_withdrawal_is_the_one_after_it(desks) -> None:
    """Desks tell times to the second: whoever agrees anew at once is not turned away."""
    consent = await desks.record()
    desks.service.clock.now = desks.service.clock.now.replace(microsecond=600_000)
    await desks.step(consent["id"], "withdraw")
    second = desks.service.clock.now.replace(microsecond=0).isoformat()
    acts = [{**act, "at": second} for act in (SENSITIVE, PASSED_ON)]

    assert (await desks.record(notice={**NOTICE, "shown_at": second}, acts=acts))["state"] == "given"


@pytest.mark.parametrize("steps", [("pause",), ("invalidate",), ("pause", "terminate")])
async def test_an_agreement_from_before_it_was_stopped_is_no_way_around(
    desks, steps: tuple[str, ...]
) -> None:
    """Paused, or declared void: what was agreed to before gives no second consent, nor the place of the first."""
    at_will = {**FULL, "frequency": None, "max_uses": None}
    consent = await desks.record(**at_will)
    for step in steps:
        desks.service.clock.tick()
        await desks.step(consent["id"], step, reason="void")

    again = await desks.call("POST", "/v1/consents", json=at_will)
    renewed = await desks.call("POST", "/v1/consents", json={**at_will, "renews": consent["id"]})

    assert [each["code"] for each in again.json()["errors"]] == ["agreed_before_withdrawal"]
    assert renewed.status_code == 422


async def test_what_goes_on_after_a_pause_may_be_renewed(desks) -> None:
    """Resumed, it is the agreement that it was before."""
    consent = await desks.record()
    desks.service.clock.tick()
    await desks.step(consent["id"], "pause")
    await desks.step(consent["id"], "resume")

    assert (await desks.record(renews=consent["id"]))["renews"] == consent["id"]


async def test_what_was_withdrawn_leaves_other_items_and_purposes_alone(desks) -> None:
    """The notice of that morning still counts for what the person did not take back."""
    name, income = [{"item": "person.name"}], [{"item": "person.income"}]
    consent = await desks.record(items=name)
    desks.service.clock.tick()
    await desks.step(consent["id"], "withdraw")

    assert (await desks.record(items=income))["state"] == "given"
