"""Saying again what a ticket is open about: one value under dispute has one ticket, and what is said joins it.

Whoever says it a second time is not sent away: their reason, evidence and own value become a step of the ticket, and
the application it was said in is named there. What was said before, word for word, adds nothing.
"""

from collections.abc import Sequence
from datetime import datetime

from gateway.disputes.keeping import Claim, open_again, open_claim, seal_again
from gateway.errors import Conflict
from gateway.records import Dispute, DisputeEvent, EntryKind, OpenTicket, SubjectKey
from gateway.runtime import Runtime

JOINED = EntryKind.dispute_joined.value.removeprefix("dispute.")
MOST_STEPS = 50
"""Steps after which a ticket takes no more of what is said again: its department reads every one of them."""


def join_of(
    ticket: OpenTicket,
    claim: Claim,
    now: datetime,
    runtime: Runtime,
    *,
    key: SubjectKey | None,
    actor: str,
    entry_id: str,
    submission_id: str | None,
) -> DisputeEvent:
    """The step by which that claim joins the ticket. `key`: of the ticket's own subject."""
    event_id = runtime.new_reference("dse", now)
    return DisputeEvent(
        id=event_id,
        dispute_id=ticket.id,
        subject_ref=ticket.subject_ref,
        at=now,
        step=JOINED,
        state=ticket.state,
        department=ticket.department,
        due=ticket.due,
        level=ticket.level,
        actor=actor,
        reason="given",
        entry_id=entry_id,
        sealed=seal_again(claim, event_id, runtime, key),
        submission_id=submission_id,
    )


def ticket_of(dispute: Dispute) -> OpenTicket:
    """A ticket as whoever joins it needs to know it."""
    return OpenTicket(
        dispute.subject_ref,
        dispute.id,
        dispute.subject_ref,
        dispute.item,
        dispute.source,
        dispute.state,
        dispute.department,
        dispute.due,
        dispute.level,
        dispute.steps,
        dispute.resolution_id,
        dispute.submission_id,
        dispute.wrapped_key,
    )


def was_said(
    claim: Claim,
    dispute: Dispute,
    events: Sequence[DisputeEvent],
    runtime: Runtime,
    *,
    by: str,
    opened_it: bool,
) -> bool:
    """Whether that client said just that before, word for word. `opened_it`: about the use that the ticket is about."""
    said = [open_claim(dispute, runtime)] if opened_it and dispute.sealed else []
    said += [
        again
        for event in events
        if event.actor == by and (again := open_again(event, dispute, runtime)) is not None
    ]
    return any(
        (one.reason, one.own, one.evidence) == (claim.reason, claim.own, claim.evidence) for one in said
    )


def has_room(ticket: OpenTicket, *, by_person: bool = False) -> bool:
    """Whether the ticket may be joined once more; by the person themself even where desks have filled it."""
    return ticket.steps < MOST_STEPS * (2 if by_person else 1)


def full() -> Conflict:
    """A ticket that takes no more."""
    return Conflict(
        "dispute_full",
        "This value is disputed already, and was added to so often that its department takes no more. It answers what "
        "stands there; read the dispute, or wait for the answer.",
    )
