"""Layouts: the grid of a printed form as data and back, what is wrong with one, and the one that is always there."""

import json
from pathlib import Path

import pytest

import forms
from field_registry import CodeList, Item, Registry, SubjectKind
from field_registry.items import Datatype
from forms.check import check_forms
from forms.check_layout import check_layout
from forms.definition import Field, FieldKind, Group
from forms.document import from_document, to_document
from forms.errors import BadForm
from forms.layout import Cell, Layout, Place, placed, sections_layout
from forms.load import load_forms
from forms.print import layout_on_paper

SHIPPED = Path(forms.__file__).parent / "data"

FULL = Layout(
    (2, 3, 5),
    (
        (Cell("本人", vertical=True, rowspan=2), Cell(label="name"), Cell(field="name", height=12)),
        (Cell("注意", heading=True, colspan=2),),
        (Cell("二、子女", group="children", colspan=3, widths=(4,)),),
        (Cell(label="sex"), Cell(field="sex", colspan=2, choices=(("男性", "男"), ("女性", "女")))),
        (
            Cell("意见", height=20, closing="（盖章）　　年　　月　　日"),
            Cell("贴照片处", centred=True, colspan=2),
        ),
    ),
    "表-1",
    ("一式两份。",),
)


@pytest.fixture
def form(make_form):
    """A form with a name and children, in that layout."""
    return make_form(
        Field("name", "姓名"),
        Field("sex", "性别", item="person.sex"),
        Field("children.name", "姓名", group="children"),
        groups=(Group("children", "子女", "applicant", "name"),),
        layout=FULL,
    )


REGISTRY = Registry.of(
    1,
    items=[
        Item("person.sex", "性别", SubjectKind.person, Datatype.code, "公安", code_list="sex"),
        Item("person.married", "已婚", SubjectKind.person, Datatype.boolean, "民政"),
    ],
    sources=[],
    bindings=[],
    code_lists=[CodeList("sex", "性别", {"1": "男性", "2": "女性"})],
)


def codes(form):
    return [remark.code for remark in check_layout(form, REGISTRY)]


def test_a_layout_survives_the_round_trip(form):
    """Data and back, through JSON, is the same; what is the default is left out."""
    document = json.loads(json.dumps(to_document(form)))

    assert from_document(document) == form
    assert document["layout"]["rows"][2] == [
        {"text": "二、子女", "group": "children", "colspan": 3, "widths": [4]}
    ]
    assert document["layout"]["rows"][3][1]["choices"] == [{"男性": "男"}, {"女性": "女"}]
    assert document["layout"]["notes"] == ["一式两份。"]
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
        ({"widths": [1], "rows": [], "notes": [7]}, "/layout/notes"),
        ({"widths": [1], "rows": [[{"choices": "男女"}]]}, "/layout/rows/0/0/choices"),
        (
            {"widths": [1], "rows": [[{"choices": [{"男性": "男", "女性": "女"}]}]]},
            "/layout/rows/0/0/choices",
        ),
        ({"widths": [1], "rows": [[{"choices": [{"男性": 1}]}]]}, "/layout/rows/0/0/choices"),
        ({"widths": [1], "rows": [[{"widths": ["a"]}]]}, "/layout/rows/0/0/widths"),
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
        (((Cell(group="children", colspan=3, widths=(1, 2)),),), "layout_widths"),
        (((Cell("x", colspan=3, widths=(1,)),),), "layout_widths"),
        (((Cell("x", colspan=3, choices=(("a", "a"), ("b", "b"))),),), "layout_choices"),
        (((Cell(field="sex", colspan=3, choices=(("男", "男"), ("女", "女"))),),), "layout_choices"),
        (((Cell(field="sex", colspan=3, choices=(("男性", "男"), ("女性", "男"))),),), "layout_choices"),
        (((Cell(field="name", colspan=3),),), "layout_unlabelled"),
        (((Cell(field="name", colspan=3),),), "layout_incomplete"),
    ],
)
def test_what_is_wrong_with_a_layout_is_remarked(make_form, form, rows, code):
    """Names that are none, rows that do not fit, cells that hold two things, fields forgotten."""
    wrong = make_form(*form.fields, groups=form.groups, layout=Layout((1, 1, 1), rows))

    assert code in codes(wrong)


def test_a_field_of_another_party_may_stand_beside_a_label_that_says_the_same(make_form):
    """One label for both, as husband and wife stand in two columns of one table."""
    row = (Cell(label="name"), Cell(field="name"), Cell(field="spouse.name"))
    fields = Field("name", "姓名"), Field("spouse.name", "姓名", role="spouse")

    assert codes(make_form(*fields, layout=Layout((1, 1, 1), (row,)))) == []


def test_a_fault_of_a_layout_names_file_line_and_remedy(tmp_path):
    """As `oncegate check` prints it."""
    text = (SHIPPED / "water-intake.yaml").read_text(encoding="utf-8")
    wrong = text.replace("{field: legal_rep_id_no, colspan: 2}", "{field: legal_rep_id_number, colspan: 3}")
    (tmp_path / "water-intake.yaml").write_text(wrong, encoding="utf-8")
    line = 1 + next(
        number
        for number, each in enumerate(wrong.splitlines())
        if "{label: legal_rep}, {field: legal_rep" in each
    )

    faults = {fault.code: fault for fault in check_forms(load_forms(tmp_path), REGISTRY)}

    row, name, lost = (faults[code] for code in ("layout_row", "unknown_field", "layout_incomplete"))
    assert (row.file, row.line) == ("water-intake.yaml", line)
    assert "its cells take 7 columns, and 6 of 6 are free" in row.message
    assert (name.line, "legal_rep_id_no" in name.message) == (line + 1, True)
    assert "legal_rep_id_no: no place in the layout" in lost.message


@pytest.mark.parametrize("shipped", load_forms(SHIPPED).forms, ids=lambda form: form.id)
def test_every_shipped_form_has_a_layout_in_which_each_field_stands_once(shipped):
    """Fields, groups, labels: none forgotten, none twice, and every field can be told by its label."""
    assert shipped.layout is not None
    cells = [cell for row in shipped.layout.rows for cell in row]
    standing = [cell.field or cell.group for cell in cells if cell.field or cell.group]
    wanted = list(dict.fromkeys(each.group or each.path for each in shipped.fields))

    assert sorted(standing) == sorted(wanted)
    assert shipped.layout.form_no
    assert any(cell.heading for cell in cells) or any(cell.vertical for cell in cells)


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
