"""Subjects as they are kept: keys, sealed cells, linked documents, erasure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from msgspec import Struct

from field_registry.words import Word


@dataclass(frozen=True, slots=True)
class SubjectKey:
    """The key that cells about one subject are sealed under. Lives as long as the request that reads them.

    `ref`: the subject's reference; of a key made of several, theirs in order with a space between. `cipher`: what
    seals and opens by it, set up once for all cells of a request.
    """

    ref: str
    material: bytes = field(repr=False)
    cipher: Any = field(default=None, repr=False, compare=False)


class NewSubject(Struct, frozen=True):
    """What is stored of a subject at first sight: its kind, the reference it is given, when.

    `new_key`: reference → a new wrapped key; called in the transaction, and only if the subject is new.
    """

    kind: str
    ref: str
    at: datetime
    new_key: Callable[[str], bytes] | None = None


@dataclass(frozen=True, slots=True)
class Erasure:
    """What erasing a subject did: how many consents were emptied, how many of those ended by it, drafts purged.

    `others`: references of its linked documents, which were erased with it.
    """

    consents: int
    ended: int
    drafts: int
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class IdentityLink:
    """Somebody's word that two documents are of one subject.

    `from_ref`: the document that was added; `to_ref`: whose it is. `is_claim`: another subject has that document, so
    that this is a claim beside a link: while both stand the document counts for nobody. `sealed`: the evidence, under
    the keys of both; None once one of them was erased. `wrapped_keys`: of both, when it is read.
    """

    id: str
    from_ref: str
    to_ref: str
    kind: str
    at: datetime
    recorded_by: str
    department: str
    is_claim: bool
    entry_id: str
    sealed: bytes | None = field(repr=False)
    ended_at: datetime | None = None
    ended_entry: str | None = None
    wrapped_keys: Mapping[str, bytes] = field(default_factory=dict, repr=False, compare=False)


class LinkVerdict(Word):
    """What came of a link that was to be written. Only `linked` and `claimed` wrote anything."""

    linked = "linked"
    claimed = "claimed"
    already = "already"
    """Both count as one subject as it is."""
    elsewhere = "elsewhere"
    """One of the documents is linked to, or claimed for, somebody else."""


@dataclass(frozen=True, slots=True)
class LinkedDocument:
    """One of the documents that a subject is known by. `key`: its blind index.

    `sealed`: the identifier, under the key of `ref`. `is_contested`: two subjects claim it, so that it counts for none.
    """

    ref: str
    key: str
    wrapped_key: bytes | None = field(repr=False)
    sealed: bytes = field(repr=False)
    is_contested: bool


@dataclass(frozen=True, slots=True)
class Cell:
    """One sealed cell. `subject` and its `wrapped_key` where the row is about one that has a key."""

    row: str
    sealed: bytes
    subject: str | None = None
    wrapped_key: bytes | None = field(default=None, repr=False)
