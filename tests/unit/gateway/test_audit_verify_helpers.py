"""Several processes read one bundle: the report is the same as one process gives, whatever is wrong with the bundle."""

import functools
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.audit import verify
from gateway.audit.bundle import write_bundle
from gateway.audit.entries import canonical
from gateway.audit.note import Checkpoint, Signer, sign_note
from gateway.audit.tree import grow, leaf_hash
from gateway.audit.verify import Report, verify_bundle

SIZE = 20_100  # from where helpers are worth their start
LOG = Signer.from_seed("log.example/a", bytes(range(32)))
Leaves = list[bytes]


def leaf(number: int, **told: object) -> bytes:
    """An intent, then its outcome, by turns."""
    kind = "outcome" if number % 2 else "intent"
    request = {"request": f"res_{number // 2}"} | ({} if number % 2 else {"asks": []})
    return canonical({"id": f"aud_{number}", "at": "t", "kind": kind, **request, **told})


def note(leaves: Leaves) -> str:
    grown = grow(0, {}, [leaf_hash(each) for each in leaves])
    return sign_note(Checkpoint(LOG.name, grown.size, grown.root).text(), [LOG])


def write(path: Path, leaves: Leaves) -> Path:
    earlier = [(size, note(leaves[:size])) for size in (100, 5_120, 20_000)]
    key = LOG.verifier_key
    write_bundle(path, checkpoint=note(leaves), earlier=earlier, keys=[key], entries=leaves, size=len(leaves))
    return path


@functools.cache
def sound() -> tuple[bytes, ...]:
    return tuple(leaf(number) for number in range(SIZE))


def verdicts(path: Path) -> tuple[Report, Report]:
    """By one process and by two, without what differs: the time."""
    alone, helped = (verify_bundle(path, [LOG.verifier_key], processes=count) for count in (1, 2))
    return replace(alone, seconds=0), replace(helped, seconds=0)


def swap(leaves: Leaves) -> None:
    leaves[700], leaves[701] = leaves[701], leaves[700]


def double(leaves: Leaves) -> None:
    leaves[20_001] = leaf(20_001, id="aud_3")


def with_space(leaves: Leaves) -> None:
    leaves[9_999] = leaves[9_999].replace(b":", b": ", 1)


def split_in_two(leaves: Leaves) -> None:
    leaves[8_000], leaves[8_001] = b'{"a":[{}', b'{}]},{"id":"x"}'


def rest_on_ended(leaves: Leaves) -> None:
    asks = [["applicant", "s", ["i"], True, "R-1", "consent:cns_7"]]
    leaves[300] = canonical({"id": "aud_300", "at": "t", "kind": "consent.withdrawn", "request": "cns_7"})
    leaves[301] = leaf(300, id="aud_301")
    leaves[15_000] = leaf(15_000, asks=asks)


@pytest.mark.parametrize(
    ("change", "index", "says"),
    [
        (swap, 700, "without an intent"),
        (double, 20_001, "bears the id of an earlier one"),
        (with_space, 9_999, "is not canonical JSON"),
        (split_in_two, 8_000, "is not canonical JSON"),
        (rest_on_ended, 15_000, "consent cns_7 after it was withdrawn"),
    ],
)
def test_what_was_logged_wrongly_is_named_alike(
    tmp_path: Path, change: Callable[[Leaves], None], index: int, says: str
) -> None:
    """The same record in the same words, whoever read it."""
    leaves = list(sound())
    change(leaves)

    alone, helped = verdicts(write(tmp_path / "log.zip", leaves))

    assert alone == helped
    assert helped.first_bad is not None
    assert (helped.first_bad.index, helped.ok) == (index, False)
    assert says in helped.first_bad.why


def changed(path: Path, changes: Mapping[str, Callable[[bytes], bytes]]) -> Path:
    """The bundle with some members changed."""
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(path.with_suffix(".changed"), "w") as new:
        for name in old.namelist():
            new.writestr(name, changes.get(name, bytes)(old.read(name)))
    return path.with_suffix(".changed")


def flip(content: bytes) -> bytes:
    return content[:-1] + bytes([content[-1] ^ 1])


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("tile/entries/043", "Record 11,263 "),
        ("tile/0/043", "Record 11,263 "),
        ("tile/1/000.p/78", "tile/1/000.p/78 does not hold the hashes"),
        ("checkpoints.jsonl", "checkpoints.jsonl was cut"),
    ],
)
def test_what_was_changed_afterwards_is_named_alike(tmp_path: Path, name: str, says: str) -> None:
    """One byte, in records, in their hashes, in a tile above them, in what was signed earlier."""
    path = changed(write(tmp_path / "log.zip", list(sound())), {name: flip})

    alone, helped = verdicts(path)

    assert alone == helped
    assert not helped.ok
    assert says in helped.lines("en")[-1]


def test_a_sound_bundle_is_sound_with_any_number(tmp_path: Path) -> None:
    """Records are counted in order, and earlier checkpoints inside a tile are met."""
    path = write(tmp_path / "log.zip", list(sound()))
    told: list[tuple[int, int]] = []

    report = verify_bundle(
        path, [LOG.verifier_key], lambda done, total: told.append((done, total)), processes=3
    )

    assert (report.ok, report.size, report.checkpoints) == (True, SIZE, 4)
    assert [done for done, _ in told] == [*range(256, SIZE, 256), SIZE]
    assert {total for _, total in told} == {SIZE}


def test_a_helper_that_cannot_read_is_no_fault_of_the_bundle(tmp_path: Path) -> None:
    """Whatever becomes of helpers, what is left to read is read by the process that asked for them."""
    path = write(tmp_path / "log.zip", list(sound()))
    away = tmp_path / "away.zip"
    helpers = verify._Helpers(away, 2)

    helpers.start([("", SIZE)])
    nothing = helpers.next()
    helpers.close()
    shutil.copy(path, away)
    helpers.start([("", SIZE)])
    something = helpers.next()
    helpers.close()

    assert nothing is None
    assert something is not None
    assert len(something.hashes) == 256 * 32
    assert helpers.next() is None


def test_it_works_where_the_file_stands_alone(tmp_path: Path) -> None:
    """Carried away, started by a relative name from anywhere, without this product."""
    shutil.copy(verify.__file__, tmp_path / "verify.py")
    write(tmp_path / "-log.zip", list(sound()))
    command = [
        sys.executable,
        "-I",
        "verify.py",
        "--key",
        LOG.verifier_key,
        "--processes",
        "2",
        "--",
        "-log.zip",
    ]

    done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=60)

    assert (done.returncode, done.stderr) == (0, b"")
    assert b"The log is sound: 20,100 records, 4 checkpoints" in done.stdout
