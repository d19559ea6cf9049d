"""Repeat collection (重复采集): who was asked again for what a department holds already (M7), to act on. Pure.

Law: 国务院令第716号 art. 7, what can be had by sharing must not be demanded again. A slot counts when it was typed or
edited though its value could have been had; every one is a person who typed it (人次).
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date

from field_registry import Item
from field_registry.outcomes import Disposition, OutcomeCode
from field_registry.words import Word
from forms.definition import Form
from forms.once_only import HeldItems
from gateway.records import CauseSum
from gateway.reports.cause_counts import AGAIN, SLOT
from gateway.reports.gap_causes import OUTAGES, Catalogue
from gateway.reports.measures import Measures
from gateway.reports.rates import Rate


class Advice(Word):
    """What the office that asks can do about a field."""

    bind = "bind"
    """Say in the form which item the field is; then it fills by itself."""
    ask_first = "ask_first"
    """Fill the form from the registers before the person types: a source is connected."""
    press_source = "press_source"
    """The source did not answer in time; have its owner see to it."""
    verify = "verify"
    """People change what the register says; have its owner verify it."""
    drop = "drop"
    """The newest version of the form asks for it no more: nothing is left to do."""


@dataclass(slots=True)
class Again:
    """How often one field was asked again. `applications`: in which; a repeating group asks several times in one.

    `newest`: the last start of a cell that counts it, as the roll-ups keep it: of a day, or of a whole month.
    """

    times: int = 0
    applications: int = 0
    edited: int = 0
    newest: int = 0
    outcomes: Counter[OutcomeCode] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Department:
    """One office's applications: slots asked again, and all that were filled in by hand."""

    applications: int
    again: int
    by_hand: int

    @property
    def m7(self) -> Rate:
        """The repeat-collection rate."""
        return Rate(self.again, self.by_hand)


Place = tuple[str, str, str]
"""Department, form and field."""


@dataclass(slots=True, eq=False)
class RepeatTally:
    """What the report counts, of roll-ups. `departments`: that submitted; `places`: where it was asked again."""

    departments: dict[str, Department] = field(default_factory=dict)
    places: dict[Place, Again] = field(default_factory=dict)

    def rates(self, departments: Mapping[str, Measures]) -> None:
        """Count whole applications, by department."""
        self.departments.update(
            {
                name: Department(each.applications, each.missed, each.manual)
                for name, each in departments.items()
            }
        )

    def take(self, sums: Iterable[CauseSum]) -> None:
        """Count these sums."""
        for each in sums:
            if is_again(each):
                place = each.place.department, each.place.form, each.key.field
                _count(self.places.setdefault(place, Again()), each)


def is_again(of: CauseSum) -> bool:
    """Whether these slots were typed or edited though they could have been had."""
    return of.key.kind == SLOT and "o" in of.key.marks and Disposition(of.key.disposition) in AGAIN


def _count(again: Again, of: CauseSum) -> None:
    slots, _, _, asked = of.counts
    again.times += slots
    again.applications += asked
    again.edited += slots if of.key.disposition == Disposition.edited.value else 0
    again.outcomes[OutcomeCode(of.key.outcome)] += slots
    again.newest = max(again.newest, of.newest)


@dataclass(frozen=True, slots=True)
class RepeatRow:
    """One field that asks again for what is held. `item`: what it is, `owner`: whose, `sources`: ids that hold it.

    `label`: the field's; its path where the newest form has none such. `outcome`: the most frequent at resolve.
    `last`: the day on which it was asked last; None while only the month is known.
    """

    department: str
    form: str
    form_name: str
    field: str
    label: str
    item: Item | None
    sources: tuple[str, ...]
    again: Again
    outcome: OutcomeCode
    advice: Advice
    last: date | None


def rows_of(tally: RepeatTally, catalogue: Catalogue) -> list[RepeatRow]:
    """Every field that was asked again, those that cost most first."""
    rows = [_row(place, again, catalogue) for place, again in tally.places.items()]
    return sorted(rows, key=lambda row: (-row.again.times, row.department, row.form, row.field))


def _row(place: Place, again: Again, catalogue: Catalogue) -> RepeatRow:
    department, form_id, path = place
    line, compiled = catalogue.line(form_id, path), catalogue.forms.get(form_id)
    item = catalogue.item_of(form_id, path)
    bindings = catalogue.registry.bindings_of(item.id, catalogue.day) if item is not None else ()
    outcome = min(again.outcomes, key=lambda code: (-again.outcomes[code], code))
    if line is None:
        advice = Advice.drop
    elif line.field.item is None:
        advice = Advice.bind
    else:
        advice = _advice(again, outcome)
    return RepeatRow(
        department=department,
        form=form_id,
        form_name=compiled.form.name if compiled is not None else form_id,
        field=path,
        label=line.field.label if line is not None else path,
        item=item,
        sources=tuple(dict.fromkeys(binding.source for binding in bindings)),
        again=again,
        outcome=outcome,
        advice=advice,
        last=day_named(again.newest),
    )


def day_named(start: int) -> date | None:
    """The day that the start of a cell names; None for that of a month.

    >>> day_named(20261121), day_named(20261100)
    (datetime.date(2026, 11, 21), None)
    """
    day = start % 100
    return date(start // 10_000, start // 100 % 100, day) if day else None


def _advice(again: Again, outcome: OutcomeCode) -> Advice:
    if 2 * again.edited > again.times:
        return Advice.verify
    return Advice.press_source if outcome in OUTAGES else Advice.ask_first


@dataclass(frozen=True, slots=True)
class HeldField:
    """A field of a form that asks for what the registry holds, as it is published. `item`: that it could name."""

    form: str
    path: str
    label: str
    item: Item


def held_fields(form: Form, held: HeldItems) -> list[HeldField]:
    """What publishing this form should tell: its fields that have no item though one goes by their name."""
    found = ((field, held.item_for(form, field)) for field in form.fields)
    return [HeldField(form.id, field.path, field.label, item) for field, item in found if item is not None]
