"""The log: its entries, how they are searched, and the tree over them."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from gateway.records import (
    Entry,
    EntryFilter,
    EntryKind,
    Extension,
    Head,
    Place,
    ProofParts,
    Scanned,
    Tail,
    Tile,
)


class Entries(Protocol):
    """The log, for reading."""

    async def find(self, *, request: str | None, after: str, limit: int) -> Sequence[Entry]:
        """Entries in order of id, optionally of one resolution or consent."""
        ...

    async def search(self, wanted: EntryFilter, *, after: str, limit: int) -> Sequence[Entry]:
        """Entries that match, in order of id."""
        ...

    async def without_outcome(
        self, *, after: str, before: datetime, limit: int, until: str | None = None
    ) -> Sequence[Entry]:
        """Intents of ids above `after`, written before that time, whose request has no outcome; in order of id.

        `until`: only ids below it.
        """
        ...


class EntrySearch(Protocol):
    """The log as auditors and persons read it: in bounded steps, on connections that no gate waits for.

    Raises `Unavailable` ("log_busy") when too many read at once, beside what every part raises.
    """

    async def entry(self, entry_id: str) -> Entry | None:
        """That entry."""
        ...

    async def scan(
        self, wanted: EntryFilter, *, after: str, upto: str | None, most: int, limit: int
    ) -> Scanned:
        """Entries that match among the next `most` of ids above `after` and not above `upto`, in order of id.

        By request, actor or case an index leads to them, and `most` does not count.
        """
        ...

    async def of_requests(self, requests: Sequence[str], kinds: Sequence[EntryKind]) -> Sequence[Entry]:
        """The entries of those kinds of those resolutions and consents, by id; of very many, the first 10,000."""
        ...

    async def about(
        self, subject_ref: str, *, beyond: int | None, limit: int, newest_first: bool = False
    ) -> Sequence[tuple[int, Entry]]:
        """Position and entry of what names one subject, in order, beyond that position; None begins at the end.

        Outcomes are found by their intent (`of_requests`) and not here. Entries without a place are not among them yet.
        """
        ...

    async def count_about(self, subject_ref: str, *others: str) -> int:
        """How many entries name that subject or one of the others, outcomes not counted."""
        ...


class TreeLog(Protocol):
    """The trees over the log's entries: tiles, places and checkpoints (C2SP tlog-tiles).

    Mostly there is one tree. `shard`: which one is meant, from 1; None is the present one, the only one that grows.
    """

    async def extend(
        self,
        edge: Callable[[int], Sequence[Tile]],
        append: Callable[[Tail], Extension],
        *,
        most: int,
    ) -> int | None:
        """Append at most so many waiting entries, all in one transaction; how many there were.

        None when another process is at it. `edge`: size → the tiles that `append` needs to see; both pure. Where
        `append` raises nothing is written.
        """
        ...

    async def open_shard(self, shard: int, entry: Entry, append: Callable[[Tail], Extension]) -> None:
        """Begin another tree with that new entry, in one transaction; from now on it is the present one.

        Raises `Conflict`, and writes nothing, unless `shard` is above every one there is.
        """
        ...

    async def head(self) -> Head:
        """The present tree and its newest checkpoint, as they stand at one moment."""
        ...

    async def shards(self) -> Sequence[Head]:
        """Every tree with its newest checkpoint, oldest first; none before the first checkpoint."""
        ...

    async def size(self, *, shard: int | None = None) -> int:
        """Entries that have their place."""
        ...

    async def checkpoint(self, *, shard: int | None = None) -> str | None:
        """The newest signed checkpoint; None before the first."""
        ...

    async def checkpoints(
        self, *, after: int, limit: int, shard: int | None = None
    ) -> Sequence[tuple[int, str]]:
        """Size and signed note of checkpoints of more than `after` entries, by size."""
        ...

    async def signed_before(
        self, moment: datetime, *, shard: int, after: int, limit: int
    ) -> Sequence[tuple[int, datetime, str]]:
        """Size, time and note of checkpoints of more than `after` entries signed before that moment, by size."""
        ...

    async def drop_checkpoints(self, shard: int, sizes: Sequence[int]) -> int:
        """Forget those checkpoints, never the newest of a tree; how many there were."""
        ...

    async def cosign(self, shard: int, size: int, before: str, note: str) -> bool:
        """Put a note with cosignatures in place of `before`; False, and nothing written, when that is not there."""
        ...

    async def cosigned(self, *, shard: int | None = None) -> tuple[int, str] | None:
        """Size and note of the newest checkpoint that bears cosignatures; None when none does."""
        ...

    async def tiles(self, wanted: Sequence[Tile], *, shard: int | None = None) -> Mapping[Tile, bytes]:
        """Those tiles, as long as they are now; unknown ones are left out."""
        ...

    async def leaves(self, begin: int, end: int, *, shard: int | None = None) -> Sequence[bytes]:
        """The leaves at those places, `end` excluded; fewer when the tree ends before."""
        ...

    async def place_of(self, entry_id: str) -> Place | None:
        """Where that entry stands; None when it has no place yet, or does not exist."""
        ...

    async def proof_parts(
        self, entry_id: str, wanted: Callable[[Place, str], Mapping[Tile, int]]
    ) -> ProofParts | None:
        """What the proof of that entry is made of, read at one go; None when it has no place, or does not exist.

        It rests on the newest checkpoint that bears cosignatures if that covers the entry, else on the newest of its
        tree. `wanted`, pure: from place and note the tiles that are needed, and how many bytes of each; unknown ones
        are left out. Must not be used to judge the database: a tile may be as it was when it was read before.
        """
        ...

    async def about(self, subject_ref: str, *, after: int, limit: int) -> Sequence[tuple[int, Entry]]:
        """Position and entry of what is about one subject, in order, from the one after `after` (-1: from the first).

        A position is the index in the first tree, and goes on from there in later ones. Entries without a place are
        not among them yet.
        """
        ...

    async def queue_forgotten(self, *, after: str, limit: int) -> tuple[str, int]:
        """Of so many entries with ids above `after`, let those wait that neither wait nor have a place.

        The last id that was looked at, "" when there were none, and how many were found. A program from before there
        was a tree writes such entries.
        """
        ...

    async def waiting_since(self) -> datetime | None:
        """When the oldest entry without a place was written; None when all have theirs."""
        ...
