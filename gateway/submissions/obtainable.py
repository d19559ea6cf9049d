"""Obtainable: whether a value could have been had without asking the person (contract, section 3, M7). Pure.

It could where the slot's item has a published binding and there was a ground for it, or where the subject's own record
holds it; unless the person refused, or the register has nothing to give. For a field without an item that is the item
which the once-only check names for it.

Whether there was a ground, the answer itself tells where something was asked. Where nothing was (the person had typed
it already, it was hidden then, its field has no item) the grounds are judged when it is handed in.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice

from msgspec.structs import replace

from field_registry import Ask, Item, OutcomeCode, Registry
from gateway.records import Caller, GateView
from gateway.resolution.compiled import CompiledForm
from gateway.resolution.pipeline import could_release
from gateway.submissions.dispositions import Judged
from gateway.submissions.offered import Opened
from policies import Consent, Request

_O = OutcomeCode
NOT_OBTAINABLE = frozenset({_O.refused_by_person, _O.empty_at_source, _O.not_found, _O.not_applicable})
"""Outcomes after which only the person can say it, whatever is bound and allowed."""
_NOT_ASKED = frozenset({_O.no_binding, _O.no_ground, _O.identity_unbound, _O.skipped_hidden, _O.office_use})
NOT_ATTEMPTED = _NOT_ASKED | {_O.refused_by_person, _O.identity_ambiguous, _O.disputed}
"""Outcomes of slots that no source was asked for, or whose subject it could not tell (M2)."""

Held = Mapping[str, frozenset[str]]
"""Reference of a subject → items of which its record holds a value."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """Slots of one role and item about whose grounds the answer does not tell, and the asks it would have taken."""

    asks: tuple[Ask, ...]
    paths: tuple[str, ...]


def is_attempted(slot: Judged) -> bool:
    """Whether a source was asked for it, or would have been had it not been known to be out of order."""
    return slot.sheet.mapped and slot.outcome not in NOT_ATTEMPTED


def is_obtainable(slot: Judged, opened: Opened, held: Held, granted: frozenset[str]) -> bool:
    """Whether its value could have been had. `granted`: slots in doubt that there was a ground for."""
    if slot.is_disowned or slot.outcome in NOT_OBTAINABLE:
        return False
    was_asked = slot.sheet.mapped and slot.outcome not in _NOT_ASKED
    return was_asked or slot.path in granted or _is_held(slot, opened, held)


def doubts_of(slots: Iterable[Judged], registry: Registry, on: date) -> tuple[Doubt, ...]:
    """What is to be judged when it is handed in; mostly nothing."""
    together: dict[tuple[str, str], tuple[Item, list[str]]] = {}
    for slot in slots:
        item = _doubtful(slot)
        if item is not None:
            together.setdefault((slot.sheet.role, item.id), (item, []))[1].append(slot.path)
    doubts = (
        Doubt(tuple(_asks(item, role, registry, on)), tuple(paths))
        for (role, _), (item, paths) in together.items()
    )
    return tuple(doubt for doubt in doubts if doubt.asks)


def granted_paths(
    doubts: Sequence[Doubt],
    compiled: CompiledForm,
    opened: Opened,
    caller: Caller,
    view: GateView,
    now: datetime,
) -> frozenset[str]:
    """The slots in doubt that there is a ground for, by the consents of the resolution as they stand now.

    The use that the resolution took is not held against it.
    """
    if not doubts:
        return frozenset()
    keys = {ref: key for key, ref in view.subject_refs.items()}
    request = Request(
        matter=compiled.form.matter,
        form=compiled.form.id,
        purpose=compiled.form.purpose,
        department=caller.department,
        caller_roles=caller.roles,
        subject_keys={role: keys.get(ref, "") for role, ref in opened.roles.items()},
        now=now,
        case_key=opened.case_key,
    )
    consents = {each: _before_use(view.consents[each]) for each in opened.consents if each in view.consents}
    asks = [ask for doubt in doubts for ask in doubt.asks]
    allowed = iter(could_release(compiled, asks, consents, request))
    granted = {doubt.paths for doubt in doubts if _any_of(allowed, len(doubt.asks))}
    return frozenset(path for paths in granted for path in paths)


def _any_of(allowed: Iterator[bool], number: int) -> bool:
    """Whether any of the next so many is true; all of them are used up."""
    return any(tuple(islice(allowed, number)))


def _doubtful(slot: Judged) -> Item | None:
    """The item whose ground the answer does not tell; None where it does, or where it could not matter."""
    if slot.is_disowned or slot.is_offered or slot.outcome in NOT_OBTAINABLE:
        return None
    if slot.sheet.item is None:
        return slot.sheet.named
    return slot.sheet.item if slot.offer.was_typed or slot.outcome is _O.skipped_hidden else None


def _asks(item: Item, role: str, registry: Registry, on: date) -> Iterable[Ask]:
    bindings = [each for each in registry.bindings_of(item.id, on) if each.source in registry.sources]
    if item.within is None:
        return [Ask(item, binding, role) for binding in bindings]
    parent = registry.items.get(item.within)
    if parent is None:
        return []
    columns = {binding.source: binding for binding in reversed(bindings)}
    return [
        Ask(parent, rows, role, ((item, columns[rows.source]),))
        for rows in registry.bindings_of(parent.id, on)
        if rows.source in columns
    ]


def _is_held(slot: Judged, opened: Opened, held: Held) -> bool:
    item, ref = slot.sheet.counted_item, opened.roles.get(slot.sheet.role)
    return item is not None and ref is not None and item in held.get(ref, frozenset())


def _before_use(consent: Consent) -> Consent:
    left = consent.standing.uses_left
    standing = replace(consent.standing, uses_left=None if left is None else left + 1, frequency=None)
    return replace(consent, standing=standing)
