"""Which characters a font can print: the `cmap` table of an OpenType file, read without any library.

A character that the font lacks would come out as an empty box, and a name with a box in it is another name.
"""

import struct
from bisect import bisect_right
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

_UNICODE_FULL = {(3, 10), (0, 4), (0, 6)}
"""Platform and encoding of a table over all of Unicode (OpenType, `cmap`)."""
_SEGMENTED_COVERAGE = 12
_LINE_ENDS = frozenset("\n\r\t\u2028\u2029")
_INVISIBLE = ((0xFE00, 0xFE0F), (0xE0100, 0xE01EF), (0x200B, 0x200D), (0x2060, 0x2060))
"""Variation selectors and joiners: nothing of their own is seen."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """The characters a font has. `starts`, `ends`: code points of ranges, both inclusive, ascending."""

    starts: tuple[int, ...]
    ends: tuple[int, ...]

    def has(self, character: str) -> bool:
        """Whether it comes out as it should."""
        point = ord(character)
        place = bisect_right(self.starts, point) - 1
        return place >= 0 and point <= self.ends[place]

    def lacks(self, text: str) -> bool:
        """Whether any character of the text would come out as an empty box."""
        return not all(
            self.has(each) or each in _LINE_ENDS or any(low <= ord(each) <= high for low, high in _INVISIBLE)
            for each in set(text)
        )


class NotAFont(ValueError):
    """The file is no OpenType font with a Unicode table that we can read."""


@cache
def coverage_of(font: Path) -> Coverage:
    """What the first font of that file can print; read once per process. Raises `NotAFont`, `OSError`."""
    with font.open("rb") as file:
        try:
            return _coverage(file)
        except struct.error:
            raise NotAFont(f"{font.name} ends too early for a font.") from None


def _coverage(file: BinaryIO) -> Coverage:
    at = _table(file, _first_font(file), b"cmap")
    file.seek(at + 2)
    (number,) = _read(file, ">H")
    records = [_read(file, ">HHI") for _ in range(number)]
    for platform, encoding, offset in records:
        file.seek(at + offset)
        if (platform, encoding) in _UNICODE_FULL and _read(file, ">H") == (_SEGMENTED_COVERAGE,):
            _, _, _, groups = _read(file, ">HIII")
            ranges = sorted(_read(file, ">III")[:2] for _ in range(groups))
            return Coverage(tuple(low for low, _ in ranges), tuple(high for _, high in ranges))
    raise NotAFont("The font has no table over all of Unicode.")


def _first_font(file: BinaryIO) -> int:
    """Where the first font of a collection begins; 0 of a file that is one font."""
    file.seek(0)
    if file.read(4) != b"ttcf":
        return 0
    file.seek(12)
    (offset,) = _read(file, ">I")
    return int(offset)


def _table(file: BinaryIO, font: int, tag: bytes) -> int:
    file.seek(font + 4)
    (number,) = _read(file, ">H")
    file.seek(font + 12)
    for _ in range(number):
        name, _, offset, _ = _read(file, ">4sIII")
        if name == tag:
            return int(offset)
    raise NotAFont("The font has no table of characters.")


def _read(file: BinaryIO, shape: str) -> tuple[Any, ...]:
    return struct.unpack(shape, file.read(struct.calcsize(shape)))
