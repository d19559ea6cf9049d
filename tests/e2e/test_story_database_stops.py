"""The database stops in the middle: nothing is released, and the gateway recovers without a restart."""

import contextlib
import time

import httpx
import pytest

SLOW_SECONDS = 1.5


@pytest.fixture
def stoppable(gateway, postgres_server):
    """The server under the shared gateway; only PostgreSQL is one that can be stopped."""
    if gateway.settings.is_sqlite:
        pytest.skip("an SQLite database is a file; it does not stop")
    yield postgres_server
    postgres_server.start()
    gateway.await_ready()


def test_nothing_is_released_while_the_database_is_away(hall, form, cast, stoppable):
    """Stopped during the pull: 503 and no value; new requests 503; started again: the same gateway answers."""
    consents = hall.agree_all(form, cast)
    known = hall.resolve(form, cast, consents.values())
    hall.fault("civil", "slow", seconds=SLOW_SECONDS)
    calls = hall.city.calls("civil")
    body = hall.request(form, cast, consents.values())

    coming = hall.in_background(hall.post, "/v1/resolutions", body)
    until = time.monotonic() + 10
    while hall.city.calls("civil") == calls and time.monotonic() < until:
        time.sleep(0.01)
    stoppable.stop()
    cut = coming.result(30)
    later = hall.post("/v1/resolutions", body)
    ready = hall.http.get("/readyz")

    for answer in (cut, later):
        assert answer.status_code == 503
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["code"] == "store_unavailable"
        assert answer.headers["retry-after"]
        assert known["fields"]["vin"]["value"] not in answer.text
    assert ready.status_code == 503
    assert hall.http.get("/healthz").status_code == 200

    hall.fault("civil", "none")
    stoppable.start()
    hall.gateway.await_ready()
    answered = _until_answered(hall, body)
    assert answered["counts"]["filled"] == 11
    assert hall.gateway.logged().count("store_available_again") >= 1


def _until_answered(hall, body, seconds=10.0):
    """The first answer that is no 503: connections that died are found out by use."""
    until = time.monotonic() + seconds
    while True:
        with contextlib.suppress(httpx.TransportError):
            answer = hall.post("/v1/resolutions", body)
            if answer.status_code == 200:
                return answer.json()
            assert answer.status_code == 503
        assert time.monotonic() < until
