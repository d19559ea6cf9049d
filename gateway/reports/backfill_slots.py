"""Opening a percentage: the slots behind it, application by application, as they are frozen. Every look is an entry.

Slots hold paths and codes, never a value. One call looks at so many applications and no more, and says where to go on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from field_registry.outcomes import Disposition, OutcomeCode
from gateway.audit.cursors import Position, Turn
from gateway.audit.looking import note_look
from gateway.records import SnapshotFilter
from gateway.reports.measures import slot_measures
from gateway.reports.periods import begins
from gateway.reports.rates import DEFINITION, RATES
from gateway.runtime import Runtime
from gateway.slots import Slot, Snapshot

_AT_ONCE = 200
_MOST = 2_000


class Part(StrEnum):
    """Which half of a rate."""

    numerator = "numerator"
    denominator = "denominator"


OPENED = tuple(name for name, defined in RATES.items() if defined.of_slots)
"""The rates that can be opened; the others are not shares of slots."""


@dataclass(frozen=True, slots=True)
class SlotsAsked:
    """Which slots are wanted; None is any. `rate` with `part`: those that this half of the rate counts."""

    since: date | None = None
    until: date | None = None
    form: str | None = None
    field: str | None = None
    item: str | None = None
    source: str | None = None
    department: str | None = None
    matter: str | None = None
    segment: str | None = None
    disposition: Disposition | None = None
    outcome: OutcomeCode | None = None
    rate: str | None = None
    part: Part = Part.numerator


@dataclass(frozen=True, slots=True)
class FoundSlot:
    """One slot with the application it is of."""

    snapshot: Snapshot
    slot: Slot


@dataclass(frozen=True, slots=True)
class FoundSlots:
    """One page, in order of application and path. `cursor`: where to go on; None when everything was looked through."""

    slots: Sequence[FoundSlot]
    cursor: str | None


async def open_slots(
    asked: SlotsAsked, runtime: Runtime, *, caller: str, limit: int, cursor: str = ""
) -> FoundSlots:
    """Slots that match. The look is an entry of `caller`, durable when this returns; an hour's paging is one look.

    Raises `NotValid` for a cursor of another look, `StoreUnavailable`.
    """
    turn = Turn.of(cursor, repr((caller, asked)).encode(), runtime)
    found, position = await _page(asked, turn.position, limit, runtime)
    if not turn.is_noted:
        entry = await note_look(
            "slots", runtime, caller=caller, shown=len(found), filters=_told(asked, runtime)
        )
        turn = turn.noted(entry, runtime.clock())
    return FoundSlots(found, None if position is None else turn.at(position, runtime))


async def _page(
    asked: SlotsAsked, begin: Position, limit: int, runtime: Runtime
) -> tuple[list[FoundSlot], Position | None]:
    """What is shown, and where to go on: within the application after `after`, `skip` of its slots were shown."""
    found: list[FoundSlot] = []
    after, skip, looked_at = begin.after, begin.skip, 0
    wanted = _filter(asked)
    while looked_at < _MOST:
        page = await runtime.store.submissions.listing(wanted, after=after, limit=_AT_ONCE)
        for snapshot in page:
            matching = [slot for slot in snapshot.slots if _is_asked(slot, asked)]
            rest = [] if _is_left_out(snapshot) else matching[skip:]
            room = limit - len(found)
            found += [FoundSlot(snapshot, slot) for slot in rest[:room]]
            if len(rest) > room:
                return found, Position(after, skip + room)
            after, skip = snapshot.submission_id, 0
        looked_at += len(page)
        if len(page) < _AT_ONCE:
            return found, None
        if len(found) == limit:
            break
    return found, Position(after)


def _filter(asked: SlotsAsked) -> SnapshotFilter:
    return SnapshotFilter(
        form=asked.form,
        department=asked.department,
        matter=asked.matter,
        segment=asked.segment,
        since=None if asked.since is None else begins(asked.since),
        until=None if asked.until is None else begins(asked.until),
    )


def _is_left_out(snapshot: Snapshot) -> bool:
    return snapshot.is_test or snapshot.definition != DEFINITION


def _is_asked(slot: Slot, asked: SlotsAsked) -> bool:
    return (
        asked.field in (None, slot.field)
        and asked.item in (None, slot.item or "")
        and asked.source in (None, slot.source or "")
        and asked.disposition in (None, slot.disposition)
        and asked.outcome in (None, slot.outcome)
        and (asked.rate is None or counts_in(slot, asked.rate, asked.part))
    )


def counts_in(slot: Slot, rate: str, part: Part) -> bool:
    """Whether that half of a rate, one of `OPENED`, counts this slot."""
    defined = RATES[rate]
    counted = defined.numerator if part is Part.numerator else defined.denominator
    return counted(slot_measures(slot)) > 0


def _told(asked: SlotsAsked, runtime: Runtime) -> dict[str, str]:
    """The filters as an entry holds them: what the registry knows, as it is; anything else only that it was given."""
    published = runtime.library.published
    known: Mapping[str, Any] = {
        "form": published.forms,
        "item": published.registry.items,
        "source": published.registry.sources,
    }
    told: dict[str, str] = {}
    for name in ("form", "item", "source", "field", "department", "matter", "segment"):
        value = getattr(asked, name)
        if value is not None:
            told[name] = value if value in known.get(name, ()) else "given"
    for name in ("since", "until", "disposition", "outcome", "rate"):
        value = getattr(asked, name)
        if value is not None:
            told[name] = str(value.isoformat() if isinstance(value, date) else value)
    return {**told, "part": asked.part.value} if asked.rate else told
