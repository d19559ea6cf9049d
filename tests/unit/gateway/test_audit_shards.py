"""After a disaster the log goes on in another tree that says what came before it, and nobody can do so quietly."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import orjson
import pytest

from gateway.audit.entries import make_entry
from gateway.audit.export import Exported, export_log
from gateway.audit.guard import Guard
from gateway.audit.note import BadNote, Checkpoint, Signer, Verifier
from gateway.audit.reading import every_shard, proof_of
from gateway.audit.sequencer import Sequencer
from gateway.audit.shards import Break, keys_in_shard, opened_on, origin_of, shard_of
from gateway.audit.tree import leaf_hash
from gateway.audit.verify import Report, verify_bundle
from gateway.errors import Conflict, LogUnsound
from gateway.records import Entry, EntryKind, GateRequest, GateWrite
from gateway.store import Database, MemoryStore, SqlStore
from gateway.store.migrate import migrate
from gateway.watch import LogWatch

NOW = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)
SIGNER = Signer.from_seed("log.example/a", b"\x01" * 32)
KEY = SIGNER.verifier_key
VERIFIER = Verifier.parse(KEY)


@dataclass
class World:
    """One database and its sequencer; several may share a guard file."""

    store: Any
    guard: Guard
    sequencer: Sequencer
    watch: LogWatch
    word: str

    async def log(self, *names: str, subject: str | None = None) -> None:
        """Entries of these names, each placed under a checkpoint of its own; about that subject."""
        for name in names:
            facts = {"subject": subject}
            entry = make_entry(
                f"aud_{name}", EntryKind.audit_lookup, NOW, caller=self.word, request=None, facts=facts
            )
            await self.store.gates.commit([GateRequest((), lambda _, entry=entry: GateWrite(entry, None))])
            await self.sequencer.run()

    async def open(self) -> Break:
        """Another shard."""
        return await self.sequencer.open_shard(lambda broken: opening(broken))

    async def export(self, path: Path) -> Exported:
        """The whole log as a file."""
        exported = await export_log(path, self.store.log, self.sequencer.keys)
        assert exported is not None
        return exported


def opening(broken: Break) -> Entry:
    """The first entry of another shard."""
    kind = EntryKind.shard_opened
    return make_entry(
        f"aud_open{broken.shard}", kind, NOW, caller="oncegate", request=None, facts=broken.facts()
    )


@pytest.fixture(params=["memory", "sqlite"])
async def begin(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Callable[..., World]]:
    """Begins with an empty database, or with the one of another world."""
    count, opened = iter(range(100)), list[SqlStore]()

    def make(other: World | None = None, *, word: str = "a", guard: str = "guard") -> World:
        store: Any = MemoryStore()
        if other is not None:
            store = other.store
        elif request.param == "sqlite":
            url = f"sqlite:///{tmp_path}/{next(count)}.db"
            migrate(url)
            store = SqlStore(Database(url))
            opened.append(store)
        watch, kept = LogWatch(), Guard(tmp_path / guard, [VERIFIER])
        return World(store, kept, Sequencer(store.log, [SIGNER], kept, lambda: NOW, watch), watch, word)

    yield make
    for each in opened:
        await each.close()


async def rolled_back(begin: Callable[..., World], *, held: int = 2, signed: int = 5) -> World:
    """A database of `held` entries beside a guard that knows `signed`."""
    lost, kept = begin(), begin(guard="another")
    await lost.log(*(f"e{number}" for number in range(signed)))
    await kept.log(*(f"e{number}" for number in range(held)))
    restored = begin(kept)
    with pytest.raises(LogUnsound):
        await restored.sequencer.run()
    return restored


def verdict(path: Path, key: str = KEY) -> Report:
    """What the verifier makes of it."""
    return verify_bundle(path, [key])


async def test_a_sound_log_is_not_broken_off(begin: Callable[..., World]) -> None:
    """Nobody opens a shard to get rid of a history: only what the guard refuses can be gone on from."""
    world = begin()
    await world.log("e0")

    with pytest.raises(Conflict):
        await world.open()

    assert [head.shard for head in await world.store.log.shards()] == [1]


async def test_without_a_guard_nothing_is_opened(begin: Callable[..., World], tmp_path: Path) -> None:
    """The last good checkpoint is not known then, and a damaged guard file tells none either."""
    world = begin()
    await world.log("e0")
    (tmp_path / "guard").unlink()
    with pytest.raises(LogUnsound, match="no guard file"):
        await world.open()
    (tmp_path / "guard").write_text("nonsense", encoding="utf-8")
    with pytest.raises(LogUnsound):
        await world.open()


async def test_the_log_goes_on_from_the_last_good_checkpoint(begin: Callable[..., World]) -> None:
    """The first entry of the new tree names it; what waits follows, what had its place keeps it; the guard follows."""
    world = await rolled_back(begin)
    last = world.guard.last()
    waits = make_entry("aud_waits", EntryKind.drafts_purged, NOW, caller="a", request=None, facts={})
    await world.store.gates.commit([GateRequest((), lambda _: GateWrite(waits, None))])

    broken = await world.open()
    assert await world.sequencer.run() == 1

    assert (broken.shard, broken.last, broken.found) == (2, last, "rolled_back")
    assert broken.held is not None
    assert broken.held.size == 2
    (first, _) = await world.store.log.leaves(0, 2)
    told = orjson.loads(first)
    assert (told["kind"], told["last"]["size"], told["held"]["size"]) == ("log.shard_opened", 5, 2)
    assert opened_on(first) == last
    assert await world.store.log.place_of("aud_e1") == (1, 1)
    assert await world.store.log.place_of("aud_open2") == (2, 0)
    assert await world.store.log.place_of("aud_waits") == (2, 1)
    kept = world.guard.last()
    assert kept is not None
    assert (kept.origin, kept.size) == ("log.example/a/2", 2)
    assert not world.watch.is_unsound


async def test_every_entry_can_be_proven_in_its_tree(begin: Callable[..., World]) -> None:
    """Under that tree's own checkpoint, signed by the same key under that tree's name."""
    world = await rolled_back(begin)
    await world.open()
    await world.log("new")

    for entry_id, shard, index in (("aud_e1", 1, 1), ("aud_new", 2, 1)):
        proof = await proof_of(entry_id, world.store.log, world.sequencer.keys)
        (leaf,) = await world.store.log.leaves(index, index + 1, shard=shard)
        assert proof is not None
        (key,) = keys_in_shard([KEY], shard)
        found = proof.check(leaf_hash(leaf), [Verifier.parse(key)])
        assert found.origin == origin_of("log.example/a", shard)
    assert world.sequencer.present_keys == keys_in_shard([KEY], 2)


async def test_a_process_beside_follows(begin: Callable[..., World]) -> None:
    """A service that refused goes on as soon as an operator has opened the shard with a command beside it."""
    service = await rolled_back(begin)
    command = begin(service)
    await command.open()

    await service.log("new")

    assert not service.watch.is_unsound
    assert await service.store.log.place_of("aud_new") == (2, 1)


async def test_a_process_that_ended_before_the_guard_knew_is_made_up_for(
    begin: Callable[..., World], tmp_path: Path
) -> None:
    """Opened and committed, and then killed: the next process finds that the tree was opened on what is kept."""
    world = await rolled_back(begin)
    before = (tmp_path / "guard").read_text(encoding="utf-8")
    await world.open()
    await world.log("new")
    (tmp_path / "guard").write_text(before, encoding="utf-8")

    await begin(world).sequencer.run()

    kept = world.guard.last()
    assert kept is not None
    assert kept.origin == "log.example/a/2"


async def test_a_tree_opened_on_something_else_is_refused(begin: Callable[..., World]) -> None:
    """Another copy of the database goes on by itself: whoever knows the first one's tree does not accept it."""
    copy = begin(guard="elsewhere")
    await copy.log("a")
    first = await rolled_back(begin)
    await first.open()

    with pytest.raises(LogUnsound):
        await begin(copy).sequencer.run()
    again = await begin(copy).open()
    assert (again.shard, again.last.origin) == (3, "log.example/a/2")
    with pytest.raises(LogUnsound):
        await begin(first).sequencer.run()


async def test_an_old_database_after_a_new_shard_is_rolled_back_too(begin: Callable[..., World]) -> None:
    """The tree before, however long it has grown elsewhere, is not gone back to."""
    lost, kept = begin(), begin(guard="elsewhere")
    await lost.log(*"abcde")
    await kept.log(*"ab")
    await begin(kept).open()
    longer = begin(guard="third")
    await longer.log(*"abcdefgh")

    with pytest.raises(LogUnsound, match="rolled back"):
        await begin(longer).sequencer.run()


async def test_who_used_my_data_is_told_across_trees(begin: Callable[..., World]) -> None:
    """In the order in which it happened, page by page."""
    lost, kept = begin(), begin(guard="elsewhere")
    await lost.log(*"abc")
    await kept.log("p", subject="sub_1")
    world = begin(kept)
    await world.open()
    await world.log("x")
    await world.log("q", "r", subject="sub_1")

    ((first, found),) = await world.store.log.about("sub_1", after=-1, limit=1)
    following = await world.store.log.about("sub_1", after=first, limit=10)

    assert found.id == "aud_p"
    assert [entry.id for _, entry in following] == ["aud_q", "aud_r"]


async def test_one_bundle_holds_every_tree(begin: Callable[..., World], tmp_path: Path) -> None:
    """Verified as a whole by the key that was always known; that records were lost is told, for the log tells it."""
    world = await rolled_back(begin)
    await world.open()
    await world.log("new")
    bundle = tmp_path / "log.zip"

    exported = await world.export(bundle)
    report = verdict(bundle)

    assert (exported.shards, exported.entries) == (2, 4)
    assert report.ok, report.lines("en")
    assert report.size == 4
    assert any("3 that were signed" in each.en for each in report.warnings)
    assert verdict(bundle, keys_in_shard([KEY], 2)[0]).ok


async def test_nothing_lost_is_said_too(begin: Callable[..., World], tmp_path: Path) -> None:
    """The database was only altered, and then put right: the new tree goes on from everything."""
    world = begin()
    await world.log(*"abc")
    last = (tmp_path / "guard").read_text(encoding="utf-8")
    fork = begin(guard="elsewhere", word="b")
    await fork.log(*"abc")
    (tmp_path / "guard").write_text((tmp_path / "elsewhere").read_text(encoding="utf-8"), encoding="utf-8")
    with pytest.raises(LogUnsound, match="differs"):
        await begin(world).sequencer.run()
    broken = await begin(world).open()
    assert broken.found == "forked"
    assert last != broken.last_note

    await world.export(tmp_path / "log.zip")
    report = verdict(tmp_path / "log.zip")

    assert report.ok
    assert any("forked" in each.en for each in report.warnings)


async def test_a_third_tree(begin: Callable[..., World], tmp_path: Path) -> None:
    """Two disasters: the bundle holds three trees, each linked to the one before."""
    world = await rolled_back(begin)
    await world.open()
    await world.log("new")
    (tmp_path / "guard").write_text(
        world.sequencer._sign(2, 9, b"\x07" * 32), encoding="utf-8"
    )  # as if a better database had been lost
    again = begin(world)
    with pytest.raises(LogUnsound):
        await again.sequencer.run()
    assert (await again.open()).shard == 3

    await again.export(tmp_path / "log.zip")
    report = verdict(tmp_path / "log.zip")

    assert report.ok, report.lines("en")
    assert [tree.shard for tree in await every_shard(again.store.log, [KEY])] == [1, 2, 3]
    assert len([each for each in report.warnings if "lost records" in each.en]) == 2


@pytest.mark.parametrize(
    "name", ["shards/1/tile/entries/000.p/2", "shards/1/checkpoint", "shards/1/log.vkey"]
)
@pytest.mark.parametrize("change", ["flip", "drop"])
async def test_an_altered_older_tree_is_found(
    begin: Callable[..., World], tmp_path: Path, name: str, change: str
) -> None:
    """One byte changed or one member left out: named, with the shard it is in."""
    world = await rolled_back(begin)
    await world.open()
    bundle, altered = tmp_path / "log.zip", tmp_path / "altered.zip"
    await world.export(bundle)
    with ZipFile(bundle) as source, ZipFile(altered, "w") as target:
        for member in source.namelist():
            content = source.read(member)
            if member == name and change == "flip":
                content = content[:20] + bytes([content[20] ^ 1]) + content[21:]
            if member != name or change == "flip":
                target.writestr(member, content)

    report = verdict(altered)

    assert not report.ok
    if (name, change) == ("shards/1/tile/entries/000.p/2", "flip"):
        assert report.first_bad is not None
        assert (report.first_bad.shard, report.first_bad.index) == (1, 0)


async def test_keys_of_two_trees_are_not_exchanged(begin: Callable[..., World], tmp_path: Path) -> None:
    """They are the same keys under other names, and prove the same; yet it is a change, and it is named."""
    world = await rolled_back(begin)
    await world.open()
    bundle, altered = tmp_path / "log.zip", tmp_path / "altered.zip"
    await world.export(bundle)
    other = {"log.vkey": "shards/1/log.vkey", "shards/1/log.vkey": "log.vkey"}
    with ZipFile(bundle) as source, ZipFile(altered, "w") as target:
        for member in source.namelist():
            target.writestr(member, source.read(other.get(member, member)))

    report = verdict(altered)

    assert verdict(bundle).ok
    assert report.fault is not None
    assert "log.vkey does not call its keys" in report.fault.en


async def test_an_older_tree_cannot_be_left_out(begin: Callable[..., World], tmp_path: Path) -> None:
    """Nor exchanged for the same one as it was before: the tree after it names what it held."""
    world = await rolled_back(begin)
    await world.open()
    bundle = tmp_path / "log.zip"
    await world.export(bundle)
    alone = tmp_path / "alone.zip"
    with ZipFile(bundle) as source, ZipFile(alone, "w") as target:
        for member in source.namelist():
            if not member.startswith("shards/"):
                target.writestr(member, source.read(member))

    assert not verdict(alone).ok


async def test_an_older_tree_that_was_altered_is_exported_as_far_as_it_fits(
    begin: Callable[..., World], tmp_path: Path
) -> None:
    """What is left of it can still be shown; that the rest is not what was signed is told."""
    world = begin()
    await world.log(*"abcd")
    store = world.store
    changed = make_entry("aud_c", EntryKind.drafts_purged, NOW, caller="x", request=None, facts={})
    await _overwrite(store, changed)
    (tmp_path / "guard").write_text(world.sequencer._sign(1, 9, b"\x07" * 32), encoding="utf-8")
    again = begin(world)
    await again.open()

    exported = await again.export(tmp_path / "log.zip")
    report = verdict(tmp_path / "log.zip")

    assert exported.entries == 2 + 1
    assert report.ok, report.lines("en")
    assert any("only the first 2 of 4" in each.en for each in report.warnings)


async def _overwrite(store: Any, entry: Entry) -> None:
    """What somebody with the database can do."""
    if isinstance(store, MemoryStore):
        store.log._tables.entries[entry.id] = entry  # type: ignore[attr-defined]
        return
    await store._database.write(
        lambda connection: connection.exec_driver_sql(
            "UPDATE audit_entry SET leaf = :leaf WHERE id = :id", {"leaf": entry.leaf, "id": entry.id}
        )
    )


def test_trees_are_named_after_the_log() -> None:
    """The first bears its name, later ones a number; nothing else is a tree of it."""
    assert [shard_of("x/1", origin_of("x/1", shard)) for shard in (1, 2, 30)] == [1, 2, 30]
    for stranger in ("x", "x/1/1", "x/1/0", "x/1/02", "x/1/a", "y/1/2", "x/1/2/2"):
        with pytest.raises(BadNote):
            shard_of("x/1", stranger)


@pytest.mark.parametrize("leaf", [b"", b"[]", b"{}", b'{"kind":"log.shard_opened"}', b"\xff"])
def test_other_entries_open_nothing(leaf: bytes) -> None:
    """Whatever they hold."""
    assert opened_on(leaf) is None


def test_what_opens_a_tree_says_it_without_anybody() -> None:
    """Names of trees, sizes, roots and one word."""
    last = Checkpoint("x", 5, b"\x05" * 32)
    facts = Break(2, "x/2", last, "note", None, "rolled_back").facts()

    assert facts["held"] is None
    assert set(facts) == {"shard", "origin", "last", "held", "found", "signed"}
    assert facts["signed"] == "note"
    assert set(facts["last"]) == {"origin", "size", "root", "note"}
