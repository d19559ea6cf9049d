"""Minimisation: what the person has told is not fetched."""

from field_registry import OutcomeCode
from policies.minimise import ALREADY_ANSWERED
from policies.reasons import outcome_of
from policies.rules import BUILT_IN


def test_the_decision_is_a_refusal_with_a_rule():
    """An answered field has no value from a source, and its rule cannot be taken by a table."""
    assert not ALREADY_ANSWERED.allowed
    assert ALREADY_ANSWERED.rule in BUILT_IN
    assert outcome_of(ALREADY_ANSWERED.reason) is OutcomeCode.no_ground
