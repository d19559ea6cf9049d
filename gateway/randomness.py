"""Random bytes in advance: one system call for a hundred references instead of one each.

A system call lets go of the interpreter lock, and getting it back can cost milliseconds on a busy node. The bytes are
the operating system's; each is given once. A forked child must not give its parent's bytes again, so it starts empty.
"""

import os
from collections import deque
from itertools import chain
from struct import Struct

_CHUNKS_AT_ONCE = 128


class RandomChunks:
    """Unpredictable chunks of one size, each given once. Threads may share one: taking a chunk is atomic."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._cut = Struct(f"{size}s").iter_unpack
        self._chunks: deque[bytes] = deque()
        os.register_at_fork(after_in_child=self._chunks.clear)

    def take(self) -> bytes:
        """A chunk nobody was given before."""
        try:
            return self._chunks.popleft()
        except IndexError:
            fresh = os.urandom(self._size * _CHUNKS_AT_ONCE)
            chunks: list[bytes] = list(chain.from_iterable(self._cut(fresh)))
            self._chunks.extend(chunks[1:])
            return chunks[0]
