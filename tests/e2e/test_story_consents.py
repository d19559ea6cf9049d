"""A consent is looked at when it counts: before anything is asked, and again before anything leaves."""

import time
from datetime import UTC, datetime, timedelta

import pytest

GIVEN_BACK = 1.2  # seconds a source is slowed while the person changes their mind
MIXED = "emergency-plan-filing"  # some of its fields rest on consent, others on a statutory duty


def outcomes(answer):
    return {path: field["outcome"] for path, field in answer["fields"].items()}


def wait_for(find, seconds=10.0):
    """What `find` gives as soon as it gives anything."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found := find():
            return found
        time.sleep(0.02)
    pytest.fail("it did not happen in time")


def test_a_consent_withdrawn_during_the_pull_releases_nothing(hall, casts):
    """The person withdraws while a source is awaited: nothing of it leaves, and the log tells the story."""
    form, cast = hall.form(MIXED), casts(MIXED)[0]
    consents = hall.agree_all(form, cast)
    before = hall.resolve(form, cast, consents.values())
    withdrawn = consents["enterprise"]
    lost = [
        path for path, field in before["fields"].items() if field.get("ground", {}).get("id") == withdrawn
    ]
    assert lost
    hall.fault("tax", "slow", seconds=GIVEN_BACK)
    newest = hall.entries()[-1]["id"]

    coming = hall.in_background(hall.post, "/v1/resolutions", hall.request(form, cast, consents.values()))
    intent = wait_for(lambda: [e for e in hall.entries(cursor=newest) if e["kind"] == "intent"])[0]
    assert hall.post(f"/v1/consents/{withdrawn}/withdraw").json()["state"] == "withdrawn"
    assert not coming.done()
    answered = coming.result(30)

    answer = answered.json()
    assert answer["id"] == intent["request"]
    for path in lost:
        field = answer["fields"][path]
        assert (field["outcome"], field["reason"], field["value"]) == ("no_ground", "consent_withdrawn", None)
        assert "授权已撤回" in field["message"]
    kept = {path: field for path, field in outcomes(before).items() if path not in lost}
    assert {path: field for path, field in outcomes(answer).items() if path not in lost} == kept
    grounds = {field["ground"]["kind"] for field in answer["fields"].values() if "ground" in field}
    assert "statutory_duty" in grounds
    left = {str(before["fields"][path]["value"]) for path in before["fields"] if path not in lost}
    gone = {str(before["fields"][path]["value"]) for path in lost} - left
    assert [value for value in gone if f'"{value}"' in answered.text] == []


def test_the_log_tells_of_the_withdrawal_between_intent_and_outcome(hall, casts):
    """Intent, withdrawal, outcome, in this order; the outcome names why it held something back."""
    form, cast = hall.form(MIXED), casts(MIXED)[1]
    consents = hall.agree_all(form, cast)
    hall.fault("tax", "slow", seconds=GIVEN_BACK)
    newest = hall.entries()[-1]["id"]

    coming = hall.in_background(hall.resolve, form, cast, consents.values())
    wait_for(lambda: [e for e in hall.entries(cursor=newest) if e["kind"] == "intent"])
    hall.post(f"/v1/consents/{consents['enterprise']}/withdraw")
    answer = coming.result(30)

    told = hall.entries(cursor=newest)
    assert [entry["kind"] for entry in told] == ["intent", "consent.withdrawn", "outcome"]
    assert told[1]["request"] == consents["enterprise"]
    assert told[2]["leaf"]["refusals"] == ["consent_withdrawn"]
    assert told[2]["leaf"]["fields"]["no_ground"]
    assert [e["kind"] for e in hall.entries(request=consents["enterprise"])] == [
        "consent.given",
        "consent.withdrawn",
    ]
    again = hall.get(f"/v1/resolutions/{answer['id']}")
    assert again.json() == answer  # the draft is the narrowed answer: it rests on the other consents alone


def test_withdrawing_afterwards_purges_the_answer(hall, form, cast):
    """An answer that rests on a consent is gone with it, and the statement is in the log."""
    consents = hall.agree_all(form, cast)
    answer = hall.resolve(form, cast, consents.values())

    hall.post(f"/v1/consents/{consents['vehicle']}/withdraw", {"actor": "applicant", "reason": "改变主意"})

    gone = hall.get(f"/v1/resolutions/{answer['id']}")
    assert gone.status_code == 410
    assert gone.json()["code"] in {"resolution_gone", "consent_ended"}
    assert hall.gateway.execute(f"SELECT sealed FROM resolution WHERE id = '{answer['id']}'") == [(None,)]


def test_a_withdrawn_consent_never_comes_back(hall, form, cast):
    """Withdrawing twice is harmless; pausing or resuming what is withdrawn is refused."""
    consent = hall.agree(form, "vehicle", cast["vehicle"])
    steps = ("pause", "resume", "withdraw", "withdraw", "resume", "pause")

    answers = [hall.post(f"/v1/consents/{consent}/{step}") for step in steps]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 200, 409, 409]
    assert {answer.json()["code"] for answer in answers[4:]} == {"consent_is_withdrawn"}


def test_without_consent_only_statutory_grounds_release(hall, casts):
    """No consent at all: what the department must establish itself is filled, the rest says what to do."""
    form, cast = hall.form(MIXED), casts(MIXED)[2]

    answer = hall.resolve(form, cast, [], consent=None)

    kinds = {field["ground"]["kind"] for field in answer["fields"].values() if "ground" in field}
    assert kinds
    assert "consent" not in kinds
    refused = [field for field in answer["fields"].values() if field["outcome"] == "no_ground"]
    assert {field["reason"] for field in refused} == {"no_consent"}


def _of_somebody_else(hall, form, cast, other):
    return hall.agree(form, "vehicle", other["vehicle"])


def _for_another_form(hall, form, cast, other):
    body = hall.consent_body(form, "vehicle", cast["vehicle"])
    another = {"purpose": "market.relocation", "form": "enterprise-relocation"}
    return hall.post("/v1/consents", {**body, **another}).json()["id"]


def _for_another_department(hall, form, cast, other):
    departments = ["交通运输"]
    body = hall.consent_body(form, "vehicle", cast["vehicle"], recipient_departments=departments)
    passed_on = {"topic": "third_party", "act_id": "tick-3", "at": body["notice"]["shown_at"]}
    return hall.post("/v1/consents", {**body, "acts": [*body["acts"], passed_on]}).json()["id"]


def _withdrawn(hall, form, cast, other):
    consent = hall.agree(form, "vehicle", cast["vehicle"])
    hall.post(f"/v1/consents/{consent}/withdraw")
    return consent


def _paused(hall, form, cast, other):
    consent = hall.agree(form, "vehicle", cast["vehicle"])
    hall.post(f"/v1/consents/{consent}/pause")
    return consent


def _not_begun(hall, form, cast, other):
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    later = {"not_before": tomorrow.isoformat(), "expires_at": (tomorrow + timedelta(days=1)).isoformat()}
    return hall.agree(form, "vehicle", cast["vehicle"], **later)


def _expired(hall, form, cast, other):
    soon = datetime.now(UTC) + timedelta(seconds=1)
    consent = hall.agree(form, "vehicle", cast["vehicle"], expires_at=soon.isoformat())
    time.sleep(1.1)
    return consent


def _used_up(hall, form, cast, other):
    consent = hall.agree(form, "vehicle", cast["vehicle"], max_uses=1)
    assert hall.resolve(form, cast, [consent])["fields"]["vin"]["outcome"] == "filled"
    return consent


def _of_other_items(hall, form, cast, other):
    return hall.agree(form, "vehicle", cast["vehicle"], items=[{"item": "vehicle.vin", "permit": True}])


def _refusing(hall, form, cast, other):
    items = hall.consent_body(form, "vehicle", cast["vehicle"])["items"]
    return hall.agree(form, "vehicle", cast["vehicle"], items=[{**each, "permit": False} for each in items])


@pytest.mark.parametrize(
    ("consent_of", "outcome", "reason"),
    [
        (_of_somebody_else, "no_ground", "consent_other_subject"),
        (_for_another_form, "no_ground", "consent_other_purpose"),
        (_for_another_department, "no_ground", "consent_other_recipient"),
        (_withdrawn, "no_ground", "consent_withdrawn"),
        (_paused, "no_ground", "consent_paused"),
        (_not_begun, "no_ground", "consent_not_yet"),
        (_expired, "no_ground", "consent_expired"),
        (_used_up, "no_ground", "consent_used_up"),
        (_of_other_items, "no_ground", "item_not_covered"),
        (_refusing, "refused_by_person", "item_refused"),
    ],
)
def test_a_consent_that_does_not_cover_costs_its_fields_only(hall, form, casts, consent_of, outcome, reason):
    """Each consent that falls short has its code and a sentence; the request is answered and nothing was asked."""
    cast, other = casts("vehicle-annual-review")[:2]
    rest = [hall.agree(form, role, cast[role]) for role in ("applicant", "enterprise")]
    consent = consent_of(hall, form, cast, other)
    before = hall.city.calls("vehicle-insurance")

    answer = hall.resolve(form, cast, [*rest, consent])

    field = answer["fields"]["insurance_no"]
    assert (field["outcome"], field["reason"]) == (outcome, reason)
    assert field["message"]
    assert hall.city.calls("vehicle-insurance") == before
    assert answer["fields"]["agent_name"]["outcome"] == "filled"
    assert answer["findings"] == []


def test_an_unknown_consent_is_a_finding_and_no_ground(hall, form, cast):
    """The request is answered; a finding says that the consent does not exist, the fields what is missing."""
    unknown = "cns_00000000000000000000000000"

    answer = hall.resolve(form, cast, [unknown])

    assert [(finding["pointer"], finding["code"]) for finding in answer["findings"]] == [
        ("/consent", "consent_unknown")
    ]
    assert unknown not in answer["findings"][0]["detail"]
    assert answer["fields"]["vin"]["outcome"] == "no_ground"
    grounds = [field["ground"]["kind"] for field in answer["fields"].values() if "ground" in field]
    assert "consent" not in grounds


def test_one_use_is_one_resolution_even_when_many_ask_at_once(hall, form, cast):
    """A consent for one use lets exactly one of five concurrent resolutions through."""
    rest = [hall.agree(form, role, cast[role]) for role in ("applicant", "enterprise")]
    once = hall.agree(form, "vehicle", cast["vehicle"], max_uses=1)

    coming = [hall.in_background(hall.resolve, form, cast, [*rest, once]) for _ in range(5)]

    found = sorted(each.result(30)["fields"]["vin"]["outcome"] for each in coming)
    assert found == ["filled", "no_ground", "no_ground", "no_ground", "no_ground"]
    assert hall.get(f"/v1/consents/{once}").json()["uses_left"] == 0
