"""The cells of a filled form: what stands in each, its boxes, and where a row may go on over the page. Pure."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Any

from forms.definition import Field, FieldKind
from forms.layout import Cell

_LINE_END = re.compile(r"\r\n|[\r\u2028\u2029]")
_LONG_WORD = re.compile(r"[!-~]{12,}")
_BREAK = "\N{ZERO WIDTH SPACE}"
_BREAK_EVERY = 3
_CIRCLED = "①②③④⑤⑥⑦⑧⑨⑩⑪⑫⑬⑭⑮⑯⑰⑱⑲⑳"
_YES_NO = (("是", "是"), ("否", "否"))
_MOST_BOXES = 6
"""Words of a list from which they are no longer printed as boxes unless the layout asks for it."""
SHEET_MM = 170
"""Width of the grid: A4 without its margins (`print_template`)."""
_INSET_MM, _CHARACTER_MM, _NARROW = 3.2, 3.4, 0.62
_MOST_LINES = 14
"""Lines of a cell up to which its row stays on one page: some 75 mm, so that it always fits on the next."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value came from. `tier`: A to E. `source`, `department`: names; empty for D and E."""

    tier: str
    source: str = ""
    department: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """What stands in one slot on paper, as a person reads it.

    `origin`: None for what was typed. `own`: of a disputed value, what the person says is right; None without a
    dispute. `is_hidden`: the question does not arise.
    """

    text: str = field(default="", repr=False)
    origin: Origin | None = None
    own: str | None = field(default=None, repr=False)
    is_hidden: bool = False


Mark = Callable[[Origin], str]
"""The mark of a source, as the legend explains it."""


def value_cell(each: Field, slot: Shown | None, mark: Mark, cell: Cell = Cell()) -> dict[str, Any]:  # noqa: B008
    """A field as it is printed. `boxes`: its words with which are ticked; `rest`: what no box says of the value."""
    slot = slot or Shown()
    boxes, rest = _boxes(cell.choices or choices_of(each), slot.text)
    return {
        "kind": each.kind.value,
        "label": each.label,
        "office": each.office_use,
        "text": breakable(slot.text),
        "boxes": boxes,
        "rest": breakable(rest),
        "hidden": slot.is_hidden,
        "mark": "" if slot.origin is None or not slot.text else mark(slot.origin),
        "disputed": slot.own is not None,
        "own": breakable(slot.own or ""),
        "ticked": each.kind is FieldKind.consent_box and slot.text not in ("", "否"),
    }


def choices_of(each: Field) -> tuple[tuple[str, str], ...]:
    """The boxes of a field whose own schema says all that it may hold, if they are few; else none."""
    if each.kind is not FieldKind.input or each.office_use:
        return ()
    if each.schema.get("type") == "boolean":
        return _YES_NO
    words = each.schema.get("enum") or each.schema.get("items", {}).get("enum") or ()
    if len(words) > _MOST_BOXES or not all(isinstance(word, str) for word in words):
        return ()
    return tuple((word, word) for word in words)


def _boxes(choices: Sequence[tuple[str, str]], text: str) -> tuple[list[dict[str, Any]], str]:
    """All boxes, and what of the text none of them says: nothing of a value is lost."""
    known = {value for value, _ in choices}
    said = {text} if text in known else set(text.split("、"))
    is_told = said <= known
    boxes = [{"text": word, "ticked": is_told and value in said} for value, word in choices]
    return boxes, "" if is_told else text


def breakable(text: str) -> str:
    """The text with places where a word too long for its cell may go on in the next line; they are not seen."""
    lines = _LINE_END.sub("\n", text)
    return _LONG_WORD.sub(lambda found: _BREAK.join(_pieces(found[0])), lines)


def _pieces(word: str) -> Sequence[str]:
    return [word[at : at + _BREAK_EVERY] for at in range(0, len(word), _BREAK_EVERY)]


def is_kept(cells: Iterable[tuple[Mapping[str, Any], float]]) -> bool:
    """Whether a row stays on one page: when all its cells are short, each with its width in millimetres."""
    return all(_lines(made, width) <= _MOST_LINES for made, width in cells)


def _lines(made: Mapping[str, Any], width: float) -> int:
    room = max(1.0, (width - _INSET_MM) / _CHARACTER_MM)
    texts = [
        made.get("text", ""),
        made.get("own", ""),
        "　".join(box["text"] for box in made.get("boxes", ())),
    ]
    return sum(ceil((_width(line) + 1) / room) for text in texts if text for line in text.split("\n"))


def _width(line: str) -> float:
    """In Chinese characters."""
    return sum(_NARROW if character.isascii() else 1.0 for character in line)


def sign_of(number: int) -> str:
    """The sign of a note, counted from 0.

    >>> sign_of(0), sign_of(20)
    ('①', '(21)')
    """
    return _CIRCLED[number] if number < len(_CIRCLED) else f"({number + 1})"
