"""Reports on causes, whatever was submitted: made of roll-ups they are what reading every slot would make them."""

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(
    0, str(Path(__file__).parents[1] / "unit" / "gateway" / "reports")
)  # that directory is no package

from gap_bench import (
    AGREED,
    DUTY,
    FIELDS,
    NOON,
    D,
    Out,
    T,
    application,
    catalogue,
    countable,
    form,
    measured,
    sums_of,
    tally_from,
)

from field_registry.outcomes import FILLED
from gateway.records import CauseCell
from gateway.reports.cause_counts import BOTH
from gateway.reports.gap_causes import (
    ANSWERS,
    EMPTY,
    REGISTERED,
    Catalogue,
    Needs,
    cause_of,
    needs_of,
    spot_of,
)
from gateway.reports.gap_tally import Count, Seen
from gateway.reports.gaps import steps_of
from gateway.reports.repeat import RepeatTally
from gateway.reports.rollup import count
from gateway.slots import Slot, Snapshot
from policies import Rule
from policies.rules import Conditions, Effect

# Two fields of one item, so that slots of one application stand open together.
AGAIN = replace(FIELDS[3], path="policy_again")
FORMS = (form(fields=(*FIELDS, AGAIN)), form("other"))
RULES = (
    Rule("R-1", Effect.permit, "agreed", Conditions(items=frozenset({"person.*"})), AGREED),
    Rule("R-2", Effect.permit, "duty", Conditions(items=frozenset({"person.sex", "vehicle.*"})), DUTY),
)
KNOWN = [
    catalogue(forms=FORMS, rules=RULES),
    catalogue("person.phone", "vehicle.policy_no", forms=FORMS[:1], rules=RULES),
    catalogue(forms=FORMS, rules=RULES[1:]),
]
ASKED = [code for code in Out if code not in {Out.skipped_hidden, Out.office_use}]


@st.composite
def slots(draw: st.DrawFn) -> Slot:
    """Any slot: also such as no resolution makes, since what is counted must not depend on that."""
    of, tier = draw(st.sampled_from((*FIELDS, AGAIN))), draw(st.sampled_from([None, None, *T]))
    return Slot(
        path=f"{of.path}.{draw(st.integers(0, 2))}",
        field=of.path,
        item=of.item or draw(st.sampled_from([None, "person.phone"])),
        source=draw(st.sampled_from([None, "civil", "insurance"])),
        outcome=draw(st.sampled_from([Out.no_binding, Out.no_ground]) | st.sampled_from(ASKED)),
        tier=tier,
        disposition=draw(st.sampled_from([each for each in D if tier is not None or each is not D.kept])),
        attempted=draw(st.booleans()),
        obtainable=draw(st.booleans()),
    )


applications = st.builds(
    lambda its, form, segment, department, day: application(
        *its, form=form, segment=segment, department=department, at=NOON - timedelta(days=day)
    ),
    st.lists(slots(), max_size=8),
    st.sampled_from(["review", "other", "gone"]),
    st.sampled_from(["resident", "taiwan"]),
    st.sampled_from(["交通", "税务"]),
    st.integers(0, 15),
)


@dataclass
class Plain:
    """What the gap report counts, slot by slot, as the words of its README say."""

    known: Catalogue
    total: Count = field(default_factory=Count)
    segments: dict[str, Count] = field(default_factory=dict)
    open: Counter[tuple[str, Needs, str]] = field(default_factory=Counter)
    seen: dict[str, Seen] = field(default_factory=dict)
    needed: list[set[Needs]] = field(default_factory=list)

    def add(self, of: Snapshot) -> "Plain":
        groups = self.total, self.segments.setdefault(of.segment, Count())
        self.needed.append(set())
        for group in groups:
            group.applications += 1
        for slot in of.slots:
            cause = cause_of(slot, of.form, of.department, self.known)
            for group in groups:
                group.eligible += 1
                group.answered += slot.disposition not in EMPTY
                group.supplied += cause is None and slot.disposition is D.kept
                if cause is not None:
                    group.causes[cause.outcome, cause.source, cause.done] += 1
            self._see(slot)
            if cause is not None and cause.needs and slot.disposition not in EMPTY:
                self.open[of.form, cause.needs, slot.item or ""] += 1
                self.needed[-1].add(cause.needs)
        return self

    def _see(self, slot: Slot) -> None:
        if not slot.attempted or slot.outcome not in ANSWERS or slot.tier is T.C:
            return
        is_filled = slot.outcome in FILLED and slot.tier in REGISTERED
        if is_filled or slot.disposition not in EMPTY:
            for key in {slot.item or "", ""}:
                seen = self.seen.setdefault(key, Seen())
                seen.answers += 1
                seen.filled += is_filled
                seen.kept += is_filled and slot.disposition is D.kept


def plainly(whole: Sequence[Snapshot], known: Catalogue) -> Plain:
    """All of them."""
    plain = Plain(known)
    for each in whole:
        plain.add(each)
    return plain


@settings(max_examples=200, deadline=None)
@given(st.lists(applications, max_size=8), st.sampled_from(KNOWN), st.sampled_from("dm"))
def test_the_rollups_say_what_every_slot_says(whole: list[Snapshot], known: Catalogue, grain: str) -> None:
    """Rates, reasons by kind of applicant, open slots by what they need, evidence: equal to the slot, by day and month."""
    plain, tally = plainly(whole, known), tally_from(whole, known, grain)

    assert (tally.total, tally.open, tally.seen) == (plain.total, plain.open, plain.seen)
    assert tally.segments == plain.segments


@settings(max_examples=200, deadline=None)
@given(st.lists(applications, max_size=8), st.sampled_from(KNOWN), st.randoms(use_true_random=False))
def test_applications_are_counted_once_whatever_is_opened(
    whole: list[Snapshot], known: Catalogue, chance: object
) -> None:
    """A step that opens several slots of one application counts it once, whatever it has opened before."""
    plain, tally = plainly(whole, known), tally_from(whole, known)

    for opened in _opened(plain, chance):
        expected = sum(not needed.isdisjoint(opened) for needed in plain.needed)
        assert tally.applications(opened) == expected


def _opened(plain: Plain, chance: object) -> list[set[Needs]]:
    """Sets of needs as steps open them: those of one item, those of one consent, those of one source."""
    every = {needs for _, needs, _ in plain.open}
    by_thing: dict[tuple[str, str, str], set[Needs]] = {}
    for needs in every:
        for fix in needs:
            kind = fix.kind.value if fix.source or not fix.item else "of the item"
            by_thing.setdefault((fix.item, fix.source, kind), set()).add(needs)
    some = [{each for each in of if chance.random() < 0.7} for of in by_thing.values()]  # type: ignore[attr-defined]
    return [*by_thing.values(), *some]


@settings(max_examples=100, deadline=None)
@given(st.lists(applications, max_size=8), st.sampled_from(KNOWN))
def test_the_applications_of_every_step_are_those_that_it_opens(
    whole: list[Snapshot], known: Catalogue
) -> None:
    """What a step says it is about is what reading every application finds."""
    plain, chosen = plainly(whole, known), set()

    for step in steps_of(tally_from(whole, known), 99):
        done = chosen | set(step.fixes)
        opened = {needs for _, needs, _ in plain.open if needs <= done and not needs <= chosen}
        assert step.applications == sum(not needed.isdisjoint(opened) for needed in plain.needed)
        chosen = done


@settings(max_examples=300, deadline=None)
@given(
    slots(),
    st.sampled_from(["review", "other", "gone"]),
    st.sampled_from(["交通", "税务"]),
    st.sampled_from(KNOWN),
)
def test_a_spot_says_all_that_needs_depend_on(of: Slot, form: str, department: str, known: Catalogue) -> None:
    """Whatever else two slots of one spot differ in, the same has to be done for both."""
    cause = cause_of(replace(of, tier=None), form, department, known)
    assert cause is not None
    spot = spot_of(
        of.outcome, field=of.field, item=of.item or "", source=of.source or "", obtainable=of.obtainable
    )

    assert needs_of(spot, form, department, known) == cause.needs


@settings(max_examples=100, deadline=None)
@given(st.lists(applications, max_size=8))
def test_who_was_asked_again_is_what_every_slot_says(whole: list[Snapshot]) -> None:
    """Times, edited, applications and reasons by department, form and field; M7 by department; the last day."""
    tally = RepeatTally()
    tally.take(sums_of(whole, "d"))
    tally.rates(measured("department", whole))
    again = [
        (each, slot)
        for each in whole
        for slot in each.slots
        if slot.obtainable and slot.disposition in {D.typed, D.edited}
    ]
    places = {(each.department, each.form, slot.field) for each, slot in again}

    assert tally.places.keys() == places
    for place, row in tally.places.items():
        here = [(each, slot) for each, slot in again if (each.department, each.form, slot.field) == place]
        assert (row.times, row.edited) == (len(here), sum(slot.disposition is D.edited for _, slot in here))
        assert row.applications == len({each.submission_id for each, _ in here})
        assert row.outcomes == Counter(slot.outcome for _, slot in here)
        assert row.newest == max(int(f"{each.at:%Y%m%d}") for each, _ in here)
    for name, office in tally.departments.items():
        of_office = [slot for each in whole if each.department == name for slot in each.slots]
        by_hand = sum(slot.disposition in {D.typed, D.edited, D.disputed} for slot in of_office)
        assert (office.again, office.by_hand) == (
            sum(each.department == name for each, _ in again),
            by_hand,
        )


@settings(max_examples=100, deadline=None)
@given(applications)
def test_what_is_counted_and_taken_back_leaves_nothing(of: Snapshot) -> None:
    """A correction takes back exactly what the snapshot before it counted."""
    cells: Counter[CauseCell] = Counter()
    for sign in (1, -1):
        for cell, counts in count([countable(of, sign)]).causes:
            for at, each in enumerate(counts):
                cells[cell._replace(start=at)] += each

    assert not any(cells.values())


@settings(max_examples=100, deadline=None)
@given(st.lists(applications, min_size=1, max_size=4))
def test_what_stands_open_together_is_kept_small(whole: list[Snapshot]) -> None:
    """An application has one such cell for each of its items at the most, and one for a consent."""
    for each in whole:
        both = [
            cell for cell, _ in count([countable(each)]).causes if cell.key.kind == BOTH and cell.grain == "m"
        ]
        items = {slot.item for slot in each.slots}

        assert len(both) <= len(items) + 1
