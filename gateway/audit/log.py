"""The way into the log: every passage of a gate rides in the next transaction, many to a commit.

One committer takes whatever queued while the last commit was in flight, and what the loop brings along at once, so a
lone request waits for one commit and a busy node shares it. Nothing is acknowledged before it is durable: if the
commit fails, every passage of that batch fails with `StoreUnavailable` and the service answers 503.
"""

from collections.abc import Sequence
from typing import Any, TypeVar

from gateway.batching import Batcher
from gateway.ports import Gates
from gateway.records import GateRequest
from gateway.telemetry import Telemetry

T = TypeVar("T")

# What one transaction carries at most: beyond it a commit takes longer than the wait it saves.
_MOST_PER_COMMIT = 256


class AuditLog:
    """`gateway.ports.Ledger` over the gates of a store."""

    def __init__(self, gates: Gates, telemetry: Telemetry) -> None:
        self._gates = gates
        self._telemetry = telemetry
        self._batches: Batcher[GateRequest[Any], Any] = Batcher(self._commit, most=_MOST_PER_COMMIT)

    async def pass_gate(self, request: GateRequest[T]) -> T:
        """What the passage gives, once its entry is durable."""
        result: T = await self._batches(request)
        return result

    async def drain(self) -> None:
        """Wait until everything queued is durable; for an orderly end."""
        await self._batches.drain()

    async def _commit(self, requests: Sequence[GateRequest[Any]]) -> Sequence[Any]:
        results = await self._gates.commit(requests)
        self._telemetry.commit_batch(len(requests))
        return results
