"""Where published versions are kept."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Protocol

from gateway.records import Entry, FormPublication, Publication


class Publications(Protocol):
    """Published versions of the registry and the policy."""

    async def latest(self, kind: str, on: date) -> int | None:
        """The newest version effective on that day, None when nothing is published."""
        ...

    async def load(self, kind: str, version: int) -> Publication:
        """That version; raises `NotFound`."""
        ...

    async def publish(self, published: Publication, entry: Entry) -> None:
        """Store a new version and its entry; raises `Conflict` when the version exists."""
        ...


class FormVersions(Protocol):
    """Published versions of forms."""

    async def current(self) -> Mapping[str, int]:
        """The newest version of every form."""
        ...

    async def listing(self, *, after: str, limit: int) -> Sequence[FormPublication]:
        """The newest version of every form whose id sorts after `after`, without documents, by id."""
        ...

    async def load(self, form_id: str, version: int) -> FormPublication:
        """That version; raises `NotFound`."""
        ...

    async def publish(self, form: FormPublication, entry: Entry) -> None:
        """Store a new version and its entry; raises `Conflict` when the version exists."""
        ...
