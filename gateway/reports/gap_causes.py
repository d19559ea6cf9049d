"""Causes: why one slot was not filled by a source, and what would have to be done so that the next one is. Pure.

Judged by what is published now, not by what was when the slot was made: what has been done since is proposed no more.
"""

from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from field_registry import Item, OutcomeCode, Registry, Tier
from field_registry.outcomes import OUTCOME_TEXTS, Disposition, FixedBy
from field_registry.words import Word
from forms.bind import Line
from forms.once_only import HeldItems
from gateway.records import CallerRole
from gateway.resolution.compiled import CompiledForm
from gateway.slots import Slot
from policies.rules import Profile

_C = OutcomeCode
REGISTERED = frozenset({Tier.A, Tier.B})
"""Tiers of registers and licence libraries."""
SUPPLIED = REGISTERED | {Tier.C}
"""Tiers that the backfill rate counts."""
OUTAGES = frozenset({_C.timeout, _C.source_error, _C.circuit_open, _C.maintenance, _C.pending})
"""Outcomes by which a source gave no answer; every other word of a source is one."""
_HOLDS_NOTHING = frozenset({_C.empty_at_source, _C.not_found, _C.not_applicable})
_HOLDS_WRONG = frozenset({_C.invalid_value, _C.conflict, _C.wrong_subject})
ANSWERS = (
    frozenset({_C.filled, _C.filled_stale, _C.denied_by_source, _C.disputed}) | _HOLDS_NOTHING | _HOLDS_WRONG
)
"""Outcomes by which a source did answer, whatever it said."""
EMPTY = frozenset({Disposition.blank, Disposition.cleared})
"""What became of slots that hold nothing at submission."""


class FixKind(Word):
    """What can be done about a cause."""

    connect = "connect"
    """Bind the item to a source that holds it."""
    bind_field = "bind_field"
    """Say in the form which item the field is."""
    ground = "ground"
    """Have a rule or duty permit the item for the form's purpose."""
    consent = "consent"
    """Ask the person for their consent before the form is filled; a rule provides for it."""
    reliable = "reliable"
    """Make the source answer, and in time."""
    second_source = "second_source"
    """Connect another source, for those whom the present ones do not hold."""
    permit = "permit"
    """Have the source's owner let us have it."""
    mend = "mend"
    """Have the source's owner put its data right."""


@dataclass(frozen=True, slots=True, order=True)
class Fix:
    """One thing to do. Only what tells it from others is set: an item, a source, a form and one of its fields."""

    kind: FixKind
    item: str = ""
    source: str = ""
    form: str = ""
    field: str = ""


Needs = frozenset[Fix]
"""Everything that has to be done for a slot to be filled; empty where nothing we know of would help."""

NOTHING: Needs = frozenset()


class SpotKind(Word):
    """What an open slot has in common with others that the same fixes open."""

    late = "late"
    """Its source gave no answer."""
    nothing = "nothing"
    """The sources of its item do not hold it for that person."""
    permit = "permit"
    """Its source denied its item."""
    mend = "mend"
    """Its source holds something wrong for its item."""
    unbound = "unbound"
    """Its field has no source."""
    ground = "ground"
    """Its field has no ground."""
    other = "other"
    """Nothing that we know of would open it."""


class Spot(NamedTuple):
    """Where slots stand open. Those of one spot, form and department need the same, whatever is published."""

    kind: SpotKind
    field: str
    item: str
    source: str


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a slot was not filled. `done`: what it needed has been done since."""

    outcome: OutcomeCode
    source: str | None
    needs: Needs = NOTHING
    done: bool = False

    @property
    def fixed_by(self) -> FixedBy:
        """Who can do something about it."""
        return OUTCOME_TEXTS[self.outcome].fixed_by


class Catalogue:
    """What is published: the registry on its day, and the newest version of each form that slots tell of.

    It learns forms as a report meets them; one it never learnt is published no more.
    """

    def __init__(self, registry: Registry, day: date) -> None:
        self.registry, self.day = registry, day
        self.forms: dict[str, CompiledForm] = {}
        self._lines: dict[str, dict[str, Line]] = {}
        self._held = HeldItems.of(registry)
        self._connected: dict[str, bool] = {}

    def learn(self, compiled: CompiledForm) -> None:
        """Know that form, as it is compiled against the registry."""
        self.forms[compiled.form.id] = compiled
        self._lines[compiled.form.id] = {line.path: line for line in compiled.lines}

    def line(self, form_id: str, path: str) -> Line | None:
        """That field of the form's newest version; None when it has none such."""
        return self._lines.get(form_id, {}).get(path)

    def item_of(self, form_id: str, path: str) -> Item | None:
        """The item that a field names, or that the once-only check names for it; None when there is none."""
        line = self.line(form_id, path)
        if line is None:
            return None
        return line.item or self._held.item_for(self.forms[form_id].form, line.field)

    def is_connected(self, item_id: str) -> bool:
        """Whether a register or licence library answers for that item; a profile only repeats what was typed."""
        if item_id not in self._connected:
            self._connected[item_id] = any(
                source.tier in REGISTERED
                for binding in self.registry.bindings_of(item_id, self.day)
                if (source := self.registry.sources.get(binding.source))
            )
        return self._connected[item_id]


def cause_of(slot: Slot, form_id: str, department: str, catalogue: Catalogue) -> Cause | None:
    """Why no register, licence or profile filled this slot; None when one did."""
    if slot.tier in SUPPLIED:
        return None
    code, item, source = slot.outcome, slot.item or "", slot.source
    if code in OUTAGES and source:
        return Cause(code, source, frozenset({Fix(FixKind.reliable, source=source)}))
    if code in _HOLDS_NOTHING and item:
        kind = FixKind.second_source if catalogue.is_connected(item) else FixKind.connect
        return Cause(code, source, frozenset({Fix(kind, item=item)}))
    if code is _C.denied_by_source and source:
        return Cause(code, source, frozenset({Fix(FixKind.permit, item=item, source=source)}))
    if code in _HOLDS_WRONG and source:
        return Cause(code, source, frozenset({Fix(FixKind.mend, item=item, source=source)}))
    line = catalogue.line(form_id, slot.field)
    if line is None:
        return Cause(code, source, done=code is _C.no_binding)  # the form asks for it no more
    if code is _C.no_binding:
        return _unbound(slot, line, form_id, department, catalogue)
    if code is _C.no_ground and not slot.obtainable:
        return Cause(code, source, _ground(line, form_id, department, catalogue) or NOTHING)
    return Cause(code, source)


def spot_of(code: OutcomeCode, *, field: str, item: str, source: str, obtainable: bool) -> Spot:
    """Where an unfilled slot stands: of it, `cause_of` looks at nothing else to say what it needs."""
    if code in OUTAGES and source:
        return Spot(SpotKind.late, "", "", source)
    if code in _HOLDS_NOTHING and item:
        return Spot(SpotKind.nothing, "", item, "")
    if code is _C.denied_by_source and source:
        return Spot(SpotKind.permit, "", item, source)
    if code in _HOLDS_WRONG and source:
        return Spot(SpotKind.mend, "", item, source)
    if code is _C.no_binding:
        return Spot(SpotKind.unbound, field, item, "")
    if code is _C.no_ground and not obtainable:
        return Spot(SpotKind.ground, field, item, "")
    return Spot(SpotKind.other, field, item, "")


_OF_SPOT = {
    SpotKind.late: _C.timeout,
    SpotKind.nothing: _C.not_found,
    SpotKind.permit: _C.denied_by_source,
    SpotKind.mend: _C.conflict,
    SpotKind.unbound: _C.no_binding,
    SpotKind.ground: _C.no_ground,
    SpotKind.other: _C.refused_by_person,
}


def needs_of(spot: Spot, form_id: str, department: str, catalogue: Catalogue) -> Needs:
    """Everything that has to be done for the slots at that spot to be filled."""
    slot = Slot(
        *(spot.field, spot.field, spot.item or None, spot.source or None),
        *(_OF_SPOT[spot.kind], None, Disposition.typed),
    )
    cause = cause_of(slot, form_id, department, catalogue)
    return NOTHING if cause is None else cause.needs


def _unbound(slot: Slot, line: Line, form_id: str, department: str, catalogue: Catalogue) -> Cause:
    if line.outcome is None:
        return Cause(slot.outcome, slot.source, done=True)
    item_id = line.field.item or slot.item
    if item_id is None:
        return Cause(slot.outcome, slot.source)
    grounds = _ground(line, form_id, department, catalogue, item_id)
    if grounds is None:
        return Cause(slot.outcome, slot.source)  # connected or not, it may not be had
    needs = set(grounds)
    if line.field.item is None:
        needs.add(Fix(FixKind.bind_field, item=item_id, form=form_id, field=slot.field))
    if line.field.item is not None or not catalogue.is_connected(item_id):
        needs.add(Fix(FixKind.connect, item=item_id))
    return Cause(slot.outcome, slot.source, frozenset(needs))


def _ground(
    line: Line, form_id: str, department: str, catalogue: Catalogue, item_id: str | None = None
) -> Needs | None:
    """What it takes for the item to be released to that department; None when a rule forbids it.

    Before a source is connected nobody knows whom it will ask: a consent that a rule provides for counts as given.
    """
    compiled = catalogue.forms[form_id]
    item = catalogue.registry.items.get(item_id or line.field.item or "")
    if item is None:
        return NOTHING
    form, bindings = compiled.form, line.bindings
    profile = Profile(form.matter, form.id, form.purpose, department, frozenset({CallerRole.renderer.value}))
    tier = compiled.tiers.get(bindings[0].source, Tier.A) if bindings else Tier.A
    role = line.group.role if line.group is not None else line.field.role
    verdict = compiled.rules.verdict(item, tier, role, profile)
    if verdict.forbidden_by is not None:
        return None
    if not verdict.permits:
        return frozenset({Fix(FixKind.ground, item=item.id, form=form_id)})
    if verdict.settled is None and item_id is None:
        return frozenset({Fix(FixKind.consent, form=form_id)})
    return NOTHING
