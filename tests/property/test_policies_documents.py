"""Any policy goes into its document and comes back."""

import json

from hypothesis import given
from hypothesis import strategies as st

from field_registry import Tier
from field_registry.items import Sensitivity, ShareAttribute
from policies import Ground, GroundKind, Policy, Purpose, Rule
from policies.check import is_wider
from policies.document import policy_from_document, policy_to_document
from policies.rules import Conditions, Effect

words = st.text(min_size=1, max_size=6)
codes = st.from_regex(r"[a-z0-9][a-z0-9.-]{0,8}", fullmatch=True)
ids = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,8}", fullmatch=True)
patterns = st.sampled_from(["*", "person.*", "person.name", "person.children.id_no", "vehicle.vin"])
conditions = st.builds(
    Conditions,
    purposes=st.frozensets(words, max_size=2),
    matters=st.frozensets(words, max_size=2),
    departments=st.frozensets(words, max_size=2),
    caller_roles=st.frozensets(words, max_size=2),
    roles=st.frozensets(words, max_size=2),
    items=st.frozensets(patterns, max_size=3),
    share=st.frozensets(st.sampled_from(ShareAttribute)),
    sensitivity=st.frozensets(st.sampled_from(Sensitivity)),
    tiers=st.frozensets(st.sampled_from(Tier)),
)
grounds = st.just(Ground(GroundKind.consent, "")) | st.builds(
    Ground, st.sampled_from(GroundKind), words, words
)
rules = st.builds(Rule, ids, st.just(Effect.forbid), words, conditions) | st.builds(
    Rule, ids, st.just(Effect.permit), words, conditions, grounds
)
policies = st.builds(
    Policy.of,
    st.integers(0, 10**6),
    st.lists(st.builds(Purpose, codes, words, st.text(max_size=4), st.text(max_size=4)), max_size=3),
    st.lists(rules, max_size=4, unique_by=lambda rule: rule.id),
)


@given(policies)
def test_there_and_back(policy):
    """Through JSON and back nothing is lost, and writing again gives the same document."""
    document = json.loads(json.dumps(policy_to_document(policy), ensure_ascii=False))

    read = policy_from_document(document)

    assert read == policy
    assert policy_to_document(read) == document


@given(conditions)
def test_conditions_are_as_wide_as_themselves(when):
    """Every condition covers itself, and the empty one covers all."""
    assert is_wider(when, when)
    assert is_wider(Conditions(), when)
