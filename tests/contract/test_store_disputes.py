"""Disputes and the outbox in every store: what is withheld, that a step is taken once, and what erasing leaves."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from gateway.errors import Conflict
from gateway.records import (
    Dispute,
    DisputeCount,
    DisputeState,
    EntryKind,
    GateRequest,
    GateWrite,
    Message,
    NewSubject,
)
from policies.consent import ConsentState

S = DisputeState
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
async def known(store: Any, make: Any) -> None:
    """Two subjects with keys."""
    for number in (1, 2):
        new = NewSubject("person", f"sub_{number}", make.now, lambda ref: b"wrapped " + ref.encode())
        await store.subjects.refs({f"key-{number}": new})


@pytest.fixture
def opened(store: Any, make: Any, known: None) -> Callable[..., Any]:
    """Opens a ticket."""

    async def open_one(**overrides: Any) -> Dispute:
        return await store.disputes.add(make.dispute(**overrides), make.entry())

    return open_one


async def seen_by_a_gate(store: Any, make: Any, *keys: str, consents: tuple[str, ...] = ()) -> Any:
    """What a gate sees withheld."""
    seen: list[Any] = []

    def write(view: Any) -> GateWrite[None]:
        seen.append({ref: dict(items) for ref, items in view.disputed.items()})
        return GateWrite(make.entry(), None)

    subjects = {key: NewSubject("person", f"new-{key}", make.now) for key in keys}
    await store.gates.commit([GateRequest(consents, write, subjects)])
    return seen[0]


# ---------------------------------------------------------------- opening and withholding


async def test_a_dispute_reads_back_as_it_was(store: Any, make: Any, opened: Any) -> None:
    """With its subject's key; what does not exist reads as nothing."""
    before = await opened()

    assert await store.disputes.read(before.id) == before
    assert (await store.disputes.read(before.id)).wrapped_key == b"wrapped sub_1"
    assert await store.disputes.read("dsp_none") is None
    assert await store.disputes.read("\x00") is None


async def test_the_same_twice_is_one(store: Any, make: Any, opened: Any) -> None:
    """Of one subject, item and source; the second writes no entry. Anything else is another dispute."""
    first = await opened()
    entry = make.entry()

    again = await store.disputes.add(make.dispute(), entry)
    others = [
        await opened(**other)
        for other in ({"item": "person.sex"}, {"source": "tax"}, {"subject_ref": "sub_2"})
    ]

    assert again.id == first.id
    assert len({each.id for each in (first, *others)}) == 4
    assert entry.id not in [each.id for each in await store.entries.find(request=None, after="", limit=50)]


async def test_two_at_once_are_one(store: Any, make: Any, known: None) -> None:
    """Ten that open the same at the same time get the same ticket."""
    found = await asyncio.gather(*(store.disputes.add(make.dispute(), make.entry()) for _ in range(10)))

    assert len({each.id for each in found}) == 1
    assert len(await store.disputes.of_subject("sub_1", after="", limit=50)) == 1


async def test_a_gate_sees_what_is_disputed(store: Any, make: Any, opened: Any, recorded: Any) -> None:
    """Of subjects that it asks for, and of those that a consent brings; of nobody else, and until the last is closed."""
    stored = await recorded()
    one, other = await opened(), await opened(source="tax")
    await opened(subject_ref="sub_2", item="person.sex")

    by_key = await seen_by_a_gate(store, make, "key-1")
    by_consent = await seen_by_a_gate(store, make, consents=(stored.consent.id,))
    assert by_key["sub_1"] == by_consent["sub_1"] == {"person.name": one.id}

    assert await store.disputes.step(*make.dispute_step(one, S.upheld), make.entry())
    assert (await seen_by_a_gate(store, make, "key-1"))["sub_1"] == {"person.name": other.id}
    assert await store.disputes.step(*make.dispute_step(other, S.withdrawn), make.entry())
    assert "sub_1" not in await seen_by_a_gate(store, make, "key-1")


async def test_open_items_by_reference(store: Any, make: Any, opened: Any) -> None:
    """Item → ticket, of those asked for that dispute something."""
    one = await opened()
    await opened(subject_ref="sub_2", item="person.sex")

    assert await store.disputes.open_items(["sub_1", "sub_none", "\x00"]) == {
        "sub_1": {"person.name": one.id}
    }
    assert await store.disputes.open_items([]) == {}


async def test_an_erased_subject_disputes_nothing_more(store: Any, make: Any, opened: Any) -> None:
    """Erasing empties what was said and closes what nobody can answer; nothing new can be opened."""
    before = await opened()
    after, event = make.dispute_step(before, S.referred, department="民政")
    await store.disputes.step(after, event, make.entry())

    await store.subjects.erase(
        "sub_1",
        make.now,
        end=lambda stored: (make.event(stored, ConsentState.terminated), make.entry()),
        entry=lambda _: make.entry(kind=EntryKind.subject_erased),
    )

    left = await store.disputes.read(before.id)
    assert (left.sealed, left.state, left.closed_at, left.wrapped_key) == (b"", S.withdrawn, make.now, None)
    assert [each.sealed for each in await store.disputes.events(before.id, after="", limit=5)] == [None]
    assert await store.disputes.open_items(["sub_1"]) == {}
    with pytest.raises(Conflict):
        await store.disputes.add(make.dispute(), make.entry())


# ---------------------------------------------------------------- steps


async def test_a_step_is_taken_once(store: Any, make: Any, opened: Any) -> None:
    """Of ten at once one is written, with its event and entry."""
    before = await opened()
    steps = [make.dispute_step(before, state) for state in (S.corrected, S.upheld) * 5]
    entries = [make.entry() for _ in steps]

    done = await asyncio.gather(
        *(store.disputes.step(*step, entry) for step, entry in zip(steps, entries, strict=True))
    )

    assert sorted(done) == [False] * 9 + [True]
    taken = done.index(True)
    assert await store.disputes.read(before.id) == steps[taken][0]
    assert await store.disputes.events(before.id, after="", limit=5) == [steps[taken][1]]
    written = {each.id for each in await store.entries.find(request=None, after="", limit=50)}
    assert [entry.id in written for entry in entries] == done


async def test_what_is_closed_moves_no_more(store: Any, make: Any, opened: Any) -> None:
    """Neither is a step taken from a state that is over, nor one of a dispute that does not exist."""
    before = await opened()
    closed, event = make.dispute_step(before, S.corrected)
    await store.disputes.step(closed, event, make.entry())

    late = await store.disputes.step(*make.dispute_step(closed, S.upheld), make.entry())
    nobodys = await store.disputes.step(*make.dispute_step(make.dispute(), S.upheld), make.entry())

    assert (late, nobodys) == (False, False)
    assert (await store.disputes.read(before.id)).state is S.corrected


async def test_a_referral_keeps_everything_else(store: Any, make: Any, opened: Any) -> None:
    """Department, day, level, supervisor and times read back; what was opened stays."""
    before = await opened()
    changes = {"department": "民政", "due": make.due + 7 * DAY, "level": 2, "supervisor": "数据局"}
    after, event = make.dispute_step(before, S.referred, set_at=make.now, reminded_at=make.now, **changes)

    assert await store.disputes.step(after, event, make.entry())
    assert await store.disputes.read(before.id) == after


async def test_a_correction_empties_the_answers_it_names(store: Any, make: Any, opened: Any) -> None:
    """Those and no others, in the same transaction; messages go out with it."""
    named, other = make.draft(), make.draft()
    await store.gates.commit([make.passage(draft=named), make.passage(draft=other)])
    before = await opened()
    told = make.message(about=before.id)

    await store.disputes.step(
        *make.dispute_step(before, S.corrected), make.entry(), messages=[told], empties=[named.id, "res_none"]
    )

    assert (await store.drafts.read(named.id)).sealed is None
    assert (await store.drafts.read(other.id)).sealed == other.sealed
    assert await store.outbox.about(before.id, after="", limit=5) == [told]


async def test_a_step_that_is_not_taken_sends_nothing(store: Any, make: Any, opened: Any) -> None:
    """No message and no emptied answer comes of it."""
    kept = make.draft()
    await store.gates.commit([make.passage(draft=kept)])
    before = await opened()
    await store.disputes.step(*make.dispute_step(before, S.upheld), make.entry())

    told = make.message(about=before.id)
    await store.disputes.step(
        *make.dispute_step(before, S.corrected), make.entry(), messages=[told], empties=[kept.id]
    )

    assert await store.outbox.about(before.id, after="", limit=5) == []
    assert (await store.drafts.read(kept.id)).sealed == kept.sealed


# ---------------------------------------------------------------- lists


async def test_a_department_lists_what_it_owns_or_supervises(store: Any, make: Any, opened: Any) -> None:
    """By state and by day, page by page, in order of time."""
    mine = await opened()
    late = await opened(item="person.sex", due=make.due - DAY)
    above = await opened(item="person.phone", department="民政", supervisor="公安")
    await opened(item="person.income", department="税务")
    closed, event = make.dispute_step(late, S.upheld)
    await store.disputes.step(closed, event, make.entry())

    async def ids(**wanted: Any) -> list[str]:
        given = {"department": "公安", "states": (), "due_before": None, "after": "", "limit": 50, **wanted}
        return [each.id for each in await store.disputes.listing(**given)]

    assert await ids() == [mine.id, late.id, above.id]
    assert await ids(states=(S.open, S.referred)) == [mine.id, above.id]
    assert await ids(states=(S.upheld,)) == [late.id]
    assert await ids(due_before=make.due) == []
    assert await ids(due_before=make.due + DAY) == [mine.id, above.id]
    assert await ids(after=mine.id, limit=1) == [late.id]
    assert len(await ids(department=None)) == 4
    assert await ids(department="\x00") == []


async def test_what_waits_for_the_clock(store: Any, make: Any, opened: Any) -> None:
    """Unanswered ones of which nobody was reminded since then."""
    new = await opened()
    told = await opened(item="person.sex", reminded_at=make.now)
    closed = await opened(item="person.phone")
    await store.disputes.step(*make.dispute_step(closed, S.withdrawn), make.entry())

    waiting = [each.id for each in await store.disputes.waiting(make.now, after="", limit=50)]
    later = [each.id for each in await store.disputes.waiting(make.now + HOUR, after="", limit=50)]

    assert waiting == [new.id]
    assert later == [new.id, told.id]


async def test_a_correction_is_settled_once(store: Any, make: Any, opened: Any) -> None:
    """Corrected ones wait to be counted, by id; settled at the first time that is written, and no others."""
    first, second = await opened(), await opened(item="person.sex")
    upheld, still_open = await opened(item="person.phone"), await opened(item="person.born")
    for each, state in ((second, S.corrected), (first, S.corrected), (upheld, S.upheld)):
        assert await store.disputes.step(*make.dispute_step(each, state), make.entry())

    async def ids(after: str = "", limit: int = 50) -> list[str]:
        return [each.id for each in await store.disputes.uncounted(after=after, limit=limit)]

    assert (await ids(), await ids(limit=1), await ids(first.id)) == (
        [first.id, second.id],
        [first.id],
        [second.id],
    )
    for dispute_id in (first.id, upheld.id, still_open.id, "dsp_none", "\x00"):
        await store.disputes.settle(dispute_id, make.now)
    await store.disputes.settle(first.id, make.now + HOUR)

    assert await ids() == [second.id]
    settled = [(await store.disputes.read(each.id)).counted_at for each in (first, upheld, still_open)]
    assert settled == [make.now, None, None]


async def test_disputes_of_a_resolution(store: Any, make: Any, opened: Any) -> None:
    """Those about its values."""
    one = await opened()
    await opened(item="person.sex", resolution_id="res_2")

    assert [each.id for each in await store.disputes.of_resolution("res_1", limit=5)] == [one.id]
    assert await store.disputes.of_resolution("\x00", limit=5) == []


async def test_counts_by_source_and_item(store: Any, make: Any, opened: Any) -> None:
    """How what was opened in that time stands now; the end of the time is not in it."""
    for state, item in ((S.corrected, "person.name"), (S.upheld, "person.name"), (S.withdrawn, "person.sex")):
        await store.disputes.step(*make.dispute_step(await opened(item=item), state), make.entry())
    await opened()
    referred = await opened(source="tax")
    await store.disputes.step(*make.dispute_step(referred, S.referred), make.entry())
    await opened(item="person.phone", opened_at=make.now + DAY)

    counts = await store.disputes.counts(make.now, make.now + DAY)

    assert counts == [
        DisputeCount("civil", "person.name", confirmed=1, upheld=1, unanswered=1, withdrawn=0),
        DisputeCount("civil", "person.sex", confirmed=0, upheld=0, unanswered=0, withdrawn=1),
        DisputeCount("tax", "person.name", confirmed=0, upheld=0, unanswered=1, withdrawn=0),
    ]


async def test_what_is_over_is_emptied(store: Any, make: Any, opened: Any) -> None:
    """Of tickets closed before then the words and values; the ticket stays, and one entry counts them."""
    old, new, unanswered = await opened(), await opened(item="person.sex"), await opened(item="person.phone")
    await store.disputes.step(*make.dispute_step(old, S.upheld, closed_at=make.now - DAY), make.entry())
    await store.disputes.step(*make.dispute_step(new, S.upheld), make.entry())
    counted: list[int] = []

    def entry(count: int) -> Any:
        counted.append(count)
        return make.entry()

    purged = [await store.disputes.purge(make.now, entry) for _ in range(2)]

    left = [(await store.disputes.read(each.id)).sealed for each in (old, new, unanswered)]
    words = [(await store.disputes.events(each.id, after="", limit=5))[0].sealed for each in (old, new)]
    assert (purged, counted) == ([1, 0], [1])
    assert left == [b"", b"\x00claim\xff", b"\x00claim\xff"]
    assert words == [None, b"\x00words\xff"]


# ---------------------------------------------------------------- the outbox


async def outbox_of(store: Any, make: Any, opened: Any, *messages: Message) -> None:
    """Put them there, with a step."""
    before = await opened()
    await store.disputes.step(*make.dispute_step(before, S.upheld), make.entry(), messages=messages)


async def test_a_message_is_claimed_once_and_comes_again(store: Any, make: Any, opened: Any) -> None:
    """Nobody else is given it before its time; then it is given again, for whoever took it may be gone."""
    early, late = make.message(next_at=make.now - HOUR), make.message()
    future = make.message(next_at=make.now + DAY)
    await outbox_of(store, make, opened, late, early, future)

    first = await store.outbox.claim(make.now, make.now + HOUR, limit=5)
    second = await store.outbox.claim(make.now, make.now + HOUR, limit=5)
    third = await store.outbox.claim(make.now + HOUR, make.now + 2 * HOUR, limit=1)

    assert [each.id for each in first] == [early.id, late.id]
    assert second == []
    assert len(third) == 1


async def test_many_claim_at_once(store: Any, make: Any, opened: Any) -> None:
    """Every message goes to exactly one of them."""
    await outbox_of(store, make, opened, *(make.message() for _ in range(20)))

    claims = await asyncio.gather(*(store.outbox.claim(make.now, make.now + HOUR, limit=5) for _ in range(6)))

    ids = [each.id for claim in claims for each in claim]
    assert len(ids) == len(set(ids)) == 20


async def test_what_is_delivered_stays_delivered(store: Any, make: Any, opened: Any) -> None:
    """A second worker that failed with the same message does not bring it back."""
    sent = make.message()
    await outbox_of(store, make, opened, sent)

    await store.outbox.settle(replace(sent, next_at=None, tries=1, delivered_at=make.now))
    await store.outbox.settle(replace(sent, next_at=make.now, tries=2, failure="timeout"))
    found = (await store.outbox.about("dsp_1", after="", limit=5))[0]

    assert (found.delivered_at, found.next_at, found.tries, found.failure) == (make.now, None, 1, "")
    assert await store.outbox.claim(make.now + DAY, make.now + 2 * DAY, limit=5) == []


async def test_messages_page_by_id(store: Any, make: Any, opened: Any) -> None:
    """Of one thing, from the one after the cursor; nothing for what is no id."""
    sent = [make.message() for _ in range(3)]
    await outbox_of(store, make, opened, *sent)

    assert await store.outbox.about("dsp_1", after=sent[0].id, limit=1) == [sent[1]]
    assert await store.outbox.about("\x00", after="", limit=1) == []


async def test_a_gate_that_asks_sees_what_is_disputed_without_a_consent(
    store: Any, make: Any, opened: Any
) -> None:
    """By reference, though no consent and no new subject brings it along; others' disputes only when asked for."""
    seen: list[Any] = []

    def write(view: Any) -> GateWrite[None]:
        seen.append(view.disputed.get("sub_1"))
        return GateWrite(make.entry(), None)

    asking: Any = GateRequest((), write, about=("sub_1", "sub_2", "sub_unknown"))
    await store.gates.commit([asking])
    ticket = await opened()
    await store.gates.commit([asking])

    assert seen == [None, {"person.name": ticket.id}]


async def test_messages_go_with_what_they_tell_of(store: Any, make: Any, opened: Any) -> None:
    """Once a ticket is emptied, what was told of it and is settled is forgotten; what still waits is not."""
    ticket = await opened()
    sent, waiting = make.message(about=ticket.id), make.message(about=ticket.id)
    step = make.dispute_step(ticket, S.upheld, closed_at=make.now - DAY)
    await store.disputes.step(*step, make.entry(), messages=[sent, waiting])
    await store.outbox.settle(replace(sent, next_at=None, delivered_at=make.now))

    await store.disputes.purge(make.now, lambda _: make.entry())

    assert [each.id for each in await store.outbox.about(ticket.id, after="", limit=5)] == [waiting.id]
