"""Look-ups that concurrent requests share: consents, read fresh every time; subject references, remembered.

A consent is never remembered, not for a millisecond: what is shared is only the round trip of requests that happen to
read at the same moment. A subject's reference never changes while it exists, so the most used ones are kept.
"""

from collections.abc import Mapping, Sequence

from field_registry import Subject
from gateway.batching import Batcher
from gateway.library import Kept
from gateway.ports import BlindIndex, Clock, NewReference, Store
from gateway.records import StoredConsent

_MOST_PER_READ = 256
_REFERENCES_KEPT = 100_000


class ConsentReader:
    """Consents as they stand now."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._batches: Batcher[tuple[str, ...], Mapping[str, StoredConsent]] = Batcher(
            self._read, most=_MOST_PER_READ
        )

    async def read(self, consent_ids: tuple[str, ...]) -> dict[str, StoredConsent]:
        """Those of them that exist, by id, read from the database after this call began."""
        if not consent_ids:
            return {}
        found = await self._batches(consent_ids)
        return {consent_id: found[consent_id] for consent_id in consent_ids if consent_id in found}

    async def _read(self, jobs: Sequence[tuple[str, ...]]) -> Sequence[Mapping[str, StoredConsent]]:
        found = await self._store.consents.read(sorted({each for job in jobs for each in job}))
        return [found] * len(jobs)


class SubjectReferences:
    """Random references of subjects, given at first sight and kept for good."""

    def __init__(
        self, store: Store, blind_index: BlindIndex, clock: Clock, new_reference: NewReference
    ) -> None:
        self._store = store
        self._blind_index = blind_index
        self._clock = clock
        self._new_reference = new_reference
        self._known: Kept[str] = Kept(_REFERENCES_KEPT)
        self._batches: Batcher[tuple[str, str], str] = Batcher(self._look_up, most=_MOST_PER_READ)

    def key_of(self, subject: Subject) -> str:
        """The blind index of a subject: equal for equal subjects, telling nothing."""
        return self._blind_index.blind_index(subject)

    async def ref_of(self, key: str, kind: str) -> str:
        """The reference of the subject with that key, a new one at first sight."""
        known = self._known.get(key)
        return known if known is not None else self._known.put(key, await self._batches((key, kind)))

    async def _look_up(self, jobs: Sequence[tuple[str, str]]) -> Sequence[str]:
        now = self._clock()
        wanted = {key: (kind, self._new_reference("sub", now)) for key, kind in jobs}
        refs = await self._store.subjects.refs(wanted, now)
        return [refs[key] for key, _ in jobs]
