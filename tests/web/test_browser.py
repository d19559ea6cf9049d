"""A real browser on a phone and on a desk: the page can be used without script, seen, touched, and read by machines.

Debian's Chromium is driven by playwright, which downloads nothing; without it these tests are skipped, or fail where
everything is required. What a person does is walked with script switched off. The checker axe is itself a script, which
the page's own policy rightly refuses: it alone gets a context with script on and the policy set aside.
ONCEGATE_SCREENSHOTS=DIR keeps what was seen.
"""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import uvicorn
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Error, Page, async_playwright, expect

from tests.issuer import Issuer
from tests.issuer import served as served_issuer

pytestmark = pytest.mark.asyncio(loop_scope="module")

SIZES = {"phone": {"width": 390, "height": 844}, "desk": {"width": 1280, "height": 800}}
USUAL, TWICE = 16, 32
"""The text size a reader chose in the browser, in pixels."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser(chromium: str) -> AsyncIterator[Browser]:
    """One browser for this file."""
    async with async_playwright() as driver:
        started = await driver.chromium.launch(executable_path=chromium, args=["--disable-gpu"])
        yield started
        await started.close()


@pytest_asyncio.fixture(loop_scope="module")
async def hall(make_hall: Callable[..., Any]) -> AsyncIterator[Any]:
    """A hall that is really served, on an address of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    made = await make_hall(public_url=f"http://127.0.0.1:{port}")
    async with served(made):
        yield made
    await made.close()


@asynccontextmanager
async def served(hall: Any) -> AsyncIterator[None]:
    """The hall's service on its public address."""
    port = int(hall.runtime.settings.public_url.rsplit(":", 1)[1])
    config = uvicorn.Config(hall.app, port=port, lifespan="off", log_config=None, access_log=False)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    async with asyncio.timeout(10):
        while not server.started:  # noqa: ASYNC110  (uvicorn has no event for it)
            await asyncio.sleep(0.02)
    yield
    server.should_exit = True
    await task


@asynccontextmanager
async def a_page(browser: Browser, size: str = "phone", **options: Any) -> AsyncIterator[Page]:
    """A page of a fresh browser of that size, touched by a finger when it is a phone; script is off unless asked for."""
    given: dict[str, Any] = {"java_script_enabled": False} | options
    is_phone = size == "phone"
    context = await browser.new_context(viewport=SIZES[size], is_mobile=is_phone, has_touch=is_phone, **given)
    context.set_default_timeout(10_000)
    try:
        yield await context.new_page()
    finally:
        await context.close()


async def choose_text(page: Page, pixels: int) -> None:
    """Set the text size as a reader does in the browser's settings; it holds for the pages that follow."""
    session = await page.context.new_cdp_session(page)
    await session.send("Page.setFontSizes", {"fontSizes": {"standard": pixels}})


# ---------------------------------------------------------------- what a person does


async def arrives(page: Page, heading: str) -> None:
    """Return when the page with that heading is there; fails after some seconds."""
    await expect(page.locator("h1")).to_contain_text(heading)


async def press(page: Page, button: str) -> None:
    """Press, and wait for the page it leads to."""
    async with page.expect_navigation():
        await page.click(button)


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

TARGETS = """[...document.querySelectorAll('button, label.choice, summary, input.code, a.jump')].map(e => {
  const r = e.getBoundingClientRect(); return [e.innerText.slice(0, 20), r.width, r.height]; })"""
SMALLEST = """(() => { const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT); const sizes = [];
  while (walk.nextNode()) if (walk.currentNode.data.trim())
    sizes.push(parseFloat(getComputedStyle(walk.currentNode.parentElement).fontSize));
  return Math.min(...sizes); })()"""
CONTRASTS = """(() => {
  const light = c => { const [r, g, b] = c.match(/[\\d.]+/g).map(v => { v /= 255;
    return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; }); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const behind = e => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor;
    if (c !== 'rgba(0, 0, 0, 0)') return c; } return 'rgb(255, 255, 255)'; };
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT); const found = [];
  while (walk.nextNode()) { const e = walk.currentNode.parentElement; if (!walk.currentNode.data.trim()) continue;
    const [a, b] = [light(getComputedStyle(e).color), light(behind(e))];
    found.push([(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), walk.currentNode.data.trim().slice(0, 20)]); }
  return found.sort((x, y) => x[0] - y[0])[0]; })()"""
WIDTH = "document.documentElement.scrollWidth"


async def looks_right(page: Page, name: str, text: int) -> None:
    """Nothing wider than the screen, no text under 18 px at usual size, no target under 60 px, no contrast under 4.5."""
    await choose_text(page, text)
    wanted = os.environ.get("ONCEGATE_SCREENSHOTS")
    if wanted:
        # A picture of more than the screen sets the text back to the usual size.
        await page.screenshot(path=Path(wanted, f"{name}-{text}.png"), full_page=text == USUAL)

    measured = await page.evaluate(f"[{WIDTH}, {SMALLEST}, {TARGETS}, {CONTRASTS}]")
    width, smallest, targets, (contrast, words) = measured

    assert page.viewport_size is not None
    assert width <= page.viewport_size["width"], name
    assert smallest >= 18 * text / USUAL, name
    assert [each for each in targets if each[1] and (each[1] < 60 or each[2] < 60)] == [], name
    assert contrast >= 4.5, (name, words)


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


SHEET = Path(__file__).parents[2] / "gateway" / "web" / "static" / "page.css"
NIGHT = [("dark", USUAL)] if "prefers-color-scheme" in SHEET.read_text() else []
"""Looked at as soon as the sheet has colours for the night; until then night is day."""
LOOKS = [("light", USUAL), ("light", TWICE), *NIGHT]


def checked_page(browser: Browser) -> Any:
    """A page that axe can be put into: the only one with script on and the page's own policy set aside."""
    return a_page(browser, java_script_enabled=True, bypass_csp=True)


async def violations(page: Page) -> list[str]:
    """What axe holds against the page as it stands, or cannot tell: rule and place."""
    told = await page.evaluate("axe.run({resultTypes: ['violations', 'incomplete']})")
    found = [*told["violations"], *told["incomplete"]]
    return [f"{each['id']}: {node['html']}" for each in found for node in each["nodes"]]


async def test_axe_finds_nothing_in_any_state(hall: Any, browser: Browser) -> None:
    """Every rule of axe holds on every state of the page, in each of its colour schemes, and at twice the text size."""
    found: dict[tuple[str, str, int], list[str]] = {}
    async with checked_page(browser) as page:
        async for name in every_state(hall, page):
            await page.evaluate(Axe().axe_script)
            for scheme, text in LOOKS:
                await page.emulate_media(color_scheme=scheme)
                await choose_text(page, text)
                found[name, scheme, text] = await violations(page)

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
        async with served(made), a_page(browser) as page:
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
        async with served(made), checked_page(browser) as page:
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
        port = probe.getsockname()[1]
    made = await make_hall(public_url=f"http://127.0.0.1:{port}", roles=frozenset({"renderer"}))
    async with served(made):
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
