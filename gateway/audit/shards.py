"""The trees of one log and what they are called: the first bears the log's name, the n-th that name and "/n".

A log has one tree as long as nothing goes wrong. Where its database is no longer the one that was signed, an operator
opens another: its first entry names the last good checkpoint, so that whoever holds the old one finds the way. The same
keys sign all of them, each under the name of its tree, so that a checkpoint of one can never pass for another's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import orjson

from gateway.audit.note import BadNote, Checkpoint, Verifier, open_note, parse_number
from gateway.records import EntryKind


@dataclass(frozen=True, slots=True)
class Break:
    """Why another tree begins.

    `shard`, `origin`: its number and name. `last`, `last_note`: the last good checkpoint, as the guard keeps it.
    `held`: the newest checkpoint that the database held, None when it held none that we signed. `found`: what was
    wrong with it, one word.
    """

    shard: int
    origin: str
    last: Checkpoint
    last_note: str
    held: Checkpoint | None
    found: str

    def facts(self) -> dict[str, Any]:
        """What the entry says of it: names, sizes, roots; nothing about anybody.

        `signed`: the last good checkpoint as it was signed, so that whoever has the log's key can check that there was
        such a history, whatever the database held instead.
        """
        told = _told(self.last) | {"note": sha256(self.last_note.encode()).hexdigest()}
        held = None if self.held is None else _told(self.held)
        broken = {"shard": self.shard, "origin": self.origin, "found": self.found, "signed": self.last_note}
        return {**broken, "last": told, "held": held}


def origin_of(log: str, shard: int) -> str:
    """The name of that tree of the log.

    >>> origin_of("city.example/log", 1), origin_of("city.example/log", 2)
    ('city.example/log', 'city.example/log/2')
    """
    return log if shard == 1 else f"{log}/{shard}"


def shard_of(log: str, origin: str) -> int:
    """Which tree of the log has that name; BadNote when none."""
    if origin == log:
        return 1
    name, _, number = origin.rpartition("/")
    if name != log or (shard := parse_number(number)) < 2:
        raise BadNote("The checkpoint is another log's.")
    return shard


def in_shard(verifier: Verifier, shard: int) -> Verifier:
    """The same key under the name of that tree. `verifier`: as the log's first tree names it."""
    return Verifier.of(origin_of(verifier.name, shard), verifier.public, algorithm=verifier.algorithm)


def keys_in_shard(keys: Sequence[str], shard: int) -> tuple[str, ...]:
    """Verifier keys as text, under the name of that tree."""
    return tuple(in_shard(Verifier.parse(key), shard).verifier_key for key in keys)


def open_checkpoint(note: str, verifiers: Sequence[Verifier]) -> tuple[int, Checkpoint]:
    """Which tree the note is about, and its checkpoint. `verifiers`: the log's, as its first tree names them.

    BadNote when it is another log's, or none of these keys signed it.
    """
    shard = shard_of(verifiers[0].name, note.partition("\n")[0])
    checkpoint = Checkpoint.parse(open_note(note, [in_shard(each, shard) for each in verifiers]).text)
    return shard, checkpoint


def opened_on(leaf: bytes) -> Checkpoint | None:
    """The last good checkpoint that the first entry of a tree names; None when it is not such an entry."""
    try:
        told = orjson.loads(leaf)
        last = told["last"] if told["kind"] == EntryKind.shard_opened.value else None
        return None if last is None else Checkpoint(last["origin"], last["size"], bytes.fromhex(last["root"]))
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def _told(checkpoint: Checkpoint) -> dict[str, Any]:
    return {"origin": checkpoint.origin, "size": checkpoint.size, "root": checkpoint.root.hex()}
