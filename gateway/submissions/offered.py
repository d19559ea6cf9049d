"""What was offered: a draft opened again, slot by slot, as the person saw it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from field_registry import OutcomeCode, Tier
from field_registry.outcomes import FILLED
from forms.bind import ALREADY_ANSWERED
from forms.definition import Form
from gateway.records import Draft
from gateway.resolution.draft_header import DraftHeader

NOT_IN_ROWS_SOURCE = "not_in_rows_source"
ROW_NOT_MATCHED = "row_not_matched"
GONE_WITH_IT = "gone_with_it"
"""Stands for the consent of a value that came on another ground, and was purged with the answer all the same."""


@dataclass(frozen=True, slots=True)
class Offer:
    """One slot as it was answered. `value`, `tier`, `consent`, `locked` only where a value was offered.

    `source`: which answered or was asked in vain. `consent`: the one that carried the value; None on another ground.
    `dated`: when the source had recorded the value, and when we asked it; for the receipt. `mask`: what the caller was
    shown in the value's stead; None where the value itself was shown.
    """

    path: str
    outcome: OutcomeCode
    reason: str | None = None
    value: Any = field(default=None, repr=False)
    tier: Tier | None = None
    source: str | None = None
    consent: str | None = None
    locked: bool = False
    dated: tuple[str | None, str] | None = None
    mask: Any = field(default=None, repr=False)

    @property
    def was_typed(self) -> bool:
        """Whether the person had filled it in before anything was asked."""
        return self.reason == ALREADY_ANSWERED


@dataclass(frozen=True, slots=True)
class Offering:
    """A whole answer. `rows`: group → row number → leaf → slot. `row_keys`: see `DraftHeader`."""

    slots: Mapping[str, Offer]
    rows: Mapping[str, Mapping[int, Mapping[str, Offer]]]
    row_keys: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Opened:
    """A draft opened: what was offered, and what it stands on.

    `roles`: role → reference of its subject. `registry`, `policy`: the versions it was answered by. `was_purged`: its
    values are gone, only what the log tells of them is left. `is_masked`: its values were never shown to the caller.
    """

    draft: Draft
    offering: Offering
    roles: Mapping[str, str]
    registry: int
    policy: int
    segment: str
    consents: tuple[str, ...] = ()
    case_key: str | None = None
    was_purged: bool = False
    is_masked: bool = False


def open_offering(draft: Draft, answer: bytes, header: DraftHeader, form: Form) -> Opened:
    """The draft whose answer and header these are."""
    said = orjson.loads(answer)
    slots = {path: _offer(path, of_field, header) for path, of_field in said["fields"].items()}
    return Opened(
        draft=draft,
        offering=Offering(slots, rows_of(form, slots), header.row_keys),
        roles=header.roles,
        registry=said["registry_version"],
        policy=header.policy,
        segment=header.segment,
        consents=tuple(dict.fromkeys((*draft.consents, *header.consents))),
        case_key=header.case_key,
        is_masked=bool(header.offered),
    )


def rows_of(form: Form, slots: Mapping[str, Offer]) -> dict[str, dict[int, dict[str, Offer]]]:
    """The slots of each group, row by row."""
    groups = {group.path for group in form.groups}
    rows: dict[str, dict[int, dict[str, Offer]]] = {group: {} for group in groups}
    for path, offer in slots.items() if groups else ():
        for group, number, leaf in _places(path, groups):
            rows[group].setdefault(number, {})[leaf] = offer
    return rows


def _places(path: str, groups: set[str]) -> Iterator[tuple[str, int, str]]:
    for group in groups:
        if path.startswith(f"{group}."):
            number, _, leaf = path[len(group) + 1 :].partition(".")
            yield group, int(number), leaf


def _offer(path: str, said: Mapping[str, Any], header: DraftHeader) -> Offer:
    outcome = OutcomeCode(said["outcome"])
    source = said["source"] and said["source"]["id"]
    if outcome not in FILLED:
        return Offer(path, outcome, said["reason"], source=source)
    ground = said["ground"]
    return Offer(
        path,
        outcome,
        value=header.offered[path] if path in header.offered else said["value"],
        tier=Tier(said["tier"]),
        source=source,
        consent=ground["id"] if ground["kind"] == "consent" else None,
        locked=said["locked"],
        dated=(said["recorded_at"], said["retrieved_at"]),
        mask=said["display"] if path in header.offered else None,
    )
