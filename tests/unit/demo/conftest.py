"""One city for all tests of its parts, at a fixed day; and one running city, which costs about a second to start."""

from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import httpx
import pytest

from gateway.demo import City, RunningCity, make_city, start_city

TODAY = date(2026, 7, 1)
Ask = Callable[..., httpx.Response]


@pytest.fixture(scope="session")
def today() -> date:
    return TODAY


@pytest.fixture(scope="session")
def city() -> City:
    return make_city(7, TODAY)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCity]:
    with start_city(tmp_path_factory.mktemp("city"), seed=7, today=TODAY) as city:
        yield city


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    """A client that no proxy of the environment comes between."""
    with httpx.Client(trust_env=False, timeout=5) as client:
        yield client


@pytest.fixture(scope="module")
def ask_civil(running: RunningCity, client: httpx.Client) -> Ask:
    """Ask the population register about a number, with the right key unless another is given."""

    def ask(number: str, key: str | None = None) -> httpx.Response:
        headers: dict[str, Any] = {"X-Api-Key": running.secrets["civil-key"] if key is None else key}
        return client.get(f"{running.places['civil_url']}/persons/{number}", headers=headers)

    return ask
