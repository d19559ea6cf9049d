"""What a person has refused of late: they are not asked for it again for a while, unless they start it themself."""

from collections.abc import Collection
from datetime import datetime

from gateway.identities.persons import refs_of
from gateway.records import StoredConsent
from gateway.runtime import Runtime

_AT_ONCE = 200


async def refused_recently(
    subject_ref: str, items: Collection[str], now: datetime, runtime: Runtime
) -> dict[str, datetime]:
    """item → until when the subject is not to be asked for it; only items of `items` that they refused of late.

    Refused is what they denied in a consent, for whatever purpose, and have not permitted in a later one.
    """
    quiet = runtime.settings.consent_refusal_quiet
    until: dict[str, datetime] = {}
    for stored in await _recorded_since(subject_ref, now - quiet, runtime):
        for item in stored.consent.permitted:
            until.pop(item, None)
        for item in stored.consent.denied:
            until[item] = stored.recorded_at + quiet
    return {item: until[item] for item in items if item in until and now < until[item]}


async def _recorded_since(subject_ref: str, since: datetime, runtime: Runtime) -> list[StoredConsent]:
    """Consents about the subject, given under any of its documents, oldest first."""
    found = []
    for ref in await refs_of(subject_ref, runtime):
        after = ""
        while page := await runtime.store.consents.of_subject(ref, after=after, limit=_AT_ONCE):
            found += [stored for stored in page if stored.recorded_at > since]
            after = page[-1].consent.id
    return sorted(found, key=lambda stored: stored.consent.id)
