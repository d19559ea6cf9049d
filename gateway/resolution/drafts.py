"""Answers kept until they are submitted or their time is over: read again, and purged when it is."""

from gateway.audit.entries import make_entry
from gateway.errors import Gone, NotFound
from gateway.records import Caller, Draft, Entry, EntryKind
from gateway.runtime import Runtime
from policies.consent import stands


async def read_answer(resolution_id: str, caller: Caller, runtime: Runtime) -> bytes:
    """The answer exactly as it was given, to the caller it was given to.

    Raises `NotFound` for anybody else's, `Gone` once it expired, was purged, or a consent it rests on stands no more.
    """
    draft = await runtime.store.drafts.read(resolution_id)
    if draft is None or draft.caller != caller.id:
        raise NotFound("unknown_resolution", "There is no such resolution of yours; check its id.")
    if draft.sealed is None or runtime.clock() >= draft.valid_until:
        raise Gone("resolution_gone", "This answer is no longer valid; resolve the form again.")
    await _check_consents(draft, runtime)
    return runtime.sealer.open(draft.sealed, table="resolution", column="sealed", row=resolution_id)


async def _check_consents(draft: Draft, runtime: Runtime) -> None:
    stored = await runtime.consents.read(draft.consents)
    now = runtime.clock()
    for consent_id in draft.consents:
        consent = stored.get(consent_id)
        if consent is None or not stands(consent.consent.standing, now, count_uses=False).covers:
            raise Gone("consent_ended", "A consent this answer rests on has ended; resolve the form again.")


async def purge_drafts(runtime: Runtime) -> int:
    """How many expired answers were purged; the purge is an entry. Old idempotency keys go without one."""
    now = runtime.clock()
    await runtime.store.idempotency.purge(now - runtime.settings.idempotency_valid_for)

    def entry(purged: int) -> Entry:
        entry_id = runtime.new_reference("aud", now)
        facts = {"drafts": purged}
        return make_entry(
            entry_id, EntryKind.drafts_purged, now, caller="oncegate", request=None, facts=facts
        )

    return await runtime.store.drafts.purge_expired(now, entry)
