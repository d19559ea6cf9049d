"""Whether a consent lets an ask be answered now, and why not. Total: every consent and ask get an answer.

The tests run in a fixed order, so that the reason is the first a person could do something about:
C1 subject, C2 purpose, C3 recipient, C4 state, C5 not before, C6 expiry (exclusive), C7 uses, C8 item, C9 item refused.
"""

from dataclasses import dataclass
from datetime import datetime

from field_registry import Ask
from field_registry.words import Word
from policies.grounds import ReasonCode, Request


class ConsentState(Word):
    """The ten states of the contract; only `given` and `renewed` release."""

    requested = "requested"
    given = "given"
    refused = "refused"
    deferred = "deferred"
    paused = "paused"
    withdrawn = "withdrawn"
    expired = "expired"
    terminated = "terminated"
    invalidated = "invalidated"
    renewed = "renewed"


RELEASING = frozenset({ConsentState.given, ConsentState.renewed})

_REASON_OF_STATE = {
    ConsentState.refused: ReasonCode.consent_refused,
    ConsentState.withdrawn: ReasonCode.consent_withdrawn,
    ConsentState.paused: ReasonCode.consent_paused,
    ConsentState.expired: ReasonCode.consent_expired,
}


@dataclass(frozen=True, slots=True)
class Standing:
    """What changes about a consent: read fresh for every decision, never from a cache.

    `uses_left`: None is without limit.
    """

    state: ConsentState
    not_before: datetime
    expires_at: datetime
    uses_left: int | None = None


@dataclass(frozen=True, slots=True)
class Consent:
    """What a person agreed to, as far as decisions need it. The full record lives in `gateway.consents`.

    `subject_key`: blind index of the subject whose data it is about. `purpose`, `form`: form None covers every form of
    the purpose. `recipients`: departments that may receive. `permitted`, `denied`: item ids; a denied item stays
    refused whatever else permits it.
    """

    id: str
    subject_key: str
    purpose: str
    form: str | None
    recipients: frozenset[str]
    permitted: frozenset[str]
    denied: frozenset[str]
    standing: Standing


@dataclass(frozen=True, slots=True)
class Coverage:
    """Whether, and if not, the first test that fails."""

    covers: bool
    reason: ReasonCode


_COVERED = Coverage(True, ReasonCode.allowed)


def stands(standing: Standing, now: datetime, *, count_uses: bool = True) -> Coverage:
    """Whether a consent releases anything at all at `now` (C4-C7). Expiry is exclusive.

    `count_uses`: False where this request has already taken its use.
    """
    if standing.state not in RELEASING:
        return Coverage(False, _REASON_OF_STATE.get(standing.state, ReasonCode.consent_not_given))
    if now < standing.not_before:
        return Coverage(False, ReasonCode.consent_not_yet)
    if now >= standing.expires_at:
        return Coverage(False, ReasonCode.consent_expired)
    if count_uses and standing.uses_left is not None and standing.uses_left <= 0:
        return Coverage(False, ReasonCode.consent_used_up)
    return _COVERED


def concerns(consent: Consent, request: Request, role: str) -> Coverage:
    """Whether a consent is about this role's subject, this purpose and this recipient (C1-C3)."""
    if consent.subject_key != request.subject_keys.get(role):
        return Coverage(False, ReasonCode.consent_other_subject)
    if consent.purpose != request.purpose or consent.form not in (None, request.form):
        return Coverage(False, ReasonCode.consent_other_purpose)
    if request.department not in consent.recipients:
        return Coverage(False, ReasonCode.consent_other_recipient)
    return _COVERED


def covers(consent: Consent, ask: Ask, request: Request) -> Coverage:
    """Whether this consent lets `ask` be answered at `request.now`; says why when not."""
    for coverage in (
        concerns(consent, request, ask.role),
        stands(consent.standing, request.now),
        names(consent, ask.item.id),
    ):
        if not coverage.covers:
            return coverage
    return _COVERED


def names(consent: Consent, item_id: str) -> Coverage:
    """Whether a consent permits that item (C8, C9)."""
    if item_id in consent.denied:
        return Coverage(False, ReasonCode.item_refused)
    if item_id not in consent.permitted:
        return Coverage(False, ReasonCode.item_not_covered)
    return _COVERED
