"""Comparing what came back with what was offered: which ways of writing are the same, and which are not."""

from datetime import date

import pytest

from field_registry import Binding, CodeList, Item, Registry, Source, SubjectKind
from field_registry.items import Datatype
from forms.definition import Field, Form, Role
from gateway.resolution.compiled import compile_form
from gateway.submissions.compare import Normal, folded, same, sheets_of
from policies import Policy

PERSON, ORG = SubjectKind.person, SubjectKind.organisation


def item(item_id, datatype, **more):
    return Item(item_id, item_id, more.pop("kind", PERSON), datatype, "公安", **more)


ITEMS = [
    item("person.name", Datatype.name),
    item("person.id_no", Datatype.id_no),
    item("person.sex", Datatype.code, code_list="sex"),
    item("person.birth_date", Datatype.date),
    item("person.registered_at", Datatype.datetime),
    item("person.phone", Datatype.phone),
    item("person.income", Datatype.amount, unit="CNY"),
    item("person.members", Datatype.integer),
    item("person.married", Datatype.boolean),
    item("person.address", Datatype.address),
    item("person.remark", Datatype.text),
    item("org.uscc", Datatype.uscc, kind=ORG),
    item("org.legal_rep_name", Datatype.name, kind=ORG),
    item("car.plate", Datatype.plate),
]
REGISTRY = Registry.of(
    1,
    items=ITEMS,
    sources=[Source("civil", "人口库", "公安", "sandbox")],
    bindings=[Binding("person.name", "civil", "/name")],
    code_lists=[CodeList("sex", "性别", {"1": "男", "2": "女"}, {"M": "1", "F": "2"})],
)
FORM = Form(
    "f", 1, "表", "M-1", "p", "民政",
    fields=(
        *(Field(each.id.replace(".", "_"), each.id, item=each.id) for each in ITEMS),
        Field("free", "其他"),
        Field("day", "日期", schema={"type": "string", "format": "date"}),
        Field("chosen", "多选", schema={"type": "array"}),
    ),
    roles=(Role("applicant", "申请人", frozenset({PERSON})),),
)  # fmt: skip
SHEETS = sheets_of(compile_form(FORM, REGISTRY, Policy.of(1, (), ()), date(2026, 11, 21)))
SAME = [
    ("person_name", "安妮", " 安　妮 "),
    ("person_name", "买买提·艾力", "买买提•艾力"),
    ("person_id_no", "35058219910603996X", "３５０５８２１９９１０６０３９９６ｘ"),
    ("person_id_no", "110102199101010078", "110102 1991 0101 0078"),
    ("person_id_no", "110105491231002", "11010519491231002X"),
    ("person_sex", "1", "男"),
    ("person_sex", "1", "M"),
    ("person_sex", "1", "1-男"),
    ("person_sex", "2", 2),
    ("person_birth_date", "1973-01-21", "1973.1.21"),
    ("person_birth_date", "1973-01-21", "1973年1月21日"),
    ("person_birth_date", "1973-01-21", "１９７３/０１/２１"),
    ("person_birth_date", "1973-01-21", "19730121"),
    ("person_birth_date", "1973-01-21", 19730121),
    ("person_birth_date", "1973-01-21", "一九七三年一月二十一日"),
    ("person_birth_date", "9999-12-31", "长期"),
    ("person_phone", "13800138000", "+86 138-0013-8000"),
    ("person_income", "50000.00", "5万元"),
    ("person_income", "50000.00", "50,000"),
    ("person_members", 3, "３"),
    ("person_married", True, "是"),
    ("person_married", False, "否"),
    ("org_uscc", "91350582M00011112A"[:17] + "A", "91350582m00011112a"[:17] + "a"),
    ("car_plate", "闽C12345", "闽c·12345"),
    ("person_remark", "备注一", "备注一 "),
    ("free", "Ａbc", "abc "),
    ("day", "2026-03-01", "2026.3.1"),
    ("chosen", ["A", "b"], ["ａ", "B "]),
]
DIFFERENT = [
    ("person_name", "安妮", "安娜"),
    ("person_id_no", "35058219910603996X", "110102199101010078"),
    ("person_sex", "1", "女"),
    ("person_birth_date", "1973-01-21", "1973-01-12"),
    ("person_phone", "13800138000", "13800138001"),
    ("person_income", "50000.00", "50000.01"),
    ("person_married", True, "否"),
    ("person_address", "青阳街道1号", "青阳街道11号"),
    ("free", "a", "b"),
    ("chosen", ["A", "B"], ["B", "A"]),
]


@pytest.mark.parametrize(("field", "offered", "sent"), SAME)
def test_another_way_of_writing_is_the_same(field, offered, sent):
    """Width, spaces, separators, names of codes, forms of dates and numbers are not edits."""
    sheet = SHEETS[field]

    assert same(sheet.normal(offered), sheet.normal(sent))


@pytest.mark.parametrize(("field", "offered", "sent"), DIFFERENT)
def test_another_value_is_not_the_same(field, offered, sent):
    """Nothing is forgiven that says something else."""
    sheet = SHEETS[field]

    assert not same(sheet.normal(offered), sheet.normal(sent))


@pytest.mark.parametrize("blank", [None, "", "  ", "　", [], {}])
def test_nothing_is_nothing(blank):
    """Whatever says nothing is no value, in every field."""
    assert {sheet.normal(blank) for sheet in SHEETS.values()} == {Normal(None)}


def test_what_cannot_be_read_is_compared_folded():
    """It says why, without the value, and equals itself in any width."""
    sheet = SHEETS["person_id_no"]

    unread = sheet.normal("３50582199106039961")

    assert unread.problem
    assert "350582" not in unread.problem
    assert same(unread, sheet.normal("350582199106039961"))
    assert "350582" not in repr(unread)


def test_strictness_is_for_what_everybody_can_write_rightly():
    """Dates, codes and numbers are refused when they cannot be read; names and numbers of documents are not."""
    strict = {path for path, sheet in SHEETS.items() if sheet.is_strict}

    assert strict == {
        "person_sex", "person_birth_date", "person_registered_at", "person_income", "person_members", "person_married",
    }  # fmt: skip


def test_a_field_tells_who_somebody_is_or_not():
    """Name and number of the role's own subject do; somebody else's name in its record does not."""
    assert {path for path, sheet in SHEETS.items() if sheet.identity} == {"person_name", "person_id_no"}


def test_a_field_without_an_item_is_counted_under_the_one_it_could_have():
    """The once-only check names it by its label; one with an item is counted under its own."""
    label = REGISTRY.items["person.birth_date"].name
    form = Form("g", 1, "表", "M-1", "p", "民政", (Field("when", label),), FORM.roles)

    sheet = sheets_of(compile_form(form, REGISTRY, Policy.of(1, (), ()), date(2026, 11, 21)))["when"]

    assert (sheet.item, sheet.counted_item, sheet.mapped) == (None, "person.birth_date", False)
    assert (SHEETS["person_name"].counted_item, SHEETS["person_name"].mapped) == ("person.name", True)


def test_folding_reaches_into_lists():
    """A list is compared entry by entry, in its order."""
    assert folded([" Ａ", 1, None]) == ("a", "1", "")
