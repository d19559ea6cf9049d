"""Every protocol that touches the world outside the process, and nothing else.

Adapters implement them; use cases name them. Each is tested by one suite that every implementation passes
(`tests/contract`).
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Protocol, TypeVar

from connectors.protocol import Reply
from field_registry import Ask, Subject
from gateway.records import (
    Client,
    ConsentEvent,
    Draft,
    Entry,
    EntryFilter,
    Extension,
    FormPublication,
    GateRequest,
    NewSubject,
    Publication,
    StoredConsent,
    Tail,
    Tile,
)
from policies.consent import ConsentState

T = TypeVar("T")


class Clock(Protocol):
    """Where the service reads the time."""

    def __call__(self) -> datetime:
        """Now, UTC, aware."""
        ...


# ---------------------------------------------------------------- the store


class Gates(Protocol):
    """The one door out: consent check, use taken and entry written are one transaction."""

    async def commit(self, requests: Sequence[GateRequest[Any]]) -> Sequence[Any]:
        """The result of each request, in order, once everything it wrote is durable.

        Requests of one call share a transaction and are applied in order, so that a use taken by one is seen by the
        next. A request whose `write` raises gets that exception as its result and writes nothing.
        Raises `StoreUnavailable`: then nothing was written.
        """
        ...


class Publications(Protocol):
    """Published versions of the registry and the policy."""

    async def latest(self, kind: str, on: date) -> int | None:
        """The newest version effective on that day, None when nothing is published."""
        ...

    async def load(self, kind: str, version: int) -> Publication:
        """That version; raises `NotFound`."""
        ...

    async def publish(self, published: Publication, entry: Entry) -> None:
        """Store a new version and its entry; raises `Conflict` when the version exists."""
        ...


class FormVersions(Protocol):
    """Published versions of forms."""

    async def current(self) -> Mapping[str, int]:
        """The newest version of every form."""
        ...

    async def listing(self, *, after: str, limit: int) -> Sequence[FormPublication]:
        """The newest version of every form whose id sorts after `after`, without documents, by id."""
        ...

    async def load(self, form_id: str, version: int) -> FormPublication:
        """That version; raises `NotFound`."""
        ...

    async def publish(self, form: FormPublication, entry: Entry) -> None:
        """Store a new version and its entry; raises `Conflict` when the version exists."""
        ...


class Clients(Protocol):
    """Registered callers."""

    async def client(self, client_id: str) -> Client | None:
        """The client of that id, None when there is none or it is disabled."""
        ...

    async def put(self, registered: Client, at: datetime) -> None:
        """Register a client or replace its credentials and roles; raises `BadRequest` for roles no one may unite."""
        ...


class Consents(Protocol):
    """Consents and their events."""

    async def read(self, consent_ids: Sequence[str]) -> Mapping[str, StoredConsent]:
        """Those consents as they stand now; unknown ids are left out. Never from a cache."""
        ...

    async def add(self, stored: StoredConsent, event: ConsentEvent, entry: Entry) -> None:
        """Record a consent with its first event and entry."""
        ...

    async def move(
        self, event: ConsentEvent, entry: Entry, *, allowed_from: frozenset[ConsentState], purge_drafts: bool
    ) -> bool:
        """Bring a consent into `event.state` and, if asked, purge the drafts that used it; one transaction.

        False, and nothing written, when it is not in one of `allowed_from`.
        """
        ...

    async def of_subject(self, subject_ref: str, *, after: str, limit: int) -> Sequence[StoredConsent]:
        """Consents about one subject, by id."""
        ...

    async def listing(self, *, after: str, limit: int) -> Sequence[StoredConsent]:
        """All consents, by id."""
        ...


class Subjects(Protocol):
    """Random references of subjects, found by blind index."""

    async def refs(self, subjects: Mapping[str, NewSubject]) -> Mapping[str, str]:
        """key → reference. `subjects`: key → what to store if the key is new."""
        ...

    async def find(self, key: str) -> str | None:
        """The reference of the subject with that key; None when it has none, and it is given none."""
        ...


class Drafts(Protocol):
    """Resolutions kept until submitted or expired."""

    async def read(self, resolution_id: str) -> Draft | None:
        """That draft (its `consents` too), or None."""
        ...

    async def purge_expired(self, now: datetime, entry: Callable[[int], Entry]) -> int:
        """Empty every draft whose time is over and write one entry that counts them; 0 writes none."""
        ...


class Entries(Protocol):
    """The log, for reading."""

    async def find(self, *, request: str | None, after: str, limit: int) -> Sequence[Entry]:
        """Entries in order of id, optionally of one resolution or consent."""
        ...

    async def search(self, wanted: EntryFilter, *, after: str, limit: int) -> Sequence[Entry]:
        """Entries that match, in order of id."""
        ...

    async def without_outcome(self, *, after: str, before: datetime, limit: int) -> Sequence[Entry]:
        """Intents of ids above `after`, written before that time, whose request has no outcome; in order of id."""
        ...


class TreeLog(Protocol):
    """The tree over the log's entries: tiles, places and checkpoints (C2SP tlog-tiles)."""

    async def extend(
        self,
        edge: Callable[[int], Sequence[Tile]],
        append: Callable[[Tail], Extension],
        *,
        most: int,
    ) -> int | None:
        """Append at most so many waiting entries, all in one transaction; how many there were.

        None when another process is at it. `edge`: size → the tiles that `append` needs to see; both pure. Where
        `append` raises nothing is written.
        """
        ...

    async def size(self) -> int:
        """Entries that have their place."""
        ...

    async def checkpoint(self) -> str | None:
        """The newest signed checkpoint; None before the first."""
        ...

    async def checkpoints(self, *, after: int, limit: int) -> Sequence[tuple[int, str]]:
        """Size and signed note of checkpoints of more than `after` entries, by size."""
        ...

    async def tiles(self, wanted: Sequence[Tile]) -> Mapping[Tile, bytes]:
        """Those tiles, as long as they are now; unknown ones are left out."""
        ...

    async def leaves(self, begin: int, end: int) -> Sequence[bytes]:
        """The leaves at those places, `end` excluded; fewer when the tree ends before."""
        ...

    async def place_of(self, entry_id: str) -> int | None:
        """The index of that entry; None when it has none yet, or does not exist."""
        ...

    async def about(self, subject_ref: str, *, after: int, limit: int) -> Sequence[tuple[int, Entry]]:
        """Index and entry of what is about one subject, by index, from the one after `after` (-1: from the first).

        Entries without a place are not among them yet.
        """
        ...

    async def waiting_since(self) -> datetime | None:
        """When the oldest entry without a place was written; None when all have theirs."""
        ...


class IdempotencyKeys(Protocol):
    """Who already asked for what under which key."""

    async def claim(self, caller: str, key: str, digest: str, now: datetime) -> tuple[str, str | None] | None:
        """None when the key is now ours; else (digest, resource or None) of who claimed it first.

        A claim that made nothing within a minute was left behind by a process that is gone: it can be claimed anew.
        """
        ...

    async def settle(self, caller: str, key: str, resource: str) -> None:
        """Remember what the request made; what is remembered already stays."""
        ...

    async def release(self, caller: str, key: str) -> None:
        """Forget a claim whose request failed; one that was settled stays."""
        ...

    async def purge(self, before: datetime) -> int:
        """Forget every key claimed before that time; how many there were."""
        ...


class Store(Protocol):
    """Everything durable, in one hand."""

    gates: Gates
    publications: Publications
    forms: FormVersions
    clients: Clients
    consents: Consents
    subjects: Subjects
    drafts: Drafts
    entries: Entries
    log: TreeLog
    idempotency: IdempotencyKeys

    async def ping(self) -> None:
        """Nothing, or `StoreUnavailable`."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


# ---------------------------------------------------------------- callers and cache


class ClientStore(Protocol):
    """Where the token endpoint looks callers up; `Clients` is one."""

    async def client(self, client_id: str) -> Client | None:
        """The client of that id; None when there is none. Raises `StoreUnavailable`."""
        ...


class Cache(Protocol):
    """Short-lived memory shared by the workers: replay ids and hints. Never a grant, never a value in clear.

    Losing it makes the service slower, never more permissive. A failed read may be treated as a miss; a failed
    `add_once` must refuse, because "has this been seen before" cannot be answered without it.
    Every method but `close` raises `CacheUnavailable` when the cache cannot be reached.
    """

    async def add_once(self, key: str, ttl: timedelta) -> bool:
        """True for exactly one caller per key until `ttl` has passed, whatever the concurrency."""
        ...

    async def get(self, key: str) -> bytes | None:
        """What was put under that key and has not expired; None otherwise."""
        ...

    async def put(self, key: str, value: bytes, ttl: timedelta) -> None:
        """Keep `value` for at most `ttl`; it may be forgotten sooner. Replaces what was there."""
        ...

    async def delete(self, key: str) -> None:
        """Forget a value; one that is not there is no error. What `add_once` remembers cannot be deleted."""
        ...

    async def ping(self) -> None:
        """Return when the cache answers; for readiness."""
        ...

    async def close(self) -> None:
        """Let go of connections. Calling twice is harmless."""
        ...


# ---------------------------------------------------------------- what use cases are handed


class NewReference(Protocol):
    """Where random references come from."""

    def __call__(self, prefix: str, now: datetime) -> str:
        """A new one, e.g. "res_01J…": time-ordered, unguessable."""
        ...


class Ledger(Protocol):
    """The way into the log that requests share: passages of the gate, many to a transaction."""

    async def pass_gate(self, request: GateRequest[T]) -> T:
        """What the passage gives, once its entry is durable. Raises `StoreUnavailable`: nothing was written."""
        ...

    async def drain(self) -> None:
        """Wait until everything queued is durable; for an orderly end."""
        ...


class Sealer(Protocol):
    """Encryption of cells at rest."""

    def seal(self, plaintext: bytes, *, table: str, column: str, row: str, subject: str = "") -> bytes:
        """Ciphertext bound to its place."""
        ...

    def open(self, sealed: bytes, *, table: str, column: str, row: str, subject: str = "") -> bytes:
        """The plaintext; raises `CannotOpen` when it was altered or moved."""
        ...


class BlindIndex(Protocol):
    """Look-up keys of subjects."""

    def blind_index(self, subject: Subject) -> str:
        """A key that is equal for equal subjects and tells nothing without the secret."""
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
