"""Disputes opened from the ledger or at a desk, listed and read. Opening one is an entry; so is seeing its values."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

import orjson

from gateway.audit.entries import make_entry
from gateway.audit.noting import note
from gateway.disputes.joining import full, has_room, join_of, ticket_of, was_said
from gateway.disputes.keeping import Claim, key_of, open_claim
from gateway.disputes.opening import MOST_EVIDENCE, MOST_PIECE, MOST_REASON, make_dispute
from gateway.disputes.told import as_line, as_own, as_whole
from gateway.disputes.uses import ShownValue, Wanted, desk_of, find_shown, value_shown, was_masked
from gateway.errors import Conflict, Gone, NotAllowed, NotFound, NotValid
from gateway.identities.persons import are_one, page_of_all
from gateway.records import Caller, CallerRole, Dispute, DisputeEvent, DisputeState, Entry, EntryKind
from gateway.runtime import Runtime

_MOST_STEPS = 1_000


@dataclass(frozen=True, slots=True)
class OpenDispute:
    """What somebody says is wrong. `own`: the right value as they hold it; None where they do not say."""

    wanted: Wanted
    reason: str = field(repr=False)
    own: Any = field(default=None, repr=False)
    evidence: tuple[str, ...] = field(default=(), repr=False)


async def open_dispute(command: OpenDispute, caller: Caller, runtime: Runtime) -> dict[str, Any]:
    """The ticket, durable with its entry: from now on the value is withheld. The open one where there is one already.

    Raises `NotFound` for a use that is not the caller's, `NotValid` for a value that was never shown or words too long.
    """
    require_sayable(command.reason, command.evidence)
    shown = await find_shown(command.wanted, caller, runtime)
    resolution_id = command.wanted.resolution_id
    now = runtime.clock()
    entry_id = runtime.new_reference("aud", now)
    opened = make_dispute(
        now=now,
        new_reference=runtime.new_reference,
        runtime=runtime,
        subject_ref=shown.subject_ref,
        key=await runtime.subjects.key_for(shown.subject_ref),
        item=shown.item,
        source=shown.source,
        path=shown.path,
        resolution_id=resolution_id,
        submission_id=await _submission_of(resolution_id, runtime),
        entry_id=entry_id,
        shown=await value_shown(resolution_id, shown.path, runtime),
        own=command.own,
        reason=command.reason,
        evidence=command.evidence,
    )
    kept = await runtime.store.disputes.add(opened, _entry(opened, opened.id, shown, caller))
    if kept.id == opened.id:
        runtime.telemetry.entries(EntryKind.dispute_opened)
        return as_line(kept, runtime)
    claim = Claim(command.reason, None, command.own, command.evidence)
    kept = await _join(kept, opened, claim, shown, caller, runtime)
    if caller.person is None and kept.resolution_id != resolution_id:
        # That it is disputed is the desk's to know; in which of another office's forms it was, is not.
        kept = replace(kept, path=shown.path, resolution_id=None, submission_id=None)
    return as_line(kept, runtime)


async def _join(
    ticket: Dispute, opened: Dispute, claim: Claim, shown: ShownValue, caller: Caller, runtime: Runtime
) -> Dispute:
    """The ticket that is open already, with what is said now; as it is where the same caller said just that before."""
    events = await _events_of(ticket.id, runtime)
    is_same_use = ticket.resolution_id == opened.resolution_id
    if was_said(claim, ticket, events, runtime, by=caller.id, opened_it=is_same_use):
        return ticket
    if not has_room(ticket_of(ticket), by_person=caller.person is not None):
        raise full()
    event = join_of(
        ticket_of(ticket),
        claim,
        opened.opened_at,
        runtime,
        key=key_of(ticket, runtime),
        actor=caller.id,
        entry_id=opened.entry_id,
        submission_id=opened.submission_id,
    )
    entry = _entry(opened, ticket.id, shown, caller, kind=EntryKind.dispute_joined)
    after = replace(ticket, steps=ticket.steps + 1)
    if not await runtime.store.disputes.step(after, event, entry):
        raise Conflict("dispute_moved", "Somebody took a step in this dispute just now. Send yours again.")
    runtime.telemetry.entries(EntryKind.dispute_joined)
    return after


async def read_opened(dispute_id: str, caller: Caller, runtime: Runtime) -> dict[str, Any]:
    """The line that whoever opened or joined that ticket was answered with, as it stands now; else `NotFound`."""
    try:
        return as_line(await find_theirs(dispute_id, caller, runtime), runtime)
    except (NotFound, NotAllowed):
        # All who come through one portal have its id: a person's is what is about them.
        if caller.person is not None:
            raise
        dispute = await runtime.store.disputes.read(dispute_id)
        joined = [each for each in await _events_of(dispute_id, runtime) if each.actor == caller.id]
        if dispute is None or not joined:
            raise
    entry = await runtime.store.search.entry(joined[-1].entry_id)
    path = "" if entry is None else orjson.loads(entry.leaf).get("path", "")
    return as_line(replace(dispute, path=path, resolution_id=None, submission_id=None), runtime)


def require_sayable(reason: str, evidence: Sequence[str]) -> None:
    """Nothing, or `NotValid`: the reason is missing or too long, or there is too much evidence."""
    findings = []
    if not 1 <= len(reason.strip()) <= MOST_REASON:
        findings.append(("/reason", "reason_length", f"Say what is wrong in 1 to {MOST_REASON} characters."))
    if len(evidence) > MOST_EVIDENCE or any(not 1 <= len(each.strip()) <= MOST_PIECE for each in evidence):
        detail = f"Name at most {MOST_EVIDENCE} pieces of evidence, each in 1 to {MOST_PIECE} characters."
        findings.append(("/evidence", "evidence_length", detail))
    if findings:
        errors = [{"pointer": at, "code": code, "detail": detail} for at, code, detail in findings]
        raise NotValid(
            "dispute_not_valid", "No dispute was opened; correct what `errors` names.", errors=errors
        )


async def list_disputes(
    caller: Caller,
    runtime: Runtime,
    *,
    states: Collection[DisputeState],
    due_before: date | None,
    after: str,
    limit: int,
) -> Sequence[dict[str, Any]]:
    """Tickets that the caller's department owns or supervises, by id: references and codes, no value."""
    found = await runtime.store.disputes.listing(
        department=caller.department, states=states, due_before=due_before, after=after, limit=limit
    )
    return [as_line(each, runtime) for each in found]


async def own_disputes(person: str, runtime: Runtime, *, after: str, limit: int) -> Sequence[dict[str, Any]]:
    """A person's own disputes, by id, each with the answer that it was given."""

    async def read(ref: str) -> Sequence[Dispute]:
        return await runtime.store.disputes.of_subject(ref, after=after, limit=limit)

    found = await page_of_all(person, read, lambda each: each.id, runtime, limit=limit)
    return [as_own(each, await _events_of(each.id, runtime), runtime) for each in found]


async def read_dispute(dispute_id: str, caller: Caller, runtime: Runtime) -> dict[str, Any]:
    """The ticket with both values, the reason and every step, once it is an entry that they were shown.

    For the person, the desk that was given the value, and the department that owns or supervises the ticket. A desk
    that was given it masked is not shown it here either. Raises `NotFound` for a person or desk that it does not
    concern, `NotAllowed` for another department.
    """
    dispute = await find_theirs(dispute_id, caller, runtime)
    hidden = caller.person is None and not owns(dispute, caller) and await was_masked(dispute, runtime)
    facts = {"subject": dispute.subject_ref, "items": [dispute.item], "owner": dispute.department}
    await note(EntryKind.dispute_read, facts, runtime, caller=caller.id, request=dispute.id)
    is_desk = caller.person is None and not owns(dispute, caller)
    told = await whole_of(dispute, runtime, desk=caller.id if is_desk else None)
    return {**told, "shown": None} if hidden else told


async def whole_of(dispute: Dispute, runtime: Runtime, *, desk: str | None = None) -> dict[str, Any]:
    """The ticket with what is sealed in it; must not be shown to anybody before that is an entry. See `as_whole`."""
    try:
        claim: Claim | None = open_claim(dispute, runtime)
    except Gone:
        claim = None
    return as_whole(dispute, claim, await _events_of(dispute.id, runtime), runtime, desk=desk)


async def find_theirs(dispute_id: str, caller: Caller, runtime: Runtime) -> Dispute:
    """The ticket, for whom it concerns; see `read_dispute`."""
    dispute = await runtime.store.disputes.read(dispute_id)
    if dispute is None:
        raise unknown_dispute()
    if caller.person is not None:
        if not await are_one(caller.person, dispute.subject_ref, runtime):
            raise unknown_dispute()
        return dispute
    if owns(dispute, caller) or await _is_its_desk(dispute, caller, runtime):
        return dispute
    if CallerRole.data_admin in caller.roles:
        raise not_the_owner()
    raise unknown_dispute()


def owns(dispute: Dispute, caller: Caller) -> bool:
    """Whether the caller works tickets of the department that has to answer this one, or has to see to it."""
    is_theirs = caller.department in (dispute.department, dispute.supervisor)
    return CallerRole.data_admin in caller.roles and is_theirs


def unknown_dispute() -> NotFound:
    """No such ticket, or none for this caller."""
    return NotFound("unknown_dispute", "There is no such dispute for you; check its id.")


def not_the_owner() -> NotAllowed:
    """Another department's ticket."""
    return NotAllowed(
        "not_the_owner_department",
        "This dispute is for the department that owns the item, or the one above it; it can refer it to yours.",
    )


async def _is_its_desk(dispute: Dispute, caller: Caller, runtime: Runtime) -> bool:
    if CallerRole.renderer not in caller.roles:
        return False
    desk = await desk_of(dispute.resolution_id, runtime)
    return desk is not None and desk[0] == caller.id


async def _events_of(dispute_id: str, runtime: Runtime) -> Sequence[DisputeEvent]:
    return await runtime.store.disputes.events(dispute_id, after="", limit=_MOST_STEPS)


async def _submission_of(resolution_id: str, runtime: Runtime) -> str | None:
    submitted = await runtime.store.submissions.of_resolution(resolution_id)
    return None if submitted is None else submitted.id


def _entry(
    opened: Dispute,
    ticket: str,
    shown: ShownValue,
    caller: Caller,
    kind: EntryKind = EntryKind.dispute_opened,
) -> Entry:
    return make_entry(
        opened.entry_id,
        kind,
        opened.opened_at,
        caller=caller.id,
        request=ticket,
        facts={
            "subject": opened.subject_ref,
            "items": [opened.item],
            "source": opened.source,
            "path": opened.path,
            "form": list(shown.form),
            "resolution": opened.resolution_id,
            "owner": opened.department,
            "due": opened.due.isoformat(),
            **({} if caller.person is None else {"actor": "applicant"}),
        },
    )
