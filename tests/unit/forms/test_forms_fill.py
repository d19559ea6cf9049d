"""Filling: one outcome per slot, the person first, values only where something is filled."""

from datetime import UTC, date, datetime

import pytest

from field_registry import Missing, OutcomeCode
from forms.answers import flatten
from forms.bind import bind
from forms.definition import Field, FieldKind, Group
from forms.fill import fill
from forms.visibility import visible_paths

C = OutcomeCode


@pytest.fixture
def fill_form(registry, today, now):
    """Fills a form from what was found and what was typed; gives outcomes by slot and the findings."""

    def run(form, found=None, answers=None, at=None):
        flat = flatten(form, answers or {}).values
        lines = bind(form, registry, today)
        filled = fill(lines, found or {}, visible=visible_paths(form, flat), answers=flat, now=at or now)
        return {each.path: each for each in filled.outcomes}, filled.findings

    return run


def codes(outcomes):
    """The outcome codes by slot."""
    return {path: each.outcome for path, each in outcomes.items()}


def test_a_value_fills_its_field_with_provenance(make_form, make_value, fill_form):
    """What a source said of this role's item is offered, with where it comes from."""
    value = make_value("张三")

    outcomes, _ = fill_form(
        make_form(Field("name", "姓名", item="person.name")), {("applicant", "person.name"): value}
    )

    name = outcomes["name"]
    assert (name.outcome, name.value, name.provenance) == (C.filled, "张三", value.provenance)
    assert (name.eligible, name.mapped, name.answered, name.stale, name.has_value) == (
        True,
        True,
        False,
        False,
        True,
    )


def test_roles_do_not_mix(make_form, make_value, fill_form):
    """The spouse's name never stands in the applicant's field."""
    form = make_form(
        Field("name", "姓名", item="person.name"),
        Field("spouse.name", "配偶", item="person.name", role="spouse"),
    )

    outcomes, _ = fill_form(form, {("spouse", "person.name"): make_value("李四")})

    assert outcomes["spouse.name"].value == "李四"
    assert outcomes["name"].value is None


@pytest.mark.parametrize(
    "code", [code for code in C if code not in {C.filled, C.filled_stale, C.skipped_hidden, C.office_use}]
)
def test_the_reason_of_a_missing_value_is_passed_on(make_form, fill_form, code):
    """Whatever went wrong on the way is the field's outcome, with its detail and without a value."""
    form = make_form(Field("name", "姓名", item="person.name"))

    outcomes, _ = fill_form(form, {("applicant", "person.name"): Missing(code, "why")})

    assert (outcomes["name"].outcome, outcomes["name"].reason, outcomes["name"].value) == (code, "why", None)


def test_what_was_typed_is_never_replaced(make_form, make_value, fill_form):
    """An answered field offers nothing, even if a value came all the same."""
    form = make_form(Field("name", "姓名", item="person.name"), Field("memo", "备注"))
    found = {("applicant", "person.name"): make_value("张三")}

    outcomes, _ = fill_form(form, found, {"name": "张叁", "memo": "x"})

    name = outcomes["name"]
    assert (name.outcome, name.reason, name.value, name.answered) == (
        C.no_ground,
        "already_answered",
        None,
        True,
    )
    assert name.answer_path == "name"
    assert outcomes["memo"].outcome is C.no_binding
    assert outcomes["memo"].reason == "already_answered"


@pytest.mark.parametrize(
    ("married", "reason"), [(None, "unanswered_condition"), ("no", ""), ("yes", "not_asked")]
)
def test_a_hidden_field_is_skipped(make_form, make_value, fill_form, married, reason):
    """Hidden or not yet known to be shown, a field offers nothing whatever was found."""
    form = make_form(
        Field("married", "婚否"),
        Field("name", "姓名", item="person.name", visible_when={"field": "married", "equals": "yes"}),
    )
    found = {} if married == "yes" else {("applicant", "person.name"): make_value("张三")}

    outcomes, _ = fill_form(form, found, {"married": married})

    name = outcomes["name"]
    assert name.outcome is (C.source_error if married == "yes" else C.skipped_hidden)
    assert (name.reason, name.value, name.eligible) == (reason, None, married == "yes")


def test_an_answer_to_a_hidden_field_is_noted(make_form, fill_form):
    """A hidden field stays hidden, and it is still said that something was typed there."""
    form = make_form(
        Field("a", "甲"), Field("b", "乙", visible_when={"field": "a", "equals": "x"}, item="person.name")
    )

    outcomes, _ = fill_form(form, {}, {"b": "typed"})

    assert (outcomes["b"].outcome, outcomes["b"].answered, outcomes["b"].answer_path) == (
        C.skipped_hidden,
        True,
        "b",
    )


def test_office_use_stays_office_use(make_form, make_value, fill_form):
    """Neither a value nor an answer nor hiding changes an office-use field."""
    form = make_form(
        Field(
            "x", "某", item="person.name", office_use=True, visible_when={"field": "nowhere", "equals": "x"}
        )
    )

    outcomes, _ = fill_form(form, {("applicant", "person.name"): make_value("张三")}, {"x": "typed"})

    assert codes(outcomes) == {"x": C.office_use}
    assert outcomes["x"].value is None


def test_kinds_that_take_no_data_offer_nothing(make_form, make_value, fill_form):
    """A signature is never filled, even if it names an item with a value."""
    form = make_form(Field("x", "签名", item="person.name", kind=FieldKind.signature))

    outcomes, _ = fill_form(form, {("applicant", "person.name"): make_value("张三")})

    assert (outcomes["x"].outcome, outcomes["x"].eligible, outcomes["x"].value) == (C.no_binding, False, None)


def test_an_item_nobody_asked_about_says_so(make_form, fill_form):
    """Totality: a due item that was forgotten is an error of ours, not a silent blank."""
    outcomes, _ = fill_form(make_form(Field("name", "姓名", item="person.name")))

    assert (outcomes["name"].outcome, outcomes["name"].reason) == (C.source_error, "not_asked")


@pytest.mark.parametrize("blank", [None, "", " ", []])
def test_a_blank_value_fills_nothing(make_form, make_value, fill_form, blank):
    """A source that says nothing has an empty field, not a filled one."""
    outcomes, _ = fill_form(
        make_form(Field("name", "姓名", item="person.name")),
        {("applicant", "person.name"): make_value(blank)},
    )

    assert outcomes["name"].outcome is C.empty_at_source


@pytest.mark.parametrize("value", [False, 0])
def test_false_and_zero_are_values(make_form, make_value, fill_form, value):
    """No and none are what the register says, so they are offered."""
    outcomes, _ = fill_form(
        make_form(Field("name", "姓名", item="person.name")),
        {("applicant", "person.name"): make_value(value)},
    )

    assert (outcomes["name"].outcome, outcomes["name"].value) == (C.filled, value)


@pytest.mark.parametrize(
    ("recorded", "expected"),
    [
        (date(2025, 11, 21), C.filled),
        (date(2025, 11, 20), C.filled_stale),
        (date(2026, 11, 21), C.filled),
        (date(2027, 1, 1), C.filled),
        (None, C.filled),
    ],
)
def test_older_than_its_freshness_is_stale(make_form, make_value, fill_form, recorded, expected):
    """A year is a year: the 365th day is still fresh, the day after is not."""
    form = make_form(Field("address", "住址", item="person.address"))
    value = make_value("示范市", recorded_at=recorded)

    outcomes, _ = fill_form(form, {("applicant", "person.address"): value})

    assert outcomes["address"].outcome is expected
    assert outcomes["address"].stale is (expected is C.filled_stale)
    assert outcomes["address"].value == "示范市"


def test_without_a_date_of_record_the_asking_counts(make_form, make_value, fill_form):
    """A value kept from long ago is stale although the register never said when it was recorded."""
    form = make_form(Field("address", "住址", item="person.address"))
    value = make_value("示范市", recorded_at=None, retrieved_at=datetime(2024, 1, 1, tzinfo=UTC))

    outcomes, _ = fill_form(form, {("applicant", "person.address"): value})

    assert outcomes["address"].stale


def test_days_are_counted_as_registers_date_them(make_form, make_value, fill_form):
    """In the evening UTC it is already the next day where the record was made."""
    form = make_form(Field("address", "住址", item="person.address"))
    found = {("applicant", "person.address"): make_value("示范市", recorded_at=date(2025, 11, 21))}

    evening, _ = fill_form(form, found, at=datetime(2026, 11, 21, 17, tzinfo=UTC))

    assert evening["address"].outcome is C.filled_stale


def test_a_value_never_shows_in_a_traceback(make_form, make_value, fill_form):
    """The repr of an outcome names path and code only."""
    outcomes, _ = fill_form(
        make_form(Field("name", "姓名", item="person.name")),
        {("applicant", "person.name"): make_value("张三")},
    )

    assert "张三" not in repr(outcomes["name"])


ROWS = ("applicant", "person.children")
JIA, YI = "350582200601010016", "350582200802020021"


def child(name, id_no, school=None):
    """A row as the combined answers hold it."""
    return {"child.name": name, "child.id_no": id_no, "child.school": school}


@pytest.fixture
def family(make_form, children, child_columns):
    """A name and the children."""
    return make_form(Field("name", "姓名", item="person.name"), *child_columns, groups=(children,))


def test_rows_on_record_become_slots(family, make_value, fill_form):
    """Each row of the source has its slots, in the source's order; an empty cell says so."""
    found = {ROWS: make_value([child("甲", JIA, "一中"), child("乙", YI)])}

    outcomes, findings = fill_form(family, found)

    assert [path for path in outcomes if path != "name"] == [
        "children.0.name",
        "children.0.id_no",
        "children.0.school",
        "children.1.name",
        "children.1.id_no",
        "children.1.school",
    ]
    assert outcomes["children.1.name"].value == "乙"
    assert outcomes["children.1.name"].row == 1
    assert outcomes["children.1.school"].outcome is C.empty_at_source
    assert findings == ()


def test_a_typed_row_is_completed_not_replaced(family, make_value, fill_form):
    """Rows are matched by identity: typed cells stay, blank ones are filled, and it is said where the answer stands."""
    found = {ROWS: make_value([child("甲", JIA, "一中"), child("乙", YI, "二中")])}
    answers = {"children": [{"id_no": YI.lower(), "name": "小乙"}]}

    outcomes, _ = fill_form(family, found, answers)

    assert outcomes["children.0.name"].value == "甲"
    assert outcomes["children.1.name"].answered
    assert outcomes["children.1.name"].value is None
    assert outcomes["children.1.name"].answer_path == "children.0.name"
    assert outcomes["children.1.school"].value == "二中"
    assert outcomes["children.1.school"].answer_path is None


def test_an_old_identity_matches_its_new_form(family, make_value, fill_form):
    """Identities are compared as their datatype spells them, so 15 digits find 18."""
    outcomes, _ = fill_form(
        family,
        {ROWS: make_value([child("甲", "350582910603001")])},
        {"children": [{"id_no": " 350582910603001"}]},
    )

    assert outcomes["children.0.name"].value == "甲"
    assert "children.1.name" not in outcomes


def test_rows_the_source_does_not_know_are_kept(family, make_value, fill_form):
    """A typed row without match follows those on record; its blank cells say that no record was found."""
    found = {ROWS: make_value([child("甲", JIA)])}

    outcomes, _ = fill_form(family, found, {"children": [{"name": "丙"}, {"id_no": JIA}]})

    assert outcomes["children.0.id_no"].answer_path == "children.1.id_no"
    assert outcomes["children.0.name"].value == "甲"
    assert outcomes["children.1.name"].answer_path == "children.0.name"
    assert (outcomes["children.1.school"].outcome, outcomes["children.1.school"].reason) == (
        C.not_found,
        "row_not_matched",
    )


@pytest.mark.parametrize(
    ("found", "expected", "reason"),
    [
        ({}, C.source_error, "not_asked"),
        ({ROWS: Missing(C.timeout, "late")}, C.timeout, "late"),
        ({ROWS: Missing(C.no_ground)}, C.no_ground, ""),
    ],
)
def test_without_rows_one_blank_row_says_why(family, fill_form, found, expected, reason):
    """A group without rows keeps one, so that every column has an outcome."""
    outcomes, _ = fill_form(family, found)

    slots = {path: (each.outcome, each.reason) for path, each in outcomes.items() if path != "name"}
    assert slots == {f"children.0.{leaf}": (expected, reason) for leaf in ("name", "id_no", "school")}


def test_no_rows_on_record_is_empty_at_source(family, make_value, fill_form):
    """A register that knows of no children leaves one blank row."""
    outcomes, _ = fill_form(family, {ROWS: make_value([])})

    assert outcomes["children.0.name"].outcome is C.empty_at_source


def test_typed_rows_carry_the_reason_of_the_rows(family, fill_form):
    """When the source failed, what was typed stays and the blank cells say what failed."""
    outcomes, _ = fill_form(family, {ROWS: Missing(C.circuit_open)}, {"children": [{"name": "丙"}]})

    assert outcomes["children.0.name"].answered
    assert outcomes["children.0.school"].outcome is C.circuit_open


def test_a_column_can_be_refused_alone(family, make_value, fill_form):
    """What may not be shown in one column does not touch the others."""
    found = {
        ROWS: make_value([child("甲", JIA, "一中")]),
        ("applicant", "child.school"): Missing(C.no_ground),
    }

    outcomes, _ = fill_form(family, found)

    assert outcomes["children.0.school"].outcome is C.no_ground
    assert outcomes["children.0.school"].value is None
    assert outcomes["children.0.name"].value == "甲"


def test_a_cell_can_be_missing_alone(family, make_value, fill_form):
    """One bad cell is one outcome."""
    found = {ROWS: make_value([child("甲", JIA, Missing(C.invalid_value, "too_long"))])}

    outcomes, _ = fill_form(family, found)

    assert (outcomes["children.0.school"].outcome, outcomes["children.0.school"].reason) == (
        C.invalid_value,
        "too_long",
    )


def test_a_column_the_rows_source_does_not_hold_is_unbound(family, make_value, fill_form):
    """Rows from a second source leave blank what only the first binds."""
    found = {ROWS: make_value([{"child.name": "甲"}], source="profile")}

    outcomes, _ = fill_form(family, found)

    assert outcomes["children.0.name"].value == "甲"
    assert (outcomes["children.0.school"].outcome, outcomes["children.0.school"].reason) == (
        C.no_binding,
        "not_in_rows_source",
    )


def test_rows_beyond_the_form_are_told(family, make_value, fill_form):
    """Rows on record that find no room are counted in a finding; typed rows keep theirs."""
    found = {ROWS: make_value([child(str(number), f"ID{number}") for number in range(6)])}

    outcomes, findings = fill_form(family, found, {"children": [{"name": "丙"}]})

    assert max(each.row for each in outcomes.values() if each.row is not None) == 3
    assert outcomes["children.3.name"].answer_path == "children.0.name"
    (finding,) = findings
    assert (finding.pointer, finding.code) == ("/children", "too_many_rows")
    assert finding.detail.startswith("3 more rows")


def test_a_hidden_group_shows_not_even_how_many(make_form, children, child_columns, make_value, fill_form):
    """Rows of a group that is not shown are neither shown nor counted."""
    hidden = [
        Field(
            each.path,
            each.label,
            item=each.item,
            group="children",
            visible_when={"field": "a", "equals": "x"},
        )
        for each in child_columns
    ]
    form = make_form(Field("a", "甲"), *hidden, groups=(children,))

    outcomes, findings = fill_form(form, {ROWS: make_value([child("甲", JIA)] * 6)})

    assert codes(outcomes) == {
        "a": C.no_binding,
        "children.0.name": C.skipped_hidden,
        "children.0.id_no": C.skipped_hidden,
        "children.0.school": C.skipped_hidden,
    }
    assert findings == ()


def test_columns_hide_row_by_row(make_form, children, child_columns, make_value, fill_form):
    """A column behind a question of its own row is shown where that row answers it."""
    school = Field(
        "children.school",
        "学校",
        item="child.school",
        group="children",
        visible_when={"field": "children.name", "present": True},
    )
    form = make_form(*child_columns[:2], school, groups=(children,))
    found = {ROWS: make_value([child("甲", JIA, "一中"), child("乙", YI, "二中")])}

    outcomes, _ = fill_form(form, found, {"children": [{"id_no": YI, "name": "小乙"}]})

    assert outcomes["children.0.school"].outcome is C.skipped_hidden
    assert outcomes["children.1.school"].value == "二中"


def test_typed_groups_stay_typed(make_form, fill_form):
    """A group without item has no source; its rows are the person's, and blank cells are unbound."""
    group = Group("cars", "车辆", "applicant", "plate")
    form = make_form(
        Field("cars.plate", "号牌", group="cars"), Field("cars.memo", "备注", group="cars"), groups=(group,)
    )

    outcomes, _ = fill_form(form, {}, {"cars.0.plate": "闽C12345"})

    assert codes(outcomes) == {"cars.0.plate": C.no_binding, "cars.0.memo": C.no_binding}
    assert outcomes["cars.0.plate"].answered
    assert not outcomes["cars.0.memo"].answered


def test_office_use_columns_are_the_offices(make_form, children, child_columns, make_value, fill_form):
    """An office-use column is office use in every row."""
    office = Field("children.checked", "核对", item="child.school", group="children", office_use=True)
    form = make_form(*child_columns[:2], office, groups=(children,))

    outcomes, _ = fill_form(form, {ROWS: make_value([child("甲", JIA, "一中")])})

    assert outcomes["children.0.checked"].outcome is C.office_use
