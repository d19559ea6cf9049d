"""A witness: an office that keeps the last checkpoint it saw of a log and cosigns the next only if it extends that.

Two readers who compare what a witness signed have compared what they were shown. A log that shows different histories
to different people, or takes one back, is refused, and what proves it is kept: two notes signed by the log's own key.
"""

import os
import secrets
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from gateway.audit.note import Checkpoint, Cosigner, Verifier, cosign
from gateway.audit.shards import open_checkpoint, opened_on
from gateway.audit.tree import (
    TileId,
    consistency_proof,
    consistency_tiles,
    leaf_hash,
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
        (shard, newest), last = open_checkpoint(note, [self._log]), self.last()
        if last is not None:
            before, witnessed = open_checkpoint(last, [self._log])
            fault = (
                _not_extended(witnessed, newest, fetch)
                if shard == before
                else _not_opened_on(witnessed, newest, shard, fetch, went_back=shard < before)
            )
            if fault is not None:
                raise Refused(fault, self._keep(last, note))
        signed = note + cosign(newest.text(), self._cosigner, int(now.timestamp()))
        _replace(self._directory / "checkpoint", signed)
        return signed

    def _keep(self, last: str, note: str) -> Path:
        evidence = self._directory / f"evidence-{secrets.token_hex(4)}"
        evidence.mkdir()
        (evidence / "witnessed").write_text(last, encoding="utf-8")
        (evidence / "shown").write_text(note, encoding="utf-8")
        return evidence


def _not_extended(before: Checkpoint, newest: Checkpoint, fetch: Fetch) -> str | None:
    """What is wrong with the log as it is shown now; None when it begins with what was witnessed."""
    if newest.size < before.size:
        return f"The log had {before.size} entries and shows {newest.size} now: it was rolled back."
    proof = _proof(before.size, newest.size, fetch) if newest.size > before.size else ()
    if not verify_consistency(before.size, newest.size, before.root, newest.root, proof):
        return f"The first {before.size} entries of the log are not those that were witnessed: it was forked."
    return None


def _not_opened_on(
    witnessed: Checkpoint, newest: Checkpoint, shard: int, fetch: Fetch, *, went_back: bool
) -> str | None:
    """The same for a log that goes on in another tree: its first entry must name no less than what was witnessed."""
    if went_back:
        return "The log shows an older tree than the one that was witnessed: it was rolled back."
    leaf = fetch(f"shards/{shard}/first")
    proof = _proof(1, newest.size, fetch) if newest.size > 1 else ()
    named = opened_on(leaf)
    if named is None or not verify_consistency(1, newest.size, leaf_hash(leaf), newest.root, proof):
        return "The log shows a new tree that does not begin by saying what came before it."
    if (named.origin, named.size, named.root) == (witnessed.origin, witnessed.size, witnessed.root):
        return None
    if named.origin != witnessed.origin or named.size <= witnessed.size:
        return f"The new tree of the log goes on from {named.size} entries, not from the {witnessed.size} witnessed."
    return _cannot_be_followed(witnessed, named, newest, fetch)


def _cannot_be_followed(
    witnessed: Checkpoint, named: Checkpoint, newest: Checkpoint, fetch: Fetch
) -> str | None:
    """None when what is left of the older tree shows its last good checkpoint to extend what was witnessed."""
    suffix = newest.origin.removeprefix(f"{named.origin}/")
    number = 1 if suffix.isdigit() and suffix != newest.origin else int(named.origin.rpartition("/")[2])
    try:
        proof = _proof(witnessed.size, named.size, lambda path: fetch(f"shards/{number}/{path}"))
        if verify_consistency(witnessed.size, named.size, witnessed.root, named.root, proof):
            return None
    except (OSError, ValueError):
        pass
    return (
        f"The new tree of the log goes on from {named.size} entries, of which those after the {witnessed.size} "
        f"witnessed cannot be shown any more."
    )


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
