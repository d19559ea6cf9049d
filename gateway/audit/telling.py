"""What the leaves of entries tell: form, items, sources, outcomes, department, ground. Pure.

A resolution is told in pieces: the intent knows items, sources and grounds, the outcome what came of every field. What
an auditor looks for may stand in either, so a resolution is judged by all its leaves together.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

import orjson

Leaf = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Told:
    """What must be told; None is any. `ground`: id of a consent or code of a duty. `outcome`: of any field."""

    form: str | None = None
    item: str | None = None
    source: str | None = None
    outcome: str | None = None
    department: str | None = None
    ground: str | None = None

    @property
    def needs_whole(self) -> bool:
        """Whether no single leaf can tell it: what was asked stands in one, what came of it in another."""
        return self.outcome is not None and any((self.item, self.source, self.ground))

    def sieve(self) -> tuple[bytes, ...]:
        """Bytes that a leaf must hold to be of interest; of a whole resolution, the leaf of its intent."""
        values = (self.form, self.item, self.source, self.department, self.ground)
        wanted = values if self.needs_whole else (*values, self.outcome)
        return tuple(orjson.dumps(each)[1:-1] for each in wanted if each is not None)

    def is_told_by(self, leaves: Iterable[Leaf]) -> bool:
        """Whether these leaves together tell all of it."""
        wanted = {
            each.name: value for each in fields(self) if (value := getattr(self, each.name)) is not None
        }
        for leaf in leaves:
            wanted = {name: value for name, value in wanted.items() if value not in _told(name, leaf)}
        return not wanted


def _told(name: str, leaf: Leaf) -> Iterable[Any]:
    asks = leaf.get("asks") or ()
    match name:
        case "form":
            form = leaf.get("form")
            return form[:1] if isinstance(form, list) else (form,)
        case "item":
            agreed = (leaf.get(each) or () for each in ("permitted", "denied", "items"))
            named = (item for items in (*(ask[2] for ask in asks), *agreed) for item in items)
            return {item for item in named if isinstance(item, str)}
        case "source":
            return {ask[1] for ask in asks}
        case "outcome":
            return leaf.get("fields") or ()
        case "department":
            return (leaf.get("department"), *(leaf.get("recipients") or ()))
        case _:
            footings = (ask[5].partition(":") for ask in asks)
            return {leaf.get("request"), *(leaf.get("ended") or ()), *(ground for _, _, ground in footings)}
