"""Where a disputed value went, as the owner department sees it: applications, answers, and who was told."""

from typing import Any

import orjson

from gateway.audit.entries import rfc3339
from gateway.disputes.affected import UsedIn, affected_by
from gateway.disputes.notices import offered_document, used_document
from gateway.disputes.service import not_the_owner, owns, unknown_dispute
from gateway.records import Caller, Dispute, DisputeState, Message
from gateway.runtime import Runtime

_MOST_TOLD = 500
_MOST_STEPS = 1_000


async def where_it_went(
    dispute_id: str, caller: Caller, runtime: Runtime, *, after: str, limit: int
) -> dict[str, Any]:
    """One page of what is affected, for the department that owns or supervises the dispute.

    Raises `NotFound`, and `NotAllowed` for another department.
    """
    dispute = await runtime.store.disputes.read(dispute_id)
    if dispute is None:
        raise unknown_dispute()
    if not owns(dispute, caller):
        raise not_the_owner()
    return await went_to(dispute, runtime, after=after, limit=limit)


async def went_to(dispute: Dispute, runtime: Runtime, *, after: str, limit: int) -> dict[str, Any]:
    """The same for whoever may see it without asking."""
    used = await affected_by(dispute, runtime)
    told = await runtime.store.outbox.about(dispute.id, after="", limit=_MOST_TOLD)
    beyond = [each for each in used.submissions if _cursor(each) > after]
    shown = beyond[:limit]
    is_corrected = dispute.state is DisputeState.corrected
    open_answers = [offered_document(each) for each in used.drafts]
    return {
        "dispute": dispute.id,
        "submissions": [_slot(each) for each in shown],
        "resolutions": await _emptied(dispute, runtime) if is_corrected else open_answers,
        "told": [_told(each) for each in told],
        "next_cursor": _cursor(shown[-1]) if len(beyond) > limit else None,
    }


def _slot(used: UsedIn) -> dict[str, Any]:
    return {**used_document(used), "client": used.client, "department": used.department}


def _cursor(used: UsedIn) -> str:
    """In the order of a page: by application, which is by time, then as the slots of one stand."""
    return f"{used.submission_id} {used.path}"


async def _emptied(dispute: Dispute, runtime: Runtime) -> list[dict[str, Any]]:
    """The answers that the correction emptied, as its entry names them."""
    events = await runtime.store.disputes.events(dispute.id, after="", limit=_MOST_STEPS)
    entry = await runtime.store.search.entry(events[-1].entry_id) if events else None
    ids = [] if entry is None else orjson.loads(entry.leaf).get("drafts", [])
    drafts = [await runtime.store.drafts.read(each) for each in ids]
    return [
        {"id": each.id, "form": each.form, "form_version": each.form_version}
        for each in drafts
        if each is not None
    ]


def _told(message: Message) -> dict[str, Any]:
    return {
        "id": message.id,
        "client": message.client,
        "created_at": rfc3339(message.created_at),
        "tries": message.tries,
        "delivered_at": None if message.delivered_at is None else rfc3339(message.delivered_at),
        "next_at": None if message.next_at is None else rfc3339(message.next_at),
        "failure": message.failure,
    }
