"""Drafts, and the applications made of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from msgspec import Struct

from gateway.records.disputes import Dispute, DisputeJoin, OpenTicket
from gateway.records.profiles import ProfileValue
from gateway.slots import Snapshot


class Draft(Struct, frozen=True):
    """A resolution kept until it is submitted or its time is over. `sealed` is the answer, None once purged."""

    id: str
    caller: str
    form: str
    form_version: int
    created_at: datetime
    valid_until: datetime
    consents: tuple[str, ...]
    sealed: bytes | None
    subjects: tuple[str, ...] = ()
    """References of the subjects whose keys seal it together; none when the root's does."""


@dataclass(frozen=True, slots=True)
class Submission:
    """One application as it was handed in; its slots stand in its snapshots.

    `digest`: keyed digest of what was sent, by which the same sent twice is known. `roles`: role → reference of its
    subject. `subjects`: references whose keys seal the values together; none when the root's does. `sealed`: the final
    values, kept until `keep_until`; None once purged. `said`: what was answered beside the slots, canonical JSON of
    paths and codes.
    """

    id: str
    resolution_id: str
    caller: str
    department: str
    form: str
    form_version: int
    submitted_at: datetime
    entry_id: str
    digest: str
    roles: Mapping[str, str]
    keep_until: datetime
    sealed: bytes | None = field(default=None, repr=False)
    subjects: tuple[str, ...] = ()
    said: bytes = b"{}"


@dataclass(frozen=True, slots=True)
class TypedAnswers:
    """What a person had typed when their answer's time was over: kept a day longer, to begin again with.

    `subjects`: references whose keys seal them together; none when the root's does.
    """

    resolution_id: str
    caller: str
    form: str
    keep_until: datetime
    sealed: bytes = field(repr=False)
    subjects: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SnapshotFilter:
    """Which applications are looked for; None is any. `since` is inclusive, `until` is not: when it was submitted.

    `item`: one of whose slots is of that item. `caller`: who submitted it.
    """

    form: str | None = None
    department: str | None = None
    matter: str | None = None
    item: str | None = None
    segment: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    caller: str | None = None


@dataclass(frozen=True, slots=True)
class SubmissionWrite:
    """Everything one submission writes beside its entry. The draft it came from is emptied in the same transaction.

    `was_purged`: the draft was empty before, since a consent it rested on was taken back; else it must not be.
    `joins`: open tickets that what is disputed here joins; all of it is refused where one has moved since it was read.
    """

    submission: Submission
    snapshot: Snapshot
    kept: tuple[ProfileValue, ...] = ()
    disputes: tuple[Dispute, ...] = ()
    was_purged: bool = False
    joins: tuple[DisputeJoin, ...] = ()


@dataclass(frozen=True, slots=True)
class Submittable:
    """A draft and what submitting it needs, read together.

    `keys`: reference → wrapped key of its subjects that have one. `submission`: what was submitted of it already.
    `held`: reference → items of which the subject's profile holds a value that stands. `disputes`: open tickets about
    these subjects, whichever of their documents they were opened under.
    """

    draft: Draft
    keys: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    submission: Submission | None = None
    held: Mapping[str, frozenset[str]] = field(default_factory=dict)
    disputes: tuple[OpenTicket, ...] = ()
