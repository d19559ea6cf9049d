"""`/c/{token}`: a person confirms that it is them, reads, agrees, refuses, puts it off, and takes it back."""

import asyncio
import hashlib
from typing import Any

import pytest

ANN = {"kind": "person", "id_type": "111", "id_no": "35058219910603996X"}
BOB = {"kind": "person", "id_type": "111", "id_no": "110102199101010078"}
CHILD = {"kind": "person", "id_type": "111", "id_no": "110102202001010075"}
EVERYTHING = ("person.name", "person.address", "person.phone", "person.children")
BOTH_ACTS = ("sensitive", "others")


def shown(page: Any) -> str:
    """The first heading, in Chinese."""
    return str(page.text_of("h1")[0].split(" ")[0])


# ---------------------------------------------------------------- who is it


async def test_nothing_is_shown_before_the_person_confirms(hall: Any) -> None:
    """Neither the matter nor the items, the department or the case: somebody may have found the phone."""
    told = await hall.ask(case="case-77")
    page = await hall.phone(told["url"]).open()

    assert (page.status, shown(page)) == (200, "请先确认是您本人")
    for word in ("家庭登记", "姓名", "公安", "政务服务", "case-77", told["id"]):
        assert word not in page.text


@pytest.mark.parametrize("typed", ["996X", "996x", " 996x ", "９９６Ｘ", "99 6X"])
async def test_the_right_characters_open_it_however_they_are_typed(hall: Any, typed: str) -> None:
    """Small letters, full-width digits and spaces are what phones make of them."""
    told = await hall.ask()

    page = await hall.phone(told["url"]).confirm(typed)

    assert (page.status, shown(page)) == (200, "是否同意调取您的信息")


@pytest.mark.parametrize("typed", ["", "0000", "96X", "0996X", "\x00", "🙂" * 4, "9" * 5000])
async def test_wrong_characters_open_nothing(hall: Any, typed: str) -> None:
    """The page says how often one may still try, and nothing else."""
    told = await hall.ask()

    page = await hall.phone(told["url"]).confirm(typed)

    assert (page.status, shown(page)) == (403, "请先确认是您本人")
    assert "还可以再试 4 次" in page.text
    assert "家庭登记" not in page.text


async def test_five_wrong_tries_end_the_request(hall: Any) -> None:
    """The fifth invalidates it, with an entry; the right characters come too late, in every browser."""
    told = await hall.ask()
    phone = hall.phone(told["url"])

    pages = [await phone.confirm(f"000{number}") for number in range(5)]
    late = await hall.phone(told["url"]).confirm()

    assert [page.status for page in pages] == [403, 403, 403, 403, 410]
    assert (late.status, shown(late)) == (410, "链接已失效")
    assert (await hall.stands(told["id"]))["state"] == "invalidated"
    (leaf,) = await hall.entries("consent.request_invalidated")
    assert leaf["request"] == told["id"]


async def test_guesses_sent_all_at_once_gain_nothing(hall: Any) -> None:
    """Of forty phones that guess in parallel five are heard."""
    told = await hall.ask()

    pages = await asyncio.gather(*(hall.phone(told["url"]).confirm(f"{number:04d}") for number in range(40)))

    assert sum(page.status == 403 for page in pages) <= 5
    assert (await hall.stands(told["id"]))["state"] == "invalidated"


async def test_a_grantor_confirms_by_their_own_number(hall: Any) -> None:
    """Who answers for somebody else types the last of their own document."""
    relationship = {"kind": "birth_certificate", "reference": "B-1"}
    told = await hall.ask(
        subject=CHILD, grantor=BOB, grantor_role="guardian", relationship_evidence=relationship
    )
    phone = hall.phone(told["url"])

    assert (await phone.confirm("0075")).status == 403
    page = await phone.confirm("0078")
    assert page.status == 200
    assert "由监护人代为决定" in page.text


@pytest.mark.parametrize("path", ["/c/nothing", f"/c/{'a' * 32}", "/c/%00", "/c/%F0%9F%99%82", "/c/' OR 1=1"])
async def test_an_unknown_link_is_a_page_that_says_so(hall: Any, path: str) -> None:
    """Whatever stands in it."""
    page = await hall.phone(path).open()

    assert (page.status, shown(page)) == (404, "链接无效")


async def test_a_link_dies_after_its_minutes(hall: Any) -> None:
    """At its very end neither confirming nor answering works any more, and nothing was recorded."""
    told, phone, page = await hall.ready()
    hall.clock.tick(minutes=15)

    answered = await phone.answer(page, "agree", "person.name")
    opened = await hall.phone(told["url"]).open()
    confirmed = await hall.phone(told["url"]).confirm()

    assert [each.status for each in (answered, opened, confirmed)] == [410, 410, 410]
    await hall.log_in()
    assert (await hall.stands(told["id"]))["state"] == "expired"
    assert await hall.entries("consent.given", "consent.refused") == []


# ---------------------------------------------------------------- the page with the notice


async def test_the_text_on_the_page_is_the_text_that_is_hashed(hall: Any) -> None:
    """Line by line what the person sees, in both languages; its hash is the one the desk was told."""
    told, _, page = await hall.ready()
    # Headings, list items and the title of the notice, in their order on the page, until the form begins.
    pairs = zip(page.elements, page.texts, strict=True)
    texts = [
        "".join(text)
        for (tag, attributes), text in pairs
        if tag in ("h2", "h3", "li") and not attributes.get("class")
    ]
    lines = told["notice"]["text_zh"].split("\n")

    assert texts[: len(lines)] == lines
    joined = "\n".join(texts[: len(lines)]).encode()
    assert hashlib.sha256(joined).hexdigest() == told["notice"]["rendered_sha256"]
    english = told["notice"]["text_en"].split("\n")
    assert texts[len(lines) : len(lines) + len(english)] == english


async def test_nothing_is_ticked_beforehand(hall: Any) -> None:
    """Neither items nor separate agreements: silence is no consent."""
    _, _, page = await hall.ready()
    boxes = page.all("input", type="checkbox")

    assert [box["value"] for box in boxes] == [*EVERYTHING, *BOTH_ACTS]
    assert [box for box in boxes if "checked" in box] == []


async def test_one_button_ticks_what_is_general_and_nothing_else(hall: Any) -> None:
    """It records nothing; sensitive items and those about others stay for the person to tick."""
    told, phone, page = await hall.ready()

    ticked = await phone.answer(page, "tick", "person.phone")

    boxes = {box["value"] for box in ticked.all("input", type="checkbox") if "checked" in box}
    assert boxes == {"person.name", "person.address", "person.phone"}
    unasked = await phone.answer(page, "tick")
    assert {box["value"] for box in unasked.all("input") if "checked" in box} == {
        "person.name",
        "person.address",
    }
    assert (await hall.stands(told["id"]))["state"] == "requested"


async def test_no_button_agrees_to_everything(hall: Any) -> None:
    """The buttons are: tick what is general, agree to what is ticked, refuse, later."""
    _, _, page = await hall.ready()

    assert [button.get("value") for button in page.all("button")] == ["tick", "agree", "refuse", "later"]


# ---------------------------------------------------------------- answers


async def test_agreeing_records_a_consent_with_its_evidence(hall: Any) -> None:
    """What was ticked is permitted, the rest denied; notice, method, time of confirmation, acts and request stand in it."""
    told, phone, page = await hall.ready(case="case-77", channel="window", witness="jj-0317")
    hall.clock.tick(seconds=30)

    result = await phone.answer(page, "agree", "person.name", "person.phone", act=("sensitive",))

    assert (result.status, shown(result)) == (200, "已记录您的同意")
    stands = await hall.stands(told["id"])
    consent = await hall.consent(stands["consent"])
    assert stands["state"] == consent["state"] == "given"
    assert {item["item"]: item["permit"] for item in consent["items"]} == {
        "person.name": True,
        "person.address": False,
        "person.phone": True,
        "person.children": False,
    }
    assert consent["notice"] | {"id": ""} == {
        "id": "",
        "version": 1,
        "language": "zh-CN",
        "rendered_sha256": told["notice"]["rendered_sha256"],
        "shown_at": "2026-11-21T02:03:04.000000Z",
        "channel": "window",
    }
    evidence = consent["evidence"]
    assert (evidence["method"], evidence["witness"]) == ("qr", "jj-0317")
    assert evidence["authenticated_at"] == "2026-11-21T02:03:04.000000Z"
    assert [(act["topic"], act["at"]) for act in consent["acts"]] == [
        ("sensitive", "2026-11-21T02:03:34.000000Z")
    ]
    assert (consent["request"], consent["case"], consent["max_uses"]) == (told["id"], "case-77", 1)
    assert consent["expires_at"] == "2026-11-22T02:03:34.000000Z"


async def test_the_result_tells_the_number_and_how_to_withdraw(hall: Any) -> None:
    """What was agreed to, what the person fills in, and a button that takes it back."""
    told, phone, page = await hall.ready()

    result = await phone.answer(page, "agree", "person.name")

    assert (await hall.stands(told["id"]))["consent"] in result.text
    agreed, by_hand = result.text_of("dd")[1:3]
    assert agreed == "姓名 Name"
    assert by_hand == "住址 Address联系电话 Phone子女 Children"
    assert "撤回授权" in result.text


@pytest.mark.parametrize(
    ("permit", "acts", "missing"),
    [
        (("person.phone",), (), True),
        (("person.phone",), ("others",), True),
        (("person.phone",), ("sensitive",), False),
        (("person.children",), ("sensitive",), True),
        (("person.children",), ("others",), False),
        (EVERYTHING, ("sensitive",), True),
        (EVERYTHING, BOTH_ACTS, False),
        (("person.name", "person.address"), (), False),
    ],
)
async def test_what_is_agreed_to_separately_needs_its_own_tick(
    hall: Any, permit: tuple[str, ...], acts: tuple[str, ...], missing: bool
) -> None:
    """Sensitive items and those about others: one tick for everything never does; what was ticked stays ticked."""
    told, phone, page = await hall.ready()

    result = await phone.answer(page, "agree", *permit, act=acts)

    assert result.status == (422 if missing else 200)
    assert (await hall.stands(told["id"]))["state"] == ("requested" if missing else "given")
    if missing:
        assert "单独同意" in result.text_of("div")[0]
        assert {box["value"] for box in result.all("input") if "checked" in box} == {*permit, *acts}


async def test_each_separate_act_has_an_id_of_its_own(hall: Any) -> None:
    """Two topics, two acts."""
    told, phone, page = await hall.ready()
    await phone.answer(page, "agree", *EVERYTHING, act=BOTH_ACTS)

    acts = (await hall.consent((await hall.stands(told["id"]))["consent"]))["acts"]

    assert [act["topic"] for act in acts] == list(BOTH_ACTS)
    assert len({act["act_id"] for act in acts}) == 2


async def test_a_guardian_agrees_for_a_child_in_an_act_of_its_own(hall: Any) -> None:
    """Even to what is general; the consent says who agreed and by what right (PIPL art. 31)."""
    relationship = {"kind": "birth_certificate", "reference": "B-1"}
    told = await hall.ask(
        subject=CHILD, grantor=BOB, grantor_role="guardian", relationship_evidence=relationship
    )
    phone = hall.phone(told["url"])
    page = await phone.confirm("0078")

    assert (await phone.answer(page, "agree", "person.name")).status == 422
    assert (await phone.answer(page, "agree", "person.name", act=("minor",))).status == 200

    consent = await hall.consent((await hall.stands(told["id"]))["consent"])
    assert consent["grantor_role"] == "guardian"
    assert consent["grantor_ref"] not in (None, consent["subject"]["ref"])
    assert consent["relationship_evidence"]["reference"] == "B-1"


async def test_agreeing_to_nothing_is_no_answer(hall: Any) -> None:
    """The page asks to tick something or to refuse."""
    told, phone, page = await hall.ready()

    result = await phone.answer(page, "agree")

    assert result.status == 422
    assert "您还没有勾选任何一项" in result.text
    assert (await hall.stands(told["id"]))["state"] == "requested"


async def test_only_what_was_asked_for_can_be_agreed_to(hall: Any) -> None:
    """An item smuggled into the form is not in the consent."""
    told, phone, page = await hall.ready()
    await phone.answer(page, "agree", "person.name", "person.secret", "person.sex")

    consent = await hall.consent((await hall.stands(told["id"]))["consent"])

    assert [item["item"] for item in consent["items"]] == list(EVERYTHING)


async def test_refusing_is_recorded_and_harmless(hall: Any) -> None:
    """Every item denied, whatever was ticked; an entry tells it; the page says that the form is filled by hand."""
    told, phone, page = await hall.ready()

    result = await phone.answer(page, "refuse", "person.name")

    assert (result.status, shown(result)) == (200, "已记录：您不同意")
    assert "由您自己填写，不影响办理" in result.text
    stands = await hall.stands(told["id"])
    assert (stands["state"], stands["url"]) == ("refused", None)
    consent = await hall.consent(stands["consent"])
    assert {item["permit"] for item in consent["items"]} == {False}
    assert len(await hall.entries("consent.refused")) == 1


async def test_putting_it_off_records_no_consent(hall: Any) -> None:
    """An entry tells it; the person may be asked again at once."""
    told, phone, page = await hall.ready()

    result = await phone.answer(page, "later", "person.name")

    assert (result.status, shown(result)) == (200, "已记录：以后再说")
    stands = await hall.stands(told["id"])
    assert (stands["state"], stands["consent"]) == ("deferred", None)
    (leaf,) = await hall.entries("consent.deferred")
    assert leaf["request"] == told["id"]
    assert len((await hall.ask())["items"]) == 4


# ---------------------------------------------------------------- twice, and from elsewhere


@pytest.mark.parametrize("decision", ["agree", "refuse", "later"])
async def test_an_answer_sent_twice_is_one(hall: Any, decision: str) -> None:
    """The same page, the same consent, one entry."""
    told, phone, page = await hall.ready()

    first = await phone.answer(page, decision, "person.name")
    again = await phone.answer(page, decision, "person.name")

    assert again.html == first.html
    assert len(await hall.entries("consent.given", "consent.refused", "consent.deferred")) == 1
    assert (await hall.stands(told["id"]))["state"] != "requested"


async def test_answers_sent_at_once_come_to_one(hall: Any) -> None:
    """Agreeing in one tab and refusing in another: whichever came first counts, everywhere."""
    told, phone, page = await hall.ready()

    await asyncio.gather(
        *(phone.answer(page, decision, "person.name") for decision in ("agree", "refuse", "later") * 4)
    )

    kinds = await hall.entries("consent.given", "consent.refused", "consent.deferred")
    assert len(kinds) == 1
    state = (await hall.stands(told["id"]))["state"]
    assert kinds[0]["kind"] == f"consent.{state}"


async def test_the_link_is_dead_once_answered(hall: Any) -> None:
    """Another browser sees nothing of it; the one that answered sees what it came to."""
    told, phone, page = await hall.ready()
    await phone.answer(page, "agree", "person.name")

    stranger = hall.phone(told["url"])
    assert [(await stranger.open()).status, (await stranger.confirm()).status] == [410, 410]
    assert shown(await phone.open()) == "已记录您的同意"


async def test_a_form_needs_the_session_it_was_made_for(hall: Any) -> None:
    """Without the cookie, with another request's, or with a forged nonce it says who are you, and records nothing."""
    told, phone, page = await hall.ready()
    _, other, other_page = await hall.ready()
    form = page.form("answer")
    tries = [
        (hall.phone(told["url"]), form),
        (phone, form | {"nonce": "0" * 64}),
        (phone, form | {"nonce": "甲" * 64}),
        (phone, form | {"shown_at": "1"}),
        (phone, other_page.form("answer")),
        (phone, {"step": "withdraw", "nonce": form["nonce"]}),
        (phone, {"step": "nothing", "nonce": form["nonce"]}),
        (phone, {}),
    ]
    other.http.cookies.clear()

    pages = [await who.send(**fields, decision="agree", permit="person.name") for who, fields in tries]

    assert [(each.status, shown(each)) for each in pages] == [(403, "请先确认是您本人")] * len(tries)
    assert (await hall.stands(told["id"]))["state"] == "requested"


@pytest.mark.parametrize(
    "cookie",
    ["", "nonsense", "1.2.3", "9999999999999.aa.bb", "甲.乙.丙", "." * 3000],
)
async def test_a_made_up_session_is_none(hall: Any, cookie: str) -> None:
    """Whatever stands in the cookie, the page asks who it is."""
    told = await hall.ask()
    phone = hall.phone(told["url"])

    answer = await phone.http.get(phone.path, headers={b"cookie": f"oncegate_c={cookie}".encode()})

    assert answer.status_code == 200
    assert "家庭登记" not in answer.text


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({"content-type": "application/json"}, b"{}", 400),
        ({"content-type": "multipart/form-data; boundary=x"}, b"--x--", 400),
        ({}, b"step=confirm", 400),
        ({"content-type": "application/x-www-form-urlencoded"}, b"step=%FF", 400),
        ({"content-type": "application/x-www-form-urlencoded"}, "step=确认".encode(), 400),
        ({"content-type": "application/x-www-form-urlencoded"}, b"a=1&" * 2000, 400),
        ({"content-type": "application/x-www-form-urlencoded"}, b"a=" + b"1" * 70_000, 413),
    ],
)
async def test_what_is_no_form_of_ours_is_refused(
    hall: Any, headers: dict[str, str], body: bytes, status: int
) -> None:
    """As a page, and counted as no try."""
    told = await hall.ask()
    phone = hall.phone(told["url"])

    answer = await phone.http.post(phone.path, content=body, headers=headers)

    assert answer.status_code == status
    assert "<h1>" in answer.text
    stored = await hall.runtime.store.consent_requests.read(told["id"])
    assert stored.failures == 0


# ---------------------------------------------------------------- taking it back


async def test_withdrawing_is_one_press_on_the_same_page(hall: Any) -> None:
    """At once, with its entry; pressing twice is harmless, and the page says so from then on."""
    told, phone, page = await hall.ready()
    result = await phone.answer(page, "agree", "person.name")

    pages = [await phone.withdraw(result), await phone.withdraw(result), await phone.open()]

    assert [(each.status, shown(each)) for each in pages] == [(200, "授权已撤回")] * 3
    assert pages[0].all("button") == []
    consent = await hall.consent((await hall.stands(told["id"]))["consent"])
    assert consent["state"] == "withdrawn"
    assert len(await hall.entries("consent.withdrawn")) == 1


async def test_the_page_shows_what_the_desk_did_meanwhile(hall: Any) -> None:
    """Ended elsewhere: the button says that it moved, and the page shows how it stands."""
    told, phone, page = await hall.ready()
    result = await phone.answer(page, "agree", "person.name")
    consent_id = (await hall.stands(told["id"]))["consent"]
    await hall.http.post(f"/v1/consents/{consent_id}/invalidate", json={"reason": "wrong person"})

    assert shown(await phone.open()) == "授权已结束"
    assert (await phone.withdraw(result)).status == 409


async def test_the_session_ends_with_the_minutes_of_the_link(hall: Any) -> None:
    """Then the page shows nothing of what was answered: the phone may be somebody else's."""
    _, phone, page = await hall.ready()
    await phone.answer(page, "agree", "person.name")
    hall.clock.tick(minutes=15)

    assert (await phone.open()).status == 410


# ---------------------------------------------------------------- when it cannot be recorded


async def test_an_outage_is_a_page_that_says_so(hall: Any) -> None:
    """Nothing is recorded, and the person is told to fill in by hand or to try again."""
    from gateway.store import Database, SqlStore

    told, phone, _ = await hall.ready()
    away = SqlStore(Database("postgresql+psycopg://postgres@127.0.0.1:1/oncegate"))
    hall.runtime.store = away

    page = await phone.open()
    await away.close()

    assert (page.status, shown(page)) == (503, "暂时无法办理")
    assert told["id"] not in page.text
