"""`/v1/receipts/{number}`: what was fetched, signed, with its proofs; to whom, and what stands in it."""

import base64

import orjson
import pytest

from field_registry import subject_from
from gateway.records import Caller
from gateway.retention.erase import erase_subject
from gateway.submissions.receipt_check import check_call_receipt, check_value
from gateway.submissions.receipt_claims import value_digest
from policies.retention import ErasureReason

ANN_ID = "35058219910603996X"


def record_of(document):
    """What a receipt states, read without checking."""
    payload = document["receipt"].split(".")[1]
    return orjson.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["record"]


async def test_a_resolution_has_a_receipt_that_holds(desk):
    """Signed, of its intent and outcome, each under a checkpoint of the log."""
    answer = await desk.resolve()

    document = await desk.receipt(answer["receipt"]["id"])

    found = check_call_receipt(orjson.dumps(document))
    assert found.faults == ()
    assert found.record["stage"] == "resolved"
    assert found.record["receipt"] == answer["receipt"]["id"]
    assert document["url"] == f"http://gate.test/r/{document['number']}?d={document['digest'][:16]}"


async def test_it_tells_source_times_and_ground_of_each_item(desk):
    """Who held it, when it was asked, on which law."""
    answer = await desk.resolve()

    record = record_of(await desk.receipt(answer["receipt"]["id"]))

    name = next(each for each in record["items"] if each["path"] == "name")
    assert name["sources"] == [{"id": "civil", "name": "人口基础库", "department": "公安"}]
    assert (name["item"], name["item_name"], name["tier"], name["label"]) == (
        "person.name",
        "姓名",
        "A",
        "姓名",
    )
    assert name["ground"] == {"kind": "statutory_duty", "id": "D-1", "citation": "某条例第一条"}
    assert name["retrieved_at"] == "2026-11-21T02:03:04Z"
    assert [each["path"] for each in record["not_obtained"]] == ["marital"]
    assert [each["path"] for each in record["items"]][-4:] == [
        "children.0.name",
        "children.0.id_no",
        "children.1.name",
        "children.1.id_no",
    ]
    assert [each["label"] for each in record["items"]][-1] == "子女情况 2 证件号码"


async def test_it_holds_no_value_and_nobody_who_worked(desk):
    """Not in the signed part, not in the entries; officer and case stand beside, for whoever told us."""
    answer = await desk.resolve()

    document = await desk.receipt(answer["receipt"]["id"])

    signed = orjson.dumps([record_of(document), document["entries"]]).decode()
    for secret in (ANN_ID, "王𬭎", "1991-06-03", "安一", "jj-0317", "350582-2026-000123"):
        assert secret not in signed
    assert (document["officer"]["actor"], document["officer"]["case"]) == ("jj-0317", "350582-2026-000123")


async def test_a_value_can_be_held_against_it_with_its_salt_alone(desk):
    """The salt comes with the filled form; without it a guess says nothing, and no salt helps with another value."""
    answer = await desk.resolve()
    document = await desk.receipt(answer["receipt"]["id"])
    values = (await desk.pdf(f"/v1/resolutions/{answer['id']}/form.pdf")).attached("values.json")["values"]
    salts = {each["path"]: each["salt"] for each in values}
    record = record_of(document)

    assert check_value(record, "id_no", ANN_ID, salts["id_no"])
    assert not check_value(record, "id_no", "35058219910603995X", salts["id_no"])
    assert not check_value(record, "id_no", ANN_ID, salts["name"])
    assert not check_value(record, "id_no", ANN_ID, "00" * 16)
    assert salts["id_no"] not in orjson.dumps(document).decode()


async def test_it_is_the_same_text_every_time(desk):
    """Asked for again, by its short number or the resolution's id."""
    answer = await desk.resolve()
    first = await desk.receipt(answer["receipt"]["id"])
    desk.clock.tick(seconds=30)
    await desk.log_in()

    for name in (first["number"], first["number"].lower().replace("-", " "), answer["id"]):
        again = await desk.receipt(name)
        assert (again["receipt"], again["digest"]) == (first["receipt"], first["digest"])


async def test_a_submission_is_told_with_what_became_of_each_slot(desk):
    """The third entry, and per item whether it was kept; what was typed has its digest too."""
    answer = await desk.resolve()
    before = await desk.receipt(answer["receipt"]["id"])
    await desk.submit(answer["id"])

    document = await desk.receipt(answer["receipt"]["id"])

    found = check_call_receipt(orjson.dumps(document))
    assert found.faults == ()
    record = found.record
    assert (record["stage"], len(record["entries"])) == ("submitted", 3)
    assert {each["disposition"] for each in record["items"]} == {"kept"}
    assert [each["path"] for each in record["typed"]] == ["marital", "has_car", "note"]
    assert all(each["value_digest"] for each in (*record["items"], *record["typed"]))
    name = record["items"][0]
    assert (name["retrieved_at"], name["ground"]["citation"]) == ("2026-11-21T02:03:04Z", "某条例第一条")
    assert document["number"] == before["number"]
    assert document["digest"] != before["digest"]


async def test_a_value_digest_survives_handing_in(desk):
    """What was offered and kept has the same digest before and after: both papers vouch for the same value."""
    answer = await desk.resolve()
    before = record_of(await desk.receipt(answer["receipt"]["id"]))
    await desk.submit(answer["id"])

    after = record_of(await desk.receipt(answer["receipt"]["id"]))

    digests = [{each["path"]: each["value_digest"] for each in record["items"]} for record in (before, after)]
    assert digests[0] == digests[1]


async def test_once_the_values_are_gone_it_is_told_from_the_log(desk):
    """Items, sources and grounds stay; the digests of values are gone with the values."""
    answer = await desk.resolve()
    desk.clock.tick(days=2)
    await desk.log_in()

    document = await desk.receipt(answer["receipt"]["id"])

    found = check_call_receipt(orjson.dumps(document))
    assert found.faults == ()
    name = found.record["items"][0]
    assert (name["path"], name["sources"][0]["id"], name["ground"]["id"]) == ("name", "civil", "D-1")
    assert name["value_digest"] is None


async def test_before_the_log_has_signed_it_waits(desk):
    """503 for a second: a receipt without proof would be worth nothing."""
    body = {
        "form": {"id": "family"},
        "subjects": {"applicant": {"kind": "person", "id_type": "111", "id_no": ANN_ID}},
        "actor": {"kind": "clerk", "id": "x"},
    }
    answer = (await desk.http.post("/v1/resolutions", json=body)).json()

    refused = await desk.http.get(f"/v1/receipts/{answer['receipt']['id']}")

    assert (refused.status_code, refused.json()["code"]) == (503, "proof_pending")
    assert refused.headers["retry-after"] == "1"
    await desk.place()
    assert (await desk.http.get(f"/v1/receipts/{answer['receipt']['id']}")).status_code == 200


async def test_only_who_resolved_the_person_and_auditors_read_it(desk):
    """Another system of the same department learns nothing; an auditor is not shown who worked."""
    answer = await desk.resolve()
    receipt = answer["receipt"]["id"]

    await desk.log_in("other")
    other = await desk.http.get(f"/v1/receipts/{receipt}")
    await desk.log_in("audit")
    auditor = await desk.receipt(receipt)

    assert (other.status_code, other.json()["code"]) == (404, "unknown_receipt")
    assert auditor["officer"] is None
    assert check_call_receipt(orjson.dumps(auditor)).faults == ()


@pytest.mark.parametrize(
    "number", ["rcp_01M80ZN4HPBS7XBZA5F2XYR8PR", "0000-0125-F2XY-R8PR", "x", "%00", "..."]
)
async def test_an_unknown_number_is_not_found(desk, number):
    """Whatever it looks like."""
    answer = await desk.http.get(f"/v1/receipts/{number}")

    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_receipt")


async def test_a_short_number_needs_its_secret_half(desk):
    """Where an entry stands is easy to guess; the other half is not."""
    number = (await desk.receipt((await desk.resolve())["receipt"]["id"]))["number"]
    changed = number[:-1] + ("A" if number[-1] != "A" else "B")

    assert (await desk.http.get(f"/v1/receipts/{changed}")).status_code == 404


async def test_handing_one_out_is_an_entry_with_its_digest(desk):
    """By that digest a paper is known again; the person sees it in their ledger."""
    answer = await desk.resolve()
    document = await desk.receipt(answer["receipt"]["id"])

    entry = (await desk.entries("receipt.issued"))[0]

    assert (entry["digest"], entry["stage"]) == (document["digest"], "resolved")
    assert (entry["receipt"], entry["request"]) == (answer["receipt"]["id"], answer["id"])
    assert entry["subjects"] == sorted((await desk.entries("intent"))[0]["subjects"].values())


async def test_the_document_prints_what_the_receipt_states(desk):
    """Heading, number, items, sources, grounds, officer, digest; the signed file inside is the answer itself."""
    answer = await desk.resolve()

    pdf = await desk.pdf(f"/v1/receipts/{answer['receipt']['id']}.pdf")

    document = pdf.attached("receipt.json")
    assert check_call_receipt(orjson.dumps(document)).faults == ()
    for text in (
        "数据调用凭证",
        document["number"],
        document["digest"],
        "公安·人口基础库",
        "子女情况2证件号码",
    ):
        assert text in pdf.text
    for text in ("某条例第一条", "jj-0317", "350582-2026-000123", "办理家庭登记", "第1页共", "婚姻状况"):
        assert text in pdf.text
    for secret in (ANN_ID, "王𬭎", "1991-06-03"):
        assert secret not in pdf.text


async def test_a_person_reads_their_own_and_nobody_elses(desk):
    """By a token of their own, without the name of the clerk."""
    answer = await desk.resolve()
    subject = next(iter((await desk.entries("intent"))[0]["subjects"].values()))

    found = {}
    for who in (subject, "sub_somebody"):
        person = Caller("portal", "政务服务", frozenset({"person"}), person=who)
        token = desk.app.state.tokens.issue_to(person, 300)
        headers = {"authorization": f"Bearer {token}"}
        found[who] = await desk.http.get(f"/v1/receipts/{answer['receipt']['id']}", headers=headers)

    assert found[subject].json()["officer"] is None
    assert (found[subject].status_code, found["sub_somebody"].status_code) == (200, 404)


async def test_of_an_erased_person_only_the_log_is_told(desk):
    """Items and grounds stay; values, officer and case are gone for good."""
    answer = await desk.resolve()
    before = await desk.receipt(answer["receipt"]["id"])
    subject = subject_from({"kind": "person", "id_type": "111", "id_no": ANN_ID})
    await erase_subject(subject, ErasureReason.court_order, desk.runtime, caller="audit")

    after = await desk.receipt(answer["receipt"]["id"])

    assert check_call_receipt(orjson.dumps(after)).faults == ()
    assert (before["officer"]["actor"], after["officer"]) == ("jj-0317", None)
    assert {each["value_digest"] for each in record_of(after)["items"]} == {None}


async def test_the_salt_of_what_was_typed_over_a_mask_opens_no_other_digest(desk):
    """The receipt before holds a digest of the masked value: the salt printed with the person's own word is another."""
    answer = await desk.resolve(delivery="masked")
    values = {"name": "安娜", "id_no": "35058219910603996X", "birth_date": "1990-01-01"}
    before = await desk.receipt(answer["receipt"]["id"])
    made = await desk.submit(answer["id"], values=values)

    pdf = await desk.pdf(f"/v1/submissions/{made['id']}/form.pdf")

    (typed,) = [each for each in pdf.attached("values.json")["values"] if each["path"] == "birth_date"]
    (held,) = [each for each in record_of(before)["items"] if each["path"] == "birth_date"]
    assert typed["value"] == "1990-01-01"
    assert held["value_digest"] is not None
    assert held["value_digest"] != value_digest(typed["salt"], "birth_date", "1991-06-03")
