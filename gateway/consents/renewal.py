"""Renewing a consent: a new record takes the place of an older one about the same subject and purpose."""

from field_registry import subject_from
from field_registry.errors import BadIdentifier
from gateway.consents.commands import RecordConsent
from gateway.consents.findings import Finding
from gateway.consents.moves import ENDABLE, entry_of, find_theirs
from gateway.errors import NotFound
from gateway.identities.persons import are_one
from gateway.records import Caller, ConsentEnd, ConsentEvent, EntryKind, StoredConsent
from gateway.runtime import Runtime
from policies import ConsentState


async def renewed_by(
    command: RecordConsent, caller: Caller, runtime: Runtime
) -> tuple[StoredConsent | None, list[Finding]]:
    """The consent whose place this one takes, or why it cannot."""
    if command.renews is None:
        return None, []
    try:
        before = await find_theirs(command.renews, caller, runtime)
        key = runtime.subjects.key_of(subject_from(command.subject))
    except NotFound as error:
        return None, [{"pointer": "/renews", "code": error.code, "detail": error.detail}]
    except BadIdentifier:
        return None, []  # a finding of its own
    is_theirs = before.consent.subject_key == key or await are_one(
        before.subject_ref, await runtime.store.subjects.find(key), runtime
    )
    if not is_theirs or before.consent.purpose != command.purpose:
        code = "renews_another"
        detail = "A renewal is about the same subject and purpose; record a new consent instead."
    elif before.consent.standing.state not in ENDABLE:
        code = "renews_ended"
        detail = "That consent was ended for good; record a new one without `renews`."
    else:
        return before, []
    return None, [{"pointer": "/renews", "code": code, "detail": detail}]


def end_by_renewal(before: StoredConsent, by: StoredConsent, caller: Caller, runtime: Runtime) -> ConsentEnd:
    """The end of the consent whose place another one takes."""
    entry = entry_of(before, EntryKind.consent_terminated, caller.id, runtime, renewed_by=by.consent.id)
    event = ConsentEvent(
        id=runtime.new_reference("cev", entry.at),
        consent_id=before.consent.id,
        at=entry.at,
        state=ConsentState.terminated,
        actor_kind="gateway",
        reason="renewed",
        entry_id=entry.id,
        actor=caller.id,
    )
    return ConsentEnd(event, entry, ENDABLE)
