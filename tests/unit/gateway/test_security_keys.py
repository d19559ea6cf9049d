"""Root keys: where they come from, what derives from them, and what a rotation changes and must not change."""

import base64
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from field_registry import Subject, SubjectKind
from gateway.errors import KeysUnusable
from gateway.security import KeyRing, Pseudonyms, load_key_ring, new_reference, rotate_root_key

OLD, NEW = b"o" * 32, b"n" * 32
PERSON = Subject(SubjectKind.person, "111", "11010519491231002X")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a root key file would stand; its directory does not exist yet."""
    return tmp_path / "state" / "root.key"


# --- the file


def test_development_creates_the_file_for_its_owner_alone(path: Path) -> None:
    """One key, readable by nobody else, and the same at the next start."""
    ring = load_key_ring(path, create=True)

    assert path.stat().st_mode & 0o777 == 0o600
    assert load_key_ring(path, create=False).ids == ring.ids
    assert list(path.parent.iterdir()) == [path]


def test_production_does_not_invent_a_key(path: Path) -> None:
    """A missing file is a mistake to repair, not an occasion to make every stored value unreadable."""
    with pytest.raises(KeysUnusable, match="Restore it"):
        load_key_ring(path, create=False)

    assert not path.exists()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_file_that_others_can_read_is_refused(path: Path, mode: int) -> None:
    """In every environment: a key that leaked once stays leaked."""
    load_key_ring(path, create=True)
    path.chmod(mode)

    with pytest.raises(KeysUnusable, match="chmod 600"):
        load_key_ring(path, create=True)


@pytest.mark.parametrize("content", [b"", b"\n", b"not base64!", base64.b64encode(b"short")])
def test_a_malformed_file_is_refused_without_quoting_it(path: Path, content: bytes) -> None:
    """Empty, not base64, or too short: said so, with nothing of the content."""
    load_key_ring(path, create=True)
    path.write_bytes(content)

    with pytest.raises(KeysUnusable) as caught:
        load_key_ring(path, create=True)

    assert b"short" not in str(caught.value).encode()


def test_a_rotation_puts_a_new_key_first_and_keeps_the_others(path: Path) -> None:
    """The file grows at its head and stays private."""
    (first,) = load_key_ring(path, create=True).ids

    second = rotate_root_key(path)

    assert load_key_ring(path, create=False).ids == (second, first)
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_the_first_rotation_makes_the_file(path: Path) -> None:
    """A new installation gets its key by the same command."""
    made = rotate_root_key(path)

    assert load_key_ring(path, create=False).ids == (made,)


# --- derivation


def test_purposes_and_roots_have_different_keys() -> None:
    """No two keys of the service are the same."""
    ring = KeyRing([NEW, OLD])
    keys = {ring.derive(purpose, root=root) for purpose in ("a", "b") for root in ring.ids}

    assert len(keys) == 4


def test_the_same_root_derives_the_same_keys() -> None:
    """What was sealed before a restart opens after it."""
    assert KeyRing([OLD]).derive("a") == KeyRing([OLD]).derive("a")
    assert len(KeyRing([OLD]).derive("a", length=64)) == 64


def test_the_newest_root_derives_and_the_oldest_stays_fixed() -> None:
    """A rotation changes what seals and signs, and nothing that names stored subjects."""
    before, after = KeyRing([OLD]), KeyRing([NEW, OLD])

    assert after.derive("a") == KeyRing([NEW]).derive("a") != before.derive("a")
    assert after.derive_fixed("a") == before.derive_fixed("a")


def test_an_unknown_root_is_an_error() -> None:
    """A key id that is not in the ring derives nothing."""
    with pytest.raises(KeyError):
        KeyRing([OLD]).derive("a", root="unknown")


def test_a_ring_shows_ids_and_no_key() -> None:
    """`repr` says which keys, by their public names."""
    ring = KeyRing([OLD])

    assert repr(ring) == f"KeyRing({ring.ids[0]})"
    assert "ooo" not in repr(ring)


def test_an_empty_ring_cannot_be_made() -> None:
    """Nothing may ever be sealed under no key."""
    with pytest.raises(KeysUnusable):
        KeyRing([])


def test_an_ephemeral_ring_is_never_the_same() -> None:
    """Tests and demonstrations share no key."""
    assert KeyRing.ephemeral().ids != KeyRing.ephemeral().ids


# --- pseudonyms


def test_equal_subjects_have_one_blind_index() -> None:
    """A person is found again by index alone."""
    pseudonyms = Pseudonyms(KeyRing([OLD]))
    again = Subject(SubjectKind.person, "111", "11010519491231002X")

    assert pseudonyms.blind_index(PERSON) == pseudonyms.blind_index(again)
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", pseudonyms.blind_index(PERSON))


def test_what_is_stored_is_found_by_every_later_version() -> None:
    """Rows are found by these for as long as they lie there: another way to make them would lose every subject."""
    pseudonyms = Pseudonyms(KeyRing([OLD]))

    assert pseudonyms.blind_index(PERSON) == "qjVn-jEacAxTy4gBxry6Sx9kfPW8xdulo1dmmaRe958"
    assert (
        pseudonyms.fingerprint(b"case 1")
        == "8a37ef6832aa05a4d224a33d1243acea6569262ce3e9a3123c7feeda54bf7824"
    )


def test_one_maker_serves_every_thread() -> None:
    """The gates' threads and the loop make them at once, each its own."""
    pseudonyms = Pseudonyms(KeyRing([OLD]))
    texts = [f"case {number}".encode() * 100 for number in range(2_000)]
    alone = [pseudonyms.fingerprint(text) for text in texts]

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(pseudonyms.fingerprint, texts)) == alone


def test_a_temporary_card_names_the_same_person() -> None:
    """112 holds the number of 111: one person has one reference, one history and one key, whichever they show."""
    pseudonyms = Pseudonyms(KeyRing([OLD]))
    temporary = Subject(SubjectKind.person, "112", PERSON.id_no)

    assert pseudonyms.blind_index(temporary) == pseudonyms.blind_index(PERSON)


@pytest.mark.parametrize(
    "other",
    [
        Subject(SubjectKind.person, "414", "11010519491231002X"),
        Subject(SubjectKind.person, "111", "110105194912310021"),
        Subject(SubjectKind.organisation, "111", "11010519491231002X"),
        Subject(SubjectKind.person, "1111", "1010519491231002X"),
    ],
    ids=["id type", "id number", "kind", "moved digit"],
)
def test_different_subjects_have_different_indexes(other: Subject) -> None:
    """Kind, type and number each count, and each at its own place."""
    pseudonyms = Pseudonyms(KeyRing([OLD]))

    assert pseudonyms.blind_index(PERSON) != pseudonyms.blind_index(other)


def test_an_index_survives_rotation_and_tells_nothing_without_the_key() -> None:
    """The same under a rotated ring; another under another root."""
    index = Pseudonyms(KeyRing([OLD])).blind_index(PERSON)

    assert Pseudonyms(KeyRing([NEW, OLD])).blind_index(PERSON) == index
    assert Pseudonyms(KeyRing([NEW])).blind_index(PERSON) != index
    assert PERSON.id_no not in index


# --- references

REFERENCE = re.compile(r"res_[0-7][0-9A-HJKMNP-TV-Z]{25}")
moments = st.datetimes(datetime(2020, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(moments)
def test_a_reference_is_a_ulid_with_its_prefix(now: datetime) -> None:
    """26 characters of Crockford's base32 after the prefix, at any time."""
    assert REFERENCE.fullmatch(new_reference("res", now))


@given(moments, moments)
def test_references_sort_by_the_millisecond_they_were_made(one: datetime, other: datetime) -> None:
    """An index on ids is an index on time."""
    made = [(int(now.timestamp() * 1000), new_reference("aud", now)) for now in (one, other)]

    assert [ms for ms, _ in sorted(made, key=lambda pair: pair[1])] == sorted(ms for ms, _ in made)


def test_references_of_one_moment_differ() -> None:
    """80 random bits keep them apart."""
    now = datetime(2026, 11, 21, tzinfo=UTC)

    assert len({new_reference("cns", now) for _ in range(1000)}) == 1000


def test_a_known_moment_makes_the_known_beginning() -> None:
    """The time part is the one the ULID specification gives for its own example moment."""
    moment = datetime.fromtimestamp(1469918176.385, UTC)

    assert new_reference("rcp", moment).startswith("rcp_01ARYZ6S41")
