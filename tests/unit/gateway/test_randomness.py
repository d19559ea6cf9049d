"""Random bytes in advance."""

import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from gateway.randomness import RandomChunks
from gateway.security import new_reference


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
