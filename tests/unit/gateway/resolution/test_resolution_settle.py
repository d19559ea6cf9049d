"""Settling: one outcome per field under given decisions, as often as decisions change."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from msgspec import structs

from field_registry import Missing, OutcomeCode
from forms.definition import Field
from gateway.resolution.settle import Settled, narrow, settle
from policies import ReasonCode

NAME = Field("name", "姓名", item="person.name")
SEX = Field("sex", "性别", item="person.sex")
SPOUSE = Field("spouse.name", "配偶", "spouse", "person.name")
ROWS = [
    {"child.name": "小明", "child.id_no": "110102202001020011", "child.birth_date": "2020-01-02"},
    {"child.name": "小红", "child.id_no": "110102202103040021", "child.birth_date": "2021-03-04"},
]


def outcomes(settled: Settled) -> Mapping[str, OutcomeCode]:
    """Path → outcome."""
    return {outcome.path: outcome.outcome for outcome in settled.filled.outcomes}


def values(settled: Settled) -> Mapping[str, object]:
    """Path → value, of what was filled."""
    return {outcome.path: outcome.value for outcome in settled.filled.outcomes if outcome.has_value}


def test_every_field_has_one_outcome(bench: Any) -> None:
    """In form order, whatever became of each."""
    form = bench.form(NAME, SEX, SPOUSE, Field("note", "备注"), Field("stamp", "章", office_use=True))
    said = {"person.name": bench.found("张三"), "person.sex": Missing(OutcomeCode.timeout)}

    assert outcomes(bench.settled(form, said)) == {
        "name": OutcomeCode.filled,
        "sex": OutcomeCode.timeout,
        "spouse.name": OutcomeCode.identity_unbound,
        "note": OutcomeCode.no_binding,
        "stamp": OutcomeCode.office_use,
    }


def test_one_answer_fills_all_its_fields(bench: Any) -> None:
    """Two fields of one item show the same value, except where the person typed."""
    form = bench.form(SEX, replace(SEX, path="sex_again"))
    said = {"person.sex": bench.found("男")}

    assert values(bench.settled(form, said)) == {"sex": "1", "sex_again": "1"}
    assert values(bench.settled(form, said, answers={"sex": "2"})) == {"sex_again": "1"}


def test_a_field_names_the_decision_and_source_it_rests_on(bench: Any) -> None:
    """Of three sources the one whose answer counts is named, with its own decision."""
    said = {
        ("civil", "person.name"): Missing(OutcomeCode.not_found),
        ("licence", "person.name"): bench.found("张三"),
    }
    settled = bench.settled(bench.form(NAME), said, decide={"refused": {"profile": ReasonCode.no_rule}})
    (outcome,) = settled.filled.outcomes

    assert settled.place_of(outcome) == 1
    assert settled.plan.asks[1].binding.source == "licence"


def test_a_cell_rests_on_the_ask_for_its_rows(bench: Any) -> None:
    """Rows are asked for as one, and so every cell names that ask."""
    settled = bench.settled(bench.family_form(), {("civil", "person.children"): bench.found(ROWS)})

    assert len(settled.filled.outcomes) == 6
    assert {settled.place_of(outcome) for outcome in settled.filled.outcomes} == {0}


@pytest.mark.parametrize(
    "twin",
    [
        replace(SEX, path="twin", visible_when={"field": "more", "equals": True}),
        replace(SEX, path="twin", office_use=True),
        replace(SEX, path="typed"),
    ],
    ids=["hidden", "office use", "typed"],
)
def test_a_field_that_was_not_asked_names_nobody(bench: Any, twin: Field) -> None:
    """A source asked for another field of the same item was not asked for this one."""
    settled = bench.settled(
        bench.form(SEX, twin, Field("more", "更多")),
        {"person.sex": bench.found("1")},
        answers={"typed": "2"},
    )
    first, second, _ = settled.filled.outcomes

    assert settled.place_of(first) == 0
    assert settled.place_of(second) is None


def test_narrower_decisions_empty_everything_that_rested_on_them(bench: Any) -> None:
    """The same answers, combined again with one consent less: its fields fall out, the others stay."""
    plan = bench.plan(
        bench.form(NAME, replace(NAME, path="again"), SPOUSE),
        subjects={"applicant": bench.ann, "spouse": bench.bob},
    )
    replies = bench.replies(plan, {"person.name": bench.found("张三")})
    decisions = bench.decisions(plan)
    withdrawn = ReasonCode.consent_withdrawn
    narrower = tuple(
        structs.replace(decision, allowed=False, reason=withdrawn, ground=None)
        if ask.role == "applicant"
        else decision
        for ask, decision in zip(plan.asks, decisions, strict=True)
    )

    before = settle(plan, decisions, replies, bench.now)
    after = narrow(before, narrower, bench.now)

    assert set(values(before)) == {"name", "again", "spouse.name"}
    assert set(values(after)) == {"spouse.name"}
    assert outcomes(after)["name"] is outcomes(after)["again"] is OutcomeCode.no_ground
    assert after.filled == settle(plan, narrower, replies, bench.now).filled


def test_a_bad_cell_costs_itself(bench: Any) -> None:
    """One cell of a repeating row that is not valid has its own outcome; all others are filled."""
    bad = [{**ROWS[0], "child.birth_date": "someday"}, ROWS[1]]
    settled = bench.settled(bench.family_form(), {("civil", "person.children"): bench.found(bad)})

    assert outcomes(settled) == {
        "children.0.name": OutcomeCode.filled,
        "children.0.id_no": OutcomeCode.filled,
        "children.0.birth_date": OutcomeCode.invalid_value,
        "children.1.name": OutcomeCode.filled,
        "children.1.id_no": OutcomeCode.filled,
        "children.1.birth_date": OutcomeCode.filled,
    }


def test_old_values_are_flagged(bench: Any) -> None:
    """A value older than the item's freshness is filled and says so."""
    form = bench.form(Field("address", "住址", item="person.address"))
    said = {"person.address": bench.found("福州市鼓楼区", recorded_at="2025-11-20")}

    assert outcomes(bench.settled(form, said)) == {"address": OutcomeCode.filled_stale}
