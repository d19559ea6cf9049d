"""One value under dispute has one open ticket: what is said again joins it, with its evidence and its application."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from msgspec import structs

from gateway.disputes.clockwork import purge_disputes
from gateway.disputes.joining import MOST_STEPS
from gateway.disputes.service import OpenDispute, open_dispute, read_dispute, read_opened
from gateway.disputes.uses import Wanted
from gateway.errors import Conflict, NotFound
from gateway.submissions.commands import Claim, SubmitCommand
from gateway.submissions.service import submit

DAY = timedelta(days=1)


async def said_again(hall: Any, answer: Any, by: Any, **changes: Any) -> dict[str, Any]:
    """Another reason, about the same value of an answer."""
    said = OpenDispute(Wanted(answer["id"], path="name"), "还是写错了", "安娜娜", ("身份证",))
    return await open_dispute(replace(said, **changes), by, hall.runtime)


async def steps(hall: Any, ticket: str, by: Any = None) -> list[dict[str, Any]]:
    """The steps of a ticket, as that caller is shown them; the police when nobody is named."""
    told = await read_dispute(ticket, by or hall.police, hall.runtime)
    return list(told["steps"])


async def test_a_submission_joins_the_ticket_that_its_desk_opened(hall) -> None:
    """Said at the desk, then with the form: one ticket, which knows the application from now on."""
    answer = await hall.answer()
    ticket = await hall.open(answer)

    made = await hall.hand_in(answer, disputes={"name": "护照上是安娜"}, name="安娜娜")

    (told,) = await hall.tickets()
    (joined,) = await steps(hall, ticket["id"])
    assert made["disputes"] == [ticket["id"]]
    assert made["fields"]["name"]["disposition"] == "disputed"
    assert (told["id"], told["submission"]) == (ticket["id"], made["id"])
    assert (joined["step"], joined["words"], joined["own"]) == ("joined", "护照上是安娜", "安娜娜")
    assert (joined["submission"], joined["entry"]) == (made["id"], made["receipt"]["entry"])


async def test_a_dispute_after_the_submission_joins_its_ticket(hall) -> None:
    """The other way round: what the form said stays the ticket, what is said later is added with its evidence."""
    answer = await hall.answer()
    made = await hall.hand_in(answer, disputes={"name": "写错了"}, name="安娜")

    ticket = await said_again(hall, answer, hall.desk)

    (joined,) = await steps(hall, ticket["id"])
    assert [ticket["id"]] == made["disputes"] == [each["id"] for each in await hall.tickets()]
    assert (joined["words"], joined["own"], joined["evidence"]) == ("还是写错了", "安娜娜", ["身份证"])
    assert joined["submission"] == made["id"]
    (leaf,) = await hall.leaves("dispute.joined")
    assert (leaf["request"], leaf["resolution"], leaf["items"]) == (
        ticket["id"],
        answer["id"],
        ["person.name"],
    )
    assert "安" not in str(leaf).replace("公安", "")


async def test_two_forms_about_one_value_are_one_ticket(hall) -> None:
    """Two answers from before anybody disputed it, handed in one after the other."""
    first, second = await hall.answer(), await hall.answer(form="other-form")
    one = await hall.hand_in(first, disputes={"name": "写错了"}, name="安娜")

    other = await hall.hand_in(second, disputes={"full_name": "写错了"}, full_name="安娜")

    assert one["disputes"] == other["disputes"]
    (told,) = await hall.tickets()
    assert told["submission"] == one["id"]  # of which it was opened; the other one stands in its step
    assert [each["submission"] for each in await steps(hall, told["id"])] == [other["id"]]
    *_, leaf = await hall.leaves("submission.received")
    assert leaf["joined"] == one["disputes"]
    assert leaf["disputes"] == [[told["id"], "full_name", "person.name", "civil"]]


async def test_another_value_or_a_closed_ticket_is_not_joined(hall) -> None:
    """Another item is a ticket of its own; a closed one never opens again."""
    first, second, third = [await hall.answer() for _ in range(3)]
    one = await hall.hand_in(first, disputes={"name": "写错了"})
    other = await hall.hand_in(second, disputes={"phone": "不是我的"})
    await hall.step(one["disputes"][0], "uphold")
    again = await hall.hand_in(third, disputes={"name": "还是写错了"})

    assert len({*one["disputes"], *other["disputes"], *again["disputes"]}) == 3


async def test_the_same_words_add_nothing(hall) -> None:
    """Sent twice by one caller: the ticket is answered, and its department reads it once."""
    answer = await hall.answer()
    first = await hall.open(answer)
    again = await hall.open(answer)
    joined = [await said_again(hall, answer, hall.desk) for _ in range(3)]

    assert {first["id"], again["id"], *(each["id"] for each in joined)} == {first["id"]}
    assert len(await steps(hall, first["id"])) == 1


async def test_a_desk_is_not_told_what_was_said_at_another(hall) -> None:
    """That it was said again, when, and no word of it; the person and the owner read all. Whoever joined reads its line."""
    mine, theirs = await hall.answer(), await hall.answer(hall.other_desk)
    ticket = await hall.open(mine)
    joined = await said_again(hall, theirs, hall.other_desk)

    (at_first_desk,) = await steps(hall, ticket["id"], hall.desk)
    (at_owner,) = await steps(hall, ticket["id"])
    (of_person,) = await steps(hall, ticket["id"], await hall.ann())

    assert (joined["id"], joined["resolution"], joined["path"]) == (ticket["id"], None, "name")
    assert (at_first_desk["step"], at_first_desk["words"], at_first_desk["own"]) == ("joined", None, None)
    assert (at_first_desk["evidence"], at_first_desk["actor"], at_first_desk["submission"]) == ([], "", None)
    assert at_owner["words"] == of_person["words"] == "还是写错了"
    assert await read_opened(ticket["id"], hall.other_desk, hall.runtime) == joined
    with pytest.raises(NotFound):
        await read_dispute(ticket["id"], hall.other_desk, hall.runtime)
    with pytest.raises(NotFound):
        await read_opened(ticket["id"], structs.replace(hall.other_desk, id="nobody"), hall.runtime)


async def test_a_ticket_that_was_added_to_too_often_takes_no_more(hall) -> None:
    """A dispute is refused with a code; a form is handed in all the same, and says so."""
    answer, later = await hall.answer(), await hall.answer()
    ticket = await hall.open(answer)
    for number in range(MOST_STEPS):
        await said_again(hall, answer, hall.desk, reason=f"又一次 {number}")

    with pytest.raises(Conflict, match="dispute_full"):
        await said_again(hall, answer, hall.desk, reason="最后一次")
    made = await hall.hand_in(later, disputes={"name": "写错了"})

    assert (made["disputes"], made["fields"]["name"]["disposition"]) == ([], "disputed")
    assert [each["code"] for each in made["findings"]] == ["dispute_full"]
    assert len(await steps(hall, ticket["id"])) == MOST_STEPS
    assert (await said_again(hall, answer, await hall.ann(), reason="我自己说"))["id"] == ticket["id"]


async def test_many_at_once_are_one_ticket(hall) -> None:
    """Forms and disputes about one value, sent together: one ticket, and nobody's word is lost."""
    answers = [await hall.answer() for _ in range(4)]
    forms = [hall.hand_in(each, disputes={"name": f"第{number}次"}) for number, each in enumerate(answers)]

    done = await asyncio.gather(*forms, return_exceptions=True)

    told = [each for each in done if isinstance(each, dict)]
    (ticket,) = await hall.tickets()
    assert {each["disputes"][0] for each in told} == {ticket["id"]}
    assert len(await steps(hall, ticket["id"])) == len(told) - 1


async def test_a_join_moves_the_ticket_for_whoever_decides(hall) -> None:
    """An officer who has not read what was added does not close it: they are told to read it again."""
    answer, later = await hall.answer(), await hall.answer()
    ticket = await hall.open(answer)
    before = await hall.runtime.store.disputes.read(ticket["id"])
    await hall.hand_in(later, disputes={"name": "还是写错了"})

    after = await hall.runtime.store.disputes.read(ticket["id"])

    assert (before.steps, after.steps) == (0, 1)
    assert (await hall.step(ticket["id"], "correct"))["state"] == "corrected"


async def test_a_test_joins_nothing(hall) -> None:
    """Its ticket stays as it was."""
    answer, trial = await hall.answer(), await hall.answer()
    ticket = await hall.open(answer)
    values = {path: each["value"] for path, each in trial["fields"].items() if path in ("name", "phone")}
    command = SubmitCommand(values=values, disputes={"name": Claim("试一试")}, is_test=True)

    made = await submit(trial["id"], command, hall.desk, hall.runtime)

    assert made["disputes"] == []
    assert await steps(hall, ticket["id"]) == []


async def test_erasing_takes_what_was_added(hall) -> None:
    """The words of a join are sealed under the subject's key, and emptied with the ticket."""
    answer = await hall.answer()
    ticket = await hall.open(answer)
    await said_again(hall, answer, hall.desk)
    (event,) = await hall.runtime.store.disputes.events(ticket["id"], after="", limit=5)

    assert event.sealed
    assert "安".encode() not in event.sealed
    await hall.step(ticket["id"], "uphold")
    hall.now += 4000 * DAY
    assert await purge_disputes(hall.runtime) == 1
    events = await hall.runtime.store.disputes.events(ticket["id"], after="", limit=5)
    assert [each.sealed for each in events] == [None, None]
