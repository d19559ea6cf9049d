"""Decisions: aligned, total, each with its rule; the most helpful reason; refusals by the person before anything."""

from datetime import timedelta

import pytest

from field_registry import Tier
from field_registry.items import ShareAttribute
from policies import ConsentState, Decision, Ground, GroundKind, ReasonCode, Rules
from policies.decide import decide
from policies.rules import NO_RULE, NOT_SHARED


def decide_all(make, asks, *consents, rules, tier_of=None, **request):
    """Decisions on these asks, every source being tier A unless said otherwise."""
    table = tier_of or (lambda _source: Tier.A)
    return decide(asks, {each.id: each for each in consents}, make.request(**request), Rules.of(rules), table)


def decide_one(make, *consents, ask=None, rules=None, **request):
    """The decision on one ask under a rule that wants consent."""
    (decision,) = decide_all(make, [ask or make.ask()], *consents, rules=rules or [make.permit()], **request)
    return decision


def test_a_consent_that_covers_allows(make):
    """The decision names the rule and stands on the consent."""
    assert decide_one(make, make.consent()) == Decision(
        True, "R-010", ReasonCode.allowed, Ground(GroundKind.consent, "cns_1")
    )


def test_no_consent(make):
    """Where a rule wants consent and there is none, that is the reason."""
    assert decide_one(make) == Decision(False, "R-010", ReasonCode.no_consent)


def test_no_rule_comes_before_consent(make):
    """A consent opens nothing that no rule permits."""
    assert decide_one(make, make.consent(), rules=[make.permit(items=["vehicle.*"])]) == Decision(
        False, NO_RULE, ReasonCode.no_rule
    )


def test_a_forbid_beats_consent(make):
    """A person's agreement does not lift a forbid."""
    decision = decide_one(make, make.consent(), rules=[make.permit(), make.forbid()])

    assert decision == Decision(False, "R-900", ReasonCode.forbidden)


def test_an_unshared_item_is_refused_whatever_was_agreed(make):
    """An item that is not shared is not opened by consent."""
    decision = decide_one(make, make.consent(), ask=make.ask(share=ShareAttribute.none))

    assert decision == Decision(False, NOT_SHARED, ReasonCode.not_shared)


def test_a_duty_needs_no_consent(make):
    """A statutory ground is used even when a consent would do, and when the person denied the item: it needs notice."""
    denied = make.consent(denied=frozenset({"person.name"}))

    decision = decide_one(make, denied, rules=[make.permit(), make.duty()])

    assert decision == Decision(
        True, "R-020", ReasonCode.allowed, Ground(GroundKind.statutory_duty, "350582-017", "某条例第九条")
    )


@pytest.mark.parametrize("kind", [GroundKind.emergency, GroundKind.other_law])
def test_the_other_grounds_allow(make, kind):
    """Emergency and other law are grounds like a duty."""
    ground = Ground(kind, "E-1", "某法第三条")

    assert decide_one(make, rules=[make.permit(ground=ground)]).ground == ground


def test_the_first_consent_by_id_is_taken(make):
    """Of several consents that cover, the one with the smallest id is the ground, in whatever order they came."""
    decision = decide_one(make, make.consent("cns_3"), make.consent("cns_2"), make.consent("cns_4"))

    assert decision.ground.id == "cns_2"


def test_a_consent_that_does_not_cover_is_passed_over(make):
    """A consent that fell short does not stand in the way of one that covers."""
    expired = make.consent("cns_1", state=ConsentState.expired)

    assert decide_one(make, expired, make.consent("cns_2")).ground.id == "cns_2"


def test_the_reason_is_that_of_the_consent_that_came_furthest(make):
    """The person reads about the consent that nearly did it."""
    used_up = make.consent("cns_2", uses_left=0)
    other_purpose = make.consent("cns_1", purpose="water.intake")
    paused = make.consent("cns_3", state=ConsentState.paused)

    decision = decide_one(make, other_purpose, used_up, paused)

    assert decision.reason is ReasonCode.consent_used_up


def test_of_equally_helpful_reasons_the_first_consent_tells(make):
    """Two consents in the way at the same test: the smaller id speaks."""
    withdrawn = make.consent("cns_1", state=ConsentState.withdrawn)
    paused = make.consent("cns_2", state=ConsentState.paused)

    assert decide_one(make, paused, withdrawn).reason is ReasonCode.consent_withdrawn


def test_an_item_the_consent_leaves_out(make):
    """A consent that stands and does not name the item says so."""
    assert (
        decide_one(make, make.consent(), ask=make.ask("person.phone")).reason is ReasonCode.item_not_covered
    )


class TestDenied:
    """What a person refused stays refused."""

    @pytest.mark.parametrize(
        "overrides", [{}, {"state": ConsentState.withdrawn}, {"uses_left": 0}, {"recipients": frozenset()}]
    )
    def test_wins_over_another_consent(self, make, overrides):
        """An item denied in one consent is refused though another permits it, whatever became of the first."""
        denying = make.consent("cns_2", denied=frozenset({"person.name"}), permitted=frozenset(), **overrides)

        decision = decide_one(make, make.consent("cns_1"), denying)

        assert decision == Decision(False, "R-010", ReasonCode.item_refused)

    @pytest.mark.parametrize(
        "overrides", [{"purpose": "water.intake"}, {"form": "another-form"}, {"subject_key": "key-of-spouse"}]
    )
    def test_says_nothing_about_other_purposes_and_people(self, make, overrides):
        """A denial is about its own subject, purpose and form."""
        denying = make.consent("cns_2", denied=frozenset({"person.name"}), **overrides)

        assert decide_one(make, make.consent("cns_1"), denying).allowed

    def test_leaves_the_other_items(self, make):
        """Refusing one item is no refusal of the rest."""
        consent = make.consent(
            permitted=frozenset({"person.name", "person.phone"}), denied=frozenset({"person.phone"})
        )

        name, phone = decide_all(make, [make.ask(), make.ask("person.phone")], consent, rules=[make.permit()])

        assert (name.allowed, phone.reason) == (True, ReasonCode.item_refused)


class TestColumns:
    """A repeating item stands or falls with its columns."""

    def children(self, make, **column):
        """An ask for the children with one column."""
        return make.ask("person.children", columns=("person.children.id_no",), **column)

    def test_follow_the_repeating_item(self, make):
        """A consent for the children is one for their rows."""
        consent = make.consent(permitted=frozenset({"person.children"}))

        assert decide_one(make, consent, ask=self.children(make)).allowed

    def test_a_forbidden_column_refuses_the_whole(self, make):
        """No row leaves with a cell that a rule forbids, even under a duty."""
        rules = [make.duty(), make.forbid(items=["person.children.id_no"])]

        assert decide_one(make, ask=self.children(make), rules=rules) == Decision(
            False, "R-900", ReasonCode.forbidden
        )

    def test_a_denied_column_refuses_the_whole(self, make):
        """No row leaves with a cell the person denied."""
        consent = make.consent(
            permitted=frozenset({"person.children"}), denied=frozenset({"person.children.id_no"})
        )

        assert decide_one(make, consent, ask=self.children(make)).reason is ReasonCode.item_refused

    def test_the_items_own_forbid_is_named_first(self, make):
        """When both are forbidden the rule on the item itself is the one to read."""
        rules = [
            make.forbid("R-900", items=["person.children.id_no"]),
            make.forbid("R-901", items=["person.children"]),
        ]

        assert decide_one(make, ask=self.children(make), rules=rules).rule == "R-901"


def test_roles_are_judged_apart(make):
    """The applicant's consent is no consent of the spouse."""
    asks = [make.ask(), make.ask(role="spouse"), make.ask(role="agent")]

    applicant, spouse, agent = decide_all(make, asks, make.consent(), rules=[make.permit()])

    assert applicant.allowed
    assert spouse.reason is ReasonCode.consent_other_subject
    assert agent.reason is ReasonCode.consent_other_subject


def test_decisions_stand_in_the_order_of_the_asks(make):
    """One decision for every ask, in order."""
    asks = [make.ask("vehicle.plate_number"), make.ask(), make.ask("vehicle.vin")]

    decisions = decide_all(make, asks, make.consent(), rules=[make.duty(items=["vehicle.*"]), make.permit()])

    assert [decision.rule for decision in decisions] == ["R-020", "R-010", "R-020"]


def test_no_asks_no_decisions(make):
    """Nothing asked, nothing decided."""
    assert decide_all(make, [], rules=[]) == ()


def test_tiers_come_from_a_table_or_a_function(make):
    """A rule on tiers sees the tier of the ask's own source."""
    asks = [make.ask(source="civil"), make.ask(source="profile")]
    rules = [make.duty(tiers=["A"])]
    tiers = {"civil": Tier.A, "profile": Tier.C}

    by_table = decide_all(make, asks, rules=rules, tier_of=tiers)
    by_function = decide_all(make, asks, rules=rules, tier_of=tiers.__getitem__)

    assert [decision.allowed for decision in by_table] == [True, False]
    assert by_table == by_function


def test_a_source_without_tier_is_refused(make):
    """A table that lacks the source cannot be judged by tier, so nothing leaves."""
    (decision,) = decide_all(make, [make.ask(source="ghost")], rules=[make.duty()], tier_of={"civil": Tier.A})

    assert decision == Decision(False, NO_RULE, ReasonCode.no_rule)


def test_the_time_is_the_requests(make):
    """The same consents at another time make another decision."""
    later = make.now + timedelta(days=1)

    assert decide_one(make, make.consent()).allowed
    assert decide_one(make, make.consent(), now=later).reason is ReasonCode.consent_expired
