"""What a person sees and does on their own pages; on each kind of database where it is written or counted."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest

from field_registry import subject_from
from gateway.retention import erase_subject
from gateway.store import Database, MemoryStore, SqlStore
from gateway.store.migrate import migrate
from policies.retention import ErasureReason
from tests.own_pages import ANN, Citizens, citizens
from tests.profile_town import later, registry

MAIL = "ann.typed.this@example.com"


@pytest.fixture
async def made(tmp_path: Path) -> AsyncIterator[Citizens]:
    """A town in memory."""
    async with citizens(tmp_path, MemoryStore()) as town:
        yield town


@pytest.fixture(params=["memory", "sqlite", pytest.param("postgresql", marks=pytest.mark.servers)])
async def anywhere(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Citizens]:
    """A town over each kind of store."""
    if request.param == "memory":
        async with citizens(tmp_path, MemoryStore()) as town:
            yield town
        return
    url = f"sqlite:///{tmp_path}/oncegate.db"
    if request.param == "postgresql":
        url = str(request.getfixturevalue("postgres_server").new_database())
    migrate(url)
    async with citizens(tmp_path, SqlStore(Database(url)), database_url=url) as town:
        yield town


def said(page: Any) -> str:
    """What the page says was done; "" where it says nothing."""
    found = re.search(r'<div class="done" role="status">\s*<p>(.*?)</p>', page.html)
    return found.group(1) if found else ""


# ---------------------------------------------------------------- uses


async def test_a_use_is_told_in_plain_words(made: Citizens) -> None:
    """Who, when, for what, which items from where, on which ground, and what came of it; in both languages."""
    consent = await made.consent()
    await made.town.resolve(consent=consent)
    await made.signed()
    phone = made.phone()
    await phone.log_in()
    page = await phone.open("/my/uses")

    for words in ("居住登记", "人口基础库：person.name、person.phone", "您的授权", "法定职责：某法 第1条"):
        assert words in page.text
    for words in ("Residence", "your consent", "授权内容未包括此项", "2026-11-21 10:03"):
        assert words in page.text
    assert page.all("a", href=f"consents/{consent}")


async def test_a_refusal_stands_there_too(made: Citizens) -> None:
    """What was wanted and not fetched, with why."""
    await made.town.resolve()
    await made.signed()
    phone = made.phone()
    await phone.log_in()

    page = await phone.open("/my/uses")
    assert "person.phone、person.birth_date（未取得授权）" in page.text


async def test_uses_come_in_pages_and_by_period(made: Citizens) -> None:
    """Newest first, each once, until there is nothing earlier; a period leaves out what came before it."""
    for day in range(0, 50, 2):
        made.town.clock.now = later(days=day)
        await made.town.resolve()
    await made.signed()
    made.now()
    phone = made.phone()
    await phone.log_in()
    page, seen = await phone.open("/my/uses?days=all"), []
    for _ in range(5):
        seen += re.findall(r"<code>(aud_\w+)</code>", page.html)
        older = [each["href"] for each in page.all("a") if "cursor=" in each.get("href", "")]
        if not older:
            break
        page = await phone.open(f"/my/{older[0]}")
    recent = await phone.open("/my/uses?days=30")

    assert len(seen) == len(set(seen)) >= 25
    assert "2026-11-21" in page.text
    assert "2026-11-21" not in recent.text
    assert [each["href"] for each in recent.all("a", **{"aria-current": "true"})] == ["uses?days=30"]


async def test_what_is_no_cursor_of_ours_is_said_on_a_page(made: Citizens) -> None:
    """And so is a period there is not: the usual one is shown."""
    phone = made.phone()
    await phone.log_in()

    assert (await phone.open("/my/uses?cursor=' OR 1=1")).status == 422
    assert (await phone.open("/my/uses?days=9999999999999")).status == 200


# ---------------------------------------------------------------- consents


async def test_a_consent_is_paused_resumed_and_withdrawn_by_one_press_each(anywhere: Citizens) -> None:
    """What came of it is said, the next form obeys, and the entries are those of the interface."""
    made = anywhere
    consent = await made.consent()
    path = f"/my/consents/{consent}"
    phone = made.phone()
    await phone.log_in()
    page = await phone.open("/my/consents")
    outcomes, told = [], []
    for number, step in enumerate(("pause", "resume", "withdraw"), 1):
        made.town.clock.now = later(seconds=number)
        page = await phone.press(page, path, step)
        told.append(said(page))
        field = (await made.town.resolve(consent=consent))["fields"]["phone"]
        outcomes.append(field["outcome"])

    assert outcomes == ["no_ground", "filled", "no_ground"]
    assert [words[:6] for words in told] == ["授权已暂停，", "授权已恢复。", "授权已撤回，"]
    kinds = ("consent.paused", "consent.resumed", "consent.withdrawn")
    leaves = await made.town.entries(*kinds)
    ref = await made.town.ref()
    assert [(leaf["kind"], leaf["caller"], leaf["person"]) for leaf in leaves] == [
        (kind, "person", ref) for kind in kinds
    ]
    assert page.all("button", **{"class": "danger"}) == []


async def test_what_the_person_paused_no_desk_resumes(made: Citizens) -> None:
    """The same rule as for their own token: the desk is refused, the person is not."""
    consent = await made.consent()
    phone = made.phone()
    await phone.log_in()
    page = await phone.press(await phone.open("/my/consents"), f"/my/consents/{consent}", "pause")

    desk = await made.town.http.post(f"/v1/consents/{consent}/resume", headers=made.desk)
    resumed = await phone.press(page, f"/my/consents/{consent}", "resume")

    assert (desk.status_code, desk.json()["code"]) == (403, "paused_by_the_person")
    assert said(resumed) == "授权已恢复。"


async def test_a_consent_shows_how_often_it_was_used(made: Citizens) -> None:
    """Of how many, by whom and when, and what happened to it."""
    consent = await made.consent()
    for _ in range(2):
        await made.town.resolve(consent=consent)
    await made.signed()
    phone = made.phone()
    await phone.log_in()
    page = await phone.open(f"/my/consents/{consent}")

    for words in (
        "Residence",
        "已用 2 次，最多 3 次",
        "共 2 次",
        "2026-12-02 04:00",
        "政务服务",
        "同意",
        consent,
    ):
        assert words in page.text


async def test_a_consent_that_is_used_up_says_so(made: Citizens) -> None:
    """It is still the person's to withdraw, but nobody should believe that something may be fetched on it."""
    consent = await made.consent(max_uses=1)
    await made.town.resolve(consent=consent)
    phone = made.phone()
    await phone.log_in()
    page = await phone.open("/my/consents")

    assert "次数已用完，不再据此调取" in page.text
    assert page.all("button", **{"class": "danger"})


async def test_a_step_that_comes_too_late_is_told(made: Citizens) -> None:
    """The desk has ended it meanwhile: nothing moves, and the page shows how it stands."""
    consent = await made.consent()
    phone = made.phone()
    await phone.log_in()
    page = await phone.open("/my/consents")
    await made.town.http.post(f"/v1/consents/{consent}/withdraw", headers=made.desk)

    late = await phone.press(page, f"/my/consents/{consent}", "pause")

    assert late.status == 409
    assert "状态已经变化" in late.text
    assert "已撤回" in late.text
    assert late.all("button", **{"class": "danger"}) == []


async def test_every_consent_is_listed_those_in_force_first(made: Citizens) -> None:
    """Twenty to a page, whatever their state; none twice."""
    made_ids = [await made.consent(case=f"case-{number}") for number in range(23)]
    ended = await made.consent(case="case-ended")
    await made.town.http.post(f"/v1/consents/{ended}/withdraw", headers=made.desk)
    phone = made.phone()
    await phone.log_in()
    pages = [await phone.open(path) for path in ("/my/consents", "/my/consents?page=2")]
    seen = [each["href"] for page in pages for each in page.all("a") if "/cns_" in each.get("href", "")]

    assert seen == [f"consents/{each}" for each in [*reversed(made_ids), ended]]


# ---------------------------------------------------------------- the record


async def test_the_list_is_masked_and_a_page_shows_one(anywhere: Citizens) -> None:
    """Nothing of a value without a rule, the ends of a phone; all of it on its own page, once that is an entry."""
    made = anywhere
    await made.town.keep(email=MAIL, phone="13900139000")
    phone = made.phone()
    await phone.log_in()
    listed = await phone.open("/my/record")
    before = len(await made.town.entries("profile.read"))
    shown = await phone.open("/my/record/person.email")

    assert "139****9000" in listed.text
    for hidden in (MAIL, "13900139000"):
        assert hidden not in listed.html
    for words in (MAIL, "residence", "居住登记", "2026-11-21", "2027-11-21"):
        assert words in shown.html
    reads = await made.town.entries("profile.read")
    assert [(leaf["shown"], leaf["caller"]) for leaf in reads[before:]] == [(1, "person")]


async def test_a_value_is_corrected_and_the_next_form_has_it(anywhere: Citizens) -> None:
    """In its normal spelling; the old one is gone, and the page says where the change stays."""
    made = anywhere
    await made.town.keep(email=MAIL, born="1991-06-03")
    phone = made.phone()
    await phone.log_in()
    path = "/my/record/person.birth_date"
    page = await phone.press(await phone.open(path), path, "correct", value="1991年6月4日")

    assert "1991-06-04" in page.html
    assert "已经提交的表单和部门登记的内容没有改动" in said(page)
    values = {each["item"]: each["value"] for each in await made.town.profile()}
    assert values == {"person.email": MAIL, "person.birth_date": "1991-06-04"}


async def test_what_is_no_value_of_the_item_changes_nothing(made: Citizens) -> None:
    """The page says so, keeps what was typed, and marks the field."""
    await made.town.keep(phone="13900139000")
    phone = made.phone()
    await phone.log_in()
    path = "/my/record/person.phone"
    pages = [
        await phone.press(await phone.open(path), path, "correct", value=typed)
        for typed in ("12", " ", "1" * 2001)
    ]

    assert [page.status for page in pages] == [422, 422, 422]
    assert pages[0].all("input", **{"aria-invalid": "true"})[0]["value"] == "12"
    assert [each["value"] for each in await made.town.profile()] == ["13900139000"]


async def test_a_value_is_kept_longer(anywhere: Citizens) -> None:
    """From that day on, as long as the registry says; the same value, and an act of its own in the log."""
    made = anywhere
    await made.town.keep(email=MAIL)
    made.town.clock.now = later(days=300)
    made.now()
    phone = made.phone()
    await phone.log_in()
    path = "/my/record/person.email"
    page = await phone.press(await phone.open(path), path, "extend")

    (kept,) = await made.town.profile()
    assert (said(page), kept["value"]) == ("已延长留存。", MAIL)
    assert kept["expires_at"] == "2028-09-16T02:03:04.000000Z"
    assert [leaf["caller"] for leaf in await made.town.entries("profile.kept")] == ["hall", "person"]


async def test_a_value_is_deleted_by_one_press(anywhere: Citizens) -> None:
    """The next form asks for it again, and its page does not exist any more."""
    made = anywhere
    await made.town.keep(email=MAIL)
    phone = made.phone()
    await phone.log_in()
    path = "/my/record/person.email"
    page = await phone.press(await phone.open(path), path, "delete")

    assert said(page).startswith("已删除")
    assert (await phone.open(path)).status == 404
    assert (await made.town.resolve("school"))["fields"]["email"]["outcome"] == "not_found"
    assert len(await made.town.entries("profile.deleted")) == 1


async def test_a_register_that_differs_is_shown(made: Citizens) -> None:
    """Which one, since when, and that the next forms follow it; to keep the value longer is not offered."""
    await made.town.keep(email=MAIL)
    made.town.clock.now = later(days=2)
    await made.town.publish(registry("person.phone", "person.email"))
    await made.town.resolve()
    made.now()
    phone = made.phone()
    await phone.log_in()
    page = await phone.open("/my/record/person.email")

    assert "公安的“人口基础库”在 2026-11-23 登记的和这里不一样" in page.text
    assert "register@example.com" not in page.html
    assert "留存更久" not in page.text
    assert "人口基础库登记的不一样" in (await phone.open("/my/record")).text


# ---------------------------------------------------------------- disputes


async def test_a_value_of_a_use_is_disputed_and_answered(anywhere: Citizens) -> None:
    """From the use to the ticket, withheld meanwhile, answered in words, and counted among what is new."""
    made = anywhere
    await made.town.resolve()
    await made.signed()
    phone = made.phone()
    await phone.log_in()
    page = await phone.open("/my/uses")
    (wrong,) = [each["href"] for each in page.all("a") if each.get("href", "").endswith("/wrong")]
    path = f"/my/{wrong}"
    form = await phone.open(path)
    ticket = await phone.press(
        form, path, "dispute", value="name", reason="字写错了", own="陈大满", evidence="户口簿"
    )

    for words in ("正在核实", "公安", "陈小满", "陈大满", "字写错了", "户口簿", "2026-11-27"):
        assert words in ticket.text
    assert said(ticket).startswith("已收到您的异议")
    assert (await made.town.resolve())["fields"]["name"]["outcome"] == "disputed"
    assert "1 件正在核实" in (await phone.open("/my")).text

    (leaf,) = await made.town.entries("dispute.opened")
    assert (leaf["actor"], leaf["subject"]) == ("applicant", await made.town.ref())
    ticket_id = leaf["request"]
    await made.town.http.post(
        f"/v1/disputes/{ticket_id}/uphold", json={"reason": "底册即为陈小满。"}, headers=made.office
    )
    answered = await phone.open("/my/disputes")
    assert "经核实，原内容无误" in answered.text
    assert "底册即为陈小满。" in answered.text


async def test_a_dispute_is_taken_back(anywhere: Citizens) -> None:
    """By one press; the value is offered again."""
    made = anywhere
    ticket, phone = await disputed(made)
    path = f"/my/disputes/{ticket}"
    page = await phone.press(await phone.open(path), path, "take-back")

    assert said(page) == "异议已撤回。"
    assert (await made.town.resolve())["fields"]["name"]["outcome"] == "filled"
    assert [leaf["person"] for leaf in await made.town.entries("dispute.withdrawn")] == [
        await made.town.ref()
    ]


async def test_the_same_said_twice_is_one_dispute(made: Citizens) -> None:
    """Whoever presses twice is shown the one there is, and told so."""
    ticket, phone = await disputed(made)
    use = await use_of(phone)
    again = await phone.press(await phone.open(use), use, "dispute", value="name", reason="还是不对")

    assert said(again).startswith("这一项已经有一件")
    assert [leaf["request"] for leaf in await made.town.entries("dispute.opened")] == [ticket]


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"reason": "不对"}, "请选择是哪一项不对"),
        ({"value": "phone", "reason": "不对"}, "请选择是哪一项不对"),
        ({"value": "name", "reason": " "}, "请写明哪里不对"),
        ({"value": "name", "reason": "x" * 1001}, "请写明哪里不对"),
        ({"value": "name", "reason": "不对", "evidence": "y" * 501}, "凭据最多写"),
    ],
)
async def test_half_a_dispute_is_none(made: Citizens, typed: dict[str, str], words: str) -> None:
    """What lacks is said, what was typed stays, nothing is written."""
    await made.town.resolve()
    await made.signed()
    phone = made.phone()
    await phone.log_in()
    use = await use_of(phone)

    page = await phone.press(await phone.open(use), use, "dispute", **typed)

    assert page.status == 422
    assert words in page.text
    assert typed["reason"].strip()[:2] in page.text
    assert await made.town.entries("dispute.opened") == []


async def test_what_one_keeps_oneself_is_corrected_not_disputed(made: Citizens) -> None:
    """A value of the person's own record is not among those that a department is asked about."""
    await made.town.keep(email=MAIL)
    await made.town.resolve()
    await made.signed()
    phone = made.phone()
    await phone.log_in()
    page = await phone.open(await use_of(phone))

    assert [each["value"] for each in page.all("input", type="radio")] == ["name"]


# ---------------------------------------------------------------- whoever is no more, and every page


async def test_an_erased_person_finds_nothing(anywhere: Citizens) -> None:
    """In a session that was open before, and in a new one: no page shows a value, none fails, nothing can be kept."""
    made = anywhere
    await made.town.keep(email=MAIL)
    consent = await made.consent()
    path = "/my/record/person.email"
    before, after = made.phone(), made.phone()
    await before.log_in()
    form = await before.open(path)
    await erase_subject(subject_from(ANN), ErasureReason.court_order, made.town.runtime, caller="security")
    await after.log_in()
    kept = [await before.press(form, path, step) for step in ("correct", "extend", "delete")]
    for phone in (before, after):
        for each in ("/my", "/my/uses", "/my/consents", "/my/record", "/my/disputes"):
            page = await phone.open(each)
            assert (page.status, MAIL in page.html) == (200, False), each

    assert {page.status for page in kept} <= {404, 410, 422}
    assert (await before.open(f"/my/consents/{consent}")).status in (404, 410)


async def test_every_page_has_the_strict_headers(made: Citizens) -> None:
    """No script, nothing from elsewhere, no frame, no referrer, no copy; also where something is refused."""
    await made.town.keep(email=MAIL)
    consent = await made.consent()
    phone = made.phone()
    outside = await phone.open("/my")
    await phone.log_in()
    paths = ("/my", "/my/uses", "/my/consents", f"/my/consents/{consent}", "/my/record")
    pages = {path: await phone.open(path) for path in (*paths, "/my/record/none.none", "/my/disputes")}

    for path, page in {**pages, "": outside}.items():
        assert page.headers["content-security-policy"].startswith("default-src 'none'; style-src 'self'")
        assert page.headers.get_list("cache-control") == ["no-store"]
        assert page.headers.get_list("referrer-policy") == ["no-referrer"]
        assert page.all("script") == []
        assert re.findall(r"https?:|//|\son[a-z]+=|\sstyle=", page.html.replace("<!doctype", "")) == []
        assert len(page.all("h1")) == len(page.all("main")) == 1
        ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
        assert len(ids) == len(set(ids))
        sheet = urljoin("/my" if page is outside else path, page.all("link")[0]["href"])
        assert (await phone.http.get(sheet)).status_code == 200


async def test_the_pages_work_below_a_path_of_their_host(tmp_path: Path) -> None:
    """Every link, form and style sheet is relative: a proxy may take the path in front off, and nothing leads out."""
    async with citizens(tmp_path, MemoryStore(), public_url="https://hall.example.gov.cn/once") as made:
        consent = await made.consent()
        phone = made.phone()
        pages = [await phone.open("/my/consents"), await phone.log_in(to="consents")]
        pages += [await phone.open(path) for path in ("/my", f"/my/consents/{consent}")]
        paused = await phone.press(pages[-1], f"/my/consents/{consent}", "pause")
        left = await phone.press(pages[2], "/my", "leave")

    assert [page.status for page in pages] == [200] * 4
    assert (said(paused)[:6], said(left)[:4]) == ("授权已暂停，", "已经退出")
    for page in [*pages, paused, left]:
        places = re.findall(r'(?:href|action)="([^"]*)"', page.html)
        assert places
        assert not [each for each in places if each.startswith("/") or ":" in each]


# ---------------------------------------------------------------- helpers


async def use_of(phone: Any) -> str:
    """The form of the newest use in which something may be wrong."""
    page = await phone.open("/my/uses")
    return next(f"/my/{each['href']}" for each in page.all("a") if each.get("href", "").endswith("/wrong"))


async def disputed(made: Citizens) -> tuple[str, Any]:
    """Ann's phone, and the ticket she has opened about her name."""
    await made.town.resolve()
    await made.signed()
    phone = made.phone()
    await phone.log_in()
    use = await use_of(phone)
    await phone.press(await phone.open(use), use, "dispute", value="name", reason="写错了")
    (leaf,) = await made.town.entries("dispute.opened")
    return str(leaf["request"]), phone
