"""Loading forms: every fault of a directory at once, with file, line and remedy."""

import pytest

from field_registry.errors import FaultsFound
from forms.definition import FieldKind
from forms.load import LoadedForms, form_schema, load_forms

GOOD = """\
id: test-form
version: 1
name: 测试表
matter: M-1
purpose: test.purpose
department: 交通运输局
effective_from: 2026-01-01
roles:
  - {name: applicant, label: 申请人, kinds: [person]}
groups:
  - {path: children, label: 子女, role: applicant, item: person.children, identity_key: id_no}
fields:
  - path: married
    label: 婚否
  - {path: spouse.name, label: 配偶姓名, visible_when: {field: married, equals: true}}
  - {path: children.id_no, label: 身份证号, group: children, kind: input}
"""


@pytest.fixture
def write(tmp_path):
    """Writes files of forms and gives their directory."""

    def put(**files):
        for name, text in files.items():
            (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
        return tmp_path

    return put


def faults_of(directory):
    """All faults of a directory as (file, line, code)."""
    with pytest.raises(FaultsFound) as caught:
        load_forms(directory)
    return [(fault.file, fault.line, fault.code) for fault in caught.value.faults]


def test_a_directory_becomes_forms(write):
    """Files become forms, by id and version, with the line of everything in them."""
    second = GOOD.replace("version: 1", "version: 2")

    loaded = load_forms(write(b=second, a=GOOD))

    assert [(form.id, form.version) for form in loaded.forms] == [("test-form", 1), ("test-form", 2)]
    form = loaded.forms[0]
    assert form.fields[1].visible_when == {"field": "married", "equals": True}
    assert form.fields[2].kind is FieldKind.input
    assert form.effective_from == "2026-01-01"
    fault = loaded.fault(form, ("fields", 1, "label"), "code", "words", "warning")
    assert (fault.file, fault.line, fault.severity) == ("a.yaml", 15, "warning")


def test_an_empty_directory_holds_no_forms(tmp_path):
    """No files, no forms, no fault."""
    assert load_forms(tmp_path).forms == ()


def test_a_missing_directory_is_a_fault(tmp_path):
    """A wrong path is told rather than taken for an empty one."""
    assert faults_of(tmp_path / "nowhere") == [("nowhere", 0, "no_directory")]


def test_forms_from_elsewhere_are_named_instead_of_a_file(make_form):
    """A form without file is still told apart in a fault."""
    form = make_form()

    assert LoadedForms((form,)).fault(form, ("fields",), "code", "words").file == "test-form@1"


def test_the_same_version_twice_is_a_fault(write):
    """Two files may not both be version 1."""
    assert faults_of(write(a=GOOD, b=GOOD)) == [("b.yaml", 2, "duplicate_form")]


@pytest.mark.parametrize(
    ("old", "new", "line", "code", "words"),
    [
        ("label: 婚否", "lable: 婚否", 14, "unknown_key", "Did you mean 'label'?"),
        ("name: 测试表", "nmae: 测试表", 3, "unknown_key", "Did you mean 'name'?"),
        ("kind: input", "kind: inptu", 16, "bad_value", "Did you mean 'input'?"),
        ("version: 1", "version: one", 2, "wrong_type", "a whole number"),
        ("id: test-form", "id: Test Form", 1, "bad_value", "hyphens between"),
        ("equals: true", "equal: true", 15, "bad_condition", "a condition is"),
        ("equals: true", "in: []", 15, "bad_condition", "lists are not empty"),
        ("{field: married, equals: true}", "yes", 15, "bad_condition", "a condition is"),
        ("path: spouse.name", "path: spouse.0.name", 15, "bad_value", "without row numbers"),
        ("kinds: [person]", "kinds: []", 9, "bad_value", "kinds"),
        (", identity_key: id_no", "", 11, "missing_key", "add `identity_key: ...`"),
        ("effective_from: 2026-01-01", "effective_from: 2026-13-01", 7, "bad_value", "2026-01-31"),
        ("  - path: married\n", "  - path: married\n   bad\n", 14, "yaml_syntax", "not YAML"),
        ("matter: M-1", "matter: M-1\nmatter: M-2", 5, "duplicate_key", "already stands"),
    ],
)
def test_a_fault_names_file_line_and_remedy(write, old, new, line, code, words):
    """Each way to be wrong is told where it stands and how to put it right."""
    assert old in GOOD
    with pytest.raises(FaultsFound) as caught:
        load_forms(write(a=GOOD.replace(old, new)))

    fault = caught.value.faults[0]
    assert (fault.file, fault.line, fault.code) == ("a.yaml", line, code)
    assert words in fault.message


def test_all_faults_are_told_at_once(write):
    """One run finds what is wrong in every file."""
    broken = GOOD.replace("label: 婚否", "lable: 婚否")

    codes = faults_of(write(a=broken, b="[", c=broken.replace("version: 1", "version: 0")))

    assert {file for file, _, _ in codes} == {"a.yaml", "b.yaml", "c.yaml"}
    assert [code for _, _, code in codes] == ["unknown_key", "yaml_syntax", "bad_value", "unknown_key"]


@pytest.mark.parametrize("text", ["", "- 1", "just text"])
def test_a_file_that_is_no_form_is_a_fault(write, text):
    """Empty files, lists and plain text are told, not skipped."""
    assert faults_of(write(a=text))[0][2] == "wrong_type"


def test_the_shipped_schema_is_itself_valid():
    """The schema that files are held to is a schema."""
    from jsonschema import Draft202012Validator

    Draft202012Validator.check_schema(form_schema()[0])
