"""A long log made without a service: its bundle, and a database that holds its tree."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import insert
from sqlalchemy.engine import make_url

from gateway.app import utc_now
from gateway.audit.bundle import write_bundle
from gateway.audit.entries import canonical
from gateway.audit.note import Checkpoint, Signer, sign_note
from gateway.audit.tree import TileId, edge, grow, leaf_hash
from gateway.store.database import sqlite_engine
from gateway.store.tables import audit_checkpoint, audit_place, audit_tile

_ORIGIN = "gov.example/oncegate"
_BATCH = 1_000
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
    signer = Signer.from_seed(_ORIGIN, bytes(range(32)))
    tiles: dict[TileId, bytes] = {}
    earlier: list[tuple[int, str]] = []
    count, batch = 0, []
    for number, leaf in enumerate(leaves(size), 1):
        batch.append(leaf_hash(leaf))
        if len(batch) == _BATCH or number == size:
            at = edge(count)
            grown = grow(count, {tile: tiles[tile] for tile in at}, batch)
            tiles.update(grown.tiles)
            count, batch = grown.size, []
            earlier.append((count, sign_note(Checkpoint(_ORIGIN, count, grown.root).text(), [signer])))
    _, note = earlier.pop()
    key = signer.verifier_key
    write_bundle(bundle, checkpoint=note, earlier=earlier, keys=[key], entries=leaves(size), size=size)
    return Made(size, tiles, note, key)


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
    """The tree of that log in a migrated SQLite database: places, tiles and checkpoint, without the entries' rows."""
    engine = sqlite_engine(make_url(url), pool_size=1, foreign_keys=False)
    with engine.connect() as connection:
        connection.exec_driver_sql("BEGIN")
        for begin in range(0, made.size, 20_000):
            rows = range(begin, min(begin + 20_000, made.size))
            places = [{"shard": 1, "index": at, "entry_id": f"aud_{at:026d}"} for at in rows]
            connection.execute(insert(audit_place), places)
        tiles = [
            {"shard": 1, "level": tile.level, "index": tile.index, "hashes": hashes}
            for tile, hashes in made.tiles.items()
        ]
        connection.execute(insert(audit_tile), tiles)
        signed = {"shard": 1, "size": made.size, "at": utc_now(), "note": made.note}
        connection.execute(insert(audit_checkpoint), signed)
        connection.exec_driver_sql("COMMIT")
    engine.dispose()
