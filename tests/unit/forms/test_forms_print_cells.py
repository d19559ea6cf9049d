"""Cells of a printed form: boxes that say all of a value, words that may break, rows that stay on one page."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forms.definition import Field, FieldKind
from forms.layout import Cell
from forms.print_cells import SHEET_MM, Origin, Shown, breakable, choices_of, is_kept, sign_of, value_cell

SEX = Cell(field="sex", choices=(("男性", "男"), ("女性", "女")))
CIVIL = Origin("A", "人口基础库", "公安")


def mark(origin):
    return f"①{origin.tier}"


def made(text, field=None, cell=SEX):
    return value_cell(field or Field("sex", "性别"), Shown(text, CIVIL), mark, cell)


def ticked(cell):
    return [box["text"] for box in cell["boxes"] if box["ticked"]]


def test_the_box_of_the_value_is_ticked_with_the_word_that_offices_print():
    """女 for 女性; the value itself stays in the data, to be held against the receipt."""
    cell = made("女性")

    assert (ticked(cell), cell["rest"], cell["text"]) == (["女"], "", "女性")


def test_a_value_that_has_no_box_stands_behind_them():
    """未说明的性别 is neither; nothing of it is lost."""
    cell = made("未说明的性别")

    assert (ticked(cell), cell["rest"]) == ([], "未说明的性别")


def test_several_choices_tick_several_boxes():
    """And one that has none keeps the whole of them as text."""
    many = Cell(field="items", choices=(("热食", "热食"), ("冷食", "冷食"), ("糕点", "糕点")))

    both, other = made("热食、糕点", cell=many), made("热食、饮品", cell=many)

    assert (ticked(both), both["rest"]) == (["热食", "糕点"], "")
    assert (ticked(other), other["rest"]) == ([], "热食、饮品")


def test_nothing_is_ticked_where_nothing_was_answered():
    """A blank form shows empty boxes."""
    cell = made("")

    assert (len(cell["boxes"]), ticked(cell), cell["rest"], cell["mark"]) == (2, [], "", "")


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "boolean"}, ["是", "否"]),
        ({"enum": ["自有", "租赁"]}, ["自有", "租赁"]),
        ({"type": "array", "items": {"enum": ["甲", "乙"]}}, ["甲", "乙"]),
        ({"enum": list("一二三四五六七")}, []),
        ({"enum": [1, 2]}, []),
        ({"type": "string"}, []),
    ],
)
def test_a_field_that_says_all_it_may_hold_has_boxes_of_its_own(schema, words):
    """Yes and no, or a short list; a long one stays text."""
    assert [word for _, word in choices_of(Field("x", "某项", schema=schema))] == words


def test_what_is_no_input_has_no_boxes():
    """A constant is said, not chosen; what the office fills in is not the applicant's."""
    schema = {"enum": ["甲", "乙"]}

    assert choices_of(Field("x", "某项", kind=FieldKind.constant, schema=schema)) == ()
    assert choices_of(Field("x", "某项", office_use=True, schema=schema)) == ()


@given(st.text(st.sampled_from("男女性、热食 a1"), max_size=12))
def test_boxes_and_rest_always_tell_the_value(text):
    """Either boxes are ticked that say all of it, or it stands behind them as it is."""
    cell = made(text)

    assert bool(ticked(cell)) != (cell["rest"] == text) or text == ""


@given(st.text(st.sampled_from("Aa1-@. 中\r\n\u2028"), max_size=60))
def test_a_long_word_may_break_and_nothing_of_it_changes(text):
    """The places are not seen; a line ends in one way."""
    plain = text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n")

    assert breakable(text).replace("\u200b", "") == plain


def test_telephone_numbers_and_days_do_not_break():
    """Eleven characters and ten."""
    assert [breakable(each) for each in ("13599910293", "2026-11-21")] == ["13599910293", "2026-11-21"]
    assert "\u200b" in breakable("350582199106039961")


@pytest.mark.parametrize(
    ("text", "width", "kept"),
    [("短", 20, True), ("长" * 400, 20, False), ("长" * 400, SHEET_MM, True), ("行\n" * 20, SHEET_MM, False)],
)
def test_a_row_stays_on_one_page_while_it_is_short(text, width, kept):
    """One that might be longer than a page goes on over it: rows that cannot break would run off the paper."""
    assert is_kept([({"text": text}, width)]) is kept


def test_after_twenty_signs_numbers_go_on():
    """As many sources as there are."""
    assert [sign_of(each) for each in (0, 19, 20)] == ["①", "⑳", "(21)"]
