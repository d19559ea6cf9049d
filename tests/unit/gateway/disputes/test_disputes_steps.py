"""Answering a dispute: who may, with which words, once; and who hears of it."""

from datetime import timedelta
from typing import Any

import pytest

from gateway.disputes.service import own_disputes, read_dispute
from gateway.errors import BadRequest, Conflict, NotAllowed, NotFound, NotValid

DAY = timedelta(days=1)


@pytest.fixture
async def ticket(hall) -> dict[str, Any]:
    """Ann's name, disputed at the desk."""
    return await hall.open(await hall.answer())


@pytest.mark.parametrize(("how", "state"), [("correct", "corrected"), ("uphold", "upheld")])
async def test_the_owner_answers_with_reasons_that_the_person_reads(
    hall, ticket, how: str, state: str
) -> None:
    """The words are sealed: the entry says that there are some; the person's own list shows them."""
    told = await hall.step(ticket["id"], how, reason="户口底册为安娜")

    mine = (await own_disputes((await hall.ann()).person, hall.runtime, after="", limit=5))[0]
    leaf = (await hall.leaves(f"dispute.{state}"))[0]
    assert (told["state"], mine["state"], mine["answer"]) == (state, state, "户口底册为安娜")
    assert (leaf["reason"], leaf["caller"]) == ("given", "police")
    assert "户口" not in str(leaf)


async def test_closing_twice(hall, ticket) -> None:
    """The same way is harmless and writes nothing; another way is refused."""
    await hall.step(ticket["id"], "correct")

    again = await hall.step(ticket["id"], "correct", reason="又一次")
    with pytest.raises(Conflict) as caught:
        await hall.step(ticket["id"], "uphold")

    assert again["state"] == "corrected"
    assert caught.value.code == "dispute_is_corrected"
    assert len(await hall.leaves("dispute.corrected")) == 1


async def test_a_closed_dispute_can_be_followed_by_a_new_one(hall, ticket) -> None:
    """The same value may be wrong again."""
    await hall.step(ticket["id"], "uphold")

    assert (await hall.open(await hall.answer()))["id"] != ticket["id"]


@pytest.mark.parametrize("how", ["correct", "uphold", "refer"])
async def test_another_department_may_not(hall, ticket, how: str) -> None:
    """Neither another's officer, nor the person, nor the desk."""
    for caller in (hall.civil_affairs, hall.bureau, await hall.ann(), hall.desk):
        with pytest.raises(NotAllowed) as caught:
            await hall.step(ticket["id"], how, caller)
        assert caught.value.code == "not_the_owner_department"


async def test_only_the_person_takes_it_back(hall, ticket) -> None:
    """Without giving reasons; the officer may not, and nobody else hears of it."""
    with pytest.raises(NotAllowed) as caught:
        await hall.step(ticket["id"], "withdraw")
    with pytest.raises(NotFound):
        await hall.step(ticket["id"], "withdraw", await hall.person(hall.bob_id))

    told = await hall.step(ticket["id"], "withdraw", await hall.ann(), reason="")

    assert caught.value.code == "only_by_the_person"
    assert told["state"] == "withdrawn"
    leaf = (await hall.leaves("dispute.withdrawn"))[0]
    assert leaf["person"] == leaf["subject"]


@pytest.mark.parametrize(
    ("reason", "code"), [("", "reason_required"), (" ", "reason_required"), ("长" * 1_001, "reason_too_long")]
)
async def test_an_answer_says_why(hall, ticket, reason: str, code: str) -> None:
    """And not at any length."""
    with pytest.raises(BadRequest) as caught:
        await hall.step(ticket["id"], "uphold", reason=reason)

    assert caught.value.code == code


# ---------------------------------------------------------------- referred


async def test_a_referral_makes_another_department_the_owner(hall, ticket) -> None:
    """With its own limit, three working days from that Monday; the value stays withheld; the first may no more."""
    hall.now += 3 * DAY

    told = await hall.step(ticket["id"], "refer", department="民政", reason="婚姻登记以民政为准")

    assert (told["department"], told["state"], told["due"]) == ("民政", "referred", "2026-11-26")
    assert (await hall.answer())["fields"]["name"]["outcome"] == "disputed"
    with pytest.raises(NotAllowed):
        await hall.step(ticket["id"], "uphold")
    assert (await hall.step(ticket["id"], "uphold", hall.civil_affairs))["state"] == "upheld"
    steps = (await read_dispute(ticket["id"], hall.civil_affairs, hall.runtime))["steps"]
    assert [(each["step"], each["words"]) for each in steps] == [
        ("referred", "婚姻登记以民政为准"),
        ("upheld", "已核对原始档案"),
    ]


@pytest.mark.parametrize(
    ("department", "error", "code"),
    [
        ("公安", BadRequest, "referred_to_itself"),
        ("海关", NotValid, "not_valid"),
        (None, NotValid, "not_valid"),
    ],
)
async def test_whom_it_cannot_be_referred_to(
    hall, ticket, department: str | None, error: type[Exception], code: str
) -> None:
    """To itself, to nobody, to a department that the registry does not know."""
    with pytest.raises(error) as caught:
        await hall.step(ticket["id"], "refer", department=department)

    assert caught.value.code == code  # type: ignore[attr-defined]
    assert await hall.leaves("dispute.referred") == []


async def test_no_such_dispute(hall) -> None:
    """404, whoever asks."""
    for caller in (hall.police, hall.desk, await hall.ann()):
        with pytest.raises(NotFound):
            await hall.step("dsp_none", "uphold", caller)


# ---------------------------------------------------------------- who hears of it


async def test_the_desk_hears_how_it_ended(hall, ticket) -> None:
    """By a message without any value; a client without a webhook is told nowhere."""
    await hall.step(ticket["id"], "uphold")

    (message, body), *others = await hall.bodies(ticket["id"])
    assert others == []
    assert (message.client, body["type"], body["state"]) == ("hall", "dispute.upheld", "upheld")
    assert body["id"] == message.id
    assert not any(word in message.body.decode() for word in ("安妮", "安娜", "档案"))


async def test_a_referral_tells_the_new_department(hall, ticket) -> None:
    """And nobody else."""
    await hall.step(ticket["id"], "refer", department="民政")

    assert await hall.messages(ticket["id"]) == [("civil-affairs", "dispute.referred")]
