"""Conditions: three-valued, strict about types, closed vocabulary."""

import pytest

from forms.conditions import HIDDEN, MAX_DEPTH, compile_condition, fields_named
from forms.errors import BadCondition

MARRIED = {"field": "married", "equals": True}
ADULT = {"field": "adult", "equals": "yes"}


@pytest.mark.parametrize(
    ("condition", "answers", "expected"),
    [
        (MARRIED, {}, None),
        (MARRIED, {"married": True}, True),
        (MARRIED, {"married": False}, False),
        (MARRIED, {"married": " "}, None),
        ({"field": "kind", "in": ["a", "b"]}, {"kind": "b"}, True),
        ({"field": "kind", "in": ["a", "b"]}, {"kind": "c"}, False),
        ({"field": "kind", "in": ["a", "b"]}, {}, None),
        ({"field": "phone", "present": True}, {}, False),
        ({"field": "phone", "present": True}, {"phone": ""}, False),
        ({"field": "phone", "present": True}, {"phone": "1"}, True),
        ({"field": "phone", "present": False}, {}, True),
        ({"field": "phone", "present": False}, {"phone": "1"}, False),
        ({"not": MARRIED}, {}, None),
        ({"not": MARRIED}, {"married": False}, True),
        ({"all": [MARRIED, ADULT]}, {"married": True}, None),
        ({"all": [MARRIED, ADULT]}, {"married": False}, False),
        ({"all": [MARRIED, ADULT]}, {"married": True, "adult": "yes"}, True),
        ({"any": [MARRIED, ADULT]}, {"married": False}, None),
        ({"any": [MARRIED, ADULT]}, {"adult": "yes"}, True),
        ({"any": [MARRIED, ADULT]}, {"married": False, "adult": "no"}, False),
    ],
)
def test_says_true_false_or_unknown(condition, answers, expected):
    """A missing answer makes unknown, except where the other answers already decide."""
    assert compile_condition(condition)(answers) is expected


@pytest.mark.parametrize(
    ("wanted", "answered", "expected"),
    [
        ("1", "1", True),
        ("1", 1, False),
        (1, "1", False),
        (1, True, False),
        (True, 1, False),
        (True, "true", True),
        (True, "1", False),
        (True, "on", False),
        (False, "false", True),
        ("true", True, True),
        ("甲", " 甲 ", True),
        ("A1", "Ａ１", True),
        ("a", "A", False),
        (0, False, False),
        (0, 0, True),
        (1, 1.0, True),
        ("a", ["b", "a"], True),
        ("a", ["b", "c"], False),
        ("a", {"a": "a"}, False),
    ],
)
def test_compares_strictly(wanted, answered, expected):
    """Values are equal as text after folding width and spaces, and never across types but for true and "true"."""
    assert compile_condition({"field": "x", "equals": wanted})({"x": answered}) is expected


@pytest.mark.parametrize(
    "condition",
    [{"field": "x", "equals": "a"}, {"field": "x", "present": False}, {"not": {"field": "x", "in": ["a"]}}],
)
def test_a_hidden_answer_does_not_count(condition):
    """Every test of a hidden field is unknown, `present` too."""
    assert compile_condition(condition)({"x": HIDDEN}) is None


def test_names_the_fields_it_depends_on():
    """All fields of all branches are named, each once."""
    condition = {"any": [MARRIED, {"not": {"all": [ADULT, {"field": "married", "present": True}]}}]}

    assert fields_named(condition) == {"married", "adult"}


@pytest.mark.parametrize(
    "condition",
    [
        {},
        "married",
        {"field": "x"},
        {"field": 3, "equals": 1},
        {"field": "x", "equals": None},
        {"field": "x", "in": "abc"},
        {"field": "x", "present": "yes"},
        {"field": "x", "equals": 1, "in": [1]},
        {"all": {"field": "x"}},
        {"all": ["x"]},
        {"not": [MARRIED]},
        {"all": [MARRIED], "any": [ADULT]},
        {"field": "x", "greater": 3},
    ],
)
def test_refuses_what_is_no_condition(condition):
    """Anything outside the closed vocabulary is refused with a sentence that gives the vocabulary."""
    with pytest.raises(BadCondition, match="a condition is"):
        compile_condition(condition)


def test_refuses_bottomless_nesting():
    """Nesting is bounded, so a hostile form cannot exhaust the stack."""
    condition = MARRIED
    for _ in range(MAX_DEPTH + 1):
        condition = {"not": condition}

    with pytest.raises(BadCondition, match="deeper"):
        compile_condition(condition)
