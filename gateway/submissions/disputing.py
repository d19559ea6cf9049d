"""What a submission disputes: a ticket for each value that is said to be wrong, or the open one about it joined.

One value has one open ticket, however many forms and desks say that it is wrong.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from field_registry.outcomes import Disposition
from forms.findings import Finding, pointer_of
from gateway.disputes.joining import has_room, join_of
from gateway.disputes.keeping import Claim
from gateway.disputes.opening import make_dispute
from gateway.records import Dispute, DisputeJoin, OpenTicket
from gateway.runtime import Runtime
from gateway.submissions.dispositions import Judged
from gateway.submissions.received import Received

About = tuple[str, str, str]
"""Reference of a subject, item, source: what a ticket is about."""


@dataclass(frozen=True, slots=True)
class Disputed:
    """Tickets to be opened and joined. `findings`: what is to be said of values whose ticket takes no more.

    `paths`: ticket → the slot it was shown in here.
    """

    opened: tuple[Dispute, ...] = ()
    joins: tuple[DisputeJoin, ...] = ()
    findings: tuple[Finding, ...] = ()
    paths: tuple[str, ...] = ()

    def tickets(self) -> list[str]:
        """The ids of all of them."""
        return [each.id for each in self.opened] + [join.ticket.id for join in self.joins]

    def facts(self) -> dict[str, Any]:
        """What the leaf of the entry says: ticket, slot, item and source of each, and which were open before."""
        about = [(each.id, each.item, each.source) for each in self.opened]
        about += [(join.ticket.id, join.ticket.item, join.ticket.source) for join in self.joins]
        told = [[ticket, path, *what] for (ticket, *what), path in zip(about, self.paths, strict=True)]
        joined = [join.ticket.id for join in self.joins]
        return {"disputes": told, **({"joined": joined} if joined else {})}


NOTHING = Disputed()


def disputed_in(received: Received, slots: Sequence[Judged], now: datetime, runtime: Runtime) -> Disputed:
    """One ticket for each value that is said to be wrong, however many fields showed it. A test opens none."""
    if received.command.is_test or not received.command.disputes:
        return NOTHING
    said: dict[About, Judged] = {}
    for slot in slots:
        if (
            slot.disposition is Disposition.disputed
            and slot.sheet.item is not None
            and slot.source is not None
        ):
            said.setdefault((received.opened.roles[slot.sheet.role], slot.sheet.item.id, slot.source), slot)
    tickets = {(each.about, each.item, each.source): each for each in received.tickets}
    new = {about: slot for about, slot in said.items() if about not in tickets}
    again = [(tickets[about], slot) for about, slot in said.items() if about in tickets]
    joining = [(ticket, slot) for ticket, slot in again if has_room(ticket)]
    return Disputed(
        tuple(_dispute(received, slot, about[0], now, runtime) for about, slot in new.items()),
        tuple(_join(received, slot, ticket, now, runtime) for ticket, slot in joining),
        tuple(_full(slot) for ticket, slot in again if not has_room(ticket)),
        tuple(slot.path for slot in [*new.values(), *(slot for _, slot in joining)]),
    )


_FULL = (
    "a dispute about this value is open and was added to so often that its department takes no more; it answers what "
    "stands there"
)


def _full(slot: Judged) -> Finding:
    return Finding(f"/values{pointer_of(slot.sent or slot.path)}", "dispute_full", _FULL)


def _join(
    received: Received, slot: Judged, ticket: OpenTicket, now: datetime, runtime: Runtime
) -> DisputeJoin:
    said = received.command.disputes[slot.sent or ""]
    event = join_of(
        ticket,
        Claim(said.reason, slot.shown.value, slot.value.value, said.evidence),
        now,
        runtime,
        key=runtime.keys.open(ticket.wrapped_key, ticket.subject_ref),
        actor=received.caller.id,
        entry_id=received.ids["entry"],
        submission_id=received.ids["submission"],
    )
    return DisputeJoin(ticket, event, ticket.resolution_id == received.opened.draft.id)


def _dispute(received: Received, slot: Judged, ref: str, now: datetime, runtime: Runtime) -> Dispute:
    claim = received.command.disputes[slot.sent or ""]
    assert slot.sheet.item is not None
    return make_dispute(
        now=now,
        new_reference=runtime.new_reference,
        runtime=runtime,
        subject_ref=ref,
        key=received.keys.get(ref),
        item=slot.sheet.item,
        source=slot.source or "",
        path=slot.path,
        resolution_id=received.opened.draft.id,
        submission_id=received.ids["submission"],
        entry_id=received.ids["entry"],
        shown=slot.shown.value,
        own=slot.value.value,
        reason=claim.reason,
        evidence=claim.evidence,
    )
