"""A witness: an office that keeps the last checkpoint it saw of a log and cosigns the next only if it extends that.

Two readers who compare what a witness signed have compared what they were shown. A log that shows different histories
to different people, or takes one back, is refused, and what proves it is kept: two notes signed by the log's own key.
It looks at the log by itself (`consider`), or the log hands its checkpoints in (`add_checkpoint`, C2SP tlog-witness).
"""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path

from gateway.audit.handing_in import BadRequestBody, HandedIn, parse_request
from gateway.audit.note import BadNote, Checkpoint, Cosigner, Verifier, cosign
from gateway.audit.shards import open_checkpoint, opened_on, shard_of
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


@dataclass(frozen=True, slots=True)
class Reply:
    """What a checkpoint that was handed in is answered (C2SP tlog-witness). `text`: ends in a newline."""

    status: int
    text: str
    media_type: str = "text/plain; charset=utf-8"


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
        with self._alone():
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
            return note + self._cosigned(newest, note, now)

    def add_checkpoint(self, body: bytes, now: datetime) -> Reply:
        """What to answer to a log that hands in a checkpoint: 200 with the cosignature, or why not.

        What was witnessed last is compared and replaced by one process at a time, and is on disk before the answer.
        """
        try:
            handed = parse_request(body)
            shard = shard_of(self._log.name, handed.checkpoint.origin)
        except BadRequestBody as error:
            return Reply(400, f"{error}\n")
        except BadNote:
            return Reply(404, "This witness does not know that log.\n")
        try:
            open_checkpoint(handed.note, [self._log])
        except BadNote:
            return Reply(403, "The log's own key has not signed that checkpoint.\n")
        with self._alone():
            return self._judge(handed, shard, now)

    def _judge(self, handed: HandedIn, shard: int, now: datetime) -> Reply:
        last, newest = self.last(), handed.checkpoint
        witnessed_in, witnessed = (shard, None) if last is None else open_checkpoint(last, [self._log])
        if shard != witnessed_in:
            return Reply(
                404,
                f"This witness follows tree {witnessed_in} of that log; it has to look at the new one itself.\n",
            )
        size = witnessed.size if witnessed else 0
        if handed.old > newest.size:
            return Reply(400, "The old size is larger than the checkpoint's.\n")
        if handed.old != size:
            return _conflict(size)
        if witnessed and last and newest.size == size and newest.root != witnessed.root:
            self._keep(last, handed.note)
            return _conflict(size)
        if not _is_shown(handed, witnessed):
            self._keep(last or "", handed.note, "unproven")
            return Reply(422, "The proof does not show that the log grew from what was witnessed.\n")
        return Reply(200, self._cosigned(newest, handed.log_note(), now))

    def _cosigned(self, newest: Checkpoint, note: str, now: datetime) -> str:
        """The line under a checkpoint that was found good, once it is kept as the last."""
        line = cosign(newest.text(), self._cosigner, int(now.timestamp()))
        _replace(self._directory / "checkpoint", note + line)
        return line

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Nobody else, in this process or another, compares or replaces what was witnessed last."""
        with (self._directory / "lock").open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _keep(self, last: str, note: str, name: str | None = None) -> Path:
        """Keep both notes, once however often they are shown; of those that prove nothing yet (`name`) the newest."""
        digest = sha256(f"{last}\x1f{note}".encode()).hexdigest()
        evidence = self._directory / (name or f"evidence-{digest[:8]}")
        evidence.mkdir(exist_ok=True)
        (evidence / "witnessed").write_text(last, encoding="utf-8")
        (evidence / "shown").write_text(note, encoding="utf-8")
        return evidence


def _is_shown(handed: HandedIn, witnessed: Checkpoint | None) -> bool:
    """Whether the proof shows the log to begin with what was witnessed; a first checkpoint has nothing to show."""
    if witnessed is None or witnessed.size == 0:
        return not handed.proof
    newest = handed.checkpoint
    return verify_consistency(witnessed.size, newest.size, witnessed.root, newest.root, handed.proof)


def _conflict(size: int) -> Reply:
    return Reply(409, f"{size}\n", "text/x.tlog.size")


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
