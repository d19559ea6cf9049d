"""Tampering: an exported bundle changed at random, and the verifier asked about every change.

Most changes are made to small bundles, held in memory and verified in milliseconds: the log as two of its earlier
checkpoints signed it, one tile and several, and those records as two shards. Every hundredth is written to disk and
verified there as well, some are made to the bundle itself. What nobody can find is not tried: an earlier checkpoint
left out whole, which only somebody who kept it would miss.
"""

import json
import multiprocessing
import os
import random
import sys
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from gateway.audit.bundle import Tree, write_bundle
from gateway.audit.entries import canonical
from gateway.audit.note import Checkpoint, Signer, sign_note
from gateway.audit.tree import grow, leaf_hash, pack_entries, tile_path, unpack_entries
from gateway.audit.verify import CannotVerify, verify_bundle, verify_members

Members = dict[str, bytes]
EARLIER = "checkpoints.jsonl"
BUNDLES = "tile/entries/"
WIDE = 256
SIZES = {"small": 40, "wide": 260}
ON_DISK = 100
AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Tampered:
    """`tried`, `found`: by kind of change. `missed`: seeds of those not found. `sound`: what the untouched one is."""

    tried: Mapping[str, int]
    found: Mapping[str, int]
    missed: Sequence[str]
    sound: bool
    why: str


def tamper(
    bundle: Path,
    signers: Sequence[Signer],
    directory: Path,
    *,
    seed: int,
    mutations: int,
    on_whole: int,
) -> Tampered:
    """What became of so many changes to small bundles of that log, and of `on_whole` to the bundle itself.

    `signers`: the log's, the present one first; they sign nothing but the second of two shards.
    """
    keys = [signer.verifier_key for signer in signers]
    report = verify_bundle(bundle, keys)
    whole = _members(bundle)
    bases = _small_ones(whole, signers, directory)
    counts = {name: mutations // len(bases) for name in bases}
    counts["small"] += mutations - sum(counts.values())
    bases["whole"], counts["whole"] = whole, on_whole
    sound = {name for name, members in bases.items() if verify_members(members, keys).ok}
    tried: Counter[str] = Counter()
    missed: list[str] = []
    judge = _Judge(bases, keys, directory, seed)
    for more, not_found in _judged(judge, {name: counts[name] for name in bases if name in sound}):
        tried += more
        missed += not_found
    found = tried - Counter(each.rpartition("(")[2][:-1] for each in missed)
    why = report.fault.en if report.fault else ", ".join(sorted(bases.keys() - sound))
    return Tampered(tried, found, missed, report.ok and len(sound) == len(bases), why)


def _judged(judge: "_Judge", counts: Mapping[str, int]) -> Iterator[tuple[Counter[str], list[str]]]:
    """What became of them, some hundreds at a time, on every core; how far it is stands on standard error."""
    portions = [
        (name, range(begin, min(begin + AT_ONCE, count)))
        for name, count in counts.items()
        for begin in range(0, count, AT_ONCE)
    ]
    if len(portions) < 2 * len(counts):
        yield from map(judge, *zip(*portions, strict=True))
        return
    spawning = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(os.cpu_count(), mp_context=spawning) as pool:
        for number, done in enumerate(pool.map(judge, *zip(*portions, strict=True)), 1):
            sys.stderr.write(f"\rtampering: {number / len(portions):.0%}" + "\n" * (number == len(portions)))
            yield done


@dataclass(frozen=True)
class _Judge:
    # Makes the changes of these numbers to that bundle, and asks the verifier about each.

    bases: Mapping[str, Members]
    keys: Sequence[str]
    directory: Path
    seed: int

    def __call__(self, name: str, numbers: range) -> tuple[Counter[str], list[str]]:
        tried: Counter[str] = Counter()
        missed = []
        for number in numbers:
            chance = random.Random(f"{self.seed}/{name}/{number}")
            kind = chance.choice(_fitting(self.bases[name]))
            tried[kind] += 1
            changed = _changed(kind, self.bases[name], chance)
            is_found = _is_found(changed, self.keys)
            if is_found and number % ON_DISK == 0:
                is_found = _is_found_on_disk(self.directory / f"{name}-{number}", changed, self.keys)
            if not is_found:
                missed.append(f"{self.seed}/{name}/{number} ({kind})")
        return tried, missed


def _fitting(members: Members) -> list[str]:
    """The kinds of change there are for it: nobody rolls back to a checkpoint that there is not."""
    return sorted(KINDS.keys() - ({"roll_back"} if not members[EARLIER] else set()))


def _members(bundle: Path) -> Members:
    with zipfile.ZipFile(bundle) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _small_ones(whole: Members, signers: Sequence[Signer], directory: Path) -> dict[str, Members]:
    """By name; of a log that never was so small, the whole."""
    earlier = [(told["size"], told["note"]) for told in map(json.loads, whole[EARLIER].splitlines())]
    entries = _entries(whole)
    keys = [signer.verifier_key for signer in signers]
    made: dict[str, Members] = {}
    for name, least in SIZES.items():
        place = next((place for place, (size, _) in enumerate(earlier) if size >= least), None)
        if place is None:
            made[name] = whole
            continue
        size, note = earlier[place]
        tree = Tree(note, earlier[:place], keys, entries[:size], size)
        made[name] = _written(directory / f"{name}.zip", tree)
        if "shards" not in made:
            made["shards"] = _in_shards(tree, entries[size:][:50], signers, directory / "shards.zip")
    return made


def _in_shards(old: Tree, entries: Sequence[bytes], signers: Sequence[Signer], target: Path) -> Members:
    """That tree, and another that goes on from it with these records."""
    root = grow(0, {}, [leaf_hash(leaf) for leaf in old.entries]).root
    left = {"origin": signers[0].name, "size": old.size, "root": root.hex()}
    second = [signer.named(f"{signer.name}/2") for signer in signers]
    opening = {"id": "aud_opening", "at": "2026-01-01T00:00:00Z", "kind": "log.shard_opened", "shard": 2}
    first = canonical({**opening, "origin": second[0].name, "last": left, "held": left})
    leaves = [first, *(leaf for leaf in entries if b'"kind":"log.shard_opened"' not in leaf)]
    notes = []
    for size in (1, len(leaves)):
        root = grow(0, {}, [leaf_hash(leaf) for leaf in leaves[:size]]).root
        notes.append((size, sign_note(Checkpoint(second[0].name, size, root).text(), second)))
    keys = [signer.verifier_key for signer in second]
    return _written(target, Tree(notes[1][1], notes[:1], keys, leaves, len(leaves)), old)


def _written(target: Path, tree: Tree, *older: Tree) -> Members:
    write_bundle(
        target,
        checkpoint=tree.checkpoint,
        earlier=tree.earlier,
        keys=tree.keys,
        entries=tree.entries,
        size=tree.size,
        older=enumerate(older, 1),
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
    names = {name for name in members | changed if members.get(name) != changed.get(name)}
    return all(
        name.endswith(EARLIER) and name in changed and _is_part(changed[name], members[name])
        for name in names
    )


def _is_part(changed: bytes, lines: bytes) -> bool:
    rest = iter(lines.splitlines(keepends=True))
    return all(line in rest for line in changed.splitlines(keepends=True))


def _is_found(changed: Members, keys: Sequence[str]) -> bool:
    """Whether the verifier will not call it sound."""
    try:
        return not verify_members(changed, keys).ok
    except CannotVerify:
        return True


def _is_found_on_disk(place: Path, changed: Members, keys: Sequence[str]) -> bool:
    """The same, of a file that holds it."""
    with zipfile.ZipFile(place, "w") as archive:
        for name, content in changed.items():
            archive.writestr(name, content)
    try:
        return not verify_bundle(place, keys).ok
    except CannotVerify:
        return True
    finally:
        place.unlink()


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
