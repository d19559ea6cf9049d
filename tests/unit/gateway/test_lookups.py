"""Look-ups: consents fresh every time, subject references remembered, one round trip for all who ask at once."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest

from field_registry import Subject, SubjectKind
from gateway.errors import StoreUnavailable
from gateway.lookups import ConsentReader, SubjectReferences
from gateway.records import ConsentEvent, Entry, EntryKind, StoredConsent
from gateway.security import KeyRing, Pseudonyms
from gateway.store import MemoryStore
from gateway.store.refusals import unavailable
from policies.consent import Consent, ConsentState, Standing

NOW = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)
PSEUDONYMS = Pseudonyms(KeyRing([b"k" * 32]))


class Counted:
    """A part of a store that counts its calls, waits when told to, and can be away."""

    def __init__(self, part: Any) -> None:
        self.part = part
        self.calls: list[Any] = []
        self.is_away = False

    async def read(self, consent_ids: Sequence[str]) -> Mapping[str, StoredConsent]:
        """As the part does."""
        return await self._ask("read", consent_ids)  # type: ignore[no-any-return]

    async def refs(self, subjects: Mapping[str, tuple[str, str]], at: datetime) -> Mapping[str, str]:
        """As the part does."""
        return await self._ask("refs", subjects, at)  # type: ignore[no-any-return]

    async def _ask(self, method: str, asked: Any, *rest: Any) -> Any:
        self.calls.append(asked)
        await asyncio.sleep(0)
        if self.is_away:
            raise unavailable()
        return await getattr(self.part, method)(asked, *rest)


@dataclass
class World:
    """A store in memory, counted where it is looked up."""

    store: MemoryStore
    consents: Counted
    subjects: Counted

    def reader(self) -> ConsentReader:
        """Over the counted part."""
        return ConsentReader(self.store)

    def references(self) -> SubjectReferences:
        """Over the counted part, with references that count up."""
        numbers = count(1)
        return SubjectReferences(
            self.store, PSEUDONYMS, lambda: NOW, lambda prefix, _: f"{prefix}_{next(numbers)}"
        )

    async def record(self, consent_id: str) -> StoredConsent:
        """A consent that stands."""
        refs = await self.store.subjects.refs({"key": ("person", "sub_0")}, NOW)
        standing = Standing(ConsentState.given, NOW, NOW + timedelta(days=1))
        agreed = Consent(consent_id, "key", "p", None, frozenset(), frozenset(), frozenset(), standing)
        stored = StoredConsent(agreed, refs["key"], "person", "desk", "民政", NOW, b"")
        entry = Entry(f"aud_{consent_id}", EntryKind.consent_given, NOW, consent_id, "desk", b"{}")
        event = ConsentEvent(f"cev_{consent_id}", consent_id, NOW, ConsentState.given, "clerk", "", entry.id)
        await self.store.consents.add(stored, event, entry)
        return stored


@pytest.fixture
async def counted() -> World:
    """With two consents, and look-ups going through the counters."""
    store = MemoryStore()
    world = World(store, Counted(store.consents), Counted(store.subjects))
    for consent_id in ("cns_1", "cns_2"):
        await world.record(consent_id)
    store.consents, store.subjects = world.consents, world.subjects  # type: ignore[assignment]
    return world


def person(id_no: str) -> Subject:
    """A person by number."""
    return Subject(SubjectKind.person, "111", id_no)


# ---------------------------------------------------------------- consents


async def test_a_reader_gives_what_was_asked_for_and_exists(counted: World) -> None:
    """Each caller its own, unknown ids left out."""
    reader = counted.reader()

    one, both, none = await asyncio.gather(
        reader.read(("cns_1",)), reader.read(("cns_2", "cns_unknown", "cns_1")), reader.read(("cns_unknown",))
    )

    assert (list(one), list(both), none) == (["cns_1"], ["cns_2", "cns_1"], {})


async def test_readers_at_one_moment_share_a_round_trip(counted: World) -> None:
    """Fifty callers, one statement, every id once."""
    reader = counted.reader()

    await asyncio.gather(*(reader.read(("cns_1", f"cns_{number % 3}")) for number in range(50)))

    assert counted.consents.calls == [["cns_0", "cns_1", "cns_2"]]


async def test_no_consents_is_no_round_trip(counted: World) -> None:
    """A request on statutory grounds alone asks nothing."""
    assert await counted.reader().read(()) == {}
    assert counted.consents.calls == []


async def test_a_consent_is_never_remembered(counted: World) -> None:
    """Two reads are two statements, however close; a withdrawal in between is seen."""
    reader = counted.reader()
    before = (await reader.read(("cns_1",)))["cns_1"]
    event = ConsentEvent("cev_w", "cns_1", NOW, ConsentState.withdrawn, "clerk", "", "aud_w")
    entry = Entry("aud_w", EntryKind.consent_withdrawn, NOW, "cns_1", "desk", b"{}")
    await counted.consents.part.move(
        event, entry, allowed_from=frozenset({ConsentState.given}), purge_drafts=True
    )

    after = (await reader.read(("cns_1",)))["cns_1"]

    assert [each.consent.standing.state for each in (before, after)] == [
        ConsentState.given,
        ConsentState.withdrawn,
    ]
    assert len(counted.consents.calls) == 2


async def test_a_read_that_began_later_does_not_ride_in_an_older_statement(counted: World) -> None:
    """What is read was in the database after the call began."""
    reader = counted.reader()
    first = asyncio.create_task(reader.read(("cns_1",)))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert len(counted.consents.calls) == 1

    await asyncio.gather(first, reader.read(("cns_1",)))

    assert len(counted.consents.calls) == 2


async def test_an_outage_reaches_every_reader(counted: World) -> None:
    """No stale answer, no empty one: everybody is told."""
    counted.consents.is_away = True
    reader = counted.reader()

    results = await asyncio.gather(*(reader.read(("cns_1",)) for _ in range(3)), return_exceptions=True)

    assert [type(each) for each in results] == [StoreUnavailable] * 3


# ---------------------------------------------------------------- subjects


async def test_a_subject_has_one_reference_for_good(counted: World) -> None:
    """Whoever asks, whenever, in whichever process."""
    one, other = counted.references(), counted.references()
    key = one.key_of(person("1"))

    refs = [
        await one.ref_of(key, "person"),
        await one.ref_of(key, "person"),
        await other.ref_of(key, "person"),
    ]

    assert len(set(refs)) == 1
    assert len(counted.subjects.calls) == 2  # once in each process


async def test_different_subjects_have_different_references(counted: World) -> None:
    """Asked for at once they share a round trip, and are not mixed up."""
    references = counted.references()
    keys = [references.key_of(person(str(number))) for number in range(5)]

    refs = await asyncio.gather(*(references.ref_of(key, "person") for key in keys * 2))

    assert refs[:5] == refs[5:]
    assert len(set(refs)) == 5
    assert len(counted.subjects.calls) == 1


async def test_a_key_tells_nothing_of_the_identifier(counted: World) -> None:
    """The number stands neither in the key nor in the reference."""
    references = counted.references()
    key = references.key_of(person("11010119000307002X"))

    assert "11010119000307002X" not in key + await references.ref_of(key, "person")


async def test_a_failed_look_up_is_not_remembered(counted: World) -> None:
    """After the outage the subject gets its reference."""
    references = counted.references()
    counted.subjects.is_away = True
    with pytest.raises(StoreUnavailable):
        await references.ref_of("k", "person")
    counted.subjects.is_away = False

    assert (await references.ref_of("k", "person")).startswith("sub_")
