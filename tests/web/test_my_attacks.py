"""What somebody may try on pages that are not theirs, or with forms that no page of theirs sent; and what must come of it."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from gateway.security.own_sessions import own_nonce, own_session_of
from gateway.store import MemoryStore
from tests.own_pages import BOB, Citizens, Phone, citizens

MAIL = "ann.typed.this@example.com"


@pytest.fixture
async def made(tmp_path: Path) -> AsyncIterator[Citizens]:
    """A town in memory."""
    async with citizens(tmp_path, MemoryStore()) as town:
        yield town


async def belongings(made: Citizens) -> dict[str, str]:
    """Everything of Ann's that has a page of its own: path, and the step that its form sends."""
    consent = await made.consent()
    await made.town.keep(email=MAIL)
    shown = await made.town.resolve(consent=consent)
    opened = await made.town.http.post(
        "/v1/disputes",
        json={"resolution": shown["id"], "path": "name", "reason": "写错了"},
        headers=await made.town.person(),
    )
    use = next(leaf for leaf in await made.town.entries("intent") if leaf["request"] == shown["id"])
    await made.signed()
    return {
        f"/my/consents/{consent}": "withdraw",
        "/my/record/person.email": "delete",
        f"/my/disputes/{opened.json()['id']}": "take-back",
        f"/my/uses/{use['id']}/wrong": "dispute",
    }


async def state_of_things(made: Citizens) -> list[str]:
    """The kinds of all entries that tell of a change."""
    changes = ("consent.withdrawn", "consent.paused", "profile.deleted", "profile.kept", "dispute.withdrawn")
    return [leaf["kind"] for leaf in await made.town.entries(*changes, "dispute.opened")]


async def test_anothers_pages_answer_as_if_there_were_none(made: Citizens) -> None:
    """Bob is told of Ann's consent, value, ticket and use what he is told of ids that nothing has, word for word."""
    theirs = await belongings(made)
    before = await state_of_things(made)
    bob = made.phone()
    await bob.log_in(BOB)

    for path in theirs:
        parts = path.split("/")
        parts[3] = parts[3][:-4] + "0000"
        real, nothing = await bob.open(path), await bob.open("/".join(parts))
        assert (real.status, real.text) == (404, nothing.text), path
    assert await state_of_things(made) == before


async def test_anothers_things_cannot_be_changed(made: Citizens) -> None:
    """Also with a nonce of Bob's own for that very step and id, which no page gives him: the use case refuses."""
    theirs = await belongings(made)
    before = await state_of_things(made)
    bob = made.phone()
    await bob.log_in(BOB)

    for path, step in theirs.items():
        nonce = await nonce_for(made, bob, step, path.split("/")[3])
        typed = {"step": step, "nonce": nonce, "value": "name", "reason": "不对"}
        answer = await bob.http.post(path, data=typed)
        assert answer.status_code == 404, path
    assert await state_of_things(made) == before


async def test_a_form_needs_the_nonce_of_its_session_its_step_and_its_page(made: Citizens) -> None:
    """None, garbage, another step's, another page's, another person's: nothing is done, and the page says so."""
    theirs = await belongings(made)
    ann, bob = made.phone(), made.phone()
    await ann.log_in()
    await bob.log_in(BOB)
    before = await state_of_things(made)

    for path, step in theirs.items():
        about = path.split("/")[3]
        wrong = {
            "none": "",
            "garbage": "é" * 64,
            "another step": await nonce_for(made, ann, "leave", ""),
            "another page": await nonce_for(made, ann, step, f"{about}x"),
            "another person": await nonce_for(made, bob, step, about),
        }
        for name, nonce in wrong.items():
            answer = await ann.http.post(path, data={"step": step, "nonce": nonce, "value": "name"})
            assert answer.status_code in (400, 403), (path, name)
    assert await state_of_things(made) == before


@pytest.mark.parametrize("step", ["", "terminate", "invalidate", "withdraw\0", "done", "leave"])
async def test_a_page_takes_its_own_steps_alone(made: Citizens, step: str) -> None:
    """With the right nonce for whatever it is called: what only a department does cannot be sent from here."""
    consent = await made.consent()
    ann = made.phone()
    await ann.log_in()
    nonce = await nonce_for(made, ann, step, consent)

    answer = await ann.http.post(f"/my/consents/{consent}", data={"step": step, "nonce": nonce})

    assert answer.status_code == 403
    assert await state_of_things(made) == []


async def test_a_form_of_before_the_log_out_does_nothing(made: Citizens) -> None:
    """Logged out, or logged in anew: the old page's buttons are dead."""
    theirs = await belongings(made)
    before = await state_of_things(made)
    ann = made.phone()
    await ann.log_in()
    pages = {path: await ann.open(path) for path in theirs}
    await ann.press(await ann.open("/my"), "/my", "leave")
    outside = [await ann.press(pages[path], path, step) for path, step in theirs.items()]
    await ann.log_in()
    anew = [await ann.press(pages[path], path, step) for path, step in theirs.items()]

    assert [page.text_of("h1")[0] for page in outside] == ["我的数据 My data"] * 4
    assert [page.status for page in anew] == [403] * 4
    assert await state_of_things(made) == before


async def test_what_was_done_is_said_only_where_it_was(made: Citizens) -> None:
    """An address that somebody made up cannot make a page of ours say that something was withdrawn."""
    consent = await made.consent()
    ann, bob = made.phone(), made.phone()
    await ann.log_in()
    await bob.log_in(BOB)
    others = (await nonce_for(made, bob, "done", "withdraw"))[:16]

    for said in ("withdraw", "withdraw.", "withdraw.0000000000000000", f"withdraw.{others}", ".", "x.y"):
        page = await ann.open(f"/my/consents/{consent}?done={said}")
        assert page.all("div", role="status") == [], said


async def test_no_value_is_in_an_address_an_entry_or_a_log(made: Citizens) -> None:
    """What a person types or is shown stands in the body of pages and forms, and nowhere else."""
    await made.town.keep(email=MAIL)
    await made.town.resolve()
    await made.signed()
    ann, typed = made.phone(), ("ann.corrected@example.com", "他们把我的名字写错了", "陈大满")
    addresses: list[str] = []

    async def note_address(request: Any) -> None:
        addresses.append(str(request.url))

    ann.http.event_hooks["request"].append(note_address)
    with capture_logs() as logged:
        await ann.log_in()
        path = "/my/record/person.email"
        await ann.press(await ann.open(path), path, "correct", value=typed[0])
        uses = await ann.open("/my/uses")
        wrong = next(f"/my/{each['href']}" for each in uses.all("a") if each["href"].endswith("/wrong"))
        form = await ann.open(wrong)
        await ann.press(form, wrong, "dispute", value="name", reason=typed[1], own=typed[2])

    leaves = await made.town.entries()
    assert "dispute.opened" in {leaf["kind"] for leaf in leaves}
    for words in (MAIL, *typed, "35058219910603996X"):
        assert words not in str(leaves)
        assert words not in str(logged)
        assert words not in " ".join(addresses)
    assert await made.town.ref() not in " ".join(addresses)


async def test_what_people_wrote_stays_text(made: Citizens) -> None:
    """A value, a reason and an answer that look like HTML are shown as they are."""
    script = "<script>alert(1)</script>"
    await made.town.keep(email=script)
    await made.town.resolve()
    await made.signed()
    ann = made.phone()
    await ann.log_in()
    uses = await ann.open("/my/uses")
    wrong = next(f"/my/{each['href']}" for each in uses.all("a") if each["href"].endswith("/wrong"))
    missing = await ann.press(await ann.open(wrong), wrong, "dispute", reason=f'"{script}')
    ticket = await ann.press(missing, wrong, "dispute", value="name", reason=script, own=script)
    shown = await ann.open("/my/record/person.email")

    for page in (missing, ticket, shown):
        assert page.all("script") == []
        assert "&lt;script&gt;" in page.html
    assert shown.all("input", name="value")[0]["value"] == script


async def test_nothing_is_kept_that_is_longer_than_the_interface_takes(made: Citizens) -> None:
    """Reason, evidence and the right value, beyond what their fields take: said, and no ticket."""
    theirs = await belongings(made)
    wrong = next(path for path in theirs if path.endswith("/wrong"))
    before = await state_of_things(made)
    ann = made.phone()
    await ann.log_in()
    form, said = await ann.open(wrong), {"value": "name", "reason": "写错了"}

    for typed in ({"own": "长" * 2_001}, {"evidence": "长" * 501}, {"reason": "长" * 1_001}):
        assert (await ann.press(form, wrong, "dispute", **said | typed)).status == 422, typed.keys()
    assert await state_of_things(made) == before


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
async def test_pages_take_nothing_else(made: Citizens, method: str) -> None:
    """Reading and sending their forms, nothing more; a list takes no form at all."""
    ann = made.phone()
    await ann.log_in()

    paths = ("/my", "/my/uses", "/my/consents", "/my/record/person.email", "/my/disputes/x")
    assert [(await ann.http.request(method, path)).status_code for path in paths] == [405] * 5
    assert (await ann.http.post("/my/uses", data={"step": "x"})).status_code == 405


async def test_a_form_is_a_form(made: Citizens) -> None:
    """JSON, an upload, a body beyond measure: refused on a page, nothing done."""
    consent = await made.consent()
    ann = made.phone()
    await ann.log_in()
    path = f"/my/consents/{consent}"

    answers = [
        await ann.http.post(path, json={"step": "withdraw"}),
        await ann.http.post(path, files={"step": b"withdraw"}),
        await ann.http.post(path, data={"step": "withdraw", "nonce": "x" * 70_000}),
    ]

    assert [each.status_code for each in answers] == [400, 400, 413]
    assert all("text/html" in each.headers["content-type"] for each in answers)
    assert await state_of_things(made) == []


async def test_one_session_has_the_rate_of_one_caller(tmp_path: Path) -> None:
    """Whoever asks more than a caller may is told to wait, on a page."""
    async with citizens(tmp_path, MemoryStore(), rate_limit_per_second=0.01, rate_limit_burst=5) as made:
        ann = made.phone()
        await ann.log_in()
        answers = [await ann.http.get("/my/consents") for _ in range(6)]

    assert [each.status_code for each in answers][-2:] == [429, 429]
    assert "操作过于频繁" in answers[-1].text


async def nonce_for(made: Citizens, phone: Phone, step: str, about: str) -> str:
    """The nonce that a page would give this phone, which only the service can make."""
    session = await own_session_of(phone.http.cookies["oncegate_my"], made.town.runtime)
    assert session is not None
    return own_nonce(session, f"{step}\0{about}", made.town.runtime)
