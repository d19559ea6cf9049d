"""A witness: an office that keeps the last checkpoint it saw of a log and cosigns the next only if it extends that.

Two readers who compare what a witness signed have compared what they were shown. A log that shows different histories
to different people, or takes one back, is refused, and what proves it is kept: two notes signed by the log's own key.
"""

import os
import secrets
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from gateway.audit.note import Checkpoint, Cosigner, Verifier, cosign, open_note
from gateway.audit.tree import (
    TileId,
    consistency_proof,
    consistency_tiles,
    tile_path,
    verify_consistency,
    width,
)

Fetch = Callable[[str], bytes]
"""A path below the log's address → its content; raises `OSError`."""

_SEED_BYTES = 32


class Refused(Exception):
    """The log is not an extension of what was witnessed before. `evidence`: the directory where both notes are kept."""

    def __init__(self, why: str, evidence: Path) -> None:
        super().__init__(f"{why} Both signed notes are kept in {evidence}.")
        self.evidence = evidence


class Witness:
    """One witness of one log. Its directory holds its key, the last checkpoint, and the evidence of what it refused."""

    def __init__(self, directory: Path, name: str, log: Verifier) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self._log = log
        self._cosigner = Cosigner.from_seed(name, _seed(directory / "witness.key"))

    @property
    def verifier_key(self) -> str:
        """The key by which others check its cosignatures (C2SP)."""
        return self._cosigner.verifier_key

    def last(self) -> str | None:
        """The note it cosigned last, with its cosignature; None before the first."""
        path = self._directory / "checkpoint"
        return path.read_text(encoding="utf-8") if path.exists() else None

    def consider(self, fetch: Fetch, now: datetime) -> str:
        """The log's newest checkpoint, cosigned at `now`. Raises `Refused`, `BadNote` for another key's, `OSError`."""
        note = fetch("checkpoint").decode("utf-8")
        opened = open_note(note, [self._log])
        newest, last = Checkpoint.parse(opened.text), self.last()
        if last is not None:
            self._require_extension(last, note, newest, fetch)
        signed = note + cosign(opened.text, self._cosigner, int(now.timestamp()))
        _replace(self._directory / "checkpoint", signed)
        return signed

    def _require_extension(self, last: str, note: str, newest: Checkpoint, fetch: Fetch) -> None:
        before = Checkpoint.parse(open_note(last, [self._log]).text)
        if newest.size < before.size:
            why = f"The log had {before.size} entries and shows {newest.size} now: it was rolled back."
            raise Refused(why, self._keep(last, note))
        proof = _proof(before.size, newest.size, fetch) if newest.size > before.size else ()
        if not verify_consistency(before.size, newest.size, before.root, newest.root, proof):
            why = f"The first {before.size} entries of the log are not those that were witnessed: it was forked."
            raise Refused(why, self._keep(last, note))

    def _keep(self, last: str, note: str) -> Path:
        evidence = self._directory / f"evidence-{secrets.token_hex(4)}"
        evidence.mkdir()
        (evidence / "witnessed").write_text(last, encoding="utf-8")
        (evidence / "shown").write_text(note, encoding="utf-8")
        return evidence


def _proof(old: int, new: int, fetch: Fetch) -> tuple[bytes, ...]:
    tiles: dict[TileId, bytes] = {}
    for tile in consistency_tiles(old, new):
        tiles[tile] = fetch(tile_path(tile.level, tile.index, width(tile, new)))
    return consistency_proof(old, new, tiles)


def _seed(path: Path) -> bytes:
    """The witness's own secret, made at first sight and readable by its owner only."""
    if not path.exists():
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(os.urandom(_SEED_BYTES))
    return path.read_bytes()


def _replace(path: Path, text: str) -> None:
    beside = path.with_suffix(".new")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)
