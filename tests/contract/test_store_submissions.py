"""What every store promises of submissions: written once, all of it or nothing, and emptied when their time is over."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from field_registry import OutcomeCode, Tier
from field_registry.outcomes import Disposition
from gateway.errors import Conflict
from gateway.records import (
    Dispute,
    DisputeEvent,
    DisputeJoin,
    DisputeState,
    GateRequest,
    GateWrite,
    NewSubject,
    ProfileValue,
    SnapshotFilter,
    Submission,
    SubmissionWrite,
    TypedAnswers,
)
from gateway.slots import Slot, Snapshot

DAY = timedelta(days=1)
SLOTS = (
    Slot(
        "children.0.name",
        "children.name",
        "child.name",
        "civil",
        OutcomeCode.filled,
        Tier.A,
        Disposition.kept,
        True,
    ),
    Slot("remark", "remark", None, None, OutcomeCode.no_binding, None, Disposition.blank),
)


def submission(make: Any, draft: Any, **overrides: Any) -> Submission:
    """One about sub_1, from that draft."""
    base = Submission(
        id=make.id("smn"),
        resolution_id=draft.id,
        caller="hall",
        department="政务服务",
        form="family",
        form_version=2,
        submitted_at=make.now,
        entry_id="aud_1",
        digest="d" * 64,
        roles={"applicant": "sub_1"},
        keep_until=make.now + DAY,
        sealed=b"\x00values\xff",
        subjects=("sub_1",),
        said=b'{"findings":[]}',
    )
    return replace(base, **overrides)


def snapshot(make: Any, made: Submission, **overrides: Any) -> Snapshot:
    """Its first snapshot."""
    base = Snapshot(
        made.id, 1, make.now, made.form, made.form_version, "M-1", made.department, "resident", 3, 5, SLOTS, baseline=20
    )  # fmt: skip
    return replace(base, **overrides)


async def given_draft(store: Any, make: Any, **overrides: Any) -> Any:
    """A draft about sub_1, in the store."""
    await store.subjects.refs({"key-1": NewSubject("person", "sub_1", make.now, lambda ref: b"wrapped")})
    draft = make.draft(**{"subjects": ("sub_1",), **overrides})
    await store.gates.commit([make.passage(draft=draft)])
    return draft


def passage(make: Any, write: SubmissionWrite) -> GateRequest[Any]:
    """The passage that writes it."""
    entry = make.entry()
    return GateRequest((), lambda _: GateWrite(entry, write.submission.id, submission=write))


async def submitted(store: Any, make: Any, shot: Any = None, **overrides: Any) -> Submission:
    """A submission, in the store."""
    made = submission(make, await given_draft(store, make), **overrides)
    (result,) = await store.gates.commit(
        [passage(make, SubmissionWrite(made, snapshot(make, made, **(shot or {}))))]
    )
    assert result == made.id
    return made


async def test_a_submission_is_read_as_it_was_written(store, make):
    """By its id and by its resolution; its snapshot with every slot; and the draft it came from is empty."""
    made = await submitted(store, make)

    assert await store.submissions.read(made.id) == made
    assert await store.submissions.of_resolution(made.resolution_id) == made
    assert await store.submissions.snapshots(made.id) == [snapshot(make, made)]
    assert (await store.drafts.read(made.resolution_id)).sealed is None
    assert await store.submissions.read("smn_x") is None
    assert await store.submissions.of_resolution("res_x\x00") is None
    assert await store.submissions.snapshots("smn_x") == []


async def test_an_application_leads_to_its_resolution(store, make):
    """Those that there are, of however many are asked for."""
    first, second = await submitted(store, make), await submitted(store, make)

    found = await store.submissions.resolutions([first.id, second.id, "smn_x", "smn\x00"])

    assert found == {first.id: first.resolution_id, second.id: second.resolution_id}
    assert await store.submissions.resolutions([]) == {}


async def test_one_visit_gives_everything_that_submitting_needs(store, make):
    """The draft, its subjects' keys, what their record holds at that time, and what was submitted of it before."""
    draft = await given_draft(store, make)
    held = ProfileValue(
        "prv_1", "sub_1", "person.phone", make.now, make.now + DAY, "family", "family", None, "aud_1", b"v"
    )  # fmt: skip
    await store.profiles.put(held)

    found = await store.submissions.to_submit(draft.id, make.now)
    later = await store.submissions.to_submit(draft.id, make.now + DAY)

    assert (found.draft, found.keys, found.submission) == (draft, {"sub_1": b"wrapped"}, None)
    assert found.held == {"sub_1": frozenset({"person.phone"})}
    assert later.held == {}
    made = submission(make, draft)
    await store.gates.commit([passage(make, SubmissionWrite(made, snapshot(make, made)))])
    assert (await store.submissions.to_submit(draft.id, make.now)).submission == made
    assert await store.submissions.to_submit("res_x", make.now) is None


async def test_a_draft_is_submitted_once(store, make):
    """The second of two finds the draft empty and writes nothing, in one batch or after one another."""
    draft = await given_draft(store, make)
    first, second, third = (submission(make, draft) for _ in range(3))
    passages = [passage(make, SubmissionWrite(each, snapshot(make, each))) for each in (first, second, third)]

    together = await store.gates.commit(passages[:2])
    (late,) = await store.gates.commit(passages[2:])

    assert together[0] == first.id
    assert isinstance(together[1], Conflict)
    assert isinstance(late, Conflict)
    assert await store.submissions.read(second.id) is None
    assert await store.submissions.snapshots(second.id) == []


async def test_an_emptied_draft_is_not_submitted_unless_that_is_known(store, make):
    """A draft that a withdrawal emptied meanwhile conflicts; who knows it is empty may hand it in as own words."""
    draft = await given_draft(store, make, sealed=None)
    made = submission(make, draft)
    write = SubmissionWrite(made, snapshot(make, made))

    (refused,) = await store.gates.commit([passage(make, write)])
    (taken,) = await store.gates.commit([passage(make, replace(write, was_purged=True))])

    assert isinstance(refused, Conflict)
    assert taken == made.id


async def test_what_is_kept_and_disputed_is_written_with_it(store, make):
    """Values for the record and tickets are there with the submission, or not at all."""
    draft = await given_draft(store, make)
    made = submission(make, draft)
    value = ProfileValue(
        "prv_1", "sub_1", "person.phone", make.now, make.now + DAY, "family", "family", made.id, "aud_1", b"v"
    )  # fmt: skip
    ticket = Dispute(
        "dsp_1", "sub_1", "person.name", "civil", "公安", "name", made.id, draft.id, DisputeState.open, make.now,
        make.now.date(), make.now.date(), "aud_1", b"claim",
    )  # fmt: skip
    write = SubmissionWrite(made, snapshot(make, made), (value,), (ticket,))
    stranger = replace(value, id="prv_2", subject_ref="sub_unknown")

    (refused,) = await store.gates.commit([passage(make, replace(write, kept=(stranger,)))])
    assert isinstance(refused, Conflict)
    assert await store.disputes.read("dsp_1") is None
    await store.gates.commit([passage(make, write)])

    assert [each.id for each in await store.profiles.of_subject("sub_1", make.now, after="", limit=5)] == [
        "prv_1"
    ]
    assert (await store.disputes.read("dsp_1")).submission_id == made.id


async def test_listing_gives_the_newest_snapshot_of_each(store, make):
    """By id, page by page, and by whatever the filter names."""
    first = await submitted(store, make)
    second = await submitted(store, make, {"segment": "taiwan"}, form="other", caller="another")
    third = await submitted(store, make, {"matter": "M-2"}, submitted_at=make.now + DAY)
    corrected = snapshot(make, first, number=2, at=make.now + DAY)
    assert await store.submissions.correct(corrected, make.entry())

    async def ids(after: str = "", limit: int = 5, **wanted: Any) -> list[tuple[str, int]]:
        shots = await store.submissions.listing(SnapshotFilter(**wanted), after=after, limit=limit)
        return [(shot.submission_id, shot.number) for shot in shots]

    everything = [(first.id, 2), (second.id, 1), (third.id, 1)]
    assert await ids() == everything
    assert await ids(limit=2) == everything[:2]
    assert await ids(after=second.id) == everything[2:]
    assert (
        await ids(form="other")
        == await ids(segment="taiwan")
        == await ids(caller="another")
        == everything[1:2]
    )
    assert await ids(matter="M-2") == await ids(since=make.now + DAY) == everything[2:]
    assert await ids(until=make.now + DAY) == everything[:2]
    assert await ids(item="child.name", limit=2) == everything[:2]
    assert await ids(item="person.name") == await ids(department="税务") == []


async def test_a_correction_is_the_next_snapshot_or_none(store, make):
    """It never changes one that is there, and never leaves a gap."""
    made = await submitted(store, make)
    second = snapshot(make, made, number=2, slots=SLOTS[:1])

    assert not await store.submissions.correct(replace(second, number=1), make.entry())
    assert not await store.submissions.correct(replace(second, number=3), make.entry())
    assert not await store.submissions.correct(replace(second, submission_id="smn_x", number=1), make.entry())
    assert await store.submissions.correct(second, make.entry())
    assert not await store.submissions.correct(second, make.entry())

    assert [shot.number for shot in await store.submissions.snapshots(made.id)] == [1, 2]
    assert (await store.submissions.snapshots(made.id))[1].slots == SLOTS[:1]


async def test_of_subject_finds_everything_about_one(store, make):
    """Whatever role the subject has in it."""
    first = await submitted(store, make)
    second = await submitted(store, make, roles={"spouse": "sub_1", "applicant": "sub_2"})
    await submitted(store, make, roles={"applicant": "sub_2"})

    found = await store.submissions.of_subject("sub_1", after="", limit=5)

    assert [each.id for each in found] == [first.id, second.id]
    assert [each.id for each in await store.submissions.of_subject("sub_1", after=first.id, limit=5)] == [
        second.id
    ]


async def test_purging_empties_values_and_keeps_slots(store, make):
    """Final values and typed answers whose time is over; one entry counts them, none when there is nothing."""
    made = await submitted(store, make)
    lasting = await submitted(store, make, keep_until=make.now + 2 * DAY)
    late = await given_draft(store, make)
    await store.submissions.keep_typed(
        TypedAnswers(late.id, "hall", "family", make.now, b"typed"), make.entry()
    )
    counted = []

    def entry(number: int) -> Any:
        counted.append(number)
        return make.entry()

    assert await store.submissions.purge(make.now + DAY, entry) == 2
    assert await store.submissions.purge(make.now + DAY, entry) == 0

    assert counted == [2]
    assert (await store.submissions.read(made.id)).sealed is None
    assert (await store.submissions.read(lasting.id)).sealed is not None
    assert await store.submissions.typed(late.id) is None
    assert len(await store.submissions.snapshots(made.id)) == 1


async def test_typed_answers_are_kept_once(store, make):
    """The first of two is what is kept; what was typed into no draft is refused."""
    draft = await given_draft(store, make)
    kept = TypedAnswers(draft.id, "hall", "family", make.now + DAY, b"typed", ("sub_1",))

    assert await store.submissions.keep_typed(kept, make.entry())
    assert not await store.submissions.keep_typed(replace(kept, sealed=b"other"), make.entry())

    assert await store.submissions.typed(draft.id) == kept
    with pytest.raises(Conflict):
        await store.submissions.keep_typed(replace(kept, resolution_id="res_x"), make.entry())


async def test_erasing_a_subject_empties_everything_about_it(store, make):
    """Values of applications it had a role in; those of others stay, and so do all slots."""
    made = await submitted(store, make)
    other = await submitted(store, make, roles={"applicant": "sub_2"}, subjects=())

    await store.subjects.erase("sub_1", make.now, end=None, entry=lambda _: make.entry())

    assert (await store.submissions.read(made.id)).sealed is None
    assert (await store.submissions.read(other.id)).sealed is not None
    assert len(await store.submissions.snapshots(made.id)) == 1


async def test_sealed_values_can_be_counted_and_renewed(store, make):
    """Both columns have their places, for a change of the root key."""
    made = await submitted(store, make)

    await store.cells.renew("submission.sealed", lambda cell: b"new" + cell.sealed, after="", limit=5)

    assert (await store.submissions.read(made.id)).sealed == b"new\x00values\xff"
    assert await store.cells.count("typed_answers.sealed", after="", limit=5) == (None, {})


async def test_own_words_are_not_written_behind_an_erasure(store, make):
    """Who knows that the draft is empty is refused as well, once a subject of it was erased meanwhile."""
    draft = await given_draft(store, make, sealed=None)
    made = submission(make, draft)
    write = SubmissionWrite(made, snapshot(make, made), was_purged=True)
    await store.subjects.erase("sub_1", make.now, end=lambda held: None, entry=lambda done: make.entry())

    (refused,) = await store.gates.commit([passage(make, write)])

    assert isinstance(refused, Conflict)
    assert await store.submissions.read(made.id) is None


# ---------------------------------------------------------------- what is disputed already


def joining(make: Any, found: Any, made: Submission, *, is_its: bool = False) -> DisputeJoin:
    """The step by which that application joins the one open ticket that was found."""
    (ticket,) = found.disputes
    event = DisputeEvent(
        make.id("dse"), ticket.id, ticket.subject_ref, make.now, "joined", ticket.state, ticket.department,
        ticket.due, ticket.level, "hall", "given", "aud_1", b"said again", made.id,
    )  # fmt: skip
    return DisputeJoin(ticket, event, is_its)


async def test_the_open_tickets_come_with_the_draft(store, make):
    """Of its subjects and whatever documents they are linked with; not the closed ones, nor anybody else's."""
    draft = await given_draft(store, make)
    people = {
        f"key-{n}": NewSubject("person", f"sub_{n}", make.now, lambda ref: f"of {ref}".encode())
        for n in (2, 3)
    }
    await store.subjects.refs(people)
    await store.identities.link(
        make.link("sub_2", "sub_1"), {"sub_1": b"1", "sub_2": b"2"}, make.entry(), claim=None
    )
    own = make.dispute(resolution_id=draft.id, item="person.phone")
    linked = make.dispute(subject_ref="sub_2", item="person.sex", level=2, state=DisputeState.referred)
    for each in (
        own,
        linked,
        make.dispute(subject_ref="sub_3"),
        closed := make.dispute(item="person.address"),
    ):
        await store.disputes.add(each, make.entry())
    after, event = make.dispute_step(closed, DisputeState.upheld)
    await store.disputes.step(after, event, make.entry())

    found = {each.id: each for each in (await store.submissions.to_submit(draft.id, make.now)).disputes}

    assert found.keys() == {own.id, linked.id}
    assert (found[own.id].about, found[own.id].resolution_id, found[own.id].steps) == ("sub_1", draft.id, 0)
    other = found[linked.id]
    assert (other.about, other.subject_ref, other.item, other.source) == (
        "sub_1",
        "sub_2",
        "person.sex",
        "civil",
    )
    assert (other.level, other.due, other.state) == (2, make.due, DisputeState.referred)
    assert (found[own.id].wrapped_key, other.wrapped_key) == (b"wrapped", b"of sub_2")


async def test_an_application_joins_a_ticket(store, make):
    """Its step stands in the ticket, which has moved by it, and knows the application where it is about its answer."""
    draft = await given_draft(store, make)
    await store.disputes.add(ticket := make.dispute(resolution_id=draft.id), make.entry())
    found = await store.submissions.to_submit(draft.id, make.now)
    made = submission(make, draft)
    join = joining(make, found, made, is_its=True)

    await store.gates.commit([passage(make, SubmissionWrite(made, snapshot(make, made), joins=(join,)))])

    after = await store.disputes.read(ticket.id)
    assert (after.steps, after.submission_id, after.state) == (1, made.id, DisputeState.open)
    assert await store.disputes.events(ticket.id, after="", limit=5) == [join.event]


@pytest.mark.parametrize("is_closed", [True, False])
async def test_a_ticket_that_has_moved_is_not_joined(store, make, is_closed):
    """Nothing of the application is written then: it is read again and judged anew."""
    draft = await given_draft(store, make)
    await store.disputes.add(ticket := make.dispute(), make.entry())
    made = submission(make, draft)
    join = joining(make, await store.submissions.to_submit(draft.id, make.now), made)
    state = DisputeState.upheld if is_closed else DisputeState.open
    after, event = make.dispute_step(ticket, state)
    await store.disputes.step(after, event, make.entry())

    (refused,) = await store.gates.commit(
        [passage(make, SubmissionWrite(made, snapshot(make, made), joins=(join,)))]
    )

    assert isinstance(refused, Conflict)
    assert await store.submissions.read(made.id) is None
    assert (await store.drafts.read(draft.id)).sealed is not None
    assert len(await store.disputes.events(ticket.id, after="", limit=5)) == 1


async def test_no_second_ticket_is_opened_about_one_value(store, make):
    """By any document of that subject, alone, in one batch, or in one write; of another source it is."""
    draft, other = await given_draft(store, make), await given_draft(store, make)
    await store.subjects.refs({"key-2": NewSubject("person", "sub_2", make.now, lambda ref: b"wrapped")})
    await store.identities.link(
        make.link("sub_2", "sub_1"), {"sub_1": b"1", "sub_2": b"2"}, make.entry(), claim=None
    )
    writes = [
        passage(
            make, SubmissionWrite(made, snapshot(make, made), disputes=(make.dispute(submission_id=made.id),))
        )
        for made in (submission(make, draft), submission(make, other))
    ]

    done = await store.gates.commit(writes)
    by_linked = await store.disputes.add(make.dispute(subject_ref="sub_2"), make.entry())
    by_other = await store.disputes.add(elsewhere := make.dispute(source="licences"), make.entry())

    assert [isinstance(each, Conflict) for each in done] == [False, True]
    (first, second) = await store.disputes.listing(
        department=None, states=(), due_before=None, after="", limit=9
    )
    assert (by_linked.id, by_other.id) == (first.id, elsewhere.id)
    assert second.id == elsewhere.id
