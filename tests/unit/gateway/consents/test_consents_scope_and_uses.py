"""How far a consent reaches when it counts: case, frequency, data life, and the registry as it was agreed to."""

from dataclasses import replace
from datetime import timedelta

import pytest

from field_registry import Binding
from field_registry.items import Sensitivity, ShareAttribute

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
FILLED = ("filled", None)


async def test_a_consent_for_a_case_covers_that_case(hall) -> None:
    """Another case, or none, is refused with its reason; case numbers are compared without outer blanks."""
    consent_id = (await hall.record(case="case-9"))["id"]

    assert (await hall.resolve([consent_id], case="case-9"))["name"] == FILLED
    assert (await hall.resolve([consent_id], case=" case-9 "))["name"] == FILLED
    for other in ("case-8", None):
        assert (await hall.resolve([consent_id], case=other))["name"] == ("no_ground", "consent_other_case")


async def test_a_consent_without_a_case_covers_all(hall) -> None:
    """It was agreed to for the matter, not for one file."""
    consent_id = (await hall.record())["id"]

    assert (await hall.resolve([consent_id], case="case-8"))["name"] == FILLED


async def test_as_often_as_agreed_and_no_more(hall) -> None:
    """Two an hour: the third is refused with its reason until the hour is over."""
    consent_id = (await hall.record(frequency=(2, HOUR)))["id"]

    assert [(await hall.resolve([consent_id]))["name"] for _ in range(3)] == [
        FILLED,
        FILLED,
        ("no_ground", "consent_too_often"),
    ]
    hall.now += HOUR
    assert (await hall.resolve([consent_id]))["name"] == FILLED


async def test_an_answer_lives_no_longer_than_agreed(hall) -> None:
    """The shortest data life of the consents in play caps the draft, and the answer says the same."""
    short = (await hall.record(items={"person.name": True}, data_life=timedelta(minutes=5)))["id"]
    longer = (await hall.record(items={"person.phone": True}, data_life=timedelta(minutes=9)))["id"]

    answer = await hall.answer([longer, short])

    draft = await hall.runtime.store.drafts.read(answer["id"])
    assert draft.valid_until == hall.now + timedelta(minutes=5)
    assert answer["valid_until"].startswith("2026-11-21T02:08:04")


async def test_a_long_data_life_does_not_lengthen(hall) -> None:
    """The service keeps no answer for longer than a day."""
    consent_id = (await hall.record(data_life=90 * DAY))["id"]

    answer = await hall.answer([consent_id])

    assert (await hall.runtime.store.drafts.read(answer["id"])).valid_until == hall.now + DAY


# ---------------------------------------------------------------- the registry moves on


@pytest.mark.parametrize(
    "change", [{"sensitivity": Sensitivity.sensitive}, {"share": ShareAttribute.unconditional}]
)
async def test_an_item_that_changed_needs_renewal(hall, change) -> None:
    """From the next statement on, that item alone is refused; the person did nothing wrong and is told so."""
    consent_id = (await hall.record())["id"]
    name = hall.runtime.library.published.registry.items["person.name"]

    await hall.publish(replace(name, **change))

    found = await hall.resolve([consent_id])
    assert found["name"] == ("no_ground", "consent_outdated")
    assert found["phone"] == FILLED


async def test_another_source_needs_renewal(hall) -> None:
    """Whoever agreed that the population register is asked has not agreed to the next one."""
    old = (await hall.record())["id"]
    registry = hall.runtime.library.published.registry
    second = Binding("person.phone", "licence", "/phone", rank=2)

    await hall.publish(bindings=(*registry.bindings, second))

    assert (await hall.resolve([old]))["phone"] == ("no_ground", "consent_outdated")
    renewed = await hall.record(renews=old)
    assert (await hall.resolve([renewed["id"]]))["phone"] == FILLED
    assert [source["id"] for source in renewed["items"][1]["sources"]] == ["civil", "licence"]


async def test_a_newer_consent_stands_in_for_an_outdated_one(hall) -> None:
    """Of two consents the one that is current releases."""
    old = (await hall.record())["id"]
    name = hall.runtime.library.published.registry.items["person.name"]
    await hall.publish(replace(name, share=ShareAttribute.unconditional))
    new = (await hall.record())["id"]

    answer = await hall.answer([old, new])

    assert answer["fields"]["name"]["ground"]["id"] == new
    assert answer["fields"]["phone"]["ground"]["id"] in (old, new)


async def test_a_corrected_name_or_address_changes_nothing(hall) -> None:
    """What does not concern the person's agreement does not undo it."""
    consent_id = (await hall.record())["id"]
    registry = hall.runtime.library.published.registry
    name = replace(registry.items["person.name"], name="姓名（更正）", synonyms=("称谓",))
    bindings = [
        replace(each, attribute="/name", version=2) if each.item == "person.name" else each
        for each in registry.bindings
    ]

    await hall.publish(name, bindings=tuple(bindings))

    assert (await hall.resolve([consent_id]))["name"] == FILLED
