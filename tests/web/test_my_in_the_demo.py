"""The demonstration's own issuer of citizens: a visitor logs in to `/my` as somebody of the city, over real HTTP."""

from collections.abc import Iterator
from datetime import UTC, datetime
from html import unescape
from pathlib import Path
from urllib.parse import parse_qsl, urljoin, urlsplit

import httpx
import pytest

from gateway.demo.citizens import applicants
from gateway.demo.city import RunningCity, start_city
from gateway.store import MemoryStore
from tests.own_pages import citizens
from tests.pages import Page


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCity]:
    """The demonstration city."""
    with start_city(tmp_path_factory.mktemp("city")) as running:
        yield running


async def test_a_visitor_logs_in_as_somebody_of_the_city(city: RunningCity, tmp_path: Path) -> None:
    """From the button over the list of people to the overview; a way back is gone once."""
    issuer = city.citizens_url
    async with (
        citizens(tmp_path, MemoryStore(), person_oidc_issuer=issuer) as made,
        httpx.AsyncClient() as http,
    ):
        made.town.clock.now = datetime.now(UTC)
        phone = made.phone()
        there = (await phone.http.get("/my/login")).headers["location"]
        chosen = Page(await http.get(there)).all("a")[0]["href"]
        back = (await http.get(urljoin(there, unescape(chosen)))).headers["location"]
        returned = dict(parse_qsl(urlsplit(back).query))
        first = await phone.http.get("/my/callback", params=returned)
        again = await phone.http.get("/my/callback", params=returned)
        page = await phone.open("/my")

    assert (first.status_code, again.status_code) == (200, 401)
    assert len(page.all("a", **{"class": "way"})) == 4


async def test_the_people_offered_are_those_the_demo_fills_forms_for(city: RunningCity) -> None:
    """Each once, all of the city, so that who logs in finds uses of their data."""
    offered = applicants(city.city)

    assert len(offered) == len(set(offered)) >= 5
    assert set(offered) <= set(city.city.persons)


async def test_the_issuer_names_nobody_elsewhere(city: RunningCity) -> None:
    """Somebody who is not of the city, or a way back that is not on this machine: refused."""
    known = applicants(city.city)[0]
    tries = (
        {"person": "35058219910603996X", "redirect_uri": "http://127.0.0.1:8000/my/callback"},
        {"person": known, "redirect_uri": "https://elsewhere.example/my/callback"},
        {"person": known},
    )
    async with httpx.AsyncClient() as http:
        answers = [await http.get(f"{city.citizens_url}/as", params=each) for each in tries]
        token = await http.post(f"{city.citizens_url}/token", data={"code": "none"})

    assert [each.status_code for each in (*answers, token)] == [400] * 4
