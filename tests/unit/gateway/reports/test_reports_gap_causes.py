"""Causes: why a slot was not filled, and everything that has to be done for the next one to be."""

from dataclasses import replace
from typing import Any

import pytest
from gap_bench import AGREED, DUTY, FIELDS, Out, T, catalogue, form, slot, typed

from field_registry.outcomes import FixedBy
from gateway.reports.gap_causes import NOTHING, Cause, Fix, FixKind, cause_of
from policies import Rule
from policies.rules import Conditions, Effect

K = FixKind


def needs(path: str, outcome: Any = Out.no_binding, *, known: Any = None, **more: Any) -> Any:
    """What that typed slot needs; None when it has no cause."""
    cause = cause_of(typed(path, outcome, **more), "review", "交通", known or catalogue())
    return None if cause is None else set(cause.needs)


def test_what_a_register_filled_has_no_cause() -> None:
    """Also when the person edited it, and when it came from their own profile."""
    assert cause_of(slot("name"), "review", "交通", catalogue()) is None
    assert needs("name", Out.filled, tier=T.C) is None


def test_what_was_read_from_a_paper_is_not_filled() -> None:
    """An OCR value spares typing and counts for nothing: the item still wants a source."""
    assert needs("policy", tier=T.D) == {Fix(K.connect, item="vehicle.policy_no")}


def test_an_item_without_source_wants_one() -> None:
    """The field names it, nobody answers for it."""
    assert needs("policy") == {Fix(K.connect, item="vehicle.policy_no")}


def test_what_was_connected_since_is_proposed_no_more() -> None:
    """The report is about what is published now, whatever it was then."""
    cause = cause_of(typed("policy"), "review", "交通", catalogue("vehicle.policy_no"))

    assert cause == Cause(Out.no_binding, None, NOTHING, done=True)


def test_a_field_that_names_no_item_wants_to_be_bound() -> None:
    """The once-only check knows which item it is; if that has no source either, both have to be done."""
    bind = Fix(K.bind_field, item="person.phone", form="review", field="phone")

    assert needs("phone", known=catalogue("person.phone")) == {bind}
    assert needs("phone") == {bind, Fix(K.connect, item="person.phone")}


def test_a_field_no_item_stands_for_has_nothing_to_be_done() -> None:
    """Nobody holds a remark."""
    assert needs("note") == set()


def test_what_no_rule_permits_wants_a_ground_beside_its_source() -> None:
    """A source alone would fill nothing."""
    known = catalogue(
        rules=[Rule("R-2", Effect.permit, "duty", Conditions(items=frozenset({"person.sex"})), DUTY)]
    )

    assert needs("policy", known=known) == {
        Fix(K.connect, item="vehicle.policy_no"),
        Fix(K.ground, item="vehicle.policy_no", form="review"),
    }


def test_what_may_not_be_shared_is_never_proposed() -> None:
    """Neither what is not shared with anybody nor what a rule forbids."""
    forbid = Rule("R-9", Effect.forbid, "no", Conditions(items=frozenset({"vehicle.policy_no"})))
    known = catalogue(rules=[forbid, Rule("R-1", Effect.permit, "agreed", ground=AGREED)])

    assert needs("illness") == set()
    assert needs("policy", known=known) == set()
    assert needs("policy", Out.no_ground, known=known) == set()


def test_without_ground_it_wants_a_rule_or_a_consent() -> None:
    """A rule where there is none; the person's consent where a rule provides for one."""
    known = catalogue(
        rules=[Rule("R-1", Effect.permit, "agreed", Conditions(items=frozenset({"person.name"})), AGREED)]
    )

    assert needs("name", Out.no_ground, known=known) == {Fix(K.consent, form="review")}
    assert needs("sex", Out.no_ground, known=known) == {Fix(K.ground, item="person.sex", form="review")}


def test_what_was_typed_before_anybody_asked_wants_nothing() -> None:
    """It stands as without ground, though it could have been had."""
    assert needs("sex", Out.no_ground) == set()
    assert needs("name", Out.no_ground, obtainable=True) == set()


@pytest.mark.parametrize(
    "outcome", [Out.timeout, Out.source_error, Out.circuit_open, Out.maintenance, Out.pending]
)
def test_a_source_that_did_not_answer_should(outcome: Any) -> None:
    """One thing to do for all its items and all its kinds of outage."""
    assert needs("name", outcome, source="civil") == {Fix(K.reliable, source="civil")}


@pytest.mark.parametrize("outcome", [Out.empty_at_source, Out.not_found, Out.not_applicable])
def test_whom_the_source_does_not_hold_another_might(outcome: Any) -> None:
    """It answered; what it answered is that it has nothing."""
    assert needs("name", outcome, source="civil") == {Fix(K.second_source, item="person.name")}


def test_a_profile_alone_is_no_source() -> None:
    """It repeats what was typed once; the item still wants a register."""
    known = catalogue("vehicle.policy_no")
    weak = replace(known.registry.sources["insurance"], tier=T.C)
    known.registry = replace(known.registry, sources={**known.registry.sources, "insurance": weak})

    assert needs("policy", Out.not_found, known=known, source="insurance") == {
        Fix(K.connect, item="vehicle.policy_no")
    }


@pytest.mark.parametrize(
    ("outcome", "kind"),
    [
        (Out.denied_by_source, K.permit),
        (Out.conflict, K.mend),
        (Out.invalid_value, K.mend),
        (Out.wrong_subject, K.mend),
    ],
)
def test_the_owner_of_the_source_has_to_act(outcome: Any, kind: Any) -> None:
    """Let us have it, or put it right."""
    assert needs("name", outcome, source="civil") == {Fix(kind, item="person.name", source="civil")}


@pytest.mark.parametrize(
    "outcome", [Out.refused_by_person, Out.identity_unbound, Out.identity_ambiguous, Out.disputed]
)
def test_what_is_a_persons_own_matter_is_counted_and_not_fixed(outcome: Any) -> None:
    """Nobody is to be talked out of a refusal by a report."""
    assert needs("name", outcome) == set()


def test_a_field_the_form_asks_no_more_is_done() -> None:
    """Whatever was missing then."""
    known = catalogue(forms=(form(fields=FIELDS[:1]),))
    cause = cause_of(typed("policy"), "review", "交通", known)

    assert cause is not None
    assert cause.done


def test_a_form_that_is_published_no_more_needs_nothing() -> None:
    """Its applications still count."""
    assert cause_of(typed("policy"), "gone", "交通", catalogue()) == Cause(
        Out.no_binding, None, NOTHING, done=True
    )


def test_who_can_fix_a_cause_is_said_by_its_outcome() -> None:
    """The closed list has it."""
    assert Cause(Out.no_binding, None).fixed_by is FixedBy.data_admin


def test_the_catalogue_says_what_a_field_is() -> None:
    """The item it names, or the one that goes by its name; none for a field or form that is not there."""
    known = catalogue("vehicle.policy_no")
    found = {path: known.item_of("review", path) for path in ("policy", "phone", "note", "nowhere")}

    assert {path: each and each.id for path, each in found.items()} == {
        "policy": "vehicle.policy_no",
        "phone": "person.phone",
        "note": None,
        "nowhere": None,
    }
    assert [known.is_connected(each) for each in ("vehicle.policy_no", "person.phone", "none.such")] == [
        True,
        False,
        False,
    ]
