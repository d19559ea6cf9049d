"""A dispute as callers see it: how it stands, and to those entitled what was said and shown. No value in a list."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from gateway.audit.entries import rfc3339
from gateway.disputes.deadlines import Limits, total_due
from gateway.disputes.joining import JOINED
from gateway.disputes.keeping import Claim, last_words, open_again, open_words
from gateway.disputes.load import calendar_of
from gateway.disputes.working_days import day_in_china
from gateway.records import Dispute, DisputeEvent
from gateway.runtime import Runtime


def as_line(dispute: Dispute, runtime: Runtime) -> dict[str, Any]:
    """One line of a list: references, codes and days."""
    item = runtime.library.published.registry.items.get(dispute.item)
    limits, calendar = Limits.by(runtime.settings), calendar_of(runtime.settings)
    latest = total_due(dispute.opened_at, dispute.first_due, limits, calendar)
    return {
        "id": dispute.id,
        "state": dispute.state.value,
        "item": dispute.item,
        "item_name": dispute.item if item is None else item.name,
        "source": dispute.source,
        "department": dispute.department,
        "supervisor": dispute.supervisor,
        "level": dispute.level,
        "path": dispute.path,
        "submission": dispute.submission_id,
        "resolution": dispute.resolution_id,
        "opened_at": rfc3339(dispute.opened_at),
        "due": dispute.due.isoformat(),
        "first_due": dispute.first_due.isoformat(),
        "latest_due": latest.isoformat(),
        "due_assumed": calendar.is_assumed(
            day_in_china(dispute.opened_at), max(dispute.due, dispute.first_due)
        ),
        "reminded_at": _moment(dispute.reminded_at),
        "closed_at": _moment(dispute.closed_at),
        "entry": dispute.entry_id,
    }


def as_whole(
    dispute: Dispute,
    claim: Claim | None,
    events: Sequence[DisputeEvent],
    runtime: Runtime,
    *,
    desk: str | None = None,
) -> dict[str, Any]:
    """All of it, with every step. `claim`: None where what was said is no longer kept.

    `desk`: the client that is shown it as a desk; what was said again at others is not for it.
    """
    return {
        **as_line(dispute, runtime),
        "erased": claim is None,
        "reason": claim and claim.reason,
        "shown": claim and claim.shown,
        "own": claim and claim.own,
        "evidence": list(claim.evidence) if claim else [],
        "answer": last_words(events, dispute, runtime),
        "steps": [as_step(event, dispute, runtime, desk=desk) for event in events],
    }


def as_own(dispute: Dispute, events: Sequence[DisputeEvent], runtime: Runtime) -> dict[str, Any]:
    """A line of the person's own list: with the answer, which is for them to read."""
    return {**as_line(dispute, runtime), "answer": last_words(events, dispute, runtime)}


def as_step(
    event: DisputeEvent, dispute: Dispute, runtime: Runtime, *, desk: str | None = None
) -> dict[str, Any]:
    """One step, with its words where there are any, and what was said again by one that joined."""
    if event.step == JOINED and desk not in (None, event.actor):
        event = replace(event, actor="", sealed=None, submission_id=None)
    again = open_again(event, dispute, runtime)
    return {
        "step": event.step,
        "state": event.state.value,
        "at": rfc3339(event.at),
        "department": event.department,
        "due": event.due.isoformat(),
        "level": event.level,
        "actor": event.actor,
        "reason": event.reason,
        "words": open_words(event, dispute, runtime),
        "own": again and again.own,
        "evidence": list(again.evidence) if again else [],
        "submission": event.submission_id,
        "entry": event.entry_id,
    }


def _moment(at: Any) -> str | None:
    return None if at is None else rfc3339(at)
