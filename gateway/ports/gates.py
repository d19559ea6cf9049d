"""The one door out, and the queue in front of it."""

from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

from gateway.records import GateRequest

T = TypeVar("T")


class Gates(Protocol):
    """The one door out: consent check, use taken and entry written are one transaction."""

    async def commit(self, requests: Sequence[GateRequest[Any]]) -> Sequence[Any]:
        """The result of each request, in order, once everything it wrote is durable.

        Requests of one call share a transaction and are applied in order, so that a use taken by one is seen by the
        next. A request whose `write` raises gets that exception as its result and writes nothing.
        Raises `StoreUnavailable`: then nothing was written.
        """
        ...


class Ledger(Protocol):
    """The way into the log that requests share: passages of the gate, many to a transaction."""

    async def pass_gate(self, request: GateRequest[T]) -> T:
        """What the passage gives, once its entry is durable. Raises `StoreUnavailable`: nothing was written."""
        ...

    async def drain(self) -> None:
        """Wait until everything queued is durable; for an orderly end."""
        ...
