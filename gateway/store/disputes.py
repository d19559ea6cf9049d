"""Disputes in SQL: tickets, their steps, and what is withheld because of them.

What a subject disputes stands on its row too (`subject.disputed`), which every gate reads anyway: so withholding costs
no statement. Whoever opens or closes a ticket locks that row first and then writes there what is open now; two at once
follow one another, whatever the database.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    bindparam,
    case,
    delete,
    func,
    insert,
    literal_column,
    or_,
    select,
    update,
)

from gateway.records import (
    Dispute,
    DisputeCount,
    DisputeEvent,
    DisputeJoin,
    DisputeState,
    Entry,
    Message,
)
from gateway.store.bulk import among
from gateway.store.database import Database
from gateway.store.dispute_tables import dispute, dispute_event, message
from gateway.store.log import write_entries
from gateway.store.messages import insert_messages
from gateway.store.refusals import already_recorded, is_id
from gateway.store.tables import resolution, subject

# A statement may take 3 seconds; emptying so many takes a tenth of one.
_PORTION = 5_000
UNANSWERED = (DisputeState.open, DisputeState.referred)
"""States in which the value is withheld."""

_d, _e = dispute.c, dispute_event.c
# The state in the text of the statement, not as a parameter: else no partial index serves.
_UNCOUNTED: list[ColumnElement[bool]] = [_d.state == literal_column("'corrected'"), _d.counted_at.is_(None)]
_JOINED: Select[Any] = select(dispute, subject.c.wrapped_key).join_from(
    dispute, subject, subject.c.ref == _d.subject_ref
)
_OPEN_OF = (
    select(_d.item, _d.id)
    .where(_d.subject_ref == bindparam("ref"), _d.closed_at.is_(None))
    .order_by(_d.id.desc())
)
# Others who refer to the row need not wait, only who writes it.
_LOCK = select(subject.c.erased_at).where(subject.c.ref == bindparam("ref")).with_for_update(key_share=True)
_MARK = update(subject).where(subject.c.ref == bindparam("marked")).values(disputed=bindparam("open"))
_ME, _OTHER = subject.alias("me"), subject.alias("other")
_ALIKE = (
    select(_OTHER.c.ref)
    .join_from(_ME, _OTHER, _OTHER.c.linked_to == _ME.c.linked_to)
    .where(_ME.c.ref == bindparam("ref"))
)
_SAME = (
    _JOINED.where(
        or_(_d.subject_ref == bindparam("ref"), _d.subject_ref.in_(_ALIKE)),
        _d.item == bindparam("item"),
        _d.source == bindparam("source"),
        _d.closed_at.is_(None),
    )
    .order_by(_d.id)
    .limit(1)
)
_GROUPS = select(subject.c.linked_to).where(among(subject.c.ref, "refs"), subject.c.linked_to.is_not(None))
_DISPUTED = select(subject.c.ref, subject.c.disputed).where(
    or_(among(subject.c.ref, "refs"), subject.c.linked_to.in_(_GROUPS)), subject.c.disputed.is_not(None)
)


_JOIN = (
    update(dispute)
    .where(_d.id == bindparam("ticket"), _d.steps == bindparam("read"), _d.closed_at.is_(None))
    .values(steps=_d.steps + 1, submission_id=func.coalesce(_d.submission_id, bindparam("linked")))
)


def insert_disputes(connection: Connection, disputes: Sequence[Dispute]) -> None:
    """Store new tickets; from this transaction's end on, what they are about is withheld.

    Raises `Conflict` for an erased subject, and where a ticket about the same value is open: it is to be joined.
    """
    if not disputes:
        return
    refs = sorted(
        {each.subject_ref for each in disputes}
    )  # in one order everywhere: nobody waits in a circle
    for ref in refs:
        if connection.scalar(_LOCK, {"ref": ref}) is not None:
            raise already_recorded()
    for each in disputes:
        if connection.execute(_SAME, _about(each)).first() is not None:
            raise already_recorded()
        connection.execute(insert(dispute), _row(each))
    for ref in refs:
        mark_disputed(connection, ref)


def join_disputes(connection: Connection, joins: Sequence[DisputeJoin]) -> None:
    """Add what is said again to tickets that are open; raises `Conflict` where one has moved since it was read."""
    for ticket, event, is_its in joins:
        linked = event.submission_id if is_its else None
        joined = {"ticket": ticket.id, "read": ticket.steps, "linked": linked}
        if connection.execute(_JOIN, joined).rowcount != 1:
            raise already_recorded()
        connection.execute(insert(dispute_event), _event_row(event))


def _about(opened: Dispute) -> dict[str, Any]:
    return {"ref": opened.subject_ref, "item": opened.item, "source": opened.source}


def mark_disputed(connection: Connection, ref: str) -> None:
    """Write on the subject's row what it disputes at this moment."""
    connection.execute(_LOCK, {"ref": ref})
    items = {row[0]: row[1] for row in connection.execute(_OPEN_OF, {"ref": ref})}
    connection.execute(_MARK, {"marked": ref, "open": to_column(items)})


def empty_disputes(connection: Connection, ref: str, at: datetime) -> None:
    """Empty whatever is sealed about disputes of a subject that is erased, and close those that nobody can answer."""
    theirs = update(dispute).where(_d.subject_ref == ref)
    ended = {"state": DisputeState.withdrawn.value, "closed_at": at, "steps": _d.steps + 1}
    connection.execute(theirs.where(_d.closed_at.is_(None)).values(ended))
    connection.execute(theirs.values(sealed=b""))
    connection.execute(update(dispute_event).where(_e.subject_ref == ref).values(sealed=None))
    mark_disputed(connection, ref)


def to_column(items: Mapping[str, str]) -> str | None:
    """Item → dispute as the column holds it; most subjects dispute nothing, and theirs is null."""
    return " ".join(f"{item}={dispute_id}" for item, dispute_id in sorted(items.items())) or None


def of_column(text: str) -> dict[str, str]:
    """What `to_column` wrote."""
    return dict(pair.split("=", 1) for pair in text.split())


class SqlDisputes:
    """`gateway.ports.Disputes` over SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, opened: Dispute, entry: Entry) -> Dispute:
        """See `gateway.ports.Disputes.add`."""

        def work(connection: Connection) -> Dispute:
            connection.execute(_LOCK, {"ref": opened.subject_ref})
            before = connection.execute(_SAME, _about(opened)).one_or_none()
            if before is not None:
                return _dispute(before)
            write_entries(connection, [entry])
            insert_disputes(connection, [opened])
            return opened

        return await self._database.write(work)

    async def read(self, dispute_id: str) -> Dispute | None:
        """See `gateway.ports.Disputes.read`."""
        if not is_id(dispute_id):
            return None
        query = _JOINED.where(_d.id == dispute_id)
        row = await self._database.read(lambda connection: connection.execute(query).one_or_none())
        return None if row is None else _dispute(row)

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
        where: list[ColumnElement[bool]] = []
        if department is not None:
            if not is_id(department):
                return []
            where.append(or_(_d.department == department, _d.supervisor == department))
        if states:
            where.append(_d.state.in_([state.value for state in states]))
        if due_before is not None:
            where += [_d.due < due_before, _d.closed_at.is_(None)]
        return await self._page(where, after, limit)

    async def of_subject(self, subject_ref: str, *, after: str, limit: int) -> Sequence[Dispute]:
        """See `gateway.ports.Disputes.of_subject`."""
        if not is_id(subject_ref):
            return []
        return await self._page([_d.subject_ref == subject_ref], after, limit)

    async def of_resolution(self, resolution_id: str, *, limit: int) -> Sequence[Dispute]:
        """See `gateway.ports.Disputes.of_resolution`."""
        if not is_id(resolution_id):
            return []
        return await self._page([_d.resolution_id == resolution_id], "", limit)

    async def open_items(self, refs: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
        """See `gateway.ports.Disputes.open_items`."""
        wanted = [ref for ref in refs if is_id(ref)]
        if not wanted:
            return {}
        rows = await self._database.read(
            lambda connection: connection.execute(_DISPUTED, {"refs": wanted}).all()
        )
        return {row[0]: of_column(row[1]) for row in rows}

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
        moved = (
            update(dispute)
            .where(_d.id == after.id, _d.steps == after.steps - 1, _d.closed_at.is_(None))
            .values(_standing(after))
        )
        emptied = update(resolution).where(among(resolution.c.id, "ids"), resolution.c.sealed.is_not(None))

        def work(connection: Connection) -> bool:
            if after.closed_at is not None:  # first, as whoever joins it or erases its subject does
                connection.execute(_LOCK, {"ref": after.subject_ref})
            if connection.execute(moved).rowcount == 0:
                return False
            write_entries(connection, [entry])
            connection.execute(insert(dispute_event), _event_row(event))
            insert_messages(connection, messages)
            if after.closed_at is not None:
                mark_disputed(connection, after.subject_ref)
            if empties:
                connection.execute(emptied.values(sealed=None), {"ids": sorted(empties)})
            return True

        return await self._database.write(work)

    async def events(self, dispute_id: str, *, after: str, limit: int) -> Sequence[DisputeEvent]:
        """See `gateway.ports.Disputes.events`."""
        if not is_id(dispute_id) or not is_id(after):
            return []
        page = (
            select(dispute_event)
            .where(_e.dispute_id == dispute_id, _e.id > after)
            .order_by(_e.id)
            .limit(limit)
        )
        rows = await self._database.read(lambda connection: connection.execute(page).all())
        return [DisputeEvent(**{**row._asdict(), "state": DisputeState(row.state)}) for row in rows]

    async def waiting(self, before: datetime, *, after: str, limit: int) -> Sequence[Dispute]:
        """See `gateway.ports.Disputes.waiting`."""
        unanswered = [_d.closed_at.is_(None), or_(_d.reminded_at.is_(None), _d.reminded_at < before)]
        return await self._page(unanswered, after, limit)

    async def uncounted(self, *, after: str, limit: int) -> Sequence[Dispute]:
        """See `gateway.ports.Disputes.uncounted`."""
        return await self._page(_UNCOUNTED, after, limit)

    async def settle(self, dispute_id: str, at: datetime) -> None:
        """See `gateway.ports.Disputes.settle`."""
        settled = update(dispute).where(_d.id == dispute_id, *_UNCOUNTED).values(counted_at=at)
        if is_id(dispute_id):
            await self._database.write(lambda connection: connection.execute(settled).close())

    async def counts(self, since: datetime, until: datetime) -> Sequence[DisputeCount]:
        """See `gateway.ports.Disputes.counts`."""

        def those(*states: DisputeState) -> Any:
            return func.sum(case((_d.state.in_([state.value for state in states]), 1), else_=0))

        query = (
            select(
                _d.source,
                _d.item,
                those(DisputeState.corrected),
                those(DisputeState.upheld),
                those(*UNANSWERED),
                those(DisputeState.withdrawn),
            )
            .where(_d.opened_at >= since, _d.opened_at < until)
            .group_by(_d.source, _d.item)
            .order_by(_d.source, _d.item)
        )
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        return [DisputeCount(*row) for row in rows]

    async def purge(self, before: datetime, entry: Callable[[int], Entry]) -> int:
        """See `gateway.ports.Disputes.purge`."""
        over = (
            select(_d.id)
            .where(_d.closed_at < before, func.length(_d.sealed) > 0)
            .limit(_PORTION)
            .with_for_update(skip_locked=True)
        )
        emptied = update(dispute).where(among(_d.id, "ids")).values(sealed=b"")
        silenced = update(dispute_event).where(among(_e.dispute_id, "ids")).values(sealed=None)
        forgotten = delete(message).where(among(message.c.about, "ids"), message.c.next_at.is_(None))

        def work(connection: Connection) -> int:
            ids = {"ids": list(connection.scalars(over))}
            if ids["ids"]:
                connection.execute(emptied, ids)
                connection.execute(silenced, ids)
                connection.execute(forgotten, ids)
                write_entries(connection, [entry(len(ids["ids"]))])
            return len(ids["ids"])

        return await self._database.write(work)

    async def _page(self, where: Sequence[ColumnElement[bool]], after: str, limit: int) -> list[Dispute]:
        if not is_id(after):
            return []
        page = _JOINED.where(*where, _d.id > after).order_by(_d.id).limit(limit)
        rows = await self._database.read(lambda connection: connection.execute(page).all())
        return [_dispute(row) for row in rows]


def _dispute(row: Row[Any]) -> Dispute:
    return Dispute(**{**row._asdict(), "state": DisputeState(row.state)})


def _row(opened: Dispute) -> dict[str, Any]:
    names = (
        "id",
        "subject_ref",
        "item",
        "source",
        "path",
        "submission_id",
        "resolution_id",
        "opened_at",
        "first_due",
    )
    kept = {name: getattr(opened, name) for name in (*names, "entry_id", "sealed")}
    return {**kept, **_standing(opened)}


def _standing(now: Dispute) -> dict[str, Any]:
    """The columns that steps change; an application joins by `join_disputes` alone."""
    names = ("department", "due", "level", "reminded_at", "closed_at", "supervisor", "set_at", "steps")
    return {"state": now.state.value, **{name: getattr(now, name) for name in names}}


def _event_row(event: DisputeEvent) -> dict[str, Any]:
    names = ("id", "dispute_id", "subject_ref", "at", "step", "department", "due", "level", "actor", "reason")
    kept = {name: getattr(event, name) for name in (*names, "entry_id", "sealed", "submission_id")}
    return {**kept, "state": event.state.value}
