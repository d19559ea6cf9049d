"""`/r/{number}`: the page on which anybody checks a paper, without script, and what it never tells."""

import re

import pytest

POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'"
)
SECRETS = ("35058219910603996X", "王𬭎", "1991-06-03", "安一", "jj-0317", "350582-2026-000123")


@pytest.fixture
async def receipt(desk):
    """A receipt that was handed out."""
    answer = await desk.resolve()
    return await desk.receipt(answer["receipt"]["id"])


async def look(desk, path):
    """The page, as somebody without an account opens it."""
    return await desk.http.get(path, headers={"authorization": ""})


async def test_the_code_leads_to_a_page_that_says_it_is_genuine(desk, receipt):
    """Matter, form, recipient, times, items by name, places in the log; and that this digest was handed out."""
    page = await look(desk, receipt["url"].removeprefix("http://gate.test"))

    assert page.status_code == 200
    for text in (
        "凭证属实",
        "摘要相符",
        "MZ-001",
        "家庭登记表",
        "政务服务",
        "2026-11-21 10:03:04",
        "身份证号码",
    ):
        assert text in page.text
    for text in ("This receipt is genuine", "The digest fits: a call receipt", receipt["number"]):
        assert text in page.text
    assert receipt["entries"][1]["entry"] in page.text


async def test_it_tells_nothing_of_a_person(desk, receipt):
    """No value, no officer, no case, no reference of a subject; nor digests of values."""
    await desk.submit((await desk.entries("outcome"))[0]["request"])
    subject = next(iter((await desk.entries("intent"))[0]["subjects"].values()))

    page = await look(desk, f"/r/{receipt['number']}")

    assert "已提交" not in page.text
    assert "提交时间" in page.text
    for secret in (*SECRETS, subject):
        assert secret not in page.text


@pytest.mark.parametrize(
    ("change", "fits"),
    [
        (lambda digest: digest, True),
        (lambda digest: f"SHA-256 {digest.upper()}", True),
        (lambda digest: digest[:16], True),
        (lambda digest: digest[:15], False),
        (lambda digest: digest[:-1] + ("0" if digest[-1] != "0" else "1"), False),
        (lambda digest: "x" * 16, False),
    ],
)
async def test_a_printed_digest_can_be_checked(desk, receipt, change, fits):
    """Typed off the paper, whole or its first sixteen characters; one character wrong does not fit."""
    page = await desk.http.get(f"/r/{receipt['number']}", params={"d": change(receipt["digest"])})

    assert ("摘要相符" in page.text, "纸面与留痕不符" in page.text) == (fits, not fits)


async def test_a_form_that_was_printed_is_known_by_its_own_digest(desk, receipt):
    """The paper in hand is a filled form, and the page says so."""
    resolution = (await desk.entries("outcome"))[0]["request"]
    made = await desk.submit(resolution)
    pdf = await desk.pdf(f"/v1/submissions/{made['id']}/form.pdf")

    page = await look(desk, f"/r/{receipt['number']}?d={pdf.attached('values.json')['digest']}")

    assert "填好的表单，已提交" in page.text


@pytest.mark.parametrize(
    "number", ["0000-0000-0000-0000", "rcp_01M80ZN4HPBS7XBZA5F2XYR8PR", "<b>", "x" * 300]
)
async def test_an_unknown_number_is_told_in_the_same_words(desk, receipt, number):
    """404, and nothing that tells one reason from another, nor what was sent."""
    page = await look(desk, f"/r/{number}")

    assert (page.status_code, "查无此凭证" in page.text) == (404, True)
    assert page.text == (await look(desk, "/r/nothing")).text


async def test_a_number_can_be_typed_in(desk, receipt):
    """A page asks for it, and leads to its own."""
    asking = await look(desk, "/r/")
    typed = await desk.http.get("/r/", params={"number": f" {receipt['number']} "})

    assert "输入纸面上的凭证编号" in asking.text
    assert (typed.status_code, typed.headers["location"]) == (303, receipt["number"])
    assert (await desk.http.get("/r/", params={"number": "//evil.test/"})).headers["location"] == "eviltest"


async def test_it_is_limited(make_desk):
    """Who tries numbers out is told to wait."""
    desk = await make_desk(rate_limit_per_second=1, rate_limit_burst=3)

    answers = [(await look(desk, "/r/0000-0000-0000-0000")).status_code for _ in range(5)]

    assert answers[:3] == [404, 404, 404]
    assert answers[-1] == 429
    await desk.http.aclose()


async def test_every_page_is_strict_and_loads_nothing(desk, receipt):
    """The headers of all pages; no script, no inline style, no address but that of the style sheet."""
    pages = [
        await look(desk, path)
        for path in ("/r/", f"/r/{receipt['number']}", f"/r/{receipt['number']}?d=0000000000000000", "/r/x")
    ]
    for page in pages:
        assert page.headers["content-security-policy"] == POLICY
        assert page.headers["cache-control"] == "no-store"
        assert not re.search(r"<script|style=|\son\w+=|https?://", page.text)
        style = re.search(r'href="\.\.(/static/[0-9a-f]+/page\.css)"', page.text)
        assert (await desk.http.get(style[1])).status_code == 200


async def test_checking_is_no_entry_of_the_log(desk, receipt):
    """It shows what anybody can read there; else anybody could fill the log."""
    before = len(await desk.entries("receipt.issued", "audit.lookup"))

    await look(desk, f"/r/{receipt['number']}")

    assert len(await desk.entries("receipt.issued", "audit.lookup")) == before


async def test_a_number_alone_is_not_called_a_genuine_paper(desk, receipt):
    """Any number can be copied onto another paper: without a digest the page says only that the receipt exists."""
    page = await look(desk, f"/r/{receipt['number']}")

    assert "There is a receipt of this number" in page.text
    assert "The paper has not been checked yet" in page.text
    assert "genuine" not in page.text
    assert "verify the PDF file offline" in page.text
