"""Whatever is done to an exported log, the verifier finds it, and names the right record where there is one."""

import functools
import struct
import tempfile
import zipfile
from collections.abc import Callable, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gateway.audit.bundle import write_bundle
from gateway.audit.entries import canonical
from gateway.audit.note import Checkpoint, Signer, sign_note
from gateway.audit.tree import grow, leaf_hash, pack_entries, tile_path
from gateway.audit.verify import CannotVerify, Report, earlier_line, verify_bundle

SIZES = (1, 255, 256, 257, 700)
LOG = Signer.from_seed("log.example/a", bytes(range(32)))
KEY = LOG.verifier_key
Members = Mapping[str, bytes]
Entries = tuple[bytes, ...]


@functools.cache
def make_entries(size: int) -> Entries:
    """Intents and outcomes by turns, each about its own request."""
    entries = []
    for number in range(size):
        request = f"res_{number // 2}"
        kind = "outcome" if number % 2 else "intent"
        entries.append(
            canonical({"id": f"aud_{number}", "kind": kind, "at": f"t{number}", "request": request})
        )
    return tuple(entries)


def make_note(entries: Sequence[bytes], signer: Signer = LOG) -> str:
    grown = grow(0, {}, [leaf_hash(entry) for entry in entries])
    return sign_note(Checkpoint(LOG.name, grown.size, grown.root).text(), [signer])


def export(entries: Sequence[bytes], *earlier: int, signer: Signer = LOG) -> dict[str, bytes]:
    """The members of a sound bundle."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "log.zip")
        write_bundle(
            path,
            checkpoint=make_note(entries, signer),
            earlier=[(size, make_note(entries[:size], signer)) for size in earlier],
            keys=[signer.verifier_key],
            entries=entries,
            size=len(entries),
        )
        with zipfile.ZipFile(path) as archive:
            return {name: archive.read(name) for name in archive.namelist()}


@functools.cache
def sound(size: int) -> Members:
    """The bundle that is about to suffer."""
    return export(make_entries(size), *(part for part in (0, 1, 200, 256, 500) if part < size))


def verdict(members: Members, key: str = KEY) -> Report | None:
    """What the verifier says; None when it says that nothing can be said."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "log.zip")
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in members.items():
                archive.writestr(name, content)
        return verdict_of(path, key)


def verdict_of(path: Path, key: str = KEY) -> Report | None:
    try:
        return verify_bundle(path, [key])
    except CannotVerify:
        return None


def is_found(report: Report | None) -> bool:
    return report is None or not report.ok


def with_entries(members: Members, entries: Sequence[bytes]) -> dict[str, bytes]:
    """The bundle with its entries written anew, everything else as it was."""
    kept = {name: content for name, content in members.items() if not name.startswith("tile/entries/")}
    for at in range(0, len(entries), 256):
        batch = entries[at : at + 256]
        kept[tile_path(None, at // 256, len(batch))] = pack_entries(batch)
    return kept


def record_at(name: str, offset: int, members: Members) -> int | None:
    """The index of the record that a byte of a bundle or of a level-0 tile belongs to."""
    _, level, *places = name.split("/")
    start = 256 * int(places[0].removesuffix(".p"))
    if level == "0":
        return start + offset // 32
    if level != "entries":
        return None
    content, at, index = members[name], 0, start
    while (end := at + 2 + struct.unpack(">H", content[at : at + 2])[0]) <= offset:
        at, index = end, index + 1
    return index


@pytest.mark.parametrize("size", SIZES)
def test_the_bundle_is_sound_before(size: int) -> None:
    """What the other tests break is whole to begin with."""
    report = verdict(sound(size))

    assert report is not None
    assert report.lines("en")[-1].startswith("[ok] The log is sound")


@given(data=st.data(), size=st.sampled_from(SIZES), change=st.integers(1, 255))
def test_any_byte_of_any_member(data: st.DataObject, size: int, change: int) -> None:
    """One byte changed anywhere, in whichever member, is found; in records and their hashes the record is named."""
    members = sound(size)
    name = data.draw(st.sampled_from([name for name, content in members.items() if content]))
    offset = data.draw(st.integers(0, len(members[name]) - 1))
    content = bytearray(members[name])
    content[offset] ^= change

    report = verdict({**members, name: bytes(content)})

    assert is_found(report)
    if name.startswith(("tile/0/", "tile/entries/")):
        assert report is not None
        assert report.first_bad is not None
        assert report.first_bad.index == record_at(name, offset, members)


@given(data=st.data(), size=st.sampled_from(SIZES))
def test_any_member_cut_short(data: st.DataObject, size: int) -> None:
    """A member that ends too early is found, except earlier checkpoints left out whole, which nobody can miss."""
    members = sound(size)
    name = data.draw(st.sampled_from([name for name, content in members.items() if content]))
    content = members[name][: data.draw(st.integers(0, len(members[name]) - 1))]
    assume(name != "checkpoints.jsonl" or not content.endswith(b"\n"))
    assume(name != "checkpoints.jsonl" or content)

    assert is_found(verdict({**members, name: content}))


def delete(entries: list[bytes], at: int, _: int) -> None:
    del entries[at]


def insert(entries: list[bytes], at: int, _: int) -> None:
    entries.insert(at, canonical({"id": "aud_x", "kind": "k", "at": "t"}))


def swap(entries: list[bytes], at: int, to: int) -> None:
    entries[at], entries[to] = entries[to], entries[at]


def duplicate(entries: list[bytes], at: int, to: int) -> None:
    entries.insert(to, entries[at])


def alter(entries: list[bytes], at: int, to: int) -> None:
    entries[at] = entries[at].replace(b'"at":"t', b'"at":"%d' % to)


Change = Callable[[list[bytes], int, int], None]
CHANGES: tuple[Change, ...] = (delete, insert, swap, duplicate, alter)


def changed(data: st.DataObject, size: int, change: Change) -> tuple[list[bytes], int]:
    """The entries after the change, and the first index at which they are no longer the old ones."""
    entries, places = list(make_entries(size)), st.integers(0, size - 1)
    change(entries, data.draw(places), data.draw(places))
    assume(entries != list(make_entries(size)))
    pairs = zip_longest(make_entries(size), entries)
    return entries, next(index for index, (old, new) in enumerate(pairs) if old != new)


@given(data=st.data(), size=st.sampled_from(SIZES), change=st.sampled_from(CHANGES))
def test_records_changed_but_not_their_tiles(data: st.DataObject, size: int, change: Change) -> None:
    """Deleted, inserted, swapped, doubled, altered: the first record that is not the logged one is named."""
    entries, first = changed(data, size, change)

    report = verdict(with_entries(sound(size), entries))

    assert report is not None
    assert report.first_bad is not None
    assert (report.ok, report.first_bad.index) == (False, first)


@given(data=st.data(), size=st.sampled_from(SIZES), change=st.sampled_from(CHANGES))
def test_records_and_tiles_rewritten_together(data: st.DataObject, size: int, change: Change) -> None:
    """Whoever rewrites every hash cannot rewrite the signature; nor, with the key, the checkpoints given out."""
    entries, first = changed(data, size, change)
    rewritten = export(entries)
    unsigned = rewritten | {name: sound(size)[name] for name in ("checkpoint", "checkpoints.jsonl")}
    signed = rewritten | {"checkpoints.jsonl": earlier_line(size, make_note(make_entries(size))).encode()}

    assert is_found(verdict(unsigned))
    # New entries at the end are what a log is for, but not an old one a second time.
    assert is_found(verdict(signed)) == (first < size or change is duplicate)


@given(old=st.integers(0, 699))
def test_rolled_back_to_an_older_checkpoint(old: int) -> None:
    """An older checkpoint in front, with or without the records after it, does not hide the newer one."""
    entries = make_entries(700)
    newer = {"checkpoints.jsonl": earlier_line(700, make_note(entries)).encode()}
    older = {"checkpoint": make_note(entries[:old]).encode()}

    cut = verdict(export(entries[:old]) | newer)

    assert is_found(verdict({**sound(700), **older, **newer}))
    assert cut is not None
    assert "rolled back" in cut.lines("en")[-1]


@given(seed=st.binary(min_size=32, max_size=32), size=st.sampled_from(SIZES))
def test_signed_again_by_another_key(seed: bytes, size: int) -> None:
    """Another key's signature is worth nothing, even under the same name and with its key in the bundle."""
    assume(seed != bytes(range(32)))
    stranger = Signer.from_seed(LOG.name, seed)
    bundle = export(make_entries(size), signer=stranger)
    with_our_key = bundle | {"log.vkey": sound(size)["log.vkey"]}

    assert is_found(verdict(bundle))
    assert is_found(verdict(with_our_key))
    assert not is_found(verdict(bundle, stranger.verifier_key))


@given(data=st.data(), size=st.sampled_from(SIZES), change=st.integers(1, 255))
def test_any_byte_of_the_file_itself(data: st.DataObject, size: int, change: int) -> None:
    """A byte changed in the packed file is found, unless it changes nothing that can be read out of it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "log.zip")
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in sound(size).items():
                archive.writestr(name, content)
        packed = bytearray(path.read_bytes())
        packed[data.draw(st.integers(0, len(packed) - 1))] ^= change
        path.write_bytes(packed)
        report = verdict_of(path)
        if is_found(report):
            return
        with zipfile.ZipFile(path) as archive:
            readable = {name: archive.read(name) for name in archive.namelist()}

    assert readable == sound(size)


@given(noise=st.binary(max_size=400), name=st.sampled_from(["checkpoint", "checkpoints.jsonl", "log.vkey"]))
def test_noise_is_never_taken_for_a_log(noise: bytes, name: str) -> None:
    """Arbitrary bytes as a member, or as the whole file, give a sentence, not a traceback."""
    assume(noise != sound(256)[name] and (name, noise) != ("checkpoints.jsonl", b""))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "noise")
        path.write_bytes(noise)
        whole = verdict_of(path)

    assert whole is None
    assert is_found(verdict({**sound(256), name: noise}))
