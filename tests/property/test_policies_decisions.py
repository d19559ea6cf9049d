"""Decisions as invariants: no consent, rule order or passing of time ever opens what was shut."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from field_registry import Ask, Binding, Item, SubjectKind, Tier
from field_registry.items import Datatype, Sensitivity, ShareAttribute
from policies import Consent, ConsentState, Ground, GroundKind, ReasonCode, Request, Rule, Rules, Standing
from policies.consent import RELEASING, Frequency, covers, stands, take
from policies.decide import decide
from policies.reasons import outcome_of, sentence_of
from policies.rejudge import consents_of, rejudge
from policies.rules import NO_RULE, NOT_SHARED, Conditions, Effect, Profile

NOW = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)
ITEMS = ("person.name", "person.phone", "vehicle.vin", "vehicle.owner")
ROLES = ("applicant", "spouse", "agent")
TIERS = {"civil": Tier.A, "licence": Tier.B, "profile": Tier.C}
REQUEST = Request(
    matter="m",
    form="f",
    purpose="p",
    department="d",
    caller_roles=frozenset({"renderer"}),
    subject_keys={"applicant": "key-1", "spouse": "key-2"},
    now=NOW,
)


def some(*values):
    """A set of these values, empty included."""
    return st.frozensets(st.sampled_from(values))


instants = st.integers(-2, 2).map(lambda hours: NOW + timedelta(hours=hours))
standings = st.builds(
    Standing, st.sampled_from(ConsentState), instants, instants, st.none() | st.integers(-1, 2)
)
# Half of the consents are good in all but their items: else nearly everything would be refused at C1 to C7.
good_standings = st.just(Standing(ConsentState.given, NOW - timedelta(hours=1), NOW + timedelta(hours=1)))


@st.composite
def consents(draw):
    """Up to four consents by id."""
    drawn = draw(st.lists(st.booleans(), max_size=4))
    return {f"cns_{number}": draw(consent(f"cns_{number}", good)) for number, good in enumerate(drawn)}


def consent(consent_id: str, good: bool):
    """One consent."""
    return st.builds(
        Consent,
        id=st.just(consent_id),
        subject_key=st.just("key-1") if good else st.sampled_from(["key-1", "key-2", "key-3"]),
        purpose=st.just("p") if good else st.sampled_from(["p", "q"]),
        form=st.sampled_from([None, "f"]) if good else st.sampled_from([None, "f", "g"]),
        recipients=st.just(frozenset({"d"})) if good else some("d", "e"),
        permitted=some(*ITEMS),
        denied=some(*ITEMS[:2]),
        standing=good_standings if good else standings,
    )


conditions = st.builds(
    Conditions,
    purposes=some("p", "q"),
    caller_roles=some("renderer", "auditor"),
    roles=some(*ROLES),
    items=some(*ITEMS, "person.*", "vehicle.*", "*"),
    share=some(*ShareAttribute),
    sensitivity=some(*Sensitivity),
    tiers=some(*Tier),
)
grounds = st.sampled_from(
    [
        Ground(GroundKind.consent, ""),
        Ground(GroundKind.consent, ""),
        Ground(GroundKind.statutory_duty, "017", "某条例"),
        Ground(GroundKind.other_law, "9", "某法"),
    ]
)


@st.composite
def rule_lists(draw):
    """Up to six rules with ids of their own; most of them permits."""
    drawn = draw(st.lists(st.sampled_from([Effect.permit, Effect.permit, Effect.forbid]), max_size=6))
    return [
        Rule(
            f"R-{number}", effect, "why", draw(conditions), draw(grounds) if effect is Effect.permit else None
        )
        for number, effect in enumerate(drawn)
    ]


def ask_of(item_id: str, role: str, source: str, share: ShareAttribute, sensitivity: Sensitivity) -> Ask:
    """An ask for one item."""
    item = Item(
        item_id, "项", SubjectKind.person, Datatype.text, "公安", share=share, sensitivity=sensitivity
    )
    return Ask(item, Binding(item_id, source, "/x"), role)


asks = st.lists(
    st.builds(
        ask_of,
        st.sampled_from(ITEMS),
        st.sampled_from(ROLES),
        st.sampled_from(sorted(TIERS)),
        st.sampled_from(ShareAttribute),
        st.sampled_from(Sensitivity),
    ),
    max_size=8,
)


@given(asks, consents(), rule_lists())
def test_every_ask_gets_one_decision_with_rule_and_words(asks, given_consents, rules):
    """One decision per ask; allowed exactly when there is a ground; every refusal has an outcome and a sentence."""
    decisions = decide(asks, given_consents, REQUEST, Rules.of(rules), TIERS)

    assert len(decisions) == len(asks)
    for decision in decisions:
        assert decision.allowed is (decision.ground is not None) is (decision.reason is ReasonCode.allowed)
        assert decision.rule in {rule.id for rule in rules} | {NO_RULE, NOT_SHARED}
        assert sentence_of(decision.reason)
        assert not outcome_of(decision.reason).startswith("filled")


@given(asks, consents(), rule_lists())
def test_asks_are_decided_together_as_they_are_one_by_one(asks, given_consents, rules):
    """What else a form asks changes no decision, whether the person agreed to all of it or to a part."""
    together = decide(asks, given_consents, REQUEST, Rules.of(rules), TIERS)
    one_by_one = [decide([ask], given_consents, REQUEST, Rules.of(rules), TIERS)[0] for ask in asks]

    assert list(together) == one_by_one


@given(asks, consents())
def test_without_rules_nothing_is_allowed(asks, given_consents):
    """Deny by default: no consent opens anything that no rule permits."""
    decisions = decide(asks, given_consents, REQUEST, Rules.of([]), TIERS)

    assert not any(decision.allowed for decision in decisions)


@given(asks, consents(), rule_lists(), conditions)
def test_a_forbid_wins_and_never_opens(asks, given_consents, rules, when):
    """Adding a forbid refuses all it matches and leaves every other decision as it was."""
    forbid = Rule("R-forbid", Effect.forbid, "why", when)

    before = decide(asks, given_consents, REQUEST, Rules.of(rules), TIERS)
    after = decide(asks, given_consents, REQUEST, Rules.of([forbid, *rules]), TIERS)

    for ask, old, new in zip(asks, before, after, strict=True):
        in_profile = when.match_profile(Profile.of(REQUEST))
        matches = in_profile and when.match_ask(ask.item, TIERS[ask.binding.source], ask.role)
        assert not (matches and new.allowed)
        assert matches or new == old


@given(asks, consents(), rule_lists(), st.randoms(use_true_random=False))
def test_the_order_of_rules_and_consents_is_nothing(asks, given_consents, rules, random):
    """However table and consents were written down, the decisions are the same."""
    shuffled_rules, shuffled_consents = list(rules), list(given_consents.items())
    random.shuffle(shuffled_rules)
    random.shuffle(shuffled_consents)

    one = decide(asks, given_consents, REQUEST, Rules.of(rules), TIERS)
    other = decide(asks, dict(shuffled_consents), REQUEST, Rules.of(shuffled_rules), TIERS)

    assert one == other


@given(asks, consents(), rule_lists(), st.data())
def test_removing_a_consent_adds_nothing_it_did_not_deny(asks, given_consents, rules, data):
    """Taking a consent away never allows more, save what that very consent said no to."""
    if not given_consents:
        return
    removed = data.draw(st.sampled_from(sorted(given_consents)))
    fewer = {key: each for key, each in given_consents.items() if key != removed}
    table = Rules.of(rules)

    before = decide(asks, given_consents, REQUEST, table, TIERS)
    after = decide(asks, fewer, REQUEST, table, TIERS)

    for ask, old, new in zip(asks, before, after, strict=True):
        assert old.allowed or not new.allowed or ask.item.id in given_consents[removed].denied


@given(asks, consents(), rule_lists(), st.data(), standings)
def test_ending_a_consent_adds_nothing(asks, given_consents, rules, data, ended):
    """A consent that is withdrawn, paused or used up never opens anything: what it denied stays denied."""
    if not given_consents or stands(ended, NOW).covers:
        return
    touched = data.draw(st.sampled_from(sorted(given_consents)))
    changed = given_consents | {touched: structs.replace(given_consents[touched], standing=ended)}
    table = Rules.of(rules)

    before = decide(asks, given_consents, REQUEST, table, TIERS)
    after = decide(asks, changed, REQUEST, table, TIERS)

    assert all(old.allowed or not new.allowed for old, new in zip(before, after, strict=True))


@given(asks, consents(), rule_lists())
def test_a_decision_agrees_with_covers(asks, given_consents, rules):
    """What is allowed by consent is covered by exactly that consent, the first that covers, and denied by none."""
    decisions = decide(asks, given_consents, REQUEST, Rules.of(rules), TIERS)

    for ask, decision in zip(asks, decisions, strict=True):
        covering = [key for key in sorted(given_consents) if covers(given_consents[key], ask, REQUEST).covers]
        if decision.ground is not None and decision.ground.kind is GroundKind.consent:
            assert decision.ground.id == covering[0]
        elif decision.reason not in {ReasonCode.allowed, ReasonCode.no_rule, ReasonCode.forbidden}:
            assert not covering or decision.reason in {ReasonCode.item_refused, ReasonCode.not_shared}


@given(asks, consents(), rule_lists())
def test_a_warm_table_decides_as_a_cold_one(asks, given_consents, rules):
    """What is remembered never changes an answer."""
    warm = Rules.of(rules)
    decide(asks, {}, structs.replace(REQUEST, department="e"), warm, TIERS)
    first = decide(asks, given_consents, REQUEST, warm, TIERS)

    assert decide(asks, given_consents, REQUEST, warm, TIERS) == first
    assert decide(asks, given_consents, REQUEST, Rules.of(rules), TIERS) == first


@given(standings)
def test_standing_is_total_and_expiry_exclusive(standing):
    """Every state at every time with every count has an answer; it holds in [not_before, expires_at) only."""
    coverage = stands(standing, NOW)

    expected = (
        standing.state in RELEASING
        and standing.not_before <= NOW < standing.expires_at
        and (standing.uses_left is None or standing.uses_left > 0)
    )
    assert coverage.covers is expected
    assert (coverage.reason is ReasonCode.allowed) is expected


@given(
    asks,
    consents(),
    rule_lists(),
    st.dictionaries(st.sampled_from(["cns_0", "cns_1"]), standings),
)
def test_judging_again_never_adds(asks, given_consents, rules, stand):
    """A gate only takes away: allowed stays or is refused by the same rule, refused stays as it is."""
    fresh = {
        key: structs.replace(given_consents[key], standing=now)
        for key, now in stand.items()
        if key in given_consents
    }
    decisions = decide(asks, given_consents, REQUEST, Rules.of(rules), TIERS)

    judged = rejudge(decisions, fresh, NOW)

    for old, new in zip(decisions, judged, strict=True):
        assert new == old or (old.allowed and not new.allowed and new.rule == old.rule)
    assert all(stands(fresh[key].standing, NOW).covers for key in consents_of(judged))
    assert rejudge(judged, fresh, NOW) == judged


@given(asks, consents(), rule_lists())
def test_judging_again_at_once_changes_nothing(asks, given_consents, rules):
    """When nothing happened in between, both gates agree with the decision."""
    decisions = decide(asks, given_consents, REQUEST, Rules.of(rules), TIERS)

    assert rejudge(decisions, given_consents, NOW) is decisions


# ---------------------------------------------------------------- limits only take away


class Outdated:
    """Item scopes in which these items have changed since any consent was given."""

    def __init__(self, items):
        self._items = frozenset(items)

    def outdated(self, agreed):
        return frozenset(item for item, _ in agreed) & self._items


@given(asks, consents(), rule_lists(), some(*ITEMS), st.sampled_from([None, "case-1", "case-2"]))
def test_case_and_scope_only_take_away(asks, given_consents, rules, changed, case):
    """A consent tied to a case, or given before its items changed, opens nothing that it would not open without."""
    tied = {
        key: structs.replace(
            each, case_key="case-1", scope=tuple((item, "0" * 16) for item in sorted(each.permitted))
        )
        for key, each in given_consents.items()
    }
    table, request = Rules.of(rules), structs.replace(REQUEST, case_key=case)

    free = decide(asks, given_consents, REQUEST, table, TIERS)
    bound = decide(asks, tied, request, table, TIERS, scopes=Outdated(changed))

    for ask, before, after in zip(asks, free, bound, strict=True):
        assert before.allowed or not after.allowed
        if after.ground is not None and after.ground.kind is GroundKind.consent:
            assert (case, ask.item.id in changed) == ("case-1", False)
        assert sentence_of(after.reason)


@given(
    st.integers(1, 4),
    st.none() | st.integers(0, 6),
    st.lists(st.integers(-30, 200), max_size=30),
)
def test_no_window_holds_more_uses_than_agreed(count, uses, minutes):
    """Whatever the clock does, forwards or back: never more than `count` uses between two ends of a window."""
    hour = timedelta(hours=1)
    standing = structs.replace(
        Standing(ConsentState.given, NOW, NOW + hour), uses_left=uses, frequency=Frequency(count, hour)
    )
    taken = []
    for minute in minutes:
        after = take(standing, NOW + timedelta(minutes=minute))
        if after is not None:
            standing = after
            taken.append((after.frequency.began, minute))

    windows = {began: [minute for each, minute in taken if each == began] for began, _ in taken}
    assert all(len(uses_in) <= count for uses_in in windows.values())
    begins = list(windows)
    assert all(later - earlier >= hour for earlier, later in pairwise(begins))
    assert uses is None or len(taken) <= uses
