"""What an export needs beside the consent itself: what happened to it, step by step."""

from typing import Any

from gateway.audit.entries import rfc3339
from gateway.runtime import Runtime

_AT_ONCE = 200


async def events_of(consent_id: str, runtime: Runtime) -> list[dict[str, Any]]:
    """What happened to a consent, oldest first: state, at, actor and entry of each step."""
    told: list[dict[str, Any]] = []
    after = ""
    while found := await runtime.store.consents.events(consent_id, after=after, limit=_AT_ONCE):
        told += [
            {
                "state": event.state.value,
                "at": rfc3339(event.at),
                "actor": event.actor_kind,
                "entry": event.entry_id,
            }
            for event in found
        ]
        after = found[-1].id
    return told
