"""The same agreement handed in again after it was withdrawn or paused: it is none any more.

A desk that sends what it kept, by mistake or on purpose, would undo a withdrawal or go around a pause. What the person
agrees to anew has a notice of its own, shown after that.
"""

from collections.abc import AsyncIterator
from datetime import datetime

from field_registry import Subject
from gateway.consents.commands import RecordConsent
from gateway.consents.findings import Finding, finding
from gateway.identities.persons import refs_of
from gateway.records import StoredConsent
from gateway.runtime import Runtime
from policies.consent import ConsentState

_AT_ONCE = 200
_S = ConsentState
_STOPS = frozenset({_S.withdrawn, _S.paused, _S.invalidated})
_GOES_ON = frozenset({_S.given, _S.renewed})


async def repeat_findings(command: RecordConsent, subject: Subject, runtime: Runtime) -> list[Finding]:
    """Why that agreement does not count again; empty where it is given for the first time."""
    ref = await runtime.store.subjects.find(runtime.subjects.key_of(subject))
    if ref is None or not command.permitted:
        return []
    async for stored in _of_purpose(ref, command, runtime):
        if await _was_stopped_since(stored, command.notice.shown_at, runtime):
            detail = (
                "This was withdrawn, paused or ended since the notice was shown; show it again and ask anew."
            )
            return [finding("/notice/shown_at", "agreed_before_withdrawal", detail)]
    return []


async def _of_purpose(ref: str, command: RecordConsent, runtime: Runtime) -> AsyncIterator[StoredConsent]:
    """What was permitted of these items for that purpose, under any of the subject's documents."""
    wanted = frozenset(command.permitted)
    for each in await refs_of(ref, runtime):
        after = ""
        while page := await runtime.store.consents.of_subject(each, after=after, limit=_AT_ONCE):
            for stored in page:
                if stored.consent.purpose == command.purpose and wanted & stored.consent.permitted:
                    yield stored
            after = page[-1].consent.id


async def _was_stopped_since(stored: StoredConsent, shown_at: datetime, runtime: Runtime) -> bool:
    """Whether it was stopped after that and never resumed, whatever has become of it then."""
    if stored.consent.standing.state in _GOES_ON:
        return False
    after, stopped_at = "", None
    while events := await runtime.store.consents.events(stored.consent.id, after=after, limit=_AT_ONCE):
        for each in events:
            if each.state in _STOPS:
                stopped_at = each.at
            elif each.state in _GOES_ON:
                stopped_at = None
        after = events[-1].id
    # Desks tell times to the second: what was shown in the second of the withdrawal may well be the notice after it.
    return stopped_at is not None and stopped_at.replace(microsecond=0) > shown_at
