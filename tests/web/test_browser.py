"""A real browser on a phone and on a desk: the page can be used without script, seen, touched, and read by machines.

Debian's Chromium is driven by playwright, which downloads nothing; without it these tests are skipped, or fail where
everything is required. What a person does is walked with script switched off. The checker axe is itself a script, which
the page's own policy rightly refuses: it alone gets a context with script on and the policy set aside.
ONCEGATE_SCREENSHOTS=DIR keeps what was seen.
"""

import socket
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Error, Page, expect

from tests.issuer import Issuer
from tests.issuer import served as served_issuer
from tests.web.looking import (
    LOOKS,
    SIZES,
    TWICE,
    USUAL,
    a_page,
    arrives,
    axe_in_all,
    checked_page,
    choose_text,
    looks_right,
    press,
    served,
    violations,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def hall(make_hall: Callable[..., Any]) -> AsyncIterator[Any]:
    """A hall that is really served, on an address of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        public = f"http://127.0.0.1:{probe.getsockname()[1]}"
    made = await make_hall(public_url=public)
    async with served(made.app, public):
        yield made
    await made.close()


# ---------------------------------------------------------------- what a person does


async def confirm(page: Page, typed: str) -> None:
    """Type the last characters of the document, and press."""
    await page.fill("#typed", typed)
    await press(page, "button.main")


async def way_to_notice(hall: Any, page: Page) -> dict[str, Any]:
    """What the desk was told of a request that the person now reads."""
    told: dict[str, Any] = await hall.ask(case="350582-2026-000123")
    await page.goto(told["url"])
    await arrives(page, "请先确认是您本人")
    await confirm(page, "996X")
    await arrives(page, "是否同意调取您的信息")
    return told


async def agreeing(hall: Any, page: Page) -> AsyncIterator[str]:
    """From the code to the consent and back: the names of the states on the way, the page standing still on each."""
    told = await hall.ask(case="350582-2026-000123")
    await page.goto(told["url"])
    await arrives(page, "请先确认是您本人")
    yield "confirm"

    await confirm(page, "1234")
    await expect(page.locator("#trouble")).to_be_visible()
    yield "wrong"
    await confirm(page, "996x")
    await arrives(page, "是否同意调取您的信息")
    await page.click("summary")
    await expect(page.locator("details[open]")).to_be_visible()
    yield "notice"

    await press(page, "button.quiet")
    await expect(page.locator("input:checked")).to_have_count(2)
    await page.click("input[value='person.phone']")
    await press(page, "button[value='agree']")
    await expect(page.locator("#trouble")).to_be_visible()
    yield "act-missing"
    await page.click("input[value='sensitive']")
    await press(page, "button[value='agree']")
    await arrives(page, "已记录您的同意")
    yield "given"

    await press(page, "button.danger")
    await arrives(page, "授权已撤回")
    yield "withdrawn"
    stands = await hall.stands(told["id"])
    assert (await hall.consent(stands["consent"]))["state"] == "withdrawn"


async def answering_no(hall: Any, page: Page) -> AsyncIterator[str]:
    """The same for refusing, for later, and for links that lead nowhere any more."""
    # Later comes first: who refused is not asked again for a while.
    for decision, heading in (("later", "已记录：以后再说"), ("refuse", "已记录：您不同意")):
        told = await way_to_notice(hall, page)
        await press(page, f"button[value='{decision}']")
        await arrives(page, heading)
        yield decision
    await page.context.clear_cookies()
    await page.goto(told["url"])
    await arrives(page, "链接已失效")
    yield "link-over"
    await page.goto(told["url"].rsplit("/", 1)[0] + "/nothing")
    await arrives(page, "链接无效")
    yield "link-unknown"


async def every_state(hall: Any, page: Page) -> AsyncIterator[str]:
    """Every state of the page that a person can come to."""
    async for name in agreeing(hall, page):
        yield name
    async for name in answering_no(hall, page):
        yield name


# ---------------------------------------------------------------- what is seen


@pytest.mark.parametrize("size", ["phone", "desk"])
async def test_a_person_answers_without_script(hall: Any, browser: Browser, size: str) -> None:
    """From the code to the consent and back, or to a no; all looks right, also to who set the browser to 200 % text."""
    async with a_page(browser, size) as page:
        async for name in every_state(hall, page):
            await looks_right(page, f"{name}-{size}", TWICE)
            await looks_right(page, f"{name}-{size}", USUAL)


@pytest.mark.parametrize(
    ("decision", "heading", "state"),
    [("refuse", "已记录：您不同意", "refused"), ("later", "已记录：以后再说", "deferred")],
)
async def test_a_person_says_no_as_easily(
    hall: Any, browser: Browser, decision: str, heading: str, state: str
) -> None:
    """One press by finger, nothing to tick: no more than agreeing takes."""
    async with a_page(browser) as page:
        told = await way_to_notice(hall, page)

        await page.tap(f"button[value='{decision}']")

        await arrives(page, heading)
        assert (await hall.stands(told["id"]))["state"] == state


# ---------------------------------------------------------------- what is loaded and run


async def test_the_style_sheet_is_applied_and_nothing_else_is_loaded(hall: Any, browser: Browser) -> None:
    """Our own sheet alone: the policy of the page lets nothing else in, and it is not needed."""
    async with a_page(browser) as page:
        await page.goto((await hall.ask())["url"])

        loaded = await page.evaluate(
            "performance.getEntriesByType('resource').map(e => new URL(e.name).pathname)"
        )
        bar = await page.evaluate("getComputedStyle(document.querySelector('.bar')).backgroundColor")

    assert [path.rsplit("/", 1)[1] for path in loaded if path != "/favicon.ico"] == ["page.css"]
    assert bar == "rgb(11, 79, 158)"


async def test_the_policy_lets_no_script_run_where_script_is_on(hall: Any, browser: Browser) -> None:
    """What somebody managed to put into the page would still not run."""
    async with a_page(browser, java_script_enabled=True) as page:
        await page.goto((await hall.ask())["url"])

        with pytest.raises(Error, match="Content Security Policy"):
            await page.add_script_tag(content="document.title = 'taken'")
        assert await page.title() != "taken"


# ---------------------------------------------------------------- what a machine reads


async def test_axe_finds_nothing_in_any_state(hall: Any, browser: Browser) -> None:
    """Every rule of axe holds on every state of the page, in each of its colour schemes, and at twice the text size."""
    found = await axe_in_all(browser, partial(every_state, hall))

    assert len(found) == 10 * len(LOOKS)
    assert {look: each for look, each in found.items() if each} == {}


async def test_axe_would_find_it(hall: Any, browser: Browser) -> None:
    """A field without its label, pale words and a lost language are seen: the check above is no empty one."""
    async with checked_page(browser) as page:
        await page.goto((await hall.ask())["url"])
        await page.evaluate("document.querySelector('label').remove()")
        await page.evaluate("document.querySelector('.hint').style.color = '#bbb'")
        await page.evaluate("document.documentElement.lang = ''")
        await page.evaluate(Axe().axe_script)

        found = {each.split(":")[0] for each in await violations(page)}

    assert {"label", "color-contrast", "html-has-lang"} <= found


async def test_a_person_logs_in_at_an_issuer_of_another_site(browser: Browser, make_hall: Any) -> None:
    """There and back, without script: the link opens in the browser that set out, for whom the issuer names."""
    issuer = Issuer()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        public = f"http://127.0.0.1:{probe.getsockname()[1]}"
    async with served_issuer(issuer, "localhost"):  # another site than 127.0.0.1, for a browser's cookies
        made = await make_hall(public_url=public, person_oidc_issuer=issuer.url, allow_private_addresses=True)
        issuer.now = int(made.clock().timestamp())
        issuer.claims = {"id_no": "35058219910603996X", "acr": "high", "auth_time": issuer.now}
        async with served(made.app, public), a_page(browser) as page:
            told = await made.ask(case="350582-2026-000123")
            await page.goto(told["url"])
            await arrives(page, "请先确认是您本人")
            await page.click("a.button")
            await arrives(page, "是否同意调取您的信息")
        await made.app.state.person_log_in.close()
        await made.close()

    assert page.url == told["url"]


async def test_axe_finds_nothing_on_the_way_through_a_log_in(browser: Browser, make_hall: Any) -> None:
    """The button, somebody else's log-in, one that is refused: on a phone, nothing wider than it."""
    issuer = Issuer()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        public = f"http://127.0.0.1:{probe.getsockname()[1]}"
    async with served_issuer(issuer, "localhost"):
        made = await make_hall(public_url=public, person_oidc_issuer=issuer.url, allow_private_addresses=True)
        issuer.now = int(made.clock().timestamp())
        bob = {"id_no": "110102199101010078", "acr": "high", "auth_time": issuer.now}
        found = {}
        async with served(made.app, public), checked_page(browser) as page:
            await page.set_viewport_size(SIZES["phone"])
            url = (await made.ask())["url"]
            for heading, claims in (("不是您的链接", bob), ("登录未被接受", {"acr": "low"})):
                issuer.claims = claims
                await page.goto(url)
                for shown in ("请先确认是您本人", heading):
                    await arrives(page, shown)
                    await page.evaluate(Axe().axe_script)
                    width = await page.evaluate("document.documentElement.scrollWidth")
                    found[shown] = (await violations(page), width)
                    if shown != heading:
                        await page.click("a.button")
        await made.app.state.person_log_in.close()
        await made.close()

    width = SIZES["phone"]["width"]
    assert found == dict.fromkeys(("请先确认是您本人", "不是您的链接", "登录未被接受"), ([], width))


# ---------------------------------------------------------------- the page of a receipt


async def receipt_states(hall: Any, page: Page) -> AsyncIterator[str]:
    """Every state of the page on which a paper is checked."""
    body = {"form": {"id": "family"}, "subjects": {}, "actor": {"kind": "clerk", "id": "x"}}
    receipt = (await hall.http.post("/v1/resolutions", json=body)).json()["receipt"]["id"]
    await hall.app.state.sequencer.run()
    told = (await hall.http.get(f"/v1/receipts/{receipt}")).json()
    await page.goto(told["url"].rsplit("/", 1)[0] + "/")
    await arrives(page, "核验数据调用凭证")
    yield "receipt-ask"
    await page.fill("#number", told["number"])
    await press(page, "button.main")
    await arrives(page, "有此编号的凭证")
    yield "receipt"
    await page.fill("#d", told["digest"])
    await press(page, "button")
    await expect(page.locator(".sound")).to_contain_text("摘要相符")
    yield "receipt-fits"
    await page.fill("#d", "0" * 16)
    await press(page, "button")
    await arrives(page, "纸面与留痕不符")
    yield "receipt-altered"
    await page.goto(told["url"].rsplit("/", 1)[0] + "/nothing")
    await arrives(page, "查无此凭证")
    yield "receipt-unknown"


@pytest_asyncio.fixture(loop_scope="module")
async def renderer(make_hall: Callable[..., Any]) -> AsyncIterator[Any]:
    """A hall whose desk resolves forms, really served."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        public = f"http://127.0.0.1:{probe.getsockname()[1]}"
    made = await make_hall(public_url=public, roles=frozenset({"renderer"}))
    async with served(made.app, public):
        yield made
    await made.close()


@pytest.mark.parametrize("size", ["phone", "desk"])
async def test_a_paper_is_checked_without_script(renderer: Any, browser: Browser, size: str) -> None:
    """From the number to the verdict; all looks right, also at 200 % text."""
    async with a_page(browser, size) as page:
        async for name in receipt_states(renderer, page):
            await looks_right(page, f"{name}-{size}", TWICE)
            await looks_right(page, f"{name}-{size}", USUAL)


async def test_axe_finds_nothing_on_the_page_of_a_receipt(renderer: Any, browser: Browser) -> None:
    """Every rule of axe on every state, at the usual text size and at twice it."""
    found: dict[tuple[str, int], list[str]] = {}
    async with checked_page(browser) as page:
        async for name in receipt_states(renderer, page):
            await page.evaluate(Axe().axe_script)
            for text in (USUAL, TWICE):
                await choose_text(page, text)
                found[name, text] = await violations(page)

    assert len(found) == 10
    assert {look: each for look, each in found.items() if each} == {}
