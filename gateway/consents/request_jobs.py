"""What becomes of requests nobody answers: they expire, told by an entry each, and a day later they are empty."""

from datetime import timedelta

from gateway.audit.entries import make_entry
from gateway.audit.noting import ITSELF
from gateway.records import ConsentRequest, Entry, EntryKind, RequestAnswer
from gateway.runtime import Runtime
from policies import ConsentState

KEPT_FOR = timedelta(hours=24)
"""How long what was asked stays readable for the desk when no consent came of it."""
_AT_ONCE = 500


async def close_requests(runtime: Runtime) -> int:
    """Expire requests whose time is over, then empty those that came to nothing a day ago; how many were emptied."""
    now = runtime.clock()
    while late := await runtime.store.consent_requests.over(now, limit=_AT_ONCE):
        for request in late:
            await _expire(request, runtime)
        if len(late) < _AT_ONCE:
            break

    def entry(purged: int) -> Entry:
        entry_id = runtime.new_reference("aud", now)
        facts = {"requests": purged}
        return make_entry(
            entry_id, EntryKind.consent_requests_purged, now, caller=ITSELF, request=None, facts=facts
        )

    return await runtime.store.consent_requests.purge(now - KEPT_FOR, entry)


async def _expire(request: ConsentRequest, runtime: Runtime) -> None:
    now = runtime.clock()
    closes = RequestAnswer(request.id, ConsentState.expired, now, request.sealed)
    entry = make_entry(
        runtime.new_reference("aud", now),
        EntryKind.consent_request_expired,
        now,
        caller=ITSELF,
        request=request.id,
        facts={"subject": request.subject_ref, "form": request.form},
    )
    if await runtime.store.consent_requests.answer(closes, entry):
        runtime.telemetry.entries(EntryKind.consent_request_expired)
