"""Amounts and whole numbers as registers write them, read exactly: decimals never pass through a float."""

import re
import unicodedata
from decimal import ROUND_HALF_EVEN, Decimal, DecimalException, InvalidOperation

from field_registry.errors import NotNormal
from field_registry.numerals import chinese_number

_NORMAL = re.compile(r"-?[0-9]{1,18}")
_NUMBER = re.compile(r"([-+]?(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]*)?(?:e[-+]?[0-9]{1,2})?)(.*)")
_CAPITALS = re.compile(r"[零〇一二三四五六七八九十百千万亿壹贰叁肆伍陆柒捌玖拾佰仟两点]+")
_MYRIADS = {"": 0, "十": 1, "百": 2, "千": 3, "万": 4, "十万": 5, "百万": 6, "千万": 7, "亿": 8, "万亿": 12}
_UNIT = re.compile(r"(十万|百万|千万|万亿|[十百千万亿]?)(.*)")
_CURRENCY = {"元", "圆", "元整", "圆整", "元人民币", "元(人民币)", "人民币", "cny", "rmb"}
_UNIT_WORDS: dict[str, frozenset[str]] = {
    "CNY": frozenset(_CURRENCY),
    "m2": frozenset({"m2", "平方米", "平米", "㎡"}),
    "m3": frozenset({"m3", "立方米", "方"}),
    "kg": frozenset({"kg", "千克", "公斤"}),
    "t": frozenset({"t", "吨"}),
    "m": frozenset({"m", "米"}),
    "km": frozenset({"km", "公里", "千米"}),
    "kW": frozenset({"kw", "千瓦"}),
    "mL": frozenset({"ml", "毫升"}),
    "%": frozenset({"%"}),
    "mu": frozenset({"亩"}),
}
_MOST_DIGITS = 15  # with a scale of up to 12 within the 28 digits that decimal arithmetic keeps exactly
_LARGEST_INTEGER = 2**53 - 1  # beyond it a JSON reader may round


def normal_amount(raw: object, *, scale: int, unit: str | None) -> str:
    """The amount as a decimal string with exactly `scale` decimals, e.g. "8740000.00" of "874万元".

    Thousand separators, the item's own unit words and 万, 亿 are understood; another currency is refused.
    Digits beyond the scale are rounded half to even (GB/T 8170).
    """
    amount = _plain(raw) if not isinstance(raw, str) else _with_unit(raw, unit)
    if not amount.is_finite() or amount.adjusted() > _MOST_DIGITS:
        raise NotNormal("not a finite amount of a usable size")
    rounded = amount.quantize(Decimal(1).scaleb(-scale), rounding=ROUND_HALF_EVEN)
    return format(rounded if rounded else abs(rounded), "f")  # no "-0.00"


def normal_integer(raw: object) -> int:
    """The whole number; "1,234" and 3.0 are whole, 3.5 and True are not numbers of anything."""
    if isinstance(raw, str) and _NORMAL.fullmatch(raw):
        number = int(raw)
    else:
        amount = _plain(raw) if not isinstance(raw, str) else _with_unit(raw, None)
        if not amount.is_finite() or amount.adjusted() > _MOST_DIGITS or amount != amount.to_integral_value():
            raise NotNormal("not a whole number")
        number = int(amount)
    if abs(number) > _LARGEST_INTEGER:
        raise NotNormal("a whole number too large to be one")
    return number


def decimal_of(raw: object) -> Decimal:
    """The number a source wrote, without unit: for a binding's `multiply`. A trailing 元 is let pass."""
    return _plain(raw) if not isinstance(raw, str) else _with_unit(raw, "CNY")


def multiplied(raw: object, factor: str) -> str:
    """The number a source wrote times the factor, exactly, as decimal text; what names its own 万 or 亿 comes back."""
    if isinstance(raw, str) and has_myriad_unit(raw):
        return raw
    try:
        return format(decimal_of(raw) * Decimal(factor), "f")
    except DecimalException as error:
        raise NotNormal("not a number of a usable size") from error


def has_myriad_unit(text: str) -> bool:
    """Whether the text names 万 or 亿 itself, so that it must not be multiplied once more."""
    return "万" in text or "亿" in text


def _plain(raw: object) -> Decimal:
    if isinstance(raw, bool) or not isinstance(raw, (int, float, Decimal)):
        raise NotNormal("expected a number")
    amount = Decimal(repr(raw)) if isinstance(raw, float) else Decimal(raw)
    if not amount.is_finite():
        raise NotNormal("not a finite number")
    return amount


def _with_unit(raw: str, unit: str | None) -> Decimal:
    text = "".join(unicodedata.normalize("NFKC", raw).lower().split())
    if unit in {"CNY", None}:
        text = re.sub("^(?:人民币|rmb|cny)?[¥￥]?", "", text)
    found = _NUMBER.fullmatch(text)
    if found is None:
        return _capitals(text)
    myriads = _UNIT.fullmatch(found[2])
    assert myriads is not None  # its parts are both optional
    if myriads[2] and not _is_unit(myriads[2], unit):
        raise NotNormal(f"a unit other than {unit or 'none'}")
    try:
        return Decimal(found[1].replace(",", "")).scaleb(_MYRIADS[myriads[1]])
    except InvalidOperation as error:
        raise NotNormal("not a number of a usable size") from error


def _is_unit(word: str, unit: str | None) -> bool:
    if unit is None:
        return False
    return word == unit.lower() or word in _UNIT_WORDS.get(unit, ())


def _capitals(text: str) -> Decimal:
    digits = re.sub("[元圆]?整?$", "", text)
    if not _CAPITALS.fullmatch(digits):
        raise NotNormal("not a number")
    return chinese_number(digits)
