"""Requests for consents: one suite for memory, SQLite and PostgreSQL."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from gateway.errors import BadRequest, Conflict
from gateway.ports import Store
from gateway.records import ConsentRequest, EntryKind, NewSubject, RequestAnswer
from policies.consent import ConsentState

S = ConsentState
MINUTE = timedelta(minutes=1)
Ask = Callable[..., Awaitable[ConsentRequest]]


@pytest.fixture
def ask(store: Store, make: Any) -> Ask:
    """Adds a request, its subject with it."""

    async def asked(**overrides: Any) -> ConsentRequest:
        request: ConsentRequest = make.request(**overrides)
        await store.subjects.refs({"key-1": NewSubject("person", "sub_1", make.now)})
        await store.consent_requests.add(request, make.entry(request=request.id))
        return request

    return asked


async def kinds(store: Store, request_id: str) -> list[EntryKind]:
    """The kinds of entries about a request, in order."""
    found = await store.entries.find(request=request_id, after="", limit=100)
    return [entry.kind for entry in found]


def closing(request: ConsentRequest, state: ConsentState = S.deferred, **more: Any) -> RequestAnswer:
    """What becomes of it."""
    return RequestAnswer(request.id, state, request.created_at + MINUTE, b"kept", **more)


async def test_a_request_is_found_by_id_and_by_link(store: Store, ask: Ask) -> None:
    """Both give it as it was stored; nothing else does."""
    request = await ask()
    requests = store.consent_requests

    assert await requests.read(request.id) == request
    assert await requests.of_link(request.link) == request
    assert await requests.read("crq_0") is None
    assert await requests.of_link(request.id) is None


@pytest.mark.parametrize("odd", ["\x00", "crq_\x00", "\ud800", "a\nb"])
async def test_what_is_no_id_finds_nothing(store: Store, make: Any, odd: str) -> None:
    """A text that no database keeps is nobody's link, and breaks nothing."""
    requests = store.consent_requests

    assert await requests.read(odd) is None
    assert await requests.of_link(odd) is None
    assert await requests.confirm(odd, "proof", most=5, entry=make.entry()) is None


@pytest.mark.parametrize("same", ["id", "link"])
async def test_an_id_and_a_link_are_given_once(store: Store, make: Any, ask: Ask, same: str) -> None:
    """A second one is a conflict, and its entry is not written."""
    request = await ask()
    other = make.request(**{same: getattr(request, same)})

    with pytest.raises(Conflict):
        await store.consent_requests.add(other, make.entry(request="second"))
    assert await kinds(store, "second") == []


async def test_a_request_of_nobody_is_refused(store: Store, make: Any) -> None:
    """Its subject must be known, as a consent's."""
    with pytest.raises(Conflict):
        await store.consent_requests.add(make.request(subject_ref="sub_0"), make.entry())


async def test_a_time_without_zone_is_refused(store: Store, make: Any, ask: Ask) -> None:
    """As everywhere in the store."""
    naive = make.now.replace(tzinfo=None)
    request = await ask()

    with pytest.raises(BadRequest):
        await store.consent_requests.add(make.request(expires_at=naive), make.entry())
    with pytest.raises(BadRequest):
        await store.consent_requests.answer(replace(closing(request), at=naive), make.entry())


async def test_wrong_proofs_are_counted_and_the_last_one_invalidates(
    store: Store, make: Any, ask: Ask
) -> None:
    """The right one counts nothing; the last wrong one closes the request and writes its entry, once."""
    request = await ask()
    entry = make.entry(request=request.id, kind=EntryKind.consent_request_invalidated)
    tries = ["no", "proof", "no", "no", "proof"]

    told = [await store.consent_requests.confirm(request.id, each, most=3, entry=entry) for each in tries]

    stored = await store.consent_requests.read(request.id)
    assert told == [False, True, False, False, None]
    assert stored is not None
    assert (stored.failures, stored.state) == (3, S.invalidated)
    assert await kinds(store, request.id) == [EntryKind.intent, EntryKind.consent_request_invalidated]


async def test_guesses_sent_all_at_once_are_counted_one_by_one(store: Store, make: Any, ask: Ask) -> None:
    """Of thirty parallel guesses five are looked at, whatever the connections; one entry tells it."""
    request = await ask()

    async def guess(number: int) -> bool | None:
        entry = make.entry(request=request.id, kind=EntryKind.consent_request_invalidated)
        return await store.consent_requests.confirm(request.id, f"guess-{number}", most=5, entry=entry)

    told = await asyncio.gather(*map(guess, range(30)))

    assert (told.count(False), told.count(None)) == (5, 25)
    assert (await kinds(store, request.id)).count(EntryKind.consent_request_invalidated) == 1


async def test_a_request_is_answered_once(store: Store, make: Any, ask: Ask) -> None:
    """Of several answers at once one counts, with its entry; what is kept is what it said."""
    request = await ask()
    states = [S.deferred, S.refused, S.deferred, S.expired]

    told = await asyncio.gather(
        *(
            store.consent_requests.answer(closing(request, state), make.entry(request=request.id))
            for state in states
        )
    )

    stored = await store.consent_requests.read(request.id)
    assert sum(told) == 1
    assert stored is not None
    assert stored.state is states[told.index(True)]
    assert (stored.sealed, stored.answered_at) == (b"kept", request.created_at + MINUTE)
    assert len(await kinds(store, request.id)) == 2


async def test_a_consent_closes_the_request_it_answers(store: Store, make: Any, ask: Ask) -> None:
    """Both in one transaction; a second consent for the same request is not written at all."""
    request = await ask()
    first, second = make.consent(), make.consent()

    async def record(stored: Any) -> bool:
        closes = closing(request, S.given, consent_id=stored.consent.id)
        entry = make.entry(request=stored.consent.id)
        return await store.consents.add(stored, make.event(stored), entry, answers=closes)

    told = [await record(first), await record(second)]

    closed = await store.consent_requests.read(request.id)
    assert told == [True, False]
    assert closed is not None
    assert (closed.state, closed.consent_id) == (S.given, first.consent.id)
    assert list(await store.consents.read([first.consent.id, second.consent.id])) == [first.consent.id]
    assert await kinds(store, second.consent.id) == []


async def test_a_closed_request_confirms_nobody(store: Store, make: Any, ask: Ask) -> None:
    """Once answered, the right proof is worth nothing."""
    request = await ask()
    await store.consent_requests.answer(closing(request), make.entry())

    assert await store.consent_requests.confirm(request.id, "proof", most=5, entry=make.entry()) is None


async def test_requests_that_are_over_are_listed_oldest_first(store: Store, make: Any, ask: Ask) -> None:
    """Open ones only, at their very end, as many as are wanted."""
    late = [await ask(expires_at=make.now - number * MINUTE) for number in range(3)]
    await ask()
    answered = await ask(expires_at=make.now - 9 * MINUTE)
    await store.consent_requests.answer(closing(answered), make.entry())

    assert await store.consent_requests.over(make.now, limit=5) == late[::-1]
    assert await store.consent_requests.over(make.now, limit=1) == late[2:]


async def test_a_purge_empties_what_came_to_no_consent(store: Store, make: Any, ask: Ask) -> None:
    """Requests with a consent and open ones stay; one entry counts the others, and a second purge writes none."""
    gone, kept, open_one, later = [
        await ask(expires_at=make.now + number * MINUTE) for number in (0, 0, 0, 2)
    ]
    stored = make.consent()
    await store.consent_requests.answer(closing(gone, S.refused), make.entry())
    await store.consent_requests.answer(closing(later), make.entry())
    closes = closing(kept, S.given, consent_id=stored.consent.id)
    await store.consents.add(stored, make.event(stored), make.entry(), answers=closes)
    counted: list[int] = []

    def entry(count: int) -> Any:
        counted.append(count)
        return make.entry(request="purge")

    purged = [await store.consent_requests.purge(make.now + MINUTE, entry) for _ in range(2)]

    sealed = {
        each.id: each.sealed
        for request in (gone, kept, open_one, later)
        if (each := await store.consent_requests.read(request.id))
    }
    assert purged == [1, 0]
    assert counted == [1]
    assert len(await kinds(store, "purge")) == 1
    assert sealed == {gone.id: None, kept.id: b"kept", open_one.id: b"\x00asked\xff", later.id: b"kept"}
