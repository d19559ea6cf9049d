"""Slots: what became of every leaf input of one submitted application. The rates count these and nothing else.

A slot holds paths and codes, never a value. A snapshot of them is frozen at submission, stands in the leaf of its entry
in the log, and is never changed: a later correction makes another snapshot (contract, section 3). Pure.
"""

from collections.abc import Iterable, Mapping, Sequence
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


def from_facts(facts: Sequence[Sequence[Any]]) -> tuple[Slot, ...]:
    """The slots that `to_facts` wrote, by path. Raises `ValueError` for a word of another definition."""
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
        for path, field, item in together
    ]
    return tuple(sorted(slots, key=lambda slot: slot.path))


def _flags(text: str) -> Mapping[str, bool]:
    return {name: mark == "1" for name, mark in zip(_FLAGS, text, strict=True)}
