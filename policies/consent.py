"""Whether a consent lets an ask be answered now, and why not. Total: every consent and ask get an answer.

The tests run in a fixed order, so that the reason is the first a person could do something about:
C1 subject, C2 purpose, form and case, C3 recipient, C4 state, C5 not before, C6 expiry (exclusive), C7 uses and how
often, C8 item, and as it was when agreed to, C9 item refused.
"""

from collections.abc import Collection
from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from field_registry import Ask
from field_registry.words import Word
from policies.grounds import ReasonCode, Request
from policies.scope import AgreedScope


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
    ConsentState.terminated: ReasonCode.consent_ended,
    ConsentState.invalidated: ReasonCode.consent_ended,
}


class Frequency(Struct, frozen=True):
    """At most `count` uses in a window of `per`, which begins with the first use after the window before.

    `began`: of the window that was last begun, None before the first use. `used`: uses taken in it, so far.
    """

    count: int
    per: timedelta
    began: datetime | None = None
    used: int = 0

    def left(self, now: datetime) -> int:
        """Uses left at `now`. A clock that was set back begins no new window: that would permit more."""
        return self.count - self.used if self._runs(now) else self.count

    def taken(self, now: datetime) -> "Frequency":
        """After one more use at `now`; whether one is left is for `left` to say."""
        if self._runs(now):
            return replace(self, used=self.used + 1)
        return replace(self, began=now, used=1)

    def _runs(self, now: datetime) -> bool:
        return self.began is not None and now < self.began + self.per


class Standing(Struct, frozen=True):
    """What changes about a consent: read fresh for every decision, never from a cache.

    `uses_left`: None is without limit. `frequency`: None where only the number of uses counts, if anything does.
    """

    state: ConsentState
    not_before: datetime
    expires_at: datetime
    uses_left: int | None = None
    frequency: Frequency | None = None


class Consent(Struct, frozen=True):
    """What a person agreed to, as far as decisions need it. The full record lives in `gateway.consents`.

    `subject_key`: blind index of the subject whose data it is about. `purpose`, `form`: form None covers every form of
    the purpose. `recipients`: departments that may receive. `permitted`, `denied`: item ids; a denied item stays
    refused whatever else permits it. `case_key`: keyed digest of the one case it is for; None covers every case.
    `scope`: what was known of the permitted items when they were agreed to; empty where it was not recorded.
    `data_life`: how long the recipient may keep what it got; None leaves it to the service.
    """

    id: str
    subject_key: str
    purpose: str
    form: str | None
    recipients: frozenset[str]
    permitted: frozenset[str]
    denied: frozenset[str]
    standing: Standing
    case_key: str | None = None
    scope: AgreedScope = ()
    data_life: timedelta | None = None


class Coverage(Struct, frozen=True):
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
    if count_uses and standing.frequency is not None and standing.frequency.left(now) <= 0:
        return Coverage(False, ReasonCode.consent_too_often)
    return _COVERED


def take(standing: Standing, now: datetime) -> Standing | None:
    """How a consent stands after one more use at `now`, itself where nothing counts uses; None when none is left."""
    left, often = standing.uses_left, standing.frequency
    if left is None and often is None:
        return standing
    if (left is not None and left <= 0) or (often is not None and often.left(now) <= 0):
        return None
    fewer = None if left is None else left - 1
    return replace(standing, uses_left=fewer, frequency=often and often.taken(now))


def concerns(consent: Consent, request: Request, role: str) -> Coverage:
    """Whether a consent is about this role's subject, this purpose, this case and this recipient (C1-C3)."""
    if consent.subject_key != request.subject_keys.get(role):
        return Coverage(False, ReasonCode.consent_other_subject)
    if consent.purpose != request.purpose or consent.form not in (None, request.form):
        return Coverage(False, ReasonCode.consent_other_purpose)
    if consent.case_key is not None and consent.case_key != request.case_key:
        return Coverage(False, ReasonCode.consent_other_case)
    if request.department not in consent.recipients:
        return Coverage(False, ReasonCode.consent_other_recipient)
    return _COVERED


def covers(consent: Consent, ask: Ask, request: Request, outdated: Collection[str] = ()) -> Coverage:
    """Whether this consent lets `ask` be answered at `request.now`; says why when not.

    `outdated`: items that are no longer what they were when this consent was given (`policies.scope`).
    """
    for coverage in (
        concerns(consent, request, ask.role),
        stands(consent.standing, request.now),
        names(consent, ask.item.id, outdated),
    ):
        if not coverage.covers:
            return coverage
    return _COVERED


def names(consent: Consent, item_id: str, outdated: Collection[str] = ()) -> Coverage:
    """Whether a consent permits that item (C8, C9)."""
    if item_id in consent.denied:
        return Coverage(False, ReasonCode.item_refused)
    if item_id not in consent.permitted:
        return Coverage(False, ReasonCode.item_not_covered)
    if item_id in outdated:
        return Coverage(False, ReasonCode.consent_outdated)
    return _COVERED
