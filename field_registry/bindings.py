"""Bindings: which attribute of which source answers for an item, from when to when, in which order of trust."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date


@dataclass(frozen=True, slots=True)
class Transform:
    """What turns one source's spelling into the item's before the item's own normaliser runs.

    `codes`: this source's own codes → the code list's ("M" → "1"). `multiply`: decimal factor as text ("10000"
    for 万元). `date_format`: a strptime pattern for dates the normaliser cannot know ("%d/%m/%y").
    `separator`: splits text into a list, of which `part` (0-based) is taken. All empty: the value as it comes.
    Where `codes` are given they are complete: a code that is not among them is not passed on.
    """

    codes: Mapping[str, str] = field(default_factory=dict, hash=False)
    multiply: str = ""
    date_format: str = ""
    separator: str = ""
    part: int = 0


@dataclass(frozen=True, slots=True)
class Binding:
    """Item → source attribute.

    `attribute`: where the value stands in one record of the source: a JSON pointer for `http_json` ("/base/xm"),
    a column for `sql` and `file`. For an item `within` a repeating one: relative to a row.
    `rank`: 1 is authoritative; exactly one effective binding of an item has it (一数一源).
    `effective_from` inclusive, `effective_to` exclusive; None is open.
    """

    item: str
    source: str
    attribute: str
    rank: int = 1
    transform: Transform | None = None
    effective_from: date | None = None
    effective_to: date | None = None
    version: int = 1

    @property
    def key(self) -> str:
        """What tells this binding from every other of one version; stable, for faults and differences."""
        since = f" from {self.effective_from}" if self.effective_from else ""
        return f"{self.item} <- {self.source}:{self.attribute}{since}"

    def overlaps(self, other: "Binding") -> bool:
        """Whether there is a day on which both may be used."""
        starts = max(self.effective_from or date.min, other.effective_from or date.min)
        return starts < min(self.effective_to or date.max, other.effective_to or date.max)

    def is_effective(self, on: date) -> bool:
        """Whether this binding may be used on that day."""
        begun = self.effective_from is None or self.effective_from <= on
        return begun and (self.effective_to is None or on < self.effective_to)
