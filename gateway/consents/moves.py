"""How a consent moves: paused, resumed, withdrawn, terminated, invalidated. Each step is an event and an entry.

Only the database's state and our own clock count; no time of a client does. What is withdrawn, terminated or invalid
never comes back. Withdrawing asks for no more than recording did, and every step that ends a consent purges the drafts
that used it, in the same transaction.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from gateway.audit.entries import make_entry, rfc3339
from gateway.consents.commands import SIGNED_BY_HAND, Evidence
from gateway.consents.keeping import record_of
from gateway.consents.record import told
from gateway.errors import BadRequest, Conflict, NotAllowed, NotFound
from gateway.identities.persons import are_one, refs_of
from gateway.records import Caller, ConsentEvent, Entry, EntryKind, StoredConsent
from gateway.runtime import Runtime
from policies import ConsentState

_S = ConsentState
_AT_ONCE = 200
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
    consent_id: str,
    how: str,
    caller: Caller,
    runtime: Runtime,
    *,
    actor_kind: str,
    reason: str = "",
    on_word: bool = False,
    evidence: Evidence | None = None,
) -> dict[str, Any]:
    """The consent after that move (`MOVES`). Doing it twice is harmless.

    `on_word`: whether a desk says that the person asks for it; `evidence`: how they did, with which a desk resumes what
    they had paused. Raises `NotFound`, `NotAllowed` for who may read it and not do this, or `Conflict` when its state
    does not allow it (a withdrawn consent never comes back).
    """
    move = MOVES[how]
    stored = await find_theirs(consent_id, caller, runtime)
    _require_may(how, move, stored, caller, reason)
    if how == "resume":
        await _require_their_word(stored, caller, evidence, runtime)
    state = _S.renewed if how == "resume" and stored.renews else move.state
    if stored.consent.standing.state is state:
        return told(record_of(stored, runtime))
    now = runtime.clock()
    who = actor_kind if caller.person is None else "applicant"
    said: dict[str, Any] = {"on_word": True} if on_word else {}
    person = said if caller.person is None else {"person": caller.person}
    private = ({"reason": reason} if reason else {}) | _witnessed(evidence)
    entry = entry_of(stored, move.entry, caller.id, runtime, private=private or None, **person)
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


async def _require_their_word(
    stored: StoredConsent, caller: Caller, evidence: Evidence | None, runtime: Runtime
) -> None:
    """Nothing where whoever resumes may: the person, and a desk unless the person paused it and has not said more."""
    if caller.person is None:
        if not _is_witnessed(evidence) and await _paused_by_person(stored, runtime):
            raise NotAllowed(
                "paused_by_the_person",
                "The person paused this consent. They resume it, or say so at a desk, which names in `evidence` how "
                "they agreed (signature_pad, paper_scan or card_and_face) and who witnessed it.",
            )
        return
    if await are_one(caller.person, stored.subject_ref, runtime):
        return
    if record_of(stored, runtime).grantor_role == "agent":  # who has perhaps paused it because of this agent
        raise NotAllowed("not_by_the_agent", "An agent may end what they agreed to; the person resumes it.")


def _is_witnessed(evidence: Evidence | None) -> bool:
    return evidence is not None and evidence.method in SIGNED_BY_HAND and bool(evidence.witness)


def _witnessed(evidence: Evidence | None) -> dict[str, str]:
    return {} if evidence is None else {"method": evidence.method, "witness": evidence.witness or ""}


async def _paused_by_person(stored: StoredConsent, runtime: Runtime) -> bool:
    """Whether it stands paused by the person: by a token of their own, or on their word at a desk."""
    if stored.consent.standing.state is not _S.paused:
        return False
    after, last = "", None
    while entries := await runtime.store.entries.find(request=stored.consent.id, after=after, limit=_AT_ONCE):
        last = next((each for each in reversed(entries) if each.kind is EntryKind.consent_paused), last)
        after = entries[-1].id
    leaf = {} if last is None else orjson.loads(last.leaf)
    return "person" in leaf or bool(leaf.get("on_word"))


async def find_theirs(consent_id: str, caller: Caller, runtime: Runtime) -> StoredConsent:
    """The consent, for whom it concerns: who recorded it, who receives by it, the person it is about.

    Raises `NotFound` for everybody else, as for one that does not exist.
    """
    stored = (await runtime.store.consents.read((consent_id,))).get(consent_id)
    if stored is None or not await _concerns(stored, caller, runtime):
        raise NotFound("unknown_consent", "There is no such consent for your department; check its id.")
    return stored


async def _concerns(stored: StoredConsent, caller: Caller, runtime: Runtime) -> bool:
    if caller.person is None:
        return caller.department in {stored.department, *stored.consent.recipients}
    # A guardian or agent who agreed can take it back as easily.
    theirs = {stored.subject_ref, record_of(stored, runtime).grantor_ref}
    return caller.person in theirs or not theirs.isdisjoint(await refs_of(caller.person, runtime))


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
