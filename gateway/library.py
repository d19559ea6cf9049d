"""What is published, in process: the current registry and policy, and forms compiled against them.

A refresh reads two numbers from the database and loads a version only when it is new. Between refreshes every look-up
is memory only, so a warm resolve makes no statement for form, mapping or policy.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from typing import Generic, TypeVar

import orjson

from field_registry import Registry
from field_registry.document import from_document as registry_from_document
from forms.definition import Form
from forms.document import from_document as form_from_document
from gateway.errors import NotFound
from gateway.ports import Store
from policies import Policy
from policies.document import policy_from_document

T = TypeVar("T")

_CHINA = timezone(timedelta(hours=8))
# A province has 20,000 form versions; a worker serves some thousands of them a day. One takes 50-100 KB compiled.
_FORMS_KEPT = 2_000


@dataclass(frozen=True, slots=True, eq=False)
class Published:
    """What is in force. `day`: the calendar day (China) bindings are judged by. `forms`: id → newest version."""

    registry: Registry
    policy: Policy
    day: date
    forms: Mapping[str, int]

    def same_as(self, other: "Published | None") -> bool:
        """Whether nothing that compiled forms depend on differs."""
        return other is not None and self.key == other.key

    @property
    def key(self) -> tuple[int, int, date]:
        """What compiled forms are known by, beside their own id and version."""
        return self.registry.version, self.policy.version, self.day


_EMPTY = Published(Registry.of(0, items=(), sources=(), bindings=()), Policy.of(0, (), ()), date.min, {})


class Kept(Generic[T]):
    """The most recently used values by key; the oldest goes when it is full."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._values: OrderedDict[object, T] = OrderedDict()

    def get(self, key: object) -> T | None:
        """The value, now the youngest; None when it is not kept."""
        value = self._values.get(key)
        if value is not None:
            self._values.move_to_end(key)
        return value

    def put(self, key: object, value: T) -> T:
        """Keep it, as the youngest."""
        self._values[key] = value
        self._values.move_to_end(key)
        if len(self._values) > self._most:
            self._values.popitem(last=False)
        return value


class Library:
    """Published versions, loaded once each."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._forms: Kept[Form] = Kept(_FORMS_KEPT)
        self._compiled: Kept[object] = Kept(_FORMS_KEPT)
        self.published = _EMPTY
        self.problem: str | None = None
        """What keeps a newer published version from being taken up; None when nothing does."""

    async def refresh(self, now: datetime) -> bool:
        """Take up what has been published since; whether anything that compiled forms depend on changed."""
        day = now.astimezone(_CHINA).date()
        before = self.published
        registry = await self._registry(await self._store.publications.latest("registry", day))
        policy = await self._policy(await self._store.publications.latest("policy", day))
        self.published = Published(registry, policy, day, await self._store.forms.current())
        return not self.published.same_as(before)

    async def form(self, form_id: str, version: int | None) -> Form:
        """That version of the form, the newest when None; raises `NotFound` with a stable code."""
        newest = self.published.forms.get(form_id)
        wanted = newest if version is None else version
        if wanted is None:
            raise _unknown_form()
        kept = self._forms.get((form_id, wanted))
        if kept is not None:
            return kept
        if newest is None and form_id not in await self._store.forms.current():
            raise _unknown_form()
        publication = await self._store.forms.load(form_id, wanted)
        kept = self._forms.get((form_id, wanted))  # somebody else may have been quicker
        if kept is not None:
            return kept
        return self._forms.put((form_id, wanted), form_from_document(orjson.loads(publication.document)))

    def compiled(self, form: Form, compile_form: Callable[[Form, Registry, Policy, date], T]) -> T:
        """The form compiled against what is in force, made once per version of each."""
        published = self.published
        key = (form.id, form.version, published.key)
        kept = self._compiled.get(key)
        if kept is None:
            kept = self._compiled.put(
                key, compile_form(form, published.registry, published.policy, published.day)
            )
        return kept  # type: ignore[return-value]  # one library is asked with one compiler

    async def _registry(self, version: int | None) -> Registry:
        if version is None or version == self.published.registry.version:
            return self.published.registry
        publication = await self._store.publications.load("registry", version)
        # Twenty thousand items take a second: on a thread of their own, so that requests go on being answered.
        return await asyncio.to_thread(
            lambda: registry_from_document(version, orjson.loads(publication.document))
        )

    async def _policy(self, version: int | None) -> Policy:
        if version is None or version == self.published.policy.version:
            return self.published.policy
        publication = await self._store.publications.load("policy", version)
        return policy_from_document({**orjson.loads(publication.document), "version": version})


def _unknown_form() -> NotFound:
    # Not repeated: what callers put where a form's id belongs has been a person's number before.
    return NotFound("unknown_form", "There is no published form of that id. GET /v1/forms lists them.")
