"""Reading a PDF that somebody holds against us: its text, the files inside, and a digest of how its pages look.

Text alone says little: a white rectangle, an exchanged font or a text moved into another cell leave it as it was. So
everything that a page is drawn from is digested, whatever numbers and compression the objects of a file have.
"""

import hashlib
import io
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.errors import NotInstalled

_ELSEWHERE = frozenset({"/Parent", "/StructParents", "/StructParent", "/Length", "/Filter", "/DecodeParms"})
"""Keys that lead away from a page, or tell how its content is packed."""
_ALIEN = ("/AcroForm", "/OCProperties", "/OpenAction", "/AA", "/Collection")
"""Parts of a document, never in ours, that can change what is seen: fields, layers, what runs when it is opened."""


@dataclass(frozen=True, slots=True)
class Paper:
    """A PDF as it is read. `text`: of all its pages. `attached`: file name → content, of names that stand once.

    `looks`: one digest per page. `alien`: what is in it that we never put there. `maker`: what it says made it.
    """

    text: str
    attached: Mapping[str, bytes]
    looks: tuple[str, ...] = ()
    alien: tuple[str, ...] = ()
    maker: str = ""


def read_pdf(content: bytes) -> Paper | None:
    """The PDF; None for one that cannot be read. Raises `NotInstalled`."""
    try:
        from pypdf import PdfReader
        from pypdf.errors import PyPdfError
    except ImportError:
        raise NotInstalled(
            "print_not_installed",
            "Reading PDF is not installed here. Install the extra: pip install 'oncegate[print]'; or check the JSON.",
        ) from None
    # Whatever a broken file makes the library stumble over; the check has to end in an answer.
    broken = (PyPdfError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError, AssertionError)
    try:
        reader = PdfReader(io.BytesIO(content))
        return Paper(
            text="".join(page.extract_text() for page in reader.pages),
            attached={name: files[0] for name, files in reader.attachments.items() if len(files) == 1},
            looks=tuple(_look(page) for page in reader.pages),
            alien=tuple(_alien(reader)),
            maker=str(reader.metadata.get("/Creator", "")) if reader.metadata else "",
        )
    except (*broken, RecursionError, NotImplementedError, zlib.error):
        return None


def _alien(reader: Any) -> Iterator[str]:
    root = reader.trailer["/Root"]
    yield from (name for name in _ALIEN if name in root)
    yield from (name for name in ("/JavaScript",) if name in root.get("/Names", {}))
    yield from (name for page in reader.pages for name in ("/Annots", "/AA") if name in page)


def _look(page: Any) -> str:
    """A digest of all that a page is drawn from, what it inherits included."""
    frame = [[float(side) for side in box] for box in (page.mediabox, page.cropbox)]
    return _digest(f"{frame}{page.rotation}{_drawn(page, {})}".encode())


def _drawn(part: Any, seen: dict[tuple[int, int], str]) -> str:
    """A part of the file, in one spelling. `seen`: object → its digest, so that each is read once and none for ever."""
    from pypdf.generic import ArrayObject, DictionaryObject, IndirectObject, StreamObject

    if isinstance(part, IndirectObject):
        place = (part.idnum, part.generation)
        if place not in seen:
            seen[place] = "again"  # of what holds itself
            seen[place] = _digest(_drawn(part.get_object(), seen).encode())
        return seen[place]
    if isinstance(part, ArrayObject):
        return f"[{','.join(_drawn(each, seen) for each in part)}]"
    if not isinstance(part, DictionaryObject):
        return f"{type(part).__name__} {part!r}"
    packed = _digest(part.get_data()) if isinstance(part, StreamObject) else ""
    names = sorted(set(part) - _ELSEWHERE)
    return f"<{packed}{','.join(f'{name} {_drawn(part.raw_get(name), seen)}' for name in names)}>"


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
