"""Thinning drops most checkpoints of a long log and nothing that anybody would miss."""

import asyncio
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from gateway.audit.note import Checkpoint, Signer, sign_note
from gateway.audit.thinning import KEPT_WHOLE, Kept, Thinning, superseded
from gateway.store import MemoryStore
from gateway.store.memory_tables import MemoryTree

NOW = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
KEYS = [Signer.from_seed("log.example/a", bytes([number]) * 32) for number in (1, 2)]
NOTES = [
    sign_note(Checkpoint("log.example/a", 1, bytes(32)).text(), keys) for keys in (KEYS[:1], KEYS, KEYS[1:])
]

signers = st.sampled_from([frozenset({"a"}), frozenset({"a", "b"}), frozenset({"b"})])
steps = st.lists(st.tuples(st.integers(1, 90), signers), max_size=60)


def log_of(drawn: list[tuple[int, frozenset[str]]]) -> list[Kept]:
    """Checkpoints so many minutes apart."""
    at, made = NOW - timedelta(days=30), list[Kept]()
    for size, (minutes, who) in enumerate(drawn, 1):
        at += timedelta(minutes=minutes)
        made.append(Kept(size, at, who))
    return made


def hour_of(each: Kept) -> datetime:
    """Begin of the hour it was signed in."""
    return each.at.replace(minute=0, second=0, microsecond=0)


@given(steps)
def test_of_each_hour_the_last_per_signers_stays(drawn: list[tuple[int, frozenset[str]]]) -> None:
    """The newest of all too, and with it the last that a replaced key signed; nothing else."""
    made = log_of(drawn)
    over = set(superseded(made))
    kept = [each for each in made if each.size not in over]

    assert {(hour_of(each), each.signers) for each in kept} == {
        (hour_of(each), each.signers) for each in made
    }
    assert len(kept) == len({(hour_of(each), each.signers) for each in made})
    assert made[-1:] == kept[-1:]
    for who in {each.signers for each in made}:
        assert max(each.size for each in made if each.signers == who) not in over


@given(steps)
def test_what_is_thin_stays_as_it_is(drawn: list[tuple[int, frozenset[str]]]) -> None:
    """A second time nothing goes."""
    made = log_of(drawn)
    over = set(superseded(made))

    assert superseded([each for each in made if each.size not in over]) == []


def store_of(count: int, apart: timedelta, *, notes: int = 1) -> MemoryStore:
    """A log of so many checkpoints, the newest signed now."""
    store = MemoryStore()
    tree = MemoryTree()
    for size in range(1, count + 1):
        tree.checkpoints[size] = (NOW - (count - size) * apart, NOTES[(size * notes - 1) // count])
    store.log._tables.trees[1] = tree  # type: ignore[attr-defined]
    return store


def sizes_of(store: MemoryStore) -> list[int]:
    """What is left."""
    return sorted(store.log._tables.trees[1].checkpoints)  # type: ignore[attr-defined]


def test_the_last_day_stays_whole() -> None:
    """What receipts of today rest on can be read again; of the days before one an hour is left."""
    store = store_of(3 * 24 * 60, timedelta(minutes=1))

    dropped = asyncio.run(Thinning(store.log).run(NOW))

    left = sizes_of(store)
    last_day = [size for size in left if size > 2 * 24 * 60]
    assert len(last_day) == 24 * 60
    assert 47 <= len(left) - len(last_day) <= 50
    assert dropped + len(left) == 3 * 24 * 60


def test_an_hour_larger_than_a_portion() -> None:
    """Twelve thousand checkpoints in one hour of long ago leave one, whatever the portions they are read in."""
    store = store_of(12_000, timedelta(milliseconds=200))
    later = NOW + KEPT_WHOLE + HOUR
    thinning = Thinning(store.log)

    asyncio.run(thinning.run(later))
    asyncio.run(thinning.run(later))

    hours = {(NOW - (12_000 - size) * timedelta(milliseconds=200)).hour for size in range(1, 12_001)}
    assert len(sizes_of(store)) <= len(hours) + 1
    assert sizes_of(store)[-1] == 12_000


def test_the_newest_stays_however_old() -> None:
    """A log that rests for a year keeps what it states."""
    store = store_of(50, timedelta(seconds=1), notes=3)

    asyncio.run(Thinning(store.log).run(NOW + timedelta(days=365)))

    assert 50 in sizes_of(store)
    assert len(sizes_of(store)) <= 4
