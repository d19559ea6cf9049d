"""Disputes and the outbox in memory."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime

from gateway.records import (
    Dispute,
    DisputeCount,
    DisputeEvent,
    DisputeJoin,
    DisputeState,
    Entry,
    Message,
    OpenTicket,
)
from gateway.store.memory_identities import alike
from gateway.store.memory_tables import MemoryTables, empty, page, require_zones
from gateway.store.refusals import already_recorded


class MemoryDisputes:
    """`gateway.ports.Disputes` in memory."""

    def __init__(self, tables: MemoryTables) -> None:
        self._tables = tables

    async def add(self, opened: Dispute, entry: Entry) -> Dispute:
        """See `gateway.ports.Disputes.add`."""
        same = open_about(self._tables, opened)
        if same is not None:
            return self._told(same)
        self._tables.admit({}, None, entry)
        insert_disputes(self._tables, [opened])
        self._tables.log(entry)
        return opened

    async def read(self, dispute_id: str) -> Dispute | None:
        """See `gateway.ports.Disputes.read`."""
        found = self._tables.disputes.get(dispute_id)
        return None if found is None else self._told(found)

    async def listing(
        self,
        *,
        department: str | None,
        states: Collection[DisputeState],
        due_before: date | None,
        after: str,
        limit: int,
    ) -> Sequence[Dispute]:
        """See `gateway.ports.Disputes.listing`."""

        def fits(each: Dispute) -> bool:
            is_theirs = department is None or department in (each.department, each.supervisor)
            is_late = due_before is None or (each.due < due_before and each.closed_at is None)
            return is_theirs and is_late and (not states or each.state in states)

        return self._page(fits, after, limit)

    async def of_subject(self, subject_ref: str, *, after: str, limit: int) -> Sequence[Dispute]:
        """See `gateway.ports.Disputes.of_subject`."""
        return self._page(lambda each: each.subject_ref == subject_ref, after, limit)

    async def of_resolution(self, resolution_id: str, *, limit: int) -> Sequence[Dispute]:
        """See `gateway.ports.Disputes.of_resolution`."""
        return self._page(lambda each: each.resolution_id == resolution_id, "", limit)

    async def open_items(self, refs: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
        """See `gateway.ports.Disputes.open_items`."""
        meant = {each for ref in refs for each in alike(self._tables, ref)}
        return {ref: items for ref, items in open_items_of(self._tables).items() if ref in meant}

    async def step(
        self,
        after: Dispute,
        event: DisputeEvent,
        entry: Entry,
        *,
        messages: Sequence[Message] = (),
        empties: Collection[str] = (),
    ) -> bool:
        """See `gateway.ports.Disputes.step`."""
        tables = self._tables
        before = tables.disputes.get(after.id)
        if before is None or before.closed_at is not None or before.steps != after.steps - 1:
            return False
        require_zones(after, *messages)
        tables.admit(tables.dispute_events, event.id, event, entry)
        if any(each.id in tables.messages for each in messages):
            raise already_recorded()
        tables.disputes[after.id] = replace(after, wrapped_key=None)
        tables.dispute_events[event.id] = event
        tables.messages.update({each.id: each for each in messages})
        empty(tables.drafts, lambda draft: draft.id in empties)
        tables.log(entry)
        return True

    async def events(self, dispute_id: str, *, after: str, limit: int) -> Sequence[DisputeEvent]:
        """See `gateway.ports.Disputes.events`."""
        events = self._tables.dispute_events
        its = (each for each, event in events.items() if event.dispute_id == dispute_id)
        return [events[event_id] for event_id in page(its, after, limit)]

    async def waiting(self, before: datetime, *, after: str, limit: int) -> Sequence[Dispute]:
        """See `gateway.ports.Disputes.waiting`."""

        def waits(each: Dispute) -> bool:
            return each.closed_at is None and (each.reminded_at is None or each.reminded_at < before)

        return self._page(waits, after, limit)

    async def uncounted(self, *, after: str, limit: int) -> Sequence[Dispute]:
        """See `gateway.ports.Disputes.uncounted`."""
        return self._page(_is_uncounted, after, limit)

    async def settle(self, dispute_id: str, at: datetime) -> None:
        """See `gateway.ports.Disputes.settle`."""
        require_zones(at)
        found = self._tables.disputes.get(dispute_id)
        if found is not None and _is_uncounted(found):
            self._tables.disputes[dispute_id] = replace(found, counted_at=at)

    async def counts(self, since: datetime, until: datetime) -> Sequence[DisputeCount]:
        """See `gateway.ports.Disputes.counts`."""
        require_zones(since, until)
        states: dict[tuple[str, str], list[DisputeState]] = {}
        for each in self._tables.disputes.values():
            if since <= each.opened_at < until:
                states.setdefault((each.source, each.item), []).append(each.state)
        return [_counted(source, item, found) for (source, item), found in sorted(states.items())]

    async def purge(self, before: datetime, entry: Callable[[int], Entry]) -> int:
        """See `gateway.ports.Disputes.purge`."""
        require_zones(before)
        tables = self._tables
        over = [
            each
            for each in tables.disputes.values()
            if each.closed_at is not None and each.closed_at < before and each.sealed
        ]
        for each in over:
            tables.disputes[each.id] = replace(each, sealed=b"")
        ids = {each.id for each in over}
        for event in [each for each in tables.dispute_events.values() if each.dispute_id in ids]:
            tables.dispute_events[event.id] = replace(event, sealed=None)
        for told in [one for one in tables.messages.values() if one.about in ids and one.next_at is None]:
            del tables.messages[told.id]
        if over:
            tables.log(entry(len(over)))
        return len(over)

    def _page(self, fits: Callable[[Dispute], bool], after: str, limit: int) -> list[Dispute]:
        disputes = self._tables.disputes
        found = (each for each, dispute in disputes.items() if fits(dispute))
        return [self._told(disputes[dispute_id]) for dispute_id in page(found, after, limit)]

    def _told(self, dispute: Dispute) -> Dispute:
        return replace(dispute, wrapped_key=self._tables.wrapped.get(dispute.subject_ref))


def _is_uncounted(each: Dispute) -> bool:
    return each.state is DisputeState.corrected and each.counted_at is None


def _counted(source: str, item: str, states: Sequence[DisputeState]) -> DisputeCount:
    unanswered = states.count(DisputeState.open) + states.count(DisputeState.referred)
    return DisputeCount(
        source,
        item,
        states.count(DisputeState.corrected),
        states.count(DisputeState.upheld),
        unanswered,
        states.count(DisputeState.withdrawn),
    )


def insert_disputes(tables: MemoryTables, disputes: Sequence[Dispute]) -> None:
    """Store new tickets; from now on what they are about is withheld."""
    require_storable(tables, disputes)
    tables.disputes.update({each.id: each for each in disputes})


def require_storable(tables: MemoryTables, disputes: Sequence[Dispute]) -> None:
    """Nothing, or why these tickets cannot be written."""
    for each in disputes:
        is_known = each.subject_ref in tables.subjects.values() and not tables.is_erased(each.subject_ref)
        require_zones(each)
        if each.id in tables.disputes or not is_known or open_about(tables, each) is not None:
            raise already_recorded()


def open_about(tables: MemoryTables, opened: Dispute) -> Dispute | None:
    """The open ticket about the same value, by whichever document of that subject; None when there is none."""
    refs = set(alike(tables, opened.subject_ref))
    same = (
        each
        for each in tables.disputes.values()
        if each.closed_at is None
        and each.subject_ref in refs
        and (each.item, each.source) == (opened.item, opened.source)
    )
    return min(same, key=lambda each: each.id, default=None)


def open_tickets(tables: MemoryTables, refs: Iterable[str]) -> tuple[OpenTicket, ...]:
    """The open tickets about these subjects, as `gateway.records.Submittable` has them."""
    return tuple(
        OpenTicket(
            ref,
            *(each.id, each.subject_ref, each.item, each.source, each.state, each.department, each.due),
            *(each.level, each.steps, each.resolution_id, each.submission_id),
            tables.wrapped.get(each.subject_ref),
        )
        for ref in refs
        for each in tables.disputes.values()
        if each.closed_at is None and each.subject_ref in alike(tables, ref)
    )


def require_joinable(tables: MemoryTables, joins: Sequence[DisputeJoin]) -> None:
    """Nothing, or a refusal: one of these tickets has moved since it was read."""
    for join in joins:
        found = tables.disputes.get(join.ticket.id)
        if found is None or found.closed_at is not None or found.steps != join.ticket.steps:
            raise already_recorded()


def join_disputes(tables: MemoryTables, joins: Sequence[DisputeJoin]) -> None:
    """Add what is said again to tickets that are open, once they were looked at."""
    require_joinable(tables, joins)
    for ticket, event, is_its in joins:
        found = tables.disputes[ticket.id]
        linked = found.submission_id or (event.submission_id if is_its else None)
        tables.disputes[ticket.id] = replace(found, steps=found.steps + 1, submission_id=linked)
        tables.dispute_events[event.id] = event


def open_items_of(tables: MemoryTables) -> dict[str, dict[str, str]]:
    """Reference → item → the oldest open ticket about it."""
    found: dict[str, dict[str, str]] = {}
    for each in sorted(tables.disputes.values(), key=lambda each: each.id):
        if each.closed_at is None:
            found.setdefault(each.subject_ref, {}).setdefault(each.item, each.id)
    return found


def empty_disputes(tables: MemoryTables, ref: str, at: datetime) -> None:
    """Empty whatever is sealed about disputes of a subject that is erased, and close those nobody can answer."""
    for each in [each for each in tables.disputes.values() if each.subject_ref == ref]:
        emptied = replace(each, sealed=b"")
        if each.closed_at is None:
            emptied = replace(emptied, state=DisputeState.withdrawn, closed_at=at, steps=each.steps + 1)
        tables.disputes[each.id] = emptied
    for event in [each for each in tables.dispute_events.values() if each.subject_ref == ref]:
        tables.dispute_events[event.id] = replace(event, sealed=None)


class MemoryOutbox:
    """`gateway.ports.Outbox` in memory."""

    def __init__(self, tables: MemoryTables) -> None:
        self._tables = tables

    async def claim(self, now: datetime, until: datetime, *, limit: int) -> Sequence[Message]:
        """See `gateway.ports.Outbox.claim`."""
        require_zones(now, until)
        messages = self._tables.messages
        due = [(each.next_at, each.id) for each in messages.values() if each.next_at and each.next_at <= now]
        taken = [messages[message_id] for _, message_id in sorted(due)[:limit]]
        messages.update({each.id: replace(each, next_at=until) for each in taken})
        return taken

    async def settle(self, settled: Message) -> None:
        """See `gateway.ports.Outbox.settle`."""
        require_zones(settled)
        before = self._tables.messages.get(settled.id)
        if before is not None and before.delivered_at is None:
            kept = replace(settled, client=before.client, about=before.about, body=before.body)
            self._tables.messages[settled.id] = replace(kept, created_at=before.created_at)

    async def about(self, about: str, *, after: str, limit: int) -> Sequence[Message]:
        """See `gateway.ports.Outbox.about`."""
        messages = self._tables.messages
        its = (each for each, message in messages.items() if message.about == about)
        return [messages[message_id] for message_id in page(its, after, limit)]
