"""Tampering: an exported bundle changed at random, and the verifier asked about every change.

Most changes are made to a small bundle, that of the log as one of its earlier checkpoints signed it: it is verified in
milliseconds. What nobody can find is not tried: an earlier checkpoint left out whole, which only somebody who kept it
would miss.
"""

import json
import random
import zipfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.audit.bundle import write_bundle
from gateway.audit.note import Checkpoint, Signer, sign_note
from gateway.audit.tree import grow, leaf_hash, pack_entries, tile_path, unpack_entries
from gateway.audit.verify import CannotVerify, verify_bundle

Members = dict[str, bytes]
EARLIER = "checkpoints.jsonl"
BUNDLES = "tile/entries/"
WIDE = 256
SMALL = 600


@dataclass(frozen=True, slots=True)
class Tampered:
    """`tried`, `found`: by kind of change. `missed`: seeds of those not found. `sound`: what the untouched one is."""

    tried: Mapping[str, int]
    found: Mapping[str, int]
    missed: Sequence[str]
    sound: bool
    why: str


def tamper(
    bundle: Path, keys: Sequence[str], directory: Path, *, seed: int, mutations: int, on_whole: int
) -> Tampered:
    """What became of so many changes to a small bundle of that log, and of `on_whole` to the bundle itself."""
    report = verify_bundle(bundle, keys)
    whole = _members(bundle)
    small = _small(whole, keys, directory / "small.zip")
    tried: Counter[str] = Counter()
    found: Counter[str] = Counter()
    missed: list[str] = []
    for name, members, count in (("small", small, mutations), ("whole", whole, on_whole)):
        place = directory / name
        _write(place, members)
        is_sound = verify_bundle(place, keys).ok
        for number in range(count if is_sound else 0):
            chance = random.Random(f"{seed}/{name}/{number}")
            kind = chance.choice(sorted(KINDS))
            tried[kind] += 1
            if _is_found(place, members, _changed(kind, members, chance), keys):
                found[kind] += 1
            else:
                missed.append(f"{seed}/{name}/{number} ({kind})")
    return Tampered(tried, found, missed, report.ok, report.fault.en if report.fault else "")


def _members(bundle: Path) -> Members:
    with zipfile.ZipFile(bundle) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _small(whole: Members, keys: Sequence[str], target: Path) -> Members:
    """The bundle of the log when it first had about six hundred entries; the whole when it never had."""
    earlier = [(told["size"], told["note"]) for told in map(json.loads, whole[EARLIER].splitlines())]
    place = next((place for place, (size, _) in enumerate(earlier) if size >= SMALL), None)
    if place is None:
        return whole
    size, note = earlier[place]
    write_bundle(
        target,
        checkpoint=note,
        earlier=earlier[:place],
        keys=keys,
        entries=_entries(whole)[:size],
        size=size,
    )
    return _members(target)


def _entries(members: Members) -> list[bytes]:
    return [entry for name in _bundles(members) for entry in unpack_entries(members[name])]


def _bundles(members: Members) -> list[str]:
    return sorted(
        (name for name in members if name.startswith(BUNDLES)), key=lambda name: name.partition(".p")[0]
    )


def _changed(kind: str, members: Members, chance: random.Random) -> Members:
    """The members after one change that really changes something."""
    while True:
        changed = KINDS[kind](dict(members), chance)
        if changed != members and not _only_left_out(members, changed):
            return changed


def _only_left_out(members: Members, changed: Members) -> bool:
    """Whether whole earlier checkpoints are gone and nothing else has changed."""
    if EARLIER not in changed or members | {EARLIER: b""} != changed | {EARLIER: b""}:
        return False
    lines = iter(members[EARLIER].splitlines(keepends=True))
    return all(line in lines for line in changed[EARLIER].splitlines(keepends=True))


def _is_found(place: Path, members: Members, changed: Members, keys: Sequence[str]) -> bool:
    """Whether the verifier will not call the changed bundle sound; the directory is as before afterwards."""
    touched = {name for name in members.keys() | changed.keys() if members.get(name) != changed.get(name)}
    _put(place, touched, changed)
    try:
        return not verify_bundle(place, keys).ok
    except CannotVerify:
        return True
    finally:
        _put(place, touched, members)


def _write(place: Path, members: Members) -> None:
    _put(place, set(members), members)


def _put(place: Path, names: set[str], members: Members) -> None:
    for name in names:
        path = place / name
        if name in members:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(members[name])
        else:
            path.unlink()


# ---------------------------------------------------------------- the changes


def _flip(members: Members, chance: random.Random) -> Members:
    name, content = _filled(members, chance)
    at = chance.randrange(len(content))
    members[name] = content[:at] + bytes([content[at] ^ 1 << chance.randrange(8)]) + content[at + 1 :]
    return members


def _truncate(members: Members, chance: random.Random) -> Members:
    name, content = _filled(members, chance)
    members[name] = content[: chance.randrange(len(content))]
    return members


def _delete(members: Members, chance: random.Random) -> Members:
    """A record, or a member."""
    if chance.random() < 0.5:
        del members[chance.choice(sorted(members))]
        return members
    return _with_entries(members, chance, lambda entries, at: entries[:at] + entries[at + 1 :])


def _insert(members: Members, chance: random.Random) -> Members:
    """Bytes, a record, or a member."""
    name, content = _filled(members, chance)
    strange = chance.randbytes(chance.randint(1, 40))
    how = chance.randrange(3)
    if how == 0:
        at = chance.randrange(len(content) + 1)
        members[name] = content[:at] + strange + content[at:]
        return members
    if how == 1:
        members[f"{name}.{strange[:4].hex()}"] = content
        return members
    leaf = json.dumps(
        {"at": "2026-01-01T00:00:00Z", "id": f"aud_{strange.hex()}", "kind": "outcome"}
    ).encode()
    return _with_entries(members, chance, lambda entries, at: [*entries[:at], leaf, *entries[at:]])


def _swap(members: Members, chance: random.Random) -> Members:
    """Two records, or what two members hold."""
    if chance.random() < 0.5:
        one, other = chance.sample(sorted(members), 2)
        members[one], members[other] = members[other], members[one]
        return members

    def exchange(entries: list[bytes], at: int) -> list[bytes]:
        other = chance.randrange(len(entries))
        entries[at], entries[other] = entries[other], entries[at]
        return entries

    return _with_entries(members, chance, exchange)


def _duplicate(members: Members, chance: random.Random) -> Members:
    return _with_entries(members, chance, lambda entries, at: [*entries[:at], entries[at], *entries[at:]])


def _rewrite(members: Members, chance: random.Random) -> Members:
    """A record changed, and every tile above it made to fit."""
    entries = _entries(members)
    at = chance.randrange(len(entries))
    entries[at] = entries[at].replace(b'"at":"2', b'"at":"1', 1)
    return members | _tree(entries)[0]


def _roll_back(members: Members, chance: random.Random) -> Members:
    """An earlier checkpoint given out as the newest, with or without the records that came later.

    Those of the last earlier one stay: without them it would be the honest bundle of that moment.
    """
    earlier = [json.loads(line) for line in members[EARLIER].splitlines()]
    place = chance.randrange(len(earlier))
    size, note = earlier[place]["size"], earlier[place]["note"]
    if place + 1 < len(earlier) and chance.random() < 0.5:
        tree, _ = _tree(_entries(members)[:size])
        members = {name: content for name, content in members.items() if not name.startswith("tile/")} | tree
    return members | {"checkpoint": note.encode()}


def _fork(members: Members, chance: random.Random) -> Members:
    """A log rewritten, and signed by a key of the forger's under the log's name."""
    signer = Signer.from_seed(members["log.vkey"].decode().partition("+")[0], chance.randbytes(32))
    entries = _entries(members)
    del entries[chance.randrange(len(entries))]
    tree, root = _tree(entries)
    note = sign_note(Checkpoint(signer.name, len(entries), root).text(), [signer])
    kept = {name: content for name, content in members.items() if not name.startswith("tile/")}
    named = {"log.vkey": f"{signer.verifier_key}\n".encode()} if chance.random() < 0.5 else {}
    return {**kept, **tree, **named, EARLIER: b"", "checkpoint": note.encode()}


KINDS: Mapping[str, Callable[[Members, random.Random], Members]] = {
    "flip": _flip,
    "truncate": _truncate,
    "delete": _delete,
    "insert": _insert,
    "swap": _swap,
    "duplicate": _duplicate,
    "rewrite": _rewrite,
    "roll_back": _roll_back,
    "fork": _fork,
}


def _filled(members: Members, chance: random.Random) -> tuple[str, bytes]:
    return chance.choice([(name, content) for name, content in sorted(members.items()) if content])


def _with_entries(
    members: Members, chance: random.Random, change: Callable[[list[bytes], int], list[bytes]]
) -> Members:
    name = chance.choice(_bundles(members))
    entries = unpack_entries(members[name])
    return members | {name: pack_entries(change(entries, chance.randrange(len(entries))))}


def _tree(entries: Sequence[bytes]) -> tuple[Members, bytes]:
    """Bundles and tiles of these entries, by name, and their root."""
    grown = grow(0, {}, [leaf_hash(entry) for entry in entries])
    tree = {
        tile_path(None, start // WIDE, len(entries[start : start + WIDE])): pack_entries(
            entries[start : start + WIDE]
        )
        for start in range(0, len(entries), WIDE)
    }
    tree |= {
        tile_path(tile.level, tile.index, len(hashes) // 32): hashes for tile, hashes in grown.tiles.items()
    }
    return tree, grown.root
