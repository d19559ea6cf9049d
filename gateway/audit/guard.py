"""The guard: the last checkpoint, kept in a file outside the database, so that a rolled-back database is noticed.

Whoever restores an old copy, or lets a second process write a copy of the file, brings a log that is shorter than what
was signed, or different at the same size. Such a log is never signed again: two signed histories are what a log is
there to rule out. What to do then is an operator's decision, not the program's.
"""

import fcntl
import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from gateway.audit.note import Checkpoint, Verifier, open_note
from gateway.audit.tree import (
    EMPTY_ROOT,
    TileId,
    consistency_proof,
    consistency_tiles,
    edge,
    root,
    verify_consistency,
)
from gateway.errors import LogUnsound
from gateway.ports import TreeLog


class Guard:
    """One file with one checkpoint. Several processes of one machine may share it."""

    def __init__(self, path: Path, verifiers: Sequence[Verifier]) -> None:
        self._path = path
        self._verifiers = verifiers

    def last(self) -> Checkpoint | None:
        """The checkpoint kept there; None when there is none yet. Raises `LogUnsound` for one we did not sign."""
        try:
            return self.read(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise unsound("The guard file cannot be read.") from error

    def read(self, note: str) -> Checkpoint:
        """A checkpoint that one of our keys signed; raises `LogUnsound` for anything else."""
        try:
            return Checkpoint.parse(open_note(note, self._verifiers).text)
        except ValueError as error:
            raise unsound("A checkpoint of this log was not signed by it.") from error

    async def verified(self, log: TreeLog, *, adopting: bool = False) -> tuple[str, Checkpoint] | None:
        """The newest checkpoint as signed and as read, once the tiles give its root and it extends what is kept here.

        None before the first. `adopting`: for a log without a guard file, and only for one. Raises `LogUnsound`.
        """
        last, note = self.last(), await log.checkpoint()
        if note is None:
            if last is not None and last.size:
                raise unsound(
                    f"The database holds no checkpoint, and {last.size} entries were signed: rolled back."
                )
            return None
        newest = self.read(note)
        if adopting is not (last is None):
            raise unsound(
                "There is a guard file already."
                if adopting
                else "There is no guard file beside a log that was signed; see `oncegate audit adopt`."
            )
        last = last or Checkpoint(newest.origin, 0, EMPTY_ROOT)
        if newest.size < last.size:
            raise unsound(
                f"The database holds {newest.size} entries, and {last.size} were signed: it was rolled back."
            )
        await self._require_extension(last, newest, log)
        return note, newest

    async def _require_extension(self, last: Checkpoint, newest: Checkpoint, log: TreeLog) -> None:
        between = consistency_tiles(last.size, newest.size) if last.size else ()
        wanted = {*edge(newest.size), *between}
        tiles = {TileId(*tile): hashes for tile, hashes in (await log.tiles(sorted(wanted))).items()}
        try:
            found = root(newest.size, tiles)
            proof = consistency_proof(last.size, newest.size, tiles) if last.size else ()
        except ValueError as error:
            raise unsound("Tiles of the log are missing or cut short.") from error
        same = verify_consistency(last.size, newest.size, last.root, newest.root, proof)
        if found != newest.root or not same:
            raise unsound(
                f"The log differs from what was signed at {last.size} entries: it was forked or altered."
            )

    def advance(self, note: str) -> None:
        """Keep this checkpoint, unless a larger one is kept already. On disk when it returns."""
        with self._alone():
            last = self.last()
            if last is not None and last.size >= self.read(note).size:
                return
            beside = self._path.with_name(f"{self._path.name}.{secrets.token_hex(6)}")
            with beside.open("w", encoding="utf-8") as file:
                file.write(note)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self._path)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Whoever else advances this file waits: reading and replacing must be one step."""
        with self._path.with_name(f"{self._path.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def unsound(why: str) -> LogUnsound:
    """The refusal, with what to do."""
    return LogUnsound(
        "log_unsound", f"{why} Nothing is signed until an operator has restored the newest database."
    )
