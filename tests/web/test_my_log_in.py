"""`/my`: who gets in, how, for how long, and how one gets out again."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from gateway.security.own_sessions import new_own_session, own_session_of
from gateway.store import MemoryStore
from tests.own_pages import ANN, BOB, Citizens, citizens
from tests.profile_town import later

PAGES = (
    "/my/uses",
    "/my/consents",
    "/my/record",
    "/my/disputes",
    "/my/record/person.email",
    "/my/disputes/x",
)


@pytest.fixture
async def made(tmp_path: Path) -> AsyncIterator[Citizens]:
    """A town in memory."""
    async with citizens(tmp_path, MemoryStore()) as town:
        yield town


def heading(page: Any) -> str:
    """The first heading, in Chinese."""
    return str(page.text_of("h1")[0].split(" ")[0])


# ---------------------------------------------------------------- the way in


async def test_who_logs_in_sees_what_is_new(made: Citizens) -> None:
    """And that they were identified is an entry, with the way and the level, and no document's number."""
    page = await made.phone().log_in()

    assert (page.status, heading(page), len(page.all("a", **{"class": "way"}))) == (200, "我的数据", 4)
    (leaf,) = await made.town.entries("person.identified")
    assert (leaf["caller"], leaf["method"], leaf["acr"]) == ("person", "oidc", "substantial")
    assert leaf["subject"] == await made.town.ref()
    assert ANN["id_no"] not in str(leaf)


async def test_what_the_issuer_is_asked(made: Citizens) -> None:
    """A fresh log-in of a sufficient level, back to a callback of its own; nothing else in the address."""
    answer = await made.phone().http.get("/my/login?to=record")
    asked = dict(parse_qsl(urlsplit(answer.headers["location"]).query))

    assert (asked["prompt"], asked["acr_values"]) == ("login", "substantial high")
    assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
    assert asked["redirect_uri"].endswith("/my/callback")
    assert not [value for value in asked.values() if "record" in value]


@pytest.mark.parametrize("path", PAGES)
async def test_without_a_session_there_is_only_the_log_in(made: Citizens, path: str) -> None:
    """Whatever page is asked for, also one that does not exist: the same button, and no data."""
    page = await made.phone().open(path)

    assert (page.status, heading(page), page.all("nav")) == (200, "我的数据", [])


async def test_one_comes_back_to_the_page_one_wanted(made: Citizens) -> None:
    """By a name of ours; a name that is none of ours leads to the first page, never elsewhere."""
    phone = made.phone()
    wanted = await phone.open("/my/consents")
    (button,) = wanted.all("a", **{"class": "button main"})

    assert button["href"] == "my/login?to=consents"
    assert heading(await phone.log_in(to="consents")) == "我的授权"
    for to in ("//evil.example", "https://evil.example", "../c/x", "CONSENTS"):
        back = await made.phone().way_back(to=to)
        assert 'href="../my"' in back.text


async def test_the_cookie_is_kept_from_everybody_else(tmp_path: Path) -> None:
    """HttpOnly, SameSite=Strict, for these pages alone, Secure behind TLS, and no longer than the session."""
    for url, is_secure in (("http://127.0.0.1:8000", False), ("https://hall.example.gov.cn/once", True)):
        async with citizens(tmp_path, MemoryStore(), public_url=url) as made:
            answer = await made.phone().way_back()
            cookie = next(each for each in answer.headers.get_list("set-cookie") if "oncegate_my=" in each)

            path = f"{'/once' if is_secure else ''}/my"
            assert {"HttpOnly", "SameSite=strict", "Max-Age=900", f"Path={path}"} <= set(cookie.split("; "))
            assert ("Secure" in cookie) is is_secure
            assert await made.town.ref() not in cookie


async def test_without_an_issuer_it_is_not_offered(tmp_path: Path) -> None:
    """Plainly, and where to ask; nothing can be begun, and no cookie opens anything."""
    async with citizens(tmp_path, MemoryStore(), person_oidc_issuer=None) as made:
        session = new_own_session(await made.town.ref(), made.town.runtime)
        phone = made.phone()
        phone.http.cookies.set("oncegate_my", session.cookie)
        pages = [await phone.open(path) for path in ("/my", *PAGES)]
        ways = [(await phone.http.get(path)).status_code for path in ("/my/login", "/my/callback")]

    assert {(page.status, heading(page)) for page in pages} == {(200, "这里没有开通网上查询")}
    assert "政务服务窗口" in pages[0].text
    assert ways == [404, 404]


# ---------------------------------------------------------------- who does not get in


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"acr": "low"}, "assurance_too_low"),
        ({"acr": ...}, "assurance_too_low"),
        ({"auth_time": ...}, "login_too_old"),
        ({"auth_time": 1_700_000_000}, "login_too_old"),
        ({"nonce": "another"}, "nonce_wrong"),
        ({"aud": "somebody-else"}, "audience_wrong"),
    ],
)
async def test_a_log_in_that_proves_too_little_is_refused(
    made: Citizens, said: dict[str, Any], reason: str
) -> None:
    """With an entry that says why, and a page that does not."""
    made.issuer.claims |= said

    answer = await made.phone().way_back()

    assert (answer.status_code, "登录未被接受" in answer.text) == (401, True)
    assert "oncegate_my=" not in str(answer.headers)
    (leaf,) = await made.town.entries("person.refused")
    assert leaf["reason"].startswith(reason.split("_", maxsplit=1)[0])
    assert await made.town.entries("person.identified") == []


@pytest.mark.parametrize("number", ["", "35058219910603996", "not a number"])
async def test_an_issuer_that_names_nobody_lets_nobody_in(made: Citizens, number: str) -> None:
    """A claim that is no document, or an organisation's alone: these are a person's pages."""
    made.issuer.claims |= {"uscc": "91350582MA2XXXXX0A"}

    answer = await made.phone().way_back(ANN | {"id_no": number})

    assert answer.status_code == 401
    assert [leaf["reason"] for leaf in await made.town.entries("person.refused")] == ["identity_missing"]


async def test_a_way_back_is_gone_once_and_in_the_browser_that_set_out(made: Citizens) -> None:
    """Stolen, replayed, or of a link that somebody was sent: refused."""
    ann, thief = made.phone(), made.phone()
    began = await ann.http.get("/my/login")
    location = began.headers["location"]
    state = dict(parse_qsl(urlsplit(location).query))["state"]
    made.issuer.claims |= {"id_no": ANN["id_no"], "id_type": ANN["id_type"]}
    returned = {"code": made.issuer.authorize(location), "state": state, "iss": made.issuer.url}

    stolen = await thief.http.get("/my/callback", params=returned)
    cookie = ann.http.cookies["oncegate_my_l"]
    first = await ann.http.get("/my/callback", params=returned)
    thief.http.cookies.set("oncegate_my_l", cookie)
    again = await thief.http.get("/my/callback", params=returned)
    thief.http.cookies.set("oncegate_l", cookie)
    as_link = await thief.http.get("/confirm/callback", params=returned)

    assert [each.status_code for each in (stolen, first, again, as_link)] == [401, 200, 401, 401]


async def test_an_issuer_that_is_down_is_told_on_a_page(made: Citizens) -> None:
    """And nothing is used up."""
    made.issuer.answers["/token"] = (500, {})
    answer = await made.phone().way_back()

    assert (answer.status_code, answer.headers["content-type"].split(";")[0]) == (503, "text/html")


async def test_log_ins_from_one_address_are_limited(tmp_path: Path) -> None:
    """More than so many in a minute are told to wait, before the issuer is asked anything."""
    async with citizens(tmp_path, MemoryStore(), person_log_ins_per_minute=3) as made:
        phone = made.phone()
        await phone.http.get("/my/login")
        asked = len(made.issuer.asked)
        answers = [await phone.http.get("/my/callback?state=x&code=y") for _ in range(4)]

    assert [each.status_code for each in answers] == [401, 401, 429, 429]
    assert "操作过于频繁" in answers[-1].text
    assert len(made.issuer.asked) == asked


# ---------------------------------------------------------------- how it ends


async def test_a_session_ends_by_itself(made: Citizens) -> None:
    """After its seconds, to the second, whatever was done meanwhile."""
    phone = made.phone()
    await phone.log_in()
    made.town.clock.now = later(seconds=899)
    inside = await phone.open("/my/consents")
    made.town.clock.now = later(seconds=900)
    phone.http.cookies.jar._now = 0  # type: ignore[attr-defined]  # the browser's own clock does not matter
    outside = await phone.open("/my/consents")

    assert [heading(page) for page in (inside, outside)] == ["我的授权", "我的数据"]
    assert outside.all("a", **{"class": "button main"})


async def test_logging_out_ends_every_copy_of_the_cookie(made: Citizens) -> None:
    """Whoever kept the cookie is outside as well, at the next request."""
    phone, copy = made.phone(), made.phone()
    page = await phone.log_in()
    kept = phone.http.cookies["oncegate_my"]
    left = await phone.press(page, "/my", "leave")
    copy.http.cookies.set("oncegate_my", kept)

    assert "已经退出" in left.text
    assert "oncegate_my" not in phone.http.cookies
    assert heading(await copy.open("/my/consents")) == "我的数据"
    assert await own_session_of(kept, made.town.runtime) is None


async def test_logging_out_needs_a_form_of_ours(made: Citizens) -> None:
    """Another site cannot log somebody out, and neither can a form without its nonce."""
    phone = made.phone()
    await phone.log_in()

    answer = await phone.http.post("/my", data={"step": "leave", "nonce": "0" * 64})

    assert answer.status_code == 403
    assert heading(await phone.open("/my/record")) == "留存的内容"


@pytest.mark.parametrize("cookie", ["", "x", "A" * 4000, "%00", "=.=", "5L2g5aW9"])
async def test_what_is_no_cookie_of_ours_opens_nothing(made: Citizens, cookie: str) -> None:
    """Garbage, another key's, another purpose's: the log-in, and no error."""
    page = await made.phone().http.get(
        "/my/uses", headers={"cookie": f"oncegate_my={cookie}"}, follow_redirects=True
    )

    assert page.status_code == 200
    assert "登录" in page.text


async def test_two_people_on_one_phone_are_two(made: Citizens) -> None:
    """Who logs in after somebody sees their own pages, and nothing of the other's."""
    await made.town.keep(email="ann@example.com")
    phone = made.phone()
    await phone.log_in()
    mine = await phone.open("/my/record")
    await phone.log_in(BOB)
    others = await phone.open("/my/record")

    assert ["person.email" in page.text for page in (mine, others)] == [True, False]


async def test_two_passports_of_one_number_are_two_people(made: Citizens) -> None:
    """The country that the issuer tells is part of the document; one that nobody knows opens nothing."""
    passport, opened = ANN | {"id_type": "414", "id_no": "E12345678"}, []
    for country in ("FRA", "DEU", "FRA", None):
        made.issuer.claims["id_issuer"] = country
        phone = made.phone()
        await phone.log_in(passport)
        session = await own_session_of(phone.http.cookies["oncegate_my"], made.town.runtime)
        opened.append(session and session.ref)
    made.issuer.claims["id_issuer"] = "XYZ"
    refused = await made.phone().way_back(passport)

    assert opened[0] == opened[2]
    assert len(set(opened)) == 3
    assert refused.status_code == 401


async def test_an_address_that_ends_with_a_slash_leads_there_too(made: Citizens) -> None:
    """People type one; the redirect names no host."""
    answer = await made.phone().http.get("/my/", headers={"host": "elsewhere.example"})

    assert (answer.status_code, answer.headers["location"]) == (303, "../my")
