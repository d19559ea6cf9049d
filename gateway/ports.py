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
    Cell,
    Client,
    ConsentEnd,
    ConsentEvent,
    ConsentRequest,
    Draft,
    Entry,
    EntryFilter,
    EntryKind,
    Erasure,
    Extension,
    FormPublication,
    GateRequest,
    Head,
    NewSubject,
    Operator,
    OperatorSession,
    Place,
    Publication,
    RequestAnswer,
    Scanned,
    Sighting,
    StoredConsent,
    SubjectKey,
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

    async def change(self, registered: Client, entry: Entry) -> None:
        """The same, with its entry, in one transaction."""
        ...

    async def listing(self, *, after: str, limit: int) -> Sequence[Client]:
        """All clients by id, disabled ones too."""
        ...


class Operators(Protocol):
    """The people who administer, secure and audit the service, and their sessions."""

    async def find(self, login_key: str) -> Operator | None:
        """Whoever logs in by that key, disabled ones too."""
        ...

    async def operator(self, operator_id: str) -> Operator | None:
        """The operator of that id, disabled ones too."""
        ...

    async def listing(self, *, after: str, limit: int) -> Sequence[Operator]:
        """All operators, by id."""
        ...

    async def put(self, changed: Operator, entry: Entry) -> None:
        """Add an operator or replace one, with its entry; the sessions of one that was there end at once.

        Raises `BadRequest` for roles no one may unite, `Conflict` when another logs in by that key.
        """
        ...

    async def attempt(
        self, operator_id: str, now: datetime, *, locked_until: Callable[[int], datetime | None]
    ) -> int | None:
        """Count one try to log in, before anything is checked; how many there were since the last success.

        None, and nothing counted, for an operator who is unknown, disabled or locked. `locked_until`: number of tries
        → until when no further one counts.
        """
        ...

    async def log_in(
        self,
        operator: Operator,
        step: int | None,
        session: OperatorSession,
        entry: Entry,
        *,
        password: str | None,
    ) -> bool:
        """Use up a code's step, forget the failures, open the session, set a new password hash if one is given.

        False, and nothing written, when the step is not newer than the last one, the operator is disabled, or has
        other roles, another department or password than when `operator` was read: it was judged by those.
        `step`: None where an OpenID issuer has checked everything.
        """
        ...

    async def session(self, session_id: str) -> OperatorSession | None:
        """That session as it stands now; never from a cache."""
        ...

    async def end(self, session_id: str, at: datetime, entry: Entry) -> bool:
        """End a session; False, and nothing written, when there is none that stands."""
        ...


class Consents(Protocol):
    """Consents and their events."""

    async def read(self, consent_ids: Sequence[str]) -> Mapping[str, StoredConsent]:
        """Those consents as they stand now; unknown ids are left out. Never from a cache."""
        ...

    async def add(
        self,
        stored: StoredConsent,
        event: ConsentEvent,
        entry: Entry,
        *,
        ends: ConsentEnd | None = None,
        answers: RequestAnswer | None = None,
    ) -> bool:
        """Record a consent with its first event and entry; with `ends`, end the one it renews and purge its drafts.

        With `answers` (never with both) close the open request it answers. False, and nothing written, when the one it
        renews is in no state that allows it, or the request is not open.
        """
        ...

    async def move(
        self, event: ConsentEvent, entry: Entry, *, allowed_from: frozenset[ConsentState], purge_drafts: bool
    ) -> bool:
        """Bring a consent into `event.state` and, if asked, purge the drafts that used it; one transaction.

        False, and nothing written, when it is not in one of `allowed_from`.
        """
        ...

    async def expire(
        self,
        now: datetime,
        tell: Callable[[StoredConsent], tuple[ConsentEvent, Entry]],
        *,
        most: int,
    ) -> int:
        """Bring at most so many consents whose period is over into `expired`, in one transaction; how many there were.

        Those that another process holds at this moment are left to it. `tell`: the event and entry of each.
        """
        ...

    async def events(self, consent_id: str, *, after: str, limit: int) -> Sequence[ConsentEvent]:
        """What has happened to a consent, by id of the event: in order of time."""
        ...

    async def of_subject(self, subject_ref: str, *, after: str, limit: int) -> Sequence[StoredConsent]:
        """Consents about one subject, by id."""
        ...

    async def listing(self, *, after: str, limit: int) -> Sequence[StoredConsent]:
        """All consents, by id."""
        ...


class ConsentRequests(Protocol):
    """Persons asked for a consent by a link. A request is open while its state is `requested`."""

    async def add(self, asked: ConsentRequest, entry: Entry) -> None:
        """Store a request with its entry; raises `Conflict` when its id or link exists."""
        ...

    async def read(self, request_id: str) -> ConsentRequest | None:
        """That request as it stands now; never from a cache."""
        ...

    async def of_link(self, link: str) -> ConsentRequest | None:
        """The request of that link's digest."""
        ...

    async def confirm(self, request_id: str, proof: str, *, most: int, entry: Entry) -> bool | None:
        """Whether that is the proof, counted if it is not; None when the request is not open.

        The failure that makes it `most` brings the request into `invalidated` and writes `entry`, all in one
        transaction, whatever the concurrency.
        """
        ...

    async def answer(self, given: RequestAnswer, entry: Entry) -> bool:
        """Close an open request and write the entry; False, and nothing written, when it is not open."""
        ...

    async def over(self, now: datetime, *, limit: int) -> Sequence[ConsentRequest]:
        """Open requests whose time is over, oldest first."""
        ...

    async def purge(self, before: datetime, entry: Callable[[int], Entry]) -> int:
        """Empty requests that were over by then and came to no consent, and write one entry that counts them.

        0 writes none.
        """
        ...


class Subjects(Protocol):
    """Random references of subjects, found by blind index."""

    async def refs(self, subjects: Mapping[str, NewSubject]) -> Mapping[str, str]:
        """key → reference. `subjects`: key → what to store if the key is new."""
        ...

    async def find(self, key: str) -> str | None:
        """The reference of the subject with that key; None when it has none, and it is given none."""
        ...

    async def keys(self, refs: Sequence[str]) -> Mapping[str, bytes]:
        """Reference → wrapped key, of those that have one: never from a cache, so that a key that is gone is gone."""
        ...

    async def newest_record(self, ref: str) -> datetime | None:
        """When that subject's data were last asked for or a consent of it last moved; None where there is no such.

        Look-ups in the log do not count. It was first seen at that time at least.
        """
        ...

    async def erase(
        self,
        ref: str,
        at: datetime,
        *,
        end: Callable[[StoredConsent], tuple[ConsentEvent, Entry]],
        entry: Callable[[Erasure], Entry],
    ) -> Erasure | None:
        """Destroy a subject's key and its index and empty whatever is sealed about it, all in one transaction.

        `end`: a consent that still stood → the event and entry that end it. None, and nothing written, when there is
        no such subject or it was erased before.
        """
        ...


class SealedCells(Protocol):
    """Every column that holds ciphertext, for rotation. A place is named like "consent.sealed"."""

    async def count(self, place: str, *, after: str, limit: int) -> tuple[str | None, Mapping[str, int]]:
        """The row to go on after, None at the end; and root key id → how many of the next `limit` rows stand on it.

        Cells under a subject's key are not among them.
        """
        ...

    async def renew(
        self, place: str, renewed: Callable[[Cell], bytes | None], *, after: str, limit: int
    ) -> tuple[str | None, int]:
        """Replace cells of the next `limit` rows in one transaction; the row to go on after, and how many it were.

        `renewed`: what to put there, None to leave it. A subject that has no key yet comes with an empty cell; one
        that was erased does not come.
        """
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

    async def without_outcome(
        self, *, after: str, before: datetime, limit: int, until: str | None = None
    ) -> Sequence[Entry]:
        """Intents of ids above `after`, written before that time, whose request has no outcome; in order of id.

        `until`: only ids below it.
        """
        ...


class EntrySearch(Protocol):
    """The log as auditors and persons read it: in bounded steps, on connections that no gate waits for.

    Raises `Unavailable` ("log_busy") when too many read at once, beside what every part raises.
    """

    async def entry(self, entry_id: str) -> Entry | None:
        """That entry."""
        ...

    async def scan(
        self, wanted: EntryFilter, *, after: str, upto: str | None, most: int, limit: int
    ) -> Scanned:
        """Entries that match among the next `most` of ids above `after` and not above `upto`, in order of id.

        By request, actor or case an index leads to them, and `most` does not count.
        """
        ...

    async def of_requests(self, requests: Sequence[str], kinds: Sequence[EntryKind]) -> Sequence[Entry]:
        """The entries of those kinds of those resolutions and consents, by id; of very many, the first 10,000."""
        ...

    async def about(
        self, subject_ref: str, *, beyond: int | None, limit: int, newest_first: bool = False
    ) -> Sequence[tuple[int, Entry]]:
        """Position and entry of what names one subject, in order, beyond that position; None begins at the end.

        Outcomes are found by their intent (`of_requests`) and not here. Entries without a place are not among them yet.
        """
        ...

    async def count_about(self, subject_ref: str) -> int:
        """How many entries name that subject, outcomes not counted."""
        ...


class TreeLog(Protocol):
    """The trees over the log's entries: tiles, places and checkpoints (C2SP tlog-tiles).

    Mostly there is one tree. `shard`: which one is meant, from 1; None is the present one, the only one that grows.
    """

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

    async def open_shard(self, shard: int, entry: Entry, append: Callable[[Tail], Extension]) -> None:
        """Begin another tree with that new entry, in one transaction; from now on it is the present one.

        Raises `Conflict`, and writes nothing, unless `shard` is above every one there is.
        """
        ...

    async def head(self) -> Head:
        """The present tree and its newest checkpoint, as they stand at one moment."""
        ...

    async def shards(self) -> Sequence[Head]:
        """Every tree with its newest checkpoint, oldest first; none before the first checkpoint."""
        ...

    async def size(self, *, shard: int | None = None) -> int:
        """Entries that have their place."""
        ...

    async def checkpoint(self, *, shard: int | None = None) -> str | None:
        """The newest signed checkpoint; None before the first."""
        ...

    async def checkpoints(
        self, *, after: int, limit: int, shard: int | None = None
    ) -> Sequence[tuple[int, str]]:
        """Size and signed note of checkpoints of more than `after` entries, by size."""
        ...

    async def signed_before(
        self, moment: datetime, *, shard: int, after: int, limit: int
    ) -> Sequence[tuple[int, datetime, str]]:
        """Size, time and note of checkpoints of more than `after` entries signed before that moment, by size."""
        ...

    async def drop_checkpoints(self, shard: int, sizes: Sequence[int]) -> int:
        """Forget those checkpoints, never the newest of a tree; how many there were."""
        ...

    async def cosign(self, shard: int, size: int, before: str, note: str) -> bool:
        """Put a note with cosignatures in place of `before`; False, and nothing written, when that is not there."""
        ...

    async def cosigned(self, *, shard: int | None = None) -> tuple[int, str] | None:
        """Size and note of the newest checkpoint that bears cosignatures; None when none does."""
        ...

    async def tiles(self, wanted: Sequence[Tile], *, shard: int | None = None) -> Mapping[Tile, bytes]:
        """Those tiles, as long as they are now; unknown ones are left out."""
        ...

    async def leaves(self, begin: int, end: int, *, shard: int | None = None) -> Sequence[bytes]:
        """The leaves at those places, `end` excluded; fewer when the tree ends before."""
        ...

    async def place_of(self, entry_id: str) -> Place | None:
        """Where that entry stands; None when it has no place yet, or does not exist."""
        ...

    async def about(self, subject_ref: str, *, after: int, limit: int) -> Sequence[tuple[int, Entry]]:
        """Position and entry of what is about one subject, in order, from the one after `after` (-1: from the first).

        A position is the index in the first tree, and goes on from there in later ones. Entries without a place are
        not among them yet.
        """
        ...

    async def queue_forgotten(self, *, after: str, limit: int) -> tuple[str, int]:
        """Of so many entries with ids above `after`, let those wait that neither wait nor have a place.

        The last id that was looked at, "" when there were none, and how many were found. A program from before there
        was a tree writes such entries.
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


class Replays(Protocol):
    """What may be used once and never again: ids of assertions. Durable, shared by all workers."""

    async def add_once(self, key: str, until: datetime) -> bool:
        """True for exactly one caller per key, whatever the concurrency; remembered at least until that time.

        `key`: a keyed digest of at most 64 characters, never what was used itself. Raises `StoreUnavailable`, which
        must refuse.
        """
        ...

    async def purge(self, before: datetime) -> int:
        """Forget every key whose time was over before that; how many there were."""
        ...


class Store(Protocol):
    """Everything durable, in one hand."""

    gates: Gates
    publications: Publications
    forms: FormVersions
    clients: Clients
    operators: Operators
    consents: Consents
    consent_requests: ConsentRequests
    subjects: Subjects
    cells: SealedCells
    drafts: Drafts
    entries: Entries
    search: EntrySearch
    log: TreeLog
    log_for_readers: TreeLog
    """The same log for whoever reads it, on connections that no gate and no sequencer waits for."""
    idempotency: IdempotencyKeys
    replays: Replays

    async def ping(self) -> None:
        """Nothing, or `StoreUnavailable`."""
        ...

    async def weaknesses(self) -> Sequence[str]:
        """What about the database could lose committed entries, each with what to do; for readiness."""
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
    `add_once` or `sight` must refuse, because "has this been seen before" cannot be answered without it.
    Every method but `close` raises `CacheUnavailable` when the cache cannot be reached.
    """

    async def add_once(self, key: str, ttl: timedelta) -> bool:
        """True for exactly one caller per key until `ttl` has passed, whatever the concurrency."""
        ...

    async def sight(self, key: str, ttl: timedelta, now: datetime) -> Sighting:
        """`add_once`, and in the same moment which memory says so: flushed or restarted, it is another one."""
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


class RateAccount(Protocol):
    """What workers lend one another of a caller's rate: tokens that are moved, never made."""

    async def settle(
        self, given: Mapping[str, int], wanted: Mapping[str, int], *, most: int
    ) -> tuple[Mapping[str, int], Sequence[str]]:
        """Leave tokens and take tokens, by caller: what was taken, and who came short anywhere lately.

        `most`: tokens of one caller that may lie there; they are gone within a moment. Raises `CacheUnavailable`: what
        was given may be lost.
        """
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
    """Encryption of cells at rest: under a subject's key where one is given, else under the root's."""

    def seal(
        self,
        plaintext: bytes,
        *,
        table: str,
        column: str,
        row: str,
        subject: str = "",
        key: SubjectKey | None = None,
    ) -> bytes:
        """Ciphertext bound to its place, and to the key's subject."""
        ...

    def open(
        self,
        sealed: bytes,
        *,
        table: str,
        column: str,
        row: str,
        subject: str = "",
        key: SubjectKey | None = None,
    ) -> bytes:
        """The plaintext; raises `CannotOpen` when it was altered or moved, or its key is another or gone.

        What was sealed under the root opens whatever `key` is given.
        """
        ...


class SubjectKeys(Protocol):
    """Keys of subjects, each wrapped under the newest root. Called in transactions: it must be quick and local."""

    @property
    def root(self) -> str:
        """Id of the newest root, which wraps from now on."""
        ...

    def new(self, ref: str) -> bytes:
        """A new random key, wrapped for that subject."""
        ...

    def open(self, wrapped: bytes | None, ref: str) -> SubjectKey | None:
        """The key; None where there is none. Raises `CannotOpen` when it was altered or its root is gone."""
        ...

    def together(self, keys: Sequence[SubjectKey]) -> SubjectKey:
        """One key of several: whoever lacks one of them lacks it. Of a single one, that one."""
        ...

    def rewrap(self, wrapped: bytes, ref: str) -> bytes:
        """The same key under the newest root."""
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
