"""`/v1/consent-requests`: what a desk asks for, what is asked of whom, and how the request stands."""

import hashlib
import re
import xml.etree.ElementTree as ET
from typing import Any

import pytest

ANN = {"kind": "person", "id_type": "111", "id_no": "35058219910603996X"}
BOB = {"kind": "person", "id_type": "111", "id_no": "110102199101010078"}
CHILD = {"kind": "person", "id_type": "111", "id_no": "110102202001010075"}
DAY = 24 * 3600


def items_of(told: dict[str, Any]) -> list[str]:
    """The ids of what is asked."""
    return [item["item"] for item in told["items"]]


def codes_of(answer: Any) -> list[str]:
    """What a refusal finds fault with."""
    return [finding["code"] for finding in answer.json()["errors"]]


# ---------------------------------------------------------------- what is asked


async def test_the_items_are_those_of_the_role_that_need_consent(hall: Any) -> None:
    """In form order; none that a duty covers, none that is not shared, none that no source has."""
    told = await hall.ask()

    assert items_of(told) == ["person.name", "person.address", "person.phone", "person.children"]


async def test_each_item_says_what_the_person_must_know(hall: Any) -> None:
    """Name, who provides it, share attribute, sensitivity, necessity, and why, from what is published."""
    name, address, phone, children = (await hall.ask())["items"]

    assert name == {
        "item": "person.name",
        "name": "姓名",
        "name_en": "Name",
        "source_departments": ["公安"],
        "share": "conditional",
        "sensitive": False,
        "about_others": False,
        "necessity": "required",
        "why": "经本人同意，用于家庭登记",
    }
    assert (address["source_departments"], address["necessity"]) == (["公安", "税务"], "optional")
    assert address["share"] == "unconditional"
    assert (phone["sensitive"], children["about_others"]) == (True, True)


async def test_a_role_that_needs_no_consent_is_not_asked(hall: Any) -> None:
    """There is nothing to choose about what a duty covers."""
    answer = await hall.post(role="spouse", subject=BOB)

    assert (answer.status_code, answer.json()["code"]) == (409, "nothing_to_ask")


async def test_the_answer_has_a_link_a_code_and_a_notice(hall: Any) -> None:
    """The link is on our address and unguessable; the code is one SVG that loads nothing; the hash is of the text."""
    told = await hall.ask()

    assert told["state"] == "requested"
    assert told["id"].startswith("crq_")
    assert told["expires_at"] == "2026-11-21T02:18:04.000000Z"
    assert re.fullmatch(r"http://127\.0\.0\.1:8000/c/[\w-]{32}", told["url"])
    svg = ET.fromstring(told["qr_svg"])
    assert svg.tag.endswith("svg")
    assert "href" not in told["qr_svg"]
    assert "url(" not in told["qr_svg"]
    notice = told["notice"]
    assert notice["rendered_sha256"] == hashlib.sha256(notice["text_zh"].encode()).hexdigest()
    assert notice["language"] == "zh-CN"
    for sentence in (
        "家庭登记表",
        "政务服务",
        "随时撤回",
        "24 小时",
        "最多使用 1 次",
        "不影响办理",
        "【敏感个人信息】",
    ):
        assert sentence in notice["text_zh"]


async def test_the_english_notice_is_hashed_when_english_is_asked_for(hall: Any) -> None:
    """The hash is of the text in the language of the request."""
    notice = (await hall.ask(language="en"))["notice"]

    assert notice["rendered_sha256"] == hashlib.sha256(notice["text_en"].encode()).hexdigest()
    assert "Registration of a family" in notice["text_en"]


async def test_the_notice_names_how_to_reach_the_controller(make_hall: Any) -> None:
    """From the settings; the notice names the department that asks (PIPL art. 17)."""
    hall = await make_hall(contacts={"政务服务": "0595-12345"})

    assert "联系方式：0595-12345。" in (await hall.ask())["notice"]["text_zh"]
    await hall.close()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"frequency": {"count": 2, "per_seconds": 30 * DAY}}, "180 天。每 30 天最多使用 2 次"),
        ({"expires_in_seconds": 7 * DAY, "max_uses": 5}, "7 天。最多使用 5 次"),
        ({"data_life_seconds": 90 * DAY}, "自调取之日起最多保存 90 天"),
        ({"mode": "store"}, "另行存入业务系统"),
        ({"case": "350582-2026-000123"}, "办件编号 350582-2026-000123"),
        ({"recipient_departments": ["政务服务", "民政"]}, "其中民政是处理者以外的单位"),
    ],
)
async def test_the_terms_stand_in_the_notice(hall: Any, changes: dict[str, Any], sentence: str) -> None:
    """Period, uses, frequency, how long it is kept, what for, and who receives it, in words."""
    assert sentence in (await hall.ask(**changes))["notice"]["text_zh"]


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"role": "driver"}, "unknown_role"),
        ({"subject": {**ANN, "id_no": "350582199106039960"}}, "check_digit"),
        ({"subject": {"kind": "vehicle", "plate_number": "闽C12345"}}, "wrong_kind"),
        ({"channel": "window"}, "witness_missing"),
        ({"channel": "terminal", "expires_in_seconds": 2 * DAY}, "period"),
        ({"expires_in_seconds": 181 * DAY}, "period"),
        ({"recipient_departments": ["科室 13800138000"]}, "not_a_department"),
        ({"grantor_role": "agent"}, "grantor_missing"),
        ({"subject": CHILD}, "guardian_missing"),
        ({"grantor": BOB}, "grantor_not_as_said"),
    ],
)
async def test_what_cannot_be_asked_is_refused(hall: Any, changes: dict[str, Any], code: str) -> None:
    """Each with its reason and what to do; nobody is asked, and nothing is stored."""
    answer = await hall.post(**changes)

    assert answer.status_code == 422
    assert code in codes_of(answer)
    assert await hall.entries("consent.requested") == []
    assert "3505821991" not in answer.text


@pytest.mark.parametrize(
    ("roles", "status"), [({"consent_desk"}, 201), ({"renderer"}, 201), ({"auditor"}, 403), ({"portal"}, 403)]
)
async def test_only_desks_and_renderers_ask(make_hall: Any, roles: set[str], status: int) -> None:
    """Nobody else makes people's phones ring."""
    hall = await make_hall(roles=frozenset(roles))

    assert (await hall.post()).status_code == status
    await hall.close()


async def test_an_unknown_form_is_not_found(hall: Any) -> None:
    """As everywhere."""
    answer = await hall.post(form={"id": "nothing"})

    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_form")


# ---------------------------------------------------------------- once, and by whom


async def test_the_same_key_asks_once(hall: Any) -> None:
    """Sent twice under one Idempotency-Key it is one request, with the same link."""
    key = {"idempotency-key": "k-1"}
    first, again = [(await hall.post(headers=key)).json() for _ in range(2)]

    assert first == again
    assert len(await hall.entries("consent.requested")) == 1


async def test_a_request_is_read_by_the_department_that_made_it(hall: Any) -> None:
    """With its notice in both languages; an id that is not theirs is no id."""
    told = await hall.ask()

    assert await hall.stands(told["id"]) == told
    missing = await hall.http.get("/v1/consent-requests/crq_0")
    assert (missing.status_code, missing.json()["code"]) == (404, "unknown_consent_request")


async def test_another_department_does_not_see_it(hall: Any) -> None:
    """Not even that it exists."""
    told = await hall.ask()
    await hall.log_in("tax")

    assert (await hall.http.get(f"/v1/consent-requests/{told['id']}")).status_code == 404


async def test_asking_is_an_entry_without_anything_personal(hall: Any) -> None:
    """Who asks whom for what, by references and codes; the case, the witness and the number stand nowhere in clear."""
    told = await hall.ask(case="350582-2026-000123", channel="window", witness="jj-0317")
    (leaf,) = await hall.entries("consent.requested")

    assert leaf["request"] == told["id"]
    assert leaf["items"] == items_of(told)
    assert leaf["recipients"] == ["政务服务"]
    assert leaf["subject"].startswith("sub_")
    stored = await hall.runtime.store.consent_requests.read(told["id"])
    for personal in ("350582", "jj-0317", "996X", told["url"].rsplit("/", 1)[1]):
        assert personal not in str(leaf)
        assert personal not in repr(stored)


# ---------------------------------------------------------------- after a refusal


async def test_what_was_refused_is_not_asked_again(hall: Any) -> None:
    """Left out for 30 days and told; all of it refused is a conflict; after 30 days it may be asked."""
    told, phone, page = await hall.ready()
    await phone.answer(page, "agree", "person.name", "person.address")

    again = await hall.ask()
    assert items_of(again) == ["person.name", "person.address"]
    assert again["not_asked"] == [
        {"item": item, "until": "2026-12-21T02:03:04.000000Z"} for item in ("person.children", "person.phone")
    ]

    phone = hall.phone(again["url"])
    await phone.answer(await phone.confirm(), "refuse")
    refused = await hall.post()
    assert (refused.status_code, refused.json()["code"]) == (409, "refused_recently")
    assert items_of(await hall.ask(initiated_by="subject")) == items_of(told)


async def test_after_the_quiet_time_it_may_be_asked_again(hall: Any) -> None:
    """Thirty days, to the second."""
    _, phone, page = await hall.ready()
    await phone.answer(page, "refuse")

    hall.clock.tick(days=30, seconds=-1)
    await hall.log_in()
    assert (await hall.post()).status_code == 409
    hall.clock.tick(seconds=1)

    assert len(items_of(await hall.ask())) == 4
