"""Answers kept until they are submitted or their time is over: read again, and purged when it is."""

import zlib

from gateway.audit.entries import make_entry
from gateway.errors import Gone, NotFound
from gateway.ports import Sealer
from gateway.records import Caller, Draft, Entry, EntryKind, GateRequest, GateView, GateWrite
from gateway.runtime import Runtime
from policies.consent import stands

_TABLE, _COLUMN = "resolution", "sealed"


def seal_answer(body: bytes, resolution_id: str, sealer: Sealer) -> bytes:
    """An answer as it is kept: sealed for that resolution.

    Compressed first: an answer repeats its keys and sources field by field, and writing 17 KB costs ten times what
    squeezing them to one or two does.
    """
    return sealer.seal(zlib.compress(body, 1), table=_TABLE, column=_COLUMN, row=resolution_id)


def open_answer(sealed: bytes, resolution_id: str, sealer: Sealer) -> bytes:
    """The answer that was sealed for that resolution; raises `CannotOpen` when it was altered or moved."""
    return zlib.decompress(sealer.open(sealed, table=_TABLE, column=_COLUMN, row=resolution_id))


async def read_answer(resolution_id: str, caller: Caller, runtime: Runtime) -> bytes:
    """The answer exactly as it was given, to the caller it was given to, once the reading itself is an entry.

    Raises `NotFound` for anybody else's, `Gone` once it expired, was purged, or a consent it rests on stands no more.
    """
    draft = await runtime.store.drafts.read(resolution_id)
    if draft is None or draft.caller != caller.id:
        raise NotFound("unknown_resolution", "There is no such resolution of yours; check its id.")
    if draft.sealed is None or runtime.clock() >= draft.valid_until:
        raise Gone("resolution_gone", "This answer is no longer valid; resolve the form again.")
    runtime.watch.require_current(
        runtime.clock(), sensitive=True
    )  # a draft does not say; the stricter limit holds
    if not await _pass_gate(draft, caller, runtime):
        raise Gone("consent_ended", "A consent this answer rests on has ended; resolve the form again.")
    runtime.telemetry.entries(EntryKind.reread)
    return open_answer(draft.sealed, resolution_id, runtime.sealer)


async def _pass_gate(draft: Draft, caller: Caller, runtime: Runtime) -> bool:
    """Whether every consent still stands, read in the transaction that notes the reading. It takes no use."""
    now = runtime.clock()
    entry_id = runtime.new_reference("aud", now)

    def write(view: GateView) -> GateWrite[bool]:
        at = runtime.clock()
        ended = [
            consent_id
            for consent_id in draft.consents
            if (consent := view.consents.get(consent_id)) is None
            or not stands(consent.standing, at, count_uses=False).covers
        ]
        facts = {
            "form": [draft.form, draft.form_version],
            "department": caller.department,
            "result": "withheld" if ended else "released",
            "ended": ended,
        }
        entry = make_entry(entry_id, EntryKind.reread, now, caller=caller.id, request=draft.id, facts=facts)
        return GateWrite(entry, not ended)

    return await runtime.ledger.pass_gate(GateRequest(draft.consents, write))


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
