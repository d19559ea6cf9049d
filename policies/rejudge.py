"""Judging again: at the second gate the consents are read afresh, and what no longer stands is not released."""

from collections.abc import Collection, Mapping
from datetime import datetime
from operator import attrgetter

from policies.consent import Consent, Coverage, stands
from policies.grounds import Decision, Ground, GroundKind, ReasonCode

_CONSENT = GroundKind.consent
_is_allowed = attrgetter("allowed")


def rejudge(
    decisions: tuple[Decision, ...],
    consents: Mapping[str, Consent],
    now: datetime,
    *,
    count_uses: bool = True,
) -> tuple[Decision, ...]:
    """The same decisions, less those whose consent does not stand at `now`; never more. The same tuple if all stand.

    `consents`: by id, just read; one that is absent no longer exists. `count_uses`: False at the second gate, where
    the use this request took at the first has already been subtracted.
    """
    reasons = {}
    for consent_id in consents_of(decisions):
        coverage = _coverage(consents.get(consent_id), now, count_uses)
        if not coverage.covers:
            reasons[consent_id] = coverage.reason
    if not reasons:
        return decisions
    return tuple(_apply(decision, reasons) for decision in decisions)


def consents_of(decisions: tuple[Decision, ...]) -> frozenset[str]:
    """The ids of the consents that allowed decisions stand on: those a gate has to read, and take a use of."""
    grounds = map(_consent_ground, distinct(decisions))
    return frozenset([ground.id for ground in grounds if ground is not None])


def distinct(decisions: tuple[Decision, ...]) -> Collection[Decision]:
    """Each of these decisions once, in the order of their first: forty asks share two or three, as one object each.

    Two objects that say the same count as two, unless all say the same.
    """
    # Mostly all are one object, which is seen without a call for each: what is identical is never compared.
    if decisions == decisions[:1] * len(decisions):
        return decisions[:1]
    return dict(zip(map(id, decisions), decisions, strict=True)).values()


def are_allowed(decisions: tuple[Decision, ...]) -> bool:
    """Whether every one of them allows; mostly that is asked of a single object."""
    return all(map(_is_allowed, distinct(decisions)))


def _consent_ground(decision: Decision) -> Ground | None:
    ground = decision.ground
    return ground if decision.allowed and ground is not None and ground.kind is _CONSENT else None


def _coverage(consent: Consent | None, now: datetime, count_uses: bool) -> Coverage:
    if consent is None:
        return Coverage(False, ReasonCode.consent_unknown)
    return stands(consent.standing, now, count_uses=count_uses)


def _apply(decision: Decision, reasons: Mapping[str, ReasonCode]) -> Decision:
    ground = _consent_ground(decision)
    if ground is None or ground.id not in reasons:
        return decision
    return Decision(False, decision.rule, reasons[ground.id])
