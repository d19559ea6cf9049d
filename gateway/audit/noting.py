"""Noting what happens outside any gate: a look-up, an export, a new key. Durable before whoever notes goes on."""

from collections.abc import Mapping
from typing import Any

from gateway.audit.entries import make_entry
from gateway.records import EntryKind, GateRequest, GateWrite
from gateway.runtime import Runtime

ITSELF = "oncegate"
"""The caller of entries that no client caused."""


async def note(
    kind: EntryKind,
    facts: Mapping[str, Any],
    runtime: Runtime,
    *,
    caller: str = ITSELF,
    request: str | None = None,
    private: Mapping[str, Any] | None = None,
) -> str:
    """The id of the entry, once it is durable. `facts`, `private` as `make_entry` wants them.

    Raises `StoreUnavailable`.
    """
    now = runtime.clock()
    entry_id = runtime.new_reference("aud", now)
    entry = make_entry(
        entry_id,
        kind,
        now,
        caller=caller,
        request=request,
        facts=facts,
        private=private,
        sealer=runtime.sealer if private is not None else None,
    )
    await runtime.ledger.pass_gate(GateRequest((), lambda _: GateWrite(entry, None)))
    runtime.telemetry.entries(kind)
    return entry_id
