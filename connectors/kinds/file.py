"""Sources that drop a table as CSV or XLSX: the file is indexed by key, and read again when it changes.

Reading happens in a thread. While a new file is being read, or when it turns out broken, the old index keeps
answering and `health` says so. How a table becomes replies is pure and stands in `file_mapping`.
"""

import asyncio
import codecs
import csv
from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from python_calamine import CalamineError, CalamineWorkbook

from connectors.errors import BadConfiguration, SourceBroken, SourceFault, SourceTimeout
from connectors.kinds import file_mapping as m
from connectors.load import load_schema
from connectors.protocol import Connector, Environment, Health, Reply
from connectors.substitution import file_path
from field_registry import Ask, Source, Subject

name = "file"
config_schema = load_schema(name)

HEALTH_SECONDS = 30.0

Stamp = tuple[int, int, int]
"""What tells that a file changed: modification time, size, inode."""


def build(source: Source, environment: Environment) -> Connector:
    """A connector to that file; opens nothing. Raises `BadConfiguration`."""
    return FileConnector(source, environment)


class FileConnector:
    """One dropped file. See `connectors.protocol` for what every connector promises."""

    def __init__(self, source: Source, environment: Environment) -> None:
        config = source.config
        self._id, self._key = source.id, config["key"]
        self._path = file_path(config["path"], environment, "path")
        self._format = _format(config.get("format"), self._path)
        self._encoding = _encoding(config.get("encoding", "utf-8"))
        self._sheet: str | None = config.get("sheet")
        self._echo, self._recorded_at = config.get("echo"), config.get("recorded_at")
        self._index: m.Index | None = None
        self._stamp: Stamp | None = None
        self._fault = ""
        self._reading: asyncio.Task[None] | None = None
        self._closed = False

    def __repr__(self) -> str:
        """The source's id."""
        return f"FileConnector({self._id})"

    async def fetch(self, subject: Subject, asks: Sequence[Ask], deadline: float) -> Sequence[Reply]:
        """One reply per ask, in order, from the newest file that could be read."""
        index = await self._current(deadline)
        lines = index.get(m.key_text(subject.id_no), ())
        return m.interpret(lines, asks, echo=self._echo, recorded_at=self._recorded_at)

    async def health(self) -> Health:
        """Whether the file there now could be read; says so when an older one is answering."""
        try:
            await self._current(asyncio.get_running_loop().time() + HEALTH_SECONDS)
            if self._reading is not None:
                await self._reading
        except SourceFault as fault:
            return Health(False, str(fault))
        return Health(not self._fault, f"an older file is answering: {self._fault}" if self._fault else "")

    async def close(self) -> None:
        """Forget the index."""
        self._closed, self._index = True, None
        if self._reading is not None:
            self._reading.cancel()

    async def _current(self, deadline: float) -> m.Index:
        if self._closed:
            raise SourceBroken("the connector is closed")
        stamp = self._look()
        if stamp != self._stamp and self._reading is None:
            self._reading = asyncio.create_task(self._read(stamp))
        if self._index is None and self._reading is not None:
            remaining = deadline - asyncio.get_running_loop().time()
            # Shielded by being waited for, not awaited: one caller's deadline does not end the reading for all.
            await asyncio.wait([self._reading], timeout=max(remaining, 0))
        if self._index is not None:
            return self._index
        raise SourceBroken(self._fault) if self._fault else SourceTimeout("the file is still being read")

    async def _read(self, stamp: Stamp | None) -> None:
        """Take the file in, or remember why not. The same broken file is not tried again until it changes."""
        try:
            self._index = await asyncio.to_thread(self._load)
            self._fault = ""
        except SourceBroken as fault:
            self._fault = str(fault)
        finally:
            self._stamp, self._reading = stamp, None

    def _look(self) -> Stamp | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino

    def _load(self) -> m.Index:
        try:
            return m.build_index(self._table(), self._key)
        except FileNotFoundError:
            fault = "the file is not there"
        except OSError as error:
            fault = f"the file cannot be read ({type(error).__name__})"
        except UnicodeDecodeError:
            fault = f"the file is not {self._encoding} text"
        except csv.Error:
            fault = "the file is not CSV"
        except (CalamineError, ValueError):
            fault = "the file is not a readable XLSX, or lacks the sheet"
        raise SourceBroken(fault)

    def _table(self) -> Iterable[Sequence[Any]]:
        if self._format == "csv":
            # utf-8-sig reads plain UTF-8 too, and drops the mark that spreadsheets put first.
            encoding = "utf-8-sig" if self._encoding == "utf-8" else self._encoding
            with self._path.open(encoding=encoding, newline="") as lines:
                return list(csv.reader(lines, strict=True))
        with CalamineWorkbook.from_path(self._path) as book:
            sheet = book.get_sheet_by_name(self._sheet) if self._sheet else book.get_sheet_by_index(0)
            return [[_plain(cell) for cell in line] for line in sheet.to_python()]


def _format(configured: str | None, path: Path) -> str:
    found = configured or path.suffix.lower().lstrip(".")
    if found not in ("csv", "xlsx"):
        raise BadConfiguration("format: the path does not end in .csv or .xlsx; say which it is")
    return found


def _encoding(configured: str) -> str:
    try:
        codecs.lookup(configured)
    except LookupError:
        raise BadConfiguration(f"encoding: {configured!r} is not known. Common: utf-8, gb18030") from None
    return configured.lower().replace("utf8", "utf-8")


def _plain(cell: Any) -> Any:
    """A spreadsheet's cell as JSON would carry it."""
    if isinstance(cell, date | datetime | time):
        return cell.isoformat()
    if isinstance(cell, timedelta):
        return str(cell)
    if isinstance(cell, float) and cell.is_integer():
        return int(cell)  # a spreadsheet has no whole numbers: 3 comes as 3.0
    return cell
