"""Invariants of filling, over generated forms, answers and whatever the sources may have said."""

from datetime import UTC, date, datetime, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from field_registry import (
    Binding,
    Item,
    Missing,
    OutcomeCode,
    Provenance,
    Registry,
    Source,
    SubjectKind,
    Tier,
    Value,
)
from field_registry.items import Datatype
from field_registry.outcomes import FILLED
from forms.answers import flatten, is_blank, nest, typed_rows
from forms.bind import bind
from forms.definition import Field, FieldKind, Form, Group, Role
from forms.document import from_document, to_document
from forms.fill import fill
from forms.outcomes import counts
from forms.rows import match_rows
from forms.visibility import visible_paths

NOW = datetime(2026, 11, 21, 2, tzinfo=UTC)
TODAY = date(2026, 11, 21)
NAMES = ("a", "b", "c", "d")
LEAVES = ("name", "id_no", "school")
SCALARS = [
    Item(f"person.{name}", name, SubjectKind.person, Datatype.text, "公安", freshness=timedelta(days=30))
    for name in NAMES
]
ROWS = Item("person.rows", "行", SubjectKind.person, Datatype.rows, "公安")
CELLS = [
    Item(f"row.{leaf}", leaf, SubjectKind.person, Datatype.text, "公安", within=ROWS.id) for leaf in LEAVES
]
REGISTRY = Registry.of(
    1,
    items=[*SCALARS, ROWS, *CELLS],
    sources=[Source("s", "源", "公安", "sandbox")],
    bindings=[Binding(item.id, "s", "/x") for item in (*SCALARS[:3], ROWS, *CELLS)],
)
TEXTS = st.sampled_from(["", " ", "x", "y", "甲", "1"])
FORMS_OWN = {OutcomeCode.skipped_hidden, OutcomeCode.office_use}
REASONS = [code for code in OutcomeCode if code not in FILLED | FORMS_OWN]

conditions = st.recursive(
    st.one_of(
        st.fixed_dictionaries({"field": st.sampled_from(NAMES), "equals": st.sampled_from(["x", "1", True])}),
        st.fixed_dictionaries({"field": st.sampled_from(NAMES), "in": st.just(["x", "y"])}),
        st.fixed_dictionaries({"field": st.sampled_from(NAMES), "present": st.booleans()}),
    ),
    lambda inner: st.one_of(
        st.fixed_dictionaries({"all": st.lists(inner, min_size=1, max_size=2)}),
        st.fixed_dictionaries({"any": st.lists(inner, min_size=1, max_size=2)}),
        st.fixed_dictionaries({"not": inner}),
    ),
    max_leaves=4,
)


def fields_of(path: str, item: str, group: str | None = None) -> st.SearchStrategy[Field]:
    """Fields at one path, of any kind and visibility."""
    return st.builds(
        Field,
        path=st.just(path),
        label=st.just("某"),
        item=st.sampled_from([item, item, None, "person.nowhere"]),
        kind=st.sampled_from([FieldKind.input, FieldKind.input, FieldKind.signature, FieldKind.display]),
        office_use=st.sampled_from([False, False, False, True]),
        visible_when=st.one_of(st.none(), st.none(), conditions),
        group=st.just(group),
        required=st.booleans(),
    )


@st.composite
def forms(draw: st.DrawFn) -> Form:
    """Forms of some single fields and perhaps a repeating group, on record or only typed."""
    fields = [
        draw(fields_of(name, f"person.{name}")) for name in draw(st.sets(st.sampled_from(NAMES), min_size=1))
    ]
    groups = draw(st.sampled_from([(), ("person.rows",), (None,)]))
    for _ in groups:
        fields += [draw(fields_of(f"rows.{leaf}", f"row.{leaf}", "rows")) for leaf in LEAVES]
    return Form(
        id="f",
        version=1,
        name="表",
        matter="m",
        purpose="p",
        department="d",
        fields=tuple(fields),
        roles=(Role("applicant", "申请人", frozenset({SubjectKind.person})),),
        groups=tuple(
            Group("rows", "行", "applicant", "id_no", item, draw(st.integers(1, 4))) for item in groups
        ),
    )


missing = st.builds(Missing, st.sampled_from(REASONS), st.sampled_from(["", "why"]))
provenances = st.builds(
    Provenance,
    source=st.just("s"),
    tier=st.sampled_from(Tier),
    recorded_at=st.one_of(st.none(), st.dates(date(2026, 1, 1), TODAY)),
    retrieved_at=st.just(NOW),
)
cells = st.one_of(TEXTS, st.none(), missing)
rows = st.lists(st.fixed_dictionaries({}, optional={item.id: cells for item in CELLS}), max_size=6)
found = st.fixed_dictionaries(
    {},
    optional={
        **{
            ("applicant", item.id): st.one_of(missing, st.builds(Value, TEXTS, provenances))
            for item in SCALARS
        },
        ("applicant", ROWS.id): st.one_of(missing, st.builds(Value, rows, provenances)),
        ("applicant", "row.school"): missing,
    },
)
answers = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(NAMES, TEXTS),
        "rows": st.lists(st.fixed_dictionaries({}, optional=dict.fromkeys(LEAVES, TEXTS)), max_size=6),
    },
)


def run(form, said, typed):
    """Flattens, judges visibility, binds and fills."""
    flat = flatten(form, typed).values
    visible = visible_paths(form, flat)
    filled = fill(bind(form, REGISTRY, TODAY), said, visible=visible, answers=flat, now=NOW)
    return flat, visible, filled


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(forms(), found, answers)
def test_every_field_has_exactly_one_outcome_and_the_counts_add_up(form, said, typed):
    """No slot twice, no field without one, and the counts by outcome are all of them."""
    filled = run(form, said, typed)[2]

    paths = [each.path for each in filled.outcomes]
    result = counts(filled.outcomes)
    assert len(paths) == len(set(paths))
    assert {each.field.path for each in filled.outcomes} == {field.path for field in form.fields}
    assert sum(result.by_outcome.values()) == result.fields == len(paths)
    assert result.filled <= result.mapped <= result.eligible <= result.fields


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(forms(), found, answers)
def test_the_person_is_never_overwritten_and_never_lost(form, said, typed):
    """An answered slot offers nothing, and every answer stands in exactly one slot, or in an office's field."""
    flat, _, filled = run(form, said, typed)

    for each in filled.outcomes:
        if each.answered:
            assert each.value is None
            assert not is_blank(flat[each.answer_path])
    kept = [each.answer_path for each in filled.outcomes if each.answered]
    offices = {field.path for field in form.fields if field.office_use}
    mine = {path for path in flat if _row_less(path) not in offices}
    assert len(kept) == len(set(kept))
    assert set(kept) == mine


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(forms(), found, answers)
def test_only_what_is_filled_carries_a_value(form, said, typed):
    """Value and provenance stand where the outcome is filled, nowhere else; hidden and office fields have none."""
    _, visible, filled = run(form, said, typed)

    for each in filled.outcomes:
        assert (each.value is not None) == (each.provenance is not None) == (each.outcome in FILLED)
        if visible[each.field.path] is not True:
            assert each.outcome in {OutcomeCode.skipped_hidden, OutcomeCode.office_use}
        if each.field.office_use:
            assert each.outcome is OutcomeCode.office_use
        if each.eligible:
            assert each.outcome is not OutcomeCode.skipped_hidden
            assert each.field.may_be_eligible


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(forms(), found, answers, st.sampled_from(NAMES))
def test_a_failing_source_costs_its_own_field_only(form, said, typed, name):
    """Taking one answer away changes no slot of another item."""
    without = {key: value for key, value in said.items() if key != ("applicant", f"person.{name}")}

    before = {each.path: each for each in run(form, said, typed)[2].outcomes}
    after = {each.path: each for each in run(form, without, typed)[2].outcomes}

    assert {p: e for p, e in before.items() if p != name} == {p: e for p, e in after.items() if p != name}


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.sampled_from(["a", "b", "c", None]), max_size=6),
    st.dictionaries(st.integers(0, 9), st.sampled_from(["a", "b", "c", None]), max_size=6),
    st.integers(1, 8),
)
def test_matching_loses_no_row(source, typed, room):
    """Each typed row comes back once; the source's rows come back in order, but for those counted as dropped."""
    matched = match_rows(
        [{"key": key} for key in source], typed, key_of=lambda row: row["key"], max_rows=room
    )

    numbers = [row.typed for row in matched.rows if row.typed is not None]
    known = [row.cells["key"] for row in matched.rows if row.cells is not None]
    assert sorted(numbers) == sorted(typed)
    assert len(known) + matched.dropped == len(source)
    remaining = iter(source)
    assert all(key in remaining for key in known)
    assert len(matched.rows) <= max(room, len(typed))
    for row in matched.rows:
        if row.typed is not None and row.cells is not None:
            assert typed[row.typed] == row.cells["key"]


@settings(max_examples=50, deadline=None)
@given(forms())
def test_a_form_survives_its_document(form):
    """Data and back is the same form."""
    assert from_document(to_document(form)) == form


@settings(max_examples=50, deadline=None)
@given(forms(), answers)
def test_nested_and_flat_answers_are_the_same(form, typed):
    """Flattening what was nested gives the same answers, with rows closed up."""
    flat = flatten(form, typed)
    again = flatten(form, nest(form, flat.values))

    assert list(typed_rows("rows", again.values).values()) == list(typed_rows("rows", flat.values).values())
    singles = {path: value for path, value in flat.values.items() if not path.startswith("rows.")}
    assert {path: value for path, value in again.values.items() if not path.startswith("rows.")} == singles
    assert again.findings == ()


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.one_of(st.sampled_from(["rows", "a", "0", "name"]), st.text(max_size=5)), inner, max_size=3
        ),
    ),
    max_leaves=15,
)


@settings(max_examples=80, deadline=None)
@given(
    forms(),
    st.dictionaries(st.one_of(st.sampled_from(["rows", "a", "rows.0.name", "b"]), st.text()), json_values),
)
def test_whatever_is_sent_as_answers_is_read(form, typed):
    """Any JSON object gives usable answers and findings; nothing raises, and only paths of the form come out."""
    flat, _, filled = run(form, {}, typed)

    assert {_row_less(path) for path in flat} <= {field.path for field in form.fields}
    assert not any(is_blank(value) for value in flat.values())
    assert filled.outcomes


def _row_less(path):
    """The field path of a slot path."""
    return ".".join(part for part in path.split(".") if not part.isdigit())
