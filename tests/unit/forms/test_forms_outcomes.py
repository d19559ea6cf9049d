"""Counts: they add up, and give what M1 and M3 are made of."""

from field_registry import OutcomeCode
from forms.definition import Field
from forms.findings import Finding, pointer_of
from forms.outcomes import FieldOutcome, counts

C = OutcomeCode


def slot(outcome, **more):
    """An outcome of some field."""
    return FieldOutcome("x", Field("x", "某"), outcome, **more)


def test_counts_of_the_worked_example_before_submission():
    """Contract, section 3: 20 slots, 14 eligible, 11 mapped, 8 filled at a source and 1 read from a document."""
    eligible = {"eligible": True, "mapped": True}
    outcomes = [
        *[slot(C.skipped_hidden)] * 4,
        *[slot(C.no_binding)] * 2,
        *[slot(C.filled, **eligible)] * 8,
        slot(C.refused_by_person, **eligible),
        slot(C.empty_at_source, **eligible),
        slot(C.timeout, **eligible),
        slot(C.filled, eligible=True),
        *[slot(C.no_binding, eligible=True)] * 2,
    ]

    result = counts(outcomes)

    assert (result.fields, result.eligible, result.mapped, result.filled) == (20, 14, 11, 9)
    assert sum(result.by_outcome.values()) == result.fields


def test_stale_values_are_offered_too():
    """A flagged value is a value; codes are listed in the order of the closed list, without zeros."""
    result = counts([slot(C.timeout), slot(C.filled_stale), slot(C.filled)])

    assert result.filled == 2
    assert list(result.by_outcome) == [C.filled, C.filled_stale, C.timeout]


def test_nothing_counts_to_nothing():
    """No slots, no numbers."""
    result = counts([])

    assert (result.fields, result.eligible, result.filled, result.mapped, dict(result.by_outcome)) == (
        0,
        0,
        0,
        0,
        {},
    )


def test_a_finding_is_what_problems_carry():
    """Findings go onto the wire as they are."""
    finding = Finding(pointer_of("a/b.0.c~d"), "type", "wrong")

    assert finding.to_document() == {"pointer": "/a~1b/0/c~0d", "code": "type", "detail": "wrong"}
