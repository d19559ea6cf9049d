"""Consents: recorded and read. Recording is an event and an entry in one transaction; so is refusing to record.

A consent is immutable once recorded: what changes makes a new record that renews it, and only its state moves
(`gateway.consents.moves`). Withdrawing works at the next statement of any worker, because both gates read the state
from the database.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from field_registry import Subject, subject_from
from forms.definition import Form
from gateway.audit.entries import finding_key
from gateway.consents.commands import RecordConsent
from gateway.consents.keeping import document_digest, document_of, record_of, seal_document
from gateway.consents.moves import entry_of, find_theirs
from gateway.consents.record import ConsentRecord, told
from gateway.consents.rejections import note_rejected
from gateway.consents.renewal import end_by_renewal, renewed_by
from gateway.consents.repeats import repeat_findings
from gateway.consents.rules import Given, findings_of
from gateway.errors import Conflict, NotValid
from gateway.identities.persons import page_of_all
from gateway.library import Published
from gateway.records import (
    Caller,
    ConsentEvent,
    EntryKind,
    RequestAnswer,
    StoredConsent,
)
from gateway.runtime import Runtime
from policies import Consent, ConsentState, Standing
from policies.consent import Frequency
from policies.scope import ItemScopes

_S = ConsentState
_FIRST = {
    _S.given: EntryKind.consent_given,
    _S.renewed: EntryKind.consent_renewed,
    _S.refused: EntryKind.consent_refused,
}


async def record_consent(
    command: RecordConsent, caller: Caller, runtime: Runtime, *, answers: RequestAnswer | None = None
) -> dict[str, Any]:
    """The consent as recorded: `given`, `renewed` where it takes another's place, `refused` where nothing is permitted.

    Raises `NotValid` with one finding per broken rule, once an entry says that it was not recorded; `Conflict` when the
    consent to be renewed has ended meanwhile. `answers`: the open request that it closes in the same transaction, with
    the id of this consent; `Conflict` when it is not open: a request comes to one consent, whatever is sent twice.
    """
    now, published = runtime.clock(), runtime.library.published
    form = await _form_of(command, published, runtime)
    renewed, findings = await renewed_by(command, caller, runtime)
    settings = runtime.settings
    given = Given(
        now,
        published,
        caller.department,
        form.department if form else None,
        settings.consent_longest,
        settings.consent_longest_at_counter,
    )
    findings = [*findings_of(command, given), *findings]
    if not findings and answers is None:  # what answers a link is agreed to at this moment, by the person
        findings = await repeat_findings(command, subject_from(command.subject), runtime)
    if findings:
        codes = [finding["code"] for finding in findings]
        await note_rejected(command.subject, command.purpose, command.form, codes, caller, runtime)
        raise NotValid(
            "consent_not_valid", "The consent was not recorded; correct what `errors` names.", errors=findings
        )
    stored = await _stored(_completed(command, form), renewed, caller, runtime)
    await _add(stored, command, renewed, caller, runtime, answers)
    return told(record_of(stored, runtime))


async def read_consent(consent_id: str, caller: Caller, runtime: Runtime) -> dict[str, Any]:
    """The consent as it stands. Raises `NotFound`, also for departments it does not concern."""
    return told(await read_record(consent_id, caller, runtime))


async def read_record(consent_id: str, caller: Caller, runtime: Runtime) -> ConsentRecord:
    """The whole record, for those who may read the consent; without its events."""
    return record_of(await find_theirs(consent_id, caller, runtime), runtime)


async def read_events(
    consent_id: str, caller: Caller, runtime: Runtime, *, after: str, limit: int
) -> Sequence[ConsentEvent]:
    """What happened to the consent, in order of time, for those who may read it."""
    await find_theirs(consent_id, caller, runtime)
    return await runtime.store.consents.events(consent_id, after=after, limit=limit)


async def own_consents(ref: str, runtime: Runtime, *, after: str, limit: int) -> Sequence[StoredConsent]:
    """The consents about that person under any of their documents, by id. What was erased has nothing left to show."""

    async def read(each: str) -> Sequence[StoredConsent]:
        return await runtime.store.consents.of_subject(each, after=after, limit=limit)

    return await page_of_all(ref, read, lambda stored: stored.consent.id, runtime, limit=limit)


def view(stored: StoredConsent, runtime: Runtime) -> dict[str, Any]:
    """A stored consent as callers see it."""
    return told(record_of(stored, runtime))


# ---------------------------------------------------------------- recording, step by step


async def _form_of(command: RecordConsent, published: Published, runtime: Runtime) -> Form | None:
    """The form that it names; None where it names none, or one there is not, which is a finding of its own."""
    if command.form is None or command.form not in published.forms:
        return None
    return await runtime.library.form(command.form, None)


def _completed(command: RecordConsent, form: Form | None) -> RecordConsent:
    """The record with what the form says of its items, and once where nothing says how often at a counter."""
    once = command.max_uses is None and command.is_at_counter
    return replace(
        command,
        # What answers a request was shown it as the form of that time says; what is recorded is what was shown.
        necessity=command.necessity if command.request else {**command.necessity, **_necessity(form)},
        max_uses=1 if once else command.max_uses,
    )


def _necessity(form: Form | None) -> Mapping[str, str]:
    """item → whether some field that must be filled wants it."""
    if form is None:
        return {}
    groups = {group.path: group.item for group in form.groups}
    found: dict[str, str] = {}
    for field in form.fields:
        item = groups.get(field.group) if field.group else field.item
        if item is not None and found.get(item) != "required":
            found[item] = "required" if field.required else "optional"
    return found


async def _stored(
    command: RecordConsent, renewed: StoredConsent | None, caller: Caller, runtime: Runtime
) -> StoredConsent:
    now, published = runtime.clock(), runtime.library.published
    subject = subject_from(command.subject)
    consent_id = runtime.new_reference("cns", now)
    ref = await _ref_of(subject, runtime)
    wrapped = (await runtime.store.subjects.keys((ref,))).get(ref)
    state = _state(command, renewed)
    document = document_of(
        command, caller.department, published, grantor_ref=await _grantor_ref(command, ref, runtime)
    )
    scopes = ItemScopes(published.registry, published.day)
    return StoredConsent(
        consent=Consent(
            consent_id,
            runtime.subjects.key_of(subject),
            command.purpose,
            command.form,
            frozenset(command.recipients),
            frozenset(command.permitted),
            frozenset(item for item, permit in command.items.items() if not permit),
            _standing(command, state, now),
            case_key=finding_key("case", command.case, runtime.fingerprint) if command.case else None,
            scope=scopes.agreed(command.permitted),
            data_life=command.data_life,
        ),
        subject_ref=ref,
        subject_kind=subject.kind,
        recorded_by=caller.id,
        department=caller.department,
        recorded_at=now,
        sealed=seal_document(document, consent_id, runtime, runtime.keys.open(wrapped, ref)),
        wrapped_key=wrapped,
        renews=command.renews if state is _S.renewed else None,
    )


def _state(command: RecordConsent, renewed: StoredConsent | None) -> ConsentState:
    if not command.permitted:
        return _S.refused
    return _S.given if renewed is None else _S.renewed


def _standing(command: RecordConsent, state: ConsentState, now: datetime) -> Standing:
    often = Frequency(*command.frequency) if command.frequency else None
    return Standing(state, command.not_before or now, command.expires_at, command.max_uses, often)


async def _ref_of(subject: Subject, runtime: Runtime) -> str:
    return await runtime.subjects.ref_of(runtime.subjects.key_of(subject), subject.kind)


async def _grantor_ref(command: RecordConsent, subject_ref: str, runtime: Runtime) -> str | None:
    if command.grantor is None:
        return subject_ref if command.grantor_role == "self" else None
    return await _ref_of(subject_from(command.grantor), runtime)


async def _add(
    stored: StoredConsent,
    command: RecordConsent,
    renewed: StoredConsent | None,
    caller: Caller,
    runtime: Runtime,
    answers: RequestAnswer | None,
) -> None:
    state = stored.consent.standing.state
    kind = _FIRST[state]
    how = {"channel": command.notice.channel, "method": command.evidence.method}
    links = {"renews": stored.renews, "asked": command.request}
    facts = how | {name: ref for name, ref in links.items() if ref is not None}
    private = {"record": document_digest(stored, runtime), "notice": command.notice.rendered_sha256}
    entry = entry_of(stored, kind, caller.id, runtime, private=private, **facts)
    event = ConsentEvent(
        id=runtime.new_reference("cev", entry.at),
        consent_id=stored.consent.id,
        at=entry.at,
        state=state,
        actor_kind=command.notice.channel,
        reason="",
        entry_id=entry.id,
        actor=caller.id,
    )
    ends = end_by_renewal(renewed, stored, caller, runtime) if renewed is not None and stored.renews else None
    closes = answers and replace(answers, consent_id=stored.consent.id)
    if not await runtime.store.consents.add(stored, event, entry, ends=ends, answers=closes):
        if closes is not None:
            raise Conflict("request_answered", "The request was answered already, or its time is over.")
        raise Conflict("consent_ended_meanwhile", "The consent to be renewed has ended; record a new one.")
    runtime.telemetry.entries(kind)
