"""Writing the log out for an auditor: one ZIP file holding a static C2SP tlog-tiles log and the key to check it with.

The same log gives the same bytes: members sorted by name, no times, no names of machines or people. Records are
streamed, 256 at a time; the file appears only when all of it is written and right. `gateway.audit.verify` reads it.
Where the log has several trees, the present one stands in front and the others, each as whole, below `shards/`.
"""

import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from os import fsync
from pathlib import Path

from gateway.audit.note import Checkpoint, Verifier, open_note
from gateway.audit.tree import EMPTY_ROOT, TileId, edge, grow, leaf_hash, pack_entries, tile_path
from gateway.audit.verify import README, earlier_line

_PER_BUNDLE = 256
_HASH_BYTES = 32
_NO_TIME = (1980, 1, 1, 0, 0, 0)  # the earliest a ZIP file can tell


@dataclass(frozen=True, slots=True, eq=False)
class Tree:
    """One tree of the log, to be written.

    `checkpoint`: its newest note. `earlier`: size and note of those before it, oldest first. `keys`: the verifier keys
    under the name of this tree, the present one first. `entries`: its leaves from the first on, `size` of them. Both
    iterables are read once, as they are written.
    """

    checkpoint: str
    earlier: Iterable[tuple[int, str]]
    keys: Sequence[str]
    entries: Iterable[bytes]
    size: int


def write_bundle(
    path: str | Path,
    *,
    checkpoint: str,
    earlier: Iterable[tuple[int, str]],
    keys: Sequence[str],
    entries: Iterable[bytes],
    size: int,
    older: Iterable[tuple[int, Tree]] = (),
    progress: Callable[[int], None] | None = None,
) -> None:
    """A bundle at `path`, replacing what is there; complete and in agreement with its checkpoint, or not at all.

    The arguments are those of `Tree`, of the present one. `older`: number and tree of every other. `progress`: called
    with how many entries of all trees are written. ValueError when key, checkpoint, earlier checkpoints and entries do
    not agree; the file is then not touched.
    """
    present = Tree(checkpoint, earlier, keys, entries, size)
    _require_size(present)
    target = Path(path)
    with tempfile.NamedTemporaryFile(
        dir=target.parent, prefix=f".{target.name}.", suffix=".part", delete=False
    ) as file:
        part = Path(file.name)
        try:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
                _add(archive, "README.txt", README.encode())
                writer = _Writer(archive, progress)
                writer.write("", present)
                for number, tree in older:
                    _require_size(tree)
                    writer.write(f"shards/{number}/", tree)
                # The list of members at the end of the file is written from this list, when the archive is closed.
                archive.infolist().sort(key=lambda info: info.filename)
            file.flush()
            fsync(file.fileno())
            part.replace(target)
        except BaseException:
            part.unlink(missing_ok=True)
            raise


def _require_size(tree: Tree) -> None:
    stated = _opened(tree).size
    if stated != tree.size:
        raise ValueError(f"The checkpoint states {stated} entries, not {tree.size}; take both at one moment.")


def _opened(tree: Tree) -> Checkpoint:
    return Checkpoint.parse(open_note(tree.checkpoint, [Verifier.parse(key) for key in tree.keys]).text)


class _Writer:
    # Writes trees into one archive, each below its prefix, and counts the entries.

    def __init__(self, archive: zipfile.ZipFile, progress: Callable[[int], None] | None) -> None:
        self._archive = archive
        self._progress = progress
        self._written = 0

    def write(self, prefix: str, tree: Tree) -> None:
        """The tree, once its entries give the root that its checkpoint states."""
        self._write_head(prefix, tree)
        if self._write_tiles(prefix, tree) != _opened(tree).root:
            raise ValueError(
                "The entries do not give the root that the checkpoint states: they are another log's, out of "
                "order, or were changed. No bundle was written."
            )

    def _write_head(self, prefix: str, tree: Tree) -> None:
        _add(self._archive, f"{prefix}checkpoint", tree.checkpoint.encode())
        with self._archive.open(_member(f"{prefix}checkpoints.jsonl"), "w") as member:
            for line in _earlier_lines(tree.earlier, tree.size):
                member.write(line)
        _add(self._archive, f"{prefix}log.vkey", "".join(f"{key}\n" for key in tree.keys).encode())

    def _write_tiles(self, prefix: str, tree: Tree) -> bytes:
        """The root, once every entry bundle and every tile is in the archive."""
        count, root = 0, EMPTY_ROOT
        begun: dict[TileId, bytes] = {}
        for batch in _batches(tree.entries):
            grown = grow(count, begun, [leaf_hash(entry) for entry in batch])
            if grown.size > tree.size:
                raise ValueError(f"There are more entries than the {tree.size} that the checkpoint states.")
            name = tile_path(None, count // _PER_BUNDLE, len(batch))
            _add(self._archive, prefix + name, pack_entries(batch))
            begun |= grown.tiles
            for tile in sorted(begun.keys() - set(edge(grown.size))):
                self._add_tile(prefix, tile, begun.pop(tile))
            count, root = grown.size, grown.root
            self._tell(len(batch))
        if count != tree.size:
            raise ValueError(f"There are {count} entries; the checkpoint states {tree.size}.")
        for tile in sorted(begun):
            self._add_tile(prefix, tile, begun[tile])
        return root

    def _add_tile(self, prefix: str, tile: TileId, content: bytes) -> None:
        name = tile_path(tile.level, tile.index, len(content) // _HASH_BYTES)
        _add(self._archive, prefix + name, content)

    def _tell(self, entries: int) -> None:
        self._written += entries
        if self._progress is not None:
            self._progress(self._written)


def _earlier_lines(earlier: Iterable[tuple[int, str]], size: int) -> Iterator[bytes]:
    before = 0
    for number, note in earlier:
        if not before <= number <= size:
            raise ValueError(
                f"An earlier checkpoint of size {number} follows one of {before} in a log of {size}; "
                f"give them oldest first, none beyond the newest."
            )
        before = number
        yield earlier_line(number, note).encode()


def _batches(entries: Iterable[bytes]) -> Iterator[list[bytes]]:
    source = iter(entries)
    while batch := list(islice(source, _PER_BUNDLE)):
        yield batch


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    archive.writestr(_member(name), content)


def _member(name: str) -> zipfile.ZipInfo:
    member = zipfile.ZipInfo(name, _NO_TIME)
    member.compress_type = zipfile.ZIP_DEFLATED
    member.create_system = 3  # Unix, wherever this runs: the same log gives the same bytes
    member.external_attr = 0o644 << 16
    return member
