"""Closed lists of words. A word is text that hashes as fast as text.

`Enum` hashes in Python, half a microsecond each time; forty fields look their outcome, tier and kind up a dozen times.
"""

from enum import StrEnum


class Word(StrEnum):
    """Base of the closed lists: equal to its text, and found in dictionaries by it."""

    __hash__ = str.__hash__
