"""The library: what is published is taken up once, kept in memory, and judged by the calendar day in China."""

import asyncio
from collections.abc import Callable
from datetime import UTC, date, datetime
from itertools import count
from typing import Any

import pytest

from field_registry import Registry
from field_registry.document import to_document
from forms.definition import Form
from forms.document import to_document as form_to_document
from gateway.audit.entries import canonical
from gateway.errors import NotFound, StoreUnavailable
from gateway.library import Kept, Library
from gateway.records import Entry, EntryKind, FormPublication, Publication
from gateway.store import MemoryStore
from gateway.store.refusals import unavailable
from policies import Policy
from policies.document import policy_to_document

NOW = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)
EMPTY = {
    "registry": to_document(Registry.of(1, items=(), sources=(), bindings=())),
    "policy": policy_to_document(Policy.of(1, (), ())),
}


class Counted:
    """A part of a store that keeps the names of the methods called, and can be away."""

    def __init__(self, part: Any) -> None:
        self.part = part
        self.calls: list[str] = []
        self.is_away = False

    def __getattr__(self, method: str) -> Callable[..., Any]:
        async def call(*args: Any, **kwargs: Any) -> Any:
            self.calls.append(method)
            await asyncio.sleep(0)
            if self.is_away:
                raise unavailable()
            return await getattr(self.part, method)(*args, **kwargs)

        return call


class City:
    """A store in memory to publish to, a library over it, and the calls it makes."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self._numbers = count(1)
        self.publications = Counted(self.store.publications)
        self.forms = Counted(self.store.forms)
        self.store.publications, self.store.forms = self.publications, self.forms  # type: ignore[assignment]
        self.library = Library(self.store)

    @property
    def calls(self) -> list[str]:
        """Every look-up so far."""
        return [*self.publications.calls, *self.forms.calls]

    def forget_calls(self) -> None:
        """Count anew."""
        self.publications.calls.clear()
        self.forms.calls.clear()

    async def publish(
        self, kind: str = "registry", version: int = 1, effective_from: date | None = None
    ) -> None:
        """An empty registry or policy."""
        published = Publication(kind, version, "d", effective_from, NOW, "me", canonical(EMPTY[kind]))
        await self.publications.part.publish(published, self._entry())

    async def publish_form(self, form_id: str = "marriage", version: int = 1, name: str = "结婚登记") -> Form:
        """A form without fields."""
        form = Form(
            id=form_id,
            version=version,
            name=name,
            matter="m",
            purpose="p",
            department="民政",
            roles=(),
            fields=(),
        )
        document = canonical(form_to_document(form))
        published = FormPublication(form_id, version, name, "m", "民政", "d", NOW, "me", document)
        await self.forms.part.publish(published, self._entry())
        return form

    def _entry(self) -> Entry:
        return Entry(f"aud_{next(self._numbers)}", EntryKind.form_published, NOW, None, "me", b"{}")


@pytest.fixture
def city() -> City:
    """With nothing published."""
    return City()


# ---------------------------------------------------------------- taking up


async def test_before_anything_is_published_there_is_an_empty_registry(city: City) -> None:
    """Version 0 of both, and no forms."""
    await city.library.refresh(NOW)

    published = city.library.published
    assert (published.registry.version, published.policy.version, dict(published.forms)) == (0, 0, {})


async def test_a_refresh_takes_up_what_was_published(city: City) -> None:
    """The newest of each, under its own number, and says that something changed."""
    for version in (1, 2, 3):
        await city.publish("registry", version)
    await city.publish("policy", 1)
    await city.publish_form(version=4)

    assert await city.library.refresh(NOW)
    published = city.library.published
    assert (published.registry.version, published.policy.version) == (3, 1)
    assert published.forms == {"marriage": 4}


async def test_a_refresh_without_news_loads_nothing(city: City) -> None:
    """The same objects stay, so that what was compiled against them stays too."""
    await city.publish("registry")
    await city.publish("policy")
    await city.library.refresh(NOW)
    before = city.library.published
    city.forget_calls()

    assert not await city.library.refresh(NOW)
    assert city.library.published.registry is before.registry
    assert city.library.published.policy is before.policy
    assert sorted(city.calls) == ["current", "latest", "latest"]


async def test_a_version_takes_effect_at_midnight_in_china(city: City) -> None:
    """The day begins at 16:00 UTC of the day before."""
    await city.publish("registry", 1)
    await city.publish("registry", 2, effective_from=date(2026, 12, 1))

    await city.library.refresh(datetime(2026, 11, 30, 15, 59, 59, tzinfo=UTC))
    before = city.library.published
    changed = await city.library.refresh(datetime(2026, 11, 30, 16, 0, tzinfo=UTC))

    assert (before.registry.version, before.day) == (1, date(2026, 11, 30))
    assert (city.library.published.registry.version, city.library.published.day) == (2, date(2026, 12, 1))
    assert changed


async def test_an_outage_leaves_what_is_known_in_force(city: City) -> None:
    """A refresh either takes up everything or nothing."""
    await city.publish("registry", 1)
    await city.library.refresh(NOW)
    before = city.library.published
    await city.publish("registry", 2)
    city.forms.is_away = True

    with pytest.raises(StoreUnavailable):
        await city.library.refresh(NOW)
    assert city.library.published is before

    city.forms.is_away = False
    assert await city.library.refresh(NOW)


async def test_a_new_form_alone_recompiles_nothing(city: City) -> None:
    """A form published beside others does not change what those depend on."""
    await city.library.refresh(NOW)
    await city.publish_form()

    assert not await city.library.refresh(NOW)
    assert city.library.published.forms == {"marriage": 1}


# ---------------------------------------------------------------- forms


async def test_a_form_is_loaded_once(city: City) -> None:
    """The newest when no version is named; afterwards without any statement."""
    await city.publish_form(version=1)
    newest = await city.publish_form(version=2)
    await city.library.refresh(NOW)

    first = await city.library.form("marriage", None)
    city.forget_calls()

    assert first == newest
    assert await city.library.form("marriage", None) is first
    assert await city.library.form("marriage", 2) is first
    assert city.calls == []


async def test_an_older_version_stays_available(city: City) -> None:
    """A form in the hands of a person does not change under them."""
    old = await city.publish_form(version=1, name="旧表")
    await city.publish_form(version=2)
    await city.library.refresh(NOW)

    assert await city.library.form("marriage", 1) == old


async def test_a_form_published_a_moment_ago_can_be_asked_for_by_version(city: City) -> None:
    """Another worker may have published it, and this one not looked yet."""
    form = await city.publish_form(version=1)

    assert await city.library.form("marriage", 1) == form


@pytest.mark.parametrize(
    ("form_id", "version", "code"),
    [
        ("divorce", None, "unknown_form"),
        ("divorce", 1, "unknown_form"),
        ("marriage", 9, "unknown_form_version"),
        ("marriage", 0, "unknown_form_version"),
        ("marriage", 2**70, "unknown_form_version"),
    ],
)
async def test_what_is_not_published_is_not_found(
    city: City, form_id: str, version: int | None, code: str
) -> None:
    """With a stable code that tells the form from its version; 0 is no way to say newest."""
    await city.publish_form()
    await city.library.refresh(NOW)

    with pytest.raises(NotFound) as caught:
        await city.library.form(form_id, version)
    assert caught.value.code == code


async def test_a_form_wanted_by_many_at_once_is_one_object(city: City) -> None:
    """However many load it, one is kept and given to all."""
    await city.publish_form()
    await city.library.refresh(NOW)

    forms = await asyncio.gather(*(city.library.form("marriage", None) for _ in range(5)))

    assert len({id(form) for form in forms}) == 1


# ---------------------------------------------------------------- compiled forms


async def test_a_form_is_compiled_once_for_each_thing_it_depends_on(city: City) -> None:
    """Again for a new registry or the next day, and not for a refresh that brought nothing."""
    await city.publish_form()
    compiled: list[tuple[int, date]] = []

    def compile_form(_form: Form, registry: Registry, _policy: Policy, day: date) -> object:
        compiled.append((registry.version, day))
        return object()

    async def compiled_at(now: datetime) -> object:
        await city.library.refresh(now)
        return city.library.compiled(await city.library.form("marriage", None), compile_form)

    first = await compiled_at(NOW)
    assert await compiled_at(NOW) is first
    await city.publish("registry", 1)
    await compiled_at(NOW)
    await compiled_at(NOW.replace(day=22))

    assert compiled == [(0, date(2026, 11, 21)), (1, date(2026, 11, 21)), (1, date(2026, 11, 22))]


# ---------------------------------------------------------------- what is kept


def test_the_least_used_value_goes_first() -> None:
    """Reading and putting both make a value young again."""
    kept: Kept[int] = Kept(2)
    kept.put("a", 1)
    kept.put("b", 2)
    kept.get("a")
    kept.put("c", 3)
    assert [kept.get(key) for key in "abc"] == [1, None, 3]

    kept.put("a", 4)
    kept.put("d", 5)
    assert [kept.get(key) for key in "acd"] == [4, None, 5]
