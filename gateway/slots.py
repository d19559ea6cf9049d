"""Slots: what became of every leaf input of one submitted application. The rates count these and nothing else.

A slot holds paths and codes, never a value. A snapshot of them is frozen at submission, stands in the leaf of its entry
in the log, and is never changed: a later correction makes another snapshot (contract, section 3). Pure.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from field_registry.outcomes import Disposition, OutcomeCode, Tier


@dataclass(frozen=True, slots=True)
class Slot:
    """One eligible leaf input of one application.

    `path`: its own ("children.0.name"); `field`: the field it is a slot of ("children.name"). `item`: the field's item,
    or the one that the once-only check names for a field that has none; then `mapped` is False. `mapped`: its field has
    a published binding. `outcome`: at resolve. `source`: which answered, or was asked in vain; None when none was.
    `tier`: of the value that was offered; None when none was. `attempted`: a source was asked for it. `obtainable`: a
    value could have been had, by the meaning that M7 gives it. `identity`: it tells who somebody is, and is reported
    apart. `grounded`: a released value had a ground at release.
    """

    path: str
    field: str
    item: str | None
    source: str | None
    outcome: OutcomeCode
    tier: Tier | None
    disposition: Disposition
    mapped: bool = False
    attempted: bool = False
    obtainable: bool = False
    identity: bool = False
    grounded: bool = False

    @property
    def is_offered(self) -> bool:
        """Whether a value was given at resolve."""
        return self.tier is not None


_FLAGS = ("mapped", "attempted", "obtainable", "identity", "grounded")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All eligible slots of one application at one moment, with what is needed to count them for good.

    `number`: 1 at submission, one higher for each later correction; the highest counts. `department`: of the caller
    that submitted. `segment`: what kind of subject applied ("resident", "taiwan", "individual_trader" …).
    `definition`: of the rates ("rates/1"). `baseline`: slots of the form's named baseline at that time; None without.
    """

    submission_id: str
    number: int
    at: datetime
    form: str
    form_version: int
    matter: str
    department: str
    segment: str
    registry_version: int
    policy_version: int
    slots: tuple[Slot, ...]
    definition: str = "rates/1"
    baseline: int | None = None
    is_test: bool = False


def to_facts(slots: Iterable[Slot]) -> list[list[Any]]:
    """Slots as the leaf of an entry holds them: those alike in all but path and item together.

    Each group: disposition, outcome, tier, source, flags ("11010"), then its slots, as path, field and item.
    """
    groups: dict[tuple[Any, ...], list[list[str | None]]] = {}
    for slot in slots:
        flags = "".join("1" if getattr(slot, name) else "0" for name in _FLAGS)
        tier = None if slot.tier is None else slot.tier.value
        alike = (slot.disposition.value, slot.outcome.value, tier, slot.source, flags)
        groups.setdefault(alike, []).append([slot.path, slot.field, slot.item])
    return [[*alike, together] for alike, together in groups.items()]


MOST_APART = 200
"""Slots that a leaf names one by one; of more, the rows of a column are told together."""


def leaf_facts(slots: Sequence[Slot]) -> list[list[Any]]:
    """Slots as the leaf of an entry holds them; `from_facts` reads either spelling.

    Of a form with many rows those alike stand together: the path with `#` for the number, the item, and the numbers, as
    stretches. A thousand rows of ten columns so take what ten fields take, and fit into a leaf, which ends at 64 KB.
    """
    facts = to_facts(slots)
    if len(slots) <= MOST_APART:
        return facts
    return [[*alike, _together(apart)] for *alike, apart in facts]


def _together(apart: Iterable[Sequence[str | None]]) -> list[list[Any]]:
    """The slots of one group, as `leaf_facts` tells them."""
    told: list[list[Any]] = []
    rows: dict[tuple[str, str | None], list[int]] = {}
    for path, field, item in apart:
        found = _row_of(path or "", field or "")
        if found is not None:
            rows.setdefault((found[0], item), []).append(found[1])
        else:
            told.append([path, item] if path == field else [path, field, item])
    told += [[template, item, _stretches(sorted(numbers))] for (template, item), numbers in rows.items()]
    return told


def _row_of(path: str, field: str) -> tuple[str, int] | None:
    """The path with "#" for its row, and the row; None where that would not lead back to path and field.

    >>> _row_of("children.12.name", "children.name")
    ('children.#.name', 12)
    """
    parts = path.split(".")
    places = [place for place, part in enumerate(parts) if part.isdecimal()]
    if len(places) != 1:
        return None
    row = int(parts[places[0]])
    parts[places[0]] = "#"
    template = ".".join(parts)
    return (template, row) if _slot_of(template, row) == (path, field) else None


def _slot_of(template: str, row: int) -> tuple[str, str]:
    """Path and field of a row that was told together with others."""
    return template.replace("#", str(row)), template.replace("#.", "")


def _stretches(rows: Sequence[int]) -> list[list[int]]:
    """Numbers in order, as first and last of each unbroken stretch.

    >>> _stretches([0, 1, 2, 7])
    [[0, 2], [7, 7]]
    """
    found: list[list[int]] = []
    for row in rows:
        if found and row == found[-1][1] + 1:
            found[-1][1] = row
        else:
            found.append([row, row])
    return found


def _apart(told: Sequence[Any]) -> Iterator[tuple[str, str, str | None]]:
    """Path, field and item of each slot that an element of a group tells of."""
    if len(told) == 2:
        yield told[0], told[0], told[1]
    elif isinstance(told[2], list):
        for first, last in told[2]:
            yield from ((*_slot_of(told[0], row), told[1]) for row in range(first, last + 1))
    else:
        yield told[0], told[1], told[2]


def from_facts(facts: Sequence[Sequence[Any]]) -> tuple[Slot, ...]:
    """The slots that `to_facts` or `leaf_facts` wrote, by path; raises `ValueError` for a word of another meaning."""
    slots = [
        Slot(
            path=path,
            field=field,
            item=item,
            source=source,
            outcome=OutcomeCode(outcome),
            tier=None if tier is None else Tier(tier),
            disposition=Disposition(disposition),
            **_flags(flags),
        )
        for disposition, outcome, tier, source, flags, together in facts
        for told in together
        for path, field, item in _apart(told)
    ]
    return tuple(sorted(slots, key=lambda slot: slot.path))


def _flags(text: str) -> Mapping[str, bool]:
    return {name: mark == "1" for name, mark in zip(_FLAGS, text, strict=True)}
