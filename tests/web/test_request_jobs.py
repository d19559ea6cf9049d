"""Requests that nobody answers: they expire with an entry each, and a day later nothing is left of what was asked."""

from typing import Any

from gateway.consents.request_jobs import close_requests


async def test_what_is_over_expires_with_an_entry_each(hall: Any) -> None:
    """Once: a second run finds nothing to tell."""
    told = [await hall.ask() for _ in range(3)]
    hall.clock.tick(minutes=15)

    for _ in range(2):
        await close_requests(hall.runtime)

    leaves = await hall.entries("consent.request_expired")
    assert [leaf["request"] for leaf in leaves] == [each["id"] for each in told]
    await hall.log_in()
    stands = await hall.stands(told[0]["id"])
    assert (stands["state"], stands["url"], stands["qr_svg"]) == ("expired", None, None)
    assert stands["notice"] == told[0]["notice"]


async def test_open_requests_stay_open(hall: Any) -> None:
    """A moment before its end a link still lives."""
    told = await hall.ask()
    hall.clock.tick(minutes=14, seconds=59)
    await close_requests(hall.runtime)

    assert (await hall.phone(told["url"]).confirm()).status == 200


async def test_a_day_later_nothing_is_left_of_what_was_asked(hall: Any) -> None:
    """Expired, put off, invalidated: emptied together, one entry with the count; the request itself is still told."""
    expired = await hall.ask()
    _, phone, page = await hall.ready()
    await phone.answer(page, "later")
    wrong = await hall.ask()
    for number in range(5):
        await hall.phone(wrong["url"]).confirm(f"000{number}")
    hall.clock.tick(minutes=15)
    await close_requests(hall.runtime)
    hall.clock.tick(hours=24)

    emptied = [await close_requests(hall.runtime) for _ in range(2)]

    assert emptied == [3, 0]
    (leaf,) = await hall.entries("consent.requests_purged")
    assert leaf["requests"] == 3
    await hall.log_in()
    stands = await hall.stands(expired["id"])
    assert (stands["state"], stands["notice"], stands["items"]) == ("expired", None, [])


async def test_what_came_to_a_consent_is_kept_without_anybodys_number(hall: Any) -> None:
    """The notice can be shown again, byte for byte, as long as the consent is; the identifiers are gone at once."""
    told, phone, page = await hall.ready()
    await phone.answer(page, "agree", "person.name")
    hall.clock.tick(days=400)
    await close_requests(hall.runtime)
    await hall.log_in()

    stands = await hall.stands(told["id"])

    assert stands["notice"] == told["notice"]
    stored = await hall.runtime.store.consent_requests.read(told["id"])
    key = await hall.runtime.subjects.key_for(stored.subject_ref)
    kept = hall.runtime.sealer.open(
        stored.sealed, table="consent_request", column="sealed", row=stored.id, key=key
    )
    assert b"35058219910603996X" not in kept


async def test_what_is_sealed_opens_only_with_the_subjects_key(hall: Any) -> None:
    """So that destroying the key destroys it, wherever a copy lies."""
    import pytest

    from gateway.errors import CannotOpen

    told = await hall.ask()
    stored = await hall.runtime.store.consent_requests.read(told["id"])

    with pytest.raises(CannotOpen):
        hall.runtime.sealer.open(stored.sealed, table="consent_request", column="sealed", row=stored.id)
