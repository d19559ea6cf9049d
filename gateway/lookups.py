"""Subject references, remembered: one never changes while its subject exists. Grants are never remembered."""

from collections.abc import Mapping, Sequence

from field_registry import Subject
from gateway.batching import Batcher
from gateway.library import Kept
from gateway.ports import BlindIndex, Clock, NewReference, Store
from gateway.records import NewSubject

_MOST_PER_READ = 256
_REFERENCES_KEPT = 100_000


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

    def known(self, key: str) -> str | None:
        """The reference of the subject with that key, if it is remembered."""
        return self._known.get(key)

    def remember(self, refs: Mapping[str, str]) -> None:
        """Keep these; key → reference, as a gate found them."""
        for key, ref in refs.items():
            self._known.put(key, ref)

    async def ref_of(self, key: str, kind: str) -> str:
        """The reference of the subject with that key, a new one at first sight."""
        known = self._known.get(key)
        return known if known is not None else self._known.put(key, await self._batches((key, kind)))

    async def _look_up(self, jobs: Sequence[tuple[str, str]]) -> Sequence[str]:
        now = self._clock()
        wanted = {key: NewSubject(kind, self._new_reference("sub", now), now) for key, kind in jobs}
        refs = await self._store.subjects.refs(wanted)
        return [refs[key] for key, _ in jobs]
