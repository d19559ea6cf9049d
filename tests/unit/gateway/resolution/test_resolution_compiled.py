"""A compiled form knows, once, which items of which roles are worth asking for and how to read what comes back."""

from datetime import date
from typing import Any

import pytest

from field_registry import Binding, Missing, OutcomeCode, Registry, Tier
from field_registry.bindings import Transform
from field_registry.errors import NotNormal
from forms.definition import Field
from gateway.resolution.compiled import CompiledForm, compile_form

TWINS = (Field("name", "姓名", item="person.name"), Field("signed_by", "签名人", item="person.name"))


def wanted(compiled: CompiledForm) -> list[tuple[str, str]]:
    """Role and item of everything wanted."""
    return [(want.role, want.item.id) for want in compiled.wanted]


def test_fields_that_share_an_item_are_wanted_once(bench: Any) -> None:
    """An item of one role is wanted once, however many fields it fills."""
    (want,) = bench.compiled(bench.form(*TWINS)).wanted

    assert want.paths == ("name", "signed_by")


def test_roles_want_for_themselves(bench: Any) -> None:
    """The same item of two roles is wanted twice."""
    form = bench.form(TWINS[0], Field("spouse.name", "配偶", "spouse", "person.name"))

    assert wanted(bench.compiled(form)) == [("applicant", "person.name"), ("spouse", "person.name")]


@pytest.mark.parametrize(
    "field",
    [
        Field("x", "x"),
        Field("x", "x", item="person.nickname"),
        Field("x", "x", item="person.no_such_item"),
        Field("x", "x", item="person.name", office_use=True),
        Field("x", "x", item="child.name"),
    ],
    ids=["no item", "no binding", "unknown item", "office use", "column without its group"],
)
def test_what_no_source_can_fill_is_not_wanted(bench: Any, field: Field) -> None:
    """A field without item or binding, and one the office fills, make nobody ask."""
    assert wanted(bench.compiled(bench.form(field))) == []


def test_sources_stand_in_order_of_trust(bench: Any) -> None:
    """The authoritative source of an item comes first."""
    (want,) = bench.compiled(bench.form(TWINS[0])).wanted

    assert [binding.source for binding in want.bindings] == ["civil", "licence", "profile"]


@pytest.mark.parametrize(
    ("day", "sources"),
    [(date(2026, 6, 30), ["civil"]), (date(2026, 7, 1), ["licence"]), (date(2027, 1, 1), [])],
)
def test_bindings_count_while_they_are_effective(bench: Any, day: date, sources: list[str]) -> None:
    """The day decides which bindings are used; the last day is the one before `effective_to`."""
    whole = bench.registry()
    change, end = date(2026, 7, 1), date(2027, 1, 1)
    bindings = [
        Binding("person.name", "civil", "/name", effective_to=change),
        Binding("person.name", "licence", "/name", effective_from=change, effective_to=end),
    ]
    registry = Registry.of(
        1, items=whole.items.values(), sources=whole.sources.values(), bindings=bindings, code_lists=()
    )

    compiled = compile_form(bench.form(TWINS[0]), registry, bench.policy(), day)

    assert [binding.source for want in compiled.wanted for binding in want.bindings] == sources


def test_a_group_is_wanted_as_one(bench: Any) -> None:
    """The rows of a repeating group are one thing to ask for, with the columns each source can give."""
    (want,) = bench.compiled(bench.family_form()).wanted
    shown = dict.fromkeys(want.paths, True)

    assert (want.role, want.item.id) == ("applicant", "person.children")
    assert [item.id for item, _ in want.columns("civil", shown)] == [
        "child.name",
        "child.id_no",
        "child.birth_date",
    ]
    assert [item.id for item, _ in want.columns("profile", shown)] == ["child.name"]


def test_hidden_columns_are_not_asked_for(bench: Any) -> None:
    """A column that is hidden, or not known to be shown, is left out."""
    (want,) = bench.compiled(bench.family_form()).wanted
    visible = {"children.name": True, "children.id_no": False, "children.birth_date": None}

    assert [item.id for item, _ in want.columns("civil", visible)] == ["child.name"]


def test_only_groups_have_columns(bench: Any) -> None:
    """A single item has no columns."""
    (want,) = bench.compiled(bench.form(TWINS[0])).wanted

    assert want.columns("civil", {"name": True}) == ()


def test_readers_translate_before_they_normalise(bench: Any) -> None:
    """A source's own code becomes the list's; one it should not know is not passed on."""
    registry = bench.registry()
    translated = Binding("person.sex", "civil", "/xb", transform=Transform(codes={"M": "1", "F": "2"}))
    own = Registry.of(
        1,
        items=registry.items.values(),
        sources=registry.sources.values(),
        bindings=[translated],
        code_lists=registry.code_lists.values(),
    )
    compiled = bench.compiled(bench.form(Field("sex", "性别", item="person.sex")), own)
    read = compiled.wanted[0].readers[0]

    assert read("F") == "2"
    with pytest.raises(NotNormal):
        read("X")


def test_a_bad_cell_spoils_only_itself(bench: Any) -> None:
    """In a list of rows a cell that is not valid is marked; its row and its neighbours stay."""
    read = bench.compiled(bench.family_form()).wanted[0].readers[0]
    rows = [
        {"child.name": "小明", "child.id_no": "110102199101010079", "child.birth_date": "20200102"},
        {"child.name": " ", "child.birth_date": "2021-03-04", "child.more": "nobody asked"},
    ]

    assert read(rows) == [
        {
            "child.name": "小明",
            "child.id_no": Missing(OutcomeCode.invalid_value),
            "child.birth_date": "2020-01-02",
        },
        {"child.name": None, "child.id_no": None, "child.birth_date": "2021-03-04"},
    ]


@pytest.mark.parametrize("raw", ["text", 7, {"child.name": "小明"}, ["小明"], [["小明"]]])
def test_rows_are_rows(bench: Any, raw: object) -> None:
    """What is not a list of mappings cannot be read as rows."""
    read = bench.compiled(bench.family_form()).wanted[0].readers[0]

    with pytest.raises(NotNormal):
        read(raw)


def test_a_compiled_form_looks_things_up(bench: Any) -> None:
    """Tiers, sources and code lists are at hand."""
    compiled = bench.compiled(bench.form(*TWINS))
    items = compiled.registry.items

    assert compiled.tiers["licence"] is Tier.B
    assert compiled.source("civil").department == "公安"
    assert compiled.code_list_of(items["person.sex"]) is compiled.registry.code_lists["sex"]
    assert compiled.code_list_of(items["person.name"]) is None
    assert (compiled.registry.version, compiled.policy_version) == (3, 5)
