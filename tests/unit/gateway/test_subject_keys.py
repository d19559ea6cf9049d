"""Keys of subjects: wrapped under root keys, opening what is about that subject and nothing else."""

import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.audit.entries import make_entry, open_private, owner_of
from gateway.errors import CannotOpen, KeysUnusable
from gateway.records import EntryKind, SubjectKey
from gateway.security import Envelope, KeyRing, WrappedKeys, load_key_ring, rotate_root_key

OLD, NEW = b"o" * 32, b"n" * 32
NOW = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)
PLACE: dict[str, Any] = {"table": "drafts", "column": "answer", "row": "res_1", "subject": "s"}
KEYS, ENVELOPE = WrappedKeys(KeyRing([OLD])), Envelope(KeyRing([OLD]))
CELL: dict[str, Any] = {name: PLACE[name] for name in ("table", "column", "row")}


def key_of(ref: str = "sub_1", keys: WrappedKeys = KEYS) -> SubjectKey:
    """A new key of that subject, as a request has it."""
    key = keys.open(keys.new(ref), ref)
    assert key is not None
    return key


# ---------------------------------------------------------------- wrapping


def test_a_wrapped_key_opens_to_the_same_key() -> None:
    """Every time; and two subjects never have the same."""
    wrapped, other = KEYS.new("sub_1"), KEYS.new("sub_1")

    assert KEYS.open(wrapped, "sub_1") == KEYS.open(wrapped, "sub_1") != KEYS.open(other, "sub_1")
    assert len(wrapped) == 47


def test_who_has_no_key_has_none() -> None:
    """Nothing opens to nothing, not to some key."""
    assert KEYS.open(None, "sub_1") is None


def test_no_byte_of_a_wrapped_key_can_be_changed() -> None:
    """Nor can it be cut off anywhere: it is refused, never another key."""
    wrapped = KEYS.new("sub_1")
    altered = [wrapped[:at] + bytes([wrapped[at] ^ 1]) + wrapped[at + 1 :] for at in range(len(wrapped))]

    for each in [*altered, *(wrapped[:length] for length in range(len(wrapped)))]:
        with pytest.raises(CannotOpen):
            KEYS.open(each, "sub_1")


def test_rewrapping_keeps_the_key_and_changes_the_root() -> None:
    """What it sealed stays as it is; without the new root the wrapped key does not open."""
    rotated = WrappedKeys(KeyRing([NEW, OLD]))
    wrapped = KEYS.new("sub_1")
    again = rotated.rewrap(wrapped, "sub_1")

    assert rotated.open(again, "sub_1") == rotated.open(wrapped, "sub_1") == KEYS.open(wrapped, "sub_1")
    assert WrappedKeys(KeyRing([NEW])).open(again, "sub_1") == KEYS.open(wrapped, "sub_1")
    with pytest.raises(CannotOpen):
        KEYS.open(again, "sub_1")


# ---------------------------------------------------------------- a ring that is rotated meanwhile


def test_a_younger_root_is_taken_up_when_it_is_met(tmp_path: Path) -> None:
    """A worker that started before the rotation opens what one that started after it has sealed or wrapped."""
    path = tmp_path / "root.key"
    before = load_key_ring(path, create=True)

    def reload() -> KeyRing:
        return load_key_ring(path, create=False)

    keys, envelope = WrappedKeys(before, reload), Envelope(before, reload)
    rotate_root_key(path)
    after = load_key_ring(path, create=False)
    wrapped = WrappedKeys(after).new("sub_1")

    assert keys.open(wrapped, "sub_1") is not None
    assert envelope.open(Envelope(after).seal(b"value", **PLACE), **PLACE) == b"value"
    assert keys.root == after.ids[0]


def test_rotations_that_follow_on_one_another_are_all_taken_up(tmp_path: Path) -> None:
    """The second within a second of the first."""
    path = tmp_path / "root.key"
    ring = load_key_ring(path, create=True)
    keys = WrappedKeys(ring, lambda: load_key_ring(path, create=False))

    for _ in range(3):
        rotate_root_key(path)
        wrapped = WrappedKeys(load_key_ring(path, create=False)).new("sub_1")
        assert keys.open(wrapped, "sub_1") is not None


def test_a_root_that_nobody_knows_is_looked_for_now_and_then() -> None:
    """A damaged cell must not make the key file be read for every request."""
    reads: list[float] = []

    def reload() -> KeyRing:
        reads.append(time.monotonic())
        raise KeysUnusable("gone")

    keys = WrappedKeys(KeyRing([OLD]), reload)
    for _ in range(5):
        with pytest.raises(CannotOpen):
            keys.open(WrappedKeys(KeyRing([NEW])).new("sub_1"), "sub_1")

    assert len(reads) == 1


def test_many_roots_that_nobody_knows_are_looked_for_a_few_times() -> None:
    """However many cells are damaged, each in another way."""
    reads: list[float] = []

    def reload() -> KeyRing:
        reads.append(time.monotonic())
        return KeyRing([OLD])

    keys = WrappedKeys(KeyRing([OLD]), reload)
    for number in range(200):
        with pytest.raises(CannotOpen):
            keys.open(WrappedKeys(KeyRing([bytes([number]) * 31 + b"x"])).new("sub_1"), "sub_1")

    assert len(reads) == 20


# ---------------------------------------------------------------- cells


@given(st.binary(max_size=2000), st.text(min_size=1, max_size=40))
def test_what_is_sealed_for_a_subject_opens_with_its_key(plaintext: bytes, ref: str) -> None:
    """Any bytes, whatever the reference."""
    key = key_of(ref)

    assert ENVELOPE.open(ENVELOPE.seal(plaintext, **CELL, key=key), **CELL, key=key) == plaintext


def test_nothing_else_opens_it() -> None:
    """Not the root alone, not another subject's key, not the same key under another reference."""
    key = key_of()
    sealed = ENVELOPE.seal(b"value", **CELL, key=key)

    for wrong in (None, key_of(), replace(key, ref="sub_2")):
        with pytest.raises(CannotOpen):
            ENVELOPE.open(sealed, **CELL, key=wrong)


@pytest.mark.parametrize("part", sorted(CELL))
def test_a_cell_moved_elsewhere_does_not_open(part: str) -> None:
    """Also under the right key: its place is bound."""
    key = key_of()
    sealed = ENVELOPE.seal(b"value", **CELL, key=key)

    with pytest.raises(CannotOpen):
        ENVELOPE.open(sealed, **CELL | {part: "other"}, key=key)


def test_no_byte_of_a_subjects_cell_can_be_changed() -> None:
    """Format, nonce, ciphertext, tag; and no prefix opens."""
    key = key_of()
    sealed = ENVELOPE.seal(b"value", **CELL, key=key)
    altered = [sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :] for at in range(len(sealed))]

    for each in [*altered, *(sealed[:length] for length in range(len(sealed)))]:
        with pytest.raises(CannotOpen):
            ENVELOPE.open(each, **CELL, key=key)


def test_what_was_sealed_before_there_were_keys_still_opens() -> None:
    """A cell under the root opens whether or not its subject has a key by now."""
    sealed = ENVELOPE.seal(b"value", **CELL)

    assert ENVELOPE.open(sealed, **CELL, key=key_of()) == ENVELOPE.open(sealed, **CELL) == b"value"


# ---------------------------------------------------------------- several subjects


def test_a_key_of_several_needs_all_of_them() -> None:
    """In whatever order they come; of one missing, or another in its place, another key comes out."""
    one, two, three = (key_of(ref) for ref in ("sub_1", "sub_2", "sub_3"))
    together = KEYS.together([one, two, three])

    assert together == KEYS.together([three, one, two, one])
    assert together.ref == "sub_1 sub_2 sub_3"
    others = [KEYS.together(keys) for keys in ([one, two], [one, three], [one, two, key_of("sub_3")], [one])]
    assert together.material not in {each.material for each in others}


def test_a_key_of_one_is_that_one() -> None:
    """However often it is named."""
    key = key_of()

    assert KEYS.together([key, key]) is key


# ---------------------------------------------------------------- private parts of entries


def test_the_private_part_of_an_entry_is_sealed_for_whom_it_is_about() -> None:
    """Without that subject's key nobody reads it; the leaf stays as it is and commits to it."""
    key = key_of()
    entry = make_entry(
        "aud_1",
        EntryKind.intent,
        NOW,
        caller="hall",
        request="res_1",
        facts={"subjects": {"applicant": "sub_1"}},
        private={"actor": "clerk-17"},
        sealer=ENVELOPE,
        key=key,
    )

    assert open_private(entry, ENVELOPE, key) == {"actor": "clerk-17"}
    assert b"clerk-17" not in entry.leaf + (entry.sealed or b"")
    with pytest.raises(CannotOpen):
        open_private(entry, ENVELOPE)


@pytest.mark.parametrize(
    ("leaf", "owner"),
    [
        ({"subjects": {"agent": "sub_2", "applicant": "sub_1"}}, "sub_1"),
        ({"subjects": {"legal_rep": "sub_2", "enterprise": "sub_1"}}, "sub_1"),
        ({"subject": "sub_1"}, "sub_1"),
        ({"subject": None, "what": "export"}, None),
        ({"subjects": ["sub_1", "sub_2"]}, None),
        ({"subjects": {}}, None),
        ({}, None),
    ],
)
def test_one_subject_owns_an_entry(leaf: dict[str, Any], owner: str | None) -> None:
    """The applicant, else the first role in order; nobody where it is about nobody."""
    assert owner_of(leaf) == owner
