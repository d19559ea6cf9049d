"""Decide: may each item be released to this caller for this purpose now. Total: one decision for every ask.

Only `gateway.resolution.pipeline` may import this module (decision record 0001): there is one door out.
A consent is judged in two halves. Whether it concerns the role and stands (C1-C7) is the same for all items of the
role and is found once; what is left per ask is looking an item up in two sets (C8, C9).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from field_registry import Ask, Tier
from policies.consent import Consent, concerns, stands
from policies.grounds import Decision, Ground, GroundKind, ReasonCode, Request
from policies.rules import NO_RULE, Profile, Rules

# Which reason helps most when several consents fall short: the one that got furthest through C1-C8.
_PROGRESS = {
    ReasonCode.no_consent: 0,
    ReasonCode.consent_other_subject: 1,
    ReasonCode.consent_other_purpose: 2,
    ReasonCode.consent_other_recipient: 3,
    ReasonCode.consent_not_given: 4,
    ReasonCode.consent_refused: 4,
    ReasonCode.consent_withdrawn: 4,
    ReasonCode.consent_paused: 4,
    ReasonCode.consent_not_yet: 5,
    ReasonCode.consent_expired: 6,
    ReasonCode.consent_used_up: 7,
    ReasonCode.item_not_covered: 8,
}
_OUT_OF_SCOPE = frozenset({ReasonCode.consent_other_subject, ReasonCode.consent_other_purpose})
_UNKNOWN_SOURCE = Decision(False, NO_RULE, ReasonCode.no_rule)


@dataclass(slots=True)
class _Will:
    """What the persons' consents come to for one role: found once, asked for every item of the role.

    `denied`: items the person refused in any consent for this subject and purpose, whatever has become of it since:
    withdrawing a consent must never open what it kept shut. `shortfall`: the reason for an item nothing permits.
    """

    standing: list[Consent] = field(default_factory=list)
    denied: set[str] = field(default_factory=set)
    shortfall: ReasonCode = ReasonCode.no_consent
    _offers: dict[str, list[tuple[frozenset[str], Decision]]] = field(default_factory=dict)

    def decide(self, ask: Ask, rule: str) -> Decision:
        """The decision on an ask that `rule` permits if the person agreed (C8, C9)."""
        item_id = ask.item.id
        if item_id in self.denied or (ask.columns and any(item.id in self.denied for item, _ in ask.columns)):
            return Decision(False, rule, ReasonCode.item_refused)
        for permitted, decision in self._offers.get(rule) or self._offered(rule):
            if item_id in permitted:
                return decision
        return Decision(False, rule, self.shortfall)

    def _offered(self, rule: str) -> list[tuple[frozenset[str], Decision]]:
        # Forty fields of one consent are one decision: making it once takes a third off the whole step.
        made = self._offers[rule] = [
            (
                consent.permitted,
                Decision(True, rule, ReasonCode.allowed, Ground(GroundKind.consent, consent.id)),
            )
            for consent in self.standing
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
) -> tuple[Decision, ...]:
    """One decision per ask, in order; each names its rule.

    `now`: when the consents were read, when that is later than the request.

    `consents`: every consent to be considered, by id; an item denied in one of them is refused even if another
    permits it. `tier_of`: the tier of a source's values; an ask of a source a mapping lacks is refused.
    A repeating item stands or falls with its columns: a column that is forbidden or denied refuses it whole.
    """
    verdicts = rules.scope(Profile.of(request)).verdicts(asks, tier_of)
    ordered = sorted(consents.values(), key=lambda consent: consent.id)
    wills: dict[str, _Will] = {}
    decisions = []
    for ask, verdict in zip(asks, verdicts, strict=True):
        if verdict is None:
            decisions.append(_UNKNOWN_SOURCE)
            continue
        settled = verdict.settled
        if settled is None:
            will = wills.get(ask.role)
            if will is None:
                will = wills[ask.role] = _will_of(ordered, request, ask.role, now or request.now)
            settled = will.decide(ask, verdict.permits[0].rule)
        decisions.append(settled)
    return tuple(decisions)


def _will_of(consents: Sequence[Consent], request: Request, role: str, now: datetime) -> _Will:
    will = _Will()
    for consent in consents:
        concern = concerns(consent, request, role)
        if concern.reason not in _OUT_OF_SCOPE:
            will.denied |= consent.denied
        coverage = stands(consent.standing, now) if concern.covers else concern
        if coverage.covers:
            will.standing.append(consent)
        reason = ReasonCode.item_not_covered if coverage.covers else coverage.reason
        if _PROGRESS[reason] > _PROGRESS[will.shortfall]:
            will.shortfall = reason
    return will
