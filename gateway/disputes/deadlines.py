"""By when a dispute is to be answered, when somebody is reminded of it, and what happens when nobody answers. Pure.

Days are working days of the calendar that is handed in. A deadline ends with its day; the day a ticket comes in does
not count. Who waits is not told that time begins anew because offices disagree whose it is: a referral sets the new
owner a deadline, but the first one stays written, is what escalation counts from, and has an end that nothing moves.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from field_registry import Item
from gateway.disputes.working_days import (
    WorkingDays,
    add_working_days,
    day_in_china,
    subtract_working_days,
    working_days_between,
)
from gateway.records import Dispute
from gateway.settings import Settings

MOST_LEVELS = 3
"""After so many escalations a ticket stays with whom it reached; it goes on being told as overdue."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How many working days a ticket may take. `of`: of an item or a department; an item's own counts first.

    `escalated`: after every escalation. `supervisors`: department → the one above it. `total`: from opening, however
    often it is referred.
    """

    default: int
    escalated: int
    of: Mapping[str, int] = field(default_factory=dict)
    supervisors: Mapping[str, str] = field(default_factory=dict)
    total: int = 10

    @classmethod
    def by(cls, settings: Settings) -> "Limits":
        """As the settings say."""
        return cls(
            settings.dispute_days,
            settings.dispute_escalated_days,
            settings.dispute_limits,
            settings.dispute_supervisors,
            settings.dispute_total_days,
        )

    def days(self, item: str, department: str) -> int:
        """For a ticket about that item at that department, before any escalation."""
        return self.of.get(item, self.of.get(department, self.default))


def first_due(item: Item, now: datetime, limits: Limits, calendar: WorkingDays) -> date:
    """The working day by whose end the item's owner answers a ticket that comes in now."""
    return due_at(item.id, item.department, now, limits, calendar)


def due_at(item: str, department: str, now: datetime, limits: Limits, calendar: WorkingDays) -> date:
    """The same for any department, e.g. one that a ticket is referred to."""
    return add_working_days(day_in_china(now), limits.days(item, department), calendar)


def total_due(opened_at: datetime, first: date, limits: Limits, calendar: WorkingDays) -> date:
    """The last day that any referral may set; never before the first deadline, should that be the longer one."""
    return max(first, add_working_days(day_in_china(opened_at), limits.total, calendar))


def escalated_due(dispute: Dispute, now: datetime, limits: Limits, calendar: WorkingDays) -> date:
    """The new deadline of a ticket that is escalated now; whoever it was referred to keeps the day they were given."""
    return max(dispute.due, add_working_days(day_in_china(now), limits.escalated, calendar))


def is_overdue(dispute: Dispute, now: datetime) -> bool:
    """Whether an unanswered ticket's day is over: its first one until it was escalated, then the present one."""
    day = dispute.due if dispute.level else min(dispute.due, dispute.first_due)
    return dispute.closed_at is None and day_in_china(now) > day


def reminder_due(dispute: Dispute, now: datetime, calendar: WorkingDays) -> str | None:
    """Which reminder is due now and was not given: "new", "half" or "last_day"; None when none is.

    Of several that were missed only the last is given: nobody needs three at once.
    """
    begun = day_in_china(dispute.set_at or dispute.opened_at)
    reminders = _reminders(begun, dispute.due, calendar)
    due = [name for name, day in reminders if day <= day_in_china(now)]
    if dispute.reminded_at is None:
        return due[-1] if due else None
    given = [name for name, day in reminders if day <= day_in_china(dispute.reminded_at)]
    return due[-1] if len(due) > len(given) else None


def _reminders(begun: date, due: date, calendar: WorkingDays) -> list[tuple[str, date]]:
    """Name and day of each reminder of one period, in order; a short period has fewer."""
    days = working_days_between(begun, due, calendar)
    half = subtract_working_days(due, days // 2, calendar)
    last = subtract_working_days(due, 1, calendar)
    found = [("new", begun)]
    if begun < half < last:
        found.append(("half", half))
    if begun < last:
        found.append(("last_day", last))
    return found
