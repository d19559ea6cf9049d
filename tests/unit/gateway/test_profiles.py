"""What may be kept in a record, for how long, and under which key; and what its reader makes of trouble."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from msgspec import structs

from connectors.errors import SourceBroken
from field_registry import Binding, Registry, Subject, SubjectKind
from gateway.app import make_runtime
from gateway.errors import BadRequest, CannotOpen, StoreUnavailable
from gateway.profiles.keepable import KeepRefusal, kept_for, profile_binding, refusal_to_keep
from gateway.profiles.keeping import make_profile_value, open_value
from gateway.profiles.reader import StoredProfiles
from gateway.records import NewSubject, ProfileValue
from gateway.retention import rewrap
from gateway.runtime import Runtime
from gateway.settings import Settings
from gateway.store import MemoryStore
from tests.profile_town import ANN, FORMS, ITEMS, SOURCES, registry

NOW = datetime(2026, 11, 21, 2, 3, 4, tzinfo=UTC)
TODAY = date(2026, 11, 21)
YEAR = timedelta(days=365)
SUBJECT = Subject(SubjectKind.person, "111", ANN["id_no"])
ITEM = {item.id.removeprefix("person."): item for item in ITEMS}


# ---------------------------------------------------------------- which items


@pytest.mark.parametrize(
    ("name", "refusal"),
    [
        ("email", None),
        ("phone", None),
        ("unit", KeepRefusal.not_shared),
        ("id_no", KeepRefusal.identity),
        ("children", KeepRefusal.rows),
        ("name", KeepRefusal.not_bound),
    ],
)
def test_which_items_may_be_kept(name: str, refusal: KeepRefusal | None) -> None:
    """A binding opens an item for the record; none opens what is unshared, identifies somebody, or repeats."""
    assert refusal_to_keep(ITEM[name], registry(), TODAY) is refusal


def test_a_column_of_rows_is_not_kept() -> None:
    """Without its row nobody could tell whose it is."""
    column = replace(ITEM["email"], within="person.children")

    assert refusal_to_keep(column, registry(), TODAY) is KeepRefusal.rows


def test_a_binding_that_has_ended_opens_nothing() -> None:
    """On the day it ends an item is closed for the record."""
    binding = Binding("person.email", "profile", "person.email", effective_to=TODAY)
    published = Registry.of(1, items=ITEMS, sources=SOURCES, bindings=[binding])

    assert refusal_to_keep(ITEM["email"], published, TODAY) is KeepRefusal.not_bound
    assert profile_binding("person.email", published, TODAY - timedelta(days=1)) == binding


@pytest.mark.parametrize(
    ("said", "kept"), [("730d", 730), ("12h", 0.5), ("9999d", 1096), (None, 365)], ids=str
)
def test_how_long_an_item_is_kept(said: str | None, kept: float) -> None:
    """As its source says, three years at most; else as the service is set."""
    config = {} if said is None else {"kept": {"person.email": said}}
    sources = [replace(source, config=config) if source.id == "profile" else source for source in SOURCES]
    published = Registry.of(1, items=ITEMS, sources=sources, bindings=registry().bindings)

    assert kept_for(ITEM["email"], published, TODAY, YEAR) == timedelta(days=kept)


# ---------------------------------------------------------------- keeping


@dataclass
class Desk:
    """A runtime over a store in memory in which that registry is in force, and Ann."""

    runtime: Runtime
    ref: str

    async def make(self, value: object = "ann@example.com", **changes: Any) -> ProfileValue:
        """A value of hers to keep."""
        key = await self.runtime.subjects.key_for(self.ref)
        said: dict[str, Any] = {
            "now": NOW,
            "new_reference": self.runtime.new_reference,
            "runtime": self.runtime,
            "subject_ref": self.ref,
            "key": key,
            "item": ITEM["email"],
            "value": value,
            "form": FORMS[0],
            "submission_id": "smn_1",
            "entry_id": "aud_1",
        }
        return make_profile_value(**{**said, **changes})

    async def held(self, name: str = "email") -> list[Any]:
        """What the connector is told of her."""
        found = await StoredProfiles(self.runtime).held(SUBJECT, frozenset({f"person.{name}"}))
        return [each.value for each in found or ()]


@pytest.fixture
async def desk(tmp_path: Path) -> Desk:
    runtime = make_runtime(Settings(state_dir=tmp_path), store=MemoryStore(), clock=lambda: NOW)
    runtime.library.published = replace(runtime.library.published, registry=registry(), day=TODAY)
    ref = await runtime.subjects.ref_of(runtime.subjects.key_of(SUBJECT), SUBJECT.kind)
    return Desk(runtime, ref)


async def test_a_value_carries_what_it_was_given_for(desk: Desk) -> None:
    """Purpose, form, submission, entry and end, beside the sealed value."""
    kept = await desk.make(form=FORMS[1])

    assert (kept.purpose, kept.form, kept.submission_id, kept.entry_id) == (
        "school", "school", "smn_1", "aud_1",
    )  # fmt: skip
    assert (kept.given_at, kept.expires_at) == (NOW, NOW + YEAR)
    assert kept.id.startswith("prv_")


async def test_its_entry_names_the_item_and_not_the_value(desk: Desk) -> None:
    """The act of keeping is told with item, purpose and end; the value stands in neither part of the entry."""
    kept = await desk.make(caller="hall")
    assert kept.told is not None
    leaf = orjson.loads(kept.told.leaf)

    assert (leaf["kind"], leaf["items"], leaf["subject"], leaf["caller"]) == (
        "profile.kept", ["person.email"], desk.ref, "hall",
    )  # fmt: skip
    assert leaf["expires"] == "2027-11-21T02:03:04.000000Z"
    assert b"ann@" not in kept.told.leaf
    assert kept.told.sealed is None


async def test_what_may_not_be_kept_is_refused_whoever_asks(desk: Desk) -> None:
    """Making a value checks the item itself: no caller can forget to."""
    with pytest.raises(BadRequest, match="not_keepable"):
        await desk.make(item=ITEM["id_no"])


@pytest.mark.parametrize("value", ["ann@example.com", "三楼", False, 0, 12.5, {"a": [1]}])
async def test_a_value_opens_as_it_was_kept(desk: Desk, value: object) -> None:
    """Any normal value comes back equal, by the key of its subject alone."""
    kept = await desk.make(value)
    wrapped = (await desk.runtime.store.subjects.keys([desk.ref]))[desk.ref]

    assert open_value(replace(kept, wrapped_key=wrapped), desk.runtime) == value
    with pytest.raises(CannotOpen):
        open_value(replace(kept, wrapped_key=None), desk.runtime)
    with pytest.raises(CannotOpen):
        open_value(replace(kept, id="prv_other", wrapped_key=wrapped), desk.runtime)


async def test_nothing_of_a_value_stands_in_its_repr(desk: Desk) -> None:
    """Neither the sealed cell nor a key shows in a traceback."""
    kept = replace(await desk.make(), wrapped_key=b"wrapped-key-of-ann")

    assert "sealed" not in repr(kept)
    assert "wrapped" not in repr(kept)


async def test_what_stood_on_a_root_comes_under_its_subjects_key(desk: Desk) -> None:
    """A value of a subject that had no key yet is sealed by the root, opens, and moves under the subject's on rewrap."""
    await desk.runtime.store.profiles.put(await desk.make(key=None))
    assert await desk.held() == ["ann@example.com"]

    done = await rewrap(desk.runtime)

    assert done.cells == {"profile_value.sealed": 1}
    assert await desk.held() == ["ann@example.com"]
    [[value]] = (await desk.runtime.store.profiles.held([_key(desk)], NOW)).values()
    assert value.sealed[:1] == b"\x02"


def _key(desk: Desk) -> str:
    return desk.runtime.subjects.key_of(SUBJECT)


# ---------------------------------------------------------------- reading


async def test_only_what_is_asked_for_is_told(desk: Desk) -> None:
    """Of a record with two items the one that is wanted; of a subject without any, that there is none."""
    await desk.runtime.store.profiles.put(await desk.make())
    await desk.runtime.store.profiles.put(await desk.make("13900139000", item=ITEM["phone"]))
    nobody = Subject(SubjectKind.person, "111", "110102199101010078")

    assert await desk.held("phone") == ["13900139000"]
    assert await StoredProfiles(desk.runtime).held(nobody, frozenset({"person.phone"})) is None


async def test_a_reader_asks_anew_every_time(desk: Desk) -> None:
    """What was deleted a moment ago is not remembered."""
    reader = StoredProfiles(desk.runtime)
    kept = await desk.make()
    await desk.runtime.store.profiles.put(kept)
    assert await reader.held(SUBJECT, frozenset({"person.email"}))
    assert kept.told is not None
    await desk.runtime.store.profiles.delete(desk.ref, "person.email", structs.replace(kept.told, id="aud_x"))

    assert await reader.held(SUBJECT, frozenset({"person.email"})) is None


async def test_an_altered_cell_is_a_broken_source(desk: Desk) -> None:
    """What does not open costs the record's fields their reason, and tells nothing."""
    kept = await desk.make()
    await desk.runtime.store.profiles.put(replace(kept, sealed=kept.sealed[:-1] + b"\x00"))

    with pytest.raises(SourceBroken, match="cannot be opened"):
        await desk.held()


class Away:
    """A record whose database is away."""

    async def held(self, keys: Sequence[str], now: datetime) -> Mapping[str, Sequence[ProfileValue]]:
        """Nothing but trouble."""
        raise StoreUnavailable("store_unavailable", "away")


async def test_a_database_that_is_away_is_a_broken_source(desk: Desk) -> None:
    """The record answers as any source that cannot be reached, so that the other fields are filled."""
    desk.runtime.store.profiles = Away()  # type: ignore[assignment]

    with pytest.raises(SourceBroken):
        await desk.held()


async def test_another_persons_record_is_not_read(desk: Desk) -> None:
    """The record is found by the blind index of the asked subject and opens by that subject's key."""
    runtime = desk.runtime
    bob = Subject(SubjectKind.person, "111", "110102199101010078")
    await runtime.store.subjects.refs({runtime.subjects.key_of(bob): NewSubject("person", "sub_bob", NOW)})
    await runtime.store.profiles.put(await desk.make())

    assert await StoredProfiles(runtime).held(bob, frozenset({"person.email"})) is None
