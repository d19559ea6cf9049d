"""What the memory store keeps: dictionaries by primary key, and the checks a database would make."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Any

from msgspec import Struct, structs

from gateway.records import (
    Baseline,
    Client,
    ConsentEvent,
    ConsentRequest,
    Dispute,
    DisputeEvent,
    Draft,
    Entry,
    FormPublication,
    IdentityLink,
    Message,
    NewSubject,
    Operator,
    OperatorSession,
    ProfileEnd,
    ProfileValue,
    Publication,
    SealingKey,
    StoredConsent,
    Submission,
    Tile,
    TypedAnswers,
)
from gateway.slots import Snapshot
from gateway.store.refusals import already_recorded, erased_key, is_id, not_storable
from gateway.store.tries import TriedFrom
from policies.consent import Standing


@dataclass(slots=True, eq=False)
class MemoryTree:
    """One tree of the log. `places`: entry ids in its order. `checkpoints`: size → when it was signed, and the note."""

    places: list[str] = field(default_factory=list)
    tiles: dict[Tile, bytes] = field(default_factory=dict)
    checkpoints: dict[int, tuple[datetime, str]] = field(default_factory=dict)
    cosigned: set[int] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class IdentityDocument:
    """A linked document, under the key of its subject."""

    subject_ref: str
    sealed: bytes


@dataclass(slots=True, eq=False)
class MemoryTables:
    """Every table. `keys`: (caller, key) → (digest, resource, claimed at). `subjects`: key → reference.

    `trees`: by shard. `about`: subject reference and position of an entry about it. `wrapped`: reference → key.
    """

    publications: dict[tuple[str, int], Publication] = field(default_factory=dict)
    forms: dict[tuple[str, int], FormPublication] = field(default_factory=dict)
    clients: dict[str, Client] = field(default_factory=dict)
    operators: dict[str, Operator] = field(default_factory=dict)
    sessions: dict[str, OperatorSession] = field(default_factory=dict)
    operator_origins: dict[str, dict[str, TriedFrom]] = field(default_factory=dict)
    subjects: dict[str, str] = field(default_factory=dict)
    first_seen: dict[str, datetime] = field(default_factory=dict)
    wrapped: dict[str, bytes] = field(default_factory=dict)
    consents: dict[str, StoredConsent] = field(default_factory=dict)
    events: dict[str, ConsentEvent] = field(default_factory=dict)
    requests: dict[str, ConsentRequest] = field(default_factory=dict)
    drafts: dict[str, Draft] = field(default_factory=dict)
    entries: dict[str, Entry] = field(default_factory=dict)
    trees: dict[int, MemoryTree] = field(default_factory=dict)
    about: list[tuple[str, int]] = field(default_factory=list)
    keys: dict[tuple[str, str], tuple[str, str | None, datetime]] = field(default_factory=dict)
    profile_values: dict[str, ProfileValue] = field(default_factory=dict)
    submissions: dict[str, Submission] = field(default_factory=dict)
    snapshots: dict[tuple[str, int], Snapshot] = field(default_factory=dict)
    uncounted: dict[tuple[str, int], None] = field(default_factory=dict)
    baselines: dict[tuple[str, str], Baseline] = field(default_factory=dict)
    typed_answers: dict[str, TypedAnswers] = field(default_factory=dict)
    disputes: dict[str, Dispute] = field(default_factory=dict)
    dispute_events: dict[str, DisputeEvent] = field(default_factory=dict)
    messages: dict[str, Message] = field(default_factory=dict)
    links: dict[str, IdentityLink] = field(default_factory=dict)
    identity_documents: dict[str, IdentityDocument] = field(default_factory=dict)
    profile_ends: dict[str, tuple[datetime, ProfileEnd]] = field(default_factory=dict)
    sealing_keys: dict[str, SealingKey] = field(default_factory=dict)

    def admit(self, table: Mapping[Any, Any], key: object, *records: Any) -> None:
        """Nothing, or why these records cannot be written; `key` is that of the first, in `table`."""
        require_zones(*records)
        if key in table or any(isinstance(each, Entry) and each.id in self.entries for each in records):
            raise already_recorded()

    def refs(self, subjects: Mapping[str, NewSubject]) -> dict[str, str]:
        """key → reference, given now to subjects that had none."""
        require_zones(*subjects.values())
        for key, new in subjects.items():
            if key not in self.subjects:
                self.subjects[key] = new.ref
                self.first_seen[new.ref] = new.at
                if new.new_key is not None:
                    self.wrapped[new.ref] = new.new_key(new.ref)
        return {key: self.subjects[key] for key in subjects}

    def consent(self, consent_id: str) -> StoredConsent:
        """That consent, with the key of its subject as it is now."""
        stored = self.consents[consent_id]
        return replace(stored, wrapped_key=self.wrapped.get(stored.subject_ref))

    def is_erased(self, ref: str) -> bool:
        """Whether nothing may be added about that subject any more."""
        return erased_key(ref) in self.subjects

    def log(self, entry: Entry) -> None:
        """Append an entry."""
        self.entries[entry.id] = entry


def page(ids: Iterable[str], after: str, limit: int) -> list[str]:
    """The next ids in order; none after what is no cursor."""
    return sorted(each for each in ids if each > after)[:limit] if is_id(after) else []


def empty(drafts: dict[str, Draft], over: Callable[[Draft], bool]) -> int:
    """Empty the drafts that are over; how many still held an answer."""
    emptied = [draft for draft in drafts.values() if draft.sealed is not None and over(draft)]
    drafts.update({draft.id: structs.replace(draft, sealed=None) for draft in emptied})
    return len(emptied)


def with_standing(stored: StoredConsent, standing: Standing | None) -> StoredConsent:
    """The consent, standing so."""
    assert standing is not None
    return replace(stored, consent=structs.replace(stored.consent, standing=standing))


def _names_of(record: Any) -> tuple[str, ...]:
    """The fields of a record, which is a dataclass or, where every request makes one, a `Struct`."""
    if isinstance(record, Struct):
        return record.__struct_fields__
    return tuple(each.name for each in fields(record))


def require_zones(*records: Any) -> None:
    """Nothing, or a refusal: one of the records holds a time without zone."""
    for record in records:
        times = (
            [record]
            if isinstance(record, datetime)
            else [getattr(record, name) for name in _names_of(record)]
        )
        if any(isinstance(time, datetime) and time.tzinfo is None for time in times):
            raise not_storable()
