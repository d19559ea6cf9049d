"""The guard: the last checkpoint, kept in a file outside the database, so that a rolled-back database is noticed.

Whoever restores an old copy, or lets a second process write a copy of the file, brings a log that is shorter than what
was signed, or different at the same size. Such a log is never signed again: two signed histories are what a log is
there to rule out. What to do then is an operator's decision, not the program's.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from gateway.audit.note import Checkpoint, Verifier, open_note
from gateway.audit.tree import EMPTY_ROOT, TileId, consistency_proof, consistency_tiles, verify_consistency
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
            note = self._path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        try:
            return Checkpoint.parse(open_note(note, self._verifiers).text)
        except ValueError as error:
            raise unsound("The guard file does not hold a checkpoint of this log.") from error

    def require_not_shorter(self, size: int) -> None:
        """Nothing, or `LogUnsound` when more was signed before than a log of that size holds."""
        last = self.last()
        if last is not None and last.size > size:
            raise unsound(
                f"The database holds {size} entries of the log, and {last.size} were signed: it was rolled back."
            )

    async def require_same(self, log: TreeLog) -> None:
        """Nothing, or `LogUnsound` when the log is not an extension of what was signed last."""
        last, size = self.last(), await log.size()
        if last is None or last.size == 0:
            return
        self.require_not_shorter(size)
        note = await log.checkpoint()
        newest = Checkpoint.parse(open_note(note or "", self._verifiers).text)
        wanted = consistency_tiles(last.size, newest.size)
        tiles = await log.tiles(wanted)
        try:
            known = {TileId(*tile): hashes for tile, hashes in tiles.items()}
            proof = consistency_proof(last.size, newest.size, known)
        except ValueError:
            proof = (EMPTY_ROOT,)
        if not verify_consistency(last.size, newest.size, last.root, newest.root, proof):
            raise unsound(f"The log differs from what was signed at {last.size} entries: it was forked.")

    def advance(self, note: str) -> None:
        """Keep this checkpoint, unless a larger one is kept already. On disk when it returns."""
        size = Checkpoint.parse(open_note(note, self._verifiers).text).size
        last = self.last()
        if last is not None and last.size >= size:
            return
        beside = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        with beside.open("w", encoding="utf-8") as file:
            file.write(note)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self._path)


def unsound(why: str) -> LogUnsound:
    """The refusal, with what to do."""
    return LogUnsound(
        "log_unsound", f"{why} Nothing is signed until an operator has restored the newest database."
    )
