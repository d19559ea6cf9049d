"""Gaps: what each step gains is expected from what was seen, on top of the steps before, and never counted twice."""

from fractions import Fraction

from gap_bench import D, Out, T, application, slot, tally_from, typed

from field_registry import Tier
from field_registry.outcomes import FixedBy
from gateway.reports.gap_causes import Fix, FixKind
from gateway.reports.gap_segments import segment_gaps
from gateway.reports.gap_tally import Tally
from gateway.reports.gaps import ENOUGH, Step, gaps_of, steps_of
from gateway.reports.rates import Rate
from gateway.slots import Slot, Snapshot

K = FixKind
POLICY = Fix(K.connect, item="vehicle.policy_no")
CIVIL = Fix(K.reliable, source="civil")


def tally_of(*applications: Snapshot) -> Tally:
    """What these applications count."""
    return tally_from(applications)


def steps(*applications: Snapshot, limit: int = 9) -> list[Step]:
    """The steps these applications lead to."""
    return steps_of(tally_of(*applications), limit)


def late(path: str, **more: object) -> Slot:
    """A typed slot whose source was too late."""
    return typed(path, Out.timeout, source="civil", attempted=True, **more)


# --- one step


def test_connecting_a_source_gains_its_slots() -> None:
    """Half of what was answered had no source: connected, and everything kept as so far, all is filled."""
    (step,) = steps(*[application(slot("name"), typed("policy")) for _ in range(20)])

    assert step.fixes == (POLICY,)
    assert (step.gain, step.alone, step.m4) == (Fraction(1, 2), Fraction(1, 2), 1)
    assert (step.slots, step.applications, step.forms) == (20, 20, ("review",))
    assert step.expected == Rate(20, 20)
    assert not step.at_most


def test_what_is_expected_is_what_was_kept_of_what_was_answered() -> None:
    """One in four answers gave nothing and one in four values was changed: half of the new slots are expected."""
    seen = [
        application(slot("name"), slot("sex")),
        application(
            slot("name", disposition=D.edited), typed("sex", Out.not_found, source="civil", attempted=True)
        ),
    ]
    whole = [application(*each.slots, typed("policy")) for each in seen * ENOUGH]
    (step,) = [each for each in steps(*whole) if each.fixes == (POLICY,)]

    assert step.expected == Rate(20, 40)
    assert step.alone == Fraction(20, 60) * Fraction(1, 2)


def test_an_item_seen_often_enough_is_expected_by_its_own_rate() -> None:
    """Names are always kept, sexes never: making the source reliable for a sex gains nothing."""
    seen = [application(slot("name"), slot("sex", disposition=D.edited)) for _ in range(ENOUGH)]
    names, sexes = (steps(*seen, application(late(path))) for path in ("name", "sex"))

    assert [each.fixes for each in names] == [(CIVIL,)]
    assert sexes == []


def test_a_rarely_seen_item_is_expected_by_the_rate_of_all() -> None:
    """One answer is no evidence."""
    seen = [application(slot("name")) for _ in range(99)]
    (step,) = steps(*seen, application(slot("sex", disposition=D.edited), late("sex")))

    assert step.expected == Rate(99, 100)


def test_nothing_seen_is_told_as_such() -> None:
    """Where no source ever answered, all is expected, and the report says that it rests on nothing."""
    (step,) = steps(application(typed("policy"), typed("note")))

    assert (step.gain, step.expected) == (Fraction(1, 2), None)


def test_a_value_of_the_profile_says_nothing_about_sources() -> None:
    """What the person kept for themself is kept; that is no answer of a register."""
    tally = tally_of(application(slot("name", tier=Tier.C, source="profile"), typed("policy")))

    assert tally.seen == {}
    assert tally.total.m4 == Rate(1, 2)


def test_a_second_source_promises_at_most_that_much() -> None:
    """Nobody knows whom it holds."""
    missing = [application(slot("name"), typed("sex", Out.not_found, source="civil", attempted=True))]
    (step,) = steps(*missing)

    assert step.at_most
    assert step.fixes == (Fix(K.second_source, item="person.sex"),)
    assert step.m4 == 1


def test_slots_left_blank_promise_nothing() -> None:
    """Whoever left it blank has most likely nothing to say there: no gain, and no evidence against the source."""
    blank = slot("policy", Out.no_binding, D.blank)
    nothing = slot("sex", Out.not_found, D.blank, source="civil", attempted=True)
    tally = tally_of(*[application(slot("name"), typed("note"), blank, nothing) for _ in range(ENOUGH)])

    assert steps_of(tally, 9) == []
    assert "person.sex" not in tally.seen


# --- several steps


def test_a_slot_is_gained_once() -> None:
    """The two steps add up to what doing both gives."""
    found = steps(*[application(slot("name"), typed("policy"), late("sex")) for _ in range(4)])

    assert {each.fixes for each in found} == {(POLICY,), (CIVIL,)}
    assert sum(each.gain for each in found) == found[-1].m4 - Fraction(1, 3)
    assert found[-1].m4 == 1


def test_what_gains_most_comes_first() -> None:
    """The source that fails three slots before the item that lacks one."""
    found = steps(application(late("name"), late("sex"), late("income"), typed("policy")))

    assert [each.fixes for each in found] == [(CIVIL,), (POLICY,)]
    assert found[0].gain > found[1].gain


def test_two_things_that_only_help_together_are_one_step() -> None:
    """To bind the field gains nothing while its item has no source."""
    (step,) = steps(application(slot("name"), typed("phone")))

    assert [fix.kind for fix in step.fixes] == [K.bind_field, K.connect]
    assert step.m4 == 1


def test_what_a_step_before_has_done_is_not_proposed_again() -> None:
    """The phone's source serves both forms: the second form then only has to name it."""
    many = [application(slot("name"), typed("phone")) for _ in range(9)]
    found = steps(*many, application(slot("name"), typed("phone"), form="other"))

    assert [fix.form for fix in found[0].fixes] == ["review", ""]
    assert [fix.kind for fix in found[1].fixes] == [K.bind_field]
    assert found[1].alone == 0
    assert found[1].gain > 0


def test_no_more_steps_than_wanted() -> None:
    """The list can be cut; the first ones stay the same."""
    whole = [application(late("name"), late("sex"), typed("policy"))]

    assert steps(*whole, limit=1) == steps(*whole)[:1]
    assert steps(*whole, limit=0) == []


def test_people_and_forms_are_counted_once_per_step() -> None:
    """Two slots of one application are one person; of two forms, two forms."""
    found = steps(
        application(late("name"), late("sex")),
        application(late("name"), form="other"),
        application(slot("name")),
    )

    assert (found[0].applications, found[0].forms, found[0].slots) == (2, ("other", "review"), 3)


def test_nothing_to_do_is_no_step() -> None:
    """Everything is filled, or nothing that we know of would help; also where nobody applied."""
    assert steps(application(slot("name"))) == []
    assert steps(application(typed("note"))) == []
    assert steps() == []


# --- reasons


def test_reasons_are_counted_with_who_can_fix_them() -> None:
    """Of all eligible slots, the most frequent first."""
    tally = tally_of(application(late("name"), late("sex"), typed("note"), slot("name")))

    assert [(gap.outcome, gap.source, gap.share, gap.fixed_by) for gap in gaps_of(tally)] == [
        (Out.timeout, "civil", Rate(2, 4), FixedBy.source),
        (Out.no_binding, None, Rate(1, 4), FixedBy.data_admin),
    ]


def test_tests_are_never_counted() -> None:
    """An application that only tried the system."""
    tally = tally_of(application(typed("policy"), is_test=True))

    assert tally.total.applications == 0
    assert steps_of(tally, 9) == []


def test_the_rate_is_that_of_the_contract() -> None:
    """Kept of tier A to C of what was answered: OCR, edits and blanks are not in the numerator."""
    tally = tally_of(
        application(
            slot("name"),
            slot("sex", disposition=D.edited),
            slot("policy", Out.no_binding, D.kept, tier=T.D),
            slot("note", Out.no_binding, D.blank),
            typed("income"),
        )
    )

    assert tally.total.m4 == Rate(1, 4)


# --- segments


def test_a_segment_worse_served_is_told_with_what_meets_it() -> None:
    """The register does not hold persons from Taiwan."""
    abroad = typed("name", Out.not_applicable, source="civil", attempted=True)
    tally = tally_of(
        *[application(slot("name"), typed("note")) for _ in range(9)],
        application(abroad, typed("note"), segment="taiwan"),
    )
    worst, usual = segment_gaps(tally)

    assert (worst.segment, worst.applications, worst.m4) == ("taiwan", 1, Rate(0, 2))
    assert worst.behind == 9 / 20
    assert [(each.outcome, each.source, each.share, each.overall) for each in worst.causes] == [
        (Out.not_applicable, "civil", Rate(1, 2), Rate(1, 20))
    ]
    assert usual.behind < 0
    assert usual.causes == ()


def test_a_segment_without_answers_is_not_behind() -> None:
    """Nothing can be said about it."""
    tally = tally_of(
        application(slot("name")), application(slot("note", Out.no_binding, D.blank), segment="foreign")
    )

    assert [(each.segment, each.behind) for each in segment_gaps(tally)] == [
        ("foreign", 0.0),
        ("resident", 0.0),
    ]
