"""The facts the city is made from: surnames and their weights, divisions, ages, what enterprises are called.

Read once from `data/params.json`, which says where each comes from.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import Any, TypeVar

_FILE = Path(__file__).parent / "data" / "params.json"
Option = TypeVar("Option")


@dataclass(frozen=True, slots=True)
class Facts:
    """The parameters, by their names in the file."""

    raw: Mapping[str, Any] = field(hash=False, repr=False)

    def __getitem__(self, name: str) -> Any:
        """One parameter as the file has it."""
        return self.raw[name]

    def share(self, name: str) -> float:
        """How often a difference between registers occurs, 0 to 1."""
        return float(self.raw["conflict_injection"][name])

    def counties_of(self, city: str) -> Sequence[str]:
        """The county codes known of a city (four digits)."""
        return [code for code in self.raw["counties"] if code.startswith(city)]

    def division_name(self, county: str) -> str:
        """Province, city and county as an address begins with them."""
        return f"福建省{self.city_name(county)}{self.county_name(county)}"

    def city_name(self, county: str) -> str:
        """The name of the city a county belongs to, e.g. 泉州市."""
        return str(self.raw["cities"][county[:4]])

    def county_name(self, county: str) -> str:
        """The name of a county, e.g. 晋江市; of a retired code, its successor's."""
        code = self.raw["retired_divisions"].get(county, county)
        return str(self.raw["counties"][code]["name"])


@lru_cache(maxsize=1)
def load_facts() -> Facts:
    """The facts that ship with the product."""
    return Facts(json.loads(_FILE.read_text(encoding="utf-8")))


def weighted(random: Random, weights: Mapping[Option, float]) -> Option:
    """One key of `weights`, as often as its weight says."""
    return random.choices(list(weights), weights=list(weights.values()))[0]
