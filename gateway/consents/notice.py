"""The notice a person reads before they agree (PIPL art. 17 and 30), made from the record of the request alone.

A notice is lines, each of a kind, so that a page can mark up headings and lists while the text stays one: what is
hashed is the lines joined by line feeds, exactly as shown. The same record and version give the same bytes for ever: a
template is never changed once published; a changed one gets a new `NOTICE_VERSION`, and a test holds them apart.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

NOTICE_ID = "oncegate.consent-notice"
NOTICE_VERSION = 1
LANGUAGES = ("zh-CN", "en")

_KINDS = {"#": "title", "##": "heading", "-": "item"}


@dataclass(frozen=True, slots=True)
class NoticeLine:
    """One line of a notice. `kind`: title, heading or item."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class RenderedNotice:
    """A notice in one language. `text`: what is shown, line by line; `sha256`: of its UTF-8 bytes, hexadecimal."""

    version: int
    language: str
    lines: tuple[NoticeLine, ...]

    @property
    def text(self) -> str:
        """The lines as shown, joined by line feeds."""
        return "\n".join(line.text for line in self.lines)

    @property
    def sha256(self) -> str:
        """The hash of the text exactly as shown."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def render_notice(record: Mapping[str, Any], language: str, version: int = NOTICE_VERSION) -> RenderedNotice:
    """The notice of that version for a request's record, in "zh-CN" or "en". Pure: no time, no look-up."""
    lines = lines_from(f"notice-{version}.{language}.txt", _in_words(record, language))
    return RenderedNotice(version, language, lines)


def lines_from(template: str, words: Mapping[str, Any]) -> tuple[NoticeLine, ...]:
    """The lines that a template of this package makes of these words."""
    rows = _ENVIRONMENT.get_template(template).render(words).split("\n")
    return tuple(_line(row) for row in rows if row.strip())


def _line(row: str) -> NoticeLine:
    mark, _, text = row.partition("\t")
    return NoticeLine(_KINDS[mark], text)


def _in_words(record: Mapping[str, Any], language: str) -> dict[str, Any]:
    """The record with its periods, kept in seconds, put into words."""
    frequency, data_life = record["frequency"], record["data_life_seconds"]
    often = frequency and {
        "count": frequency["count"],
        "per": period(frequency["per_seconds"], language).strip(),
    }
    return {
        **record,
        "life": period(record["life_seconds"], language),
        "data_life": data_life and period(data_life, language),
        "quiet": record["quiet_seconds"] and period(record["quiet_seconds"], language),
        "frequency": often,
    }


def period(seconds: int, language: str) -> str:
    """A period in the largest unit that divides it.

    >>> period(86_400, "zh-CN"), period(86_400 * 30, "en")
    (' 24 小时', '30 days')
    """
    for length, least, chinese, english in _UNITS:
        count, rest = divmod(seconds, length)
        if count >= least and not rest:
            plural = "s" if count > 1 else ""
            return f" {count} {chinese}" if language == "zh-CN" else f"{count} {english}{plural}"
    return f" {seconds} 秒" if language == "zh-CN" else f"{seconds} seconds"


_UNITS = ((86_400, 3, "天", "day"), (3_600, 1, "小时", "hour"), (60, 1, "分钟", "minute"))
"""Length in seconds, fewest of it that are said in it, its names."""


def _on_one_line(value: object) -> object:
    """Text without line breaks or characters that show nothing: no value can add a line or turn the reading order."""
    if not isinstance(value, str):
        return value
    return " ".join("".join(each if each.isprintable() else " " for each in value).split(" "))


_ENVIRONMENT = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=select_autoescape(("html",)),  # plain text: the page that shows it escapes it
    undefined=StrictUndefined,
    finalize=_on_one_line,
    trim_blocks=True,
    lstrip_blocks=True,
)
