"""Masking for display: what a screen may show of a value that it may not show in full. Rules belong to items.

Total on any text. A masked character is `*`; masking twice changes nothing; what a rule hides is never in what it
gives. Short texts lose proportionally more, so that no rule but "" ever shows all of a one-character text.
Must not be used to pseudonymise: a masked value can still point to a person.
"""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType

from policies.errors import UnknownMask

_COMPOUND_SURNAMES = frozenset(
    re.findall(
        "..",
        "欧阳太史端木上官司马东方独孤南宫万俟闻人夏侯诸葛尉迟公羊赫连澹台皇甫宗政濮阳公冶太叔申屠公孙慕容仲孙钟离长孙"
        "宇文司徒鲜于司空闾丘子车亓官司寇巫马公西颛孙壤驷公良拓跋令狐百里呼延东郭南门羊舌微生梁丘左丘东门西门第五段干",
    )
)
_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_WORD = re.compile(r"\S+")
_DATE_PUNCTUATION = frozenset("-/.:年月日时分秒 TZ")
# One level of an address: letters only, so that no house number can pass, none of the words that begin a building, and
# a suffix of a division. 小区, 社区 and the like end in 区 without being one.
_LEVEL = r"(?:[^\W\d_号弄栋幢室]{1,10}?(?:%s))?"
_DIVISIONS = re.compile(
    "".join(
        _LEVEL % suffixes
        for suffixes in (
            "省|自治区|特别行政区",
            "(?<!超)市|自治州|地区|盟",
            "(?<![小社园校街业厂库])区|县|(?<!超)市|旗",
            "街道|镇|乡|苏木",
        )
    )
)


def mask(rule: str, text: str) -> str:
    """What may be shown of `text` under the masking rule of that name; raises `UnknownMask`.

    >>> mask("name", "张三"), mask("phone", "13800138000")
    ('张*', '138****8000')
    """
    masking = MASKS.get(rule)
    if masking is None:
        raise UnknownMask(
            f"no masking rule {rule!r}. There are: {', '.join(name for name in MASKS if name)}."
        )
    return masking(text)


def _as_is(text: str) -> str:
    return text


def _full(text: str) -> str:
    return "***" if text else ""


def _name(text: str) -> str:
    """Keeps the surname of a Han name (two characters when compound), else the initial of each word."""
    if not _HAN.search(text):
        return _WORD.sub(lambda word: _ends(word.group(), 1 if len(word.group()) > 1 else 0, 0), text)
    surname = 2 if len(text) > 2 and text[:2] in _COMPOUND_SURNAMES else 1
    return _ends(text, surname if len(text) > surname else 0, 0)


def _id_no(text: str) -> str:
    """Keeps 4 and 4 of 18 (3505**********996X), of shorter documents in proportion."""
    kept = min(4, len(text) * 4 // 18)
    return _ends(text, kept, kept)


def _phone(text: str) -> str:
    return _ends(text, min(3, len(text) * 3 // 11), min(4, len(text) * 4 // 11))


def _bank(text: str) -> str:
    kept = min(4, len(text) * 4 // 16)
    return _ends(text, kept, kept)


def _plate(text: str) -> str:
    return _ends(text, min(3, len(text) * 3 // 7), min(2, len(text) * 2 // 7))


def _date(text: str) -> str:
    """Keeps a leading four-digit year and the punctuation."""
    year = 4 if text[:4].isdecimal() and len(text) > 4 else 0
    return text[:year] + "".join(each if each in _DATE_PUNCTUATION else "*" for each in text[year:])


def _address(text: str) -> str:
    """Keeps the divisions down to the street or township; the rest becomes `****`, whatever its length."""
    match = _DIVISIONS.match(text)
    end = match.end() if match else 0
    return text[:end] + ("****" if end < len(text) else "")


def _ends(text: str, head: int, tail: int) -> str:
    return text[:head] + "*" * (len(text) - head - tail) + text[len(text) - tail :]


MASKS: Mapping[str, Callable[[str], str]] = MappingProxyType(
    {
        "": _as_is,
        "name": _name,
        "id_no": _id_no,
        "phone": _phone,
        "address": _address,
        "bank": _bank,
        "plate": _plate,
        "date": _date,
        "full": _full,
    }
)
"""Every masking rule by the name items use."""
