"""A part of a list that is short enough to be read whole, by number of the page. Pure."""

from collections.abc import Sequence
from typing import TypeVar

Row = TypeVar("Row")
PER_PAGE = 20


def page_of(rows: Sequence[Row], asked: str) -> tuple[Sequence[Row], int | None, int]:
    """The rows of that page, the number of the next one if there is one, and its own; what is no page is the first.

    >>> page_of(range(30), "2"), page_of(range(3), "nonsense")
    ((range(20, 30), None, 2), (range(0, 3), None, 1))
    """
    number = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 6 else 1
    start = (max(1, number) - 1) * PER_PAGE
    if start >= len(rows):
        number, start = 1, 0
    has_more = len(rows) > start + PER_PAGE
    return rows[start : start + PER_PAGE], number + 1 if has_more else None, max(1, number)
