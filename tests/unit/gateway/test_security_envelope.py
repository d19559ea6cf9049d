"""Sealed values: opened in their own place under any key of the ring, and nowhere else."""

import base64
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import CannotOpen
from gateway.security import Envelope, KeyRing

OLD, NEW = b"o" * 32, b"n" * 32
PLACE: dict[str, Any] = {"table": "drafts", "column": "answer", "row": "res_1", "subject": "s"}
ENVELOPE = Envelope(KeyRing([OLD]))


@given(st.binary(max_size=2000), st.text(max_size=20), st.text(max_size=20))
def test_what_is_sealed_opens_in_its_place(plaintext: bytes, row: str, subject: str) -> None:
    """Any bytes, any row, any subject."""
    place = PLACE | {"row": row, "subject": subject}

    assert ENVELOPE.open(ENVELOPE.seal(plaintext, **place), **place) == plaintext


@given(st.text(max_size=9), st.text(max_size=9), st.text(max_size=9), st.text(max_size=9))
def test_what_was_sealed_before_opens(table: str, column: str, row: str, subject: str) -> None:
    """The additional data is the header, then each part behind its length in four bytes: stored values rest on it."""
    parts = [part.encode() for part in (table, column, row, subject)]
    nonce = b"n" * 12
    for ring in (KeyRing([OLD]), KeyRing([NEW])):  # one place under two headers
        header = b"\x01" + base64.urlsafe_b64decode(ring.ids[0])
        bound = header + b"".join(len(part).to_bytes(4, "big") + part for part in parts)
        sealed = header + nonce + AESGCM(ring.derive("envelope")).encrypt(nonce, b"value", bound)

        opened = Envelope(ring).open(sealed, table=table, column=column, row=row, subject=subject)
        assert opened == b"value"


@pytest.mark.parametrize("part", sorted(PLACE))
def test_a_value_moved_elsewhere_does_not_open(part: str) -> None:
    """Copying a row's ciphertext to another row, column, table or person gives nothing."""
    sealed = ENVELOPE.seal(b"value", **PLACE)

    with pytest.raises(CannotOpen):
        ENVELOPE.open(sealed, **PLACE | {part: "other"})


def test_the_boundary_between_parts_is_bound_too() -> None:
    """Letters cannot wander from one part of the place to the next."""
    sealed = ENVELOPE.seal(b"value", table="ab", column="c", row="r")

    with pytest.raises(CannotOpen):
        ENVELOPE.open(sealed, table="a", column="bc", row="r")


def test_no_byte_can_be_changed() -> None:
    """Version, key id, nonce, ciphertext, tag: flipping any bit of any byte is found."""
    sealed = ENVELOPE.seal(b"value", **PLACE)

    for position in range(len(sealed)):
        for bit in (0x01, 0x80):
            altered = bytearray(sealed)
            altered[position] ^= bit
            with pytest.raises(CannotOpen):
                ENVELOPE.open(bytes(altered), **PLACE)


def test_no_prefix_opens() -> None:
    """A truncated value is refused at every length, the empty one included."""
    sealed = ENVELOPE.seal(b"value", **PLACE)

    for length in range(len(sealed)):
        with pytest.raises(CannotOpen):
            ENVELOPE.open(sealed[:length], **PLACE)


def test_a_rotated_ring_opens_the_old_and_seals_under_the_new() -> None:
    """Rotation loses nothing, and what is sealed after it does not open without the new key."""
    rotated = Envelope(KeyRing([NEW, OLD]))

    assert rotated.open(ENVELOPE.seal(b"value", **PLACE), **PLACE) == b"value"
    with pytest.raises(CannotOpen):
        ENVELOPE.open(rotated.seal(b"value", **PLACE), **PLACE)


def test_a_key_that_is_gone_opens_nothing() -> None:
    """After its root key is removed, a value is gone for good: that is how it is destroyed."""
    with pytest.raises(CannotOpen):
        Envelope(KeyRing([NEW])).open(ENVELOPE.seal(b"value", **PLACE), **PLACE)


def test_two_seals_of_one_value_differ_and_hide_it() -> None:
    """Nobody can see from the database that two rows hold the same."""
    one, other = ENVELOPE.seal(b"value", **PLACE), ENVELOPE.seal(b"value", **PLACE)

    assert one != other
    assert b"value" not in one
    assert len(one) == len(b"value") + 35


def test_the_refusal_says_nothing_about_the_value() -> None:
    """One sentence for every cause."""
    with pytest.raises(CannotOpen) as caught:
        ENVELOPE.open(b"", **PLACE)

    assert (caught.value.status, caught.value.code) == (500, "cannot_open")
