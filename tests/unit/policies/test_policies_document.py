"""Policies as documents: there and back without loss, and nothing unreadable decides."""

from typing import Any

import pytest

from policies import Policy, Purpose
from policies.document import policy_from_document, policy_to_document
from policies.errors import BadDocument
from policies.purposes import LockedEdits

PURPOSE = Purpose("transport.vehicle-review", "车辆年审", "Vehicle annual review", "道路运输条例")


def document(**rule: Any) -> dict[str, Any]:
    """A document with one rule."""
    base = {"id": "R-010", "effect": "permit", "why": "why", "ground": {"kind": "consent"}}
    return {"version": 3, "purposes": [{"code": "a", "name": "甲"}], "rules": [base | rule]}


def test_a_policy_survives_its_document(make):
    """What is read back is what was written."""
    rules = [
        make.permit(items=["person.*", "vehicle.vin"], tiers=["A", "B"], share=["conditional"]),
        make.duty(purposes=["transport.vehicle-review"], sensitivity=["sensitive"]),
        make.forbid(roles=["agent"], caller_roles=["auditor"], matters=["m"], departments=["公安"]),
    ]
    policy = Policy.of(7, [PURPOSE, Purpose("a", "甲")], rules)

    assert policy_from_document(policy_to_document(policy)) == policy


def test_the_document_does_not_depend_on_the_order(make):
    """Equal policies are equal documents: what is signed and compared is stable."""
    rules, purposes = [make.permit(), make.forbid()], [PURPOSE, Purpose("a", "甲")]

    one = Policy.of(1, purposes, rules)
    other = Policy.of(1, reversed(purposes), reversed(rules))

    assert policy_to_document(one) == policy_to_document(other)


def test_what_says_nothing_is_left_out(make):
    """Empty texts and conditions do not stand in the document."""
    written = policy_to_document(Policy.of(1, [Purpose("a", "甲")], [make.forbid()]))

    assert written == {
        "version": 1,
        "purposes": [{"code": "a", "name": "甲"}],
        "rules": [{"id": "R-900", "effect": "forbid", "why": "why"}],
    }


@pytest.mark.parametrize("version", [None, "3", -1, True, 1.0])
def test_a_document_has_a_version(version):
    """A policy without a counted version is none."""
    with pytest.raises(BadDocument, match="version"):
        policy_from_document(document() | {"version": version})


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (document(whn={}), "/rules/0/whn: unknown key 'whn'. Did you mean 'when'?"),
        (document(when={"items": []}), "/rules/0/when/items: 'items' is an empty list"),
        (document(effect="allow"), "/rules/0/effect: 'allow' is not one of permit, forbid"),
        (document(effect="forbid"), "/rules/0/ground: 'ground' does not belong to a forbid"),
        (document(ground={"kind": "statutory_duty"}), "rule R-010: a ground of kind statutory_duty cites"),
        (document(ground={"kind": "other_law", "code": "1"}), "rule R-010: a ground of kind other_law cites"),
        ({"version": 1, "rules": {}}, "/rules: 'rules' must be a list"),
    ],
)
def test_a_document_that_cannot_be_read_decides_nothing(broken, message):
    """A condition that was lost in reading would widen a permit, so reading is strict; the message says where."""
    with pytest.raises(BadDocument) as caught:
        policy_from_document(broken)

    assert message in str(caught.value)


def test_the_smallest_document_is_a_policy_that_permits_nothing():
    """No rules is a policy: everything is refused."""
    policy = policy_from_document({"version": 0})

    assert (policy.version, dict(policy.purposes), policy.rules.rules) == (0, {}, ())


def test_a_purpose_says_what_becomes_of_changed_locked_values():
    """Marked unless it says `refuse`; anything else is refused with its place."""
    refusing = Policy.of(1, [Purpose("a", "甲", locked_edits=LockedEdits.refuse), Purpose("b", "乙")], [])
    written = policy_to_document(refusing)

    assert written["purposes"] == [
        {"code": "a", "name": "甲", "locked_edits": "refuse"},
        {"code": "b", "name": "乙"},
    ]
    assert policy_from_document(written) == refusing
    with pytest.raises(BadDocument, match="/purposes/0/locked_edits"):
        policy_from_document({**written, "purposes": [{"code": "a", "name": "甲", "locked_edits": "ignore"}]})
