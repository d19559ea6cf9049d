"""What a person has refused of late: they are not asked for it again for a while, unless they start it themself."""

from collections.abc import AsyncIterator, Collection
from datetime import datetime

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
    async for stored in _recorded_since(subject_ref, now - quiet, runtime):
        for item in stored.consent.permitted:
            until.pop(item, None)
        for item in stored.consent.denied:
            until[item] = stored.recorded_at + quiet
    return {item: until[item] for item in items if item in until and now < until[item]}


async def _recorded_since(
    subject_ref: str, since: datetime, runtime: Runtime
) -> AsyncIterator[StoredConsent]:
    """Consents about the subject, oldest first."""
    after = ""
    while found := await runtime.store.consents.of_subject(subject_ref, after=after, limit=_AT_ONCE):
        for stored in found:
            if stored.recorded_at > since:
                yield stored
        after = found[-1].consent.id
