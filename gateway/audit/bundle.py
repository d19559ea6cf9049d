"""Writing the log out for an auditor: one ZIP file holding a static C2SP tlog-tiles log and the key to check it with.

The same log gives the same bytes: members sorted by name, no times, no names of machines or people. Records are
streamed, 256 at a time; the file appears only when all of it is written and right. `gateway.audit.verify` reads it.
"""

import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from os import fsync
from pathlib import Path

from gateway.audit.note import Checkpoint, Verifier, open_note
from gateway.audit.tree import EMPTY_ROOT, TileId, edge, grow, leaf_hash, pack_entries, tile_path
from gateway.audit.verify import README, earlier_line

_PER_BUNDLE = 256
_HASH_BYTES = 32
_NO_TIME = (1980, 1, 1, 0, 0, 0)  # the earliest a ZIP file can tell


def write_bundle(
    path: str | Path,
    *,
    checkpoint: str,
    earlier: Iterable[tuple[int, str]],
    keys: Sequence[str],
    entries: Iterable[bytes],
    size: int,
    progress: Callable[[int], None] | None = None,
) -> None:
    """A bundle at `path`, replacing what is there; complete and in agreement with its checkpoint, or not at all.

    `earlier`: size and note of every checkpoint before this one, oldest first. `keys`: the log's verifier keys, the
    present one first. `entries`: the leaves from the first on. `progress`: called with how many are written.
    ValueError when key, checkpoint, earlier checkpoints and entries do not agree; the file is then not touched.
    """
    target = Path(path)
    stated = _opened(checkpoint, keys)
    if stated.size != size:
        raise ValueError(f"The checkpoint states {stated.size} entries, not {size}; take both at one moment.")
    with tempfile.NamedTemporaryFile(
        dir=target.parent, prefix=f".{target.name}.", suffix=".part", delete=False
    ) as file:
        part = Path(file.name)
        try:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
                _write_head(archive, checkpoint, earlier, keys, size)
                root = _write_tree(archive, entries, size, progress)
                if root != stated.root:
                    raise ValueError(
                        "The entries do not give the root that the checkpoint states: they are another log's, out of "
                        "order, or were changed. No bundle was written."
                    )
                # The list of members at the end of the file is written from this list, when the archive is closed.
                archive.infolist().sort(key=lambda info: info.filename)
            file.flush()
            fsync(file.fileno())
            part.replace(target)
        except BaseException:
            part.unlink(missing_ok=True)
            raise


def _opened(checkpoint: str, keys: Sequence[str]) -> Checkpoint:
    return Checkpoint.parse(open_note(checkpoint, [Verifier.parse(key) for key in keys]).text)


def _write_head(
    archive: zipfile.ZipFile,
    checkpoint: str,
    earlier: Iterable[tuple[int, str]],
    keys: Sequence[str],
    size: int,
) -> None:
    """Everything that is not the tree."""
    _add(archive, "README.txt", README.encode())
    _add(archive, "checkpoint", checkpoint.encode())
    with archive.open(_member("checkpoints.jsonl"), "w") as member:
        for line in _earlier_lines(earlier, size):
            member.write(line)
    _add(archive, "log.vkey", "".join(f"{key}\n" for key in keys).encode())


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


def _write_tree(
    archive: zipfile.ZipFile, entries: Iterable[bytes], size: int, progress: Callable[[int], None] | None
) -> bytes:
    """The root, once every entry bundle and every tile is in the archive."""
    count, root = 0, EMPTY_ROOT
    begun: dict[TileId, bytes] = {}
    for batch in _batches(entries):
        grown = grow(count, begun, [leaf_hash(entry) for entry in batch])
        if grown.size > size:
            raise ValueError(f"There are more entries than the {size} that the checkpoint states.")
        _add(archive, tile_path(None, count // _PER_BUNDLE, len(batch)), pack_entries(batch))
        begun |= grown.tiles
        for tile in sorted(begun.keys() - set(edge(grown.size))):
            _add_tile(archive, tile, begun.pop(tile))
        count, root = grown.size, grown.root
        if progress is not None:
            progress(count)
    if count != size:
        raise ValueError(f"There are {count} entries; the checkpoint states {size}.")
    for tile in sorted(begun):
        _add_tile(archive, tile, begun[tile])
    return root


def _batches(entries: Iterable[bytes]) -> Iterator[list[bytes]]:
    source = iter(entries)
    while batch := list(islice(source, _PER_BUNDLE)):
        yield batch


def _add_tile(archive: zipfile.ZipFile, tile: TileId, content: bytes) -> None:
    _add(archive, tile_path(tile.level, tile.index, len(content) // _HASH_BYTES), content)


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    archive.writestr(_member(name), content)


def _member(name: str) -> zipfile.ZipInfo:
    member = zipfile.ZipInfo(name, _NO_TIME)
    member.compress_type = zipfile.ZIP_DEFLATED
    member.create_system = 3  # Unix, wherever this runs: the same log gives the same bytes
    member.external_attr = 0o644 << 16
    return member
