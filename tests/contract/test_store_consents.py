"""Consents in every store: what limits them, how they end and are renewed, and that racing takes nothing twice."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from gateway.errors import Conflict, StoreUnavailable
from gateway.records import ConsentEnd, GateRequest, GateWrite, NewSubject
from gateway.store import Database, SqlStore
from policies.consent import ConsentState, Frequency, stands

S = ConsentState
SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)
RELEASING = frozenset({S.given, S.renewed})


async def standing_of(store: Any, consent_id: str) -> Any:
    """How a consent stands now."""
    return (await store.consents.read([consent_id]))[consent_id].consent.standing


def at(make: Any, consent_id: str, moment: Any) -> GateRequest[bool]:
    """A passage that takes a use at that moment if the consent stands then."""

    def write(view: Any) -> GateWrite[bool]:
        standing = view.consents[consent_id].standing
        is_free = stands(standing, moment).covers
        return GateWrite(make.entry(), is_free, use=(consent_id,) if is_free else (), used_at=moment)

    return GateRequest((consent_id,), write)


# ---------------------------------------------------------------- limits


@pytest.mark.parametrize(
    "limits",
    [
        {"case_key": "k" * 32},
        {"frequency": Frequency(3, HOUR)},
        {"frequency": Frequency(2, DAY), "uses_left": 7, "data_life": timedelta(minutes=5)},
        {"scope": (("person.name", "0123456789abcdef"),), "renews": "cns_before"},
    ],
)
async def test_limits_read_back_as_they_were(store, make, recorded, limits: dict[str, Any]) -> None:
    """Case, frequency, data life, scope and what was renewed: in reading and at the gate."""
    stored = await recorded(**limits)
    seen: list[Any] = []

    def write(view: Any) -> GateWrite[None]:
        seen.append(view.consents[stored.consent.id])
        return GateWrite(entry, None)

    entry = make.entry()
    await store.gates.commit([GateRequest((stored.consent.id,), write)])

    assert (await store.consents.read([stored.consent.id]))[stored.consent.id] == stored
    assert seen == [stored.consent]


async def test_a_use_counts_in_its_window(store, make, recorded) -> None:
    """The count and the beginning of the window are kept with the use; the next window begins anew."""
    consent_id = (await recorded(frequency=Frequency(2, HOUR), uses_left=9)).consent.id
    moments = [make.now, make.now + SECOND, make.now + 2 * SECOND, make.now + HOUR]

    passed = [(await store.gates.commit([at(make, consent_id, moment)]))[0] for moment in moments]

    assert passed == [True, True, False, True]
    standing = await standing_of(store, consent_id)
    assert (standing.uses_left, standing.frequency) == (6, Frequency(2, HOUR, make.now + HOUR, 1))


async def test_uses_of_one_batch_count_together(store, make, recorded) -> None:
    """Five passages in one transaction, beside a consent without frequency: two pass."""
    often, plain = (await recorded(frequency=Frequency(2, HOUR))).consent.id, (await recorded()).consent.id
    batch = [at(make, consent_id, make.now) for consent_id in [often, plain] * 5]

    passed = await store.gates.commit(batch)

    assert passed == [True, True] * 2 + [False, True] * 3
    assert (await standing_of(store, often)).frequency.used == 2
    assert (await standing_of(store, plain)).frequency is None


async def test_a_use_that_the_frequency_does_not_allow_is_never_taken(store, make, recorded) -> None:
    """A defect in `write` gets a refusal and writes nothing."""
    consent_id = (await recorded(frequency=Frequency(1, HOUR))).consent.id
    unchecked = [make.passage(consent_id, unchecked=True) for _ in range(2)]

    passed = await store.gates.commit(unchecked)

    assert passed[0] is True
    assert type(passed[1]) is Conflict
    assert (await standing_of(store, consent_id)).frequency.used == 1


async def test_a_use_of_a_passage_that_cannot_be_stored_is_given_back(store, make, recorded) -> None:
    """The window counts only what was written."""
    consent_id = (await recorded(frequency=Frequency(5, HOUR))).consent.id
    taken = make.entry()
    await store.gates.commit([make.passage(entry=taken)])

    passed = await store.gates.commit([make.passage(consent_id), make.passage(consent_id, entry=taken)])

    assert passed[0] is True
    assert type(passed[1]) is Conflict
    assert (await standing_of(store, consent_id)).frequency.used == 1


# ---------------------------------------------------------------- renewal


@pytest.fixture
def ended(make) -> Callable[[Any], ConsentEnd]:
    """The end of a consent by renewal."""
    return lambda stored: ConsentEnd(make.event(stored, S.terminated), make.entry(), RELEASING)


async def test_a_renewal_ends_the_old_one_with_it(store, make, recorded, ended) -> None:
    """Both records, both events, both entries, and the old drafts empty: one transaction."""
    old = await recorded()
    draft = make.draft(consents=(old.consent.id,))
    await store.gates.commit([make.passage(old.consent.id, draft=draft)])
    new = make.consent(state=S.renewed, renews=old.consent.id)

    added = await store.consents.add(new, make.event(new, S.renewed), make.entry(), ends=ended(old))

    assert added is True
    assert (await standing_of(store, old.consent.id)).state is S.terminated
    assert (await standing_of(store, new.consent.id)).state is S.renewed
    assert (await store.drafts.read(draft.id)).sealed is None


async def test_a_renewal_of_what_has_ended_writes_nothing(store, make, recorded, ended) -> None:
    """Withdrawn meanwhile: no new record, no event, no entry."""
    old = await recorded(state=S.withdrawn)
    new = make.consent(state=S.renewed, renews=old.consent.id)
    before = await store.entries.find(request=None, after="", limit=100)

    added = await store.consents.add(new, make.event(new, S.renewed), make.entry(), ends=ended(old))

    assert added is False
    assert await store.consents.read([new.consent.id]) == {}
    assert await store.consents.events(new.consent.id, after="", limit=9) == []
    assert await store.entries.find(request=None, after="", limit=100) == before


async def test_of_racing_renewals_one_wins(store, make, recorded, ended) -> None:
    """Eight at once: one new consent, and the old one ended once."""
    old = await recorded()
    new = [make.consent(state=S.renewed, renews=old.consent.id) for _ in range(8)]

    added = await asyncio.gather(
        *(
            store.consents.add(each, make.event(each, S.renewed), make.entry(), ends=ended(old))
            for each in new
        )
    )

    assert sorted(added) == [False] * 7 + [True]
    assert len(await store.consents.events(old.consent.id, after="", limit=9)) == 2


# ---------------------------------------------------------------- expiry and events


async def test_what_is_over_expires_and_nothing_else(store, make, recorded) -> None:
    """Given, renewed or paused, and at `expires_at` itself; the event and entry of each with it."""
    over = [await recorded(state=state, expires_at=make.now) for state in (S.given, S.renewed, S.paused)]
    kept = [
        await recorded(expires_at=make.now + SECOND),
        *[await recorded(state=state, expires_at=make.now - DAY) for state in (S.withdrawn, S.refused)],
    ]

    expired = await store.consents.expire(
        make.now, lambda stored: (make.event(stored, S.expired), make.entry()), most=10
    )

    assert expired == 3
    assert {(await standing_of(store, each.consent.id)).state for each in over} == {S.expired}
    assert [(await standing_of(store, each.consent.id)).state for each in kept] == [
        S.given,
        S.withdrawn,
        S.refused,
    ]
    events = await store.consents.events(over[0].consent.id, after="", limit=9)
    assert [event.state for event in events] == [S.given, S.expired]
    assert len(await store.entries.find(request=None, after="", limit=100)) == 6 + 3


async def test_expiry_goes_in_portions(store, make, recorded) -> None:
    """At most so many at a time, until none is left; an empty round writes nothing."""
    for _ in range(5):
        await recorded(expires_at=make.now)

    def tell(stored: Any) -> Any:
        return make.event(stored, S.expired), make.entry()

    counts = [await store.consents.expire(make.now, tell, most=2) for _ in range(4)]

    assert counts == [2, 2, 1, 0]
    assert len(await store.entries.find(request=None, after="", limit=100)) == 10


async def test_expiry_at_two_places_at_once_tells_each_once(store, make, recorded) -> None:
    """Six at once over 60 consents: each has one event of it."""
    ids = [(await recorded(expires_at=make.now)).consent.id for _ in range(60)]

    def tell(stored: Any) -> Any:
        return make.event(stored, S.expired), make.entry()

    counts = await asyncio.gather(*(store.consents.expire(make.now, tell, most=15) for _ in range(6)))
    rest = await store.consents.expire(make.now, tell, most=100)

    assert sum(counts) + rest == 60
    lives = [await store.consents.events(each, after="", limit=9) for each in ids]
    assert {tuple(event.state for event in life) for life in lives} == {(S.given, S.expired)}


async def test_events_read_back_page_by_page(store, make, recorded) -> None:
    """As they were written, in order, of one consent."""
    stored, _ = await recorded(), await recorded()
    paused = make.event(stored, S.paused, reason="given", actor="desk-1")
    await store.consents.move(paused, make.entry(), allowed_from=RELEASING, purge_drafts=False)

    first = await store.consents.events(stored.consent.id, after="", limit=1)
    rest = await store.consents.events(stored.consent.id, after=first[0].id, limit=9)

    assert (first[0].state, list(rest)) == (S.given, [paused])
    assert await store.consents.events("cns_unknown", after="", limit=9) == []
    assert await store.consents.events("\x00", after="", limit=9) == []
    assert await store.consents.events(stored.consent.id, after="\x00", limit=9) == []


# ---------------------------------------------------------------- races


def in_threads(url: str, count: int, work: Callable[[SqlStore, int], Any]) -> list[Any]:
    """What each of so many threads gets, each with an event loop of its own, over 16 connections."""
    results: list[Any] = [None] * count
    gate, lines = threading.Barrier(count, timeout=60), threading.BoundedSemaphore(16)

    def run(number: int) -> None:
        async def alone() -> Any:
            store = SqlStore(Database(url, pool_size=1, patience=timedelta(seconds=60)))
            try:
                return await work(store, number)
            finally:
                await store.close()

        gate.wait()
        with lines:
            results[number] = asyncio.run(alone())

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


async def test_two_hundred_threads_take_what_the_frequency_allows(database_url: str, make) -> None:
    """50 an hour wanted by 200 threads, and 30 uses of another consent beside it: exactly 50 and 30."""
    store = SqlStore(Database(database_url))
    await store.subjects.refs({"key-1": NewSubject("person", "sub_1", make.now)})
    often, few = make.consent(frequency=Frequency(50, HOUR)), make.consent(uses_left=30)
    for stored in (often, few):
        await store.consents.add(stored, make.event(stored), make.entry())
    entries = [(make.entry(), make.entry()) for _ in range(200)]

    def request(stored: Any, entry: Any, number: int) -> GateRequest[bool]:
        def write(view: Any) -> GateWrite[bool]:
            moment = make.now + timedelta(milliseconds=number)
            is_free = stands(view.consents[stored.consent.id].standing, moment).covers
            return GateWrite(entry, is_free, use=(stored.consent.id,) if is_free else (), used_at=moment)

        return GateRequest((stored.consent.id,), write)

    async def work(own: SqlStore, number: int) -> tuple[bool, bool]:
        requests = [request(often, entries[number][0], number), request(few, entries[number][1], number)]
        for _ in range(5):
            # So many writers starve one another on SQLite; then nothing was written.
            with suppress(StoreUnavailable):
                one, two = await own.gates.commit(requests)
                return one, two
        return False, False

    passed = await asyncio.to_thread(in_threads, database_url, 200, work)

    read = await store.consents.read([often.consent.id, few.consent.id])
    await store.close()
    assert [sum(each) for each in zip(*passed, strict=True)] == [50, 30]
    assert read[often.consent.id].consent.standing.frequency.used == 50
    assert read[few.consent.id].consent.standing.uses_left == 0


async def test_withdrawals_and_renewals_race_for_one_end(database_url: str, make) -> None:
    """Each of 20 consents is withdrawn and renewed at once, from two services: it ends once, one way or the other."""
    stores = [SqlStore(Database(database_url)) for _ in range(2)]
    await stores[0].subjects.refs({"key-1": NewSubject("person", "sub_1", make.now)})
    old = [make.consent() for _ in range(20)]
    for stored in old:
        await stores[0].consents.add(stored, make.event(stored), make.entry())

    async def renew(stored: Any) -> bool:
        new = make.consent(state=S.renewed, renews=stored.consent.id)
        end = ConsentEnd(make.event(stored, S.terminated), make.entry(), RELEASING)
        return await stores[0].consents.add(new, make.event(new, S.renewed), make.entry(), ends=end)

    async def withdraw(stored: Any) -> bool:
        event = replace(make.event(stored), state=S.withdrawn)
        return await stores[1].consents.move(event, make.entry(), allowed_from=RELEASING, purge_drafts=True)

    outcomes = await asyncio.gather(*(step(stored) for stored in old for step in (renew, withdraw)))
    states = [(await standing_of(stores[0], stored.consent.id)).state for stored in old]
    for store in stores:
        await store.close()

    assert [one + other for one, other in zip(outcomes[::2], outcomes[1::2], strict=True)] == [1] * 20
    assert [S.terminated if renewed else S.withdrawn for renewed in outcomes[::2]] == states
