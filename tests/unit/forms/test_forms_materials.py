"""Papers of a form: read from its file, and checked for what they say and whose they are."""

import pytest

from field_registry import SubjectKind
from field_registry.errors import FaultsFound
from forms.check import check_forms
from forms.definition import Field, Material, Role
from forms.load import LoadedForms, load_forms

PERSON = frozenset({SubjectKind.person})
NAME = Field("name", "姓名", item="person.name")
CARD = Material("id-card", "身份证", ("person.name",))
TEXT = """\
id: test-form
version: 1
name: 测试表
matter: M-1
purpose: test.purpose
department: 交通运输局
roles: [{name: applicant, label: 申请人, kinds: [person]}]
materials:
  - {id: id-card, name: 身份证, items: [person.name]}
  - id: photo
    name: 照片
    required: false
    uncatalogued: 照片
fields:
  - {path: name, label: 姓名, item: person.name}
"""


@pytest.fixture
def faults(make_form, registry):
    """The codes of what is wrong with a form that wants these papers."""

    def run(*materials, **more):
        found = check_forms(LoadedForms((make_form(NAME, materials=materials, **more),)), registry)
        return [(fault.code, fault.severity) for fault in found]

    return run


def test_papers_are_read_from_the_file(tmp_path, registry):
    """With their items, as the form's file lists them; nothing is wrong with them."""
    (tmp_path / "a.yaml").write_text(TEXT, encoding="utf-8")

    loaded = load_forms(tmp_path)
    assert loaded.forms[0].materials == (
        CARD,
        Material("photo", "照片", required=False, uncatalogued="照片"),
    )
    assert check_forms(loaded, registry) == ()


def test_a_key_misspelt_is_found_where_it_stands(tmp_path):
    """With its line."""
    (tmp_path / "a.yaml").write_text(TEXT.replace("uncatalogued", "uncataloged"), encoding="utf-8")

    with pytest.raises(FaultsFound) as caught:
        load_forms(tmp_path)
    assert [(fault.line, fault.code) for fault in caught.value.faults] == [(13, "unknown_key")]


def test_an_item_nobody_knows_stands_at_its_line(tmp_path, registry):
    """With the name that was meant."""
    (tmp_path / "a.yaml").write_text(
        TEXT.replace("items: [person.name]", "items: [person.nmae]"), encoding="utf-8"
    )

    (fault,) = check_forms(load_forms(tmp_path), registry)
    assert (fault.line, fault.code) == (9, "unknown_item")
    assert "person.name" in fault.message


def test_two_papers_have_two_ids(faults):
    """The list could not tell them apart."""
    assert faults(CARD, CARD) == [("duplicate_material", "error")]


def test_a_paper_is_somebodys(faults):
    """Of a party that the form declares."""
    assert faults(Material("m", "证", ("person.name",), role="spuose")) == [("unknown_role", "error")]


def test_a_paper_says_things_about_its_own_party(faults):
    """A person's card says nothing about an enterprise."""
    roles = (Role("applicant", "申请人", PERSON), Role("org", "单位", frozenset({SubjectKind.organisation})))

    assert faults(Material("m", "证", ("person.name",), role="org"), roles=roles) == [("wrong_kind", "error")]


def test_a_paper_of_which_nobody_knows_what_it_says_is_a_warning(faults):
    """It can be published, and is never exempt."""
    assert faults(Material("m", "申请书")) == [("material_without_content", "warning")]


def test_the_once_only_check_says_whose_the_item_is(make_form, registry):
    """The office knows whom to ask."""
    form = make_form(Field("name", "姓名"))
    (fault,) = check_forms(LoadedForms((form,)), registry)

    assert (fault.code, fault.severity) == ("once_only", "warning")
    assert "公安" in fault.message
