"""Describing forms: layout for renderers, expected sources for those who ask who fills what."""

import json

from field_registry import Binding, Registry
from forms.definition import Field
from forms.describe import field_descriptions, layout_of


def test_sections_keep_the_order_of_fields(make_form, children, child_columns):
    """Sections stand in order of their first field; a group is one entry with its columns."""
    form = make_form(
        Field("a", "甲", section="一"),
        child_columns[0],
        Field("b", "乙", section="二"),
        Field("c", "丙", section="一"),
        child_columns[1],
        groups=(children,),
    )

    layout = layout_of(form)

    assert [each["section"] for each in layout] == ["一", "", "二"]
    assert layout[0]["fields"] == ["a", "c"]
    (group,) = layout[1]["fields"]
    assert group["group"] == "children"
    assert group["fields"] == ["children.name", "children.id_no"]
    assert group["identity_key"] == "id_no"


def test_a_description_says_who_will_fill_a_field(make_form, registry, today):
    """Role, item, labels, and the tier and sources to expect, authoritative first; ready for JSON."""
    form = make_form(Field("name", "姓名", label_en="Name", item="person.name", section="一"))

    (described,) = field_descriptions(form, registry, today)

    assert described["tier"] == "A"
    assert [source["id"] for source in described["sources"]] == ["civil", "profile"]
    assert described["sources"][0]["name"] == "人口基础库"
    assert (described["role"], described["item"], described["item_name"]) == (
        "applicant",
        "person.name",
        "姓名",
    )
    assert (described["label"], described["label_en"], described["datatype"]) == ("姓名", "Name", "name")
    assert json.loads(json.dumps(described)) == described


def test_what_nothing_fills_has_no_tier(make_form, registry, today):
    """Without item, or for office use, there is no source to expect."""
    form = make_form(Field("a", "甲"), Field("b", "乙", item="person.name", office_use=True))

    described = field_descriptions(form, registry, today)

    assert [(each["tier"], each["sources"]) for each in described] == [(None, []), (None, [])]
    assert described[0]["item_name"] is None


def test_a_binding_to_nowhere_does_not_break_the_description(make_form, registry, today):
    """A fault of the registry shows as a source without name."""
    broken = Registry.of(
        1, items=registry.items.values(), sources=(), bindings=(Binding("person.name", "gone", "/x"),)
    )

    (described,) = field_descriptions(make_form(Field("n", "姓名", item="person.name")), broken, today)

    assert described["sources"][0]["id"] == "gone"
    assert described["tier"] is None
