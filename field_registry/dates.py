"""Dates and times in the forms registers use → `YYYY-MM-DD` and RFC 3339 UTC.

A date inside a timestamp is the date in Asia/Shanghai, where registers keep their calendars; so is the time of a
timestamp without zone. Years come first: a form that could mean two dates (03/04/2026) is refused, and a binding that
knows better says so with `date_format`.
"""

import re
import unicodedata
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from field_registry.errors import NotNormal
from field_registry.numerals import chinese_number

OPEN_ENDED = "9999-12-31"
"""The date that means "without end" (长期), as identity cards and business licences have it."""

SHANGHAI = ZoneInfo("Asia/Shanghai")
_NORMAL = re.compile(r"[1-9][0-9]{3}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])")
_YMD = re.compile(
    r"([0-9]{4})(?:-|/|\.|年) ?([0-9]{1,2})(?:-|/|\.|月) ?([0-9]{1,2})[日号]?"
    r"(?:(?:T| )([0-9]{1,2}):([0-9]{2})(?::([0-9]{2})(?:\.[0-9]+)?)?)?"
)
_COMPACT = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})(?:([0-9]{2})([0-9]{2})([0-9]{2})?)?")
_CHINESE = re.compile(
    r"([〇零一二三四五六七八九OΟ]{4})年([一二三四五六七八九十廿元]{1,3})月([一二三四五六七八九十廿卅初]{1,3})[日号]?"
)
_YEAR_DIGITS = str.maketrans("〇零一二三四五六七八九OΟ", "0012345678900")
_EPOCH = re.compile(r"-?[0-9]{9,10}|-?[0-9]{12,13}")
_FOREVER = frozenset({"长期", "永久", "长期有效", "永久有效", "无固定期限", "长期固定"})
_ZEROS = re.compile(r"0{4}(?:-?0{2}){2}(?:[ T]0{2}:0{2}:0{2}(?:\.0+)?)?|0")
_EPOCH_START = datetime(1970, 1, 1, tzinfo=UTC)


def normal_date(raw: object) -> str | None:
    """The date as `YYYY-MM-DD`; 长期 is `9999-12-31`, a date of zeros is None.

    >>> normal_date("1973年1月21日")
    '1973-01-21'
    """
    if isinstance(raw, str):
        if _NORMAL.fullmatch(raw):
            return raw
        text = _folded(raw)
        if text in _FOREVER:
            return OPEN_ENDED
        if _ZEROS.fullmatch(text):
            return None
        moment = _moment(text)
    elif isinstance(raw, date):
        moment = raw if isinstance(raw, datetime) else datetime.combine(raw, time.min)
    else:
        number = _whole(raw)
        if number == 0:  # what a database default looks like, never a birthday
            return None
        moment = _from_number(number)
    if moment.tzinfo is not None:
        moment = _in_zone(moment)
    return moment.date().isoformat()


def normal_datetime(raw: object) -> str | None:
    """The instant as RFC 3339 UTC, e.g. `2026-03-01T15:30:00Z`; without zone it is read in Asia/Shanghai."""
    if isinstance(raw, str):
        text = _folded(raw)
        if _ZEROS.fullmatch(text):
            return None
        moment = _moment(text)
    elif isinstance(raw, date):
        moment = raw if isinstance(raw, datetime) else datetime.combine(raw, time.min)
    else:
        moment = _from_number(_whole(raw))
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=SHANGHAI)
    try:
        return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
    except OverflowError as error:
        raise NotNormal("a time before year 1 or after 9999") from error


def _moment(text: str) -> datetime:
    """What the text says: aware when it names an instant, naive when it is read off a calendar."""
    found = _YMD.fullmatch(text) or _COMPACT.fullmatch(text)
    if found is not None:
        return _calendar(*(int(part or 0) for part in found.groups()))
    if _EPOCH.fullmatch(text):
        return _from_epoch(int(text))
    chinese = _CHINESE.fullmatch(text)
    if chinese is not None:
        month = "一" if chinese[2] == "元" else chinese[2]
        day = chinese[3].removeprefix("初")
        return _calendar(
            int(chinese[1].translate(_YEAR_DIGITS)), int(chinese_number(month)), int(chinese_number(day))
        )
    try:
        return datetime.fromisoformat(text.upper())
    except ValueError as error:
        raise NotNormal("not a date in a known form (year, month, day)") from error


def _calendar(year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0) -> datetime:
    try:
        return datetime(year, month, day, hour, minute, second)  # noqa: DTZ001 - read off a calendar, no instant
    except ValueError as error:
        raise NotNormal("no such day in the calendar") from error


def _from_number(number: int) -> datetime:
    """A number that is no text: 20260301 and 20260301233000 are read off a calendar, else it counts from 1970."""
    return _from_epoch(number) if _EPOCH.fullmatch(str(number)) else _moment(str(number))


def _from_epoch(number: int) -> datetime:
    # Seconds reach ten digits in 2001 and stay there until 2286; more digits are milliseconds.
    span = timedelta(seconds=number) if abs(number) < 10**10 else timedelta(milliseconds=number)
    return _EPOCH_START + span


def _in_zone(moment: datetime) -> datetime:
    try:
        return moment.astimezone(SHANGHAI)
    except OverflowError as error:
        raise NotNormal("a time before year 1 or after 9999") from error


def _whole(raw: object) -> int:
    if isinstance(raw, float) and raw.is_integer():  # spreadsheets hold 19730121 as a float
        raw = int(raw)
    if isinstance(raw, bool) or not isinstance(raw, int):
        raise NotNormal("expected a date as text or number")
    if abs(raw) > 10**14:  # the longest is YYYYMMDDhhmmss
        raise NotNormal("a number too large to be a date")
    return raw


def _folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).split())
