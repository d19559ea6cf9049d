"""Whatever is handed in as a note, a proof, a key, a path, a bundle or an entry is read or refused, never a traceback."""

import tempfile
import zipfile
from base64 import b64encode
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.audit.bundle import write_bundle
from gateway.audit.entries import canonical
from gateway.audit.note import (
    Checkpoint,
    Cosigner,
    Signer,
    Verifier,
    cosign,
    decode_base64,
    open_note,
    parse_number,
    sign_note,
    signature_lines,
    signers_of,
)
from gateway.audit.proofs import TlogProof
from gateway.audit.shards import open_checkpoint, opened_on, shard_of
from gateway.audit.tree import (
    TileId,
    consistency_proof,
    grow,
    inclusion_proof,
    leaf_hash,
    parse_tile_path,
    root,
    unpack_entries,
    verify_consistency,
    verify_inclusion,
)
from gateway.audit.verify import CannotVerify, verify_bundle

LOG = Signer.from_seed("log.example/a", bytes(range(32)))
OFFICE = Cosigner.from_seed("office.example/w", bytes(32))
LEAVES = [canonical({"id": f"aud_{number}", "kind": "k", "at": "t"}) for number in range(5)]
GROWN = grow(0, {}, [leaf_hash(leaf) for leaf in LEAVES])
TEXT = Checkpoint(LOG.name, GROWN.size, GROWN.root).text()
NOTE = sign_note(TEXT, [LOG], keep=[cosign(TEXT, OFFICE, 7)])
# Without the office's line: who does not know its key must pass over it, whatever it says (C2SP signed-note).
SIGNED = sign_note(TEXT, [LOG])
PROOF = TlogProof(2, inclusion_proof(2, 5, GROWN.tiles), NOTE, b"extra").text()
OPENED = canonical(
    {"kind": "log.shard_opened", "last": {"origin": "log.example/a", "size": 5, "root": GROWN.root.hex()}}
).decode()

Reader = Callable[[str], Any]
READERS: dict[str, tuple[Reader, str]] = {
    "note": (lambda text: open_note(text, [LOG.verifier, OFFICE.verifier]), NOTE),
    "note as bytes": (lambda text: open_note(text.encode(errors="replace"), [LOG.verifier]), NOTE),
    "checkpoint": (Checkpoint.parse, TEXT),
    "checkpoint of a tree": (lambda text: open_checkpoint(text, [LOG.verifier]), NOTE),
    "signers": (signers_of, NOTE),
    "signature lines": (signature_lines, NOTE),
    "key": (Verifier.parse, LOG.verifier_key),
    "proof": (TlogProof.parse, PROOF),
    "proof, checked": (
        lambda text: TlogProof.parse(text).check(leaf_hash(LEAVES[2]), [LOG.verifier]),
        PROOF,
    ),
    "tile path": (parse_tile_path, "tile/0/x001/x234/067.p/3"),
    "number": (parse_number, "17"),
    "base64": (decode_base64, b64encode(bytes(32)).decode()),
    "tree name": (lambda text: shard_of("log.example/a", text), "log.example/a/2"),
    "opening entry": (lambda text: opened_on(text.encode(errors="replace")), OPENED),
    "entry bundle": (lambda text: unpack_entries(text.encode(errors="replace")), "\x00\x02ab\x00\x00"),
}

pieces = st.sampled_from(
    ["\n", "\n\n", "— ", " ", "+", "/", "0", "-1", "\x00", "é", "9" * 30, "=", ".p/", "x001", '"']
)


@st.composite
def spoiled(draw: st.DrawFn, sound: str) -> str:
    """A sound text after some cuts, doublings and insertions; or any text at all."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.text(max_size=200))
    text = sound
    for _ in range(draw(st.integers(1, 4))):
        begin = draw(st.integers(0, len(text)))
        end = draw(st.integers(begin, min(len(text), begin + 40)))
        middle = draw(st.one_of(st.just(""), pieces, st.text(max_size=3), st.just(text[begin:end] * 2)))
        text = text[:begin] + middle + text[end:]
    return text


@pytest.mark.parametrize("name", READERS)
def test_the_sound_one_is_read(name: str) -> None:
    """What the next test spoils is right to begin with."""
    read, sound = READERS[name]

    assert read(sound) is not None


@pytest.mark.parametrize("name", READERS)
@given(data=st.data())
def test_spoiled_it_is_read_or_refused(name: str, data: st.DataObject) -> None:
    """With a `ValueError` that says why, and with nothing else."""
    read, sound = READERS[name]

    with suppress(ValueError):
        read(data.draw(spoiled(sound)))


numbers = st.integers(-2, 2**66)
blobs = st.binary(max_size=70) | st.binary(min_size=32, max_size=32)


@given(old=numbers, new=numbers, hashes=st.lists(blobs, max_size=70), roots=st.tuples(blobs, blobs))
def test_proofs_of_anything_are_judged(
    old: int, new: int, hashes: list[bytes], roots: tuple[bytes, bytes]
) -> None:
    """Never raising, and never true for what was made up."""
    assert not verify_inclusion(roots[0], old, new, hashes, roots[1])
    if old not in (0, new):
        assert not verify_consistency(old, new, *roots, hashes)


tiles = st.dictionaries(
    st.builds(TileId, st.integers(0, 3), st.integers(0, 3)), st.binary(max_size=9_000), max_size=4
)


@given(
    size=st.integers(-1, 70_000), old=st.integers(-1, 70_000), held=tiles, leaves=st.lists(blobs, max_size=3)
)
def test_malformed_tiles_are_refused(
    size: int, old: int, held: dict[TileId, bytes], leaves: list[bytes]
) -> None:
    """Missing, cut, too long, of another tree: a `ValueError`, from whatever stands on tiles."""
    for made in (
        lambda: root(size, held),
        lambda: grow(size, held, leaves),
        lambda: inclusion_proof(old, size, held),
        lambda: consistency_proof(old, size, held),
    ):
        with suppress(ValueError):
            made()


@cache
def bundle() -> dict[str, bytes]:
    """The members of a sound bundle."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "log.zip")
        write_bundle(
            path, checkpoint=SIGNED, earlier=[(5, SIGNED)], keys=[LOG.verifier_key], entries=LEAVES, size=5
        )
        with zipfile.ZipFile(path) as archive:
            return {name: archive.read(name) for name in archive.namelist()}


@given(data=st.data())
def test_a_bundle_of_anything_gets_a_verdict(data: st.DataObject) -> None:
    """Members spoiled, exchanged, renamed, put below `shards/`: sound or not, or nothing to be said; no traceback."""
    members = dict(bundle())
    for _ in range(data.draw(st.integers(1, 3))):
        name = data.draw(st.sampled_from(sorted(members)))
        content = members[name]
        match data.draw(st.sampled_from(["spoil", "move", "swap", "noise"])):
            case "spoil":
                text = content.decode(errors="replace")
                members[name] = data.draw(spoiled(text)).encode(errors="replace")
            case "move":
                members[f"shards/{data.draw(st.integers(0, 3))}/{name}"] = content
            case "swap":
                other = data.draw(st.sampled_from(sorted(members)))
                members[name], members[other] = members[other], content
            case _:
                members[name] = data.draw(st.binary(max_size=100))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "log.zip")
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in members.items():
                archive.writestr(name, content)
        try:
            report = verify_bundle(path, [LOG.verifier_key])
        except CannotVerify:
            return

    assert report.ok is (members == bundle()) or (members["checkpoints.jsonl"] == b"" and report.ok)
