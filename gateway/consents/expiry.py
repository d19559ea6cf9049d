"""Consents whose period is over: the state is written, with an event and an entry each.

Nothing waits for it: a decision and every answer go by the time, not by the state. It is written so that the log tells
the end of every consent. Several processes may do it at once: each takes what no other holds.
"""

from functools import partial

from gateway.consents.moves import entry_of
from gateway.records import ConsentEvent, Entry, EntryKind, StoredConsent
from gateway.runtime import Runtime
from policies import ConsentState

# One entry each: writing a thousand takes a third of a second, and a statement may take three.
_PORTION = 500
_MOST_PORTIONS = 200


async def expire_consents(runtime: Runtime) -> int:
    """How many consents were brought into `expired`, a hundred thousand at most; the rest is for the next time."""
    total = 0
    for _ in range(_MOST_PORTIONS):
        tell = partial(_told, runtime=runtime)
        expired = await runtime.store.consents.expire(runtime.clock(), tell, most=_PORTION)
        for _ in range(expired):
            runtime.telemetry.entries(EntryKind.consent_expired)
        total += expired
        if expired < _PORTION:
            break
    return total


def _told(stored: StoredConsent, *, runtime: Runtime) -> tuple[ConsentEvent, Entry]:
    entry = entry_of(stored, EntryKind.consent_expired, "oncegate", runtime)
    event = ConsentEvent(
        id=runtime.new_reference("cev", entry.at),
        consent_id=stored.consent.id,
        at=entry.at,
        state=ConsentState.expired,
        actor_kind="gateway",
        reason="period_over",
        entry_id=entry.id,
        actor="oncegate",
    )
    return event, entry
