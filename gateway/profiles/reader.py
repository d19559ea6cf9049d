"""What the connector kind `profile` is handed: reads what stands in the record, and opens what was asked for.

Reads of concurrent requests share a statement; nothing is remembered between them, so that what was deleted, superseded
or erased a moment ago is not offered.
"""

from collections.abc import Sequence

from connectors.errors import SourceBroken
from connectors.protocol import ProfileReader, Remembered
from field_registry import Subject
from gateway.batching import Batcher
from gateway.errors import CannotOpen, StoreUnavailable
from gateway.profiles.keeping import open_value
from gateway.records import ProfileValue
from gateway.runtime import Runtime

_MOST_PER_READ = 256


class StoredProfiles(ProfileReader):
    """The profiles in the service's own store. Used from one event loop."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._batches: Batcher[str, Sequence[ProfileValue]] = Batcher(self._read, most=_MOST_PER_READ)

    async def held(self, subject: Subject, items: frozenset[str]) -> Sequence[Remembered] | None:
        """See `connectors.protocol.ProfileReader.held`."""
        try:
            values = await self._batches(self._runtime.subjects.key_of(subject))
        except StoreUnavailable:
            raise SourceBroken("the service cannot reach its database") from None
        if not values:
            return None
        return [self._opened(value) for value in values if value.item in items]

    async def _read(self, keys: Sequence[str]) -> Sequence[Sequence[ProfileValue]]:
        runtime = self._runtime
        held = await runtime.store.profiles.held(sorted(set(keys)), runtime.clock())
        return [held.get(key, ()) for key in keys]

    def _opened(self, value: ProfileValue) -> Remembered:
        try:
            return Remembered(value.item, open_value(value, self._runtime), value.given_at)
        except CannotOpen:  # altered, or its subject erased since it was read
            raise SourceBroken("a kept value cannot be opened") from None
