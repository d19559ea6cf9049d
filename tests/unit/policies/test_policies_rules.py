"""The decision table: what matches, what wins, what is named, what is remembered."""

import pytest

from field_registry import Tier
from field_registry.items import Sensitivity, ShareAttribute
from policies import Ground, GroundKind, ReasonCode, Rule, Rules
from policies.errors import BadRule
from policies.rules import NO_RULE, NOT_SHARED, Effect, Permit


def verdict(make, *rules, item=None, tier=Tier.A, role="applicant", **profile):
    """The verdict of a table of these rules on one item."""
    return Rules.of(rules).verdict(item or make.item(), tier, role, make.profile(**profile))


def test_an_empty_table_permits_nothing(make):
    """What no rule permits is refused, by a rule with a name."""
    found = verdict(make)

    assert (found.forbidden_by, found.permits) == (None, ())
    assert (found.settled.allowed, found.settled.rule, found.settled.reason) == (
        False,
        NO_RULE,
        ReasonCode.no_rule,
    )


def test_a_forbid_wins_over_permits_of_every_ground(make):
    """A forbid that matches leaves no permit, and is named."""
    found = verdict(make, make.permit(), make.duty(), make.forbid("R-901"), make.forbid("R-900"))

    assert (found.forbidden_by, found.permits) == ("R-900", ())
    assert found.settled.reason is ReasonCode.forbidden


def test_a_rule_without_conditions_matches_everything(make):
    """An absent condition is any."""
    found = verdict(make, make.permit())

    assert found.permits == (Permit("R-010", Ground(GroundKind.consent, "")),)


MATCHING = [
    ("purposes", "transport.vehicle-review", "water.intake"),
    ("matters", "vehicle-review", "water"),
    ("departments", "交通运输", "水利"),
    ("caller_roles", "renderer", "auditor"),
    ("roles", "applicant", "spouse"),
    ("items", "person.name", "person.phone"),
    ("items", "person.*", "vehicle.*"),
    ("items", "*", "personal.*"),
    ("share", ShareAttribute.conditional, ShareAttribute.unconditional),
    ("sensitivity", Sensitivity.personal, Sensitivity.sensitive),
    ("tiers", Tier.A, Tier.E),
]


@pytest.mark.parametrize(("key", "right", "wrong"), MATCHING)
def test_each_condition_matches_what_it_lists(make, key, right, wrong):
    """A condition matches by any of its entries and not by others."""
    assert verdict(make, make.permit(**{key: [right]})).permits
    assert verdict(make, make.permit(**{key: [wrong, right]})).permits
    assert not verdict(make, make.permit(**{key: [wrong]})).permits


@pytest.mark.parametrize(("key", "right", "wrong"), MATCHING)
def test_all_conditions_have_to_match(make, key, right, wrong):
    """Keys are joined by and: one that fails is enough."""
    others = {other: [entry] for other, entry, _ in MATCHING if other != key}

    assert verdict(make, make.permit(**others, **{key: [right]})).permits
    assert not verdict(make, make.permit(**others, **{key: [wrong]})).permits


def test_a_caller_with_several_roles_matches_by_any(make):
    """One role in common is enough."""
    found = verdict(
        make, make.permit(caller_roles=["renderer"]), caller_roles=frozenset({"operator", "renderer"})
    )

    assert found.permits


def test_a_caller_without_roles_matches_no_role_condition(make):
    """A condition on caller roles wants one of them."""
    found = verdict(make, make.permit(caller_roles=["renderer"]), caller_roles=frozenset())

    assert not found.permits


def test_a_domain_pattern_is_not_a_prefix(make):
    """`person.*` is the domain before the first dot, not everything that begins with these letters."""
    assert verdict(make, make.permit(items=["person.*"]), item=make.item("person.children.name")).permits
    assert not verdict(make, make.permit(items=["person.*"]), item=make.item("personnel.name")).permits


def test_grounds_without_consent_come_first(make):
    """A duty is tried before a consent, whatever the ids; among equals the smaller id comes first."""
    found = verdict(make, make.permit("R-001"), make.permit("R-000b"), make.duty("R-030"), make.duty("R-020"))

    assert [permit.rule for permit in found.permits] == ["R-020", "R-030", "R-000b", "R-001"]


def test_a_duty_settles_the_matter(make):
    """With a duty no consent is needed; the decision cites code and law."""
    settled = verdict(make, make.duty()).settled

    assert settled.allowed
    assert settled.ground == Ground(GroundKind.statutory_duty, "350582-017", "某条例第九条")


def test_a_consent_permit_settles_nothing(make):
    """Whether the person agreed is not for the table to say."""
    assert verdict(make, make.permit()).settled is None


class TestUnshared:
    """Items of share attribute `none`."""

    @pytest.mark.parametrize(
        "rule",
        [
            lambda make: make.permit(items=["person.name"]),
            lambda make: make.duty(items=["person.*"]),
            lambda make: make.duty(items=["*"]),
            lambda make: make.duty(),
            lambda make: make.duty(citation="", items=["person.name"]),
            lambda make: make.permit(ground=Ground(GroundKind.other_law, "1", "某法"), items=["person.name"]),
        ],
        ids=["consent", "domain", "star", "no items", "no citation", "other law"],
    )
    def test_stay_shut(self, make, rule):
        """Nothing but a cited duty that names the item opens it."""
        found = verdict(make, rule(make), item=make.item(share=ShareAttribute.none))

        assert (found.forbidden_by, found.settled.reason) == (NOT_SHARED, ReasonCode.not_shared)

    def test_open_to_a_cited_duty_that_names_them(self, make):
        """A statutory permit with citation that names the item exactly; weaker permits beside it do not count."""
        rules = (make.duty(items=["person.name"]), make.permit("R-001"), make.duty("R-002", items=["*"]))

        found = verdict(make, *rules, item=make.item(share=ShareAttribute.none))

        assert [permit.rule for permit in found.permits] == ["R-020"]

    def test_stay_forbidden_where_a_rule_forbids(self, make):
        """A forbid wins over that duty too."""
        rules = (make.duty(items=["person.name"]), make.forbid())

        assert verdict(make, *rules, item=make.item(share=ShareAttribute.none)).forbidden_by == "R-900"


class TestMemo:
    """Verdicts are remembered, within bounds, and never for something else."""

    def test_the_same_question_gets_the_same_object(self, make):
        """A warm verdict costs a look-up."""
        rules = Rules.of([make.permit()])
        ask = (make.item(), Tier.A, "applicant", make.profile())

        assert rules.verdict(*ask) is rules.verdict(*ask)

    def test_an_item_that_changed_is_judged_anew(self, make):
        """The next registry version may close an item under the same id."""
        rules = Rules.of([make.permit()])
        profile = make.profile()

        before = rules.verdict(make.item(), Tier.A, "applicant", profile)
        after = rules.verdict(make.item(share=ShareAttribute.none), Tier.A, "applicant", profile)

        assert (before.forbidden_by, after.forbidden_by) == (None, NOT_SHARED)

    @pytest.mark.parametrize(
        ("condition", "other"),
        [
            ({"sensitivity": [Sensitivity.personal]}, {"sensitivity": Sensitivity.sensitive}),
            ({"roles": ["applicant"]}, {"role": "spouse"}),
            ({"tiers": [Tier.A]}, {"tier": Tier.C}),
        ],
    )
    def test_whatever_rules_match_on_is_kept_apart(self, make, condition, other):
        """A verdict is never given for another role, tier or sensitivity than it was made for."""
        scope = Rules.of([make.permit(**condition)]).scope(make.profile())
        item = make.item(sensitivity=other.get("sensitivity", Sensitivity.personal))

        assert scope.verdict(make.item(), Tier.A, "applicant").permits
        assert not scope.verdict(item, other.get("tier", Tier.A), other.get("role", "applicant")).permits

    def test_profiles_are_kept_apart(self, make):
        """What one department may is nothing to another."""
        rules = Rules.of([make.permit(departments=["交通运输"])])

        assert rules.verdict(make.item(), Tier.A, "applicant", make.profile()).permits
        assert not rules.verdict(make.item(), Tier.A, "applicant", make.profile(department="水利")).permits

    def test_it_stays_bounded(self, make):
        """A flood of forms or items does not fill the memory."""
        rules = Rules.of([make.permit()])

        for number in range(1000):
            scope = rules.scope(make.profile(form=f"form-{number}"))
        for number in range(2000):
            scope.verdict(make.item(f"person.item_{number}"), Tier.A, "applicant")

        assert len(rules._scopes) <= 128
        assert len(scope._memo) <= 512


def test_a_permit_without_ground_is_refused():
    """A permit that stands on nothing cannot be written."""
    with pytest.raises(BadRule, match="R-1: a permit states its ground"):
        Rule("R-1", Effect.permit, "why")


def test_a_forbid_with_ground_is_refused():
    """A forbid needs none, so one that has one is a mistake."""
    with pytest.raises(BadRule, match="R-1"):
        Rule("R-1", Effect.forbid, "why", ground=Ground(GroundKind.consent, ""))


def test_tables_of_the_same_rules_are_equal(make):
    """The order of writing and what is remembered make no difference."""
    one = Rules.of([make.permit(), make.forbid()])
    one.verdict(make.item(), Tier.A, "applicant", make.profile())

    assert one == Rules.of([make.forbid(), make.permit()])
