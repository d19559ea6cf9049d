"""Every room of the API, in the order in which routes are matched: what the service mounts and tests go through."""

from types import ModuleType

from gateway.http import (
    audit,
    audit_shards,
    consent_receipts,
    consent_requests,
    consents,
    disputes,
    entries,
    forms,
    identities,
    me,
    notices,
    own_consents,
    profile,
    receipts,
    registry,
    report_exports,
    report_gaps,
    reports,
    resolutions,
    service,
    sessions,
    subjects,
    submissions,
)

ROOMS: tuple[ModuleType, ...] = (
    resolutions,
    submissions,
    consents,
    consent_requests,
    own_consents,
    forms,
    registry,
    report_exports,
    report_gaps,
    reports,
    audit,
    audit_shards,
    sessions,
    service,
    consent_receipts,
    notices,
    subjects,
    identities,
    entries,
    me,
    profile,
    disputes,
    receipts,  # after consent_receipts, whose /v1/receipts/keys is no number
)
"""Modules with a `router` each."""
