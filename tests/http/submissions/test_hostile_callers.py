"""Callers that want more than they were given: values behind a mask, a record that nobody asked for, a crash."""

import asyncio
from datetime import timedelta

import orjson
import pytest

from gateway.submissions.guessing import MOST_REFUSED

JSON = {"content-type": "application/json"}
TOO_LONG = b"1" + b"0" * 30


async def masked_and_locked(hall):
    """An answer delivered masked, of a form whose purpose refuses changes of locked values."""
    return await hall.resolve("strict", delivery="masked")


async def test_a_test_writes_nothing_but_itself(hall):
    """A test keeps nothing in a person's record and withholds nothing from anybody; it says so."""
    answer = await hall.handed_in(
        {"phone": "13800138000", "name": "安娜"},
        test=True,
        keep={"phone": "record"},
        disputes={"name": {"reason": "写错了"}},
    )
    after = (await hall.resolve())["fields"]

    assert (answer["kept"], answer["disputes"]) == ([], [])
    assert answer["fields"]["name"]["disposition"] == "disputed"
    assert "test_writes_nothing" in {each["code"] for each in answer["findings"]}
    assert (after["name"]["outcome"], after["phone"]["outcome"]) == ("filled", "not_found")
    assert await hall.entries("profile.kept") == []


async def test_refusals_do_not_tell_what_stands_behind_the_mask(hall):
    """Each is an entry; after a few of one answer no place is named any more, right or wrong. The right form is taken."""
    resolved = await masked_and_locked(hall)
    guesses = [{"name": f"安{number}"} for number in range(MOST_REFUSED)]

    told = [await hall.submit(resolved, guess) for guess in guesses]
    wrong = await hall.submit(resolved, {"name": "安六", "sex": "9"})
    right = await hall.submit(resolved, {"name": "安妮", "sex": "9"})

    assert {(each.status_code, each.json()["errors"][0]["code"]) for each in told} == {
        (422, "locked_value_changed")
    }
    assert (wrong.status_code, wrong.json()["code"]) == (409, "refused_too_often")
    assert (right.status_code, right.json()["detail"]) == (409, wrong.json()["detail"])
    entries = await hall.entries("submission.refused")
    assert len(entries) == MOST_REFUSED + 1
    assert "安" not in orjson.dumps(entries).decode()
    assert (await hall.submit(resolved)).status_code == 200


async def test_many_guesses_at_once_are_told_as_few(hall_on_disk):
    """Sent together they are counted together, on every database."""
    resolved = await masked_and_locked(hall_on_disk)

    answers = await asyncio.gather(
        *(hall_on_disk.submit(resolved, {"name": f"安{number}"}) for number in range(4 * MOST_REFUSED))
    )

    named = [each for each in answers if each.status_code == 422]
    assert {each.status_code for each in answers} <= {422, 409}
    assert len(named) <= MOST_REFUSED


async def test_what_was_shown_is_corrected_as_often_as_it_takes(hall):
    """Where the values were delivered there is nothing to guess: refusals are not counted and no entries."""
    resolved = await hall.resolve("strict")

    refused = [await hall.submit(resolved, {"name": "安娜"}) for _ in range(MOST_REFUSED + 1)]

    assert {each.status_code for each in refused} == {422}
    assert await hall.entries("submission.refused") == []


async def test_too_late_tells_nothing_of_a_masked_value(hall):
    """A guess handed in after the time is answered alike, right or wrong; what no register gave is kept all the same."""
    right, wrong, typed = [await hall.resolve(delivery="masked") for _ in range(3)]
    hall.clock.now += timedelta(hours=25)

    answers = [
        await hall.submit(right),
        await hall.submit(wrong, {"name": "安娜", "birth_date": "1991-06-04"}),
        await hall.submit(typed, {"school": "泉州一中"}),
    ]

    assert [each.status_code for each in answers] == [410, 410, 410]
    assert answers[0].json()["detail"] == answers[1].json()["detail"]
    assert "continues" in answers[2].json()["detail"]


@pytest.mark.parametrize(
    "part", [b'"values":{"school":%s}', b'"values":{},"assisted":{"school":{"tier":"D","value":%s}}']
)
async def test_a_number_that_cannot_be_written_is_refused(hall, part):
    """More than 64 bits are told to be sent as text, and are no failure of the service."""
    resolved = await hall.resolve()
    url = f"/v1/resolutions/{resolved['id']}/submission"

    answer = await hall.http.post(url, content=b"{%s}" % (part % TOO_LONG), headers=JSON)

    assert (answer.status_code, answer.json()["code"]) == (400, "number_too_long")
    assert TOO_LONG.decode() not in answer.text


async def test_a_reason_says_something(hall):
    """White space is no reason for a dispute, nor is it evidence."""
    resolved = await hall.resolve()

    blank = await hall.submit(resolved, disputes={"name": {"reason": " \t"}})
    empty = await hall.submit(resolved, disputes={"name": {"reason": "x", "evidence": [" "]}})

    assert {blank.status_code, empty.status_code} == {422}
