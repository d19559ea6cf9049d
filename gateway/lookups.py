"""Subjects by their references: given at first sight, with a key of their own, and asked for anew every time.

Nothing is remembered here: a process that remembered a reference would go on using it after another one has erased the
subject. The gates read it with the consents, in the statement that they need anyway.
"""

from collections.abc import Sequence
from datetime import datetime

from field_registry import Subject
from gateway.batching import Batcher
from gateway.errors import Conflict
from gateway.ports import BlindIndex, Clock, NewReference, Store, SubjectKeys
from gateway.records import NewSubject, SubjectKey

_MOST_PER_READ = 256


class SubjectReferences:
    """Random references of subjects, and the keys that what is about them is sealed under."""

    def __init__(
        self,
        store: Store,
        blind_index: BlindIndex,
        clock: Clock,
        new_reference: NewReference,
        keys: SubjectKeys,
    ) -> None:
        self._store = store
        self._blind_index = blind_index
        self._clock = clock
        self._new_reference = new_reference
        self._keys = keys
        self._batches: Batcher[tuple[str, str], str] = Batcher(self._look_up, most=_MOST_PER_READ)

    def key_of(self, subject: Subject) -> str:
        """The blind index of a subject: equal for equal subjects, telling nothing."""
        return self._blind_index.blind_index(subject)

    def new(self, kind: str, now: datetime) -> NewSubject:
        """What to store of a subject, should it be new."""
        return NewSubject(kind, self._new_reference("sub", now), now, self._keys.new)

    async def ref_of(self, key: str, kind: str) -> str:
        """The reference of the subject with that blind index, a new one at first sight.

        Raises `Conflict` where two subjects claim that document: nothing is recorded about either under it.
        """
        ref = await self._batches((key, kind))
        if not ref:
            raise Conflict(
                "identity_ambiguous",
                "Two subjects claim this document. Name another one of theirs, or have it looked into at a counter.",
            )
        return ref

    async def keys_of(self, refs: Sequence[str]) -> dict[str, SubjectKey]:
        """Reference → key, of those that have one: those from before there were keys, and erased ones, do not."""
        wrapped = await self._store.subjects.keys(refs)
        opened = {ref: self._keys.open(each, ref) for ref, each in wrapped.items()}
        return {ref: key for ref, key in opened.items() if key is not None}

    async def key_for(self, ref: str) -> SubjectKey | None:
        """The key of that subject, if it has one."""
        return (await self.keys_of((ref,))).get(ref)

    async def _look_up(self, jobs: Sequence[tuple[str, str]]) -> Sequence[str]:
        now = self._clock()
        refs = await self._store.subjects.refs({key: self.new(kind, now) for key, kind in jobs})
        return [refs.get(key, "") for key, _ in jobs]
