"""The clock, chance and the sources: what the process is given from outside."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from connectors.protocol import Reply
from field_registry import Ask, Subject


class Clock(Protocol):
    """Where the service reads the time."""

    def __call__(self) -> datetime:
        """Now, UTC, aware."""
        ...


class NewReference(Protocol):
    """Where random references come from."""

    def __call__(self, prefix: str, now: datetime) -> str:
        """A new one, e.g. "res_01J…": time-ordered, unguessable."""
        ...


class Sources(Protocol):
    """Every source that can be asked, with its breaker; `connectors.gather` is the one there is."""

    async def gather(
        self, asks_by: Mapping[tuple[str, Subject], Sequence[Ask]], deadline: float, now: datetime
    ) -> Mapping[tuple[str, Subject], Sequence[Reply]]:
        """One reply per ask, in order, by `deadline` (event-loop seconds); never raises."""
        ...

    def state_of(self, source_id: str) -> str:
        """The state of that source's circuit breaker: closed, open or half_open."""
        ...

    async def close(self) -> None:
        """Let go of every connection."""
        ...
