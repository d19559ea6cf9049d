"""Validation: a schema for every form, findings without a word of what was typed."""

import pytest

from forms.definition import Field, FieldKind
from forms.errors import BadSchema
from forms.validate import DIALECT, Validator, schema_of

SECRET = "35058219910603996X"


def leaf(schema, *path):
    """The schema at a path of properties."""
    for step in path:
        schema = schema["properties"][step]
    return schema


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ("person.name", {"type": "string", "maxLength": 50}),
        ("person.sex", {"type": "string", "enum": ["1", "2"]}),
        ("person.district", {"type": "string", "pattern": "^[0-9A-Za-z._-]{1,32}$"}),
        ("person.birth_date", {"type": "string", "format": "date"}),
        ("person.updated_at", {"type": "string", "format": "date-time"}),
        ("person.income", {"type": "string", "pattern": r"^-?[0-9]{1,18}(\.[0-9]{1,2})?$"}),
        ("person.dependants", {"type": "integer"}),
        ("person.is_married", {"type": "boolean"}),
    ],
)
def test_a_leaf_is_described_by_its_item(make_form, registry, item, expected):
    """Type, format, length and choices come from the item and its code list."""
    described = leaf(schema_of(make_form(Field("x", "某", item=item)), registry), "x")

    assert {key: described[key] for key in expected} == expected
    assert described["title"] == "某"


def test_the_schema_follows_the_paths(make_form, registry, children, child_columns):
    """Dotted paths are nested objects, groups are arrays of rows."""
    form = make_form(
        Field("spouse.work.unit", "单位", role="spouse"), *child_columns, groups=(children,), name="测试表"
    )

    schema = schema_of(form, registry)

    assert (schema["$schema"], schema["$id"], schema["title"]) == (
        DIALECT,
        "urn:oncegate:form:test-form:1",
        "测试表",
    )
    assert leaf(schema, "spouse", "work", "unit")["title"] == "单位"
    assert leaf(schema, "children")["maxItems"] == 4
    assert list(leaf(schema, "children")["items"]["properties"]) == ["name", "id_no", "school"]


def test_only_the_unconditional_is_required(make_form, registry, children):
    """What may be hidden or is the office's cannot be demanded; parents of what is required are required."""
    condition = {"field": "a", "equals": "x"}
    form = make_form(
        Field("a", "甲", required=True),
        Field("b", "乙", required=True, visible_when=condition),
        Field("c", "丙", required=True, office_use=True),
        Field("d.e", "丁", required=True),
        Field("children.name", "姓名", required=True, group="children"),
        groups=(children,),
    )

    schema = schema_of(form, registry)

    assert schema["required"] == ["a", "d"]
    assert leaf(schema, "d")["required"] == ["e"]
    assert leaf(schema, "children")["items"]["required"] == ["name"]


def test_kinds_shape_their_leaf(make_form, registry):
    """Display text has no leaf, a consent box is yes or no, an upload takes what the renderer sends."""
    form = make_form(
        Field("a", "说明", kind=FieldKind.display),
        Field("b", "同意", kind=FieldKind.consent_box, hint="请阅读"),
        Field("c", "附件", kind=FieldKind.upload),
        Field("d", "其他", schema={"minLength": 2}),
    )

    properties = schema_of(form, registry)["properties"]

    assert list(properties) == ["b", "c", "d"]
    assert properties["b"] == {"title": "同意", "description": "请阅读", "type": "boolean"}
    assert properties["c"] == {"title": "附件"}
    assert properties["d"]["minLength"] == 2


def test_a_forms_own_schema_wins(make_form, registry):
    """A form that brings its schema keeps it."""
    own = {"type": "object", "maxProperties": 3}

    assert schema_of(make_form(Field("a", "甲"), schema=own), registry) == own


SCHEMA = {
    "type": "object",
    "required": ["name"],
    "properties": {
        "name": {"type": "string", "maxLength": 5, "minLength": 2},
        "id": {"type": "string", "pattern": "^[0-9]{17}[0-9X]$"},
        "sex": {"enum": ["1", "2"]},
        "born": {"type": "string", "format": "date"},
        "age": {"type": "integer", "minimum": 0, "maximum": 150},
        "rows": {"type": "array", "minItems": 1, "maxItems": 1, "items": {"required": ["x"]}},
        "odd": {"not": {}},
    },
}


@pytest.mark.parametrize(
    ("answers", "pointer", "code"),
    [
        ({}, "/name", "required"),
        ({"name": SECRET}, "/name", "maxLength"),
        ({"name": "X"}, "/name", "minLength"),
        ({"name": 35058219910603}, "/name", "type"),
        ({"name": "甲乙", "id": "身份证" + SECRET}, "/id", "pattern"),
        ({"name": "甲乙", "sex": SECRET}, "/sex", "enum"),
        ({"name": "甲乙", "born": SECRET}, "/born", "format"),
        ({"name": "甲乙", "age": 350582199}, "/age", "maximum"),
        ({"name": "甲乙", "age": -350582199}, "/age", "minimum"),
        ({"name": "甲乙", "rows": []}, "/rows", "minItems"),
        ({"name": "甲乙", "rows": [{"x": SECRET}] * 2}, "/rows", "maxItems"),
        ({"name": "甲乙", "rows": [{"y": SECRET}]}, "/rows/0/x", "required"),
        ({"name": "甲乙", "odd": SECRET}, "/odd", "not"),
    ],
)
def test_findings_say_where_and_what_but_not_whose(answers, pointer, code):
    """Each finding has place, code and limit; nothing typed stands in it."""
    (finding,) = Validator(SCHEMA).errors(answers)

    assert (finding.pointer, finding.code) == (pointer, code)
    assert SECRET not in finding.detail
    assert "350582" not in finding.detail


def test_limits_are_named():
    """The sentence says how long is too long."""
    (finding,) = Validator(SCHEMA).errors({"name": "a" * 9})

    assert finding.detail.endswith("(limit: 5)")


@pytest.mark.parametrize(
    ("answers", "wanted"),
    [
        ({"name": "甲乙", "sex": "3"}, "(choices: 1, 2)"),
        ({"name": "甲乙", "age": "3"}, "(type: integer)"),
        ({"name": "甲乙", "id": "3"}, "(pattern: ^[0-9]{17}[0-9X]$)"),
        ({"name": "甲乙", "born": "3"}, "(format: date)"),
    ],
)
def test_a_finding_says_what_the_form_wants_there(answers, wanted):
    """Whoever reads it can put it right without looking the schema up."""
    (finding,) = Validator(SCHEMA).errors(answers)

    assert finding.detail.endswith(wanted)


def test_a_list_too_long_to_read_is_not_repeated():
    """Of a code list with hundreds of codes the sentence names none."""
    (finding,) = Validator({"properties": {"code": {"enum": [str(n) for n in range(500)]}}}).errors(
        {"code": "x"}
    )

    assert finding.detail == "the answer is not one of the choices"


def test_sound_answers_have_no_findings():
    """Nothing to say about what is right."""
    assert Validator(SCHEMA).errors({"name": "甲乙", "sex": "1", "born": "2000-02-29"}) == []


def test_answers_still_being_given_may_miss_some():
    """While a form is filled, only what is there is judged."""
    validator = Validator(SCHEMA)

    assert [each.code for each in validator.errors({"sex": "3"}, complete=False)] == ["enum"]


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "nonsense"},
        {"properties": []},
        {"$ref": "#/$defs/nowhere"},
        {"$ref": "https://example.org/schema.json"},
        {"pattern": "("},
        {"pattern": "(a)\\1"},
    ],
)
def test_a_schema_that_cannot_be_used_is_refused(schema):
    """Invalid, dangling, reaching outside itself, or with a pattern that could backtrack: refused when compiled."""
    with pytest.raises(BadSchema):
        Validator(schema)


def test_a_pattern_cannot_stall():
    """A pattern made to backtrack forever is answered at once, for patterns run in linear time."""
    validator = Validator({"properties": {"x": {"pattern": "^(a+)+$"}}})

    assert len(validator.errors({"x": "a" * 5_000 + "!"})) == 1


def test_every_generated_schema_compiles(make_form, registry, children, child_columns):
    """Whatever the items, the schema made of them can be used."""
    fields = [
        Field(f"f{number}", item.name, item=item.id)
        for number, item in enumerate(registry.items.values())
        if item.within is None
    ]

    assert (
        Validator(schema_of(make_form(*fields, *child_columns, groups=(children,)), registry)).errors({})
        == []
    )
