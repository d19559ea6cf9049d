"""The whole record of a consent: what was agreed (ISO/IEC TS 27560 sections), as values and as callers see it.

`gateway.consents.keeping` seals it and reads it again. Older records have fewer parts; those that lack are empty.
"""

from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from gateway.audit.entries import rfc3339
from gateway.consents.commands import Act, Basis, Evidence, Notice, Party, Relationship
from gateway.records import ConsentEvent
from policies.consent import ConsentState, Frequency


@dataclass(frozen=True, slots=True)
class AgreedSource:
    """A source as it was when agreed to. `rank`: 1 is authoritative."""

    id: str
    rank: int
    name: str
    department: str


@dataclass(frozen=True, slots=True)
class AgreedItem:
    """One item as it was when agreed to. `necessity`: required or optional; None where it was not recorded.

    `about`: subject, or third_party where it tells of other people; None where it was not recorded.
    """

    item: str
    permit: bool
    name: str = ""
    name_en: str = ""
    necessity: str | None = None
    sources: tuple[AgreedSource, ...] = ()
    share: str | None = None
    sensitivity: str | None = None
    about: str | None = None


@dataclass(frozen=True, slots=True)
class Parties:
    """Who answers for the processing, who provides, who receives. `controller`: None in older records."""

    controller: Party | None
    providers: tuple[Party, ...]
    recipients: tuple[Party, ...]


@dataclass(frozen=True, slots=True)
class Limits:
    """How far the consent reaches. `uses_left`, and what of the frequency is used, are as of now."""

    not_before: datetime
    expires_at: datetime
    mode: str
    max_uses: int | None
    uses_left: int | None
    frequency: Frequency | None
    data_life: timedelta | None


@dataclass(frozen=True, slots=True)
class ConsentRecord:
    """A consent with everything that is known of it. `state`: as it stands now; a period that is over counts.

    `subject_ref`, `grantor_ref`: random references; the latter is None where it is not known who agreed for them.
    `purpose_text`: in the words of the policy, or those of the notice. `events`: only where they were asked for.
    """

    id: str
    state: ConsentState
    subject_ref: str
    subject_kind: str
    grantor_role: str
    grantor_ref: str | None
    relationship: Relationship | None = field(repr=False)
    purpose: str
    purpose_text: str
    form: str | None
    case: str | None = field(repr=False)
    items: tuple[AgreedItem, ...]
    scope_hash: str | None
    parties: Parties
    limits: Limits
    basis: Basis
    notice: Notice
    acts: tuple[Act, ...]
    evidence: Evidence = field(repr=False)
    renews: str | None
    request: str | None
    recorded_by: str
    department: str
    recorded_at: datetime
    events: tuple[ConsentEvent, ...] = ()


def told(record: ConsentRecord) -> dict[str, Any]:
    """The record as callers see it: what was recorded, and how it stands now."""
    limits, parties = record.limits, record.parties
    return {
        "id": record.id,
        "state": record.state.value,
        "subject": {"ref": record.subject_ref, "kind": record.subject_kind},
        "purpose": record.purpose,
        "purpose_text": record.purpose_text,
        "form": record.form,
        "case": record.case,
        "items": [_plain(item) for item in record.items],
        "scope_hash": record.scope_hash,
        "controller": parties.controller and asdict(parties.controller),
        "provider_departments": [party.name for party in parties.providers],
        "recipient_departments": sorted(party.id for party in parties.recipients),
        "recipients": [asdict(party) for party in parties.recipients],
        "not_before": rfc3339(limits.not_before),
        "expires_at": rfc3339(limits.expires_at),
        "max_uses": limits.max_uses,
        "uses_left": limits.uses_left,
        "frequency": _frequency(limits.frequency),
        "data_life": limits.data_life and f"PT{_seconds(limits.data_life)}S",
        "mode": limits.mode,
        "basis": _plain(record.basis),
        "grantor_role": record.grantor_role,
        "grantor_ref": record.grantor_ref,
        "relationship_evidence": record.relationship and _plain(record.relationship),
        "notice": _plain(record.notice),
        "acts": [_plain(act) for act in record.acts],
        "evidence": _plain(record.evidence),
        "renews": record.renews,
        "request": record.request,
        "recorded_at": rfc3339(record.recorded_at),
    }


def _plain(part: Any) -> dict[str, Any]:
    return {name: _json(value) for name, value in asdict(part).items()}


def _json(value: Any) -> Any:
    if isinstance(value, datetime):
        return rfc3339(value)
    return list(value) if isinstance(value, tuple) else value


def _frequency(often: Frequency | None) -> dict[str, int] | None:
    return None if often is None else {"count": often.count, "per_seconds": _seconds(often.per)}


def _seconds(period: timedelta) -> int:
    return int(period.total_seconds())
