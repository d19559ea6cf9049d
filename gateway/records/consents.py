"""Consents as they are kept, what happened to them, and the requests that lead to them."""

from dataclasses import dataclass, field
from datetime import datetime

from gateway.records.log import Entry
from policies.consent import Consent, ConsentState


@dataclass(frozen=True, slots=True)
class StoredConsent:
    """A consent as the store keeps it: what decisions need in clear, the whole record sealed.

    `sealed`: empty once its subject was erased. `wrapped_key`: of its subject, when it is read. `renews`: the consent
    whose place it took.
    """

    consent: Consent
    subject_ref: str
    subject_kind: str
    recorded_by: str
    department: str
    recorded_at: datetime
    sealed: bytes
    wrapped_key: bytes | None = field(default=None, repr=False, compare=False)
    renews: str | None = None


@dataclass(frozen=True, slots=True)
class ConsentEvent:
    """One step in the life of a consent.

    `reason`: a code such as "period_over", or "given" where words stand sealed in the entry; "" for none. `actor`: the
    client that did it, None in records from before it was kept.
    """

    id: str
    consent_id: str
    at: datetime
    state: ConsentState
    actor_kind: str
    reason: str
    entry_id: str
    actor: str | None = None


@dataclass(frozen=True, slots=True)
class ConsentEnd:
    """The end of a consent that another one takes the place of, as `Consents.add` writes it."""

    event: ConsentEvent
    entry: Entry
    allowed_from: frozenset[ConsentState]


@dataclass(frozen=True, slots=True)
class ConsentRequest:
    """A person asked for a consent by a link, as the store keeps it.

    `link`: keyed digest of the link's secret. `proof`: keyed digest of what the person confirms that it is them by.
    `failures`: wrong confirmations. `consent_id`: what came of it, once given. `sealed`: what is asked, for whom, and
    the notice; None once purged.
    """

    id: str
    link: str
    proof: str
    subject_ref: str
    requested_by: str
    department: str
    form: str
    state: ConsentState
    created_at: datetime
    expires_at: datetime
    sealed: bytes | None
    failures: int = 0
    consent_id: str | None = None
    answered_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RequestAnswer:
    """What becomes of an open request: its new state, when, and what is still kept of it."""

    request_id: str
    state: ConsentState
    at: datetime
    sealed: bytes | None
    consent_id: str | None = None
