"""What a correction changes in the counts: the slot that was said to be wrong later is disputed, no longer kept.

Who says at submission that a value is wrong has its slot counted so at once. Who finds out later has handed the form in
with it; when the dispute ends as corrected, a later snapshot of that one application counts that one slot as disputed.
Other applications that kept the same value keep their counts.

The correction is one transaction and the snapshot another: a dispute is settled (`counted_at`) once both are there.
Whoever finds one that is not goes on from what stands in the snapshots, so it does not matter how many do, or where
one of them dies.
"""

from dataclasses import replace

from field_registry.outcomes import Disposition, Tier
from gateway.audit.entries import make_entry, owner_of
from gateway.audit.noting import ITSELF
from gateway.records import Dispute, Entry, EntryKind, Submission
from gateway.runtime import Runtime
from gateway.slots import Slot, Snapshot
from gateway.submissions.noting import snapshot_facts

_AT_ONCE = 200
_REGISTERED = frozenset({Tier.A, Tier.B})


async def count_correction(dispute: Dispute, runtime: Runtime) -> bool:
    """Settle a corrected dispute; whether it was this worker that wrote a snapshot."""
    written = False
    made = await _application(dispute, runtime)
    while made is not None and (later := await _later(made, dispute, runtime)) is not None:
        # False where somebody else was first: then what they wrote is looked at.
        written = await runtime.store.submissions.correct(later, await _entry(later, made, dispute, runtime))
        if written:
            runtime.telemetry.entries(EntryKind.submission_corrected)
            break
    await runtime.store.disputes.settle(dispute.id, runtime.clock())
    return written


async def count_corrections(runtime: Runtime) -> int:
    """Settle every corrected dispute that is not yet; how many snapshots that made."""
    written, after = 0, ""
    while page := await runtime.store.disputes.uncounted(after=after, limit=_AT_ONCE):
        for dispute in page:
            written += await count_correction(dispute, runtime)
        after = page[-1].id
    return written


async def _application(dispute: Dispute, runtime: Runtime) -> Submission | None:
    """What was handed in with the value; None without one, and where anybody in it was erased."""
    if not dispute.sealed:
        return None
    if dispute.submission_id is not None:
        made = await runtime.store.submissions.read(dispute.submission_id)
    else:  # said at the desk before the form was handed in
        made = await runtime.store.submissions.of_resolution(dispute.resolution_id or "")
    if made is None:
        return None
    refs = set(made.roles.values())
    return made if refs <= (await runtime.subjects.keys_of(sorted(refs))).keys() else None


async def _later(made: Submission, dispute: Dispute, runtime: Runtime) -> Snapshot | None:
    """The next snapshot; None where nothing is to be counted otherwise."""
    newest = (await runtime.store.submissions.snapshots(made.id))[-1]
    if newest.is_test or not any(_is_wrong(slot, dispute) for slot in newest.slots):
        return None
    slots = (
        replace(slot, disposition=Disposition.disputed) if _is_wrong(slot, dispute) else slot
        for slot in newest.slots
    )
    return replace(newest, number=newest.number + 1, at=runtime.clock(), slots=tuple(slots))


def _is_wrong(slot: Slot, dispute: Dispute) -> bool:
    """Whether that is the slot, kept though wrong. As at submission, only what a register gave can be disputed."""
    is_meant = (slot.path, slot.item, slot.source) == (dispute.path, dispute.item, dispute.source)
    return is_meant and slot.disposition is Disposition.kept and slot.tier in _REGISTERED


async def _entry(later: Snapshot, made: Submission, dispute: Dispute, runtime: Runtime) -> Entry:
    facts = {
        **snapshot_facts(later),
        "subjects": dict(made.roles),
        "reason": "dispute_corrected",
        "dispute": dispute.id,
    }
    owner = owner_of(facts)
    return make_entry(
        runtime.new_reference("aud", later.at),
        EntryKind.submission_corrected,
        later.at,
        caller=ITSELF,
        request=dispute.id,
        facts=facts,
        sealer=runtime.sealer,  # of slots that are too many for a leaf
        key=None if owner is None else await runtime.subjects.key_for(owner),
    )
