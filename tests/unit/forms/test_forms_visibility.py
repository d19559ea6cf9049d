"""Visibility: a field behind an open question is not shown, and hiding goes on through what depends on it."""

from forms.definition import Field
from forms.visibility import compile_visibility, cycle_in, visible_paths

YES = {"equals": "yes"}


def on(path, value="yes"):
    """A condition on one field."""
    return {"field": path, "equals": value}


def test_unconditional_fields_are_always_shown(make_form):
    """Without condition there is nothing to wait for."""
    form = make_form(Field("a", "甲"), Field("b", "乙"))

    assert visible_paths(form, {}) == {"a": True, "b": True}


def test_an_open_question_hides_without_deciding(make_form):
    """Unanswered is None, answered otherwise is False."""
    form = make_form(Field("a", "甲"), Field("b", "乙", visible_when=on("a")))

    assert visible_paths(form, {})["b"] is None
    assert visible_paths(form, {"a": "no"})["b"] is False
    assert visible_paths(form, {"a": "yes"})["b"] is True


def test_hiding_is_transitive_whatever_the_order_of_fields(make_form):
    """What depends on a hidden field is hidden although its own answer would show it."""
    form = make_form(
        Field("c", "丙", visible_when=on("b")), Field("b", "乙", visible_when=on("a")), Field("a", "甲")
    )

    assert visible_paths(form, {"a": "no", "b": "yes"}) == {"a": True, "b": False, "c": False}
    assert visible_paths(form, {"a": "yes", "b": "yes"}) == {"a": True, "b": True, "c": True}


def test_absence_of_a_hidden_answer_shows_nothing(make_form):
    """A hidden field is not "left blank": what is shown when it is blank stays hidden too."""
    form = make_form(
        Field("a", "甲"),
        Field("b", "乙", visible_when=on("a")),
        Field("c", "丙", visible_when={"field": "b", "present": False}),
        Field("d", "丁", visible_when={"not": on("b")}),
    )

    seen = visible_paths(form, {"a": "no"})

    assert (seen["c"], seen["d"]) == (False, False)


def test_another_branch_can_still_show(make_form):
    """`any` is True through a visible answer even if its other branch is hidden."""
    form = make_form(
        Field("a", "甲"),
        Field("b", "乙", visible_when=on("a")),
        Field("c", "丙", visible_when={"any": [on("b"), on("a", "no")]}),
    )

    assert visible_paths(form, {"a": "no"})["c"] is True


def test_fields_in_a_circle_are_never_shown(make_form):
    """A circle of conditions cannot be judged; the rest of the form still can."""
    form = make_form(
        Field("a", "甲", visible_when=on("b")),
        Field("b", "乙", visible_when=on("a")),
        Field("c", "丙", visible_when=on("b")),
        Field("d", "丁"),
    )

    seen = visible_paths(form, {"a": "yes", "b": "yes"})

    assert seen == {"a": None, "b": None, "c": None, "d": True}
    assert cycle_in(form) == ("a", "b", "c")


def test_no_circle_is_no_cycle(make_form):
    """A chain is not a cycle."""
    assert cycle_in(make_form(Field("a", "甲"), Field("b", "乙", visible_when=on("a")))) == ()


def test_a_condition_on_an_unknown_field_never_shows(make_form):
    """A name the form does not have is never answered."""
    form = make_form(Field("b", "乙", visible_when=on("nowhere")))

    assert visible_paths(form, {})["b"] is None


def test_columns_are_judged_row_by_row(make_form, children):
    """A column that depends on its own row has a verdict per typed row and one for the next, blank row."""
    form = make_form(
        Field("children.name", "姓名", group="children"),
        Field("children.id_no", "证件", group="children"),
        Field("children.school", "学校", group="children", visible_when=on("children.name", "甲")),
        groups=(children,),
    )

    seen = visible_paths(form, {"children.0.name": "乙", "children.3.name": "甲"})

    assert seen["children.0.school"] is False
    assert seen["children.3.school"] is True
    assert seen["children.4.school"] is None
    assert seen["children.school"] is True
    assert seen["children.name"] is True


def test_a_column_of_one_row_does_not_hide_that_of_another(make_form, children):
    """Hiding within one row stays within it, and is transitive there."""
    form = make_form(
        Field("children.name", "姓名", group="children"),
        Field("children.id_no", "证件", group="children", visible_when=on("children.name")),
        Field("children.school", "学校", group="children", visible_when=on("children.id_no")),
        groups=(children,),
    )
    answers = {
        "children.0.name": "no",
        "children.0.id_no": "yes",
        "children.1.name": "yes",
        "children.1.id_no": "yes",
    }

    seen = visible_paths(form, answers)

    assert seen["children.0.school"] is False
    assert seen["children.1.school"] is True


def test_a_column_can_depend_on_the_form(make_form, children):
    """A question outside the group shows or hides a column in all rows, and what depends on it."""
    form = make_form(
        Field("a", "甲"),
        Field("children.id_no", "证件", group="children", visible_when=on("a")),
        Field("children.school", "学校", group="children", visible_when=on("children.id_no")),
        groups=(children,),
    )

    seen = visible_paths(form, {"a": "no", "children.0.id_no": "yes"})

    assert seen["children.id_no"] is False
    assert seen["children.school"] is False
    assert seen["children.0.school"] is False


def test_a_group_hidden_in_every_row_says_so(make_form, children):
    """Without a row that shows it, a column's row-less verdict is that of the blank row."""
    form = make_form(
        Field("children.id_no", "证件", group="children"),
        Field("children.school", "学校", group="children", visible_when=on("children.id_no")),
        groups=(children,),
    )

    assert visible_paths(form, {})["children.school"] is None


def test_compiled_once_it_answers_often(make_form):
    """One compiled visibility answers for many people without remembering any."""
    seeing = compile_visibility(make_form(Field("a", "甲"), Field("b", "乙", visible_when=on("a"))))

    assert seeing.of({"a": "yes"})["b"] is True
    assert seeing.of({})["b"] is None
