"""A long log made without a service: its bundle, and a database that holds its tree."""

import random
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import psycopg
from sqlalchemy.engine import make_url

from gateway.app import utc_now
from gateway.audit.bundle import write_bundle
from gateway.audit.entries import canonical
from gateway.audit.note import Checkpoint, Signer, sign_note
from gateway.audit.tree import EMPTY_ROOT, TileId, edge, grow, leaf_hash

_ORIGIN = "gov.example/oncegate"
_BATCH = 1_000
_WIDE_BATCH = 65_536
_WHO = {
    "form": ["household-move", 3],
    "matter": "household.move",
    "purpose": "household.move-registration",
    "registry": 4,
    "policy": 2,
    "department": "civil-affairs",
    "actor": "clerk",
}


@dataclass(frozen=True)
class Made:
    """A log: its tiles, its newest checkpoint, the key it is signed by."""

    size: int
    tiles: dict[TileId, bytes]
    note: str
    key: str


def build(bundle: Path, size: int) -> Made:
    """A log of so many entries, half intents and half outcomes, exported to that file."""
    made, earlier = _grown(leaves(size), _BATCH)
    key = made.key
    write_bundle(bundle, checkpoint=made.note, earlier=earlier, keys=[key], entries=leaves(size), size=size)
    return made


def tree_of(size: int) -> Made:
    """The tree of a log of so many short entries, `short_leaf` each, which nobody exports."""
    return _grown(map(short_leaf, range(size)), _WIDE_BATCH)[0]


def short_leaf(number: int) -> bytes:
    """The leaf of an entry that says little."""
    return b'{"id":"aud_%026d"}' % number


def _grown(entries: Iterable[bytes], batch: int) -> tuple[Made, list[tuple[int, str]]]:
    """The tree of these leaves, and a checkpoint for every batch before the last."""
    signer = Signer.from_seed(_ORIGIN, bytes(range(32)))
    tiles: dict[TileId, bytes] = {}
    signed: list[tuple[int, str]] = []
    size, root, rest = 0, EMPTY_ROOT, iter(entries)
    while hashes := [leaf_hash(leaf) for leaf in islice(rest, batch)]:
        grown = grow(size, {tile: tiles[tile] for tile in edge(size)}, hashes)
        tiles.update(grown.tiles)
        size, root = grown.size, grown.root
        signed.append((size, sign_note(Checkpoint(_ORIGIN, size, root).text(), [signer])))
    return Made(size, tiles, signed[-1][1], signer.verifier_key), signed[:-1]


def leaves(size: int) -> Iterator[bytes]:
    """The same every time: pairs of an intent and its outcome, about two persons."""
    draws = random.Random(1)

    def ref(prefix: str) -> str:
        return f"{prefix}_{draws.getrandbits(100):026x}"

    pair: dict[str, object] = {}
    for number in range(size):
        at = {"v": 1, "id": f"aud_{number:026d}", "at": "2026-11-21T02:03:04.000005Z", "caller": "window"}
        if number % 2 == 0:
            pair = {
                "request": ref("res"),
                **_WHO,
                "subjects": {"applicant": ref("sub"), "spouse": ref("sub")},
            }
            items = ["person.name", "person.sex", "person.birth_date", "person.address"]
            asks = [
                ["applicant", "civil", items, True, "R-010", f"consent:{ref('cns')}"],
                ["spouse", "marriage", ["marriage.state"], True, "R-020", "statutory_duty:x"],
            ]
            yield canonical({**at, "kind": "intent", **pair, "asks": asks})
        else:
            fields = {"filled": ["applicant.name", "applicant.sex"], "not_found": ["spouse.state"]}
            told = {"receipt": ref("rcp"), "delivery": "values", "result": "released", "fields": fields}
            rest = {"refusals": [], "discarded": 0, "alarms": []}
            yield canonical({**at, "kind": "outcome", **pair, **told, **rest})


def fill_store(url: str, made: Made) -> None:
    """The tree of that log in a migrated database: places, tiles and checkpoint, without the entries' rows."""
    address = make_url(url)
    (_fill_sqlite if address.get_backend_name() == "sqlite" else _fill_postgres)(url, made)


def _tables(made: Made) -> Iterator[tuple[str, str, Iterator[tuple[object, ...]]]]:
    places = ((1, at, f"aud_{at:026d}") for at in range(made.size))
    tiles = ((1, tile.level, tile.index, hashes) for tile, hashes in made.tiles.items())
    now = utc_now().isoformat(" ", "microseconds")[:26]  # as text, without the zone that SQLite does not keep
    yield "audit_place", 'shard, "index", entry_id', places
    yield "audit_tile", 'shard, level, "index", hashes', tiles
    yield "audit_checkpoint", "shard, size, at, note", iter([(1, made.size, now, made.note)])


def _fill_sqlite(url: str, made: Made) -> None:
    path = make_url(url).database or ""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA foreign_keys=OFF")
        for table, columns, rows in _tables(made):
            marks = ", ".join("?" * len(columns.split(",")))
            connection.executemany(f"INSERT INTO {table} ({columns}) VALUES ({marks})", rows)


def _fill_postgres(url: str, made: Made) -> None:
    address = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(address) as connection, connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")  # places of entries that are nowhere
        for table, columns, rows in _tables(made):
            with cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
        connection.commit()
        connection.autocommit = True
        cursor.execute("ANALYZE")
