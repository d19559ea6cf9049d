"""A hall asks, a person answers on their phone, the form is filled once, and they take it back: over both databases."""

import re

import httpx
import pytest

MIXED = "emergency-plan-filing"  # some of its fields rest on consent, others on a statutory duty


def hidden(page):
    """The hidden fields of a page's form."""
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page.text))


def ticked(page, name):
    """Every value that the boxes of that name can have."""
    return re.findall(rf'<input type="checkbox" name="{name}" value="([^"]+)"', page.text)


@pytest.fixture
def phone(gateway):
    """A phone without script, on the public address."""
    with httpx.Client(base_url=gateway.url, trust_env=False, verify=False, follow_redirects=True) as client:
        yield client


@pytest.fixture
def ask(hall):
    """Asks for a role of the form at a window."""

    def asked(form, role, cast):
        body = {
            "form": {"id": form["id"]},
            "role": role,
            "subject": dict(cast[role]),
            "case": "case-1",
            "channel": "window",
            "witness": "clerk-1",
        }
        answer = hall.post("/v1/consent-requests", body)
        assert answer.status_code == 201, answer.text
        return answer.json()

    return asked


@pytest.fixture
def agree(phone):
    """Confirms, ticks everything, and agrees; the page that follows."""

    def agreed(told, subject):
        number = subject.get("id_no") or subject["uscc"]
        page = phone.post(told["url"], data={"step": "confirm", "typed": number[-4:]})
        assert "是否同意调取您的信息" in page.text, page.text
        sent = {"decision": "agree", "permit": ticked(page, "permit"), "act": ticked(page, "act")}
        return phone.post(told["url"], data=hidden(page) | sent)

    return agreed


def test_what_was_agreed_to_on_the_phone_fills_the_form(hall, casts, ask, agree):
    """Exactly the fields that consent can open; once, as the notice said; the case of another form is not covered."""
    form, cast = hall.form(MIXED), casts(MIXED)[0]
    wanted = hall.resolve(form, cast, hall.agree_all(form, cast).values())
    by_consent = {
        path for path, field in wanted["fields"].items() if field.get("ground", {}).get("kind") == "consent"
    }
    consents = []
    for role in ("enterprise", "legal_rep"):
        told = ask(form, role, cast)
        page = agree(told, cast[role])
        assert "已记录您的同意" in page.text, page.text
        consents.append(hall.get(f"/v1/consent-requests/{told['id']}").json()["consent"])

    other = hall.resolve(form, cast, consents, case="case-2")
    first = hall.resolve(form, cast, consents)
    second = hall.resolve(form, cast, consents)

    reasons = [
        {answer["fields"][path].get("reason") for path in by_consent} for answer in (other, first, second)
    ]
    assert by_consent
    assert reasons == [{"consent_other_case"}, {None}, {"consent_used_up"}]
    for path in by_consent:
        assert first["fields"][path]["value"] == wanted["fields"][path]["value"]


def test_one_press_on_the_phone_takes_it_back(hall, casts, phone, ask, agree):
    """At once, for whoever resolves next; the log tells who asked, what was agreed to, and that it was withdrawn."""
    form, cast = hall.form(MIXED), casts(MIXED)[1]
    told = ask(form, "enterprise", cast)
    page = agree(told, cast["enterprise"])
    consent = hall.get(f"/v1/consent-requests/{told['id']}").json()["consent"]

    page = phone.post(told["url"], data=hidden(page))
    answer = hall.resolve(form, cast, [consent])

    assert "授权已撤回" in page.text
    reasons = {field.get("reason") for field in answer["fields"].values()}
    assert "consent_withdrawn" in reasons
    assert [entry["kind"] for entry in hall.entries(request=told["id"])] == ["consent.requested"]
    kinds = [entry["kind"] for entry in hall.entries(request=consent)]
    assert kinds == ["consent.given", "consent.withdrawn"]


def test_nothing_personal_of_a_request_is_stored_or_logged_in_clear(hall, casts, gateway, ask, agree):
    """Neither the number nor its end, the case, the link's secret nor the witness: in no table, in no line of the log."""
    form, cast = hall.form(MIXED), casts(MIXED)[2]
    told = ask(form, "legal_rep", cast)
    agree(told, cast["legal_rep"])
    secret = told["url"].rsplit("/", 1)[1]

    for text in (gateway.stored(), gateway.logged().encode()):
        assert cast["legal_rep"]["id_no"].encode() not in text
        assert secret.encode() not in text
