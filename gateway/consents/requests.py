"""Asking a person: what is asked, of whom, by which link, until when. The items are ours to say, not the caller's.

A request is stored sealed, with the facts its notice is rendered from, and told by an entry before its link leaves.
"""

from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Any

from field_registry import Subject
from forms.definition import Form
from gateway.audit.entries import make_entry, rfc3339
from gateway.consents.ask_command import AskConsent
from gateway.consents.asked_items import AskedItem, items_to_ask
from gateway.consents.notice import NOTICE_ID, NOTICE_VERSION
from gateway.consents.refusals import refused_recently
from gateway.consents.rejections import note_rejected
from gateway.consents.request_facts import notice_facts
from gateway.consents.request_links import link_digest, link_secret, proof_characters, proof_of
from gateway.consents.request_record import Asked, opened, sealed_record
from gateway.consents.request_rules import sides_of
from gateway.errors import Conflict, NotFound, NotValid
from gateway.records import Caller, CallerRole, ConsentRequest, EntryKind
from gateway.resolution.compiled import CompiledForm, compile_form
from gateway.runtime import Runtime
from policies import ConsentState
from policies.scope import scope_hash


async def create_request(command: AskConsent, caller: Caller, runtime: Runtime) -> Asked:
    """The request, open, once it is stored and told.

    Raises `NotFound`, `NotValid` with what is wrong, or `Conflict` when the form needs no consent of that person, or
    they refused everything it needs within 30 days.
    """
    now = runtime.clock()
    form = await runtime.library.form(command.form_id, command.version)
    compiled = runtime.library.compiled(form, compile_form)
    command = replace(command, recipients=command.recipients or (caller.department,))
    try:
        sides = sides_of(command, form, runtime.settings, now)
        items = _items(compiled, command, caller)
        ref = await runtime.subjects.ref_of(runtime.subjects.key_of(sides.subject), sides.subject.kind)
        items, not_asked = await _without_refused(items, ref, command, now, runtime)
    except (NotValid, Conflict) as refusal:
        await _note_refusal(refusal, command, form, caller, runtime)
        raise
    facts = notice_facts(command, form, sides, items, caller, runtime)
    more = {"not_asked": not_asked, "scope_hash": _scope_of(items, runtime), "facts": facts}
    return await _store(_said(command) | more, ref, sides.grantor, caller, now, runtime)


async def _note_refusal(
    refusal: NotValid | Conflict, command: AskConsent, form: Form, caller: Caller, runtime: Runtime
) -> None:
    if refusal.code == "nothing_to_ask":  # nobody was to be asked for anything
        return
    codes = [finding["code"] for finding in refusal.errors] or [refusal.code]
    await note_rejected(command.subject, form.purpose, form.id, codes, caller, runtime)


async def read_request(request_id: str, caller: Caller, runtime: Runtime) -> Asked:
    """The request as it stands, for the department that made it; raises `NotFound` for anybody else's."""
    request = await runtime.store.consent_requests.read(request_id)
    if request is None or request.department != caller.department:
        raise NotFound(
            "unknown_consent_request", "There is no such request of your department; check its id."
        )
    return await opened(request, runtime)


def _items(compiled: CompiledForm, command: AskConsent, caller: Caller) -> tuple[AskedItem, ...]:
    # Whoever asks, it is a renderer that will resolve the form.
    roles = caller.roles | {CallerRole.renderer}
    items = items_to_ask(compiled, command.role, command.recipients, roles)
    if not items:
        raise Conflict(
            "nothing_to_ask",
            "For this role and these recipients the form fetches nothing that needs a consent.",
        )
    return items


def _said(command: AskConsent) -> dict[str, Any]:
    """What is kept of what the desk said, beside the facts of the notice."""
    return {
        "subject": dict(command.subject),
        "grantor": command.grantor and dict(command.grantor),
        "relationship": command.relationship and asdict(command.relationship),
        "witness": command.witness,
        "started_by_subject": command.started_by_subject,
        "channel": command.channel,
        "language": command.language,
        "notice_version": NOTICE_VERSION,
    }


def _scope_of(items: tuple[AskedItem, ...], runtime: Runtime) -> str:
    published = runtime.library.published
    return scope_hash([item.item for item in items], published.registry, published.day)


async def _without_refused(
    items: tuple[AskedItem, ...], subject_ref: str, command: AskConsent, now: datetime, runtime: Runtime
) -> tuple[tuple[AskedItem, ...], list[dict[str, str]]]:
    """The items that may be asked for, and those that were refused lately with the day from which they may be."""
    if command.started_by_subject:
        return items, []
    refused = await refused_recently(subject_ref, [item.item for item in items], now, runtime)
    left = tuple(item for item in items if item.item not in refused)
    if not left:
        raise Conflict(
            "refused_recently",
            "This person refused all of it within 30 days. The form is filled by hand, unless they ask themselves "
            "(initiated_by: subject).",
        )
    return left, [{"item": item, "until": rfc3339(until)} for item, until in sorted(refused.items())]


async def _store(
    record: Mapping[str, Any],
    subject_ref: str,
    grantor: Subject,
    caller: Caller,
    now: datetime,
    runtime: Runtime,
) -> Asked:
    request_id = runtime.new_reference("crq", now)
    facts, fingerprint = record["facts"], runtime.fingerprint
    request = ConsentRequest(
        id=request_id,
        link=link_digest(link_secret(request_id, fingerprint), fingerprint),
        proof=proof_of(request_id, proof_characters(grantor), fingerprint),
        subject_ref=subject_ref,
        requested_by=caller.id,
        department=caller.department,
        form=facts["form"]["id"],
        state=ConsentState.requested,
        created_at=now,
        expires_at=now + timedelta(minutes=runtime.settings.consent_request_minutes),
        sealed=await sealed_record(request_id, subject_ref, record, runtime),
    )
    asked = Asked(request, record)
    entry = make_entry(
        runtime.new_reference("aud", now),
        EntryKind.consent_requested,
        now,
        caller=caller.id,
        request=request_id,
        facts={
            "subject": subject_ref,
            "purpose": facts["purpose"]["code"],
            "form": facts["form"]["id"],
            "items": [item["item"] for item in facts["items"]],
            "recipients": facts["recipients"],
            "expires_at": rfc3339(request.expires_at),
            "notice": [NOTICE_ID, record["notice_version"]],
            # On whose word what was refused lately is asked again: it must be possible to count how often.
            "initiated_by": "subject" if record["started_by_subject"] else "desk",
        },
        private={"notice": asked.notice().sha256, "witness": record["witness"], "case": facts["case"]},
        sealer=runtime.sealer,
        key=await runtime.subjects.key_for(subject_ref),
    )
    await runtime.store.consent_requests.add(request, entry)
    runtime.telemetry.entries(EntryKind.consent_requested)
    return asked
