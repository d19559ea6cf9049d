"""Tampering inside the database: a stopped copy of the log's tables is changed, and both guards are asked about it.

The copy holds the log as one of its earlier checkpoints signed it, small enough to be checked in moments. Whoever has
the database can change any table; nobody who has it holds the key or the guard file. Each change must be found either
by the sequencer, which then signs nothing, or by the export and the verifier.
"""

import asyncio
import random
import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, text
from torture_check import Stored

from gateway.audit.entries import make_entry
from gateway.audit.export import export_log
from gateway.audit.guard import Guard
from gateway.audit.note import Signer, Verifier
from gateway.audit.sequencer import Sequencer
from gateway.audit.tree import grow, leaf_hash
from gateway.audit.verify import CannotVerify, verify_bundle
from gateway.errors import LogUnsound
from gateway.records import EntryKind, GateRequest, GateWrite
from gateway.store import Database, SqlStore
from gateway.store.migrate import migrate
from gateway.watch import LogWatch

SMALL = 600
Rows = sqlite3.Connection


@dataclass(frozen=True, slots=True)
class TableTampering:
    """`tried`: by kind of change. `by`: who found how many. `missed`: seeds of those nobody found. `why`: if unsound."""

    tried: Mapping[str, int]
    by: Mapping[str, int]
    missed: Sequence[str]
    why: str


def tamper_tables(
    stored: Stored, signers: Sequence[Signer], directory: Path, *, seed: int, changes: int
) -> TableTampering:
    """What became of so many changes to a copy of that log."""
    directory.mkdir(exist_ok=True)
    copy = _Copy(stored, signers, directory)
    why = copy.found_by()
    tried: Counter[str] = Counter()
    by: Counter[str] = Counter()
    missed: list[str] = []
    for number in range(changes if why is None else 0):
        chance = random.Random(f"{seed}/tables/{number}")
        kind = sorted(KINDS)[number % len(KINDS)]
        copy.restore()
        copy.change(KINDS[kind], chance)
        tried[kind] += 1
        found = copy.found_by()
        by[found or "nobody"] += 1
        if found is None:
            missed.append(f"{seed}/tables/{number} ({kind})")
    return TableTampering(tried, by, missed, why or "")


class _Copy:
    # The small copy: a database file as it was sealed, one that is changed, and the guard file beside.

    def __init__(self, stored: Stored, signers: Sequence[Signer], directory: Path) -> None:
        self._signers = signers
        self._sound, self._path = directory / "sound.db", directory / "changed.db"
        self._guard, self._bundle = directory / "guard", directory / "log.zip"
        self._keys = [signer.verifier_key for signer in signers]
        self._note = self._fill(stored)
        self.restore()

    def _fill(self, stored: Stored) -> str:
        earlier = [each for each in stored.checkpoints if each[0] >= SMALL] or list(stored.checkpoints[-1:])
        size, note = earlier[0]
        leaves = [(entry_id, stored.entries[entry_id]) for _, entry_id in stored.places[:size]]
        grown = grow(0, {}, [leaf_hash(entry.leaf) for _, entry in leaves])
        migrate(f"sqlite:///{self._sound}")
        at = "2026-01-01 00:00:00.000000"
        engine = create_engine(f"sqlite:///{self._sound}")
        with engine.begin() as connection:

            def insert(statement: str, rows: list[dict[str, Any]]) -> None:
                connection.execute(text(statement), rows)

            insert(
                "INSERT INTO audit_entry (id, kind, at, request, caller, leaf) VALUES (:id, :kind, :at, :request, 'x', :leaf)",
                [
                    {"id": each.id, "kind": each.kind, "at": at, "request": each.request, "leaf": each.leaf}
                    for _, each in leaves
                ],
            )
            insert(
                'INSERT INTO audit_place (shard, "index", entry_id) VALUES (1, :index, :id)',
                [{"index": index, "id": entry_id} for index, (entry_id, _) in enumerate(leaves)],
            )
            insert(
                'INSERT INTO audit_tile (shard, "level", "index", hashes) VALUES (1, :level, :index, :hashes)',
                [
                    {"level": tile.level, "index": tile.index, "hashes": hashes}
                    for tile, hashes in grown.tiles.items()
                ],
            )
            insert(
                "INSERT INTO audit_checkpoint (shard, size, at, note) VALUES (1, :size, :at, :note)",
                [
                    {"size": number, "at": at, "note": kept}
                    for number, kept in stored.checkpoints
                    if number <= size
                ],
            )
        engine.dispose()
        with closing(sqlite3.connect(self._sound)) as connection:
            connection.execute("PRAGMA journal_mode=DELETE")
        return note

    def restore(self) -> None:
        """As it was."""
        for path in self._path.parent.glob(f"{self._path.name}*"):
            path.unlink()
        shutil.copy(self._sound, self._path)
        self._guard.write_text(self._note, encoding="utf-8")

    def change(self, kind: Callable[["_Copy", Rows, random.Random], None], chance: random.Random) -> None:
        """One change, committed."""
        with closing(sqlite3.connect(self._path)) as connection:
            connection.execute("PRAGMA foreign_keys=OFF")
            kind(self, connection, chance)
            connection.commit()

    def found_by(self) -> str | None:
        """Who finds something wrong: the sequencer, the export, the verifier; None when nobody does."""
        return asyncio.run(self._found_by())

    async def _found_by(self) -> str | None:
        store = SqlStore(Database(f"sqlite:///{self._path}"))
        try:
            await self.sequencer(store).run()
            await self.grow(store)
            await export_log(self._bundle, store.log, self._keys)
        except LogUnsound:
            return "sequencer"
        except ValueError:
            return "export"
        finally:
            await store.close()
        try:
            return None if verify_bundle(self._bundle, self._keys).ok else "verifier"
        except CannotVerify:
            return "verifier"

    def sequencer(self, store: SqlStore, guard: Path | None = None) -> Sequencer:
        """A process that begins on it."""
        kept = Guard(guard or self._guard, [Verifier.parse(key) for key in self._keys])
        return Sequencer(store.log, self._signers, kept, lambda: datetime.now(UTC), LogWatch())

    async def grow(self, store: SqlStore, guard: Path | None = None, *, word: str = "later") -> None:
        """One entry more, placed and signed."""
        now = datetime.now(UTC)
        entry = make_entry(f"aud_{word}", EntryKind.drafts_purged, now, caller=word, request=None, facts={})
        await store.gates.commit([GateRequest((), lambda _: GateWrite(entry, None))])
        await self.sequencer(store, guard).run()

    async def grown_elsewhere(self, times: int) -> None:
        """A clone of it goes on under the same guard, as the one that is trusted."""
        clone = self._path.with_name("clone.db")
        shutil.copy(self._sound, clone)
        store = SqlStore(Database(f"sqlite:///{clone}"))
        for number in range(times):
            await self.grow(store, word=f"clone{number}")
        await store.close()
        for path in clone.parent.glob("clone.db*"):
            path.unlink()


# ---------------------------------------------------------------- the changes


def _place(rows: Rows, chance: random.Random) -> tuple[int, str]:
    found: tuple[int, str] = rows.execute(
        'SELECT "index", entry_id FROM audit_place ORDER BY "index" LIMIT 1 OFFSET ?',
        [chance.randrange(rows.execute("SELECT count(*) FROM audit_place").fetchone()[0])],
    ).fetchone()
    return found


def _flipped(content: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(content))
    return content[:at] + bytes([content[at] ^ chance.randint(1, 255)]) + content[at + 1 :]


def _change_leaf(_: _Copy, rows: Rows, chance: random.Random) -> None:
    _, entry_id = _place(rows, chance)
    (leaf,) = rows.execute("SELECT leaf FROM audit_entry WHERE id = ?", [entry_id]).fetchone()
    rows.execute("UPDATE audit_entry SET leaf = ? WHERE id = ?", [_flipped(leaf, chance), entry_id])


def _delete_entry(_: _Copy, rows: Rows, chance: random.Random) -> None:
    index, entry_id = _place(rows, chance)
    rows.execute("DELETE FROM audit_entry WHERE id = ?", [entry_id])
    rows.execute('DELETE FROM audit_place WHERE "index" = ?', [index])


def _delete_place(_: _Copy, rows: Rows, chance: random.Random) -> None:
    rows.execute('DELETE FROM audit_place WHERE "index" = ?', [_place(rows, chance)[0]])


def _close_the_gap(_: _Copy, rows: Rows, chance: random.Random) -> None:
    index, _entry = _place(rows, chance)
    rows.execute('DELETE FROM audit_place WHERE "index" = ?', [index])
    rows.execute('UPDATE audit_place SET "index" = -"index" WHERE "index" > ?', [index])
    rows.execute('UPDATE audit_place SET "index" = -"index" - 1 WHERE "index" < 0')


def _swap_places(_: _Copy, rows: Rows, chance: random.Random) -> None:
    one, other = _place(rows, chance), _place(rows, chance)
    while other == one:
        other = _place(rows, chance)
    for index, entry_id in ((one[0], "?"), (other[0], one[1]), (one[0], other[1])):
        rows.execute('UPDATE audit_place SET entry_id = ? WHERE "index" = ?', [entry_id, index])


def _duplicate(_: _Copy, rows: Rows, chance: random.Random) -> None:
    index, entry_id = _place(rows, chance)
    columns = "kind, at, request, caller, leaf, sealed"
    rows.execute(
        f"INSERT INTO audit_entry (id, {columns}) SELECT 'aud_twice', {columns} FROM audit_entry WHERE id = ?",
        [entry_id],
    )
    if chance.random() < 0.5:  # in place of another one
        other = (index + 1) % rows.execute("SELECT count(*) FROM audit_place").fetchone()[0]
        rows.execute("UPDATE audit_place SET entry_id = 'aud_twice' WHERE \"index\" = ?", [other])
    else:
        _insert_at_end(rows, "aud_twice")


def _slip_in(_: _Copy, rows: Rows, chance: random.Random) -> None:
    leaf = (
        b'{"at":"2026-01-01T00:00:00.000000Z","caller":"x","id":"aud_slipped","kind":"drafts.purged","v":1}'
    )
    rows.execute(
        "INSERT INTO audit_entry (id, kind, at, caller, leaf) VALUES ('aud_slipped', 'drafts.purged', '2026-01-01 00:00:00.000000', 'x', ?)",
        [leaf],
    )
    _insert_at_end(rows, "aud_slipped")


def _insert_at_end(rows: Rows, entry_id: str) -> None:
    rows.execute(
        'INSERT INTO audit_place (shard, "index", entry_id) SELECT 1, max("index") + 1, ? FROM audit_place',
        [entry_id],
    )


def _tile(rows: Rows, chance: random.Random) -> tuple[int, int, bytes]:
    tiles: list[tuple[int, int, bytes]] = rows.execute(
        'SELECT "level", "index", hashes FROM audit_tile'
    ).fetchall()
    return chance.choice(tiles)


def _edge_tile(rows: Rows, chance: random.Random) -> tuple[int, int, bytes]:
    """One that the log's next step stands on; full ones follow from the entries, and an export makes them anew."""
    tiles = rows.execute('SELECT "level", max("index"), hashes FROM audit_tile GROUP BY "level"').fetchall()
    found: tuple[int, int, bytes] = chance.choice([each for each in tiles if len(each[2]) < 256 * 32])
    return found


def _put_tile(rows: Rows, level: int, index: int, hashes: bytes) -> None:
    key = [hashes, level, index]
    rows.execute('UPDATE audit_tile SET hashes = ? WHERE "level" = ? AND "index" = ?', key)


def _change_tile(_: _Copy, rows: Rows, chance: random.Random) -> None:
    level, index, hashes = _edge_tile(rows, chance)
    _put_tile(rows, level, index, _flipped(hashes, chance))


def _truncate_tile(_: _Copy, rows: Rows, chance: random.Random) -> None:
    level, index, hashes = _edge_tile(rows, chance)
    _put_tile(rows, level, index, hashes[: 32 * chance.randrange(len(hashes) // 32)])


def _drop_tiles(_: _Copy, rows: Rows, chance: random.Random) -> None:
    level, index, _hashes = _edge_tile(rows, chance)
    rows.execute('DELETE FROM audit_tile WHERE "level" = ? AND "index" = ?', [level, index])


def _change_note(_: _Copy, rows: Rows, chance: random.Random) -> None:
    size, note = rows.execute("SELECT size, note FROM audit_checkpoint ORDER BY size DESC LIMIT 1").fetchone()
    root = note.split("\n")[2]
    other = ("A" if root[0] != "A" else "B") + root[1:]
    changed = note.replace(root, other) if chance.random() < 0.5 else note.replace("\n— ", "\n— x", 1)
    rows.execute("UPDATE audit_checkpoint SET note = ? WHERE size = ?", [changed, size])


def _drop_note(_: _Copy, rows: Rows, chance: random.Random) -> None:
    rows.execute("DELETE FROM audit_checkpoint WHERE size = (SELECT max(size) FROM audit_checkpoint)")


def _roll_back(_: _Copy, rows: Rows, chance: random.Random) -> None:
    """To an earlier checkpoint, everything as it was then."""
    notes = [size for (size,) in rows.execute("SELECT size FROM audit_checkpoint ORDER BY size")]
    size = chance.choice(notes[:-1] or [0])
    leaves = rows.execute(
        'SELECT leaf FROM audit_place JOIN audit_entry ON id = entry_id WHERE "index" < ? ORDER BY "index"',
        [size],
    ).fetchall()
    grown = grow(0, {}, [leaf_hash(leaf) for (leaf,) in leaves])
    rows.execute("DELETE FROM audit_checkpoint WHERE size > ?", [size])
    rows.execute('DELETE FROM audit_place WHERE "index" >= ?', [size])
    rows.execute("DELETE FROM audit_tile")
    for tile, hashes in grown.tiles.items():
        rows.execute(
            'INSERT INTO audit_tile (shard, "level", "index", hashes) VALUES (1, ?, ?, ?)', [*tile, hashes]
        )


def _clone_and_fork(copy: _Copy, _rows: Rows, chance: random.Random) -> None:
    """A clone grows under the guard, so that this one is the older of two histories when it goes on."""
    asyncio.run(copy.grown_elsewhere(chance.randint(1, 3)))


def _another_shard(_: _Copy, rows: Rows, chance: random.Random) -> None:
    """What stands in the tree is declared to be another one."""
    for table in ("audit_place", "audit_tile", "audit_checkpoint")[: chance.randint(1, 3)]:
        rows.execute(f"UPDATE {table} SET shard = 2")


KINDS: Mapping[str, Callable[[_Copy, Rows, random.Random], None]] = {
    "change_leaf": _change_leaf,
    "delete_entry": _delete_entry,
    "delete_place": _delete_place,
    "close_the_gap": _close_the_gap,
    "swap_places": _swap_places,
    "duplicate": _duplicate,
    "slip_in": _slip_in,
    "change_tile": _change_tile,
    "truncate_tile": _truncate_tile,
    "drop_tile": _drop_tiles,
    "change_note": _change_note,
    "drop_note": _drop_note,
    "roll_back": _roll_back,
    "clone_and_fork": _clone_and_fork,
    "another_shard": _another_shard,
}
