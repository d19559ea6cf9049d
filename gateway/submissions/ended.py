"""Consents that have ended since an answer rested on them, and what its slots count as then. Pure.

Whoever takes a consent back, or pauses it, has said no: their slots are no gap that a rule or a source could close. One
whose period is over was a ground that is lacking.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

from field_registry import OutcomeCode
from policies import Consent, ConsentState
from policies.consent import stands

Ended = Mapping[str, OutcomeCode]
"""Consent id → the outcome of the slots that it carried."""

_SAID_NO = frozenset({ConsentState.withdrawn, ConsentState.paused, ConsentState.refused})


def ended_of(ids: Iterable[str], consents: Mapping[str, Consent], now: datetime) -> Ended:
    """Those of these consents that stand no more; one that is not there any more among them."""
    return {each: as_what for each in ids if (as_what := _ended_as(consents.get(each), now)) is not None}


def _ended_as(consent: Consent | None, now: datetime) -> OutcomeCode | None:
    if consent is None:
        return OutcomeCode.no_ground
    if stands(consent.standing, now, count_uses=False).covers:
        return None
    said_no = consent.standing.state in _SAID_NO
    return OutcomeCode.refused_by_person if said_no else OutcomeCode.no_ground
