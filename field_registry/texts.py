"""Names, texts and addresses: folded where spellings differ by accident, never where characters differ.

Traditional and rare characters (extension B and beyond, private use) stay. CJK compatibility ideographs stay too:
Unicode normalisation of any form would turn them into other characters, and with them a person's name.
"""

import re
import unicodedata

from field_registry.errors import NotNormal

_HAN = "\u2e80-\u2fdf\u3007\u3400-\u4dbf\u4e00-\u9fff\ue000-\uf8ff\uf900-\ufaff\U00020000-\U0003ffff"
_NOT_COMPATIBILITY = re.compile("[^\uf900-\ufaff\U0002f800-\U0002fa1f]+")
_INVISIBLE = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff\u00ad]")
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_WIDE_LETTERS = {
    code: code - 0xFEE0 for code in (*range(0xFF10, 0xFF1A), *range(0xFF21, 0xFF3B), *range(0xFF41, 0xFF5B))
}
_WIDE_SIGNS = {0xFF0D: "-", 0xFF03: "#", 0x3000: " ", 0x00A0: " "}
_DOTS = re.compile(r" *[•・‧∙⋅･·．] *")
_DOT_BETWEEN = re.compile(rf"(?<=[{_HAN}]) *\. *(?=[{_HAN}])")
_SPACE_IN_HAN = re.compile(rf"(?<=[{_HAN}·]) +(?=[{_HAN}·])")
_BRACKET_OPEN = re.compile(r" *\( *")
_BRACKET_CLOSE = re.compile(r" *\) *")
_ANY_HAN = re.compile(f"[{_HAN}]")


def normal_text(text: str) -> str:
    """Text in NFC, trimmed, line ends as LF; control characters are refused, invisible ones left out."""
    lines = _clean(text).split("\n")
    return "\n".join(line.strip() for line in lines).strip()


def normal_name(text: str) -> str:
    """A name of a person or organisation: half-width letters, `·` as the one middle dot, no spaces between Han."""
    name = " ".join(_clean(text).translate(_WIDE_LETTERS).split())
    name = _DOTS.sub("·", name)
    if _ANY_HAN.search(name) is None:
        return name
    name = _DOT_BETWEEN.sub("·", name)
    name = _BRACKET_CLOSE.sub("）", _BRACKET_OPEN.sub("（", name))
    return _SPACE_IN_HAN.sub("", name).strip()


def normal_address(text: str) -> str:
    """An address in one line, letters and digits half width; otherwise as it is written, never taken apart."""
    return " ".join(_clean(text).translate(_WIDE_LETTERS).split())


def _clean(text: str) -> str:
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", " ")
    if _CONTROL.search(text):
        raise NotNormal("control characters or broken text")
    text = _INVISIBLE.sub("", text).translate(_WIDE_SIGNS)
    if text.isascii():
        return text
    return _NOT_COMPATIBILITY.sub(lambda run: unicodedata.normalize("NFC", run[0]), text)
