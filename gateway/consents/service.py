"""Consents: recorded, read, paused, resumed, withdrawn. Each step is an event and an entry, in one transaction.

A consent is immutable once recorded; only its state moves. Withdrawing works at the next statement of any worker,
because both gates read the state from the database, and it purges the drafts that used the consent.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from field_registry.errors import BadIdentifier
from field_registry.identifiers import subject_from
from gateway.audit.entries import make_entry, rfc3339
from gateway.consents.commands import RecordConsent
from gateway.errors import Conflict, NotAllowed, NotFound, NotValid
from gateway.records import Caller, ConsentEvent, Entry, EntryKind, StoredConsent
from gateway.runtime import Runtime
from policies import Consent, ConsentState, Standing


@dataclass(frozen=True, slots=True)
class Move:
    """One way a consent may go: into which state, from which, told by which entry."""

    state: ConsentState
    allowed_from: frozenset[ConsentState]
    entry: EntryKind
    purges_drafts: bool = False


_S = ConsentState
_HAS_NUMBER = re.compile(r"\d{4}")
MOVES: Mapping[str, Move] = {
    "withdraw": Move(
        _S.withdrawn,
        frozenset({_S.requested, _S.deferred, _S.given, _S.renewed, _S.paused}),
        EntryKind.consent_withdrawn,
        purges_drafts=True,
    ),
    "pause": Move(_S.paused, frozenset({_S.given, _S.renewed}), EntryKind.consent_paused),
    "resume": Move(_S.given, frozenset({_S.paused}), EntryKind.consent_resumed),
}


async def record_consent(command: RecordConsent, caller: Caller, runtime: Runtime) -> dict[str, Any]:
    """The consent as recorded, in state `given`. Raises `NotValid` with one finding per fault."""
    now = runtime.clock()
    check(command, now, runtime)
    subject = subject_from(command.subject)
    key = runtime.subjects.key_of(subject)
    consent_id = runtime.new_reference("cns", now)
    ref = await runtime.subjects.ref_of(key, subject.kind)
    standing = Standing(_S.given, command.not_before or now, command.expires_at, command.max_uses)
    stored = StoredConsent(
        consent=Consent(
            consent_id,
            key,
            command.purpose,
            command.form,
            frozenset(command.recipients),
            frozenset(item for item, permit in command.items.items() if permit),
            frozenset(item for item, permit in command.items.items() if not permit),
            standing,
        ),
        subject_ref=ref,
        subject_kind=subject.kind,
        recorded_by=caller.id,
        department=caller.department,
        recorded_at=now,
        sealed=runtime.sealer.seal(
            orjson.dumps(dict(command.record)), table="consent", column="sealed", row=consent_id
        ),
    )
    entry = _entry(stored, EntryKind.consent_given, caller, now, runtime, reason="")
    event = _event(stored, _S.given, entry, command.channel, "", runtime)
    await runtime.store.consents.add(stored, event, entry)
    runtime.telemetry.entries(EntryKind.consent_given)
    return view(stored, runtime)


async def read_consent(consent_id: str, caller: Caller, runtime: Runtime) -> dict[str, Any]:
    """The consent as it stands. Raises `NotFound`, also for departments it does not concern."""
    return view(await _theirs(consent_id, caller, runtime), runtime)


async def move_consent(
    consent_id: str, how: str, caller: Caller, runtime: Runtime, *, actor_kind: str, reason: str = ""
) -> dict[str, Any]:
    """The consent after `withdraw`, `pause` or `resume`. Doing it twice is harmless.

    Raises `NotFound`, or `Conflict` when its state does not allow it (a withdrawn consent never comes back).
    """
    move = MOVES[how]
    stored = await _theirs(consent_id, caller, runtime)
    if how == "resume" and caller.department != stored.department:
        raise NotAllowed(
            "not_the_recording_department", "Only the department that recorded a consent resumes it."
        )
    if stored.consent.standing.state is move.state:
        return view(stored, runtime)
    now = runtime.clock()
    entry = _entry(stored, move.entry, caller, now, runtime, reason=reason)
    event = _event(stored, move.state, entry, actor_kind, reason, runtime)
    moved = await runtime.store.consents.move(
        event, entry, allowed_from=move.allowed_from, purge_drafts=move.purges_drafts
    )
    stored = await _theirs(consent_id, caller, runtime)
    if not moved and stored.consent.standing.state is not move.state:
        state = stored.consent.standing.state.value
        raise Conflict(f"consent_is_{state}", f"A consent that is {state} cannot be changed by {how!r}.")
    if moved:
        runtime.telemetry.entries(move.entry)
    return view(stored, runtime)


def check(command: RecordConsent, now: datetime, runtime: Runtime) -> None:
    """Nothing, or `NotValid` with everything that is wrong with the record."""
    published = runtime.library.published
    errors = []
    try:
        subject_from(command.subject)
    except BadIdentifier as error:
        errors.append({"pointer": "/subject", "code": error.code, "detail": str(error)})
    if command.purpose not in published.policy.purposes:
        detail = "There is no such purpose; use the purpose of the form it is for."
        errors.append({"pointer": "/purpose", "code": "unknown_purpose", "detail": detail})
    if command.form is not None and command.form not in published.forms:
        detail = "There is no published form of that id. GET /v1/forms lists them."
        errors.append({"pointer": "/form", "code": "unknown_form", "detail": detail})
    for number, item in enumerate(command.items):
        if item not in published.registry.items:
            detail = "There is no such item in the registry. GET /v1/items lists them."
            errors.append({"pointer": f"/items/{number}/item", "code": "unknown_item", "detail": detail})
    for number, recipient in enumerate(command.recipients):
        if _HAS_NUMBER.search(recipient):  # it will stand in the log in clear, for good
            detail = "Name a department; a name with a number of four digits or more may be somebody's."
            errors.append(
                {"pointer": f"/recipient_departments/{number}", "code": "not_a_department", "detail": detail}
            )
    errors.extend(_period_faults(command, now, runtime))
    if errors:
        raise NotValid(
            "consent_not_valid", "The consent was not recorded; correct what `errors` names.", errors=errors
        )


def _period_faults(command: RecordConsent, now: datetime, runtime: Runtime) -> list[dict[str, str]]:
    longest = runtime.settings.consent_longest
    begin = command.not_before or now
    if command.expires_at <= max(now, begin):
        detail = "expires_at must lie in the future and after not_before."
    elif command.expires_at - begin > longest:
        detail = f"A consent may run {longest.days} days at most; choose an earlier expires_at."
    else:
        return []
    return [{"pointer": "/expires_at", "code": "period", "detail": detail}]


def view(stored: StoredConsent, runtime: Runtime) -> dict[str, Any]:
    """The consent as callers see it: what was recorded, and how it stands now."""
    consent, standing = stored.consent, stored.consent.standing
    sealed = runtime.sealer.open(stored.sealed, table="consent", column="sealed", row=consent.id)
    record = orjson.loads(sealed)
    state = standing.state
    if state in (_S.given, _S.renewed) and runtime.clock() >= standing.expires_at:
        state = _S.expired
    return {
        "id": consent.id,
        "state": state.value,
        "subject": {"ref": stored.subject_ref, "kind": stored.subject_kind},
        "purpose": consent.purpose,
        "form": consent.form,
        "case": record["case"],
        "items": record["items"],
        "recipient_departments": sorted(consent.recipients),
        "not_before": rfc3339(standing.not_before),
        "expires_at": rfc3339(standing.expires_at),
        "max_uses": record["max_uses"],
        "uses_left": standing.uses_left,
        "mode": record["mode"],
        "grantor_role": record["grantor_role"],
        "notice": record["notice"],
        "evidence": record["evidence"],
        "recorded_at": rfc3339(stored.recorded_at),
    }


async def _theirs(consent_id: str, caller: Caller, runtime: Runtime) -> StoredConsent:
    stored = (await runtime.store.consents.read((consent_id,))).get(consent_id)
    if stored is None or caller.department not in {stored.department, *stored.consent.recipients}:
        raise NotFound("unknown_consent", "There is no such consent for your department; check its id.")
    return stored


def _entry(
    stored: StoredConsent, kind: EntryKind, caller: Caller, now: datetime, runtime: Runtime, *, reason: str
) -> Entry:
    consent = stored.consent
    return make_entry(
        runtime.new_reference("aud", now),
        kind,
        now,
        caller=caller.id,
        request=consent.id,
        facts={
            "subject": stored.subject_ref,
            "purpose": consent.purpose,
            "form": consent.form,
            "permitted": sorted(consent.permitted),
            "denied": sorted(consent.denied),
            "recipients": sorted(consent.recipients),
            "expires_at": rfc3339(consent.standing.expires_at),
        },
        private={"reason": reason} if reason else None,
        sealer=runtime.sealer,
    )


def _event(
    stored: StoredConsent, state: ConsentState, entry: Entry, actor_kind: str, reason: str, runtime: Runtime
) -> ConsentEvent:
    event_id = runtime.new_reference("cev", entry.at)
    sealed_reason = "given" if reason else ""  # the words themselves are sealed in the entry
    return ConsentEvent(event_id, stored.consent.id, entry.at, state, actor_kind, sealed_reason, entry.id)
