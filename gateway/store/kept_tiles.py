"""Tiles of the log's trees that were read before: a tile only ever grows at its end, so what was read stays right.

For proofs alone. Whoever judges the database itself, the guard and the export, reads it and nothing else.
"""

from collections import OrderedDict
from collections.abc import Mapping
from threading import Lock

from gateway.records import Tile

_WHOLE = 256 * 32


class KeptTiles:
    """At most so many tiles, those that were wanted last. Safe to share among threads.

    A whole tile of level 0 is not kept: there are as many as a log has entries by 256, and hardly one is wanted twice.
    """

    def __init__(self, most: int = 1_024) -> None:
        self._most = most
        self._kept: OrderedDict[tuple[int, Tile], bytes] = OrderedDict()
        self._lock = Lock()

    def long_enough(self, shard: int, wanted: Mapping[Tile, int]) -> dict[Tile, bytes]:
        """Those of the wanted tiles, each with how many bytes of it are needed, that are here and as long as that."""
        found: dict[Tile, bytes] = {}
        with self._lock:
            for tile, length in wanted.items():
                held = self._kept.get((shard, tile), b"")
                if length and len(held) >= length:
                    self._kept.move_to_end((shard, tile))
                    found[tile] = held
        return found

    def keep(self, shard: int, tiles: Mapping[Tile, bytes]) -> None:
        """Keep those as well, and let go what has not been wanted for longest."""
        with self._lock:
            for tile, hashes in tiles.items():
                if (tile[0] or len(hashes) < _WHOLE) and len(hashes) >= len(
                    self._kept.get((shard, tile), b"")
                ):
                    self._kept[shard, tile] = hashes
                    self._kept.move_to_end((shard, tile))
                elif tile[0] == 0:
                    self._kept.pop((shard, tile), None)  # it was the last and is whole now
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
