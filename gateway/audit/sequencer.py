"""The sequencer: gives waiting entries their places, extends the tree over them and signs a checkpoint, in one commit.

Order is that of sequencing, and within a batch that of writing; never that of ids or clocks. Any process may do it;
the database lets one at a time. What
it takes at once is bounded, so that on SQLite, where everything shares one writer, no gate waits long for its turn.
"""

from collections.abc import Sequence

import orjson

from gateway.audit.entries import subjects_of
from gateway.audit.guard import Guard
from gateway.audit.note import Checkpoint, Signer, sign_note
from gateway.audit.tree import TileId, edge, grow, leaf_hash
from gateway.errors import LogUnsound
from gateway.ports import Clock, TreeLog
from gateway.records import Extension, Tail, Tile
from gateway.telemetry import Telemetry
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
        telemetry: Telemetry,
    ) -> None:
        self._log = log
        self._signers = signers
        self._guard = guard
        self._clock = clock
        self._watch = watch
        self._telemetry = telemetry
        self._is_checked = False

    @property
    def keys(self) -> tuple[str, ...]:
        """Verifier keys of the log as text (C2SP), newest first: what is published for whoever checks."""
        return tuple(signer.verifier_key for signer in self._signers)

    async def run(self) -> int:
        """Give every waiting entry its place; how many there were. What is in the way is noted in the watch.

        Raises `StoreUnavailable`; raises `LogUnsound` for a database that was rolled back or forked.
        """
        done = 0
        try:
            if not self._is_checked:
                await self._guard.require_same(self._log)
                await self._keep()  # the process before may have ended between its commit and the guard
                self._is_checked = True
            while (placed := await self._log.extend(_edge, self._append, most=_MOST_PER_COMMIT)) is not None:
                done += placed
                if placed:
                    await self._keep()
                if placed < _MOST_PER_COMMIT:
                    break
            self._watch.waiting_since = await self._log.waiting_since()
            self._watch.problem = None
        except LogUnsound as error:
            self._watch.waiting_since = await self._log.waiting_since()
            self._watch.problem = error.detail
            raise
        return done

    async def _keep(self) -> None:
        note = await self._log.checkpoint()
        if note is not None:
            self._guard.advance(note)

    def _append(self, tail: Tail) -> Extension:
        # Looked at where it is signed: the file may have moved on since this process looked last.
        self._guard.require_not_shorter(tail.size)
        leaves = [leaf_hash(leaf) for _, leaf in tail.waiting]
        grown = grow(tail.size, {TileId(*tile): hashes for tile, hashes in tail.tiles.items()}, leaves)
        text = Checkpoint(self._signers[0].name, grown.size, grown.root).text()
        note = sign_note(text, self._signers)
        tiles = {(tile.level, tile.index): hashes for tile, hashes in grown.tiles.items()}
        return Extension(grown.size, tiles, note, self._clock(), _about(tail))


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
