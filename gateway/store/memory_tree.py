"""The trees over the log in memory, under the contract of the SQL ones."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from gateway.records import Entry, Extension, Head, Place, ProofParts, Tail, Tile
from gateway.store.memory_tables import MemoryTables, MemoryTree
from gateway.store.refusals import already_recorded
from gateway.store.tree import position


class MemoryTreeLog:
    """`gateway.ports.TreeLog` in memory."""

    def __init__(self, tables: MemoryTables) -> None:
        self._tables = tables

    async def extend(
        self, edge: Callable[[int], Sequence[Tile]], append: Callable[[Tail], Extension], *, most: int
    ) -> int | None:
        """See `gateway.ports.TreeLog.extend`."""
        waiting = [(entry.id, entry.leaf) for entry in self._waiting()[:most]]
        if not waiting:
            return 0
        shard, note = await self.head()
        tree = self._tree(shard)
        size = len(tree.places)
        seen = {tile: tree.tiles[tile] for tile in edge(size) if tile in tree.tiles}
        self._write(Tail(size, seen, note, waiting, shard), append)
        return len(waiting)

    async def open_shard(self, shard: int, entry: Entry, append: Callable[[Tail], Extension]) -> None:
        """See `gateway.ports.TreeLog.open_shard`."""
        if shard <= (await self.head()).shard or entry.id in self._tables.entries:
            raise already_recorded()
        self._write(Tail(0, {}, None, [(entry.id, entry.leaf)], shard), append)
        self._tables.log(entry)

    def _write(self, tail: Tail, append: Callable[[Tail], Extension]) -> None:
        extension = append(tail)
        tree = self._tables.trees.setdefault(tail.shard, MemoryTree())
        tree.places.extend(key for key, _ in tail.waiting)
        tree.tiles.update(extension.tiles)
        tree.checkpoints[extension.size] = (extension.at, extension.note)
        self._tables.about.extend((ref, position(Place(tail.shard, at))) for ref, at in extension.about)

    async def head(self) -> Head:
        """See `gateway.ports.TreeLog.head`."""
        return (await self.shards() or [Head(1, None)])[-1]

    async def shards(self) -> Sequence[Head]:
        """See `gateway.ports.TreeLog.shards`."""
        return [
            Head(shard, tree.checkpoints[max(tree.checkpoints)][1])
            for shard, tree in sorted(self._tables.trees.items())
            if tree.checkpoints
        ]

    async def size(self, *, shard: int | None = None) -> int:
        """See `gateway.ports.TreeLog.size`."""
        return len(self._tree(shard).places)

    async def checkpoint(self, *, shard: int | None = None) -> str | None:
        """See `gateway.ports.TreeLog.checkpoint`."""
        signed = self._tree(shard).checkpoints
        return signed[max(signed)][1] if signed else None

    async def checkpoints(
        self, *, after: int, limit: int, shard: int | None = None
    ) -> Sequence[tuple[int, str]]:
        """See `gateway.ports.TreeLog.checkpoints`."""
        signed = sorted(self._tree(shard).checkpoints.items())
        return [(size, note) for size, (_, note) in signed if size > after][:limit]

    async def signed_before(
        self, moment: datetime, *, shard: int, after: int, limit: int
    ) -> Sequence[tuple[int, datetime, str]]:
        """See `gateway.ports.TreeLog.signed_before`."""
        signed = sorted(self._tree(shard).checkpoints.items())
        return [(size, at, note) for size, (at, note) in signed if size > after and at < moment][:limit]

    async def drop_checkpoints(self, shard: int, sizes: Sequence[int]) -> int:
        """See `gateway.ports.TreeLog.drop_checkpoints`."""
        signed = self._tree(shard).checkpoints
        dropped = {size for size in sizes if size in signed and size < max(signed)}
        for size in dropped:
            del signed[size]
        return len(dropped)

    async def cosign(self, shard: int, size: int, before: str, note: str) -> bool:
        """See `gateway.ports.TreeLog.cosign`."""
        signed = self._tree(shard).checkpoints
        if size not in signed or signed[size][1] != before:
            return False
        signed[size] = (signed[size][0], note)
        self._tree(shard).cosigned.add(size)
        return True

    async def cosigned(self, *, shard: int | None = None) -> tuple[int, str] | None:
        """See `gateway.ports.TreeLog.cosigned`."""
        tree = self._tree(shard)
        sizes = tree.cosigned & tree.checkpoints.keys()
        return (max(sizes), tree.checkpoints[max(sizes)][1]) if sizes else None

    async def tiles(self, wanted: Sequence[Tile], *, shard: int | None = None) -> Mapping[Tile, bytes]:
        """See `gateway.ports.TreeLog.tiles`."""
        held = self._tree(shard).tiles
        return {tile: held[tile] for tile in wanted if tile in held}

    async def leaves(self, begin: int, end: int, *, shard: int | None = None) -> Sequence[bytes]:
        """See `gateway.ports.TreeLog.leaves`."""
        return [self._tables.entries[key].leaf for key in self._tree(shard).places[begin:end]]

    async def place_of(self, entry_id: str) -> Place | None:
        """See `gateway.ports.TreeLog.place_of`."""
        for shard, tree in self._tables.trees.items():
            if entry_id in tree.places:
                return Place(shard, tree.places.index(entry_id))
        return None

    async def proof_parts(
        self, entry_id: str, wanted: Callable[[Place, str], Mapping[Tile, int]]
    ) -> ProofParts | None:
        """See `gateway.ports.TreeLog.proof_parts`."""
        place = await self.place_of(entry_id)
        if place is None:
            return None
        cosigned = await self.cosigned(shard=place.shard)
        covers = cosigned is not None and cosigned[0] > place.index
        note = cosigned[1] if cosigned and covers else await self.checkpoint(shard=place.shard) or ""
        return ProofParts(place, note, await self.tiles(list(wanted(place, note)), shard=place.shard))

    async def about(self, subject_ref: str, *, after: int, limit: int) -> Sequence[tuple[int, Entry]]:
        """See `gateway.ports.TreeLog.about`."""
        tables = self._tables
        stands = entries_by_position(tables)
        theirs = sorted(at for ref, at in tables.about if ref == subject_ref and at > after)
        return [(at, tables.entries[stands[at]]) for at in theirs[:limit]]

    async def waiting_since(self) -> datetime | None:
        """See `gateway.ports.TreeLog.waiting_since`."""
        waiting = self._waiting()
        return waiting[0].at if waiting else None

    async def queue_forgotten(self, *, after: str, limit: int) -> tuple[str, int]:
        """See `gateway.ports.TreeLog.queue_forgotten`. Here whatever has no place waits."""
        looked_at = sorted(each for each in self._tables.entries if each > after)[:limit]
        return (looked_at[-1] if looked_at else ""), 0

    def _tree(self, shard: int | None) -> MemoryTree:
        trees = self._tables.trees
        return trees.get(shard or max(trees, default=1), MemoryTree())

    def _waiting(self) -> list[Entry]:
        placed = {each for tree in self._tables.trees.values() for each in tree.places}
        return [entry for key, entry in self._tables.entries.items() if key not in placed]


def entries_by_position(tables: MemoryTables) -> dict[int, str]:
    """The id of the entry at every place, by the place as one number."""
    return {
        position(Place(shard, index)): entry_id
        for shard, tree in tables.trees.items()
        for index, entry_id in enumerate(tree.places)
    }
