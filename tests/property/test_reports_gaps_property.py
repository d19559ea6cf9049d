"""Gaps, whatever was submitted: steps add up to what they give together, never lose, and never depend on an order."""

import sys
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(
    0, str(Path(__file__).parents[1] / "unit" / "gateway" / "reports")
)  # that directory is no package

from gap_bench import FIELDS, D, Out, T, application, catalogue, measured, sums_of, tally_from

from field_registry.outcomes import FILLED
from gateway.reports.gap_causes import SUPPLIED, Cause, Fix, Needs, cause_of
from gateway.reports.gap_segments import segment_gaps
from gateway.reports.gap_tally import Tally
from gateway.reports.gaps import gaps_of, steps_of
from gateway.slots import Slot, Snapshot

KNOWN = catalogue()
ASKED = [code for code in Out if code not in {Out.skipped_hidden, Out.office_use}]


@st.composite
def slots(draw: st.DrawFn) -> Slot:
    """Any slot that can be: offered values are kept, edited …, others typed or blank."""
    field = draw(st.sampled_from(FIELDS))
    outcome = draw(st.just(Out.no_binding) | st.sampled_from(ASKED))
    tier = draw(st.sampled_from([T.A, T.B, T.C])) if outcome in FILLED else draw(st.sampled_from([None, T.D]))
    offered = [D.kept, D.edited, D.disputed, D.cleared]
    attempted = outcome not in {Out.no_binding, Out.no_ground, Out.refused_by_person, Out.identity_unbound}
    return Slot(
        path=field.path,
        field=field.path,
        item=field.item or draw(st.sampled_from([None, "person.phone"])),
        source=draw(st.sampled_from(["civil", "insurance"])) if attempted else None,
        outcome=outcome,
        tier=tier,
        disposition=draw(st.sampled_from(offered if tier else [D.typed, D.blank])),
        attempted=attempted,
        obtainable=draw(st.booleans()),
    )


applications = st.builds(
    lambda its, form, segment: application(*its, form=form, segment=segment),
    st.lists(slots(), max_size=6),
    st.sampled_from(["review", "other", "gone"]),
    st.sampled_from(["resident", "taiwan", "individual_trader"]),
)


def tally_of(whole: list[Snapshot]) -> Tally:
    return tally_from(whole, KNOWN)


@settings(max_examples=150, deadline=None)
@given(st.lists(applications, max_size=12))
def test_gains_add_up_to_what_all_give_together(whole: list[Snapshot]) -> None:
    """Each step starts where the one before ended, none loses, and the last stands at the rate of them all."""
    tally = tally_of(whole)
    steps = steps_of(tally, 99)
    rate = tally.total.m4
    now = Fraction(rate.numerator, rate.denominator) if rate.denominator else Fraction(0)

    assert all(step.gain > 0 for step in steps)
    assert all(earlier.m4 + later.gain == later.m4 for earlier, later in pairwise(steps))
    assert now + sum(step.gain for step in steps) == (steps[-1].m4 if steps else now)
    assert all(0 < step.m4 <= 1 for step in steps)


@settings(max_examples=100, deadline=None)
@given(st.lists(applications, max_size=10), st.randoms(use_true_random=False))
def test_the_order_of_applications_makes_no_difference(whole: list[Snapshot], chance: object) -> None:
    """The same applications in any order, and in any portions, make the same report."""
    shuffled = list(whole)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = tally_of(whole), Tally(KNOWN)
    for each in shuffled:
        other.take(sums_of([each]))
        other.rates(measured("segment", [each]))

    assert steps_of(one, 99) == steps_of(other, 99)
    assert gaps_of(one) == gaps_of(other)
    assert segment_gaps(one) == segment_gaps(other)


@settings(max_examples=100, deadline=None)
@given(st.lists(applications, max_size=10))
def test_every_slot_is_supplied_or_has_one_cause(whole: list[Snapshot]) -> None:
    """Nothing that was not filled goes without a reason, and nothing that was has one; segments sum to the total."""
    tally = tally_of(whole)
    every = [(each, slot) for each in whole for slot in each.slots]
    causes = [cause_of(slot, each.form, each.department, KNOWN) for each, slot in every]

    assert all(
        (cause is None) is (slot.tier in SUPPLIED) for cause, (_, slot) in zip(causes, every, strict=True)
    )
    assert sum(tally.total.causes.values()) == sum(isinstance(cause, Cause) for cause in causes)
    assert sum(group.answered for group in tally.segments.values()) == tally.total.answered
    assert sum(group.supplied for group in tally.segments.values()) == tally.total.supplied


@settings(max_examples=60, deadline=None)
@given(st.lists(applications, min_size=1, max_size=8))
def test_no_slot_is_opened_twice(whole: list[Snapshot]) -> None:
    """All steps together open at most the slots that were open, and nothing to do is proposed twice."""
    tally = tally_of(whole)
    steps = steps_of(tally, 99)
    fixes = [fix for step in steps for fix in step.fixes]

    assert sum(step.slots for step in steps) <= sum(tally.open.values())
    assert len(fixes) == len(set(fixes))


def naive(tally: Tally) -> list[tuple[tuple[Fix, ...], Fraction]]:
    """What is chosen and what it gains, judged anew each time from the open slots alone."""
    worth = {needs: steps_of(alone(tally, needs), 1) for _, needs, _ in tally.open}
    gains = {needs: steps[0].gain for needs, steps in worth.items() if steps}
    chosen: set[Fix] = set()
    found = []
    while True:
        ranked = []
        for needs in gains:
            opened = [each for each in gains if each <= chosen | needs and not each <= chosen]
            if opened:
                gain = sum((gains[each] for each in opened), Fraction(0))
                ranked.append((-gain / len(needs - chosen), sorted(needs), needs - chosen, gain))
        if not ranked:
            return found
        _, _, fixes, gain = min(ranked, key=lambda each: each[:2])
        found.append((tuple(sorted(fixes)), gain))
        chosen |= fixes


def alone(tally: Tally, needs: Needs) -> Tally:
    """The same, with only the slots of these needs open."""
    only = Tally(KNOWN, total=tally.total, seen=tally.seen)
    only.open.update({key: count for key, count in tally.open.items() if key[1] == needs})
    return only


@settings(max_examples=150, deadline=None)
@given(st.lists(applications, max_size=12))
def test_each_step_is_the_best_there_is(whole: list[Snapshot]) -> None:
    """The list is the one that judging everything anew after each step would make."""
    tally = tally_of(whole)

    assert [(step.fixes, step.gain) for step in steps_of(tally, 99)] == naive(tally)
