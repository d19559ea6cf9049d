"""The fast validator is held to the reference: for any schema and answers both find the same faults in the same places."""

from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from forms.validate import Validator

TEXTS = st.sampled_from(["", "a", "ab", "甲乙", "1", "12", "𠮷", "2020-02-30", "2020-02-29", "e\u0301"])
SCALARS = st.one_of(
    TEXTS, st.integers(-3, 3), st.booleans(), st.none(), st.sampled_from([1.0, 1.5, 2**53 + 1])
)

leaf_schemas = st.one_of(
    st.fixed_dictionaries(
        {"type": st.sampled_from(["string", "integer", "number", "boolean", ["string", "null"]])},
        optional={
            "maxLength": st.integers(0, 2),
            "minLength": st.integers(0, 2),
            "pattern": st.sampled_from(["^[0-9]+$", "^[a-z]{1,2}$", "b"]),
            "format": st.just("date"),
            "minimum": st.integers(-1, 1),
            "maximum": st.integers(-1, 1),
        },
    ),
    st.fixed_dictionaries({"enum": st.lists(SCALARS, min_size=1, max_size=3)}),
    st.fixed_dictionaries({"const": SCALARS}),
)
NAMES = ("x", "y", "名")


def containers(inner):
    """Objects and arrays of other schemas, as forms have them."""
    return st.one_of(
        st.fixed_dictionaries(
            {"type": st.just("object"), "properties": st.dictionaries(st.sampled_from(NAMES), inner)},
            optional={"required": st.lists(st.sampled_from(NAMES), unique=True)},
        ),
        st.fixed_dictionaries(
            {"type": st.just("array"), "items": inner},
            optional={
                "maxItems": st.integers(0, 2),
                "minItems": st.integers(0, 2),
                "uniqueItems": st.booleans(),
            },
        ),
    )


schemas = st.recursive(leaf_schemas, containers, max_leaves=5)
instances = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(NAMES), inner, max_size=3)
    ),
    max_leaves=6,
)


def reference(schema, answers):
    """What `jsonschema` finds: pointer and keyword of every fault."""
    validator = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
    return sorted(_fault(error) for error in validator.iter_errors(answers))


def _fault(error):
    where = [str(step) for step in error.absolute_path]
    if (
        error.validator == "required"
    ):  # one error per missing name; ours point at it, the reference only quotes it
        return "/".join(where), "required"
    return "/".join(where), error.validator


def ours(schema, answers):
    """What our validator finds, in the same words."""
    faults = []
    for each in Validator(schema).errors(answers):
        pointer = each.pointer.removeprefix("/")
        if each.code == "required":
            pointer = pointer.rpartition("/")[0]
        faults.append((pointer, each.code))
    return sorted(faults)


@settings(max_examples=400, deadline=None)
@given(st.dictionaries(st.sampled_from(NAMES), schemas), st.dictionaries(st.sampled_from(NAMES), instances))
def test_the_fast_validator_agrees_with_the_reference(properties, answers):
    """Same faults, same places, same keywords."""
    schema = {"type": "object", "properties": properties, "required": ["x"]}

    assert ours(schema, answers) == reference(schema, answers)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from(NAMES), schemas), st.text(min_size=8, max_size=30))
def test_no_finding_repeats_what_was_typed(properties, secret):
    """Whatever rule an answer breaks, the finding does not contain it."""
    findings = Validator({"properties": properties}).errors(dict.fromkeys(NAMES, secret))

    assert not any(secret in each.detail or secret in each.pointer for each in findings)
