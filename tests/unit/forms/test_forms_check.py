"""Checking forms: each planted fault is found, where it stands, and a sound form has none."""

import pytest

from field_registry import SubjectKind
from forms.check import check_forms
from forms.definition import Field, FieldKind, Group, Role
from forms.load import LoadedForms, load_forms

PERSON = frozenset({SubjectKind.person})
ROLES = (Role("applicant", "申请人", PERSON), Role("spouse", "配偶", PERSON))
NAME = Field("name", "姓名", item="person.name")
SHOWN = {"field": "a", "equals": "x"}
GROUP = Group("children", "子女", "applicant", "id_no", item="person.children")
COLUMN = Field("children.id_no", "证件", item="child.id_no", group="children")


@pytest.fixture
def check(make_form, registry):
    """Checks one form made of these parts; gives its faults."""

    def run(*fields, **more):
        return check_forms(LoadedForms((make_form(*fields, **more),)), registry)

    return run


def test_a_sound_form_has_no_fault(check, children, child_columns):
    """Nothing is found where nothing is wrong."""
    fields = (
        NAME,
        Field("married", "婚否", item="person.is_married"),
        Field("sex", "性别", item="person.sex"),
        Field("count", "人数", item="person.dependants"),
        Field(
            "spouse.name",
            "配偶姓名",
            role="spouse",
            item="person.name",
            visible_when={"field": "married", "equals": True},
        ),
        Field(
            "x", "某", visible_when={"all": [{"field": "sex", "in": ["1"]}, {"field": "count", "equals": 2}]}
        ),
        Field("y", "另", visible_when={"field": "sex", "present": True}),
        Field("z", "再", visible_when={"field": "married", "equals": "true"}),
        Field("note", "说明", kind=FieldKind.display),
    )

    assert (
        check(
            *fields,
            *child_columns,
            groups=(children,),
            roles=(*ROLES[:1], Role("spouse", "配偶", PERSON, identity_field="name")),
        )
        == ()
    )


ERRORS = {
    "unknown_item": ([Field("x", "某", item="person.nmae")], {}, "Did you mean 'person.name'?"),
    "unknown_item in a group": (
        [COLUMN],
        {"groups": [Group("children", "子女", "applicant", "id_no", item="person.childern")]},
        "Did you mean 'person.children'?",
    ),
    "unknown_role": ([Field("x", "某", role="spuose")], {}, "Did you mean 'spouse'?"),
    "unknown_role in a group": (
        [COLUMN],
        {"groups": [Group("children", "子女", "aplicant", "id_no", item="person.children")]},
        "Did you mean 'applicant'?",
    ),
    "duplicate_role": ([NAME], {"roles": [*ROLES, ROLES[0]]}, "declared twice"),
    "unknown_field for a role": (
        [NAME],
        {"roles": [Role("applicant", "申请人", PERSON, identity_field="nmae")]},
        "Did you mean 'name'?",
    ),
    "wrong_kind": ([Field("x", "某", item="enterprise.uscc")], {}, "is of kind organisation"),
    "wrong_kind in a group": (
        [COLUMN],
        {"groups": [GROUP], "roles": [Role("applicant", "企业", frozenset({SubjectKind.vehicle}))]},
        "use another role or item",
    ),
    "duplicate_path": ([NAME, NAME], {}, "stands twice"),
    "duplicate_path of groups": ([COLUMN], {"groups": [GROUP, GROUP]}, "stands twice"),
    "path_clash": ([Field("a", "甲"), Field("a.b", "乙")], {}, "rename one"),
    "path_clash with a group": ([Field("children", "子女"), COLUMN], {"groups": [GROUP]}, "rename one"),
    "item_not_shared": ([Field("x", "某", item="person.diagnosis")], {}, "精神卫生法"),
    "rows_in_field": ([Field("x", "某", item="person.children")], {}, "name it in a group"),
    "column_outside_group": ([Field("x", "某", item="child.name")], {}, "person.children"),
    "unknown_group": ([COLUMN, Field("children.x", "某", group="childern")], {"groups": [GROUP]}, ""),
    "column_path": (
        [Field("kids.id_no", "某", group="children"), COLUMN],
        {"groups": [GROUP]},
        "children.id_no",
    ),
    "column_path too deep": (
        [Field("children.a.id_no", "某", group="children"), COLUMN],
        {"groups": [GROUP]},
        "children.id_no",
    ),
    "column_path outside": (
        [Field("children.x", "某"), COLUMN],
        {"groups": [GROUP]},
        "add `group: children`",
    ),
    "no_identity_key": (
        [COLUMN],
        {"groups": [Group("children", "子女", "applicant", "idno", item="person.children")]},
        "Did you mean 'id_no'?",
    ),
    "not_rows": (
        [COLUMN],
        {"groups": [Group("children", "子女", "applicant", "id_no", item="person.name")]},
        "datatype is rows",
    ),
    "column_not_within": (
        [COLUMN, Field("children.x", "某", item="person.name", group="children")],
        {"groups": [GROUP]},
        "child.name, child.id_no",
    ),
    "bad_condition": ([NAME, Field("x", "某", visible_when={"field": "name"})], {}, "a condition is"),
    "unknown_field": (
        [Field("x", "某", visible_when={"field": "nmae", "equals": "x"}), NAME],
        {},
        "Did you mean 'name'?",
    ),
    "other_row": (
        [Field("x", "某", visible_when={"field": "children.id_no", "equals": "x"}), COLUMN],
        {"groups": [GROUP]},
        "many rows",
    ),
    "never_answered": (
        [Field("a", "甲", office_use=True), Field("x", "某", visible_when=SHOWN)],
        {},
        "for the office",
    ),
    "condition_cycle": (
        [Field("a", "甲", visible_when={"field": "b", "equals": "x"}), Field("b", "乙", visible_when=SHOWN)],
        {},
        "a, b",
    ),
    "condition_type": (
        [Field("a", "甲", item="person.sex"), Field("x", "某", visible_when={"field": "a", "equals": 1})],
        {},
        "quote them",
    ),
    "condition_type of a boolean": (
        [
            Field("a", "甲", item="person.is_married"),
            Field("x", "某", visible_when={"field": "a", "in": ["yes"]}),
        ],
        {},
        "never equal",
    ),
    "condition_type of a number": (
        [
            Field("a", "甲", item="person.dependants"),
            Field("x", "某", visible_when={"field": "a", "equals": True}),
        ],
        {},
        "never equal",
    ),
    "condition_type of a code": (
        [Field("a", "甲", item="person.sex"), Field("x", "某", visible_when={"field": "a", "equals": "9"})],
        {},
        "no code of sex",
    ),
    "required_office_use": ([Field("a", "甲", office_use=True, required=True)], {}, "drop one"),
    "required_display": ([Field("a", "甲", kind=FieldKind.display, required=True)], {}, "cannot be required"),
    "bad_schema": ([NAME], {"schema": {"type": "nonsense"}}, "JSON Schema"),
    "bad_schema of a field": ([Field("a", "甲", schema={"maxLength": -1})], {}, "JSON Schema"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_a_planted_error_is_found(check, name):
    """Exactly the planted fault is found, as an error, with a hint of what to do."""
    fields, more, words = ERRORS[name]

    faults = [
        fault
        for fault in check(
            *fields, **{key: tuple(each) if isinstance(each, list) else each for key, each in more.items()}
        )
        if fault.severity == "error"
    ]

    assert {fault.code for fault in faults} == {name.split()[0]}
    assert words in faults[0].message


WARNINGS = {
    "office_use_item": ([Field("x", "某", item="person.name", office_use=True)], {}),
    "item_not_taken": ([Field("x", "某", item="person.name", kind=FieldKind.upload)], {}),
    "identity_without_item": ([Field("children.id_no", "证件", group="children")], {"groups": (GROUP,)}),
    "once_only": ([Field("x", "公民姓名")], {}),
}


@pytest.mark.parametrize("name", WARNINGS)
def test_a_planted_warning_is_found(check, name):
    """What is unwise but can be published is a warning."""
    fields, more = WARNINGS[name]

    assert [(fault.code, fault.severity) for fault in check(*fields, **more)] == [(name, "warning")]


@pytest.mark.parametrize(
    ("field", "item"),
    [
        (Field("x", "姓名"), "person.name"),
        (Field("x", " 姓　名 "), "person.name"),
        (Field("x", "某", label_en="name"), "person.name"),
        (Field("x", "配偶姓名", role="spouse"), "person.name"),
        (Field("x", "配偶的姓名", role="spouse"), "person.name"),
        (Field("x", "申请人姓名", role="spouse"), None),
        (Field("x", "诊断"), None),
        (Field("x", "号牌号码"), None),
        (Field("x", "就读学校"), None),
        (Field("x", "姓名", office_use=True), None),
        (Field("x", "姓名", kind=FieldKind.display), None),
        (Field("x", "姓名", role="nobody"), None),
        (Field("x", ""), None),
    ],
)
def test_once_only_names_the_item_already_held(make_form, registry, field, item):
    """A label equal to an item's name, or to the role's name and that, could have been filled; nothing else is claimed."""
    from forms.once_only import HeldItems

    found = HeldItems.of(registry).item_for(make_form(field), field)

    assert (found.id if found is not None else None) == item


def test_once_only_looks_into_groups(check):
    """A typed column that the rows on record hold is found too."""
    faults = check(COLUMN, Field("children.school", "就读学校", group="children"), groups=(GROUP,))

    assert [fault.code for fault in faults] == ["once_only"]
    assert "child.school" in faults[0].message


def test_a_fault_stands_at_its_line(tmp_path, registry):
    """A form from a file is told with file and line."""
    text = """\
id: test-form
version: 1
name: 测试表
matter: M-1
purpose: test.purpose
department: 交通运输局
roles: [{name: applicant, label: 申请人, kinds: [person]}]
fields:
  - path: name
    label: 姓名
    item: person.nmae
"""
    (tmp_path / "a.yaml").write_text(text, encoding="utf-8")

    (fault,) = check_forms(load_forms(tmp_path), registry)

    assert (fault.file, fault.line, fault.code) == ("a.yaml", 11, "unknown_item")
