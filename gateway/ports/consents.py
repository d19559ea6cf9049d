"""Consents, and the requests that lead to them."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from gateway.records import ConsentEnd, ConsentEvent, ConsentRequest, Entry, RequestAnswer, StoredConsent
from policies.consent import ConsentState


class Consents(Protocol):
    """Consents and their events."""

    async def read(self, consent_ids: Sequence[str]) -> Mapping[str, StoredConsent]:
        """Those consents as they stand now; unknown ids are left out. Never from a cache."""
        ...

    async def add(
        self,
        stored: StoredConsent,
        event: ConsentEvent,
        entry: Entry,
        *,
        ends: ConsentEnd | None = None,
        answers: RequestAnswer | None = None,
    ) -> bool:
        """Record a consent with its first event and entry; with `ends`, end the one it renews and purge its drafts.

        With `answers` (never with both) close the open request it answers. False, and nothing written, when the one it
        renews is in no state that allows it, or the request is not open.
        """
        ...

    async def move(
        self, event: ConsentEvent, entry: Entry, *, allowed_from: frozenset[ConsentState], purge_drafts: bool
    ) -> bool:
        """Bring a consent into `event.state` and, if asked, purge the drafts that used it; one transaction.

        False, and nothing written, when it is not in one of `allowed_from`.
        """
        ...

    async def expire(
        self,
        now: datetime,
        tell: Callable[[StoredConsent], tuple[ConsentEvent, Entry]],
        *,
        most: int,
    ) -> int:
        """Bring at most so many consents whose period is over into `expired`, in one transaction; how many there were.

        Those that another process holds at this moment are left to it. `tell`: the event and entry of each.
        """
        ...

    async def events(self, consent_id: str, *, after: str, limit: int) -> Sequence[ConsentEvent]:
        """What has happened to a consent, by id of the event: in order of time."""
        ...

    async def of_subject(self, subject_ref: str, *, after: str, limit: int) -> Sequence[StoredConsent]:
        """Consents about one subject, by id."""
        ...

    async def listing(self, *, after: str, limit: int) -> Sequence[StoredConsent]:
        """All consents, by id."""
        ...


class ConsentRequests(Protocol):
    """Persons asked for a consent by a link. A request is open while its state is `requested`."""

    async def add(self, asked: ConsentRequest, entry: Entry) -> None:
        """Store a request with its entry; raises `Conflict` when its id or link exists."""
        ...

    async def read(self, request_id: str) -> ConsentRequest | None:
        """That request as it stands now; never from a cache."""
        ...

    async def of_link(self, link: str) -> ConsentRequest | None:
        """The request of that link's digest."""
        ...

    async def confirm(self, request_id: str, proof: str, *, most: int, entry: Entry) -> bool | None:
        """Whether that is the proof, counted if it is not; None when the request is not open.

        The failure that makes it `most` brings the request into `invalidated` and writes `entry`, all in one
        transaction, whatever the concurrency.
        """
        ...

    async def answer(self, given: RequestAnswer, entry: Entry) -> bool:
        """Close an open request and write the entry; False, and nothing written, when it is not open."""
        ...

    async def over(self, now: datetime, *, limit: int) -> Sequence[ConsentRequest]:
        """Open requests whose time is over, oldest first."""
        ...

    async def purge(self, before: datetime, entry: Callable[[int], Entry]) -> int:
        """Empty requests that were over by then and came to no consent, and write one entry that counts them.

        0 writes none.
        """
        ...
