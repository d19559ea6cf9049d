"""Binding: one line per field, in form order, with what no source can change decided in advance."""

from datetime import date

import pytest

from field_registry import Binding, OutcomeCode, Registry
from forms.bind import bind, bind_rows
from forms.definition import Field, FieldKind, Group


def only(lines):
    """The one line there is."""
    (line,) = lines
    return line


def test_a_field_gets_its_item_and_bindings_in_order_of_trust(make_form, registry, today):
    """The authoritative binding comes first; such a line may be asked."""
    line = only(bind(make_form(Field("name", "姓名", item="person.name")), registry, today))

    assert line.item.id == "person.name"
    assert [binding.source for binding in line.bindings] == ["civil", "profile"]
    assert line.outcome is None
    assert line.path == "name"


@pytest.mark.parametrize("item", [None, "person.nmae", "person.unbound"])
def test_without_item_or_binding_nothing_can_be_asked(make_form, registry, today, item):
    """No item, an unknown one and one nobody answers for are all `no_binding`."""
    line = only(bind(make_form(Field("x", "某", item=item)), registry, today))

    assert line.outcome is OutcomeCode.no_binding
    assert line.bindings == ()
    assert line.if_static.eligible


def test_office_use_is_never_asked(make_form, registry, today):
    """An office-use field is not asked about even if it names an item."""
    line = only(bind(make_form(Field("x", "某", item="person.name", office_use=True)), registry, today))

    assert line.outcome is OutcomeCode.office_use
    assert not line.if_static.eligible


@pytest.mark.parametrize("kind", [kind for kind in FieldKind if kind is not FieldKind.input])
def test_kinds_that_take_no_data_are_not_eligible(make_form, registry, today, kind):
    """Display text, signatures, uploads ... are neither asked nor counted, whatever item they name."""
    line = only(bind(make_form(Field("x", "某", item="person.name", kind=kind)), registry, today))

    assert line.outcome is OutcomeCode.no_binding
    assert (line.if_static.eligible, line.if_static.mapped) == (False, False)


def test_only_bindings_of_the_day_count(make_form, registry, today):
    """A binding not yet or no longer in force is no binding."""
    old = Binding("person.name", "civil", "/x", effective_to=today)
    coming = Binding("person.name", "civil", "/x", effective_from=date(2030, 1, 1))
    then = Registry.of(
        1, items=registry.items.values(), sources=registry.sources.values(), bindings=(old, coming)
    )

    line = only(bind(make_form(Field("name", "姓名", item="person.name")), then, today))

    assert line.outcome is OutcomeCode.no_binding


def test_columns_come_with_their_rows(make_form, registry, today, children, child_columns):
    """A column is bound only by sources that give the rows, trusted as the rows are."""
    lines = bind(make_form(*child_columns, groups=(children,)), registry, today)

    by_path = {line.path: [binding.source for binding in line.bindings] for line in lines}
    assert by_path == {
        "children.name": ["civil", "profile"],
        "children.id_no": ["civil"],
        "children.school": ["civil"],
    }
    assert all(line.group is children for line in lines)


def test_columns_of_typed_groups_have_no_binding(make_form, registry, today, child_columns):
    """A group without item is only typed, so its columns cannot be asked."""
    group = Group("children", "子女", "applicant", "id_no")

    lines = bind(make_form(*child_columns, groups=(group,)), registry, today)

    assert {line.outcome for line in lines} == {OutcomeCode.no_binding}


def test_a_column_item_outside_its_group_is_not_asked(make_form, registry, today):
    """A cell without its row means nothing."""
    line = only(bind(make_form(Field("x", "某", item="child.name")), registry, today))

    assert line.outcome is OutcomeCode.no_binding


def test_an_item_outside_the_group_is_no_column(make_form, registry, today, children):
    """An item that is no column of the rows cannot come with them."""
    form = make_form(Field("children.name", "姓名", item="person.name", group="children"), groups=(children,))

    assert only(bind(form, registry, today)).outcome is OutcomeCode.no_binding


def test_rows_are_one_ask_with_columns_per_source(make_form, registry, today, children, child_columns):
    """Per source the columns it can give, each item once, without office-use columns."""
    twice = Field("children.again", "姓名", item="child.name", group="children")
    office = Field("children.checked", "核对", item="child.school", group="children", office_use=True)
    form = make_form(*child_columns[:2], twice, office, groups=(children,))

    line = only(bind_rows(form, registry, today))

    assert [binding.source for binding in line.bindings] == ["civil", "profile"]
    assert {source: [item.id for item, _ in each] for source, each in line.columns.items()} == {
        "civil": ["child.name", "child.id_no"],
        "profile": ["child.name"],
    }
    assert line.paths["child.name"] == ("children.name", "children.again")


def test_rows_are_asked_for_shown_columns_only(make_form, registry, today, children, child_columns):
    """A column nobody is shown is not asked for; without any there is nothing to ask."""
    line = only(bind_rows(make_form(*child_columns, groups=(children,)), registry, today))

    shown = line.columns_shown("civil", {"children.name": True, "children.id_no": None})

    assert [item.id for item, _ in shown] == ["child.name"]
    assert line.columns_shown("civil", {}) == ()
    assert line.columns_shown("elsewhere", {"children.name": True}) == ()


@pytest.mark.parametrize("item", [None, "person.unbound", "person.nowhere"])
def test_rows_nobody_gives_are_not_asked(make_form, registry, today, child_columns, item):
    """A group without item, or whose item is unbound or unknown, has no line."""
    group = Group("children", "子女", "applicant", "id_no", item=item)

    assert bind_rows(make_form(*child_columns, groups=(group,)), registry, today) == ()
