"""Both gates: what no longer stands is no longer released, and nothing is added."""

import pytest

from policies import ConsentState, Decision, Ground, GroundKind, ReasonCode
from policies.rejudge import are_allowed, consents_of, distinct, rejudge


def by_consent(consent_id: str = "cns_1") -> Decision:
    """An allowed decision that stands on a consent."""
    return Decision(True, "R-010", ReasonCode.allowed, Ground(GroundKind.consent, consent_id))


BY_DUTY = Decision(True, "R-020", ReasonCode.allowed, Ground(GroundKind.statutory_duty, "017", "某条例"))
REFUSED = Decision(False, "R-010", ReasonCode.item_not_covered)


def test_what_stands_stays(make):
    """A consent that still stands leaves its decisions as they were."""
    decisions = (by_consent(), BY_DUTY, REFUSED)

    assert rejudge(decisions, {"cns_1": make.consent()}, make.now) == decisions


def test_a_withdrawn_consent_turns_its_decisions(make):
    """A consent withdrawn meanwhile refuses what stood on it, by the same rule, and nothing else."""
    withdrawn_one = make.consent(standing=make.standing(state=ConsentState.withdrawn))
    consents = {"cns_1": withdrawn_one, "cns_2": make.consent("cns_2")}

    judged = rejudge((by_consent(), by_consent("cns_2"), BY_DUTY, REFUSED), consents, make.now)

    withdrawn = Decision(False, "R-010", ReasonCode.consent_withdrawn)
    assert judged == (withdrawn, by_consent("cns_2"), BY_DUTY, REFUSED)


def test_an_expired_consent_turns_its_decisions(make):
    """A pull that outlasts the consent releases nothing."""
    agreed = make.consent()

    (judged,) = rejudge((by_consent(),), {"cns_1": agreed}, agreed.standing.expires_at)

    assert judged.reason is ReasonCode.consent_expired


def test_a_consent_that_is_gone(make):
    """A consent that cannot be read again is none."""
    (judged,) = rejudge((by_consent(),), {}, make.now)

    assert judged == Decision(False, "R-010", ReasonCode.consent_unknown)


@pytest.mark.parametrize(("count_uses", "allowed"), [(True, False), (False, True)])
def test_the_second_gate_does_not_count_uses(make, count_uses, allowed):
    """The last use, taken at the first gate, is still good for this request's release."""
    agreed = make.consent(standing=make.standing(uses_left=0))

    (judged,) = rejudge((by_consent(),), {"cns_1": agreed}, make.now, count_uses=count_uses)

    assert judged.allowed is allowed


def test_a_consent_that_came_to_stand_adds_nothing(make):
    """A refusal stays one: the request that asks again may be judged anew."""
    assert rejudge((REFUSED,), {"cns_1": make.consent()}, make.now) == (REFUSED,)


def test_the_consents_a_gate_has_to_read():
    """Each consent that something allowed stands on, once; neither duties nor refusals."""
    assert consents_of((by_consent(), by_consent("cns_2"), by_consent(), BY_DUTY, REFUSED)) == {
        "cns_1",
        "cns_2",
    }


def test_decisions_are_told_apart_as_objects():
    """Each object once, in order; forty asks under one decision, or that say one thing, are one, and none is none."""
    one, other = by_consent(), by_consent()

    assert list(distinct((one,) * 40)) == list(distinct((one, other))) == [one]
    assert [id(each) for each in distinct((one, other, one, REFUSED))] == [id(one), id(other), id(REFUSED)]
    assert list(distinct(())) == []


def test_one_refusal_among_many_is_seen():
    """Wherever it stands, and also where all share one decision."""
    one = by_consent()

    assert are_allowed((one,) * 40)
    assert are_allowed(())
    assert not are_allowed((*(one,) * 39, REFUSED))
    assert not are_allowed((REFUSED, *(one,) * 39))
    assert not are_allowed((REFUSED,) * 3)
