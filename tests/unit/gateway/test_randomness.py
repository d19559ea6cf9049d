"""Random bytes in advance."""

import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

from gateway.randomness import RandomChunks
from gateway.security import new_reference, pseudonyms

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def test_no_chunk_is_given_twice():
    """Whatever is taken, by however many threads, every chunk is new."""
    chunks = RandomChunks(10)
    with ThreadPoolExecutor(8) as threads:
        taken = list(threads.map(lambda _: chunks.take(), range(5_000)))

    assert len(set(taken)) == 5_000
    assert {len(chunk) for chunk in taken} == {10}


def test_a_forked_child_draws_its_own():
    """What the parent has in hand is not given by its child as well."""
    chunks = RandomChunks(10)
    chunks.take()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, b"".join(chunks.take() for _ in range(20)))
        os._exit(0)
    os.waitpid(child, 0)
    theirs = os.read(reading, 200)
    os.close(reading)
    os.close(writing)
    ours = {chunks.take() for _ in range(200)}

    assert len(theirs) == 200
    assert ours.isdisjoint(theirs[start : start + 10] for start in range(0, 200, 10))


def test_references_of_one_moment_keep_their_order():
    """Made one after the other in the same millisecond they sort as they were made, and cannot be counted."""
    now = datetime(2026, 11, 21, tzinfo=UTC)
    made = [new_reference("aud", now) for _ in range(2_000)]

    assert made == sorted(set(made))
    assert all(one[:14] == made[0][:14] for one in made)
    assert len({one[-8:] for one in made}) > 1_990


def test_a_reference_is_a_ulid() -> None:
    """Ten characters are the millisecond, sixteen are random; whoever reads it as a number finds the time in it."""
    now = datetime(2026, 11, 21, 2, 3, 4, 567_000, tzinfo=UTC)
    digits = new_reference("res", now).removeprefix("res_")

    number = 0
    for digit in digits:
        number = number * 32 + ALPHABET.index(digit)
    assert len(digits) == 26
    assert number >> 80 == int(now.timestamp() * 1000)


def test_every_character_of_a_reference_is_used() -> None:
    """Each place of the random part takes all 32, the first of a millisecond the lower half: the rest is headroom."""
    start = datetime(2026, 11, 21, tzinfo=UTC)
    made = [new_reference("res", start + timedelta(milliseconds=number))[14:] for number in range(2_000)]

    assert {one[0] for one in made} == set(ALPHABET[:16])
    assert all({one[place] for one in made} == set(ALPHABET) for place in range(1, 16))


def test_the_upper_half_is_counted_up_with_a_carry() -> None:
    """However many are made in one millisecond, and whatever the first one's characters are."""
    ordered = pseudonyms._Ordered()
    ordered.next(7)
    ordered._upper = 2**34 - 1  # 0FZZZZZZ

    assert [ordered.next(7)[10:18] for _ in range(3)] == ["0G000000", "0G000001", "0G000002"]


def test_a_later_millisecond_sorts_later() -> None:
    """Across every carry of the time part."""
    start = int(datetime(2026, 11, 21, tzinfo=UTC).timestamp() * 1000) >> 20 << 20
    moments = [start + step for step in (-1, 0, 1, 1023, 1024, 2**20 - 1, 2**20, 2**30)]
    made = [new_reference("aud", datetime.fromtimestamp(moment / 1000, UTC)) for moment in moments]

    assert made == sorted(made)
