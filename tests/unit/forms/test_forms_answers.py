"""Answers: dotted, nested or mixed, they come out flat; nothing sent here can fail a request."""

import pytest

from forms.answers import MAX_CHOICES, MAX_FINDINGS, MAX_LEAVES, flatten, is_blank, nest, next_row, typed_rows
from forms.definition import Field


@pytest.fixture
def form(make_form, children, child_columns):
    """A field, two nested ones and a group."""
    return make_form(
        Field("phone", "电话"),
        Field("spouse.name", "姓名", role="spouse"),
        Field("spouse.work.unit", "单位", role="spouse"),
        *child_columns,
        groups=(children,),
    )


@pytest.mark.parametrize(
    "answers",
    [
        {"spouse.name": "甲", "children.0.name": "乙"},
        {"spouse": {"name": "甲"}, "children": [{"name": "乙"}]},
        {"spouse": {"name": "甲"}, "children.0": {"name": "乙"}},
        {"spouse.name": "甲", "children": {"0": {"name": "乙"}}},
    ],
)
def test_every_spelling_is_the_same_answer(form, answers):
    """Dotted, nested and mixed answers become the same slots."""
    flat = flatten(form, answers)

    assert flat.values == {"spouse.name": "甲", "children.0.name": "乙"}
    assert flat.findings == ()


@pytest.mark.parametrize("blank", [None, "", "  ", "\u3000", [], {}, ()])
def test_blank_is_no_answer(form, blank):
    """Null, empty and white are as if never sent, and nothing needs to be said about them."""
    flat = flatten(form, {"phone": blank, "children": [{"name": blank}, blank]})

    assert flat.values == {}
    assert flat.findings == ()


@pytest.mark.parametrize("value", [False, 0, "0", [False]])
def test_false_and_zero_are_answers(value):
    """What a person said is kept even when it is no, none or zero."""
    assert not is_blank(value)


def test_unknown_paths_are_reported_not_refused(form):
    """A misspelt path is a finding that points at it; the other answers count."""
    flat = flatten(form, {"phnoe": "1", "spouse": {"nmae": "甲"}, "phone": "138"})

    assert flat.values == {"phone": "138"}
    assert [(each.pointer, each.code) for each in flat.findings] == [
        ("/phnoe", "unknown_path"),
        ("/spouse/nmae", "unknown_path"),
    ]


@pytest.mark.parametrize("key", ["35058219910603996X", "张三", "a" * 300, "x y", "a\nb", "\ud800"])
def test_a_key_that_may_be_somebodys_data_is_not_repeated(form, key):
    """An unknown key that does not look like a path is reported without quoting it."""
    (finding,) = flatten(form, {key: "x"}).findings

    assert finding.pointer == ""
    assert key not in finding.detail


@pytest.mark.parametrize(
    ("answers", "code"),
    [
        ({"children.name": "甲"}, "unknown_path"),
        ({"children.x.name": "甲"}, "row_number"),
        ({"children.00.name": "甲"}, "row_number"),
        ({"children.1000.name": "甲"}, "row_number"),
        ({"children.-1.name": "甲"}, "row_number"),
        ({"children.0": "甲"}, "unknown_path"),
        ({"children": "甲"}, "unknown_path"),
        ({"phone": [["a"]]}, "not_an_answer"),
        ({"phone": ["a"] * (MAX_CHOICES + 1)}, "not_an_answer"),
        ({"phone": {"a": "b"}}, "unknown_path"),
        ({"spouse": [{"name": "甲"}]}, "unknown_path"),
    ],
)
def test_wrong_shapes_are_reported(form, answers, code):
    """Each wrong shape has its code and fills nothing."""
    flat = flatten(form, answers)

    assert flat.values == {}
    assert [each.code for each in flat.findings] == [code]


def test_several_choices_are_one_answer(form):
    """A list where the form has no group is the answer of a field with several choices."""
    assert flatten(form, {"phone": ["a", "b"]}).values == {"phone": ["a", "b"]}


def test_depth_is_bounded(form):
    """A bottomless object is one finding and costs no stack."""
    deep = {"a": "b"}
    for _ in range(10_000):
        deep = {"a": deep}

    assert [each.code for each in flatten(form, deep).findings] == ["too_deep"]


def test_size_is_bounded(form):
    """Answers beyond the bound are not read; the first finding says so and the others stay few."""
    flat = flatten(form, {f"k{number}": "x" for number in range(MAX_LEAVES + 10)})

    assert flat.findings[0].code == "too_many"
    assert len(flat.findings) == MAX_FINDINGS


def test_the_first_of_two_answers_wins(form):
    """Sent twice in two spellings, the first stands."""
    assert flatten(form, {"spouse.name": "甲", "spouse": {"name": "乙"}}).values == {"spouse.name": "甲"}


def test_answers_never_show_in_a_traceback(form):
    """The repr counts and does not quote."""
    assert "甲" not in repr(flatten(form, {"spouse.name": "甲"}))


def test_nesting_is_what_the_schema_describes(form):
    """Objects for dotted paths, arrays for groups, gaps between rows closed."""
    flat = {"spouse.work.unit": "厂", "phone": "1", "children.5.name": "乙", "children.2.name": "甲"}

    assert nest(form, flat) == {
        "phone": "1",
        "spouse": {"work": {"unit": "厂"}},
        "children": [{"name": "甲"}, {"name": "乙"}],
    }


def test_nesting_survives_a_clash_of_paths(make_form):
    """A leaf that is also a prefix loses what stands below it, and nothing fails."""
    form = make_form(Field("a", "甲"), Field("a.b", "乙"))

    assert nest(form, {"a": "1", "a.b": "2"}) == {"a": "1"}


def test_typed_rows_come_in_order_without_blanks():
    """Rows are those with something typed, by their number."""
    values = {"c.3.x": "1", "c.0.x": "2", "c.1.x": "", "d.0.x": "3", "c.y.x": "4", "c.2": "5"}

    assert list(typed_rows("c", values).items()) == [(0, {"x": "2"}), (3, {"x": "1"})]


def test_the_next_row_follows_the_last():
    """A gap is not filled: row numbers stay those the caller knows."""
    assert (next_row([]), next_row([0, 3])) == (0, 4)
