"""The sequencer: gives waiting entries their places, extends the tree over them and signs a checkpoint, in one commit.

Order is that of sequencing, and within a batch that of writing; never that of ids or clocks. Any process may do it;
the database lets one at a time. Nothing is signed on top of what does not extend the last checkpoint kept by the guard:
what this process has itself made or verified it holds the database to byte for byte, anything else it verifies first.
What is taken at once is bounded: on SQLite, where everything shares one writer, no gate may wait long for its turn.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence

from gateway.audit.entries import subjects_in
from gateway.audit.guard import Guard, Verified, unsound
from gateway.audit.note import Checkpoint, Signer, sign_note
from gateway.audit.shards import Break, keys_in_shard, origin_of
from gateway.audit.tree import EMPTY_ROOT, TileId, edge, grow, leaf_hash
from gateway.errors import Conflict, LogUnsound
from gateway.ports import Clock, TreeLog
from gateway.records import Entry, Extension, Tail, Tile
from gateway.watch import LogWatch

# 2,000 leaves take some 30 ms.
_MOST_PER_COMMIT = 2_000
_NAMES_SUBJECTS = b'"subject'
_IS_OUTCOME = b'"kind":"outcome"'


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
        self._known: Verified | None = None
        """The newest checkpoint that was seen to extend the guard's, or was signed here on top of one."""
        self._signed: Verified | None = None
        """What the transaction under way signs; known once it is committed."""
        self._guarded = ""
        """The note that the guard was seen to keep."""
        self._is_checked = False
        self._most = _MOST_PER_COMMIT

    @property
    def keys(self) -> tuple[str, ...]:
        """Verifier keys of the log as text (C2SP), newest first, under the name of its first tree."""
        return tuple(signer.verifier_key for signer in self._signers)

    @property
    def present_keys(self) -> tuple[str, ...]:
        """The same under the name of the present tree, as far as it is known: what its checkpoints are checked with."""
        return keys_in_shard(self.keys, self._known.shard if self._known else 1)

    async def run(self) -> int:
        """Give every waiting entry its place; how many there were. Whatever is in the way is noted in the watch.

        Raises what was in the way: `LogUnsound` for a database that was rolled back, forked or altered.
        """
        try:
            since = await self._log.waiting_since()
            done, is_drained = await self._run(is_idle=since is None)
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
        self._watch.heard(self._clock(), waiting_since=None if is_drained else since)
        return done

    async def _run(self, *, is_idle: bool) -> tuple[int, bool]:
        """How many entries got their places, and whether none was left waiting."""
        done = 0
        if not self._is_checked:
            await self._verify()
        while not is_idle:
            most = self._most
            try:
                placed = await self._log.extend(_edge, self._append, most=most)
            except _Moved:  # another process was at it meanwhile: first see that it extended what we know
                await self._verify()
                continue
            if placed:
                await self._keep()
                done += placed
            if placed is None or placed < most:
                return done, placed is not None
        return done, True

    async def _verify(self) -> None:
        """See that the newest checkpoint extends the guard's, and let the guard keep it."""
        self._known = await self._guard.verified(self._log)
        # A log that begins is kept as empty first, so that a missing guard always means something.
        note = self._known.note if self._known else self._sign(1, 0, EMPTY_ROOT)
        self._guarded = await asyncio.to_thread(self._guard.advance, note)
        self._is_checked = True

    async def _keep(self) -> None:
        """Let the guard keep what was signed just now. If it keeps anything else than we left there, look first."""
        assert self._signed is not None
        self._known = self._signed
        if await asyncio.to_thread(self._guard.replace, self._guarded, self._known.note):
            self._guarded = self._known.note
        else:
            await self._verify()

    async def adopt(self) -> Checkpoint | None:
        """Begin to guard a log that has lost its guard file, as it stands; the operator answers for it.

        Raises `LogUnsound` when there is a guard, or when the tiles do not give the root that was signed.
        """
        verified = await self._guard.verified(self._log, adopting=True)
        if verified is None:
            return None
        await asyncio.to_thread(self._guard.advance, verified.note)
        return verified.checkpoint

    async def open_shard(self, entry: Callable[[Break], Entry]) -> Break:
        """Let the log go on in another tree, whose first entry is `entry`; an operator answers for it.

        Only where the guard refuses the database and keeps a checkpoint that we signed; raises `Conflict` or
        `LogUnsound` else. What waits gets its place in the new tree; what has one in the old tree stays there.
        """
        found = await self._fault()
        with self._guard.held() as last:
            if last is None:
                raise unsound(
                    "There is no guard file, so the last good checkpoint is not known; see `oncegate audit adopt`.",
                    "guard",
                )
            broken = await self._break(last, found)
            await self._log.open_shard(broken.shard, entry(broken), self._append_first)
            assert self._signed is not None
            self._guard.put(self._signed.note)
        await self._verify()
        return broken

    async def _fault(self) -> str:
        """One word for what the guard refuses; `Conflict` when it refuses nothing."""
        try:
            await self._guard.verified(self._log)
        except LogUnsound as error:
            return error.errors[0]["code"]
        raise Conflict("log_sound", "The log is the one that was signed; there is no reason to open a shard.")

    async def _break(self, last_note: str, found: str) -> Break:
        last, head = self._guard.read(last_note), await self._log.head()
        try:
            held = None if head.note is None else self._guard.read(head.note)
        except LogUnsound:
            held = None
        shard = 1 + max(head.shard, self._guard.shard_of(last))
        return Break(shard, origin_of(self._signers[0].name, shard), last, last_note, held, found)

    def _sign(self, shard: int, size: int, root_hash: bytes) -> str:
        origin = origin_of(self._signers[0].name, shard)
        signers = [signer.named(origin) for signer in self._signers]
        return sign_note(Checkpoint(origin, size, root_hash).text(), signers)

    def _append(self, tail: Tail) -> Extension:
        known = self._known
        if self._guard.text() != self._guarded:  # somebody else has signed; nothing of ours goes beside it
            raise _Moved
        if (tail.shard, tail.note) != ((known.shard, known.note) if known else (1, None)):
            raise _Moved
        tiles = {TileId(*tile): hashes for tile, hashes in tail.tiles.items()}
        if (tail.size, tiles) != ((known.checkpoint.size, known.tiles) if known else (0, {})):
            raise unsound(
                "The tiles of the log do not give the root that was signed: it was altered.", "altered"
            )
        return self._grow(tail, tiles)

    def _append_first(self, tail: Tail) -> Extension:
        return self._grow(tail, {})

    def _grow(self, tail: Tail, tiles: Mapping[TileId, bytes]) -> Extension:
        grown = grow(tail.size, tiles, [leaf_hash(leaf) for _, leaf in tail.waiting])
        note = self._sign(tail.shard, grown.size, grown.root)
        checkpoint = Checkpoint(origin_of(self._signers[0].name, tail.shard), grown.size, grown.root)
        held = {**tiles, **grown.tiles}
        self._signed = Verified(tail.shard, note, checkpoint, {tile: held[tile] for tile in edge(grown.size)})
        changed = {(tile.level, tile.index): hashes for tile, hashes in grown.tiles.items()}
        return Extension(grown.size, changed, note, self._clock(), _about(tail))


class _Moved(Exception):
    """The log is longer than when it was looked at last."""


def _about(tail: Tail) -> list[tuple[str, int]]:
    """Whom each waiting entry is about, with the index it will have."""
    return [
        (ref, index)
        for index, (_, leaf) in enumerate(tail.waiting, tail.size)
        if _NAMES_SUBJECTS in leaf and _IS_OUTCOME not in leaf  # which its intent leads to
        for ref in sorted(subjects_in(leaf))
    ]


def _edge(size: int) -> Sequence[Tile]:
    return edge(size)
