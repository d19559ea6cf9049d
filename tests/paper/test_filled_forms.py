"""The filled form on paper: every label and value, where each came from, rare characters, and what it may not show."""

import asyncio
import struct
import zlib
from dataclasses import replace

import orjson
import segno

from forms.print import FORM_SOURCE
from gateway.slots import from_facts
from gateway.submissions.paper_check import check_paper
from gateway.submissions.printing import Sheet, print_pages
from gateway.submissions.receipt_check import check_call_receipt
from gateway.submissions.receipt_print import sheet_of
from tests.paper.conftest import FORM, PERSONA, SENT

RARE = "王𬭎䶮㛃𠅤"


async def test_every_label_and_value_stands_on_it(desk):
    """Sections, labels, values, rows, the box that was ticked, the place to sign, the office's own part."""
    answer = await desk.resolve()
    made = await desk.submit(answer["id"])

    text = (await desk.pdf(f"/v1/submissions/{made['id']}/form.pdf")).text

    for label in (
        "家庭登记表",
        "一、本人",
        "身份证号码",
        "子女情况",
        "本人声明以上属实",
        "申请人签字",
        "审批意见",
    ):
        assert label in text
    for value in (RARE, "35058219910603996X", "女", "1991-06-03", "已婚", "否", "安一", "110102202001010075"):
        assert value in text
    assert "紫华苑小区十二幢" * 1 in text
    for around in (
        "MZ-001",
        "350582-2026-000123",
        "第1页共1页",
        "民政",
        "公安·人口基础库（权威数源register）",
    ):
        assert around in text


async def test_rare_characters_come_out_as_themselves(desk):
    """Four that most fonts lack: the text that a reader copies is the name."""
    answer = await desk.resolve()

    pdf = await desk.pdf(f"/v1/resolutions/{answer['id']}/form.pdf")

    assert RARE in pdf.text
    fonts = {str(font["/BaseFont"]) for page in pdf.reader.pages for font in fonts_of(page)}
    assert fonts
    assert all("NotoSansCJK" in font for font in fonts)


def fonts_of(page):
    """The fonts that a page uses."""
    return [each.get_object() for each in page["/Resources"]["/Font"].values()]


async def test_a_value_is_marked_with_its_source_and_what_was_typed_is_not(desk):
    """① with the tier behind what was fetched; nothing behind what somebody typed or changed."""
    answer = await desk.resolve()
    sent = await sent_with(desk, address="泉州市丰泽区东海街道一号")
    made = await desk.submit(answer["id"], values=sent)

    text = (await desk.pdf(f"/v1/submissions/{made['id']}/form.pdf")).text

    assert f"{RARE}①A" in text
    assert "泉州市丰泽区东海街道一号①A" not in text
    assert "泉州市丰泽区东海街道一号" in text
    assert "已婚①" not in text


async def sent_with(desk, **changes):
    """What the fixtures send, changed."""
    answer = await desk.http.get("/v1/forms/family")
    assert answer.status_code == 200
    return {
        "name": RARE,
        "id_no": "35058219910603996X",
        "sex": "2",
        "birth_date": "1991-06-03",
        "marital": "已婚",
        "children": [{"name": "安一", "id_no": "110102202001010075"}],
    } | changes


async def test_a_disputed_value_shows_both(desk):
    """What the register says, and what the person says is right."""
    answer = await desk.resolve()
    sent = await sent_with(desk, sex="1")
    made = await desk.submit(answer["id"], values=sent, disputes={"sex": {"reason": "登记有误"}})

    text = (await desk.pdf(f"/v1/submissions/{made['id']}/form.pdf")).text

    assert "女①A有异议，本人主张：男" in text
    assert "登记有误" not in text


async def test_a_question_that_did_not_arise_is_struck_out(desk):
    """Hidden by an answer: a stroke, so that nobody writes into it later."""
    answer = await desk.resolve()
    made = await desk.submit(answer["id"])

    text = (await desk.pdf(f"/v1/submissions/{made['id']}/form.pdf")).text

    assert "号牌／" in text


async def test_a_table_without_rows_is_struck_out(desk):
    """Nobody writes a child into it later."""
    answer = await desk.resolve()
    made = await desk.submit(answer["id"], values=await sent_with(desk, children=[]))

    pdf = await desk.pdf(f"/v1/submissions/{made['id']}/form.pdf")

    assert "证件号码1／／" in pdf.text
    assert (await asyncio.to_thread(check_paper, pdf.content)).faults == ()


async def test_yes_and_no_are_boxes_of_which_one_is_ticked(desk):
    """As offices print them; the value stands in the file inside."""
    answer = await desk.resolve()
    made = await desk.submit(answer["id"])

    pdf = await desk.pdf(f"/v1/submissions/{made['id']}/form.pdf")

    car = next(each for each in pdf.attached("values.json")["values"] if each["path"] == "has_car")
    assert "有无车辆是√否" in pdf.text
    assert (car["value"], car["text"]) == (False, "否")


async def test_every_page_has_the_code_its_number_and_the_receipts(make_desk):
    """So that one sheet that was taken out still says where it belongs."""
    long = replace(FORM, groups=(replace(FORM.groups[0], max_rows=100),))
    desk = await make_desk(form=long, public_url="http://gate.test")
    answer = await desk.resolve()
    typed = [{"name": f"孩{number}", "id_no": ""} for number in range(60)]
    made = await desk.submit(answer["id"], values=SENT | {"children": PERSONA["children"] + typed})

    pdf = await desk.pdf(f"/v1/submissions/{made['id']}/form.pdf")
    await desk.http.aclose()

    document, digest = pdf.attached("receipt.json"), pdf.attached("values.json")["digest"]
    texts = ["".join(page.extract_text().split()) for page in pdf.reader.pages]
    assert len(texts) > 1
    for number, text in enumerate(texts, 1):
        assert f"第{number}页共{len(texts)}页" in text
        assert document["number"] in text
    assert all("孩" not in text or "子女情况" in text for text in texts)
    sheet = Sheet(FORM_SOURCE, pdf.attached("page.json"), desk.clock())
    url = f"http://gate.test/r/{document['number']}?d={digest[:16]}"
    wanted = [bytes(row) for row in segno.make(url, error="m", micro=False).matrix]
    assert [code_on(page, url) for page in await print_pages(sheet, ppi=300)] == [wanted] * len(texts)


async def test_a_preview_says_so(desk):
    """It is not what was handed in."""
    answer = await desk.resolve()

    text = (await desk.pdf(f"/v1/resolutions/{answer['id']}/form.pdf")).text

    assert "预览：尚未提交" in text


async def test_what_was_delivered_masked_is_printed_masked(desk):
    """No more on paper than the caller was shown."""
    answer = await desk.resolve(delivery="masked")

    pdf = await desk.pdf(f"/v1/resolutions/{answer['id']}/form.pdf")

    assert "35058219910603996X" not in pdf.text
    assert RARE not in pdf.text
    assert "已脱敏显示" in pdf.text
    assert pdf.attached("values.json")["values"] == []


async def test_a_masked_submission_is_printed_masked(desk):
    """What came from a source; what the person typed themself is their own."""
    answer = await desk.resolve(delivery="masked")
    made = await desk.submit(answer["id"])

    pdf = await desk.pdf(f"/v1/submissions/{made['id']}/form.pdf")

    assert "35058219910603996X" not in pdf.text
    assert "已婚" in pdf.text
    for name in ("values.json", "page.json", "receipt.json"):
        assert "35058219910603996X" not in orjson.dumps(pdf.attached(name)).decode()


async def test_a_masked_form_of_many_rows_is_printed_masked_too(make_desk):
    """Its entry tells rows together and leaves none out; what came from a source is masked all the same."""
    long = replace(FORM, groups=(replace(FORM.groups[0], max_rows=900),))
    desk = await make_desk(form=long)
    answer = await desk.resolve(delivery="masked")
    typed = [{"name": f"孩{number}", "id_no": ""} for number in range(700)]
    made = await desk.submit(answer["id"], values=SENT | {"children": PERSONA["children"] + typed})

    pdf = await desk.pdf(f"/v1/submissions/{made['id']}/form.pdf")
    (entry,) = await desk.entries("submission.received")
    await desk.http.aclose()

    assert "omitted" not in entry
    assert {slot.path: slot.disposition.value for slot in from_facts(entry["slots"])} == {
        path: each["disposition"] for path, each in made["fields"].items()
    }
    assert "孩699" in pdf.text
    assert "35058219910603996X" not in pdf.text
    for name in ("values.json", "page.json", "receipt.json"):
        assert "35058219910603996X" not in orjson.dumps(pdf.attached(name)).decode()


async def test_printing_is_an_entry_with_its_digest_before_it_leaves(desk):
    """Which submission, under which digest; no value of it."""
    answer = await desk.resolve()
    made = await desk.submit(answer["id"])

    pdf = await desk.pdf(f"/v1/submissions/{made['id']}/form.pdf")

    entry = (await desk.entries("form.printed"))[0]
    assert entry["digest"] == pdf.attached("values.json")["digest"]
    assert entry["digest"] in pdf.text
    assert (entry["submission"], entry["request"]) == (made["id"], answer["id"])
    assert "35058219910603996X" not in orjson.dumps(entry).decode()


async def test_the_signed_receipt_travels_with_it(desk):
    """As a file inside, with the officer, and the code leads to its page."""
    answer = await desk.resolve()

    pdf = await desk.pdf(f"/v1/resolutions/{answer['id']}/form.pdf")

    document = pdf.attached("receipt.json")
    assert check_call_receipt(orjson.dumps(document)).faults == ()
    assert document["officer"]["actor"] == "jj-0317"
    assert document["number"] in pdf.text


async def test_hostile_text_is_printed_and_never_obeyed(desk):
    """Markup of typst in a remark stands on the paper as it was typed."""
    answer = await desk.resolve()
    hostile = '#import "/etc/passwd" $x^2$ \\u{41} `r` @ref <label> *b* _i_ = #read("/etc/hosts") // no'
    made = await desk.submit(answer["id"], values=await sent_with(desk, note=hostile))

    text = (await desk.pdf(f"/v1/submissions/{made['id']}/form.pdf")).text

    assert "".join(hostile.split()) in text


async def test_a_character_that_no_font_has_is_refused_by_field(desk):
    """Not an empty box in somebody's name: the field is named, the value is not."""
    answer = await desk.resolve()
    made = await desk.submit(answer["id"], values=await sent_with(desk, note="秘密\ue000字"))

    refused = await desk.http.get(f"/v1/submissions/{made['id']}/form.pdf")

    assert (refused.status_code, refused.json()["code"]) == (409, "glyph_missing")
    assert refused.json()["errors"][0]["pointer"] == "/fields/note"
    assert "秘密" not in refused.text
    assert await desk.entries("form.printed") == []


async def test_another_systems_form_is_not_printed(desk):
    """Neither the submission nor the preview; who resolved it alone may."""
    answer = await desk.resolve()
    made = await desk.submit(answer["id"])
    await desk.log_in("other")

    for path in (f"/v1/submissions/{made['id']}/form.pdf", f"/v1/resolutions/{answer['id']}/form.pdf"):
        assert (await desk.http.get(path)).status_code == 404


async def test_once_the_values_are_purged_the_form_is_gone_and_the_receipt_stays(desk):
    """410 for the one; the other still prints."""
    answer = await desk.resolve()
    made = await desk.submit(answer["id"])
    desk.clock.tick(days=4000)
    await desk.log_in()

    gone = await desk.http.get(f"/v1/submissions/{made['id']}/form.pdf")
    receipt = await desk.pdf(f"/v1/receipts/{answer['receipt']['id']}.pdf")

    assert (gone.status_code, gone.json()["code"]) == (410, "values_purged")
    assert "数据调用凭证" in receipt.text


async def test_the_code_leads_to_the_page_and_holds_nothing_of_a_person(desk):
    """Seen on the picture of the page, square by square, as a camera sees it: number and a part of the digest."""
    answer = await desk.resolve()
    document = await desk.receipt(answer["receipt"]["id"])
    record = check_call_receipt(orjson.dumps(document)).record

    page = (await print_pages(sheet_of(document, record, issuer="urn:test"), ppi=300))[0]

    url = f"http://gate.test/r/{document['number']}?d={document['digest'][:16]}"
    assert code_on(page, url) == [bytes(row) for row in segno.make(url, error="m", micro=False).matrix]


async def test_the_code_of_a_form_carries_the_forms_own_digest(desk):
    """So that the page can say that this very paper was handed out."""
    answer = await desk.resolve()

    pdf = await desk.pdf(f"/v1/resolutions/{answer['id']}/form.pdf")
    digest = pdf.attached("values.json")["digest"]
    number = pdf.attached("receipt.json")["number"]

    page = await desk.http.get(f"/r/{number}?d={digest[:16]}")
    assert "填好的表单" in page.text


def code_on(png, url):
    """The squares of the code in the upper right corner of a page, dark ones as 1."""
    rows = pixels(png)
    right = [row[int(len(row) * 0.7) :] for row in rows]
    top = next(number for number, row in enumerate(right) if any(row))
    first = right[top]
    left, end = first.index(1), len(first) - first[::-1].index(1)
    number = segno.make(url, error="m", micro=False).symbol_size(border=0)[0]
    size = (end - left) / number
    places = [int((each + 0.5) * size) for each in range(number)]
    return [bytes(right[top + down][left + across] for across in places) for down in places]


def pixels(png):
    """The uppermost sixth of a PNG of eight bits a channel as rows of 1 (dark) and 0."""
    width, height, _, kind = struct.unpack(">IIBB", png[16:26])
    each = {2: 3, 6: 4}[kind]
    packed, at = b"", 8
    while at < len(png):
        (size,), name = struct.unpack(">I", png[at : at + 4]), png[at + 4 : at + 8]
        packed += png[at + 8 : at + 8 + size] if name == b"IDAT" else b""
        at += 12 + size
    raw, row, rows = zlib.decompress(packed), bytearray(width * each), []
    for number in range(height // 6):
        begin = number * (width * each + 1)
        row = unfiltered(raw[begin], raw[begin + 1 : begin + 1 + width * each], row, each)
        rows.append([1 if row[place] < 128 else 0 for place in range(0, width * each, each)])
    return rows


def unfiltered(kind, line, above, each):
    """One line of a PNG without its filter (RFC 2083, section 6)."""
    made = bytearray(line)
    for place in range(len(made)):
        a = made[place - each] if place >= each else 0
        b = above[place]
        c = above[place - each] if place >= each else 0
        nearest = min((abs(b - c), 0, a), (abs(a - c), 1, b), (abs(a + b - 2 * c), 2, c))[2]
        made[place] = (made[place] + (0, a, b, (a + b) // 2, nearest)[kind]) & 255
    return made


async def test_a_row_that_was_taken_out_is_not_printed(desk):
    """No blank row where a child stood that the person struck out."""
    answer = await desk.resolve()
    made = await desk.submit(answer["id"], values=await sent_with(desk))

    text = (await desk.pdf(f"/v1/submissions/{made['id']}/form.pdf")).text

    assert "1安一①A" in text
    assert "安二" not in text
    assert "①A2三、声明" not in text
