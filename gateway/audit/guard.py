"""The guard: the last checkpoint, kept in a file outside the database, so that a rolled-back database is noticed.

Whoever restores an old copy, or lets a second process write a copy of the file, brings a log that is shorter than what
was signed, or different at the same size. Such a log is never signed again: two signed histories are what a log is
there to rule out. What to do then is an operator's decision, not the program's.
"""

import fcntl
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gateway.audit.note import Checkpoint, Verifier
from gateway.audit.shards import open_checkpoint, opened_on, shard_of
from gateway.audit.tree import (
    EMPTY_ROOT,
    HASH_BYTES,
    TileId,
    consistency_proof,
    consistency_tiles,
    edge,
    leaf_hash,
    root,
    verify_consistency,
    width,
)
from gateway.errors import LogUnsound
from gateway.ports import TreeLog


@dataclass(frozen=True, slots=True, eq=False)
class Verified:
    """The present tree of a database, found sound. `tiles`: its right edge, as the database holds it."""

    shard: int
    note: str
    checkpoint: Checkpoint
    tiles: Mapping[TileId, bytes]


class Guard:
    """One file with one checkpoint. Several processes of one machine may share it.

    `verifiers`: the log's keys under the name of its first tree.
    """

    def __init__(self, path: Path, verifiers: Sequence[Verifier]) -> None:
        self._path = path
        self._verifiers = verifiers

    def last(self) -> Checkpoint | None:
        """The checkpoint kept there; None when there is none yet. Raises `LogUnsound` for one we did not sign."""
        note = self.text()
        return None if note is None else self.read(note)

    def text(self) -> str | None:
        """The note kept there, unread; None when there is none. Raises `LogUnsound`."""
        try:
            return self._path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise unsound("The guard file cannot be read.", "guard") from error

    def read(self, note: str) -> Checkpoint:
        """A checkpoint that one of our keys signed; raises `LogUnsound` for anything else."""
        try:
            return open_checkpoint(note, self._verifiers)[1]
        except ValueError as error:
            raise unsound("A checkpoint of this log was not signed by it.", "signature") from error

    def shard_of(self, checkpoint: Checkpoint) -> int:
        """Which of the log's trees that checkpoint is about."""
        return shard_of(self._verifiers[0].name, checkpoint.origin)

    async def verified(self, log: TreeLog, *, adopting: bool = False) -> Verified | None:
        """The present tree, once its tiles give the root that was signed and it extends what is kept here.

        None before the first checkpoint. `adopting`: for a log without a guard file, and only for one. Raises
        `LogUnsound`.
        """
        last, head = self.last(), await log.head()
        if head.note is None:
            if last is not None and (last.size or self.shard_of(last) > 1):
                raise unsound(
                    f"The database holds no checkpoint, and {last.size} entries were signed: rolled back.",
                    "rolled_back",
                )
            return None
        newest = self.read(head.note)
        if self.shard_of(newest) != head.shard:
            raise unsound("A checkpoint of the log stands in another tree: it was altered.", "altered")
        if adopting is not (last is None):
            raise unsound(
                "There is a guard file already."
                if adopting
                else "There is no guard file beside a log that was signed; see `oncegate audit adopt`.",
                "guard",
            )
        base = await self._base(last or Checkpoint(newest.origin, 0, EMPTY_ROOT), newest, log)
        tiles = await _tiles_that_extend(base, newest, log, shard=head.shard)
        return Verified(head.shard, head.note, newest, tiles)

    async def _base(self, last: Checkpoint, newest: Checkpoint, log: TreeLog) -> Checkpoint:
        """What the newest tree must extend: what is kept here, or the entry that opened the tree on top of that."""
        if self.shard_of(newest) <= self.shard_of(last):
            if (self.shard_of(newest), newest.size) < (self.shard_of(last), last.size):
                raise unsound(
                    f"The database holds {newest.size} entries, and {last.size} were signed: it was rolled back.",
                    "rolled_back",
                )
            return last
        for leaf in await log.leaves(0, 1, shard=self.shard_of(newest)):
            if opened_on(leaf) == Checkpoint(last.origin, last.size, last.root):
                return Checkpoint(newest.origin, 1, leaf_hash(leaf))
        raise unsound(
            "The log goes on in a tree that was not opened on what was signed: it was forked.", "forked"
        )

    def advance(self, note: str) -> str:
        """Keep this checkpoint, unless a larger one is kept already; the note kept. On disk when it returns."""
        with self.held() as kept:
            if kept is not None and self._extent(kept) >= self._extent(note):
                return kept
            self.put(note)
            return note

    def replace(self, before: str, note: str) -> bool:
        """Keep this checkpoint in place of exactly that one; False when another is kept. On disk when it returns.

        Safe only for a checkpoint that is known to extend `before`.
        """
        with self.held() as kept:
            if kept != before:
                return False
            self.put(note)
            return True

    @contextmanager
    def held(self) -> Iterator[str | None]:
        """The note kept, while whoever else wants to change it waits: reading and replacing must be one step."""
        with self._path.with_name(f"{self._path.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield self.text()

    def put(self, note: str) -> None:
        """Keep this checkpoint whatever is kept; safe only while `held`. On disk when it returns."""
        beside = self._path.with_name(f"{self._path.name}.{secrets.token_hex(6)}")
        with beside.open("w", encoding="utf-8") as file:
            file.write(note)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self._path)

    def _extent(self, note: str) -> tuple[int, int]:
        checkpoint = self.read(note)
        return self.shard_of(checkpoint), checkpoint.size


async def _tiles_that_extend(
    last: Checkpoint, newest: Checkpoint, log: TreeLog, *, shard: int
) -> Mapping[TileId, bytes]:
    """The right edge of the newest tree, once it gives the root that was signed and begins with `last`."""
    between = consistency_tiles(last.size, newest.size) if last.size else ()
    wanted = {*edge(newest.size), *between}
    tiles = {TileId(*tile): hashes for tile, hashes in (await log.tiles(sorted(wanted), shard=shard)).items()}
    try:
        found = root(newest.size, tiles)
        proof = consistency_proof(last.size, newest.size, tiles) if last.size else ()
    except ValueError as error:
        raise unsound("Tiles of the log are missing or cut short.", "altered") from error
    if found != newest.root:
        raise unsound(
            "The tiles of the log do not give the root that was signed: it was forked or altered.", "altered"
        )
    if not verify_consistency(last.size, newest.size, last.root, newest.root, proof):
        raise unsound(
            f"The log differs from what was signed at {last.size} entries: it was forked or altered.",
            "forked",
        )
    # A tile read late may be longer by now.
    return {tile: tiles[tile][: width(tile, newest.size) * HASH_BYTES] for tile in edge(newest.size)}


def unsound(why: str, found: str) -> LogUnsound:
    """The refusal, with what to do. `found`: the same in one word, for the log."""
    return LogUnsound(
        "log_unsound",
        f"{why} Nothing is signed until an operator has restored the newest database, or opened a new shard.",
        errors=[{"pointer": "", "code": found, "detail": why}],
    )
