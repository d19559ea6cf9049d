"""Decide: may each item be released to this caller for this purpose now. Total: one decision for every ask.

Only `gateway.resolution.pipeline` may import this module (decision record 0001): there is one door out.
A consent is judged in two halves. Whether it concerns the role and stands (C1-C7) is the same for all items of the
role and is found once; what is left per ask is looking an item up in two sets (C8, C9).
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import repeat

from field_registry import Ask, Tier
from policies.consent import Consent, concerns, stands
from policies.grounds import Decision, Ground, GroundKind, ReasonCode, Request
from policies.rules import Profile, Rules, Wish
from policies.scope import ItemScopes

# Which reason helps most when several consents fall short: the one that got furthest through C1-C8.
_PROGRESS = {
    ReasonCode.no_consent: 0,
    ReasonCode.consent_other_subject: 1,
    ReasonCode.consent_other_purpose: 2,
    ReasonCode.consent_other_case: 3,
    ReasonCode.consent_other_recipient: 4,
    ReasonCode.consent_not_given: 5,
    ReasonCode.consent_refused: 5,
    ReasonCode.consent_withdrawn: 5,
    ReasonCode.consent_paused: 5,
    ReasonCode.consent_ended: 5,
    ReasonCode.consent_not_yet: 6,
    ReasonCode.consent_expired: 7,
    ReasonCode.consent_used_up: 8,
    ReasonCode.consent_too_often: 8,
    ReasonCode.item_not_covered: 9,
}
_OUT_OF_SCOPE = frozenset(
    {ReasonCode.consent_other_subject, ReasonCode.consent_other_purpose, ReasonCode.consent_other_case}
)


@dataclass(slots=True)
class _Will:
    """What the persons' consents come to for one role: found once, asked for every item of the role.

    `denied`: items the person refused in any consent for this subject and purpose, whatever has become of it since:
    withdrawing a consent must never open what it kept shut. `outdated`: items agreed to that are no longer what they
    were then. `shortfall`: the reason for an item nothing permits. `standing`: what permits which items.
    """

    standing: list[tuple[str, frozenset[str]]] = field(default_factory=list)
    denied: set[str] = field(default_factory=set)
    outdated: set[str] = field(default_factory=set)
    shortfall: ReasonCode = ReasonCode.no_consent
    _offers: dict[str, list[tuple[frozenset[str], Decision]]] = field(default_factory=dict)

    def grants(self, wish: Wish) -> Decision | None:
        """The one decision on all asks of a wish, where the first consent permits each; else None: ask one by one."""
        # Most forms rest on one consent that holds all they ask: two set operations instead of a call for each ask.
        if not self.denied.isdisjoint(wish.touched):
            return None
        for permitted, decision in self._offers.get(wish.rule) or self._offered(wish.rule):
            return decision if wish.items <= permitted else None
        return None

    def decide(self, ask: Ask, rule: str) -> Decision:
        """The decision on an ask that `rule` permits if the person agreed (C8, C9)."""
        item_id = ask.item.id
        if item_id in self.denied or (ask.columns and any(item.id in self.denied for item, _ in ask.columns)):
            return Decision(False, rule, ReasonCode.item_refused)
        for permitted, decision in self._offers.get(rule) or self._offered(rule):
            if item_id in permitted:
                return decision
        reason = ReasonCode.consent_outdated if item_id in self.outdated else self.shortfall
        return Decision(False, rule, reason)

    def _offered(self, rule: str) -> list[tuple[frozenset[str], Decision]]:
        # Forty fields of one consent are one decision: making it once takes a third off the whole step.
        made = self._offers[rule] = [
            (permitted, Decision(True, rule, ReasonCode.allowed, Ground(GroundKind.consent, consent_id)))
            for consent_id, permitted in self.standing
        ]
        return made


def decide(
    asks: Sequence[Ask],
    consents: Mapping[str, Consent],
    request: Request,
    rules: Rules,
    tier_of: Callable[[str], Tier] | Mapping[str, Tier],
    *,
    now: datetime | None = None,
    scopes: ItemScopes | None = None,
) -> tuple[Decision, ...]:
    """One decision per ask, in order; each names its rule.

    `now`: when the consents were read, when that is later than the request. `scopes`: what the items are now; without
    it no consent counts as outdated.

    `consents`: every consent to be considered, by id; an item denied in one of them is refused even if another
    permits it. `tier_of`: the tier of a source's values; an ask of a source a mapping lacks is refused.
    A repeating item stands or falls with its columns: a column that is forbidden or denied refuses it whole.
    """
    table = rules.scope(Profile.of(request)).table(asks, tier_of)
    ordered = sorted(consents.values(), key=lambda consent: consent.id)
    wills: dict[str, _Will] = {}
    decisions = list(table.settled)
    for wish in table.wishes:
        will = wills.get(wish.role)
        if will is None:
            will = wills[wish.role] = _will_of(ordered, request, wish.role, now or request.now, scopes)
        granted = will.grants(wish)
        if granted is not None:  # mostly: forty asks at once, in C
            if len(wish.places) == len(decisions):
                return (granted,) * len(decisions)
            deque(map(decisions.__setitem__, wish.places, repeat(granted)), maxlen=0)
            continue
        for place in wish.places:
            decisions[place] = will.decide(asks[place], wish.rule)
    return tuple(decisions)


def _will_of(
    consents: Sequence[Consent], request: Request, role: str, now: datetime, scopes: ItemScopes | None
) -> _Will:
    will = _Will()
    for consent in consents:
        concern = concerns(consent, request, role)
        if concern.reason not in _OUT_OF_SCOPE:
            will.denied |= consent.denied
        coverage = stands(consent.standing, now) if concern.covers else concern
        if coverage.covers:
            outdated = scopes.outdated(consent.scope) if scopes is not None and consent.scope else None
            will.outdated.update(outdated or ())
            will.standing.append(
                (consent.id, consent.permitted - outdated if outdated else consent.permitted)
            )
        reason = ReasonCode.item_not_covered if coverage.covers else coverage.reason
        if _PROGRESS[reason] > _PROGRESS[will.shortfall]:
            will.shortfall = reason
    return will
