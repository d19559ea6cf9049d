"""Looking at pages in a real browser: sizes, text, targets, contrast, what axe says; and what a person does on them."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import uvicorn
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, expect

SIZES = {"phone": {"width": 390, "height": 844}, "desk": {"width": 1280, "height": 800}}
USUAL, TWICE = 16, 32
"""The text size a reader chose in the browser, in pixels."""


@asynccontextmanager
async def served(app: Any, public_url: str) -> AsyncIterator[None]:
    """A service on its public address."""
    port = int(public_url.rsplit(":", 1)[1])
    config = uvicorn.Config(app, port=port, lifespan="off", log_config=None, access_log=False)
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


async def arrives(page: Page, heading: str) -> None:
    """Return when the page with that heading is there; fails after some seconds."""
    await expect(page.locator("h1")).to_contain_text(heading)


async def press(page: Page, button: str) -> None:
    """Press, and wait for the page it leads to."""
    async with page.expect_navigation():
        await page.click(button)


TARGETS = """[...document.querySelectorAll('button, a.button, label.choice, summary, input.code, input.digest, select, textarea, a.jump, ' +
  'a.way, a.tab, .card h2 a')].map(e => {
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


async def axe_in_all(
    browser: Browser, states: Callable[[Page], AsyncIterator[str]]
) -> dict[tuple[str, str, int], list[str]]:
    """What axe finds in every state that `states` leads a page to, in each look: state, colour scheme, text size."""
    found: dict[tuple[str, str, int], list[str]] = {}
    async with checked_page(browser) as page:
        async for name in states(page):
            await page.evaluate(Axe().axe_script)
            for scheme, text in LOOKS:
                await page.emulate_media(color_scheme=scheme)
                await choose_text(page, text)
                found[name, scheme, text] = await violations(page)
    return found
