"""What clients are told of disputes by webhook: references, codes, paths and days; never a value, never a person."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from gateway.audit.entries import rfc3339
from gateway.disputes.affected import Affected, OfferedIn, UsedIn
from gateway.records import Client, Dispute, EntryKind, Message
from gateway.runtime import Runtime
from gateway.security.registered import read_all

_MOST_SLOTS = 200
"""Of one message; who has more is told in several."""


@dataclass(slots=True)
class Concern:
    """What one client is told besides the dispute itself."""

    submissions: list[UsedIn] = field(default_factory=list)
    drafts: list[OfferedIn] = field(default_factory=list)


async def tell_departments(
    kind: EntryKind, dispute: Dispute, now: datetime, runtime: Runtime, *, departments: Iterable[str | None]
) -> list[Message]:
    """A message for every client of these departments that takes any."""
    wanted = {each for each in departments if each is not None}
    clients = [each.id for each in await _listening(runtime) if each.department in wanted]
    return _messages(kind, dispute, now, runtime, {client: Concern() for client in clients})


async def tell_offices(
    kind: EntryKind,
    dispute: Dispute,
    now: datetime,
    runtime: Runtime,
    *,
    used: Affected | None,
    desk: str | None,
) -> list[Message]:
    """A message for every client that handed in or holds something the value went into, and for the desk."""
    concerns: dict[str, Concern] = {} if desk is None else {desk: Concern()}
    for each in used.submissions if used else ():
        concerns.setdefault(each.client, Concern()).submissions.append(each)
    for offered in used.drafts if used else ():
        concerns.setdefault(offered.client, Concern()).drafts.append(offered)
    listening = {each.id for each in await _listening(runtime)}
    told = {client: concern for client, concern in concerns.items() if client in listening}
    return _messages(kind, dispute, now, runtime, told)


async def _listening(runtime: Runtime) -> list[Client]:
    clients = await read_all(runtime.store.clients)
    return [each for each in clients if each.webhook is not None and each.disabled_at is None]


def _messages(
    kind: EntryKind, dispute: Dispute, now: datetime, runtime: Runtime, concerns: Mapping[str, Concern]
) -> list[Message]:
    return [
        _message(kind, dispute, now, runtime, client=client, concern=part)
        for client, concern in sorted(concerns.items())
        for part in _parts(concern)
    ]


def _parts(concern: Concern) -> list[Concern]:
    whole = [*concern.submissions, *concern.drafts]
    if len(whole) <= _MOST_SLOTS:
        return [concern]
    parts = [whole[begin : begin + _MOST_SLOTS] for begin in range(0, len(whole), _MOST_SLOTS)]
    return [
        Concern(
            [each for each in part if isinstance(each, UsedIn)],
            [each for each in part if isinstance(each, OfferedIn)],
        )
        for part in parts
    ]


def _message(
    kind: EntryKind, dispute: Dispute, now: datetime, runtime: Runtime, *, client: str, concern: Concern
) -> Message:
    message_id = runtime.new_reference("msg", now)
    body = {
        "id": message_id,
        "type": kind.value,
        "at": rfc3339(now),
        "dispute": dispute.id,
        "state": dispute.state.value,
        "item": dispute.item,
        "source": dispute.source,
        "department": dispute.department,
        "supervisor": dispute.supervisor,
        "level": dispute.level,
        "due": dispute.due.isoformat(),
        "first_due": dispute.first_due.isoformat(),
        "submissions": [used_document(each) for each in concern.submissions],
        "resolutions": [offered_document(each) for each in concern.drafts],
    }
    return Message(message_id, client, dispute.id, now, orjson.dumps(body), next_at=now)


def used_document(used: UsedIn) -> dict[str, Any]:
    """A slot of an application, as its office knows it."""
    return {
        "id": used.submission_id,
        "form": used.form,
        "form_version": used.form_version,
        "submitted_at": rfc3339(used.submitted_at),
        "path": used.path,
        "disposition": used.disposition.value,
    }


def offered_document(offered: OfferedIn) -> dict[str, Any]:
    """An answer that has to be resolved again."""
    return {"id": offered.resolution_id, "form": offered.form, "form_version": offered.form_version}
