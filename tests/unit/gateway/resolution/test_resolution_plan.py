"""A plan asks for what is shown, empty and about a known subject; everything else has its reason without asking."""

from dataclasses import replace
from typing import Any

import pytest

from field_registry import Missing, OutcomeCode, Source, Subject, SubjectKind
from forms.definition import Field, Role
from gateway.resolution.asking import _document
from gateway.resolution.plan import Plan

NAME = Field("name", "姓名", item="person.name")
SEX = Field("sex", "性别", item="person.sex")
SPOUSE = Field("spouse.name", "配偶姓名", "spouse", "person.name")
PLATE = Field("plate", "号牌", "vehicle")
BRAND = Field("brand", "品牌", "vehicle", "vehicle.brand")


def asked(plan: Plan) -> list[tuple[str, str, str]]:
    """Role, item and source of every ask."""
    return [(ask.role, ask.item.id, ask.binding.source) for ask in plan.asks]


def test_every_source_of_a_wanted_item_is_asked_once(bench: Any) -> None:
    """Two fields of one item make one ask per source, not two."""
    twin = replace(NAME, path="signed_by")

    assert asked(bench.plan(bench.form(NAME, twin))) == [
        ("applicant", "person.name", "civil"),
        ("applicant", "person.name", "licence"),
        ("applicant", "person.name", "profile"),
    ]


@pytest.mark.parametrize(
    ("answers", "count"), [({}, 0), ({"married": False}, 0), ({"married": True}, 1), ({"married": " "}, 0)]
)
def test_nothing_is_asked_behind_an_open_question(bench: Any, answers: dict[str, object], count: int) -> None:
    """A field that is hidden, or hangs on an unanswered question, is not fetched."""
    hidden = replace(SEX, visible_when={"field": "married", "equals": True})
    form = bench.form(Field("married", "已婚"), hidden)

    assert len(bench.plan(form, answers=answers).asks) == count


def test_what_the_person_typed_is_not_asked(bench: Any) -> None:
    """An answered field needs no source (PIPL art. 6)."""
    assert asked(bench.plan(bench.form(SEX), answers={"sex": "1"})) == []


def test_an_item_is_asked_while_one_of_its_fields_is_empty(bench: Any) -> None:
    """Of two fields of one item only one was typed: the other still wants its value."""
    plan = bench.plan(bench.form(SEX, replace(SEX, path="sex_again")), answers={"sex": "1"})

    assert asked(plan) == [("applicant", "person.sex", "civil")]


def test_a_role_without_subject_costs_its_own_fields_only(bench: Any) -> None:
    """Whose data it is must be known; who is not named has `identity_unbound`, the others are asked."""
    plan = bench.plan(bench.form(SEX, SPOUSE))

    assert plan.known == {("spouse", "person.name"): Missing(OutcomeCode.identity_unbound, "no_subject")}
    assert asked(plan) == [("applicant", "person.sex", "civil")]
    assert plan.findings == ()


@pytest.mark.parametrize(
    ("subject", "code"),
    [
        ({"kind": "person", "id_type": "111", "id_no": "350582199106039961"}, "check_digit"),
        ({"kind": "person", "id_type": "111", "id_no": "35058219911303996X"}, "birth_date"),
        ({"kind": "person", "id_type": "999", "id_no": "35058219911303996X"}, "unknown_id_type"),
        ({"kind": "person", "id_type": "111"}, "missing"),
        ({"kind": "person", "id_no": 350582199106039961}, "not_text"),
        ({"kind": "ghost", "id_no": "35058219910603996X"}, "unknown_subject_kind"),
        ({"kind": "vehicle", "plate_number": "闽C12345"}, "wrong_kind"),
    ],
)
def test_a_bad_subject_is_a_finding(bench: Any, subject: dict[str, object], code: str) -> None:
    """A subject that cannot be used blanks its role's fields with the reason, and its identifier is not repeated."""
    plan = bench.plan(bench.form(SEX, SPOUSE), subjects={"applicant": subject, "spouse": bench.bob})
    (finding,) = plan.findings

    assert (finding.pointer, finding.code) == ("/subjects/applicant", code)
    assert plan.known == {("applicant", "person.sex"): Missing(OutcomeCode.identity_unbound, code)}
    assert {role for role, _, _ in asked(plan)} == {"spouse"}
    assert not any(str(value) in finding.detail for key, value in subject.items() if key != "kind")


def test_a_subject_of_no_role_is_a_finding(bench: Any) -> None:
    """A role the form does not have is told, and used for nothing."""
    plan = bench.plan(bench.form(SEX), subjects={"applicant": bench.ann, "aunt/uncle": bench.bob})
    (finding,) = plan.findings

    assert (finding.pointer, finding.code) == ("/subjects/aunt~1uncle", "unknown_role")
    assert {plan.subjects[ask.role].id_no for ask in plan.asks} == {bench.ann["id_no"]}


def test_an_answer_can_name_the_subject(bench: Any) -> None:
    """Typing the plate brings the vehicle."""
    plan = bench.plan(bench.form(PLATE, BRAND), answers={"plate": "闽c·12345"})

    assert [(ask.item.id, plan.subjects[ask.role].id_no) for ask in plan.asks] == [
        ("vehicle.brand", "闽C12345")
    ]


def test_the_request_names_the_subject_before_an_answer_does(bench: Any) -> None:
    """A subject in the request is not replaced by what an answer says."""
    plan = bench.plan(
        bench.form(PLATE, BRAND), subjects={"vehicle": bench.car}, answers={"plate": "闽C99999"}
    )

    assert plan.subjects["vehicle"].id_no == "闽C12345"


def test_an_answer_that_names_nobody_is_a_finding(bench: Any) -> None:
    """A plate that is none leaves the vehicle unknown, with the reason."""
    plan = bench.plan(bench.form(PLATE, BRAND), answers={"plate": "12345"})

    assert [finding.code for finding in plan.findings] == ["characters"]
    assert plan.known == {("vehicle", "vehicle.brand"): Missing(OutcomeCode.identity_unbound, "characters")}


def test_a_hidden_answer_names_nobody(bench: Any) -> None:
    """An answer to a field that is hidden does not count, so it brings no subject either."""
    hidden = replace(PLATE, visible_when={"field": "has_car", "equals": True})
    form = bench.form(Field("has_car", "有车"), hidden, BRAND)

    plan = bench.plan(form, answers={"has_car": False, "plate": "闽C12345"})

    assert asked(plan) == []
    assert "vehicle" not in plan.subjects


@pytest.mark.parametrize(
    ("answer", "kind"), [("35058219910603996X", "person"), ("91350100M000100Y43", "organisation")]
)
def test_an_answer_may_name_a_person_or_an_organisation(bench: Any, answer: str, kind: str) -> None:
    """Where a role takes several kinds, the answer is read as the kind it fits."""
    kinds = frozenset({SubjectKind.person, SubjectKind.organisation})
    owner = Role("owner", "权利人", kinds, identity_field="owner_no")
    form = bench.form(Field("owner_no", "证件号码", "owner"), roles=(owner,))

    plan = bench.plan(form, subjects={}, answers={"owner_no": answer})

    assert plan.findings == ()
    assert plan.subjects["owner"].kind == kind


def test_a_source_is_asked_only_for_whom_it_can_look_up(bench: Any) -> None:
    """A passport holder is looked up where passports are known; elsewhere `not_applicable`."""
    foreigner = {"kind": "person", "id_type": "414", "id_no": "E12345678"}
    plan = bench.plan(bench.form(NAME, SEX), subjects={"applicant": foreigner})

    assert asked(plan) == [("applicant", "person.name", "licence")]
    assert plan.known["applicant", "person.sex"] == Missing(OutcomeCode.not_applicable)


def test_a_country_that_no_source_looks_at_is_not_answered_for(bench: Any) -> None:
    """A passport named with a country is `not_applicable` where numbers alone are known, also after one without."""
    passport = {"kind": "person", "id_type": "414", "id_no": "E12345678"}
    form = bench.form(NAME)

    bare = bench.plan(form, subjects={"applicant": passport})
    named = bench.plan(form, subjects={"applicant": {**passport, "issuer": "USA"}})

    assert asked(bare) == [("applicant", "person.name", "licence")]
    assert asked(named) == []
    assert named.known["applicant", "person.name"] == Missing(OutcomeCode.not_applicable)


def test_a_source_is_asked_by_a_linked_document_that_it_tells_apart() -> None:
    """Where one document has a country that the source does not look at, the next one is asked by; none is none."""
    passport = Subject(SubjectKind.person, "414", "E12345678", "USA")
    card = Subject(SubjectKind.person, "111", "35058219910603996X")
    plain = Source("s", "s", "s", "sandbox", id_types=frozenset({"111", "414"}))

    assert _document(plain, passport, (passport, card)) is card
    assert _document(plain, passport, (passport,)) is None
    assert _document(replace(plain, by_issuer=True), passport, (passport, card)) is passport


def test_unusable_answers_are_findings(bench: Any) -> None:
    """An answer to no field of the form is told after what is wrong with subjects."""
    plan = bench.plan(bench.form(SEX), subjects={"who": bench.ann}, answers={"no_such_field": "x"})

    assert [finding.code for finding in plan.findings] == ["unknown_role", "unknown_path"]


def test_a_group_is_one_ask_per_source(bench: Any) -> None:
    """The rows come with the columns the form shows, from every source of the rows."""
    plan = bench.plan(bench.family_form())

    assert asked(plan) == [
        ("applicant", "person.children", "civil"),
        ("applicant", "person.children", "profile"),
    ]
    assert [len(ask.columns) for ask in plan.asks] == [3, 1]


def test_a_typed_row_does_not_stop_the_others(bench: Any) -> None:
    """Rows may be on record beside those the person typed, so the group is asked for."""
    plan = bench.plan(bench.family_form(), answers={"children": [{"name": "小明"}]})

    assert len(plan.asks) == 2
