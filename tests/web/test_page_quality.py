"""What every page promises whoever reads it: nothing loaded from elsewhere, nothing kept, and usable by everybody.

What only a browser can measure (size, contrast) is in `test_browser.py`.
"""

import itertools
import re
from collections.abc import Callable
from typing import Any

import pytest

POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'"
)


async def every_page(hall: Any) -> dict[str, Any]:
    """One page of every kind."""
    told, phone, notice = await hall.ready()
    ask_who = await hall.phone(told["url"]).open()
    wrong = await hall.phone(told["url"]).confirm("0000")
    missing = await phone.answer(notice, "agree", "person.phone")
    given = await phone.answer(notice, "agree", "person.name")
    withdrawn = await phone.withdraw(given)
    over = await hall.phone(told["url"]).open()
    unknown = await hall.phone("/c/nothing").open()
    return {
        "ask_who": ask_who,
        "wrong": wrong,
        "notice": notice,
        "missing": missing,
        "given": given,
        "withdrawn": withdrawn,
        "over": over,
        "unknown": unknown,
    }


async def test_every_page_has_the_strict_headers(hall: Any) -> None:
    """No script, nothing from elsewhere, no frame, no referrer, no copy; each header stands once."""
    for name, page in (await every_page(hall)).items():
        headers = page.headers
        assert headers.get_list("content-security-policy") == [POLICY], name
        assert headers.get_list("referrer-policy") == ["no-referrer"]
        assert headers.get_list("cache-control") == ["no-store"]
        assert headers.get_list("x-content-type-options") == ["nosniff"]
        assert headers["content-type"] == "text/html; charset=utf-8"


async def test_no_page_holds_script_or_foreign_addresses(hall: Any) -> None:
    """No script, handler, inline style, nor any address but that of our style sheet."""
    for page in (await every_page(hall)).values():
        assert page.all("script") == []
        assert re.findall(r"\son[a-z]+=|\sstyle=|<style", page.html) == []
        assert re.findall(r"https?:|//", page.html.replace("<!doctype", "")) == []
        assert [link["href"] for link in page.all("link")] == [page.all("link")[0]["href"]]


async def test_every_page_can_be_read_aloud(hall: Any) -> None:
    """One h1, headings without gaps, a language everywhere, a name for every field and group, unique ids."""
    for name, page in (await every_page(hall)).items():
        assert page.all("html")[0]["lang"] == "zh-CN"
        assert len(page.all("h1")) == len(page.all("main")) == 1, name
        levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
        assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
        ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
        assert len(ids) == len(set(ids))
        assert len(page.all("fieldset")) == len(page.all("legend"))
        assert all(page.text_of("legend"))
        assert all(page.text_of("button"))
        assert page.text_of("title")[0]
        for attributes in page.all("input"):
            for reference in attributes.get("aria-describedby", "").split():
                assert reference in ids


async def test_every_field_has_a_label(hall: Any) -> None:
    """A box inside its label, the text field by `for`; a label says what it is for."""
    pages = await every_page(hall)
    typed = pages["ask_who"].all("input", type="text")[0]
    boxes = re.findall(r'<label class="choice">\s*<input type="checkbox"', pages["notice"].html)

    assert [label["for"] for label in pages["ask_who"].all("label")] == [typed["id"]]
    assert len(boxes) == len(pages["notice"].all("input", type="checkbox")) == 6
    assert all(pages["notice"].text_of("label"))


async def test_english_stands_beside_chinese_and_says_so(hall: Any) -> None:
    """Every heading, button, legend and label has both, the English marked as such."""
    for page in (await every_page(hall)).values():
        for tag in ("h1", "legend", "button", "label"):
            for text in page.text_of(tag):
                assert re.search(r"[\u4e00-\u9fff]", text), text
                assert re.search(r"[A-Za-z]{2}", text), text
        assert page.all("span", lang="en")


async def test_a_trouble_is_announced_and_leads_to_its_place(hall: Any) -> None:
    """role=alert, the field marked invalid, and a way to the choices."""
    pages = await every_page(hall)

    assert pages["wrong"].all("div", role="alert")
    assert pages["wrong"].all("input", **{"aria-invalid": "true"})
    assert [link["href"] for link in pages["missing"].all("a")] == ["#acts"]
    assert pages["missing"].all("fieldset", id="acts")


async def test_what_a_desk_sends_cannot_become_part_of_the_page(hall: Any) -> None:
    """A case number or department that looks like HTML, a line break or a change of direction stays text on one line."""
    case = "1</li><script>alert(1)</script>\n二、伪造\u202e"
    told, _, page = await hall.ready(case=case, recipient_departments=["<b>民政</b>"])

    assert page.all("script") == page.all("b") == []
    assert "<script>alert(1)</script> 二、伪造 " in told["notice"]["text_zh"]
    assert "\u202e" not in page.html


async def test_the_cookie_is_kept_from_everybody_else(make_hall: Callable[..., Any]) -> None:
    """HttpOnly, SameSite=Strict, for this link alone, Secure behind TLS, and no longer than the link lives."""
    for url, is_secure in (("http://127.0.0.1:8000", False), ("https://hall.example.gov.cn/once", True)):
        hall = await make_hall(public_url=url)
        told = await hall.ask()
        token = told["url"].rsplit("/", 1)[1]
        phone = hall.phone(f"/c/{token}")

        answer = await phone.http.post(phone.path, data={"step": "confirm", "typed": "996X"})

        cookie = answer.headers["set-cookie"]
        path = f"{'/once' if is_secure else ''}/c/{token}"
        assert {"HttpOnly", "SameSite=strict", "Max-Age=900", f"Path={path}"} <= set(cookie.split("; "))
        assert ("Secure" in cookie) is is_secure
        assert (answer.status_code, answer.headers["location"]) == (303, token)
        await hall.close()


async def test_the_style_sheet_is_ours_and_may_be_kept_for_ever(hall: Any) -> None:
    """Its address holds the hash of its content; any other address is nothing."""
    told = await hall.ask()
    phone = hall.phone(told["url"])
    href = (await phone.open()).all("link")[0]["href"]

    sheet = await phone.http.get(f"/c/{href}")
    others = [
        await phone.http.get(path)
        for path in ("/static/0/page.css", f"/c/{href[:-8]}other.css", "/static/../../../pages.py")
    ]

    assert (sheet.status_code, sheet.headers["content-type"]) == (200, "text/css; charset=utf-8")
    assert sheet.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert "url(" not in sheet.text
    assert "@import" not in sheet.text
    assert [each.status_code for each in others] == [404, 404, 404]


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
async def test_a_page_takes_nothing_else(hall: Any, method: str) -> None:
    """Reading and sending its form, nothing more."""
    told = await hall.ask()
    phone = hall.phone(told["url"])

    assert (await phone.http.request(method, phone.path)).status_code == 405
