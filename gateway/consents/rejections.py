"""What was not recorded, or not asked: an entry with the codes of what was wrong, before anybody is told."""

from collections.abc import Collection, Mapping
from typing import Any

from field_registry import subject_from
from field_registry.errors import BadIdentifier
from gateway.audit.entries import make_entry
from gateway.records import Caller, EntryKind, GateRequest, GateWrite
from gateway.runtime import Runtime


async def note_rejected(
    subject: Mapping[str, Any],
    purpose: str | None,
    form: str | None,
    codes: Collection[str],
    caller: Caller,
    runtime: Runtime,
) -> None:
    """The entry of a refusal: codes, and whom it would have been about if we know them; none of what was sent."""
    now, published = runtime.clock(), runtime.library.published
    facts = {
        "subject": await _known_ref(subject, runtime),
        "purpose": purpose if purpose in published.policy.purposes else None,
        "form": form if form in published.forms else None,
        "department": caller.department,
        "codes": sorted(set(codes)),
    }
    entry_id = runtime.new_reference("aud", now)
    entry = make_entry(entry_id, EntryKind.consent_rejected, now, caller=caller.id, request=None, facts=facts)
    await runtime.ledger.pass_gate(GateRequest((), lambda _: GateWrite(entry, None)))
    runtime.telemetry.entries(EntryKind.consent_rejected)


async def _known_ref(payload: Mapping[str, Any], runtime: Runtime) -> str | None:
    try:
        key = runtime.subjects.key_of(subject_from(payload))
    except BadIdentifier:
        return None
    return await runtime.store.subjects.find(key)
