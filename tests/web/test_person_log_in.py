"""Where an issuer of persons is set, a link opens for whom the issuer names, and for nobody else."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest

from tests.issuer import Issuer, served

ANN_SAID = {"id_no": "35058219910603996X", "acr": "substantial"}
BOB_SAID = {"id_no": "110102199101010078"}
EVERYTHING = ("person.name", "person.address", "person.phone", "person.children")
BOTH_ACTS = ("sensitive", "others")


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    """An issuer of persons, before anybody has logged in."""
    made = Issuer()
    async with served(made):
        yield made


@pytest.fixture
async def hall(make_hall: Any, issuer: Issuer) -> AsyncIterator[Any]:
    """A hall whose links are opened by a log-in at that issuer; Ann logs in."""
    made = await make_hall(person_oidc_issuer=issuer.url, allow_private_addresses=True)
    issuer.now = int(made.clock().timestamp())
    issuer.claims = ANN_SAID | {"auth_time": issuer.now}
    yield made
    await made.app.state.person_log_in.close()
    await made.close()


class Browser:
    """A phone's browser on one link, which goes to the issuer and comes back."""

    def __init__(self, hall: Any, issuer: Issuer, url: str) -> None:
        self.phone, self.issuer, self._url = hall.phone(url), issuer, url

    async def begin(self) -> str:
        """Press the button: where it leads."""
        page = await self.phone.open()
        (button,) = page.all("a", **{"class": "button main"})
        answer = await self.phone.http.get(button["href"].replace("../", "/"))
        assert answer.status_code == 303, answer.text
        return str(answer.headers["location"])

    async def finish(self, location: str, **changes: str) -> Any:
        """Log in there and come back."""
        state = parse_qs(urlsplit(location).query)["state"][0]
        query = {"state": state, "code": self.issuer.authorize(location)} | changes
        return await self.phone.http.get("/confirm/callback", params=query)

    async def log_in(self) -> Any:
        """Both."""
        return await self.finish(await self.begin())


async def test_whom_the_issuer_names_may_agree_and_the_record_says_how(hall: Any, issuer: Issuer) -> None:
    """The link opens after the log-in; the consent says by whom and how surely the person was known."""
    told = await hall.ask()
    browser = Browser(hall, issuer, told["url"])

    back = await browser.log_in()
    page = await browser.phone.open()
    await browser.phone.answer(page, "agree", *EVERYTHING, act=BOTH_ACTS)
    stands = await hall.stands(told["id"])
    consent = await hall.consent(stands["consent"])

    assert back.status_code == 200
    assert stands["state"] == "given"
    assert consent["evidence"]["assurance"] == "oidc:substantial"


async def test_the_page_that_comes_back_leads_on_without_script(hall: Any, issuer: Issuer) -> None:
    """A page of ours takes the browser on, for the cookie it sets is not sent on a way that began elsewhere."""
    told = await hall.ask()
    back = await Browser(hall, issuer, told["url"]).log_in()
    token = urlsplit(told["url"]).path.rsplit("/", 1)[1]
    cookies = back.headers.get_list("set-cookie")

    assert f'content="0; url=../c/{token}"' in back.text
    assert [each for each in cookies if each.startswith("oncegate_c=") and "SameSite=strict" in each]
    assert [each for each in cookies if each.startswith("oncegate_l=") and "Max-Age=0" in each]


async def test_the_last_four_characters_open_nothing(hall: Any) -> None:
    """Whoever made the link knows them; where there is a log-in they are not even asked for."""
    told = await hall.ask()

    page = await hall.phone(told["url"]).confirm("996X")

    assert page.status == 403
    assert page.all("input", name="typed") == []
    assert "家庭登记" not in page.text


async def test_somebody_else_sees_nothing_and_five_of_them_end_it(hall: Any, issuer: Issuer) -> None:
    """A wrong person is told so, noted without a name, and counted as wrong characters are."""
    told = await hall.ask()
    issuer.claims |= BOB_SAID
    backs = [await Browser(hall, issuer, told["url"]).log_in() for _ in range(4)]
    before = (await hall.stands(told["id"]))["state"]
    await Browser(hall, issuer, told["url"]).log_in()
    issuer.claims |= ANN_SAID
    reasons = [entry["reason"] for entry in await hall.entries("person.refused")]

    assert [back.status_code for back in backs] == [403] * 4
    assert not [back for back in backs if "家庭登记" in back.text or "oncegate_c" in str(back.headers)]
    assert (before, (await hall.stands(told["id"]))["state"]) == ("requested", "invalidated")
    assert len(reasons) == 5
    assert set(reasons) == {"somebody_else"}


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"acr": "low"}, "assurance_too_low"),
        ({"acr": ...}, "assurance_too_low"),
        ({"auth_time": ...}, "login_too_old"),
        ({"nonce": "another"}, "nonce_wrong"),
        ({"aud": "somebody-else"}, "audience_wrong"),
    ],
)
async def test_a_log_in_that_is_not_sure_enough_opens_nothing(
    hall: Any, issuer: Issuer, claims: dict[str, Any], reason: str
) -> None:
    """Too low a level, nobody knows when, or a token for another: refused with its reason in the log."""
    told = await hall.ask()
    issuer.claims |= claims

    back = await Browser(hall, issuer, told["url"]).log_in()

    assert (back.status_code, "oncegate_c=" in str(back.headers)) == (401, False)
    assert [entry["reason"] for entry in await hall.entries("person.refused")] == [reason]


async def test_an_old_log_in_does_not_do(hall: Any, issuer: Issuer) -> None:
    """Whoever logged in hours ago may have left the phone on a table."""
    told = await hall.ask()
    issuer.claims |= {"auth_time": issuer.now - int(timedelta(hours=2).total_seconds())}

    assert (await Browser(hall, issuer, told["url"]).log_in()).status_code == 401


async def test_a_way_back_counts_once_and_in_its_own_browser(hall: Any, issuer: Issuer) -> None:
    """Neither replayed, nor in a browser that did not set out, nor for a log-in of operators."""
    told = await hall.ask()
    one, other = (Browser(hall, issuer, told["url"]) for _ in range(2))
    there = await one.begin()
    stolen = await other.finish(there)
    first = await one.finish(there)
    again = await one.finish(there)

    assert [answer.status_code for answer in (stolen, first, again)] == [401, 200, 401]


async def test_one_persons_log_in_opens_no_other_link(hall: Any, issuer: Issuer) -> None:
    """The link travels sealed in the cookie: who logged in for one request is asked again for the next."""
    first, second = await hall.ask(), await hall.ask(case="case-2")
    browser = Browser(hall, issuer, first["url"])
    await browser.log_in()
    other = await browser.phone.http.get(urlsplit(second["url"]).path)

    assert "家庭登记" not in other.text
    assert (await hall.stands(second["id"]))["state"] == "requested"


async def test_a_guardian_logs_in_as_themself(hall: Any, issuer: Issuer) -> None:
    """Who answers for a child is who has to log in."""
    child = {"kind": "person", "id_type": "111", "id_no": "110102202001010075"}
    guardian = {"kind": "person", "id_type": "111", "id_no": "35058219910603996X"}
    shown = {"kind": "household_register", "reference": "HK-1", "checked_at": "2026-11-21T02:00:00Z"}
    told = await hall.ask(
        subject=child, grantor_role="guardian", grantor=guardian, relationship_evidence=shown
    )

    assert (await Browser(hall, issuer, told["url"]).log_in()).status_code == 200


@pytest.mark.parametrize(("asked", "is_them"), [("FRA", True), ("DEU", False), (None, True)])
async def test_a_passport_is_one_countrys(
    hall: Any, issuer: Issuer, asked: str | None, *, is_them: bool
) -> None:
    """A link for a passport of one country does not open for the same number of another."""
    passport = {"kind": "person", "id_type": "414", "id_no": "E12345678"}
    issuer.claims |= {"id_type": "414", "id_no": "E12345678", "id_issuer": "FRA"}
    made = await hall.ask(subject=passport | ({"issuer": asked} if asked else {}))

    answer = await Browser(hall, issuer, made["url"]).log_in()

    assert (answer.status_code == 200) is is_them


async def test_what_the_issuer_is_asked(hall: Any, issuer: Issuer) -> None:
    """A fresh log-in of a sufficient level, and nothing of the request or the person in the address."""
    told = await hall.ask()
    asked = dict(parse_qsl(urlsplit(await Browser(hall, issuer, told["url"]).begin()).query))
    token = urlsplit(told["url"]).path.rsplit("/", 1)[1]

    assert (asked["prompt"], asked["acr_values"]) == ("login", "substantial high")
    assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
    assert not [value for value in asked.values() if token in value or "996X" in value]


async def test_a_link_that_does_not_exist_leads_nowhere(hall: Any, issuer: Issuer) -> None:
    """No one is sent to the issuer for it."""
    phone = hall.phone(f"{hall.runtime.settings.public_url}/c/nothing")
    answer = await phone.http.get("/confirm/nothing")

    assert answer.status_code == 404
    assert issuer.asked == []


async def test_a_log_in_from_before_the_button_was_pressed_does_not_do(hall: Any, issuer: Issuer) -> None:
    """An issuer that ignores `prompt` sends back whoever used the phone last, minutes ago."""
    told = await hall.ask()
    issuer.claims |= {"auth_time": issuer.now - int(timedelta(minutes=5).total_seconds())}

    back = await Browser(hall, issuer, told["url"]).log_in()

    assert (back.status_code, "登录未被接受" in back.text) == (401, True)
    assert [entry["reason"] for entry in await hall.entries("person.refused")] == ["login_too_old"]


@pytest.mark.parametrize(
    "said", [{"id_no": ...}, {"id_no": "35058219910603996"}, {"id_no": 35058219910603996}, {"id_type": "999"}]
)
async def test_an_issuer_that_names_nobody_ends_no_link(
    hall: Any, issuer: Issuer, said: dict[str, Any]
) -> None:
    """A claim that was not released, or is no document: nobody wrong was there, however often it happens."""
    told = await hall.ask()
    issuer.claims |= said

    backs = [await Browser(hall, issuer, told["url"]).log_in() for _ in range(6)]

    assert {back.status_code for back in backs} == {401}
    assert (await hall.stands(told["id"]))["state"] == "requested"
    assert {entry["reason"] for entry in await hall.entries("person.refused")} == {"identity_missing"}


@pytest.mark.parametrize(
    "id_no",
    ["35058219910603996x", " 35058219910603996X ", "３５０５８２１９９１０６０３９９６Ｘ", "350582910603996"],
)
async def test_a_number_may_be_spelt_otherwise(hall: Any, issuer: Issuer, id_no: str) -> None:
    """Small x, spaces, wide digits: the same document."""
    told = await hall.ask()
    issuer.claims |= {"id_no": id_no}

    assert (await Browser(hall, issuer, told["url"]).log_in()).status_code == 200


async def test_of_two_links_in_one_browser_none_opens_for_the_others_log_in(
    hall: Any, issuer: Issuer
) -> None:
    """The second button takes the place of the first: the first is refused, the second opens its own link alone."""
    first, second = await hall.ask(), await hall.ask(case="case-2")
    one, two = Browser(hall, issuer, first["url"]), Browser(hall, issuer, second["url"])
    two.phone.http = one.phone.http
    ways = [await one.begin(), await two.begin()]
    backs = [await one.finish(ways[0]), await two.finish(ways[1])]
    pages = [(await one.phone.http.get(urlsplit(told["url"]).path)).text for told in (first, second)]

    assert [back.status_code for back in backs] == [401, 200]
    assert ["家庭登记" in page for page in pages] == [False, True]


async def test_an_issuer_that_is_down_is_told_on_a_page(hall: Any, issuer: Issuer) -> None:
    """Before and after: a page for people, and nothing is used up."""
    told = await hall.ask()
    browser = Browser(hall, issuer, told["url"])
    there = await browser.begin()
    issuer.answers["/token"] = (500, {})
    back = await browser.finish(there)

    assert (back.status_code, back.headers["content-type"].split(";")[0]) == (503, "text/html")
    assert (await hall.stands(told["id"]))["state"] == "requested"


async def test_a_link_that_is_over_stays_so(hall: Any, issuer: Issuer) -> None:
    """Somebody who logs in when the request's time has passed meanwhile is told so, and nothing opens."""
    told = await hall.ask()
    browser = Browser(hall, issuer, told["url"])
    hall.clock.tick(minutes=10)
    there = await browser.begin()
    hall.clock.tick(minutes=6)
    issuer.now = int(hall.clock().timestamp())
    issuer.claims |= {"auth_time": issuer.now}
    late = await browser.finish(there)

    assert (late.status_code, "oncegate_c=" in str(late.headers)) == (410, False)
