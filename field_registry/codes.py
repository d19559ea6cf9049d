"""Code lists: the closed sets of codes (GB/T 2261.1, GB/T 3304 ...) and how registers really spell them."""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from field_registry.divisions import division_index, division_of

_CODE_AND_NAME = re.compile(r"([0-9a-z]+)[-:.、|/_]?(.+)")


@dataclass(frozen=True, slots=True, eq=False)
class CodeList:
    """One code list: codes with their names, and the spellings that mean them.

    `names`: code → Chinese name, in the list's own order, withdrawn codes too. `aliases`: other spellings → code,
    written as they come; they are folded for look-up (NFKC, case, inner spaces). `retired`: withdrawn code → its
    successor; a withdrawn code and its name mean the successor. `standard`: what defines the list.
    `origins`: code → where its row was taken from. `divisions`: whether these are administrative divisions, whose
    full path (福建省泉州市晋江市) and short names (晋江) mean them too, as long as they mean only one.
    """

    id: str
    name: str
    names: Mapping[str, str]
    aliases: Mapping[str, str] = field(default_factory=dict)
    retired: Mapping[str, str] = field(default_factory=dict)
    standard: str = ""
    origins: Mapping[str, str] = field(default_factory=dict)
    divisions: bool = False
    _folded: Mapping[str, str | None] = field(init=False, repr=False)
    _places: Mapping[str, tuple[str, ...]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Index every spelling; one that means two codes means none."""
        folded: dict[str, str | None] = {}
        for spelling, code in self._spellings():
            key = fold(spelling)
            folded[key] = code if folded.get(key, code) == code else None
        for alias, code in self.aliases.items():  # an alias is a deliberate choice and settles an ambiguity
            folded[fold(alias)] = self.current(code)
        object.__setattr__(self, "_folded", MappingProxyType(folded))
        object.__setattr__(self, "_places", division_index(self.names) if self.divisions else {})

    def _spellings(self) -> Iterable[tuple[str, str]]:
        for code in self.retired:
            yield code, self.current(code)
        for code, name in self.names.items():
            yield code, self.current(code)
            yield name, self.current(code)

    def current(self, code: str) -> str:
        """The code in force for this one: itself, or the last successor of a withdrawn one."""
        for _ in range(len(self.retired)):  # a chain is never longer than the table; a circle ends here too
            if code not in self.retired:
                break
            code = self.retired[code]
        return code

    def code_of(self, spelling: str) -> str | None:
        """The code that spelling means, or None when it means none or more than one.

        A code and a name together (`1-男`, `01 汉族`) mean the code only when both say the same.
        """
        key = spelling if spelling in self._folded else fold(spelling)
        if key in self._folded:
            return self._folded[key]
        both = _CODE_AND_NAME.fullmatch(key)
        if both is not None and both[1] in self._folded:
            code = self._folded[both[1]]
            return code if code is not None and self._folded.get(both[2]) == code else None
        if not self.divisions:
            return None
        return self._only(division_of(key, self._places))

    def _only(self, codes: Iterable[str]) -> str | None:
        current = {self.current(code) for code in codes}
        return current.pop() if len(current) == 1 else None

    def name_of(self, code: str) -> str:
        """The Chinese name of a code; the code itself when it has none."""
        return self.names.get(code, code)


def fold(spelling: str) -> str:
    """A spelling reduced to what tells it from others: NFKC, lower case, without white space.

    >>> fold(" １ - 男 ")
    '1-男'
    """
    return "".join(unicodedata.normalize("NFKC", spelling).lower().split())
