"""How a consent moves: paused, resumed, withdrawn, terminated, invalidated. Each step is an event and an entry.

Only the database's state and our own clock count; no time of a client does. What is withdrawn, terminated or invalid
never comes back. Withdrawing asks for no more than recording did, and every step that ends a consent purges the drafts
that used it, in the same transaction.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.audit.entries import make_entry, rfc3339
from gateway.consents.keeping import record_of
from gateway.consents.record import told
from gateway.errors import BadRequest, Conflict, NotAllowed, NotFound
from gateway.records import Caller, ConsentEvent, Entry, EntryKind, StoredConsent
from gateway.runtime import Runtime
from policies import ConsentState

_S = ConsentState
ENDABLE = frozenset({_S.given, _S.renewed, _S.paused, _S.expired})
"""States from which a consent may still be ended for good, or renewed."""


@dataclass(frozen=True, slots=True)
class Move:
    """One way a consent may go: into which state, from which, told by which entry.

    `by_person`: whether the person may do it alone. `needs_reason`: whether words must be given.
    """

    state: ConsentState
    allowed_from: frozenset[ConsentState]
    entry: EntryKind
    purges_drafts: bool = False
    by_person: bool = True
    needs_reason: bool = False


MOVES: Mapping[str, Move] = {
    "withdraw": Move(
        _S.withdrawn, ENDABLE | {_S.requested, _S.deferred}, EntryKind.consent_withdrawn, purges_drafts=True
    ),
    "pause": Move(_S.paused, frozenset({_S.given, _S.renewed}), EntryKind.consent_paused),
    "resume": Move(_S.given, frozenset({_S.paused}), EntryKind.consent_resumed),
    "terminate": Move(
        _S.terminated, ENDABLE, EntryKind.consent_terminated, purges_drafts=True, by_person=False
    ),
    "invalidate": Move(
        _S.invalidated,
        ENDABLE | {_S.terminated},
        EntryKind.consent_invalidated,
        purges_drafts=True,
        by_person=False,
        needs_reason=True,
    ),
}


async def move_consent(
    consent_id: str, how: str, caller: Caller, runtime: Runtime, *, actor_kind: str, reason: str = ""
) -> dict[str, Any]:
    """The consent after that move (`MOVES`). Doing it twice is harmless.

    Raises `NotFound`, `NotAllowed` for who may read it and not do this, or `Conflict` when its state does not allow it
    (a withdrawn consent never comes back).
    """
    move = MOVES[how]
    stored = await find_theirs(consent_id, caller, runtime)
    _require_may(how, move, stored, caller, reason)
    _require_subject(how, stored, caller, runtime)
    state = _S.renewed if how == "resume" and stored.renews else move.state
    if stored.consent.standing.state is state:
        return told(record_of(stored, runtime))
    now = runtime.clock()
    who = actor_kind if caller.person is None else "applicant"
    person = {} if caller.person is None else {"person": caller.person}
    entry = entry_of(
        stored, move.entry, caller.id, runtime, private={"reason": reason} if reason else None, **person
    )
    event = ConsentEvent(
        id=runtime.new_reference("cev", now),
        consent_id=consent_id,
        at=entry.at,
        state=state,
        actor_kind=who,
        reason="given" if reason else "",  # the words themselves are sealed in the entry
        entry_id=entry.id,
        actor=caller.id,
    )
    moved = await runtime.store.consents.move(
        event, entry, allowed_from=move.allowed_from, purge_drafts=move.purges_drafts
    )
    if moved:
        runtime.telemetry.entries(move.entry)
    return await _after(consent_id, how, state, moved, caller, runtime)


async def _after(
    consent_id: str, how: str, state: ConsentState, moved: bool, caller: Caller, runtime: Runtime
) -> dict[str, Any]:
    stored = await find_theirs(consent_id, caller, runtime)
    found = stored.consent.standing.state
    if not moved and found is not state:
        raise Conflict(
            f"consent_is_{found.value}", f"A consent that is {found.value} cannot be changed by {how!r}."
        )
    return told(record_of(stored, runtime))


def _require_may(how: str, move: Move, stored: StoredConsent, caller: Caller, reason: str) -> None:
    if caller.person is not None and not move.by_person:
        raise NotAllowed("not_by_the_person", f"Withdraw the consent instead; {how!r} is for departments.")
    if how == "resume" and caller.person is None and caller.department != stored.department:
        raise NotAllowed(
            "not_the_recording_department", "Only the department that recorded a consent resumes it."
        )
    if move.needs_reason and not reason.strip():
        raise BadRequest("reason_required", f"Say in `reason` what was found; {how!r} is not done without.")


def _require_subject(how: str, stored: StoredConsent, caller: Caller, runtime: Runtime) -> None:
    if how != "resume" or caller.person in (None, stored.subject_ref):
        return
    if record_of(stored, runtime).grantor_role == "agent":  # who has perhaps paused it because of this agent
        raise NotAllowed("not_by_the_agent", "An agent may end what they agreed to; the person resumes it.")


async def find_theirs(consent_id: str, caller: Caller, runtime: Runtime) -> StoredConsent:
    """The consent, for whom it concerns: who recorded it, who receives by it, the person it is about.

    Raises `NotFound` for everybody else, as for one that does not exist.
    """
    stored = (await runtime.store.consents.read((consent_id,))).get(consent_id)
    if stored is None or not _concerns(stored, caller, runtime):
        raise NotFound("unknown_consent", "There is no such consent for your department; check its id.")
    return stored


def _concerns(stored: StoredConsent, caller: Caller, runtime: Runtime) -> bool:
    if caller.person is None:
        return caller.department in {stored.department, *stored.consent.recipients}
    # A guardian or agent who agreed can take it back as easily.
    return caller.person in (stored.subject_ref, record_of(stored, runtime).grantor_ref)


def entry_of(
    stored: StoredConsent,
    kind: EntryKind,
    caller_id: str,
    runtime: Runtime,
    *,
    private: Mapping[str, str] | None = None,
    **more: Any,
) -> Entry:
    """The entry of a step of this consent. `more`: further facts, codes and references only."""
    consent, now = stored.consent, runtime.clock()
    return make_entry(
        runtime.new_reference("aud", now),
        kind,
        now,
        caller=caller_id,
        request=consent.id,
        facts={
            "subject": stored.subject_ref,
            "purpose": consent.purpose,
            "form": consent.form,
            "permitted": sorted(consent.permitted),
            "denied": sorted(consent.denied),
            "recipients": sorted(consent.recipients),
            "expires_at": rfc3339(consent.standing.expires_at),
            **more,
        },
        private=private,
        sealer=runtime.sealer,
        key=runtime.keys.open(stored.wrapped_key, stored.subject_ref),
    )
