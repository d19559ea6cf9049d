"""A person's own pages in a real browser: used without script, at the usual text size and at twice it, clean to axe."""

import socket
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, expect

from gateway.app import refresh
from gateway.store import MemoryStore
from tests.own_pages import ANN, Citizens, citizens
from tests.profile_town import later, registry
from tests.web.looking import (
    LOOKS,
    TWICE,
    USUAL,
    a_page,
    arrives,
    axe_in_all,
    checked_page,
    looks_right,
    press,
    served,
    violations,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

STATES = 22


@pytest_asyncio.fixture(loop_scope="module")
async def made(tmp_path: Path) -> AsyncIterator[Citizens]:
    """A town that is really served, with an issuer on another site: Ann is who logs in there."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        public = f"http://127.0.0.1:{probe.getsockname()[1]}"
    async with citizens(tmp_path, MemoryStore(), public_url=public, issuer_host="localhost") as town:
        town.issuer.claims |= {"id_no": ANN["id_no"], "id_type": ANN["id_type"]}
        async with served(town.town.app, public):
            yield town


async def lived(made: Citizens) -> None:
    """Some days of Ann's: consents, forms, a value kept that a register has differently, a dispute that was answered."""
    town = made.town
    consent = await made.consent()
    first = await town.resolve(consent=consent)
    opened = await town.http.post(
        "/v1/disputes",
        json={"resolution": first["id"], "path": "name", "reason": "同音字写错了"},
        headers=await town.person(),
    )
    assert opened.status_code == 201, opened.text
    await town.http.post(
        f"/v1/disputes/{opened.json()['id']}/uphold",
        json={"reason": "经核对户籍底册，登记无误。"},
        headers=made.office,
    )
    await made.consent(items=[{"item": "person.email"}], acts=[], expires_at="2026-11-22T02:00:00Z")
    await town.keep(email="ann@example.com", phone="13900139000")
    town.clock.now = later(days=2)
    await town.publish(registry("person.phone", "person.email"))
    await refresh(town.runtime)
    await town.resolve(consent=consent)
    made.now()
    await made.signed()


async def every_state(made: Citizens, page: Page) -> AsyncIterator[str]:
    """Every page of hers, in every state she can bring it to; the page stands still on each."""
    public = made.town.runtime.settings.public_url
    await page.goto(f"{public}/my")
    await arrives(page, "我的数据")
    yield "my-enter"
    await page.click("a.button")
    await expect(page.locator(".ways")).to_be_visible()
    yield "my-nothing-yet"
    for section in ("uses", "consents", "record", "disputes"):
        await page.goto(f"{public}/my/{section}")
        yield f"my-{section}-empty"

    await lived(made)
    await page.goto(f"{public}/my/login")
    await expect(page.locator(".ways")).to_be_visible()
    yield "my-overview"
    await press(page, "a.way[href='my/uses']")
    await arrives(page, "谁用了我的数据")
    await page.click("summary >> nth=0")
    yield "my-uses"
    await press(page, "a.button[href$='/wrong']")
    await arrives(page, "哪一项不对")
    yield "my-wrong"
    await page.click("input[type=radio] >> nth=0")
    await page.fill("#reason", " ")
    await press(page, "button.main")
    await expect(page.locator("#trouble")).to_be_visible()
    yield "my-wrong-missing"
    await page.fill("#reason", "姓名里的字写错了，应为“满”。")
    await page.fill("#own", "陈大满")
    await page.fill("#evidence", "户口簿第 2 页")
    await press(page, "button.main")
    await expect(page.locator(".done")).to_contain_text("已收到您的异议")
    yield "my-dispute"
    await press(page, "nav a.jump")
    await arrives(page, "我的异议")
    yield "my-disputes"
    async for name in _consents_and_record(made, page, public):
        yield name


async def _consents_and_record(made: Citizens, page: Page, public: str) -> AsyncIterator[str]:
    await page.goto(f"{public}/my/consents")
    await arrives(page, "我的授权")
    yield "my-consents"
    for button, said in (
        (".steps button >> nth=0", "已暂停"),
        (".steps button.main", "已恢复"),
        ("button.danger", "已撤回"),
    ):
        await press(page, button)
        await expect(page.locator(".done")).to_contain_text(said)
        yield f"my-consent-{said}"
    await page.goto(f"{public}/my/record")
    await arrives(page, "留存的内容")
    yield "my-record"
    await press(page, "a.button[href='record/person.email']")
    yield "my-value-differs"
    await page.goto(f"{public}/my/record/person.phone")
    await page.fill("#value", "12")
    await press(page, "button.main")
    await expect(page.locator("#trouble")).to_be_visible()
    yield "my-value-wrong"
    await page.fill("#value", "13911112222")
    await press(page, "button.main")
    await expect(page.locator(".done")).to_contain_text("已更正")
    yield "my-value-corrected"
    await press(page, "button.danger")
    await expect(page.locator(".done")).to_contain_text("已删除")
    await page.goto(f"{public}/my/record/person.phone")
    yield "my-gone"
    await page.goto(f"{public}/my")
    await press(page, ".leave button")
    await expect(page.locator(".done")).to_contain_text("已经退出")
    yield "my-left"


@pytest.mark.parametrize("size", ["phone", "desk"])
async def test_a_person_uses_their_pages_without_script(made: Citizens, browser: Browser, size: str) -> None:
    """From logging in to logging out; all looks right, also to who set the browser to 200 % text."""
    seen: list[str] = []
    async with a_page(browser, size) as page:
        async for name in every_state(made, page):
            await looks_right(page, f"{name}-{size}", TWICE)
            await looks_right(page, f"{name}-{size}", USUAL)
            seen.append(name)

    assert len(set(seen)) == STATES


async def test_axe_finds_nothing_on_any_of_them(made: Citizens, browser: Browser) -> None:
    """Every rule of axe holds on every page in every state, at the usual text size and at twice it."""
    found = await axe_in_all(browser, partial(every_state, made))

    assert len(found) == STATES * len(LOOKS)
    assert {look: each for look, each in found.items() if each} == {}


async def test_a_page_says_that_it_is_not_offered(tmp_path: Path, browser: Browser) -> None:
    """Where no issuer of persons is set: plainly, with where to ask; it looks right and axe finds nothing."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        public = f"http://127.0.0.1:{probe.getsockname()[1]}"
    async with (
        citizens(tmp_path, MemoryStore(), public_url=public, person_oidc_issuer=None) as made,
        served(made.town.app, public),
        checked_page(browser) as page,
    ):
        await page.goto(f"{public}/my/uses")
        await arrives(page, "这里没有开通网上查询")
        for text in (TWICE, USUAL):
            await looks_right(page, "my-none-phone", text)
        await page.evaluate(Axe().axe_script)
        found: list[Any] = await violations(page)

    assert found == []
