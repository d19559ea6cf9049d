"""Opening a dispute: whose value, which one, once; and that it is withheld from then on, whichever field asks."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.disputes.service import OpenDispute, list_disputes, open_dispute, own_disputes, read_dispute
from gateway.disputes.uses import Wanted
from gateway.errors import NotAllowed, NotFound, NotValid
from gateway.records import DisputeState
from gateway.resolution.drafts import read_answer

DAY = timedelta(days=1)


def outcomes(answer: Any) -> dict[str, str]:
    return {path: field["outcome"] for path, field in answer["fields"].items()}


def said(wanted: Wanted, **changes: Any) -> OpenDispute:
    return replace(OpenDispute(wanted, "写错了", "安娜", ("户口簿",)), **changes)


# ---------------------------------------------------------------- a ticket


async def test_a_ticket_goes_to_the_items_owner_with_a_deadline(hall) -> None:
    """Five working days from a Friday are the next Friday; the entry names no value."""
    answer = await hall.answer()

    ticket = await hall.open(answer)

    assert (ticket["department"], ticket["state"], ticket["level"]) == ("公安", "open", 0)
    assert (ticket["item"], ticket["source"], ticket["path"]) == ("person.name", "civil", "name")
    assert ticket["due"] == "2026-11-27"
    leaf = (await hall.leaves("dispute.opened"))[0]
    assert (leaf["owner"], leaf["due"], leaf["resolution"]) == ("公安", "2026-11-27", answer["id"])
    assert "安" not in str(leaf).replace("公安", "")


async def test_an_items_own_limit_counts_before_its_departments(hall) -> None:
    """Two working days for the telephone, though its department has five."""
    answer = await hall.answer()

    ticket = await hall.open(answer, "phone")

    assert ticket["due"] == "2026-11-24"


async def test_the_officer_reads_both_values_and_that_is_an_entry(hall) -> None:
    """Reason, what was shown, what the person says, evidence; the desk that showed it reads the same."""
    ticket = await hall.open(await hall.answer())

    told = [
        await read_dispute(ticket["id"], caller, hall.runtime)
        for caller in (hall.police, hall.desk, await hall.ann())
    ]

    assert {(each["shown"], each["own"], each["reason"]) for each in told} == {("安妮", "安娜", "姓名写错了")}
    assert told[0]["evidence"] == ["户口簿第3页"]
    assert [leaf["caller"] for leaf in await hall.leaves("dispute.read")] == ["police", "hall", "portal"]


async def test_the_same_twice_is_one_ticket(hall) -> None:
    """Said by the desk and by the person, in two forms: one ticket, one entry."""
    first, second = await hall.answer(), await hall.answer(form="other-form")

    tickets = [
        await hall.open(first),
        await hall.open(first),
        await hall.open(second, "full_name", await hall.ann()),
    ]

    assert len({ticket["id"] for ticket in tickets}) == 1
    assert len(await hall.leaves("dispute.opened")) == 1


async def test_a_person_disputes_from_the_ledger_long_afterwards(hall) -> None:
    """By item and source, when no answer is kept any more: the value shown is no longer known, the use is."""
    answer = await hall.answer()
    hall.now += 400 * DAY

    command = said(Wanted(answer["id"], item="person.name", source="civil"))
    ticket = await open_dispute(command, await hall.ann(), hall.runtime)
    told = await read_dispute(ticket["id"], hall.police, hall.runtime)

    assert (ticket["path"], ticket["resolution"]) == ("name", answer["id"])
    assert (told["shown"], told["own"]) == (None, "安娜")


async def test_a_cell_of_a_row_can_be_disputed(hall) -> None:
    """The item is the column's; the source is the one that was asked for the rows."""
    answer = await hall.answer()

    ticket = await hall.open(answer, "children.1.name")
    told = await read_dispute(ticket["id"], hall.police, hall.runtime)

    assert (ticket["item"], ticket["source"], told["shown"]) == ("child.name", "civil", "小红")


async def test_at_submission_and_still_submitted(hall) -> None:
    """One value disputed, the form handed in all the same; the ticket knows both values and the submission."""
    answer = await hall.answer()

    handed_in = await hall.hand_in(answer, disputes={"name": "姓名写错了"}, name="安娜")
    ticket = (await own_disputes((await hall.ann()).person, hall.runtime, after="", limit=5))[0]
    told = await read_dispute(ticket["id"], hall.police, hall.runtime)

    assert handed_in["fields"]["name"]["disposition"] == "disputed"
    assert ticket["submission"] == handed_in["id"]
    assert (told["shown"], told["own"]) == ("安妮", "安娜")


# ---------------------------------------------------------------- bad input


async def test_another_persons_value_is_nobodys_to_dispute(hall) -> None:
    """Bob cannot dispute in a form about Ann, nor Ann what was shown of Bob; another desk sees no such use."""
    answer = await hall.answer(spouse=hall.bob_id)

    with pytest.raises(NotFound):
        await open_dispute(said(Wanted(answer["id"], path="name")), hall.other_desk, hall.runtime)
    with pytest.raises(NotFound):
        await open_dispute(said(Wanted("res_none", path="name")), await hall.ann(), hall.runtime)
    with pytest.raises(NotValid):
        await open_dispute(said(Wanted(answer["id"], path="spouse_name")), await hall.ann(), hall.runtime)
    with pytest.raises(NotValid):
        await open_dispute(
            said(Wanted(answer["id"], path="name")), await hall.person(hall.bob_id), hall.runtime
        )
    assert await hall.leaves("dispute.opened") == []


@pytest.mark.parametrize(
    "wanted",
    [
        {"path": "note"},  # was never fetched
        {"path": "nothing"},
        {"path": "spouse_name"},  # nobody was named
        {"item": "person.none"},
        {"item": "person.name", "source": "marital"},  # never asked for it
        {"path": "name", "item": "person.phone"},
    ],
)
async def test_a_value_never_shown_cannot_be_disputed(hall, wanted: dict[str, str]) -> None:
    """422, with the place that is wrong."""
    answer = await hall.answer()

    with pytest.raises(NotValid) as caught:
        await open_dispute(said(Wanted(answer["id"], **wanted)), await hall.ann(), hall.runtime)

    assert caught.value.errors[0]["code"] == "not_shown"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"reason": ""}, "reason_length"),
        ({"reason": " " * 5}, "reason_length"),
        ({"reason": "错" * 1_001}, "reason_length"),
        ({"evidence": ("证" * 501,)}, "evidence_length"),
        ({"evidence": ("证",) * 11}, "evidence_length"),
        ({"evidence": (" ",)}, "evidence_length"),
    ],
)
async def test_words_that_are_too_many_or_none(hall, changes: dict[str, Any], code: str) -> None:
    """A ticket is read by a person: it says something, and not too much."""
    answer = await hall.answer()

    with pytest.raises(NotValid) as caught:
        await open_dispute(said(Wanted(answer["id"], path="name"), **changes), hall.desk, hall.runtime)

    assert [each["code"] for each in caught.value.errors] == [code]


async def test_whom_a_dispute_does_not_concern(hall) -> None:
    """A person and a desk hear of no such dispute; an officer of another department is refused."""
    ticket = await hall.open(await hall.answer())

    for caller in (await hall.person(hall.bob_id), hall.other_desk):
        with pytest.raises(NotFound):
            await read_dispute(ticket["id"], caller, hall.runtime)
    with pytest.raises(NotAllowed) as caught:
        await read_dispute(ticket["id"], hall.civil_affairs, hall.runtime)

    assert caught.value.code == "not_the_owner_department"
    assert await hall.leaves("dispute.read") == []


async def test_a_list_is_of_ones_own_department(hall) -> None:
    """No value and no reason stands in it."""
    ticket = await hall.open(await hall.answer())
    wanted: dict[str, Any] = {"states": (DisputeState.open,), "due_before": None, "after": "", "limit": 5}

    mine = await list_disputes(hall.police, hall.runtime, **wanted)
    theirs = await list_disputes(hall.civil_affairs, hall.runtime, **wanted)

    assert [each["id"] for each in mine] == [ticket["id"]]
    assert theirs == []
    assert not {"安妮", "安娜", "姓名写错了"} & {str(value) for value in mine[0].values()}


# ---------------------------------------------------------------- withheld


async def test_while_open_it_is_not_offered_and_not_even_asked_for(hall) -> None:
    """In any form and any role; the ticket stands as the rule, everything else is filled."""
    ticket = await hall.open(await hall.answer())

    again = await hall.answer()
    elsewhere = await hall.answer(form="other-form")
    as_spouse = await hall.answer(applicant=hall.bob_id, spouse=hall.ann_id)

    field = again["fields"]["name"]
    assert (field["outcome"], field["value"], field["reason"]) == ("disputed", None, "disputed")
    assert (field["rule"], field["fixed_by"]) == (ticket["id"], "source")
    assert "异议" in field["message"]
    others = {path: outcome for path, outcome in outcomes(again).items() if path != "name"}
    assert {outcome for path, outcome in others.items() if path in ("phone", "marital")} == {"filled"}
    assert outcomes(elsewhere)["full_name"] == "disputed"
    assert (outcomes(as_spouse)["name"], outcomes(as_spouse)["spouse_name"]) == ("filled", "disputed")
    asked = (await hall.leaves("intent"))[-1]["asks"]
    assert ["spouse", "civil", ["person.name"], False, ticket["id"], "disputed"] in asked


class OpeningSources:
    """Sources during whose answer somebody disputes a value."""

    def __init__(self, sources: Any, meanwhile: Any) -> None:
        self._sources, self._meanwhile = sources, meanwhile

    async def gather(self, *asked: Any) -> Any:
        """What they say, once that is done."""
        said = await self._sources.gather(*asked)
        await self._meanwhile()
        return said

    async def close(self) -> None:
        """As they are closed."""
        await self._sources.close()


async def test_what_is_disputed_while_it_is_fetched_is_not_released(hall) -> None:
    """The second gate looks again at every subject, also where no consent carries anything: on the law alone."""
    before, sources = await hall.answer(), hall.runtime.sources
    hall.runtime.sources = OpeningSources(sources, lambda: hall.open(before))

    answer = await hall.answer()
    hall.runtime.sources = sources

    field = answer["fields"]["name"]
    assert (field["outcome"], field["value"]) == ("disputed", None)
    assert answer["fields"]["phone"]["value"] == "13800138000"
    assert (await hall.leaves("outcome"))[-1]["discarded"] == 1


async def test_a_disputed_cell_withholds_the_rows(hall) -> None:
    """Nobody knows which row is which once the register has changed them."""
    await hall.open(await hall.answer(), "children.0.born")

    again = outcomes(await hall.answer())

    assert {again[path] for path in again if path.startswith("children.")} == {"disputed"}
    assert again["name"] == "filled"


async def test_an_answer_from_before_is_read_again_without_it(hall) -> None:
    """The counts tell of it; what is not disputed stays byte for byte what it was."""
    answer = await hall.answer(by=hall.desk)
    assert orjson.loads(await read_answer(answer["id"], hall.desk, hall.runtime)) == answer
    ticket = await hall.open(answer)

    again = orjson.loads(await read_answer(answer["id"], hall.desk, hall.runtime))
    in_english = orjson.loads(await read_answer(answer["id"], hall.desk, hall.runtime, language="en"))

    field = again["fields"].pop("name")
    assert (field["outcome"], field["value"], field["rule"]) == ("disputed", None, ticket["id"])
    assert in_english["fields"]["name"]["message"].startswith("This value is under correction")
    assert again["counts"]["by_outcome"]["disputed"] == 1
    assert again["counts"]["filled"] == answer["counts"]["filled"] - 1
    before = answer["fields"]
    before.pop("name")
    assert again["fields"] == before


MOVES = st.lists(st.sampled_from(["open", "correct", "uphold", "withdraw"]), max_size=6)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moves=MOVES, path=st.sampled_from(["name", "phone", "children.0.name"]))
def test_nothing_disputed_is_ever_released(opening: Any, tmp_path: Path, moves: list[str], path: str) -> None:
    """Whatever is opened, closed and resolved in whatever order: a value leaves exactly while nothing disputes it."""

    async def story() -> None:
        async with opening(tmp_path) as hall:
            ticket = None
            for move in moves:
                if move == "open" and ticket is None:
                    ticket = await hall.open(await hall.answer(), path)
                elif move != "open" and ticket is not None:
                    await hall.step(
                        ticket["id"], move, await hall.ann() if move == "withdraw" else hall.police
                    )
                    ticket = None
                field = (await hall.answer())["fields"][path]
                expected = "filled" if ticket is None else "disputed"
                assert (field["outcome"], field["value"] is None) == (expected, ticket is not None)

    asyncio.run(story())


async def test_once_answered_it_is_offered_again(hall) -> None:
    """Corrected, upheld or withdrawn: the next form asks the register as always."""
    for how in ("correct", "uphold", "withdraw"):
        ticket = await hall.open(await hall.answer())
        assert outcomes(await hall.answer())["name"] == "disputed"

        await hall.step(ticket["id"], how, await hall.ann() if how == "withdraw" else hall.police)

        assert outcomes(await hall.answer())["name"] == "filled"
