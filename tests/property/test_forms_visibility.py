"""Invariants of conditions: Kleene's logic, and answers that only ever settle what was open."""

from hypothesis import given, settings
from hypothesis import strategies as st

from forms.conditions import compile_condition, fields_named

NAMES = ("a", "b", "c")
leaves = st.one_of(
    st.fixed_dictionaries({"field": st.sampled_from(NAMES), "equals": st.sampled_from(["x", "y", True, 1])}),
    st.fixed_dictionaries(
        {"field": st.sampled_from(NAMES), "in": st.lists(st.sampled_from(["x", 1, False]))}
    ),
)


def compound(inner):
    """Conditions made of conditions."""
    return st.one_of(
        st.fixed_dictionaries({"all": st.lists(inner, max_size=3)}),
        st.fixed_dictionaries({"any": st.lists(inner, max_size=3)}),
        st.fixed_dictionaries({"not": inner}),
    )


conditions = st.recursive(leaves, compound, max_leaves=6)
answers = st.dictionaries(st.sampled_from(NAMES), st.sampled_from(["x", "y", "true", True, False, 1, 0]))


@settings(max_examples=200, deadline=None)
@given(conditions, answers, answers)
def test_more_answers_never_change_a_verdict(condition, some, more):
    """Once True or False, a condition stays so whatever else is answered (without `present`)."""
    judge = compile_condition(condition)
    before = judge(some)

    after = judge({**more, **some})

    assert before is None or after is before


@settings(max_examples=200, deadline=None)
@given(conditions, answers)
def test_with_every_answer_given_nothing_is_unknown(condition, some):
    """Unknown means that an answer is missing, and nothing else."""
    complete = {name: some.get(name, "z") for name in NAMES}

    assert compile_condition(condition)(complete) is not None


@settings(max_examples=200, deadline=None)
@given(conditions, conditions, answers)
def test_the_logic_is_kleenes(left, right, some):
    """Double negation and De Morgan hold with three values."""

    def judge(condition):
        return compile_condition(condition)(some)

    assert judge({"not": {"not": left}}) is judge(left)
    assert judge({"not": {"all": [left, right]}}) is judge({"any": [{"not": left}, {"not": right}]})
    assert judge({"all": [left, right]}) is judge({"all": [right, left]})


@settings(max_examples=100, deadline=None)
@given(conditions, answers, st.sampled_from(NAMES))
def test_only_the_fields_named_matter(condition, some, other):
    """An answer to a field the condition does not name changes nothing."""
    judge = compile_condition(condition)
    without = {name: value for name, value in some.items() if name != other}

    if other not in fields_named(condition):
        assert judge(some) is judge(without)
