"""One pure, idempotent normaliser per datatype: what a register wrote → the one form the gateway compares and shows.

`normaliser_for` is called once per item and version; what it gives back is called per value. A normaliser returns the
JSON-ready normal value, None for what is blank, and raises `NotNormal` for what cannot be read as its datatype. The
message names the rule and never the text. Normalising a normal value changes nothing.
"""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial

from field_registry.bindings import Transform
from field_registry.codes import CodeList, fold
from field_registry.dates import normal_date, normal_datetime
from field_registry.errors import BadIdentifier, NotNormal
from field_registry.identifiers import (
    MASK_CHARACTERS,
    document_number,
    plate,
    unified_social_credit_code,
)
from field_registry.items import Datatype, Item
from field_registry.numbers import multiplied, normal_amount, normal_integer
from field_registry.phones import normal_phone
from field_registry.texts import normal_address, normal_name, normal_text

Normaliser = Callable[[object], object]

_PLACEHOLDERS = frozenset(
    {"", "-", "--", "---", "—", "——", "/", "//", "\\", "null", "none", "nil", "n/a", "undefined"}
)
_SPACES = "\u200b\u200c\u200d\u2060\ufeff"
# 无 is an answer for a name or a text (曾用名: 无), "no" for a boolean, and nothing at all for these.
_NONE_MEANS_BLANK = frozenset(
    {Datatype.date, Datatype.datetime, Datatype.amount, Datatype.integer, Datatype.phone}
    | {Datatype.id_no, Datatype.uscc, Datatype.plate, Datatype.address}
)
_NOTHING = frozenset({"无", "暂无", "没有"})
# Text that a normaliser leaves as it is, with one character that no placeholder consists of; the common case, answered
# without further look. Names are stricter: dots, brackets and spaces in them are rewritten.
_SIMPLE_NAME = r"[\u4e00-\u9fa5][\u4e00-\u9fa5A-Za-z0-9-]{0,%d}"
_SIMPLE_TEXT = r"[\u4e00-\u9fa5][\u4e00-\u9fa5!-~]{0,%d}"
_TRUE = frozenset({"是", "有", "y", "yes", "true", "t", "1", "√", "✓", "对"})
_FALSE = frozenset({"否", "无", "没有", "n", "no", "false", "f", "0", "×", "✗", "不是", "错"})
_UNKNOWN = frozenset({"未知", "不详", "不清楚", "不明", "unknown"})
_DOCUMENT = re.compile(r"[A-Z0-9\u4e00-\u9fff][A-Z0-9\u4e00-\u9fff()/.-]{1,39}")
_RESIDENT_SHAPE = re.compile(r"[1-9][0-9]{14}|[1-9][0-9]{16}[0-9X]")


def is_blank(raw: object) -> bool:
    """Whether a register wrote nothing: null, white space, an empty list, or a placeholder such as "-" or "NULL".

    无, 未知 and 0 are answers, not blanks; what they mean depends on the datatype.
    """
    if raw is None:
        return True
    if isinstance(raw, str):
        if len(raw) > 12:  # longer than any placeholder: blank only if nothing but white space
            return not raw.strip().strip(_SPACES)
        return raw.strip().strip(_SPACES).lower() in _PLACEHOLDERS
    return isinstance(raw, (list, tuple, Mapping)) and not raw


def normaliser_for(
    item: Item, code_list: CodeList | None = None, *, columns: Mapping[str, Normaliser] | None = None
) -> Normaliser:
    """The normaliser of that item's values, compiled once; raises nothing itself.

    `code_list` is needed for a coded item: without it every value is `NotNormal`. `columns` are the normalisers
    of a repeating item's columns, by item id; None keeps cells as they come.
    """
    limit = item.max_length or None
    match item.datatype:
        case Datatype.name | Datatype.text | Datatype.address:
            return _textual(item.datatype, limit)
        case Datatype.code:
            return partial(_normal_code, code_list=code_list)
        case Datatype.boolean:
            return _normal_boolean
        case Datatype.rows:
            return rows_normaliser(columns)
        case Datatype.amount:
            return _unless_blank(partial(normal_amount, scale=item.scale, unit=item.unit), none_too=True)
        case _:
            return _unless_blank(_SCALARS[item.datatype], none_too=item.datatype in _NONE_MEANS_BLANK)


def rows_normaliser(columns: Mapping[str, Normaliser] | None) -> Normaliser:
    """A normaliser of a list of rows: each row holds exactly these columns, None where the source has none.

    Cells that nobody asked for are left out, rows with nothing in them too. One cell that is not normal makes the
    whole value not normal; the message names row and column.
    """
    return partial(_normal_rows, columns=columns)


def apply_transform(raw: object, transform: Transform | None) -> object:
    """The raw value in the item's own spelling, after the binding's transform; blank stays as it is.

    Raises `NotNormal` for a code that the transform does not list: passing it on could mean something else in the
    item's list. A number that names its own 万 or 亿 is not multiplied again.
    """
    if transform is None or is_blank(raw):
        return raw
    if transform.separator and isinstance(raw, str):
        raw = _part(raw, transform)
    if transform.codes:
        raw = _translated(raw, transform.codes)
    if transform.multiply:
        raw = multiplied(raw, transform.multiply)
    if transform.date_format and isinstance(raw, (str, int)):
        raw = _parsed(_text(raw).strip(), transform.date_format)
    return raw


def _part(raw: str, transform: Transform) -> str | None:
    parts = raw.split(transform.separator)
    return parts[transform.part].strip() if -len(parts) <= transform.part < len(parts) else None


def _translated(raw: object, codes: Mapping[str, str]) -> str:
    if isinstance(raw, bool):
        key = "true" if raw else "false"
    else:
        key = _text(int(raw) if isinstance(raw, float) and raw.is_integer() else raw)
    found = codes.get(key)
    if found is None:
        found = next((code for own, code in codes.items() if fold(own) == fold(key)), None)
    if found is None:
        raise NotNormal("the source used a code that its binding does not translate")
    return found


def _parsed(text: str, pattern: str) -> str:
    try:
        moment = datetime.strptime(text, pattern)  # noqa: DTZ007 - the pattern says whether it has a zone
    except ValueError as error:
        raise NotNormal("the date is not in the binding's date_format") from error
    has_time = any(directive in pattern for directive in ("%H", "%I", "%s", "%X", "%c", "%z"))
    return moment.isoformat() if has_time else moment.date().isoformat()


def _textual(datatype: Datatype, limit: int | None) -> Normaliser:
    slow = {Datatype.name: normal_name, Datatype.text: normal_text, Datatype.address: normal_address}[
        datatype
    ]
    none_too = datatype in _NONE_MEANS_BLANK
    at_most = limit or 1_000_000
    pattern = _SIMPLE_NAME if datatype is Datatype.name else _SIMPLE_TEXT
    simple = re.compile(pattern % (at_most - 1)).fullmatch

    def normalise(raw: object) -> object:
        if type(raw) is str and simple(raw) and not (none_too and raw in _NOTHING):
            return raw
        if is_blank(raw):
            return None
        text = slow(_text(raw))
        if len(text) > at_most:
            raise NotNormal(f"longer than {at_most} characters")
        return None if is_blank(text) or (none_too and text in _NOTHING) else text

    return normalise


def _unless_blank(inner: Callable[[object], object], *, none_too: bool) -> Normaliser:
    def normalise(raw: object) -> object:
        if is_blank(raw) or (none_too and isinstance(raw, str) and raw.strip() in _NOTHING):
            return None
        return inner(raw)

    return normalise


def _normal_code(raw: object, code_list: CodeList | None) -> str | None:
    if isinstance(raw, int) and not isinstance(raw, bool):
        raw = _text(raw)
    if isinstance(raw, str) and code_list is not None:
        code = code_list.code_of(raw)  # before the blank test: a list may give "/" or "无" a meaning
        if code is not None:
            return code
    if is_blank(raw):
        return None
    if not isinstance(raw, str):
        raise NotNormal("expected a code as text")
    raise NotNormal(
        "the item has no code list" if code_list is None else f"not one code of the list {code_list.id}"
    )


def _normal_boolean(raw: object) -> bool | None:
    if isinstance(raw, bool):
        return raw
    if is_blank(raw):
        return None
    if isinstance(raw, (str, int)):
        word = fold(_text(raw))
        if word in _TRUE:
            return True
        if word in _FALSE:
            return False
        if word in _UNKNOWN:
            return None
    raise NotNormal("neither yes nor no")


def _normal_rows(raw: object, columns: Mapping[str, Normaliser] | None) -> list[dict[str, object]] | None:
    if is_blank(raw):
        return None
    rows = [raw] if isinstance(raw, Mapping) else raw  # one row alone: what XML turned into JSON looks like
    if not isinstance(rows, (list, tuple)):
        raise NotNormal("expected a list of rows")
    normal = [_normal_row(row, number, columns) for number, row in enumerate(rows, start=1)]
    return [row for row in normal if any(cell is not None for cell in row.values())] or None


def _normal_row(row: object, number: int, columns: Mapping[str, Normaliser] | None) -> dict[str, object]:
    if not isinstance(row, Mapping):
        raise NotNormal(f"row {number} is not a mapping from column to value")
    if columns is None:
        return {str(key): None if is_blank(cell) else cell for key, cell in row.items()}
    cells: dict[str, object] = {}
    for column, normalise in columns.items():
        try:
            cells[column] = normalise(row.get(column))
        except NotNormal as error:
            raise NotNormal(f"row {number}, {column}: {error}") from None
    return cells


def _normal_id_no(raw: object) -> str:
    number = fold(_text(raw)).upper()
    if any(mark in number for mark in MASK_CHARACTERS):
        raise NotNormal("the source has masked the number")
    if _RESIDENT_SHAPE.fullmatch(number):
        return _checked(partial(document_number, "111"), number)
    if not _DOCUMENT.fullmatch(number):
        raise NotNormal("not the shape of a document number")
    return number


def _checked(check: Callable[[str], str], raw: object) -> str:
    try:
        return check(_text(raw))
    except BadIdentifier as error:
        raise NotNormal(str(error)) from None


def _text(raw: object) -> str:
    if isinstance(raw, bool) or not isinstance(raw, (str, int)):
        raise NotNormal("expected text")
    if (
        isinstance(raw, int) and raw.bit_length() > 128
    ):  # Python refuses to write out numbers of thousands of digits
        raise NotNormal("a number too large for anything registers hold")
    return str(raw)


_SCALARS: dict[Datatype, Callable[[object], object]] = {
    Datatype.id_no: _normal_id_no,
    Datatype.uscc: partial(_checked, unified_social_credit_code),
    Datatype.plate: partial(_checked, plate),
    Datatype.phone: lambda raw: normal_phone(_text(raw)),
    Datatype.date: normal_date,
    Datatype.datetime: normal_datetime,
    Datatype.integer: normal_integer,
}
