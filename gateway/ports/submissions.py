"""Drafts, applications, and what a person keeps of them."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from gateway.records import Draft, Entry, ProfileValue, SnapshotFilter, Submission, Submittable, TypedAnswers
from gateway.slots import Snapshot


class Drafts(Protocol):
    """Resolutions kept until submitted or expired."""

    async def read(self, resolution_id: str) -> Draft | None:
        """That draft (its `consents` too), or None."""
        ...

    async def purge_expired(self, now: datetime, entry: Callable[[int], Entry]) -> int:
        """Empty every draft whose time is over and write one entry that counts them; 0 writes none."""
        ...


class Submissions(Protocol):
    """Applications as they were handed in. New ones are written by the gate that notes them."""

    async def to_submit(self, resolution_id: str, now: datetime) -> Submittable | None:
        """That draft with what submitting it needs, in one visit to the database; None when there is none."""
        ...

    async def of_resolution(self, resolution_id: str) -> Submission | None:
        """What was submitted of that resolution."""
        ...

    async def read(self, submission_id: str) -> Submission | None:
        """That submission."""
        ...

    async def snapshots(self, submission_id: str) -> Sequence[Snapshot]:
        """Its snapshots, by number: the last one counts."""
        ...

    async def listing(self, wanted: SnapshotFilter, *, after: str, limit: int) -> Sequence[Snapshot]:
        """The newest snapshot of each application that matches, by id of the application."""
        ...

    async def resolutions(self, submission_ids: Sequence[str]) -> Mapping[str, str]:
        """Application → the resolution it was handed in for, of those that there are."""
        ...

    async def of_subject(self, ref: str, *, after: str, limit: int) -> Sequence[Submission]:
        """Applications that are about one subject, by id."""
        ...

    async def correct(self, snapshot: Snapshot, entry: Entry) -> bool:
        """Write a later snapshot with its entry, to be counted; False, and nothing written, unless it is the next."""
        ...

    async def purge(self, now: datetime, entry: Callable[[int], Entry]) -> int:
        """Empty final values and typed answers whose time is over; one entry counts them, none where there are none."""
        ...

    async def keep_typed(self, kept: TypedAnswers, entry: Entry) -> bool:
        """Keep what was typed, with its entry; False, and nothing written, when that was done before."""
        ...

    async def typed(self, resolution_id: str) -> TypedAnswers | None:
        """What was typed into that draft, if it is kept."""
        ...


class Profiles(Protocol):
    """Values that persons and organisations let us keep for their next forms: 一人一档/一企一档.

    A value stands until a newer one of its subject and item, its deletion, `expires_at`, or its subject's erasure.
    Those of a submission are written by the gate that notes it. Linked documents have one record.
    """

    async def held(self, keys: Sequence[str], now: datetime) -> Mapping[str, Sequence[ProfileValue]]:
        """Blind index → the values of that subject that stand, the newest of each item, with its wrapped key.

        Never from a cache. Subjects that have none are left out.
        """
        ...

    async def of_subject(self, ref: str, now: datetime, *, after: str, limit: int) -> Sequence[ProfileValue]:
        """The values of one subject that stand, by id, with its wrapped key."""
        ...

    async def put(self, value: ProfileValue) -> None:
        """Keep a value, with its entry, in the place of the one before; raises `Conflict` for an erased subject."""
        ...

    async def delete(self, ref: str, item: str, entry: Entry) -> bool:
        """Empty what stands of that item, with its entry; False, and nothing written, when nothing does."""
        ...

    async def purge(self, now: datetime, before: datetime, entry: Callable[[int], Entry]) -> int:
        """Empty every value whose time is over and write an entry that counts them; 0 writes none.

        What ended before `before` is no longer counted as collected either.
        """
        ...

    async def collected(self, since: datetime, until: datetime) -> Mapping[str, int]:
        """Item → how many values of it were given in that time, ended ones too; by item."""
        ...
