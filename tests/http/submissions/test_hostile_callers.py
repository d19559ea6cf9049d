"""Callers that want more than they were given: values behind a mask, a record that nobody asked for, a crash."""

import asyncio
from datetime import timedelta

import orjson
import pytest

from gateway.submissions.guessing import MOST_REFUSED
from tests.http.submissions.conftest import ANN

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


# ---------------------------------------------------------------- many that dispute one value


async def test_forms_and_disputes_at_once_are_one_ticket(hall_on_disk):
    """On every database, whichever comes first: nobody is sent away, and one ticket holds what all of them said."""
    hall = hall_on_disk
    drafts = [await hall.resolve() for _ in range(8)]
    forms = [
        hall.submit(each, disputes={"name": {"reason": f"第{n}张"}}) for n, each in enumerate(drafts[:5])
    ]
    said = [
        hall.call("POST", "/v1/disputes", {"resolution": each["id"], "path": "name", "reason": f"第{n}次"})
        for n, each in enumerate(drafts[5:])
    ]

    answers = await asyncio.gather(*forms, *said)

    taken = [each for each in answers if each.status_code in (200, 201)]
    tickets = {each.json()["id"] if "state" in each.json() else each.json()["disputes"][0] for each in taken}
    assert {(each.status_code, each.json().get("code")) for each in answers} <= {
        (200, None),
        (201, None),
        (409, "draft_changed"),
        (409, "dispute_moved"),
    }
    assert len(tickets) == 1
    assert len(taken) >= 3
    (ticket,) = tickets
    events = await hall.runtime.store.disputes.events(ticket, after="", limit=20)
    assert len(events) == len(taken) - 1
    again = [
        await hall.submit(each, disputes={"name": {"reason": f"第{n}张"}})
        for n, each in enumerate(drafts[:5])
    ]
    assert {each.status_code for each in again} == {200}


async def test_the_same_form_at_once_joins_once(hall_on_disk):
    """Equal submissions of one answer: one application, and its ticket is joined by it once."""
    hall = hall_on_disk
    before, draft = await hall.resolve(), await hall.resolve()
    await hall.submit(before, disputes={"name": {"reason": "写错了"}})

    answers = await asyncio.gather(
        *(hall.submit(draft, disputes={"name": {"reason": "还是"}}) for _ in range(6))
    )

    (ticket,) = answers[0].json()["disputes"]
    assert {each.status_code for each in answers} == {200}
    assert len({each.text for each in answers}) == 1
    assert len(await hall.runtime.store.disputes.events(ticket, after="", limit=9)) == 1


async def test_another_hall_learns_nothing_of_a_ticket_by_joining_it(hall):
    """It is told the ticket's id and that its word is there; not who opened it, in which form, nor what was said."""
    mine, theirs = await hall.resolve(), None
    await hall.submit(mine, disputes={"name": {"reason": "户口簿上写的是安娜"}})
    other = hall.another("hall-2")
    body = {
        "form": {"id": "family"},
        "subjects": {"applicant": ANN},
        "actor": {"kind": "clerk", "id": "c"},
        "consent": await hall.consent(),
    }
    theirs = (await hall.call("POST", "/v1/resolutions", body, headers=other)).json()
    said = {"resolution": theirs["id"], "path": "address", "reason": "搬家了"}
    opened = await hall.call("POST", "/v1/disputes", said, headers=other)
    joined = await hall.call("POST", "/v1/disputes", {**said, "reason": "又说一次"}, headers=other)
    hidden = await hall.call("POST", "/v1/disputes", {**said, "path": "name"}, headers=other)

    (ticket,) = [each async for each in tickets_about(hall, "person.name")]
    read = await hall.call("GET", f"/v1/disputes/{ticket}", headers=other)

    assert (opened.status_code, joined.status_code) == (201, 201)
    assert hidden.status_code == 422  # it was under correction already, so this hall was never shown it
    assert read.status_code == 404
    assert mine["id"] not in joined.text + read.text


async def tickets_about(hall, item):
    """Ids of the tickets about an item."""
    for each in await hall.runtime.store.disputes.listing(
        department=None, states=(), due_before=None, after="", limit=20
    ):
        if each.item == item:
            yield each.id


async def test_a_join_is_answered_again_by_its_key(hall):
    """An Idempotency-Key of a hall that joined another one's ticket leads to the same line, and adds nothing."""
    body = {
        "form": {"id": "family"},
        "subjects": {"applicant": ANN},
        "actor": {"kind": "clerk", "id": "c"},
        "consent": await hall.consent(),
    }
    other = hall.another("hall-2")
    theirs = (await hall.call("POST", "/v1/resolutions", body, headers=other)).json()
    mine = await hall.resolve()
    await hall.call("POST", "/v1/disputes", {"resolution": mine["id"], "path": "name", "reason": "写错了"})
    said = {"resolution": theirs["id"], "path": "name", "reason": "护照上不同"}
    key = {**other, "idempotency-key": "join-1"}

    first, second = [await hall.call("POST", "/v1/disputes", said, headers=key) for _ in range(2)]

    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    assert (first.json()["path"], first.json()["resolution"]) == ("name", None)
    assert len(await hall.runtime.store.disputes.events(first.json()["id"], after="", limit=9)) == 1
