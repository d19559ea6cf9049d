"""A filled form as data for the printer: marks, legend, rows, and that no text is ever markup."""

from pathlib import Path

import pytest

import forms
from forms.definition import Field, FieldKind, Group
from forms.load import load_forms
from forms.print import FORM_SOURCE, Facts, Origin, Shown, form_data, labels_of, layout_on_paper, texts_of

CIVIL = Origin("A", "人口基础库", "公安")
LICENCE = Origin("B", "电子证照库", "数据局")
SHIPPED = load_forms(Path(forms.__file__).parent / "data").forms


@pytest.fixture
def form(make_form):
    """A form with single fields and rows."""
    return make_form(
        Field("name", "姓名"),
        Field("phone", "电话"),
        Field("agreed", "本人同意", kind=FieldKind.consent_box),
        Field("opinion", "审批意见", office_use=True),
        Field("children.name", "子女姓名", group="children"),
        groups=(Group("children", "子女", "applicant", "name"),),
    )


def cells(data):
    return [cell for block in data["blocks"] if block["kind"] == "grid" for cell in block["cells"]]


def field(data, text):
    return next(cell for cell in cells(data) if cell.get("text") == text)


def test_each_value_bears_the_mark_of_its_source(form):
    """The same source has the same mark; what was typed has none; the legend says what a mark means."""
    shown = {
        "name": Shown("安妮", CIVIL),
        "phone": Shown("13800138000"),
        "children.0.name": Shown("安一", LICENCE),
        "children.1.name": Shown("安二", CIVIL),
    }

    data = form_data(form, shown, Facts())

    rows = next(block for block in data["blocks"] if block["kind"] == "rows")["rows"]
    assert (field(data, "安妮")["mark"], field(data, "13800138000")["mark"]) == ("①A", "")
    assert [row[0]["mark"] for row in rows] == ["②B", "①A"]
    assert data["legend"] == [
        {"mark": "①A", "text": "公安·人口基础库（权威数源 register）"},
        {"mark": "②B", "text": "数据局·电子证照库（电子证照 electronic licence）"},
    ]


def test_rows_stand_in_order_and_a_group_without_rows_keeps_one_blank(form):
    """Ten comes after nine."""
    many = {f"children.{number}.name": Shown(f"子{number}") for number in (10, 9, 0)}

    filled = form_data(form, many, Facts())["blocks"]
    empty = form_data(form, {}, Facts())["blocks"]

    rows = [next(block for block in blocks if block["kind"] == "rows")["rows"] for blocks in (filled, empty)]
    assert [row[0]["text"] for row in rows[0]] == ["子0", "子9", "子10"]
    assert [row[0]["text"] for row in rows[1]] == [""]


def test_a_disputed_value_carries_both(form):
    """What was shown and what the person says."""
    data = form_data(form, {"name": Shown("安妮", CIVIL, own="安尼")}, Facts())

    assert (field(data, "安妮")["disputed"], field(data, "安妮")["own"]) == (True, "安尼")


def test_a_box_is_ticked_when_it_was(form):
    """And not when the answer was no, or there was none."""
    boxes = [
        next(cell for cell in cells(form_data(form, shown, Facts())) if cell["kind"] == "consent_box")[
            "ticked"
        ]
        for shown in ({"agreed": Shown("是")}, {"agreed": Shown("否")}, {})
    ]

    assert boxes == [True, False, False]


def test_what_the_office_fills_in_is_shaded(form):
    """The applicant sees that it is not theirs."""
    office = [cell for cell in cells(form_data(form, {}, Facts())) if cell["office"]]

    assert [cell["label"] for cell in office] == ["审批意见"]


def test_a_word_too_long_for_its_cell_may_break(form):
    """Where nobody sees it; nothing of the text is lost."""
    number = "LZZ5CLSB8NA1234567890123456789"

    data = form_data(form, {"name": Shown(number)}, Facts())

    broken = next(cell["text"] for cell in cells(data) if cell["kind"] == "input" and cell["text"])
    assert broken.replace("\u200b", "") == number
    assert broken != number


def test_no_text_is_in_the_source(form):
    """The source is the same whatever was typed: nothing typed can be markup."""
    hostile = '#import "x" $y$ \\ `z` @r <l>'

    data = form_data(form, {"name": Shown(hostile)}, Facts())

    assert hostile not in FORM_SOURCE
    assert field(data, hostile)["text"] == hostile


def test_every_text_is_named_by_its_field(form):
    """So that a character that no font has can be told by where it stands."""
    texts = dict(texts_of(form, {"name": Shown("安妮", CIVIL, own="安尼")}))

    assert texts["phone"] == "电话"
    assert {"form", "name", "children.name"} <= texts.keys()
    assert ("name", "安妮安尼") in list(texts_of(form, {"name": Shown("安妮", CIVIL, own="安尼")}))


def test_a_slot_of_a_row_is_labelled_with_its_group_and_number(form):
    """As people count."""
    labels = labels_of(form, ["name", "children.1.name", "other"])

    assert labels == {"name": "姓名", "children.1.name": "子女 2 子女姓名", "other": "other"}


@pytest.mark.parametrize("shipped", SHIPPED, ids=lambda form: form.id)
def test_every_shipped_form_has_a_place_for_each_of_its_fields(shipped):
    """Labels and fields alike, in its own layout or the one made of its sections."""
    data = form_data(shipped, {}, Facts())

    labels = {cell.get("label") or cell["text"] for cell in cells(data)}
    columns = {
        each["text"] for block in data["blocks"] if block["kind"] == "rows" for each in block["columns"]
    }
    assert {each.label for each in shipped.fields} <= labels | columns
    assert len(layout_on_paper(shipped).rows) > 3


def test_a_repr_shows_no_value():
    """Neither in a log nor in a traceback."""
    assert "安妮" not in repr(Shown("安妮", CIVIL, own="安尼"))
    assert "安尼" not in repr(Shown("安妮", CIVIL, own="安尼"))
