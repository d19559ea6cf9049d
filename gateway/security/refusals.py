"""Refusals of access as entries of the log: who could not prove themselves, or may not do what they asked.

Written in the background, so that refusing costs no commit, and at once, so that a crash loses next to nothing. An
attacker cannot fill the log with them: beyond ten in a second they are only counted, and one entry tells how many.
While the database is away they wait, up to a limit. Nothing of what was sent is kept: reasons are words of ours, and a
client is named only when it is registered.
"""

import asyncio
import contextvars
from collections import Counter
from contextlib import suppress
from typing import Any

from gateway.audit.entries import make_entry
from gateway.audit.noting import ITSELF
from gateway.errors import Conflict, Unavailable
from gateway.records import Entry, EntryKind, GateRequest, GateWrite
from gateway.runtime import Runtime

MOST_PER_SECOND = 10
_MOST_WAITING = 1_000


class Refusals:
    """Notes refusals. Must be used from one event loop."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._waiting: list[Entry] = []
        self._more: Counter[str] = Counter()
        self._second, self._within = 0, 0
        self._writer: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()

    def add(self, reason: str, *, proof: str, client: str | None = None, is_proven: bool = False) -> None:
        """Note that somebody was refused; durable soon after.

        `reason`: a word of ours. `proof`: what they showed: none, bearer, dpop, assertion, secret, other. `client`: the
        registered one it was in the name of; `is_proven`: it really was.
        """
        if not self.may_note(reason):
            return
        facts = {"reason": reason, "proof": proof, "client": client}
        self._waiting.append(self._entry(facts, caller=client if client and is_proven else ITSELF))
        if self._writer is None:
            # Its own context: what this request bound to its logs must not show in what comes later.
            self._writer = asyncio.create_task(self._write_soon(), context=contextvars.Context())

    async def flush(self) -> int:
        """How many entries were written: those that still wait, and one for all that were only counted.

        Raises `StoreUnavailable`; then they go on waiting.
        """
        if self._more:
            more, self._more = self._more, Counter()
            facts = {"reason": "many", "refusals": more.total(), "by_reason": dict(more)}
            self._waiting.append(self._entry(facts, caller=ITSELF))
        return await self._write()

    def may_note(self, reason: str) -> bool:
        """Whether one more refusal may be an entry of its own at this moment; else it is counted, as that reason."""
        has_room = self._has_room()
        if not has_room:
            self._more[reason] += 1
        return has_room

    def _has_room(self) -> bool:
        second = int(self._runtime.clock().timestamp())
        if second != self._second:
            self._second, self._within = second, 0
        self._within += 1
        return self._within <= MOST_PER_SECOND and len(self._waiting) < _MOST_WAITING

    def _entry(self, facts: dict[str, Any], *, caller: str) -> Entry:
        now = self._runtime.clock()
        entry_id = self._runtime.new_reference("aud", now)
        return make_entry(entry_id, EntryKind.access_refused, now, caller=caller, request=None, facts=facts)

    async def _write_soon(self) -> None:
        try:
            with suppress(Unavailable):  # they wait; `flush` tries again
                while self._waiting:
                    await self._write()
        finally:
            self._writer = None

    async def _write(self) -> int:
        async with self._turn:
            writing = list(self._waiting)
            for entry in writing:
                with suppress(Conflict):  # written the last time, although we did not hear so
                    await self._runtime.ledger.pass_gate(GateRequest((), _only(entry)))
                self._waiting.remove(entry)
                self._runtime.telemetry.entries(EntryKind.access_refused)
            return len(writing)


def _only(entry: Entry) -> Any:
    return lambda _: GateWrite(entry, None)
