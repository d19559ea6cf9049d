"""How a dispute moves: corrected, upheld, referred, withdrawn; reminded and escalated by the clock.

Each step is an event and an entry in one transaction, with the messages it causes, and is written only if nobody took
another one meanwhile. A closed dispute never opens again; a new one can be opened. The register itself is outside: that
it was corrected is what its department says, and the next resolution asks it anew.
"""

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from gateway.audit.entries import make_entry
from gateway.disputes.affected import Affected, affected_by
from gateway.disputes.counting import count_correction
from gateway.disputes.deadlines import Limits, due_at, total_due
from gateway.disputes.keeping import key_of, seal_words
from gateway.disputes.load import calendar_of
from gateway.disputes.notices import tell_departments, tell_offices
from gateway.disputes.opening import MOST_REASON
from gateway.disputes.service import find_theirs, not_the_owner, owns
from gateway.disputes.told import as_line
from gateway.disputes.uses import desk_of
from gateway.disputes.working_days import day_in_china
from gateway.errors import BadRequest, Conflict, NotAllowed, NotValid, StoreUnavailable
from gateway.records import Caller, Dispute, DisputeEvent, DisputeState, Entry, EntryKind, Message
from gateway.runtime import Runtime

_S, _K = DisputeState, EntryKind
_MOST_NAMED = 300
"""Applications named in an entry; it says how many there were of more."""


@dataclass(frozen=True, slots=True)
class Step:
    """One way a dispute may go. `by_person`: the person takes it, and nobody else; else the owner department."""

    state: DisputeState
    entry: EntryKind
    by_person: bool = False
    needs_reason: bool = True


STEPS: Mapping[str, Step] = {
    "correct": Step(_S.corrected, _K.dispute_corrected),
    "uphold": Step(_S.upheld, _K.dispute_upheld),
    "refer": Step(_S.referred, _K.dispute_referred),
    "withdraw": Step(_S.withdrawn, _K.dispute_withdrawn, by_person=True, needs_reason=False),
}


async def take_step(
    dispute_id: str,
    how: str,
    caller: Caller,
    runtime: Runtime,
    *,
    reason: str = "",
    department: str | None = None,
) -> dict[str, Any]:
    """The dispute after that step (`STEPS`). Closing it the same way twice is harmless.

    `department`: whom it is referred to. Raises `NotFound`, `NotAllowed` for another department, `BadRequest` without
    a reason, `Conflict` when it is closed otherwise or took another step at this moment.
    """
    step = STEPS[how]
    dispute = await find_theirs(dispute_id, caller, runtime)
    _require_may(how, step, dispute, caller)
    if dispute.closed_at is not None:
        if dispute.state is step.state:
            return as_line(dispute, runtime)
        raise _closed(dispute)
    _require_words(step, reason)
    after = await step_of(
        dispute, how, caller.id, runtime, reason=reason, department=department, person=caller.person
    )
    return as_line(after, runtime)


async def step_of(
    dispute: Dispute,
    how: str,
    actor: str,
    runtime: Runtime,
    *,
    reason: str = "",
    department: str | None = None,
    person: str | None = None,
) -> Dispute:
    """The same for whoever may do it without asking, e.g. at the command line; `dispute` as it was just read."""
    now, step = runtime.clock(), STEPS[how]
    facts = {"person": person} if person else {}
    taken = Taken(step.entry, actor, now, words=reason, facts=facts)
    if how == "refer":
        after = _referred(dispute, department, now, runtime)
        messages = await tell_departments(step.entry, after, now, runtime, departments=[after.department])
        return await write_step(after, replace(taken, messages=messages), runtime)
    after = replace(dispute, state=step.state, closed_at=now, steps=dispute.steps + 1)
    used = await affected_by(dispute, runtime) if how == "correct" else None
    desk = await _desk(dispute, runtime)
    messages = await tell_offices(step.entry, after, now, runtime, used=used, desk=desk)
    taken = replace(taken, messages=messages)
    if used is not None:
        emptied = [each.resolution_id for each in used.drafts]
        taken = replace(taken, empties=emptied, facts={**facts, **_facts_of(used)})
    closed = await write_step(after, taken, runtime)
    if how == "correct":
        with suppress(StoreUnavailable):  # it is corrected, and the clock makes up for the count
            await count_correction(closed, runtime)
    return closed


@dataclass(frozen=True, slots=True)
class Taken:
    """A step about to be written. `words`: sealed with it. `code`: why, where no words say it.

    `facts`: what its entry says besides. `messages`: what clients are told. `empties`: answers purged with it.
    """

    kind: EntryKind
    actor: str
    at: datetime
    words: str = field(default="", repr=False)
    code: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    messages: Sequence[Message] = ()
    empties: Collection[str] = ()

    @property
    def reason(self) -> str:
        """The code that event and entry show."""
        return self.code or ("given" if self.words else "")


async def write_step(after: Dispute, taken: Taken, runtime: Runtime) -> Dispute:
    """The dispute as it stands afterwards; raises `Conflict` when somebody else took a step first."""
    event, entry = _event(after, taken, runtime), _entry(after, taken, runtime)
    event = replace(event, entry_id=entry.id)
    if not await runtime.store.disputes.step(
        after, event, entry, messages=taken.messages, empties=taken.empties
    ):
        raise Conflict(
            "dispute_moved", "Somebody took a step in this dispute just now. Read it again, then decide."
        )
    runtime.telemetry.entries(taken.kind)
    return after


def _event(after: Dispute, taken: Taken, runtime: Runtime) -> DisputeEvent:
    event_id = runtime.new_reference("dse", taken.at)
    words, key = taken.words, key_of(after, runtime)
    return DisputeEvent(
        id=event_id,
        dispute_id=after.id,
        subject_ref=after.subject_ref,
        at=taken.at,
        step=taken.kind.value.removeprefix("dispute."),
        state=after.state,
        department=after.department,
        due=after.due,
        level=after.level,
        actor=taken.actor,
        reason=taken.reason,
        entry_id="",
        sealed=seal_words(words, event_id, runtime, key) if words else None,
    )


def _entry(after: Dispute, taken: Taken, runtime: Runtime) -> Entry:
    facts = {
        "subject": after.subject_ref,
        "items": [after.item],
        "source": after.source,
        "owner": after.department,
        "supervisor": after.supervisor,
        "due": after.due.isoformat(),
        "first_due": after.first_due.isoformat(),
        "level": after.level,
        "reason": taken.reason,
        "told": sorted({each.client for each in taken.messages}),
        **taken.facts,
    }
    entry_id = runtime.new_reference("aud", taken.at)
    return make_entry(entry_id, taken.kind, taken.at, caller=taken.actor, request=after.id, facts=facts)


def _facts_of(used: Affected) -> dict[str, Any]:
    named = used.submissions[:_MOST_NAMED]
    return {
        "drafts": [each.resolution_id for each in used.drafts],
        "submissions": [[each.submission_id, each.path, each.disposition.value] for each in named],
        "submissions_total": len(used.submissions),
    }


async def _desk(dispute: Dispute, runtime: Runtime) -> str | None:
    found = await desk_of(dispute.resolution_id, runtime)
    return None if found is None else found[0]


def _referred(dispute: Dispute, department: str | None, now: datetime, runtime: Runtime) -> Dispute:
    """The ticket with its new owner and a deadline for it, which cannot go beyond the day set for all of them together.

    How often it was escalated, and to whom, stays: the person has waited since it was opened.
    """
    if department == dispute.department:
        raise BadRequest(
            "referred_to_itself", "The dispute is this department's already; answer it, or name another."
        )
    if department is None or department not in _departments(runtime):
        finding = {
            "pointer": "/department",
            "code": "unknown_department",
            "detail": "Name a department that owns an item or a source of the registry, as GET /v1/items shows them.",
        }
        raise NotValid(
            "not_valid", "The dispute was not referred; correct what `errors` names.", errors=[finding]
        )
    limits, calendar = Limits.by(runtime.settings), calendar_of(runtime.settings)
    latest = total_due(dispute.opened_at, dispute.first_due, limits, calendar)
    if day_in_china(now) >= latest:
        raise Conflict(
            "no_time_to_refer",
            f"This dispute had to be answered by {latest} whoever it is referred to; correct or uphold it now.",
        )
    return replace(
        dispute,
        state=_S.referred,
        department=department,
        due=min(due_at(dispute.item, department, now, limits, calendar), latest),
        set_at=now,
        reminded_at=now,  # told by this very step
        steps=dispute.steps + 1,
    )


def _departments(runtime: Runtime) -> set[str]:
    registry, settings = runtime.library.published.registry, runtime.settings
    owners = {item.department for item in registry.items.values()}
    owners |= {source.department for source in registry.sources.values()}
    return owners | set(settings.dispute_supervisors) | set(settings.dispute_supervisors.values())


def _require_may(how: str, step: Step, dispute: Dispute, caller: Caller) -> None:
    if step.by_person and caller.person is None:
        raise NotAllowed("only_by_the_person", f"Only the person takes a dispute back; {how!r} is theirs.")
    if not step.by_person and (caller.person is not None or not owns(dispute, caller)):
        raise not_the_owner()


def _require_words(step: Step, reason: str) -> None:
    if step.needs_reason and not reason.strip():
        raise BadRequest("reason_required", "Say in `reason` what was found; the person reads it.")
    if len(reason) > MOST_REASON:
        raise BadRequest("reason_too_long", f"Say it in {MOST_REASON} characters; the person reads it.")


def _closed(dispute: Dispute) -> Conflict:
    state = dispute.state.value
    return Conflict(f"dispute_is_{state}", f"This dispute is {state} already; a new one can be opened.")
