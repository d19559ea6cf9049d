"""Linked identities in every store: how documents stand, what a gate sees of them, and that ending undoes it exactly."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from gateway.audit.entries import canonical
from gateway.errors import Conflict
from gateway.ports import Store
from gateway.records import (
    Dispute,
    DisputeState,
    Entry,
    EntryKind,
    GateRequest,
    GateWrite,
    LinkVerdict,
    NewSubject,
)
from gateway.store import Database, SqlStore
from policies.consent import ConsentState

V = LinkVerdict
MINUTE = timedelta(minutes=1)
EVIDENCE = b"\x00evidence\xff"


def known(make: Any, ref: str) -> NewSubject:
    """A subject whose wrapped key is made of its reference."""
    return NewSubject("person", ref, make.now, lambda of: b"wrapped " + of.encode())


@pytest.fixture
async def people(store: Store, make: Any) -> Store:
    """Six documents, each of a subject of its own: key-1 … key-6 lead to sub_1 … sub_6."""
    await store.subjects.refs({f"key-{n}": known(make, f"sub_{n}") for n in range(1, 7)})
    return store


@pytest.fixture
def link(store: Store, make: Any) -> Callable[..., Any]:
    """Links the document of one subject to another, or claims it where `claims`; gives verdict and link id."""

    async def linking(added: str, whose: str, *, claims: bool = False) -> tuple[LinkVerdict, str]:
        made = make.link(added, whose)
        documents = {ref: f"document of {ref}".encode() for ref in (added, whose)}
        entry = make.entry(kind=EntryKind.identity_linked)
        claim = make.entry(kind=EntryKind.identity_refused) if claims else None
        return await store.identities.link(made, documents, entry, claim=claim), made.id

    return linking


async def seen(store: Store, make: Any, *keys: str, consents: tuple[str, ...] = ()) -> Any:
    """What a gate sees of these subjects."""
    views: list[Any] = []

    def write(view: Any) -> GateWrite[None]:
        views.append(view)
        return GateWrite(make.entry(), None)

    await store.gates.commit([GateRequest(consents, write, {key: known(make, f"new-{key}") for key in keys})])
    return views[0]


async def groups(store: Store) -> list[tuple[str, ...]]:
    """How the six stand."""
    return [await store.identities.alike(f"sub_{n}") for n in range(1, 7)]


APART = [(f"sub_{n}",) for n in range(1, 7)]


# ---------------------------------------------------------------- linking


async def test_linked_documents_count_as_one(people: Store, make: Any, link: Any) -> None:
    """Each names both, oldest first; whoever looks one up still finds its own reference."""
    verdict, _ = await link("sub_2", "sub_1")

    assert verdict is V.linked
    assert (await groups(people))[:3] == [("sub_1", "sub_2"), ("sub_1", "sub_2"), ("sub_3",)]
    assert [await people.subjects.find(f"key-{n}") for n in (1, 2)] == ["sub_1", "sub_2"]
    assert await people.subjects.refs({"key-2": known(make, "x")}) == {"key-2": "sub_2"}


async def test_a_gate_sees_every_document_of_a_subject(people: Store, make: Any, link: Any) -> None:
    """With its key, its reference and what is sealed of it; of a subject with one document it sees nothing of that."""
    await link("sub_2", "sub_1")

    view = await seen(people, make, "key-2", "key-3")

    assert set(view.linked) == {"key-1", "key-2"}
    assert [
        (each.ref, each.key, each.wrapped_key, each.sealed, each.is_contested)
        for each in view.linked["key-2"]
    ] == [
        ("sub_1", "key-1", b"wrapped sub_1", b"document of sub_1", False),
        ("sub_2", "key-2", b"wrapped sub_2", b"document of sub_2", False),
    ]
    assert view.subject_refs == {"key-2": "sub_2", "key-3": "sub_3"}


async def test_a_consent_brings_the_documents_of_its_subject(people: Store, make: Any, link: Any) -> None:
    """So that a gate that only re-reads consents knows them too."""
    stored = make.consent()
    await people.consents.add(stored, make.event(stored), make.entry())
    await link("sub_2", "sub_1")

    view = await seen(people, make, consents=(stored.consent.id,))

    assert {each.ref for each in view.linked["key-1"]} == {"sub_1", "sub_2"}
    assert view.consents[stored.consent.id].subject_key == "key-1"


async def test_a_link_reads_back_as_it_was_made(people: Store, make: Any) -> None:
    """By id, of either document, and in the listing, with the keys of both."""
    made = make.link("sub_2", "sub_1")
    await people.identities.link(made, {}, make.entry(), claim=None)
    other = make.link("sub_4", "sub_3")
    await people.identities.link(other, {}, make.entry(), claim=None)

    found = await people.identities.read(made.id)

    assert found == made
    assert found is not None
    assert found.wrapped_keys == {"sub_1": b"wrapped sub_1", "sub_2": b"wrapped sub_2"}
    for ref in ("sub_1", "sub_2"):
        assert await people.identities.of_subject(ref, after="", limit=5) == [made]
    assert await people.identities.listing(after="", limit=5) == [made, other]
    assert await people.identities.listing(after=made.id, limit=5) == [other]
    assert await people.identities.read("idl_x") is await people.identities.read("\x00") is None


async def test_a_third_document_joins_whichever_is_named(people: Store, link: Any) -> None:
    """Chains are flat: however the links were made, all are one subject."""
    await link("sub_2", "sub_1")
    await link("sub_3", "sub_2")
    await link("sub_4", "sub_3")

    assert (await groups(people))[:4] == [("sub_1", "sub_2", "sub_3", "sub_4")] * 4


async def test_what_is_one_already_or_somebody_elses_is_not_linked(
    people: Store, make: Any, link: Any
) -> None:
    """Neither in a circle, nor to a second subject, nor two groups to one; and nothing is written."""
    await link("sub_2", "sub_1")
    await link("sub_4", "sub_3")
    before = await people.entries.find(request=None, after="", limit=99)

    verdicts = [
        (await link(*pair))[0]
        for pair in (
            ("sub_1", "sub_2"),
            ("sub_2", "sub_1"),
            ("sub_1", "sub_1"),
            ("sub_2", "sub_5"),
            ("sub_1", "sub_3"),
        )
    ]

    assert verdicts == [V.already, V.already, V.already, V.elsewhere, V.elsewhere]
    assert await people.entries.find(request=None, after="", limit=99) == before
    assert len(await people.identities.listing(after="", limit=9)) == 2


async def test_nobody_unknown_is_linked(people: Store, make: Any) -> None:
    """A reference that leads nowhere is a conflict, and nothing stands."""
    with pytest.raises(Conflict):
        await people.identities.link(make.link("sub_x", "sub_1"), {}, make.entry(), claim=None)

    assert await people.identities.alike("sub_1") == ("sub_1",)
    assert await people.identities.listing(after="", limit=5) == []


# ---------------------------------------------------------------- ending


async def test_ending_a_link_undoes_it(people: Store, make: Any, link: Any) -> None:
    """Documents stand apart as before, nothing is kept of them, and it ends once."""
    _, first = await link("sub_2", "sub_1")
    ended = make.entry(kind=EntryKind.identity_unlinked)

    assert await people.identities.end(first, make.now + MINUTE, ended)
    assert not await people.identities.end(first, make.now + MINUTE, make.entry())
    assert not await people.identities.end("idl_x", make.now, make.entry())

    assert await groups(people) == APART
    assert (await seen(people, make, "key-1", "key-2")).linked == {}
    found = await people.identities.read(first)
    assert found is not None
    assert (found.ended_at, found.ended_entry) == (make.now + MINUTE, ended.id)
    assert (await link("sub_2", "sub_3"))[0] is V.linked  # it is free again


async def test_ending_the_link_in_the_middle_parts_what_hung_by_it(
    people: Store, make: Any, link: Any
) -> None:
    """What was linked by other links stays together."""
    await link("sub_2", "sub_1")
    _, middle = await link("sub_3", "sub_2")
    await link("sub_4", "sub_3")

    await people.identities.end(middle, make.now, make.entry())

    one, other = ("sub_1", "sub_2"), ("sub_3", "sub_4")
    assert (await groups(people))[:4] == [one, one, other, other]


async def test_answers_that_tell_of_the_subject_are_purged(people: Store, make: Any, link: Any) -> None:
    """What rested on the link is not given again; answers about others stay."""
    _, first = await link("sub_2", "sub_1")
    kept = []
    for ref in ("sub_2", "sub_3"):
        draft = make.draft(subjects=(ref,))
        leaf = canonical({"subjects": {"applicant": ref}})
        for kind in (EntryKind.intent, EntryKind.outcome):
            entry = make.entry(kind=kind, request=draft.id, leaf=leaf)
            await people.gates.commit(
                [make.passage(entry=entry, draft=draft if kind is EntryKind.outcome else None)]
            )
        kept.append(draft.id)

    await people.identities.end(first, make.now, make.entry())

    assert [(await people.drafts.read(each)).sealed is None for each in kept] == [True, False]  # type: ignore[union-attr]


# ---------------------------------------------------------------- claims


async def test_a_document_that_two_claim_counts_for_nobody(people: Store, make: Any, link: Any) -> None:
    """It leads to no subject and stands apart from the one it was linked to; a gate sees that it is contested."""
    await link("sub_2", "sub_1")

    verdict, _ = await link("sub_2", "sub_3", claims=True)

    assert verdict is V.claimed
    assert (await groups(people))[:3] == [("sub_1",), ("sub_2",), ("sub_3",)]
    assert await people.subjects.find("key-2") is None
    assert await people.subjects.refs({"key-2": known(make, "x"), "key-1": known(make, "y")}) == {
        "key-1": "sub_1"
    }
    view = await seen(people, make, "key-1", "key-2", "key-3")
    assert [(key, [each.is_contested for each in documents]) for key, documents in view.linked.items()] == [
        ("key-2", [True])
    ]


@pytest.mark.parametrize("ends", ["claim", "link"])
async def test_a_contested_document_is_somebodys_again_when_one_of_two_ends(
    people: Store, make: Any, link: Any, ends: str
) -> None:
    """Ending the claim gives it back; ending the link leaves the claim, until that ends too."""
    _, first = await link("sub_2", "sub_1")
    _, claim = await link("sub_2", "sub_3", claims=True)

    await people.identities.end(claim if ends == "claim" else first, make.now, make.entry())

    if ends == "claim":
        assert (await groups(people))[:3] == [("sub_1", "sub_2"), ("sub_1", "sub_2"), ("sub_3",)]
        view = await seen(people, make, "key-1")
        assert [each.sealed for each in view.linked["key-1"]] == [b"document of sub_1", b"document of sub_2"]
    else:
        assert await people.subjects.find("key-2") is None
        await people.identities.end(claim, make.now, make.entry())
        assert await people.subjects.find("key-2") == "sub_2"
        assert await groups(people) == APART


async def test_a_claim_is_written_once_and_only_of_what_is_somebodys(people: Store, link: Any) -> None:
    """Said again it writes nothing; of a free document it is a link; to a contested one nothing is linked."""
    assert (await link("sub_5", "sub_6", claims=True))[0] is V.linked
    await link("sub_2", "sub_1")
    verdicts = [(await link("sub_2", "sub_3", claims=True))[0] for _ in range(2)]
    to_contested = await link("sub_4", "sub_2", claims=True)

    assert verdicts == [V.claimed, V.elsewhere]
    assert to_contested[0] is V.elsewhere
    assert len(await people.identities.listing(after="", limit=9)) == 3


# ---------------------------------------------------------------- erasing


async def test_erasing_a_subject_erases_all_its_documents(people: Store, make: Any, link: Any) -> None:
    """Both keys are gone, both consents ended, the evidence empty; nobody else's link is touched."""
    await link("sub_2", "sub_1")
    _, others = await link("sub_4", "sub_3")
    consents = []
    for number in (1, 2):
        stored = make.consent(subject_key=f"key-{number}", subject_ref=f"sub_{number}")
        await people.consents.add(stored, make.event(stored), make.entry())
        consents.append(stored.consent.id)
    told: list[Any] = []

    def end(stored: Any) -> Any:
        return make.event(stored, ConsentState.terminated), make.entry()

    def entry(done: Any) -> Entry:
        told.append(done)
        return erased

    erased = make.entry(kind=EntryKind.subject_erased)
    done = await people.subjects.erase("sub_2", make.now, end=end, entry=entry)

    assert told == [done]
    assert done is not None
    assert (done.consents, done.ended, done.others) == (2, 2, ("sub_1",))
    assert await people.subjects.keys([f"sub_{n}" for n in (1, 2, 3)]) == {"sub_3": b"wrapped sub_3"}
    assert [await people.subjects.find(f"key-{n}") for n in (1, 2, 3)] == [None, None, "sub_3"]
    assert {each.consent.standing.state for each in (await people.consents.read(consents)).values()} == {
        ConsentState.terminated
    }
    first, second = await people.identities.listing(after="", limit=5)
    assert (first.sealed, first.ended_entry, second.id, second.sealed) == (None, erased.id, others, EVIDENCE)
    assert (await groups(people))[:4] == [("sub_1",), ("sub_2",), ("sub_3", "sub_4"), ("sub_3", "sub_4")]
    assert await people.subjects.erase("sub_1", make.now, end=end, entry=entry) is None


async def test_erasing_a_claimant_ends_the_claim(people: Store, make: Any, link: Any) -> None:
    """The document is its subject's again."""
    await link("sub_2", "sub_1")
    await link("sub_2", "sub_3", claims=True)

    await people.subjects.erase(
        "sub_3",
        make.now,
        end=lambda _: (None, None),
        entry=lambda _: make.entry(),  # type: ignore[arg-type,return-value]
    )

    assert (await groups(people))[:2] == [("sub_1", "sub_2")] * 2
    assert await people.subjects.find("key-2") == "sub_2"


# ---------------------------------------------------------------- disputes, races, the hot path


async def test_of_two_links_of_one_document_at_once_one_is_made(people: Store, make: Any, link: Any) -> None:
    """Six desks at once, for five persons: one link, and the document is one person's."""
    made = await asyncio.gather(*(link("sub_6", f"sub_{n}") for n in (1, 2, 3, 4, 5)))

    verdicts = [verdict for verdict, _ in made]
    assert sorted(verdicts) == [V.elsewhere] * 4 + [V.linked]
    owner = f"sub_{verdicts.index(V.linked) + 1}"
    assert await people.identities.alike("sub_6") == (owner, "sub_6")
    assert len(await people.identities.listing(after="", limit=9)) == 1


async def test_links_made_in_a_ring_at_once_make_no_circle(people: Store, link: Any) -> None:
    """Each to the next: one fewer than would close it, and whatever was linked is one subject."""
    ring = [(f"sub_{n}", f"sub_{n % 6 + 1}") for n in range(1, 7)]

    verdicts = [verdict for verdict, _ in await asyncio.gather(*(link(*pair) for pair in ring))]

    made = [pair for pair, verdict in zip(ring, verdicts, strict=True) if verdict is V.linked]
    assert 0 < len(made) < 6
    for added, whose in made:
        assert await people.identities.alike(added) == await people.identities.alike(whose)


async def test_links_and_erasure_at_two_services_leave_nothing_hanging(database_url: str, make: Any) -> None:
    """Whichever comes first: an erased subject is linked to nothing that lives."""
    stores = [SqlStore(Database(database_url)) for _ in range(2)]
    for number in range(8):
        pair = {f"a{number}": known(make, f"sub_a{number}"), f"b{number}": known(make, f"sub_b{number}")}
        await stores[0].subjects.refs(pair)

    async def linking(number: int) -> Any:
        made = make.link(f"sub_b{number}", f"sub_a{number}")
        return await stores[0].identities.link(made, {made.from_ref: b"d"}, make.entry(), claim=None)

    async def erasing(number: int) -> Any:
        return await stores[1].subjects.erase(
            f"sub_a{number}",
            make.now,
            end=lambda _: (None, None),
            entry=lambda _: make.entry(),  # type: ignore[arg-type,return-value]
        )

    results = await asyncio.gather(
        *(work(number) for number in range(8) for work in (linking, erasing)), return_exceptions=True
    )
    alike = [await stores[0].identities.alike(f"sub_b{number}") for number in range(8)]
    standing = [
        each for each in await stores[0].identities.listing(after="", limit=99) if each.ended_at is None
    ]
    for store in stores:
        await store.close()

    assert [each for each in results if isinstance(each, Exception) and not isinstance(each, Conflict)] == []
    assert alike == [(f"sub_b{number}",) for number in range(8)]
    assert standing == []


async def test_what_one_document_disputes_is_withheld_for_all(people: Store, make: Any, link: Any) -> None:
    """A gate sees the dispute under whichever document is asked about."""
    await link("sub_2", "sub_1")
    opened = Dispute(
        *("dsp_1", "sub_1", "person.name", "civil", "公安", "name", None, None, DisputeState.open),
        *(make.now, make.now.date(), make.now.date(), "aud_1", b"sealed"),
    )
    await people.disputes.add(opened, make.entry())

    view = await seen(people, make, "key-2", "key-3")

    assert view.disputed["sub_2"] == {"person.name": opened.id}
    assert "sub_3" not in view.disputed


async def test_a_link_with_a_time_without_zone_is_refused(people: Store, make: Any) -> None:
    """Nothing is written that could not be read again."""
    naive = replace(make.link("sub_2", "sub_1"), at=make.now.replace(tzinfo=None))

    with pytest.raises(Exception, match="not_storable"):
        await people.identities.link(naive, {}, make.entry(), claim=None)

    assert await people.identities.listing(after="", limit=5) == []
