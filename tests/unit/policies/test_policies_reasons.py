"""Reasons: every code has an outcome and a sentence that says what to do."""

import pytest

from field_registry import OutcomeCode
from policies.grounds import ReasonCode
from policies.reasons import outcome_of, sentence_of


@pytest.mark.parametrize("reason", ReasonCode)
def test_every_reason_has_a_sentence_in_both_languages(reason):
    """No reason leaves a person without words."""
    zh, en = sentence_of(reason)

    assert zh.endswith("。")
    assert en.endswith(".")


@pytest.mark.parametrize(
    "reason", sorted(set(ReasonCode) - {ReasonCode.allowed, ReasonCode.already_answered})
)
def test_every_refusal_says_what_to_do(reason):
    """Each refusal names the next move: filling in, agreeing, trying again."""
    zh, en = sentence_of(reason)

    assert "请" in zh
    assert any(word in en for word in ("fill", "ask", "try", "check", "agree"))


def test_sentences_are_all_different():
    """Two reasons never read the same."""
    sentences = [sentence for reason in ReasonCode for sentence in sentence_of(reason)]

    assert len(set(sentences)) == len(sentences)


@pytest.mark.parametrize("reason", ReasonCode)
def test_outcomes(reason):
    """What the person refused is told as theirs; everything else is a missing ground."""
    by_person = reason in {ReasonCode.item_refused, ReasonCode.consent_refused}

    expected = OutcomeCode.refused_by_person if by_person else OutcomeCode.no_ground
    assert outcome_of(reason) is (OutcomeCode.disputed if reason is ReasonCode.disputed else expected)
