"""The sequencer: gives waiting entries their places, extends the tree over them and signs a checkpoint, in one commit.

Order is that of sequencing, and within a batch that of writing; never that of ids or clocks. Any process may do it;
the database lets one at a time. Nothing is signed on top of what does not extend the last checkpoint kept by the guard.
What is taken at once is bounded: on SQLite, where everything shares one writer, no gate may wait long for its turn.
"""

import asyncio
from collections.abc import Sequence

import orjson

from gateway.audit.entries import subjects_of
from gateway.audit.guard import Guard, unsound
from gateway.audit.note import Checkpoint, Signer, sign_note
from gateway.audit.tree import EMPTY_ROOT, TileId, edge, grow, leaf_hash, root
from gateway.errors import LogUnsound
from gateway.ports import Clock, TreeLog
from gateway.records import Extension, Tail, Tile
from gateway.watch import LogWatch

# 2,000 leaves take some 30 ms.
_MOST_PER_COMMIT = 2_000
_NAMES_SUBJECTS = b'"subject'


class Sequencer:
    """One log's sequencer. `signers`: newest key first; a checkpoint carries a signature by each."""

    def __init__(
        self,
        log: TreeLog,
        signers: Sequence[Signer],
        guard: Guard,
        clock: Clock,
        watch: LogWatch,
    ) -> None:
        self._log = log
        self._signers = signers
        self._guard = guard
        self._clock = clock
        self._watch = watch
        self._known: Checkpoint | None = None
        """The newest checkpoint that was seen to extend the guard's."""
        self._is_checked = False
        self._most = _MOST_PER_COMMIT

    @property
    def keys(self) -> tuple[str, ...]:
        """Verifier keys of the log as text (C2SP), newest first: what is published for whoever checks."""
        return tuple(signer.verifier_key for signer in self._signers)

    async def run(self) -> int:
        """Give every waiting entry its place; how many there were. Whatever is in the way is noted in the watch.

        Raises what was in the way: `LogUnsound` for a database that was rolled back, forked or altered.
        """
        try:
            done = await self._run()
        except LogUnsound as error:
            self._is_checked = False  # until it is sound again every round looks, also when nothing waits
            self._watch.is_unsound, self._watch.problem = True, error.detail
            raise
        except Exception as error:
            # It is not known then how long entries wait; the watch counts from the last round that succeeded.
            self._watch.problem = f"The log's tree cannot be extended ({type(error).__name__}); see the log."
            self._most = max(1, self._most // 2)
            raise
        self._watch.problem, self._watch.is_unsound, self._most = None, False, _MOST_PER_COMMIT
        self._watch.waiting_since, self._watch.checked_at = await self._log.waiting_since(), self._clock()
        return done

    async def _run(self) -> int:
        done = 0
        if not self._is_checked:
            await self._verify()
        while True:
            try:
                placed = await self._log.extend(_edge, self._append, most=self._most)
            except _Moved:  # another process was at it meanwhile: first see that it extended what we know
                await self._verify()
                continue
            if placed:
                await self._verify()
                done += placed
            if placed is None or placed < self._most:
                return done

    async def _verify(self) -> None:
        """See that the newest checkpoint extends the guard's, and let the guard keep it."""
        verified = await self._guard.verified(self._log)
        # A log that begins is kept as empty first, so that a missing guard always means something.
        note, self._known = verified or (self._sign(0, EMPTY_ROOT), None)
        await asyncio.to_thread(self._guard.advance, note)
        self._is_checked = True

    async def adopt(self) -> Checkpoint | None:
        """Begin to guard a log that has lost its guard file, as it stands; the operator answers for it.

        Raises `LogUnsound` when there is a guard, or when the tiles do not give the root that was signed.
        """
        verified = await self._guard.verified(self._log, adopting=True)
        if verified is None:
            return None
        await asyncio.to_thread(self._guard.advance, verified[0])
        return verified[1]

    def _sign(self, size: int, root_hash: bytes) -> str:
        return sign_note(Checkpoint(self._signers[0].name, size, root_hash).text(), self._signers)

    def _append(self, tail: Tail) -> Extension:
        known = None if tail.note is None else self._guard.read(tail.note)
        if known != self._known:
            raise _Moved
        tiles = {TileId(*tile): hashes for tile, hashes in tail.tiles.items()}
        signed = (known.size, known.root) if known else (0, EMPTY_ROOT)
        if signed != (tail.size, root(tail.size, tiles)):
            raise unsound("The tiles of the log do not give the root that was signed: it was altered.")
        grown = grow(tail.size, tiles, [leaf_hash(leaf) for _, leaf in tail.waiting])
        note = self._sign(grown.size, grown.root)
        changed = {(tile.level, tile.index): hashes for tile, hashes in grown.tiles.items()}
        return Extension(grown.size, changed, note, self._clock(), _about(tail))


class _Moved(Exception):
    """The log is longer than when it was looked at last."""


def _about(tail: Tail) -> list[tuple[str, int]]:
    """Whom each waiting entry is about, with the index it will have."""
    return [
        (ref, index)
        for index, (_, leaf) in enumerate(tail.waiting, tail.size)
        if _NAMES_SUBJECTS in leaf  # most that do not need not be read
        for ref in sorted(subjects_of(orjson.loads(leaf)))
    ]


def _edge(size: int) -> Sequence[Tile]:
    return edge(size)
