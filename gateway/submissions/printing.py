"""Printing: from a typst source and its data to a PDF, off the event loop and within bounds.

The source is ours and fixed; everything that somebody wrote travels beside it as JSON and is set as plain text, never
read as markup. At most two documents are set at once, each in a process that is ended when it takes too long. The
fonts are those of the extra `print`, so that a document looks alike wherever it is printed.
"""

import asyncio
import hashlib
import importlib.metadata
import importlib.util
import json
import signal
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any, Literal
from weakref import WeakKeyDictionary

from gateway.errors import Conflict, NotInstalled, TooLarge, Unavailable
from gateway.submissions import press
from gateway.submissions.glyphs import coverage_of

PRINT_SECONDS = 20
"""How long one document may take; a form of ten pages takes one."""
AT_ONCE = 2
MOST_BYTES = 4_000_000
"""Of the data of one document, and of a page of it: a form is some twenty kilobytes."""
_QUEUE_SECONDS = 30
_FONT = ("manimgx_fonts_cjk", "NotoSansCJK-VF.otf.ttc")


@dataclass(frozen=True, slots=True)
class Sheet:
    """A document to be set. `source`: typst, ours. `data`: JSON-ready, whatever it says. `at`: its date."""

    source: str
    data: Mapping[str, Any]
    at: datetime


def require_printer(find: Callable[[str], ModuleSpec | None] = importlib.util.find_spec) -> Path:
    """Where the font lies. Raises `NotInstalled` when the extra is missing. `find`: where packages are looked for."""
    spec = find(_FONT[0])
    font = Path(spec.origin).parent / _FONT[1] if spec and spec.origin else None
    if font is None or not font.is_file() or find("typst") is None:
        raise NotInstalled(
            "print_not_installed",
            "Printing is not installed here. Install the extra: pip install 'oncegate[print]'.",
        )
    return font


def require_glyphs(texts: Iterable[tuple[str, str]]) -> None:
    """Nothing, when the font has every character of these (where it stands, text). Raises `Conflict`.

    The refusal names the places, never what stands there.
    """
    coverage = coverage_of(require_printer())
    places = dict.fromkeys(place for place, text in texts if coverage.lacks(text))
    if places:
        findings = [
            {
                "pointer": f"/fields/{place}",
                "code": "glyph_missing",
                "detail": "A character is in no font here.",
            }
            for place in places
        ]
        raise Conflict(
            "glyph_missing",
            f"{', '.join(places)}: a character there is in no font here and would be printed as an empty box. "
            "Nothing was printed; write that value by hand, or tell the operator which character it is.",
            errors=findings,
        )


def press_of(source: str) -> str:
    """Which press sets that source: by the same one the same document is drawn alike, to the last line.

    Raises `NotInstalled`.
    """
    require_printer()
    return f"typst {importlib.metadata.version('typst')}, {hashlib.sha256(source.encode()).hexdigest()[:16]}"


async def print_pdf(sheet: Sheet, *, seconds: int = PRINT_SECONDS) -> bytes:
    """The document as PDF. Raises `NotInstalled`, `TooLarge`, and `Unavailable` when it takes longer than `seconds`."""
    return await _pressed(sheet, "pdf", seconds)


async def print_pages(sheet: Sheet, *, ppi: int = 110) -> list[bytes]:
    """The same as PNG pictures, one per page."""
    together, pages = await _pressed(sheet, "png", PRINT_SECONDS, ppi), []
    while together:
        size = 8 + int.from_bytes(together[:8], "big")
        pages.append(together[8:size])
        together = together[size:]
    return pages


async def _pressed(sheet: Sheet, form: Literal["pdf", "png"], seconds: int, ppi: int | None = None) -> bytes:
    font, data = require_printer(), json.dumps(sheet.data, ensure_ascii=False)
    if len(data.encode()) > MOST_BYTES:
        raise TooLarge("document_too_large", "There is more on this document than can be printed at once.")
    try:
        async with asyncio.timeout(_QUEUE_SECONDS):
            await _turns().acquire()
    except TimeoutError:
        raise Unavailable("print_busy", "Other documents are being printed. Try again shortly.") from None
    try:
        with tempfile.TemporaryDirectory(prefix="oncegate-press-") as root:
            job = {
                "source": sheet.source,
                "data": data,
                "format": form,
                "ppi": ppi,
                "font": str(font),
                "root": root,  # empty: a document can read no file
                "timestamp": int(sheet.at.timestamp()),
                "seconds": seconds,
                "path": sys.path,
            }
            return await _run(json.dumps(job).encode(), seconds)
    finally:
        _turns().release()


async def _run(job: bytes, seconds: int) -> bytes:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",  # its neighbours here must not stand before the standard library
        str(Path(press.__file__)),
        env={},  # ours may hold secrets
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(seconds + 1):
            made, _ = await process.communicate(job)
    except TimeoutError:
        raise _too_slow() from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode == -signal.SIGXCPU:
        raise _too_slow()
    if process.returncode != 0:
        # Not typst's words: they can quote what stands on the document.
        raise Unavailable("print_failed", "The document could not be printed. Tell the operator.")
    return made


def _too_slow() -> Unavailable:
    return Unavailable("print_too_slow", "The document took too long to print and was given up.")


_turns_of: "WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore]" = WeakKeyDictionary()


def _turns() -> asyncio.Semaphore:
    """Whose turn it is, per event loop: a command line has one of its own."""
    loop = asyncio.get_running_loop()
    return _turns_of.setdefault(loop, asyncio.Semaphore(AT_ONCE))
