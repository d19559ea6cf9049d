"""The exported bundle: a static tlog-tiles log, complete, always the same bytes, or not written at all."""

import json
import struct
import zipfile
from collections.abc import Sequence
from hashlib import sha256
from itertools import repeat
from pathlib import Path

import pytest

from gateway.audit.bundle import write_bundle
from gateway.audit.entries import canonical
from gateway.audit.note import BadKey, BadNote, Checkpoint, Signer, sign_note
from gateway.audit.verify import README

SIZES = (0, 1, 255, 256, 257, 700)
LOG = Signer.from_seed("log.example/a", bytes(range(32)))


def make_entries(size: int) -> list[bytes]:
    return [canonical({"id": f"aud_{n}", "kind": "drafts.purged", "at": f"t{n}"}) for n in range(size)]


def naive_root(leaves: Sequence[bytes]) -> bytes:
    """RFC 6962 section 2.1, word by word."""
    if len(leaves) < 2:
        return sha256(b"\0" + leaves[0] if leaves else b"").digest()
    left = 1
    while left * 2 < len(leaves):
        left *= 2
    return sha256(b"\1" + naive_root(leaves[:left]) + naive_root(leaves[left:])).digest()


def make_note(entries: Sequence[bytes], signer: Signer = LOG) -> str:
    return sign_note(Checkpoint("log.example/a", len(entries), naive_root(entries)).text(), [signer])


def export(path: Path, entries: Sequence[bytes], /, **changes: object) -> dict[str, bytes]:
    """Write a bundle and read its members back."""
    given = {
        "checkpoint": make_note(entries),
        "earlier": [],
        "keys": [LOG.verifier_key],
        "entries": iter(entries),
        "size": len(entries),
    }
    write_bundle(path, **(given | changes))
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.mark.parametrize(
    ("size", "tiles"),
    [
        (0, []),
        (1, ["tile/0/000.p/1", "tile/entries/000.p/1"]),
        (255, ["tile/0/000.p/255", "tile/entries/000.p/255"]),
        (256, ["tile/0/000", "tile/1/000.p/1", "tile/entries/000"]),
        (257, ["tile/0/000", "tile/0/001.p/1", "tile/1/000.p/1", "tile/entries/000", "tile/entries/001.p/1"]),
    ],
)
def test_members_are_what_a_log_of_this_size_needs(tmp_path: Path, size: int, tiles: list[str]) -> None:
    """Full and partial tiles lie where C2SP tlog-tiles says, and nothing else does."""
    members = export(tmp_path / "log.zip", make_entries(size))

    assert list(members) == ["README.txt", "checkpoint", "checkpoints.jsonl", "log.vkey", *tiles]


@pytest.mark.parametrize("size", SIZES)
def test_tiles_hold_the_hashes_of_the_rfc(tmp_path: Path, size: int) -> None:
    """Every tile's hashes are those a word-by-word reading of RFC 6962 gives."""
    entries = make_entries(size)
    members = export(tmp_path / "log.zip", entries)

    level_0 = b"".join(members[name] for name in sorted(members) if name.startswith("tile/0/"))
    level_1 = b"".join(members[name] for name in sorted(members) if name.startswith("tile/1/"))

    assert level_0 == b"".join(naive_root([entry]) for entry in entries)
    assert level_1 == b"".join(naive_root(entries[at : at + 256]) for at in range(0, size - size % 256, 256))


def test_entry_bundles_hold_each_entry_after_its_length(tmp_path: Path) -> None:
    """An entry stands after its length in two bytes, big-endian."""
    entries = make_entries(257)
    members = export(tmp_path / "log.zip", entries)

    packed = b"".join(struct.pack(">H", len(entry)) + entry for entry in entries)

    assert packed == members["tile/entries/000"] + members["tile/entries/001.p/1"]


def test_three_levels(tmp_path: Path) -> None:
    """A log of more than 65,536 entries has a tile at level 2, and full ones at level 1."""
    entries = [b"%d" % n for n in range(65_537)]
    members = export(tmp_path / "log.zip", entries)

    assert members["tile/2/000.p/1"] == naive_root(entries[:65_536])
    assert len(members["tile/1/000"]) == 256 * 32
    assert len([name for name in members if name.startswith("tile/1/")]) == 1
    assert "tile/entries/256.p/1" in members


def test_everything_beside_the_tree_is_there(tmp_path: Path) -> None:
    """Checkpoints, keys and the note for the reader stand in the bundle as they were given."""
    entries = make_entries(5)
    old = make_note(entries[:2])
    older_key = Signer.from_seed("log.example/a", bytes(32)).verifier_key
    members = export(tmp_path / "log.zip", entries, earlier=[(2, old)], keys=[LOG.verifier_key, older_key])

    assert members["checkpoint"].decode() == make_note(entries)
    assert members["log.vkey"].decode() == f"{LOG.verifier_key}\n{older_key}\n"
    assert [json.loads(line) for line in members["checkpoints.jsonl"].splitlines()] == [
        {"size": 2, "note": old}
    ]
    assert members["README.txt"].decode() == README
    assert len(README.splitlines()) == 10


def test_the_same_log_gives_the_same_bytes(tmp_path: Path) -> None:
    """No time, no name of a machine, no order of writing shows in the file."""
    first, second = tmp_path / "first.zip", tmp_path / "second.zip"
    export(first, make_entries(300))
    export(second, make_entries(300))

    with zipfile.ZipFile(first) as archive:
        infos = archive.infolist()

    assert first.read_bytes() == second.read_bytes()
    assert {info.date_time for info in infos} == {(1980, 1, 1, 0, 0, 0)}
    assert {info.compress_type for info in infos} == {zipfile.ZIP_DEFLATED}
    assert [info.filename for info in infos] == sorted(info.filename for info in infos)


def test_entries_are_taken_as_they_are_needed(tmp_path: Path) -> None:
    """At most one bundle of entries is asked for ahead of what is written, and progress is told."""
    entries, taken, ahead, told = make_entries(700), 0, 0, [0]

    def stream() -> object:
        nonlocal taken, ahead
        for entry in entries:
            taken += 1
            ahead = max(ahead, taken - told[-1])
            yield entry

    export(tmp_path / "log.zip", entries, entries=stream(), progress=told.append)

    assert told == [0, 256, 512, 700]
    assert ahead <= 256


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"size": 6}, "states 5 entries, not 6"),
        ({"entries": make_entries(4)}, "There are 4 entries"),
        ({"entries": make_entries(6)}, "more entries than the 5"),
        ({"entries": make_entries(5)[::-1]}, "do not give the root"),
        ({"entries": repeat(b"x" * 65_536, 5)}, "does not fit a bundle"),
        ({"earlier": [(6, make_note(make_entries(6)))]}, "none beyond the newest"),
        ({"earlier": [(3, "later"), (2, "sooner")]}, "oldest first"),
    ],
)
def test_what_does_not_agree_is_refused(tmp_path: Path, changes: dict[str, object], says: str) -> None:
    """Entries, count and checkpoints that contradict each other give no file, and leave the old one alone."""
    target = tmp_path / "log.zip"
    target.write_bytes(b"the last export")

    with pytest.raises(ValueError, match=says):
        export(target, make_entries(5), **changes)

    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [
        ("log.zip", b"the last export")
    ]


def test_a_checkpoint_of_another_key_is_refused(tmp_path: Path) -> None:
    """No bundle is written that its own key would not open."""
    stranger = Signer.from_seed("log.example/a", bytes(32))

    with pytest.raises(BadNote):
        export(tmp_path / "log.zip", make_entries(3), checkpoint=make_note(make_entries(3), stranger))
    with pytest.raises(BadKey):
        export(tmp_path / "log.zip", make_entries(3), keys=["no key"])


def test_a_failing_source_leaves_nothing_behind(tmp_path: Path) -> None:
    """When reading the entries fails midway, no half file stays."""

    def stream() -> object:
        yield from make_entries(300)
        raise TimeoutError("the database went away")

    with pytest.raises(TimeoutError):
        export(tmp_path / "log.zip", make_entries(700), entries=stream())

    assert list(tmp_path.iterdir()) == []
