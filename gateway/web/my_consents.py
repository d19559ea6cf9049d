"""`/my/consents`: what I agreed to, how it stands and how often it was used; pause, resume, withdraw by one press.

The steps are those of the interface, with the same entries: what the person paused, only the person resumes.
"""

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from gateway.audit.entries import rfc3339
from gateway.consents.keeping import record_of, state_at
from gateway.consents.moves import find_theirs, move_consent
from gateway.consents.record import AgreedItem, ConsentRecord
from gateway.consents.service import own_consents, read_events
from gateway.errors import Conflict
from gateway.records import ConsentEvent, StoredConsent
from gateway.reports.uses import own_uses
from gateway.runtime import Runtime
from gateway.submissions.receipt_print import local
from gateway.web.my_gate import Visit, own_page
from gateway.web.my_words import CHANGED, CONSENT_BEGINS, CONSENT_STATES, RESUMED, USED_UP
from gateway.web.paging import page_of
from gateway.web.words import Words
from policies import ConsentState
from policies.consent import RELEASING

router = APIRouter()

_S = ConsentState
HOLDING = frozenset({_S.given, _S.renewed, _S.paused})
"""States in which a consent is, or may be again, a ground."""
_STEPS = {
    _S.given: ("pause", "withdraw"),
    _S.renewed: ("pause", "withdraw"),
    _S.paused: ("resume", "withdraw"),
    _S.requested: ("withdraw",),
    _S.deferred: ("withdraw",),
}
_AT_ONCE = 200
_MOST_COUNTED = 500
_MOST_NAMED = 5
_FETCHED = frozenset({"use", "reread"})


@own_page("consents")
async def get_consents(visit: Visit) -> Response:
    """Those that hold first, then the others, each newest first."""
    runtime = visit.runtime
    now = runtime.clock()
    found = sorted(await every_consent(visit.ref, runtime), key=lambda each: each.consent.id, reverse=True)
    ordered = sorted(found, key=lambda each: state_at(each, now) not in HOLDING)
    shown, older, number = page_of(ordered, visit.asked("page"))
    cards = [consent_view(record_of(each, runtime), visit) for each in shown]
    return visit.show("my_consents.html", {"consents": cards, "older": older, "page": number})


@own_page("consents")
async def get_consent(visit: Visit) -> Response:
    """All of one consent, with what happened to it and the uses made of it."""
    return await _show_consent(visit)


@own_page("consents")
async def post_consent(visit: Visit) -> Response:
    """One step, at once; a step that its state does not allow any more leaves it as it is, and says so."""
    consent_id = visit.request.path_params["consent"]
    step, _ = await visit.sent("withdraw", "pause", "resume", about=consent_id)
    try:
        await move_consent(consent_id, step, visit.caller, visit.runtime, actor_kind="applicant")
    except Conflict:
        return await _show_consent(visit, status=409, words=CHANGED)
    return visit.there(f"my/consents/{consent_id}", step)


router.add_route("/my/consents", get_consents, methods=["GET"])
router.add_route("/my/consents/{consent}", get_consent, methods=["GET"])
router.add_route("/my/consents/{consent}", post_consent, methods=["POST"])


async def every_consent(ref: str, runtime: Runtime) -> Sequence[StoredConsent]:
    """All consents of that person that are not emptied, still sealed, by id."""
    found: list[StoredConsent] = []
    after = ""
    while rows := await own_consents(ref, runtime, after=after, limit=_AT_ONCE):
        found += rows
        after = rows[-1].consent.id
    return [each for each in found if each.sealed]


async def _show_consent(visit: Visit, *, status: int = 200, words: Words | None = None) -> Response:
    runtime, consent_id = visit.runtime, visit.request.path_params["consent"]
    record = record_of(await find_theirs(consent_id, visit.caller, runtime), runtime)
    events = await read_events(consent_id, visit.caller, runtime, after="", limit=_AT_ONCE)
    told = {
        **consent_view(record, visit),
        "sources": _sources(record),
        "events": [_event_view(each, is_first=each is events[0]) for each in events],
        "uses": await _uses(record, visit),
    }
    return visit.show("my_consent.html", {"consent": told, "words": words}, status=status)


def consent_view(record: ConsentRecord, visit: Visit) -> dict[str, Any]:
    """A consent as a card shows it, with the buttons it has."""
    limits = record.limits
    purpose = visit.runtime.library.published.policy.purposes.get(record.purpose)
    return {
        "id": record.id,
        "purpose": record.purpose_text or record.purpose,
        "purpose_en": purpose.name_en if purpose is not None else "",
        "state": USED_UP
        if record.state in RELEASING and limits.uses_left == 0
        else CONSENT_STATES[record.state],
        "holds": record.state in HOLDING,
        "permitted": [_item_view(each) for each in record.items if each.permit],
        "denied": [_item_view(each) for each in record.items if not each.permit],
        "recipients": "、".join(party.name for party in record.parties.recipients),
        "given_at": local(rfc3339(record.recorded_at))[:16],
        "until": local(rfc3339(limits.expires_at))[:16],
        "used": _used(record),
        "by_another": record.grantor_role != "self",
        "steps": [(step, visit.nonce(step, record.id)) for step in _STEPS.get(record.state, ())],
    }


def _item_view(item: AgreedItem) -> Words:
    return item.name or item.item, item.name_en


def _sources(record: ConsentRecord) -> list[str]:
    named = (source for item in record.items if item.permit for source in item.sources)
    return list(dict.fromkeys(f"{each.department} {each.name}".strip() for each in named))


def _used(record: ConsentRecord) -> Words:
    """How often it may be used, and how often it still may."""
    limits = record.limits
    if limits.max_uses is not None and limits.uses_left is not None:
        used = limits.max_uses - limits.uses_left
        return (
            f"已用 {used} 次，最多 {limits.max_uses} 次",
            f"used {used} of {limits.max_uses} times",
        )
    if limits.frequency is not None:
        often, hours = limits.frequency, limits.frequency.per.total_seconds() / 3600
        return (
            f"不限总次数，每 {hours:g} 小时最多 {often.count} 次",
            f"any number of times, at most {often.count} in {hours:g} hours",
        )
    return "到期前不限次数", "any number of times until then"


async def _uses(record: ConsentRecord, visit: Visit) -> dict[str, Any]:
    """The uses that the log tells were made of it since it was given."""
    found = await own_uses(
        visit.ref, visit.runtime, cursor="", limit=_MOST_COUNTED, language="zh", since=record.recorded_at
    )
    of_it = [
        use
        for use in found.uses
        if use.kind in _FETCHED and any(ground.id == record.id for ground in use.ground)
    ]
    return {
        "number": len(of_it),
        "has_more": found.cursor is not None,
        "newest": [(local(use.at.isoformat())[:16], use.who, use.result.text) for use in of_it[:_MOST_NAMED]],
    }


def _event_view(event: ConsentEvent, *, is_first: bool) -> tuple[str, Words, bool]:
    """When, what, and whether the person did it. A consent that comes into force again was resumed."""
    is_resumed = not is_first and event.state in CONSENT_BEGINS
    name = RESUMED if is_resumed else CONSENT_BEGINS.get(event.state, CONSENT_STATES[event.state])
    return local(rfc3339(event.at))[:16], name, event.actor_kind == "applicant"
