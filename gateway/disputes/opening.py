"""A dispute as it is opened: the ticket, its owner and its deadline. Pure but for the sealing.

At submission the ticket is written by the gate that notes the submission; later, from the ledger, by
`gateway.disputes.service`.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from field_registry import Item
from gateway.disputes.deadlines import Limits, first_due
from gateway.disputes.keeping import Claim, seal_claim
from gateway.disputes.load import calendar_of
from gateway.ports import NewReference
from gateway.records import Dispute, DisputeState, SubjectKey
from gateway.runtime import Runtime

MOST_REASON = 1_000
"""Characters of a reason; a ticket is read by a person."""
MOST_EVIDENCE = 10
"""Pieces of evidence, each of `MOST_PIECE` characters at most: what it is and where it lies, never the paper itself."""
MOST_PIECE = 500


def make_dispute(
    *,
    now: datetime,
    new_reference: NewReference,
    runtime: Runtime,
    subject_ref: str,
    key: SubjectKey | None,
    item: Item,
    source: str,
    path: str,
    resolution_id: str | None,
    submission_id: str | None,
    entry_id: str,
    shown: Any,
    own: Any,
    reason: str,
    evidence: Sequence[str],
) -> Dispute:
    """A new ticket for the item's owner department.

    `key`: of the subject; None where it has none yet. `shown`: the value that the form offered, None where it is no
    longer known; `own`: the one that the person gives instead. `entry_id`: the entry that tells of it.
    """
    dispute_id = new_reference("dsp", now)
    claim = Claim(reason, shown, own, tuple(evidence))
    settings = runtime.settings
    due = first_due(item, now, Limits.by(settings), calendar_of(settings))
    return Dispute(
        id=dispute_id,
        subject_ref=subject_ref,
        item=item.id,
        source=source,
        department=item.department,
        path=path,
        submission_id=submission_id,
        resolution_id=resolution_id,
        state=DisputeState.open,
        opened_at=now,
        due=due,
        first_due=due,
        entry_id=entry_id,
        sealed=seal_claim(claim, dispute_id, runtime, key),
    )
