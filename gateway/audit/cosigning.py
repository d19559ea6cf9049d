"""Cosignatures kept with the checkpoints they are under, so that readers are shown what a witness has seen.

A witness looks at the log by itself; what it signs comes back as the note it prints. Only lines of witnesses whose keys
the operator names are kept, and only under a checkpoint that this log signed and still holds.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.audit.note import BadKey, BadNote, Checkpoint, Verifier, open_note, sign_note, signature_lines
from gateway.audit.shards import open_checkpoint
from gateway.errors import BadRequest, Conflict, NotFound
from gateway.ports import TreeLog


@dataclass(frozen=True, slots=True)
class Cosigned:
    """A checkpoint that bears cosignatures now. `witnesses`: the names whose lines were added or were there."""

    shard: int
    size: int
    witnesses: tuple[str, ...]


async def add_cosignatures(
    note: str, witness_keys: Sequence[str], log: TreeLog, keys: Sequence[str]
) -> Cosigned:
    """Keep the cosignatures of these witnesses that stand under `note` with the log's own checkpoint of that size.

    `keys`: the log's, under the name of its first tree. Raises `BadRequest` for a note or key that is not right,
    `NotFound` where no such checkpoint is kept, `Conflict` where ours states another root: that is a fork.
    """
    try:
        witnesses = _witnesses(witness_keys)
        shard, checkpoint = open_checkpoint(note, [Verifier.parse(key) for key in keys])
        opened = open_note(note, witnesses)
    except (BadNote, BadKey) as error:
        raise BadRequest(
            "cosignature_invalid", f"Those witnesses cosigned no checkpoint here. {error}"
        ) from None
    for size, kept in await log.checkpoints(after=checkpoint.size - 1, limit=1, shard=shard):
        if size == checkpoint.size:
            joined = _joined(kept, note, {(each.name, each.key_id) for each in opened.signers})
            if joined != kept and not await log.cosign(shard, size, kept, joined):
                raise Conflict("cosignature_raced", "The checkpoint changed meanwhile; try again.")
            return Cosigned(shard, size, opened.names)
    raise NotFound(
        "checkpoint_not_kept", f"No checkpoint of {checkpoint.size} entries is kept; cosign a newer one."
    )


def _witnesses(keys: Sequence[str]) -> list[Verifier]:
    witnesses = [Verifier.parse(key) for key in keys]
    if not witnesses or not all(each.is_cosigner for each in witnesses):
        raise BadKey("Give the keys of witnesses; the log's own key is none.")
    return witnesses


def _joined(kept: str, note: str, verified: set[tuple[str, bytes]]) -> str:
    """Our note with the verified lines in place of older ones by the same keys."""
    text, lines = signature_lines(kept)
    told, theirs = signature_lines(note)
    if Checkpoint.parse(text) != Checkpoint.parse(told):
        raise Conflict(
            "log_forked", "The witness cosigned another root at this size: two histories exist. Keep both."
        )
    added = {who: line for who, line in theirs.items() if who in verified}
    return sign_note(text, (), keep=[*{**lines, **added}.values()])
