"""Administrative divisions by name: full paths and short names, as long as they mean one place only.

Codes nest as GB/T 2260 has them: two digits province, two city, two county. A path may leave out its middle
(福建省晋江市) and every level its suffix (福州长乐), but a bare name that several places share (鼓楼区) means none.
"""

import re
from collections.abc import Iterator, Mapping

_GROUPS = (
    "蒙古族|回族|藏族|维吾尔|苗族|彝族|壮族|布依族|朝鲜族|侗族|"
    "瑶族|白族|土家族|哈尼族|哈萨克|傣族|黎族|傈僳族|羌族|柯尔克孜"
)
_SUFFIX = re.compile(
    f"(?:特别行政区|(?:{_GROUPS})*(?:自治区|自治州)|(?:回族|壮族)?自治区|地区|林区|矿区|新区|省|市|盟|县|区|旗)$"
)
_FILLERS = frozenset({"市辖区", "县", "自治区直辖县级行政区划", "省直辖县级行政区划"})


def division_index(names: Mapping[str, str]) -> Mapping[str, tuple[str, ...]]:
    """Spelling → the codes whose own name it is, full or short; for `division_of`."""
    index: dict[str, list[str]] = {}
    for code, name in names.items():
        for spelling in _own_spellings(name):
            index.setdefault(spelling, []).append(code)
    return {spelling: tuple(codes) for spelling, codes in index.items()}


def division_of(text: str, index: Mapping[str, tuple[str, ...]]) -> frozenset[str]:
    """Every code that the text can mean as a path of names from the outside in; empty when none.

    `text` is folded already (no white space, half width).
    """
    return frozenset(_readings(text, "", index))


def _readings(text: str, inside: str, index: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    """The codes below the prefix `inside` that the whole text leads to."""
    for end in range(len(text), 1, -1):
        for code in index.get(text[:end], ()):
            prefix = _significant(code)
            if not prefix.startswith(inside) or prefix == inside:
                continue
            if end == len(text):
                yield code
            elif len(prefix) < len(code):
                yield from _readings(text[end:], prefix, index)


def _own_spellings(name: str) -> set[str]:
    if name in _FILLERS:
        return set()
    short = _SUFFIX.sub("", name)
    return {name, short} if len(short) > 1 else {name}  # 沙县 stays 沙县: 沙 alone names nothing


def _significant(code: str) -> str:
    """A code without the pairs of zeros that stand for lower levels: 350500 → 3505."""
    return re.sub("(?:00)+$", "", code)
