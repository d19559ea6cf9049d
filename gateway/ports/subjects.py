"""Subjects: their keys, their sealed cells, their linked documents."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from field_registry import Subject
from gateway.records import (
    Cell,
    ConsentEvent,
    Entry,
    Erasure,
    IdentityLink,
    LinkVerdict,
    NewSubject,
    StoredConsent,
    SubjectKey,
)


class Subjects(Protocol):
    """Random references of subjects, found by blind index. A document that two subjects claim leads to none."""

    async def refs(self, subjects: Mapping[str, NewSubject]) -> Mapping[str, str]:
        """key → reference, less those that are contested. `subjects`: key → what to store if the key is new."""
        ...

    async def find(self, key: str) -> str | None:
        """The reference of the subject with that key; None when it has none, and it is given none."""
        ...

    async def keys(self, refs: Sequence[str]) -> Mapping[str, bytes]:
        """Reference → wrapped key, of those that have one: never from a cache, so that a key that is gone is gone."""
        ...

    async def newest_record(self, ref: str) -> datetime | None:
        """When that subject's data were last asked for or a consent of it last moved; None where there is no such.

        Look-ups in the log do not count. It was first seen at that time at least.
        """
        ...

    async def erase(
        self,
        ref: str,
        at: datetime,
        *,
        end: Callable[[StoredConsent], tuple[ConsentEvent, Entry]],
        entry: Callable[[Erasure], Entry],
    ) -> Erasure | None:
        """Destroy a subject's key and its index and empty whatever is sealed about it, all in one transaction.

        Linked documents of it go with it. `end`: a consent that still stood → the event and entry that end it. None,
        and nothing written, when there is no such subject or it was erased before.
        """
        ...


class SealedCells(Protocol):
    """Every column that holds ciphertext, for rotation. A place is named like "consent.sealed"."""

    async def count(self, place: str, *, after: str, limit: int) -> tuple[str | None, Mapping[str, int]]:
        """The row to go on after, None at the end; and root key id → how many of the next `limit` rows stand on it.

        Cells under a subject's key are not among them.
        """
        ...

    async def renew(
        self, place: str, renewed: Callable[[Cell], bytes | None], *, after: str, limit: int
    ) -> tuple[str | None, int]:
        """Replace cells of the next `limit` rows in one transaction; the row to go on after, and how many it were.

        `renewed`: what to put there, None to leave it. A subject that has no key yet comes with an empty cell; one
        that was erased does not come.
        """
        ...


class Identities(Protocol):
    """Which documents are of one subject. Changes follow one another, whatever the concurrency.

    A link that is ended, or a claim that makes a document count for nobody, also purges the answers that tell of any
    document of that subject.
    """

    async def link(
        self, made: IdentityLink, documents: Mapping[str, bytes], entry: Entry, *, claim: Entry | None
    ) -> LinkVerdict:
        """Write a link with its entry, and keep both documents (reference → sealed identifier), if it may be written.

        With `claim`, a document that is somebody else's is claimed instead, with that entry: from then on it counts for
        nobody until either is ended. Raises `Conflict` for an erased subject.
        """
        ...

    async def read(self, link_id: str) -> IdentityLink | None:
        """That link as it stands now, with the wrapped keys of both documents."""
        ...

    async def of_subject(self, ref: str, *, after: str, limit: int) -> Sequence[IdentityLink]:
        """Links and claims that name that document, ended ones too, by id."""
        ...

    async def listing(self, *, after: str, limit: int) -> Sequence[IdentityLink]:
        """All links and claims, ended ones too, by id."""
        ...

    async def end(self, link_id: str, at: datetime, entry: Entry) -> bool:
        """End a link or a claim, with its entry; False, and nothing written, when it does not stand."""
        ...

    async def alike(self, ref: str) -> tuple[str, ...]:
        """That document and those it counts as one subject with, oldest first; never from a cache."""
        ...


class Sealer(Protocol):
    """Encryption of cells at rest: under a subject's key where one is given, else under the root's."""

    def seal(
        self,
        plaintext: bytes,
        *,
        table: str,
        column: str,
        row: str,
        subject: str = "",
        key: SubjectKey | None = None,
    ) -> bytes:
        """Ciphertext bound to its place, and to the key's subject."""
        ...

    def open(
        self,
        sealed: bytes,
        *,
        table: str,
        column: str,
        row: str,
        subject: str = "",
        key: SubjectKey | None = None,
    ) -> bytes:
        """The plaintext; raises `CannotOpen` when it was altered or moved, or its key is another or gone.

        What was sealed under the root opens whatever `key` is given.
        """
        ...


class SubjectKeys(Protocol):
    """Keys of subjects, each wrapped under the newest root. Called in transactions: it must be quick and local."""

    @property
    def root(self) -> str:
        """Id of the newest root, which wraps from now on."""
        ...

    def new(self, ref: str) -> bytes:
        """A new random key, wrapped for that subject."""
        ...

    def open(self, wrapped: bytes | None, ref: str) -> SubjectKey | None:
        """The key; None where there is none. Raises `CannotOpen` when it was altered or its root is gone."""
        ...

    def together(self, keys: Sequence[SubjectKey]) -> SubjectKey:
        """One key of several: whoever lacks one of them lacks it. Of a single one, that one."""
        ...

    def rewrap(self, wrapped: bytes, ref: str) -> bytes:
        """The same key under the newest root."""
        ...


class BlindIndex(Protocol):
    """Look-up keys of subjects."""

    def blind_index(self, subject: Subject) -> str:
        """A key that is equal for equal subjects and tells nothing without the secret."""
        ...
