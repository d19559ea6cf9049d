"""Reminders and escalation: what the clock does to disputes that nobody has answered; and counts left behind.

Every step is written only if nobody took another one since the ticket was read, so it does not matter how many workers
do this at once, how often, or where one of them dies.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from gateway.audit.entries import make_entry
from gateway.audit.noting import ITSELF
from gateway.disputes.counting import count_corrections
from gateway.disputes.deadlines import MOST_LEVELS, Limits, escalated_due, is_overdue, reminder_due
from gateway.disputes.load import calendar_of
from gateway.disputes.notices import tell_departments
from gateway.disputes.steps import Taken, write_step
from gateway.disputes.working_days import CHINA, WorkingDays, day_in_china
from gateway.errors import Conflict
from gateway.records import Dispute, Entry, EntryKind
from gateway.runtime import Runtime

_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Pushed:
    """What one round did. `counted`: snapshots written for corrections whose worker died before."""

    reminded: int = 0
    escalated: int = 0
    counted: int = 0


async def push_disputes(runtime: Runtime) -> Pushed:
    """Remind of what is due for it, escalate what is overdue, count what was corrected; how many of each."""
    now, calendar = runtime.clock(), calendar_of(runtime.settings)
    begun = datetime.combine(day_in_china(now), datetime.min.time(), tzinfo=CHINA)
    done, after = Pushed(counted=await count_corrections(runtime)), ""
    while page := await runtime.store.disputes.waiting(begun, after=after, limit=_AT_ONCE):
        for dispute in page:
            done = await _push(dispute, now, calendar, runtime, done)
        after = page[-1].id
    return done


async def purge_disputes(runtime: Runtime) -> int:
    """How many closed disputes were emptied because their records need no longer be kept; the purge is an entry."""
    now = runtime.clock()

    def entry(purged: int) -> Entry:
        entry_id = runtime.new_reference("aud", now)
        facts = {"disputes": purged}
        return make_entry(entry_id, EntryKind.dispute_purged, now, caller=ITSELF, request=None, facts=facts)

    return await runtime.store.disputes.purge(now - runtime.settings.records_kept, entry)


async def _push(
    dispute: Dispute, now: datetime, calendar: WorkingDays, runtime: Runtime, done: Pushed
) -> Pushed:
    if is_overdue(dispute, now):
        if dispute.level < MOST_LEVELS and await _escalate(dispute, now, calendar, runtime):
            return replace(done, escalated=done.escalated + 1)
        return done
    which = reminder_due(dispute, now, calendar)
    if which is not None and await _remind(dispute, which, now, runtime):
        return replace(done, reminded=done.reminded + 1)
    return done


async def _remind(dispute: Dispute, which: str, now: datetime, runtime: Runtime) -> bool:
    after = replace(dispute, reminded_at=now, steps=dispute.steps + 1)
    return await _step(after, EntryKind.dispute_reminded, which, now, runtime)


async def _escalate(dispute: Dispute, now: datetime, calendar: WorkingDays, runtime: Runtime) -> bool:
    """One level up: to the department above the one that let the day pass; where none is, it stays with that."""
    limits = Limits.by(runtime.settings)
    last = dispute.supervisor or dispute.department
    after = replace(
        dispute,
        level=dispute.level + 1,
        supervisor=limits.supervisors.get(last, dispute.supervisor),
        due=escalated_due(dispute, now, limits, calendar),
        set_at=now,
        reminded_at=now,
        steps=dispute.steps + 1,
    )
    return await _step(after, EntryKind.dispute_escalated, "overdue", now, runtime)


async def _step(after: Dispute, kind: EntryKind, code: str, now: datetime, runtime: Runtime) -> bool:
    """Whether it was this worker that took the step."""
    messages = await tell_departments(
        kind, after, now, runtime, departments=[after.department, after.supervisor]
    )
    try:
        await write_step(after, Taken(kind, ITSELF, now, code=code, messages=messages), runtime)
    except Conflict:
        return False
    return True
