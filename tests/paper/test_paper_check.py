"""Checking offline: what holds, and every way in which a paper or a file may have been altered."""

import base64
import copy
import io

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pypdf import PdfReader, PdfWriter

from gateway.security.keys import KeyRing
from gateway.security.receipt_keys import CALL_RECEIPT_TYPE, RECEIPT_TYPE, ReceiptKeys
from gateway.submissions.paper_check import check_paper
from gateway.submissions.receipt_check import check_call_receipt
from gateway.submissions.receipt_claims import digest_of

FORGER = ReceiptKeys(KeyRing([b"\x66" * 32]))


def claims_of(document):
    """The signed part, read without checking."""
    payload = document["receipt"].split(".")[1]
    return orjson.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


def signed_again(document, desk, change):
    """The file as the gateway itself would have signed a changed record: digest and all in order."""
    claims = claims_of(document)
    change(claims["record"])
    claims["digest"] = digest_of(claims["record"])
    keys = desk.app.state.receipt_keys
    return {
        **document,
        "digest": claims["digest"],
        "number": claims["record"]["number"],
        "receipt": keys.sign(claims, CALL_RECEIPT_TYPE),
    }


def faults(document, **keys):
    return check_call_receipt(orjson.dumps(document), **keys).faults


def with_file(pdf, name, content):
    """The PDF with another file of that name inside; its pages as they were."""
    writer = PdfWriter()
    reader = PdfReader(io.BytesIO(pdf.content))
    for page in reader.pages:
        writer.add_page(page)
    writer.add_metadata({"/Author": str(reader.metadata["/Author"])})
    for each, files in reader.attachments.items():
        writer.add_attachment(each, content if each == name else files[0])
    made = io.BytesIO()
    writer.write(made)
    return made.getvalue()


@pytest.fixture
async def document(desk):
    """A receipt of a form that was handed in."""
    answer = await desk.resolve()
    await desk.submit(answer["id"])
    return await desk.receipt(answer["receipt"]["id"])


# ---------------------------------------------------------------- the signed file


async def test_every_changed_character_of_the_file_is_found(document):
    """One character anywhere in the signed text, the leaves, the proofs, digest or number: refused with a reason."""
    content = orjson.dumps(document).decode()
    skipped = content.index('"receipt_key"'), content.index('"verifier_keys"')
    for place in range(3, len(content) - 3, 97):
        if skipped[0] <= place <= skipped[1] or content[place] in '"\\{}[],: ':
            continue
        other = "A" if content[place] != "A" else "B"
        found = check_call_receipt(f"{content[:place]}{other}{content[place + 1 :]}".encode())
        where = content[max(0, place - 60) : place]
        assert found.faults, where


async def test_a_value_digest_that_was_changed_is_found_by_the_signature(document):
    """The receipt's text is signed as a whole."""
    head, _, signature = document["receipt"].split(".")
    claims = claims_of(document)
    claims["record"]["items"][0]["value_digest"] = "0" * 64
    forged = base64.urlsafe_b64encode(orjson.dumps(claims)).rstrip(b"=").decode()

    assert faults({**document, "receipt": f"{head}.{forged}.{signature}"}) == (
        "The signature is wrong: the receipt was changed, or another key signed it.",
    )


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("matter", lambda record: record.update(matter="MZ-002")),
        ("department", lambda record: record.update(department="税务")),
        ("asked and answered", lambda record: record.update(asked_at="2026-11-20T00:00:00.000000Z")),
        ("handed in", lambda record: record.update(submitted_at="2026-11-22T00:00:00.000000Z")),
        ("another receipt", lambda record: record.update(receipt="rcp_0")),
        ("those that the receipt names", lambda record: record["entries"].reverse()),
        ("who worked", lambda record: record["officer"].update(kind="terminal")),
        ("what became of: name", lambda record: record["items"][0].update(disposition="edited")),
        ("no such ask", lambda record: record["items"][0]["ground"].update(id="D-9")),
        ("no such ask", lambda record: record["items"][0]["sources"][0].update(id="tax")),
        ("does not lead to", lambda record: record.update(number="0000-0000-0000-0000")),
        ("not of the shape", lambda record: record.pop("matter")),
    ],
)
async def test_a_receipt_that_tells_another_story_than_the_log_is_found(desk, document, name, change):
    """Even the gateway's own signature does not cover it up."""
    assert any(name in fault for fault in faults(signed_again(document, desk, change)))


async def test_keys_that_the_checker_kept_win_over_those_in_the_file(desk, document):
    """Whoever forges a file brings keys that fit it."""
    forged = {
        **document,
        "receipt": FORGER.sign(claims_of(document), CALL_RECEIPT_TYPE),
        "receipt_key": dict(FORGER.jwk),
    }
    keys = desk.app.state.receipt_keys.jwks()["keys"]

    assert faults(forged) == ()
    assert faults(forged, receipt_keys=keys)
    assert faults(document, receipt_keys=[FORGER.jwk, *keys], log_key=document["verifier_keys"][0]) == ()
    other = "log.example/1+00000000+" + "A" * 44
    assert faults(document, log_key=other)


async def test_a_consents_receipt_is_no_call_receipt(desk, document):
    """Same keys, another kind of document."""
    signed = desk.app.state.receipt_keys.sign(claims_of(document), RECEIPT_TYPE)

    assert faults({**document, "receipt": signed}) == (
        "The receipt's header names another key, algorithm or kind of document.",
    )


async def test_an_officer_who_was_exchanged_is_found(document):
    """Who worked is checked against what the log committed to; leaving it out is allowed."""
    changed = copy.deepcopy(document)
    changed["officer"]["actor"] = "jj-0318"
    doctored = copy.deepcopy(changed)
    doctored["officer"]["document"] = doctored["officer"]["document"].replace("jj-0317", "jj-0318")

    said = ("Who worked, or on which case, is not what was logged.",)
    assert (faults(changed), faults(doctored)) == (said, said)
    assert faults({**document, "officer": None}) == ()


@given(
    st.binary(max_size=200)
    | st.recursive(
        st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=20),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(
                    ["receipt", "receipt_key", "entries", "verifier_keys", "digest", "number", "leaf"]
                ),
                inner,
                max_size=6,
            )
        ),
        max_leaves=12,
    ).map(orjson.dumps)
)
def test_whatever_the_file_holds_there_is_an_answer(content):
    """Total: a fault in words, never an exception; for what begins like a PDF too."""
    assert check_call_receipt(content).faults
    assert check_paper(b"%PDF-1.7\n" + content).faults


# ---------------------------------------------------------------- the PDF


async def test_a_printed_receipt_holds(desk):
    """The file inside, and the text on its pages."""
    answer = await desk.resolve()
    pdf = await desk.pdf(f"/v1/receipts/{answer['receipt']['id']}.pdf")

    found = await in_thread(pdf.content)

    assert (found.faults, found.record["stage"]) == ((), "resolved")
    assert found.notes == (
        "The text on the pages is what was signed.",
        "The pages are drawn as they were printed.",
    )


async def in_thread(content):
    """The check as a command runs it: without a loop around."""
    import asyncio

    return await asyncio.to_thread(check_paper, content)


async def test_one_character_altered_in_the_file_inside_is_refused(desk):
    """The pages are untouched; the signature is not."""
    answer = await desk.resolve()
    pdf = await desk.pdf(f"/v1/receipts/{answer['receipt']['id']}.pdf")
    signed = pdf.reader.attachments["receipt.json"][0]
    place = signed.index(b'"receipt":') + 300
    changed = signed[:place] + (b"A" if signed[place : place + 1] != b"A" else b"B") + signed[place + 1 :]

    found = await in_thread(with_file(pdf, "receipt.json", changed))

    assert found.faults
    assert found.record is None


async def test_pages_of_another_receipt_are_refused(desk):
    """A genuine file inside genuine pages, of two receipts."""
    first, second = await desk.resolve(), await desk.resolve()
    pdf = await desk.pdf(f"/v1/receipts/{first['receipt']['id']}.pdf")
    other = await desk.pdf(f"/v1/receipts/{second['receipt']['id']}.pdf")

    found = await in_thread(with_file(pdf, "receipt.json", other.reader.attachments["receipt.json"][0]))

    assert "The number on the pages is not that of the signed receipt." in found.faults
    assert "The text on the pages is not what was signed: the paper was changed." in found.faults


async def test_a_printed_form_holds(desk):
    """Every value on it is one that the receipt vouches for."""
    answer = await desk.resolve()
    made = await desk.submit(answer["id"])
    pdf = await desk.pdf(f"/v1/submissions/{made['id']}/form.pdf")

    found = await in_thread(pdf.content)

    assert (found.faults, found.record["stage"]) == ((), "submitted")
    assert "printed values are those that the receipt vouches for" in found.notes[0]
    assert found.notes[1] == "The text on the pages is what was signed."


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (b'"value":"1991-06-03"', b'"value":"1981-06-03"', "birth_date: the value is not the one"),
        (b'"text":"1991-06-03"', b'"text":"1981-06-03"', "birth_date: the pages do not show"),
        (b'"digest":"', b'"digest":"0', "The digest on the pages is not that of the values"),
        (b'"receipt_digest":"', b'"receipt_digest":"0', "The values belong to another receipt."),
        (b'"values":[', b'"values":[7,', "is not as this program writes it"),
    ],
)
async def test_one_character_altered_in_a_forms_values_is_refused(desk, old, new, said):
    """In the value, the text, the digest: each with its reason."""
    answer = await desk.resolve()
    pdf = await desk.pdf(f"/v1/resolutions/{answer['id']}/form.pdf")
    values = pdf.reader.attachments["values.json"][0]
    assert old in values

    found = await in_thread(with_file(pdf, "values.json", values.replace(old, new)))

    assert any(said in fault for fault in found.faults)


async def test_a_form_without_its_receipt_is_refused(desk):
    """Taken out, there is nothing to check."""
    writer = PdfWriter()
    writer.add_blank_page(100, 100)
    made = io.BytesIO()
    writer.write(made)

    found = await in_thread(made.getvalue())

    assert found.faults == ("This PDF carries no receipt.json: it is no receipt, or that was taken out.",)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (b'"text":"1991-06-03"', b'"text":"1981-06-03"', "birth_date: the pages do not show"),
        (
            b'"text":"1991-06-03"',
            b'"text":"1981-06-03"',
            "What the pages are set from is not what was signed for.",
        ),
        (b'"text":"1991-06-03"', b'"text":"1981-06-03"', "The text on the pages is not what was signed"),
        (b'"blocks":[', b'"blocks":[7,', "is not as this program writes it"),
        (b'"notice":"', b'"notice":"\xe6\x97\xa0', "The text on the pages is not what was signed"),
    ],
)
async def test_pages_that_show_something_else_are_refused(desk, old, new, said):
    """What they are set from is covered by the digest, and the text on them is compared with it."""
    answer = await desk.resolve()
    pdf = await desk.pdf(f"/v1/resolutions/{answer['id']}/form.pdf")
    page = pdf.reader.attachments["page.json"][0]
    assert old in page

    found = await in_thread(with_file(pdf, "page.json", page.replace(old, new)))

    assert any(said in fault for fault in found.faults)


async def test_the_pages_of_another_printing_of_the_same_form_are_refused(desk):
    """The files of one paper inside the pages of another, whose values differ in one character."""
    papers = []
    for day in ("2026-01-01", "2026-01-02"):
        answer = await desk.resolve()
        sent = {"name": "王𬭎䶮㛃𠅤", "id_no": "35058219910603996X", "note": day, "marital": "已婚"}
        made = await desk.submit(answer["id"], values=sent)
        papers.append(await desk.pdf(f"/v1/submissions/{made['id']}/form.pdf"))
    mixed = papers[0]
    for name in ("receipt.json", "values.json", "page.json"):
        mixed = type(mixed)(with_file(mixed, name, papers[1].reader.attachments[name][0]))

    found = await in_thread(mixed.content)

    assert "The text on the pages is not what was signed: the paper was changed." in found.faults
