"""Separation of duties: which roles nobody may unite, asked of every pair there is."""

from itertools import combinations

import pytest

from gateway.errors import BadRequest
from gateway.records import CallerRole
from gateway.security.duties import OPERATOR_ROLES, conflict_of, operator_conflict
from gateway.store.refusals import require_separate

HANDS = {
    "operator": "administration",
    "data_admin": "administration",
    "security": "security",
    "auditor": "audit",
    "portal": "portal",
}
PAIRS = list(combinations([role.value for role in CallerRole], 2))


@pytest.mark.parametrize("pair", PAIRS, ids="+".join)
def test_two_roles_unite_only_in_one_hand(pair: tuple[str, str]) -> None:
    """Administration, security, audit and a portal's word on persons are four hands; a person's role is nobody's."""
    hands = {HANDS[role] for role in pair if role in HANDS}
    may = "person" not in pair and len(hands) < 2

    assert (conflict_of(pair) is None) == may


@pytest.mark.parametrize("role", [role.value for role in CallerRole])
def test_a_single_role_may_be_held_unless_it_is_the_persons(role: str) -> None:
    """A person's token is given for one person at a time, never assigned."""
    assert (conflict_of([role]) is None) == (role != "person")


@pytest.mark.parametrize("role", [role.value for role in CallerRole])
def test_an_operator_holds_no_role_of_a_system(role: str) -> None:
    """People at work administer, secure or audit; they do not render forms by themselves."""
    assert (operator_conflict([role]) is None) == (role in OPERATOR_ROLES)


def test_an_operator_holds_a_role() -> None:
    """Nobody logs in to do nothing."""
    assert operator_conflict([]) is not None


def test_the_store_refuses_with_the_law_beside_it() -> None:
    """The sentence names the hands and the standard, so that whoever assigns knows what to do."""
    with pytest.raises(BadRequest, match=r"administration.*audit.*GB/T 39477") as caught:
        require_separate({"auditor", "data_admin"})
    assert caught.value.code == "roles_incompatible"
