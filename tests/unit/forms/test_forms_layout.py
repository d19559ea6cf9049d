"""Layouts: the grid of a printed form as data and back, what is wrong with one, and the one that is always there."""

import json

import pytest

from forms.check_layout import check_layout
from forms.definition import Field, FieldKind, Group
from forms.document import from_document, to_document
from forms.errors import BadForm
from forms.layout import Cell, Layout, Place, placed, sections_layout
from forms.print import layout_on_paper

FULL = Layout(
    (2, 3, 5),
    (
        (Cell("本人", vertical=True, rowspan=2), Cell(label="name"), Cell(field="name", height=12)),
        (Cell("注意", heading=True, colspan=2),),
        (Cell(group="children", colspan=3),),
    ),
    "表-1",
)


@pytest.fixture
def form(make_form):
    """A form with a name and children, in that layout."""
    return make_form(
        Field("name", "姓名"),
        Field("children.name", "姓名", group="children"),
        groups=(Group("children", "子女", "applicant", "name"),),
        layout=FULL,
    )


def codes(form):
    return [remark.code for remark in check_layout(form, None)]


def test_a_layout_survives_the_round_trip(form):
    """Data and back, through JSON, is the same; what is the default is left out."""
    document = json.loads(json.dumps(to_document(form)))

    assert from_document(document) == form
    assert document["layout"]["rows"][2] == [{"group": "children", "colspan": 3}]
    assert document["layout"]["form_no"] == "表-1"


def test_a_form_without_one_says_nothing_of_it(make_form):
    """Old documents stay what they were, and so do their digests."""
    assert "layout" not in to_document(make_form(Field("name", "姓名")))


@pytest.mark.parametrize(
    ("layout", "pointer"),
    [
        ([], "/layout"),
        ({"widths": [1]}, "/layout"),
        ({"widths": [1], "rows": [], "x": 1}, "/layout"),
        ({"widths": "1", "rows": []}, "/layout/widths"),
        ({"widths": [1], "rows": [{}]}, "/layout/rows"),
        ({"widths": [1], "rows": [[7]]}, "/layout/rows/0/0"),
        ({"widths": [1], "rows": [[{"span": 2}]]}, "/layout/rows/0/0"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_place(form, layout, pointer):
    """The pointer leads to it."""
    with pytest.raises(BadForm) as refused:
        from_document({**to_document(form), "layout": layout})

    assert refused.value.pointer == pointer


def test_a_good_layout_has_no_remark(form):
    """Rows that hang down from above are counted."""
    assert codes(form) == []


@pytest.mark.parametrize(
    ("rows", "code"),
    [
        (((Cell(label="nome"), Cell(field="name", colspan=2)),), "unknown_field"),
        (((Cell(field="name", colspan=2),),), "layout_row"),
        (((Cell("x", rowspan=2, colspan=3),), (Cell("y"),)), "layout_row"),
        (((Cell("x", rowspan=2, colspan=3),),), "layout_row"),
        (((Cell("x", field="name", colspan=3),),), "layout_cell"),
        (((Cell(field="name"), Cell(field="name", colspan=2)),), "layout_twice"),
        (((Cell("x"), Cell(group="children", colspan=2)),), "layout_group"),
        (((Cell(field="name", colspan=3),),), "layout_incomplete"),
    ],
)
def test_what_is_wrong_with_a_layout_is_remarked(make_form, form, rows, code):
    """Names that are none, rows that do not fit, cells that hold two things, fields forgotten."""
    wrong = make_form(*form.fields, groups=form.groups, layout=Layout((1, 1, 1), rows))

    assert code in codes(wrong)


@pytest.mark.parametrize("columns", [1, 2, 3, 7])
def test_what_a_layout_forgets_stands_below_it(make_form, columns):
    """Printing loses nothing: in the grid's own columns, with its label."""
    forgetful = make_form(
        Field("a", "甲"),
        Field("b", "乙"),
        Field("c", "丙"),
        layout=Layout((1,) * columns, ((Cell(field="a", colspan=columns),),)),
    )

    layout = layout_on_paper(forgetful)

    assert placed(layout) == {"a", "b", "c"}
    assert all(sum(cell.colspan for cell in row) == columns for row in layout.rows)


def test_sections_make_a_table_of_two_fields_a_row(make_form):
    """Long fields, groups and what is signed have rows of their own."""
    layout = sections_layout(
        [
            ("一", [Place("a"), Place("b"), Place("c"), Place("long", is_long=True)]),
            ("二", [Place("rows", is_group=True), Place("signature", is_whole=True)]),
        ]
    )

    shape = [[cell.colspan for cell in row] for row in layout.rows]
    assert shape == [[4], [1, 1, 1, 1], [1, 3], [1, 3], [4], [4], [4]]
    assert [cell.text for cell in layout.rows[0]] == ["一"]


def test_every_field_of_a_form_without_layout_has_its_place(make_form):
    """Whatever kinds it has."""
    fields = [Field(f"f{number}", "标", kind=kind) for number, kind in enumerate(FieldKind)]

    assert placed(layout_on_paper(make_form(*fields))) == {each.path for each in fields}
