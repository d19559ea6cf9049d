"""Nobody who knows an operator's name keeps them out, and nobody guesses their way in."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest

from gateway.security.operators import find_operator, reset_operator
from gateway.security.origins import origin_of, wait_after

WRONG = "five words make two"


@pytest.fixture
async def service(make_service: Callable[..., Any]) -> AsyncIterator[Any]:
    """A service that counts failures per operator only, so that a crowd can be played from one process."""
    made = make_service(token_failures_per_minute=0)
    yield made
    await made.http.aclose()


async def log_in(desk: Any, address: str, **changes: Any) -> httpx.Response:
    """One try from that network address."""
    transport = httpx.ASGITransport(desk.service.app, client=(address, 5))
    base = desk.service.runtime.settings.public_url
    async with httpx.AsyncClient(transport=transport, base_url=base) as http:
        return await http.post("/v1/sessions", json=desk.body(**changes))


async def crowd(desk: Any, tries: int, *, network: str = "203.0.113") -> list[int]:
    """So many guesses, each from an address of its own."""
    return [(await log_in(desk, f"{network}.{n}", password=WRONG)).status_code for n in range(tries)]


async def test_a_crowd_of_guessers_does_not_keep_the_owner_out(service: Any) -> None:
    """From the device they were given a token for, and from the address they came from, they get in as ever."""
    desk = await service.operator()
    device = (await log_in(desk, "10.0.0.7")).json()["device"]
    service.clock.tick()
    await crowd(desk, 40)

    by_device = await log_in(desk, "198.51.100.9", device=device)
    service.clock.tick()
    by_address = await log_in(desk, "10.0.0.7")

    assert [by_device.status_code, by_address.status_code] == [201, 201]
    assert (by_device.json()["device"], by_address.json()["device"] != device) == (None, True)


async def test_whoever_guesses_beside_the_owner_makes_only_the_address_wait(service: Any) -> None:
    """Behind one address with the guesser, the device lets the owner in."""
    desk = await service.operator()
    device = (await log_in(desk, "10.0.0.7")).json()["device"]
    service.clock.tick()
    for _ in range(6):
        await log_in(desk, "10.0.0.7", password=WRONG)

    without = await log_in(desk, "10.0.0.7")
    with_it = await log_in(desk, "10.0.0.7", device=device)

    assert [without.status_code, with_it.status_code] == [401, 201]
    assert (await service.entries("operator.locked"))[-1]["is_known"] is True


async def test_a_crowd_is_slowed_to_one_guess_in_five_minutes(service: Any) -> None:
    """Of a guess a second from ever new addresses, a day sees some three hundred looked at, not 86,400."""
    desk = await service.operator()
    await crowd(desk, 60)
    looked_at = 0
    for n in range(40):
        service.clock.tick(timedelta(minutes=1))
        before = len(await service.entries("operator.login_refused"))
        await log_in(desk, f"198.51.100.{n}", password=WRONG)
        refused = (await service.entries("operator.login_refused"))[before:]
        looked_at += sum(each["reason"] == "password" for each in refused)

    reasons = [each["reason"] for each in await service.entries("operator.login_refused")]
    assert reasons[:60].count("password") == 20
    assert looked_at <= 11


async def test_a_crowd_is_an_alarm(service: Any) -> None:
    """Once when strangers have to wait, and again for each further crowd; with the operator's random id alone."""
    desk = await service.operator()
    await crowd(desk, 25)

    beset = await service.entries("operator.beset")
    assert [(each["operator"], each["tries"]) for each in beset] == [(desk.id, 20)]


async def test_a_stranger_with_everything_right_waits_for_their_turn(service: Any) -> None:
    """A new device while strangers are at work: refused now, let in when the wait is over; then it is known."""
    desk = await service.operator()
    await crowd(desk, 20)

    at_once = await log_in(desk, "192.0.2.4")
    service.clock.tick(timedelta(seconds=31))
    later = await log_in(desk, "192.0.2.4")

    assert [at_once.status_code, later.status_code] == [401, 201]


async def test_a_reset_lets_the_owner_in_while_strangers_are_at_work(service: Any) -> None:
    """A one-time password is long and random: it waits for nobody, and no device is known any more."""
    desk = await service.operator()
    stolen = (await log_in(desk, "10.0.0.7")).json()["device"]
    made = await reset_operator(await find_operator("wang", service.runtime), service.runtime)
    desk = replace(desk, uri=made.uri, password=made.password)
    await crowd(desk, 30)
    service.clock.tick()

    opened = await log_in(desk, "192.0.2.4", new_password="four words make one", device=stolen)

    assert opened.status_code == 201
    assert opened.json()["device"] not in (None, stolen)


async def test_a_device_of_another_operator_is_none(service: Any) -> None:
    """What was given to one opens no way for another's name, and a made-up one none at all."""
    desk, other = await service.operator(), await service.operator("li")
    device = (await log_in(other, "10.0.0.7")).json()["device"]
    await crowd(desk, 20)

    for presented in (device, "dev_made_up"):
        assert (await log_in(desk, "192.0.2.4", device=presented)).status_code == 401
    assert (await service.entries("operator.login_refused"))[-1]["reason"] == "locked"


async def test_a_device_alone_opens_nothing(service: Any) -> None:
    """Who stole it has five tries, then waits as anybody, and guesses no faster."""
    desk = await service.operator()
    device = (await log_in(desk, "10.0.0.7")).json()["device"]
    service.clock.tick()

    tries = [await log_in(desk, f"192.0.2.{n}", password=WRONG, device=device) for n in range(7)]

    assert {each.status_code for each in tries} == {401}
    reasons = [each["reason"] for each in await service.entries("operator.login_refused")]
    assert reasons == ["password"] * 5 + ["locked"] * 2


async def test_behind_a_proxy_the_device_is_all_that_counts(make_service: Callable[..., Any]) -> None:
    """Every address is the proxy's there: it is nobody's own."""
    service = make_service(behind_tls_proxy=True, token_failures_per_minute=0)
    desk = await service.operator()
    device = (await log_in(desk, "10.0.0.1")).json()["device"]
    service.clock.tick()
    for _ in range(20):
        await log_in(desk, "10.0.0.1", password=WRONG)

    without = await log_in(desk, "10.0.0.1")
    with_it = await log_in(desk, "10.0.0.1", device=device)

    assert [without.status_code, with_it.status_code] == [401, 201]
    await service.http.aclose()


async def test_the_numbers_are_settings(make_service: Callable[..., Any]) -> None:
    """Tries, waits, and for how long a place is known; P0D knows none and gives no device."""
    service = make_service(
        operator_tries=2, operator_stranger_tries=3, operator_known_for="P0D", token_failures_per_minute=0
    )
    desk = await service.operator()

    first = await log_in(desk, "10.0.0.7")
    service.clock.tick()
    tries = [await log_in(desk, "10.0.0.7", password=WRONG) for _ in range(3)]
    reasons = [each["reason"] for each in await service.entries("operator.login_refused")]

    assert first.json()["device"] is None
    assert {each.status_code for each in tries} == {401}
    assert reasons == ["password", "password", "locked"]
    await service.http.aclose()


async def test_neither_device_nor_address_is_kept_or_told(service: Any) -> None:
    """The log and the operator's row know digests at most."""
    desk = await service.operator()
    device = (await log_in(desk, "10.0.0.7")).json()["device"]
    await log_in(desk, "10.0.0.7", device=device, password=WRONG)

    told = str(await service.entries()) + str(await service.runtime.store.operators.operator(desk.id))
    assert device not in told
    assert "10.0.0.7" not in told


def test_one_ipv6_network_is_one_place(service: Any) -> None:
    """Who has one such address has all that begin alike; IPv4 is told apart to the last bit."""
    places = [
        origin_of(None, address, service.runtime).address
        for address in ("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", "2001:db8:0:2::1", "::ffff:192.0.2.1")
    ]

    assert places[0] == places[1] != places[2]
    assert places[3] == origin_of(None, "192.0.2.1", service.runtime).address
    assert origin_of(None, "", service.runtime).address is None


def test_waits_double_up_to_the_longest() -> None:
    """Half a minute after the last free try; never more than is set, however many there were."""
    waits = [wait_after(tries, 3, timedelta(minutes=5)).seconds for tries in (0, 2, 3, 4, 5, 6, 7, 10_000)]

    assert waits == [0, 0, 30, 60, 120, 240, 300, 300]


async def test_guesses_at_once_from_everywhere_are_no_more_than_in_a_row(service: Any) -> None:
    """Racing gives a crowd no further look at the password."""
    desk = await service.operator()
    await crowd(desk, 15)

    await asyncio.gather(*(log_in(desk, f"198.51.100.{n}", password=WRONG) for n in range(12)))

    reasons = [each["reason"] for each in await service.entries("operator.login_refused")]
    assert reasons.count("password") == 20
