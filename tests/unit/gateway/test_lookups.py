"""Look-ups: subject references and keys, never remembered, one round trip for all who ask at once."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from typing import Any

import pytest

from field_registry import Subject, SubjectKind
from gateway.errors import StoreUnavailable
from gateway.lookups import SubjectReferences
from gateway.records import NewSubject
from gateway.security import KeyRing, Pseudonyms, WrappedKeys
from gateway.store import MemoryStore
from gateway.store.refusals import unavailable

NOW = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)
RING = KeyRing([b"k" * 32])
PSEUDONYMS, KEYS = Pseudonyms(RING), WrappedKeys(RING)


class Counted:
    """A part of a store that counts its calls, waits when told to, and can be away."""

    def __init__(self, part: Any) -> None:
        self.part = part
        self.calls: list[Any] = []
        self.is_away = False

    async def keys(self, refs: Sequence[str]) -> Mapping[str, bytes]:
        """As the part does."""
        return dict(await self.part.keys(refs))

    async def refs(self, subjects: Mapping[str, NewSubject]) -> Mapping[str, str]:
        """As the part does."""
        self.calls.append(subjects)
        await asyncio.sleep(0)
        if self.is_away:
            raise unavailable()
        return dict(await self.part.refs(subjects))


@dataclass
class World:
    """A store in memory, counted where it is looked up."""

    store: MemoryStore
    subjects: Counted

    def references(self) -> SubjectReferences:
        """Over the counted part, with references that count up."""
        numbers = count(1)
        return SubjectReferences(
            self.store, PSEUDONYMS, lambda: NOW, lambda prefix, _: f"{prefix}_{next(numbers)}", KEYS
        )


@pytest.fixture
def counted() -> World:
    """With look-ups going through the counter."""
    store = MemoryStore()
    world = World(store, Counted(store.subjects))
    store.subjects = world.subjects
    return world


def person(id_no: str) -> Subject:
    """A person by number."""
    return Subject(SubjectKind.person, "111", id_no)


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
    assert len(counted.subjects.calls) == 3  # each time: another process may have erased the subject


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


async def test_an_outage_ends(counted: World) -> None:
    """After the outage the subject gets its reference."""
    references = counted.references()
    counted.subjects.is_away = True
    with pytest.raises(StoreUnavailable):
        await references.ref_of("k", "person")
    counted.subjects.is_away = False

    assert (await references.ref_of("k", "person")).startswith("sub_")


async def test_a_subject_has_a_key_from_the_first(counted: World) -> None:
    """It is the same at every look, and another subject's is another."""
    references = counted.references()
    one, other = [await references.ref_of(key, "person") for key in ("k", "l")]

    keys = await references.keys_of((one, other))

    assert await references.key_for(one) == keys[one]
    assert keys[one].material != keys[other].material
    assert len(keys[one].material) == 32


async def test_who_has_no_key_is_left_out(counted: World) -> None:
    """A subject from before there were keys, and one that does not exist."""
    await counted.store.subjects.refs({"old": NewSubject("person", "sub_old", NOW)})

    assert await counted.references().keys_of(("sub_old", "sub_of_nobody")) == {}
    assert await counted.references().key_for("sub_old") is None


def test_a_key_shows_itself_to_nobody(counted: World) -> None:
    """Neither in a traceback nor in a log that prints what it is given."""
    key = KEYS.open(KEYS.new("sub_1"), "sub_1")

    assert key is not None
    assert repr(key) == "SubjectKey(ref='sub_1')"
