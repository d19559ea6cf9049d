"""Where a wrong value went: applications and open answers, by provenance; and that their offices are told."""

from datetime import timedelta
from typing import Any

import pytest

from gateway.disputes.service import read_dispute
from gateway.disputes.whereabouts import where_it_went
from gateway.errors import Gone, NotAllowed, NotFound
from gateway.identities.commands import EvidenceKind, LinkEvidence, LinkIdentities, Presence
from gateway.identities.service import link_identities, unlink
from gateway.resolution.drafts import read_answer

DAY = timedelta(days=1)


async def affected(hall: Any, ticket: Any, **page: Any) -> dict[str, Any]:
    return await where_it_went(
        ticket["id"], page.pop("by", hall.police), hall.runtime, **{"after": "", "limit": 50, **page}
    )


async def test_applications_that_kept_the_value_are_listed(hall) -> None:
    """By other desks and in other forms; not those that edited it, nor those about somebody else."""
    kept = await hall.hand_in(await hall.answer(form="other-form", by=hall.other_desk), hall.other_desk)
    await hall.hand_in(await hall.answer(), name="安娜")  # edited: the wrong value was not used
    await hall.hand_in(await hall.answer(applicant=hall.bob_id))
    disputed = await hall.hand_in(await hall.answer(), disputes={"name": "写错了"}, name="安娜")
    ticket = (await hall.tickets())[0]

    found = (await affected(hall, ticket))["submissions"]

    assert [(each["id"], each["path"], each["disposition"], each["client"]) for each in found] == [
        (kept["id"], "full_name", "kept", "hall-2"),
        (disputed["id"], "name", "disputed", "hall"),
    ]


async def test_of_two_people_with_the_same_item_only_hers(hall) -> None:
    """Ann as the spouse of an applicant whose own name is right."""
    handed_in = await hall.hand_in(await hall.answer(applicant=hall.bob_id, spouse=hall.ann_id))
    ticket = await hall.open(await hall.answer())

    found = (await affected(hall, ticket))["submissions"]

    assert [(each["id"], each["path"]) for each in found] == [(handed_in["id"], "spouse_name")]


async def test_it_looks_back_so_far_and_no_further(hall) -> None:
    """Ninety days before the answer."""
    await hall.hand_in(await hall.answer())
    hall.now += 60 * DAY
    recent = await hall.hand_in(await hall.answer())
    ticket = await hall.open(await hall.answer())
    hall.now += 31 * DAY

    found = (await affected(hall, ticket))["submissions"]

    assert [each["id"] for each in found] == [recent["id"]]


async def test_what_was_handed_in_after_the_correction_is_not_affected(hall) -> None:
    """It used what the register says now."""
    before = await hall.hand_in(await hall.answer())
    ticket = await hall.open(await hall.answer())
    hall.now += DAY
    await hall.step(ticket["id"], "correct")
    hall.now += DAY
    await hall.hand_in(await hall.answer())

    found = (await affected(hall, ticket))["submissions"]

    assert [each["id"] for each in found] == [before["id"]]


async def test_a_correction_empties_open_answers_and_names_them(hall) -> None:
    """They must be resolved again; other people's and those without the value stay."""
    open_one = await hall.answer()
    elsewhere = await hall.answer(form="other-form", by=hall.other_desk)
    others = await hall.answer(applicant=hall.bob_id)
    ticket = await hall.open(open_one)
    await hall.place()
    preview = (await affected(hall, ticket))["resolutions"]

    await hall.step(ticket["id"], "correct")

    listed = (await affected(hall, ticket))["resolutions"]
    assert (
        {each["id"] for each in preview}
        == {each["id"] for each in listed}
        == {open_one["id"], elsewhere["id"]}
    )
    for answer, by in ((open_one, hall.desk), (elsewhere, hall.other_desk)):
        with pytest.raises(Gone):
            await read_answer(answer["id"], by, hall.runtime)
    assert await read_answer(others["id"], hall.desk, hall.runtime)
    leaf = (await hall.leaves("dispute.corrected"))[0]
    assert set(leaf["drafts"]) == {open_one["id"], elsewhere["id"]}


async def test_upholding_empties_nothing(hall) -> None:
    """The value was right."""
    answer = await hall.answer()
    ticket = await hall.open(answer)
    await hall.place()

    await hall.step(ticket["id"], "uphold")

    assert await read_answer(answer["id"], hall.desk, hall.runtime)


async def test_each_office_is_told_of_its_own_applications(hall) -> None:
    """One message per client, with its own and no others; no value in any; no message where there is no webhook."""
    mine = await hall.hand_in(await hall.answer())
    await hall.hand_in(await hall.answer(form="other-form", by=hall.other_desk), hall.other_desk)
    ticket = await hall.open(await hall.answer())
    await hall.place()

    await hall.step(ticket["id"], "correct")

    (message, body), *others = await hall.bodies(ticket["id"])
    assert others == []
    assert (message.client, body["type"]) == ("hall", "dispute.corrected")
    assert [(each["id"], each["path"]) for each in body["submissions"]] == [(mine["id"], "name")]
    assert not any(word in message.body.decode() for word in ("安妮", "安娜", hall.ann_id["id_no"]))
    told = (await affected(hall, ticket))["told"]
    assert [(each["client"], each["tries"], each["delivered_at"]) for each in told] == [("hall", 0, None)]


async def test_nothing_is_recounted(hall) -> None:
    """Slots are frozen: after the correction every snapshot is what it was."""
    handed_in = await hall.hand_in(await hall.answer())
    disputed = await hall.hand_in(await hall.answer(), disputes={"name": "写错了"}, name="安娜")
    ticket = (await hall.tickets())[0]
    ids = (handed_in["id"], disputed["id"])
    before = [await hall.runtime.store.submissions.snapshots(each) for each in ids]

    await hall.step(ticket["id"], "correct")

    assert [await hall.runtime.store.submissions.snapshots(each) for each in ids] == before


async def test_the_confirmed_error_rate_has_its_counts(hall) -> None:
    """One corrected, one upheld, one open, by source and item."""
    for how in ("correct", "uphold"):
        await hall.step((await hall.open(await hall.answer()))["id"], how)
    await hall.open(await hall.answer())

    counts = await hall.runtime.store.disputes.counts(hall.now - DAY, hall.now + DAY)

    assert [tuple(each) for each in counts] == [("civil", "person.name", 1, 1, 1, 0)]


async def test_pages(hall) -> None:
    """In order of time, with a cursor while there are more."""
    made = [(await hall.hand_in(await hall.answer()))["id"] for _ in range(3)]
    ticket = await hall.open(await hall.answer())

    first = await affected(hall, ticket, limit=2)
    second = await affected(hall, ticket, limit=2, after=first["next_cursor"])

    assert [each["id"] for page in (first, second) for each in page["submissions"]] == made
    assert second["next_cursor"] is None


async def test_it_is_the_owners_to_see(hall) -> None:
    """Another department is refused; what does not exist is not found."""
    ticket = await hall.open(await hall.answer())

    with pytest.raises(NotAllowed):
        await affected(hall, ticket, by=hall.civil_affairs)
    with pytest.raises(NotFound):
        await affected(hall, {"id": "dsp_none"})


# ---------------------------------------------------------------- several documents of one person

PERMIT = {"kind": "person", "id_type": "511", "id_no": "12345678"}


async def linked(hall: Any) -> str:
    """Ann's travel permit linked to her card; the id of the link."""
    seen = LinkEvidence(EvidenceKind.both_shown, "copy 17", "clerk-7", hall.now, Presence.in_person)
    made = await link_identities(LinkIdentities(hall.ann_id, PERMIT, seen), hall.desk, hall.runtime)
    return str(made["id"])


async def test_what_was_filled_under_her_other_document_is_affected_too(hall) -> None:
    """The value is hers, whichever document a counter took: the application is listed, the open answer emptied."""
    link = await linked(hall)
    under_permit = await hall.hand_in(
        await hall.answer(by=hall.other_desk, applicant=PERMIT), hall.other_desk
    )
    still_open = await hall.answer(applicant=PERMIT)
    own = await hall.hand_in(await hall.answer())
    ticket = await hall.open(await hall.answer())
    await hall.place()

    found = await affected(hall, ticket)
    await hall.step(ticket["id"], "correct")

    assert [each["id"] for each in found["submissions"]] == [under_permit["id"], own["id"]]
    assert still_open["id"] in {each["id"] for each in found["resolutions"]}
    with pytest.raises(Gone):
        await read_answer(still_open["id"], hall.desk, hall.runtime)
    assert ("hall", "dispute.corrected") in await hall.messages(ticket["id"])
    assert link


async def test_once_the_documents_are_parted_each_has_its_own(hall) -> None:
    """Whose the other application was is not known then."""
    link = await linked(hall)
    await hall.hand_in(await hall.answer(applicant=PERMIT))
    own = await hall.hand_in(await hall.answer())
    ticket = await hall.open(await hall.answer())
    await unlink(link, "核对有误", "hall", hall.runtime)

    found = await affected(hall, ticket)

    assert [each["id"] for each in found["submissions"]] == [own["id"]]


async def test_it_is_one_ticket_under_either_document(hall) -> None:
    """Said again with the other document: the open ticket is joined, its words under the key it was opened with."""
    await linked(hall)
    by_card, by_permit = await hall.answer(), await hall.answer(applicant=PERMIT)
    made = await hall.hand_in(by_card, disputes={"name": "写错了"})

    again = await hall.hand_in(by_permit, disputes={"name": "通行证上不是这样"})

    (ticket,) = await hall.tickets()
    told = await read_dispute(ticket["id"], hall.police, hall.runtime)
    assert made["disputes"] == again["disputes"] == [ticket["id"]]
    assert [(each["step"], each["words"]) for each in told["steps"]] == [("joined", "通行证上不是这样")]
