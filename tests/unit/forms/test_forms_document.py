"""Documents: a form as data and back, nothing lost, and every refusal says where."""

import json

import pytest

from field_registry import SubjectKind
from forms.definition import Field, FieldKind, Group, Material, Role
from forms.document import from_document, to_document
from forms.errors import BadForm


@pytest.fixture
def full(make_form):
    """A form that uses everything a form can say."""
    field = Field(
        path="a.b",
        label="甲",
        role="org",
        item="person.name",
        kind=FieldKind.upload,
        label_en="A",
        section="一",
        required=True,
        office_use=True,
        visible_when={"any": [{"field": "x", "in": ["1", True]}, {"not": {"field": "y", "present": True}}]},
        group="a",
        schema={"minLength": 1},
        locked=False,
        hint="提示",
    )
    kinds = frozenset({SubjectKind.organisation, SubjectKind.person})
    return make_form(
        field,
        Field("c", "乙"),
        roles=(Role("org", "单位", kinds, False, "Unit", "c"),),
        groups=(Group("a", "组", "org", "b", "person.children", 3, "Rows"),),
        schema={"type": "object"},
        name_en="Test",
        effective_from="2026-01-01",
        notes="注",
    )


def test_a_form_survives_the_round_trip(full):
    """Data and back, through JSON, is the same form."""
    assert from_document(json.loads(json.dumps(to_document(full)))) == full


def test_defaults_are_left_out(make_form):
    """A document reads like one written by hand."""
    document = to_document(make_form(Field("a", "甲")))

    assert document["fields"] == [{"path": "a", "label": "甲"}]
    assert document["roles"][0] == {"name": "applicant", "label": "申请人", "kinds": ["person"]}
    assert "groups" not in document


@pytest.mark.parametrize(
    ("change", "pointer", "words"),
    [
        ({"fields": {}}, "/fields", "a list"),
        ({"fields": "abc"}, "/fields", "a list"),
        ({"fields": [3]}, "/fields/0", "a mapping"),
        ({"fields": [{"path": "a"}]}, "/fields/0", "'label' is missing"),
        ({"fields": [{"path": "a", "label": "甲", "lable": "乙"}]}, "/fields/0/lable", "known are"),
        (
            {"fields": [{"path": "a", "label": "甲", "kind": "inptu"}]},
            "/fields/0/kind",
            "must be one of input",
        ),
        (
            {"roles": [{"name": "a", "label": "甲", "kinds": ["dog"]}]},
            "/roles/0/kinds",
            "must be one of person",
        ),
        ({"roles": [{"name": "a", "label": "甲", "kinds": [], "colour": 1}]}, "/roles/0/colour", "known are"),
        ({"groups": [{"path": "a"}]}, "/groups/0", "missing"),
        ({"colour": "red"}, "/colour", "known are"),
    ],
)
def test_refusals_say_where(make_form, change, pointer, words):
    """What cannot be read is refused with its place and what would be right."""
    document = {**to_document(make_form(Field("a", "甲"))), **change}

    with pytest.raises(BadForm, match=words) as caught:
        from_document(document)

    assert caught.value.pointer == pointer


def test_a_missing_key_of_the_form_itself_is_named():
    """The form's own keys are checked like those of its parts."""
    with pytest.raises(BadForm, match="'id' is missing") as caught:
        from_document({"fields": []})

    assert str(caught.value).startswith("/:")


def test_materials_survive_the_round_trip(make_form):
    """The papers a form wants are part of its document; what is usual is left out."""
    papers = (
        Material("id-card", "身份证", ("person.name",)),
        Material("photo", "照片", (), "spouse", "Photograph", False, "照片"),
    )
    form = make_form(Field("a", "甲"), materials=papers)
    document = json.loads(json.dumps(to_document(form)))

    assert from_document(document) == form
    assert document["materials"][0] == {"id": "id-card", "name": "身份证", "items": ["person.name"]}
    assert "materials" not in to_document(make_form(Field("a", "甲")))


@pytest.mark.parametrize("items", ["person.name", [1], {"a": 1}])
def test_what_a_paper_says_is_a_list_of_items(make_form, items):
    """Anything else is refused with its place."""
    document = {
        **to_document(make_form(Field("a", "甲"))),
        "materials": [{"id": "m", "name": "证", "items": items}],
    }

    with pytest.raises(BadForm, match="list of item ids") as caught:
        from_document(document)

    assert caught.value.pointer == "/materials/0/items"
