"""The sequencer: every entry its place, a checkpoint that verifies, and no signature on a log that was rolled back."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.audit.entries import make_entry
from gateway.audit.guard import Guard
from gateway.audit.note import Checkpoint, Signer, Verifier, open_note
from gateway.audit.reading import checkpoints_before, newest, proof_of, tile_at
from gateway.audit.sequencer import Sequencer
from gateway.audit.tree import leaf_hash, unpack_entries
from gateway.errors import LogUnsound, Unavailable
from gateway.records import EntryKind, GateRequest, GateWrite
from gateway.store import MemoryStore
from gateway.watch import LogWatch

NOW = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)
SIGNER = Signer.from_seed("log.example/1", b"\x01" * 32)
OLDER = Signer.from_seed("log.example/1", b"\x02" * 32)


def verifier(signer: Signer = SIGNER) -> Verifier:
    """What checks its signatures."""
    return Verifier.parse(signer.verifier_key)


class Steady:
    """A clock that runs when told."""

    hours = 0.0

    def __call__(self) -> float:
        """Seconds."""
        return self.hours * 3600


@dataclass
class World:
    """A log in memory with its sequencer; a guard file beside."""

    store: MemoryStore
    guard: Guard
    watch: LogWatch
    sequencer: Sequencer
    steady: Steady
    count: int = 0

    async def log(self, entries: int = 1, at: datetime = NOW) -> list[str]:
        """So many entries, not yet placed; their ids."""
        ids = [f"aud_{self.count + number:06d}" for number in range(entries)]
        self.count += entries
        for entry_id in ids:
            entry = make_entry(entry_id, EntryKind.intent, at, caller="hall", request="res_1", facts={})
            await self.store.gates.commit([GateRequest((), lambda _, entry=entry: GateWrite(entry, None))])
        return ids

    async def read(self) -> Checkpoint:
        """The newest checkpoint, verified."""
        note = await self.store.log.checkpoint()
        return Checkpoint.parse(open_note(note or "", [verifier()]).text)


@pytest.fixture
def begin(tmp_path: Path) -> Callable[..., World]:
    """Begins a world; two may share a guard file, or a store."""

    def make(store: MemoryStore | None = None, *, signers: tuple[Signer, ...] = (SIGNER,)) -> World:
        kept, steady = store or MemoryStore(), Steady()
        watch = LogWatch(steady=steady)
        guard = Guard(tmp_path / "log.guard", [verifier(each) for each in signers])
        sequencer = Sequencer(kept.log, signers, guard, lambda: NOW, watch)
        return World(kept, guard, watch, sequencer, steady)

    return make


async def test_every_entry_gets_its_place_and_a_signed_checkpoint(begin: Callable[..., World]) -> None:
    """What waits is placed; the checkpoint says how many there are, and is signed by the log's key."""
    world = begin()
    await world.log(3)

    assert await world.sequencer.run() == 3
    assert await world.sequencer.run() == 0
    checkpoint = await world.read()
    assert (checkpoint.origin, checkpoint.size) == ("log.example/1", 3)
    assert world.guard.last() == checkpoint


async def test_every_entry_can_be_proven_afterwards(begin: Callable[..., World]) -> None:
    """Under the newest checkpoint, also those of runs before; an entry that waits or is unknown has no proof yet."""
    world = begin()
    ids = await world.log(300)
    await world.sequencer.run()
    ids += await world.log(5)
    await world.sequencer.run()
    (waits,) = await world.log(1)

    for index in (0, 255, 256, 299, 304):
        proof = await proof_of(ids[index], world.store.log, world.sequencer.keys)
        (leaf,) = await world.store.log.leaves(index, index + 1)
        assert proof is not None
        assert proof.check(leaf_hash(leaf), [verifier()]).size == 305
    assert await proof_of(waits, world.store.log, world.sequencer.keys) is None
    assert await proof_of("aud_unknown", world.store.log, world.sequencer.keys) is None


async def test_the_tree_can_be_read_by_path(begin: Callable[..., World]) -> None:
    """Tiles and bundles of entries as C2SP names them, cut to the width asked for; none beyond the end."""
    world = begin()
    await world.log(260)
    await world.sequencer.run()
    log = world.store.log

    first = await tile_at("tile/0/000", log)
    assert first is not None
    assert len(first) == 256 * 32
    assert await tile_at("tile/0/001.p/3", log) == (await tile_at("tile/0/001.p/4", log) or b"")[:96]
    bundle = await tile_at("tile/entries/001.p/4", log)
    assert unpack_entries(bundle or b"") == list(await log.leaves(256, 260))
    assert await tile_at("tile/0/001.p/5", log) is None
    assert await tile_at("tile/entries/001", log) is None
    with pytest.raises(ValueError):
        await tile_at("tile/0/01", log)


async def test_everything_can_be_read_for_an_export(begin: Callable[..., World]) -> None:
    """The newest checkpoint as signed and as read, and every one before it."""
    world = begin()
    for _ in range(3):
        await world.log(2)
        await world.sequencer.run()
    signed = await newest(world.store.log, world.sequencer.keys)

    assert signed is not None
    assert (signed.shard, signed.checkpoint.size) == (1, 6)
    pages = [page async for page in checkpoints_before(world.store.log, 6)]
    assert [size for page in pages for size, _ in page] == [2, 4]


async def test_an_old_key_signs_beside_the_new_one(begin: Callable[..., World]) -> None:
    """After a rotation whoever knows only the old key can still check."""
    world = begin(signers=(SIGNER, OLDER))
    await world.log()
    await world.sequencer.run()
    note = await world.store.log.checkpoint()

    for signer in (SIGNER, OLDER):
        assert open_note(note or "", [verifier(signer)]).text.startswith("log.example/1\n1\n")
    assert len(world.sequencer.keys) == 2


async def test_a_rolled_back_database_is_not_signed(begin: Callable[..., World]) -> None:
    """Less than was signed before: nothing is placed, the watch says why, readiness with it."""
    world = begin()
    await world.log(5)
    await world.sequencer.run()
    restored = begin()  # an old copy: empty, beside the same guard file
    await restored.log(2, at=NOW - timedelta(minutes=2))

    with pytest.raises(LogUnsound, match="rolled back"):
        await restored.sequencer.run()

    assert await restored.store.log.size() == 0
    assert await restored.store.log.checkpoint() is None
    assert "rolled back" in (restored.watch.problem or "")
    assert len(restored.watch.problems()) == 1
    with pytest.raises(Unavailable):  # withdrawn consents may stand again there: nothing leaves
        restored.watch.require_current(sensitive=False)


async def test_a_forked_database_is_not_signed(begin: Callable[..., World], tmp_path: Path) -> None:
    """As long as what was signed, or longer, but with another history: refused by whoever has the guard."""
    world = begin()
    await world.log(2)
    await world.sequencer.run()
    elsewhere = begin()  # a copy that was written on by itself, with a guard of its own
    guard = Guard(tmp_path / "elsewhere.guard", [verifier()])
    elsewhere.sequencer = Sequencer(elsewhere.store.log, (SIGNER,), guard, lambda: NOW, elsewhere.watch)
    await elsewhere.log(3, at=NOW + timedelta(seconds=1))
    await elsewhere.sequencer.run()

    with pytest.raises(LogUnsound, match="forked"):
        await begin(elsewhere.store).sequencer.run()


@pytest.mark.parametrize("restarts", [False, True])
async def test_an_altered_tree_is_not_signed_further(begin: Callable[..., World], restarts: bool) -> None:
    """Somebody with the database but without the key changed an entry and its hash: nothing is put on top of it."""
    world = begin()
    await world.log(5)
    await world.sequencer.run()
    tables = world.store.log._tables  # type: ignore[attr-defined]  # what an administrator can reach
    tiles = tables.trees[1].tiles
    tiles[0, 0] = leaf_hash(b"another") + tiles[0, 0][32:]
    after = begin(world.store) if restarts else world
    after.count = 5
    await after.log(3)

    with pytest.raises(LogUnsound, match="altered"):
        await after.sequencer.run()

    assert await world.store.log.size() == 5


async def test_what_is_unsound_stays_so_until_it_is_mended(begin: Callable[..., World]) -> None:
    """Round after round, also when nothing waits any more; the right database ends it."""
    world = begin()
    await world.log(5)
    await world.sequencer.run()
    tiles = world.store.log._tables.trees[1].tiles  # type: ignore[attr-defined]  # what an administrator can reach
    good, tiles[0, 0] = tiles[0, 0], leaf_hash(b"another") + tiles[0, 0][32:]
    (waits,) = await world.log(1)
    with pytest.raises(LogUnsound):
        await world.sequencer.run()
    del world.store.log._tables.entries[waits]  # type: ignore[attr-defined]

    with pytest.raises(LogUnsound):
        await world.sequencer.run()
    assert world.watch.is_unsound

    tiles[0, 0] = good
    await world.sequencer.run()
    assert not world.watch.is_unsound


async def test_another_process_may_extend_in_between(begin: Callable[..., World]) -> None:
    """What it signed extends what this one knows, so this one goes on from there."""
    one = begin()
    await one.log(2)
    await one.sequencer.run()
    other = begin(one.store)
    other.count = 2
    await other.log(2)
    await other.sequencer.run()
    one.count = 4
    await one.log(1)

    assert await one.sequencer.run() == 1
    assert (await one.read()).size == 5


async def test_a_log_without_its_guard_waits_for_an_operator(
    begin: Callable[..., World], tmp_path: Path
) -> None:
    """A guard file that is gone may mean a restored disk: it is adopted by a person, and only where there is none."""
    world = begin()
    await world.log(3)
    await world.sequencer.run()
    with pytest.raises(LogUnsound, match="already"):
        await world.sequencer.adopt()
    (tmp_path / "log.guard").unlink()
    again = begin(world.store)
    with pytest.raises(LogUnsound, match="no guard file"):
        await again.sequencer.run()

    adopted = await again.sequencer.adopt()

    assert adopted is not None
    assert adopted.size == 3
    assert await again.sequencer.run() == 0
    assert not again.watch.is_unsound


async def test_not_to_know_counts_as_waiting(begin: Callable[..., World]) -> None:
    """When a round fails for any reason, the lag grows from the last that succeeded; the next success ends it."""
    world = begin()
    world.watch.begin()
    world.steady.hours += 5
    await world.log()
    good, world.sequencer._log = world.sequencer._log, Broken()  # type: ignore[assignment]

    with pytest.raises(ZeroDivisionError):
        await world.sequencer.run()
    assert world.watch.lag() == timedelta(hours=5)
    assert len(world.watch.problems()) == 2

    world.sequencer._log = good
    await world.sequencer.run()
    assert (world.watch.lag(), world.watch.problems()) == (timedelta(0), [])


class Broken:
    """A log that fails in a way nobody foresaw."""

    async def waiting_since(self) -> datetime | None:
        """Never."""
        raise ZeroDivisionError


async def test_a_process_that_begins_on_a_sound_log_goes_on(begin: Callable[..., World]) -> None:
    """Restarted, or a second worker: what the guard holds is a beginning of what is there."""
    world = begin()
    await world.log(3)
    await world.sequencer.run()
    again = begin(world.store)
    again.count = world.count
    await again.log(2)

    assert await again.sequencer.run() == 2
    assert (await again.read()).size == 5


async def test_a_guard_left_behind_catches_up(begin: Callable[..., World], tmp_path: Path) -> None:
    """A process that ended between its commit and the guard leaves no gap: the next one closes it before anything."""
    world = begin()
    await world.log(1)
    await world.sequencer.run()
    behind = (tmp_path / "log.guard").read_text(encoding="utf-8")
    await world.log(1)
    await world.sequencer.run()
    (tmp_path / "log.guard").write_text(behind, encoding="utf-8")

    await begin(world.store).sequencer.run()

    last = world.guard.last()
    assert last is not None
    assert last.size == 2


async def test_the_guard_never_goes_back(begin: Callable[..., World]) -> None:
    """An older checkpoint does not replace a newer one, whoever brings it."""
    world = begin()
    await world.log(1)
    await world.sequencer.run()
    older = await world.store.log.checkpoint()
    await world.log(1)
    await world.sequencer.run()

    world.guard.advance(older or "")

    last = world.guard.last()
    assert last is not None
    assert last.size == 2


async def test_a_guard_file_we_did_not_sign_is_refused(tmp_path: Path, begin: Callable[..., World]) -> None:
    """Damaged, or another log's: an operator must look."""
    (tmp_path / "log.guard").write_text("nonsense", encoding="utf-8")
    world = begin()
    await world.log()

    with pytest.raises(LogUnsound):
        await world.sequencer.run()


async def test_the_watch_learns_how_long_entries_wait(begin: Callable[..., World]) -> None:
    """Nothing waits after a run."""
    world = begin()
    world.watch.heard(NOW, waiting_since=NOW - timedelta(hours=1))
    assert world.watch.lag() == timedelta(hours=1)
    await world.log()
    await world.sequencer.run()

    assert world.watch.lag() == timedelta(0)
    assert world.watch.problems() == []


async def test_entries_are_found_by_whom_they_are_about(begin: Callable[..., World]) -> None:
    """By every subject of a resolution, once each, and by the one a consent or a look-up names; by nobody for none.

    An outcome is found by its intent.
    """
    world = begin()
    await world.log(1)
    outcome = make_entry(
        "aud_o",
        EntryKind.outcome,
        NOW,
        caller="hall",
        request="res_2",
        facts={"subjects": {"agent": "sub_a"}},
    )
    for number, facts in enumerate(
        (
            {"subjects": {"applicant": "sub_a", "agent": "sub_a", "spouse": "sub_b"}},
            {"subject": "sub_b"},
            {"subject": None},
            {"subjects": {}},
            {"form": "subjects"},
        )
    ):
        entry = make_entry(
            f"aud_x{number}", EntryKind.intent, NOW, caller="hall", request="res_2", facts=facts
        )
        await world.store.gates.commit([GateRequest((), lambda _, entry=entry: GateWrite(entry, None))])
    await world.store.gates.commit([GateRequest((), lambda _: GateWrite(outcome, None))])
    await world.sequencer.run()

    async def about(ref: str) -> list[tuple[int, str]]:
        return [(index, each.id) for index, each in await world.store.log.about(ref, after=-1, limit=10)]

    assert await about("sub_a") == [(1, "aud_x0")]
    assert await about("sub_b") == [(1, "aud_x0"), (2, "aud_x1")]
    assert await about("None") == []
