"""Every protocol that touches the world outside the process, and nothing else.

Adapters implement them; use cases name them. Each is tested by one suite that every implementation passes
(`tests/contract`).
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Protocol, TypeVar

from connectors.protocol import Reply
from field_registry import Ask, Subject
from gateway.records import (
    AnswerCount,
    Baseline,
    CallCount,
    Cell,
    CellFilter,
    CellSum,
    Client,
    ConsentEnd,
    ConsentEvent,
    ConsentRequest,
    Countable,
    Delta,
    Dispute,
    DisputeCount,
    DisputeEvent,
    DisputeState,
    Draft,
    Entry,
    EntryFilter,
    EntryKind,
    Erasure,
    Extension,
    FormPublication,
    GateRequest,
    Head,
    IdentityLink,
    LinkVerdict,
    Message,
    NewSubject,
    Operator,
    OperatorSession,
    Place,
    ProfileValue,
    Publication,
    RequestAnswer,
    Scanned,
    Sighting,
    SnapshotFilter,
    StoredConsent,
    SubjectKey,
    Submission,
    Submittable,
    Tail,
    Tile,
    TypedAnswers,
)
from gateway.slots import Snapshot
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

    async def add(self, made: Operator, entry: Entry) -> None:
        """Add an operator with their entry.

        Raises `BadRequest` for roles no one may unite, `Conflict` for an id or a key to log in by that is taken.
        """
        ...

    async def change(self, read: Operator, changed: Operator, entry: Entry) -> None:
        """Put `changed` in the place of `read`, with its entry; sessions end at once, the newest step used stays.

        Raises `BadRequest` for roles no one may unite. Raises `Conflict`, and writes nothing, when the operator has
        other roles, another department or password than when `read` was read, or was disabled or enabled since: what
        is changed was judged by those, and would undo what was done meanwhile. Only what differs is written.
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
    """Random references of subjects, found by blind index. A document that two subjects claim leads to none."""

    async def refs(self, subjects: Mapping[str, NewSubject]) -> Mapping[str, str]:
        """key → reference, less those that are contested. `subjects`: key → what to store if the key is new."""
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

        Linked documents of it go with it. `end`: a consent that still stood → the event and entry that end it. None,
        and nothing written, when there is no such subject or it was erased before.
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

    async def count_about(self, subject_ref: str, *others: str) -> int:
        """How many entries name that subject or one of the others, outcomes not counted."""
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


class Submissions(Protocol):
    """Applications as they were handed in. New ones are written by the gate that notes them."""

    async def to_submit(self, resolution_id: str, now: datetime) -> Submittable | None:
        """That draft with what submitting it needs, in one visit to the database; None when there is none."""
        ...

    async def of_resolution(self, resolution_id: str) -> Submission | None:
        """What was submitted of that resolution."""
        ...

    async def read(self, submission_id: str) -> Submission | None:
        """That submission."""
        ...

    async def snapshots(self, submission_id: str) -> Sequence[Snapshot]:
        """Its snapshots, by number: the last one counts."""
        ...

    async def listing(self, wanted: SnapshotFilter, *, after: str, limit: int) -> Sequence[Snapshot]:
        """The newest snapshot of each application that matches, by id of the application."""
        ...

    async def of_subject(self, ref: str, *, after: str, limit: int) -> Sequence[Submission]:
        """Applications that are about one subject, by id."""
        ...

    async def correct(self, snapshot: Snapshot, entry: Entry) -> bool:
        """Write a later snapshot with its entry, to be counted; False, and nothing written, unless it is the next."""
        ...

    async def purge(self, now: datetime, entry: Callable[[int], Entry]) -> int:
        """Empty final values and typed answers whose time is over; one entry counts them, none where there are none."""
        ...

    async def keep_typed(self, kept: TypedAnswers, entry: Entry) -> bool:
        """Keep what was typed, with its entry; False, and nothing written, when that was done before."""
        ...

    async def typed(self, resolution_id: str) -> TypedAnswers | None:
        """What was typed into that draft, if it is kept."""
        ...


class Profiles(Protocol):
    """Values that persons and organisations let us keep for their next forms: 一人一档/一企一档.

    A value stands until a newer one of its subject and item, its deletion, `expires_at`, or its subject's erasure.
    Those of a submission are written by the gate that notes it. Linked documents have one record.
    """

    async def held(self, keys: Sequence[str], now: datetime) -> Mapping[str, Sequence[ProfileValue]]:
        """Blind index → the values of that subject that stand, the newest of each item, with its wrapped key.

        Never from a cache. Subjects that have none are left out.
        """
        ...

    async def of_subject(self, ref: str, now: datetime, *, after: str, limit: int) -> Sequence[ProfileValue]:
        """The values of one subject that stand, by id, with its wrapped key."""
        ...

    async def put(self, value: ProfileValue) -> None:
        """Keep a value, with its entry, in the place of the one before; raises `Conflict` for an erased subject."""
        ...

    async def delete(self, ref: str, item: str, entry: Entry) -> bool:
        """Empty what stands of that item, with its entry; False, and nothing written, when nothing does."""
        ...

    async def purge(self, now: datetime, before: datetime, entry: Callable[[int], Entry]) -> int:
        """Empty every value whose time is over and write an entry that counts them; 0 writes none.

        What ended before `before` is no longer counted as collected either.
        """
        ...

    async def collected(self, since: datetime, until: datetime) -> Mapping[str, int]:
        """Item → how many values of it were given in that time, ended ones too; by item."""
        ...


class Disputes(Protocol):
    """Values that persons say are wrong, as tickets of the departments that answer for them.

    While a ticket is open or referred, gates see its item withheld (`GateView.disputed`), from the end of the
    transaction that wrote it. Those of a submission are written by the gate that notes it.
    """

    async def add(self, opened: Dispute, entry: Entry) -> Dispute:
        """Open a ticket with its entry; or the one that is open for that subject, item and source, and none written.

        Raises `Conflict` for an erased subject.
        """
        ...

    async def read(self, dispute_id: str) -> Dispute | None:
        """That ticket as it stands now, with its subject's wrapped key; never from a cache."""
        ...

    async def listing(
        self,
        *,
        department: str | None,
        states: Collection[DisputeState],
        due_before: date | None,
        after: str,
        limit: int,
    ) -> Sequence[Dispute]:
        """Tickets by id; of one department those it owns or supervises, of those states (none named: of all).

        `due_before`: only unanswered ones that were due before that day.
        """
        ...

    async def of_subject(self, subject_ref: str, *, after: str, limit: int) -> Sequence[Dispute]:
        """Tickets about one subject, by id."""
        ...

    async def of_resolution(self, resolution_id: str, *, limit: int) -> Sequence[Dispute]:
        """Tickets about values of one resolution, by id."""
        ...

    async def open_items(self, refs: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
        """Reference → item → the open ticket about it, of these subjects and of documents linked with them."""
        ...

    async def step(
        self,
        after: Dispute,
        event: DisputeEvent,
        entry: Entry,
        *,
        messages: Sequence[Message] = (),
        empties: Collection[str] = (),
    ) -> bool:
        """Bring a ticket into `after`, with the event, its entry and messages; purge those drafts; one transaction.

        False, and nothing written, when it took another step meanwhile (`steps`) or is closed.
        """
        ...

    async def events(self, dispute_id: str, *, after: str, limit: int) -> Sequence[DisputeEvent]:
        """What happened to a ticket, by id of the event: in order of time."""
        ...

    async def waiting(self, before: datetime, *, after: str, limit: int) -> Sequence[Dispute]:
        """Unanswered tickets of which nobody was reminded since that time, by id."""
        ...

    async def uncounted(self, *, after: str, limit: int) -> Sequence[Dispute]:
        """Corrected tickets of which it is not settled yet what they change in the counts, by id."""
        ...

    async def settle(self, dispute_id: str, at: datetime) -> None:
        """Write that this is settled now; once it is, or where the ticket is not corrected, nothing."""
        ...

    async def counts(self, since: datetime, until: datetime) -> Sequence[DisputeCount]:
        """How the disputes opened in that time stand now, by source and item."""
        ...

    async def purge(self, before: datetime, entry: Callable[[int], Entry]) -> int:
        """Empty what is sealed in tickets closed before that time and write an entry that counts them; 0 writes none.

        Messages about them that are settled are forgotten. At most 5,000 at once.
        """
        ...


class Outbox(Protocol):
    """What clients are to be told by webhook. Written with what it tells of; tried until answered or given up."""

    async def claim(self, now: datetime, until: datetime, *, limit: int) -> Sequence[Message]:
        """Messages whose time has come, longest waiting first; nobody else is given them before `until`."""
        ...

    async def settle(self, settled: Message) -> None:
        """Write what came of a try; what is delivered stays delivered."""
        ...

    async def about(self, about: str, *, after: str, limit: int) -> Sequence[Message]:
        """Messages about one thing, by id, delivered ones too."""
        ...


class Rollups(Protocol):
    """Counts of slots by day and month, kept up to date from snapshots, and the baselines of forms.

    What waits to be counted is counted exactly once, whoever dies meanwhile and however many are at it.
    """

    async def fold(
        self, most: int, count: Callable[[Sequence[Countable]], Sequence[Delta]], now: datetime
    ) -> int:
        """Count at most so many waiting snapshots, all in one transaction; how many there were.

        0 also while a rebuilding is under way. `count`: pure; called on the transaction's thread.
        """
        ...

    async def waiting(self) -> int:
        """How many snapshots are not counted yet."""
        ...

    async def cells(self, wanted: CellFilter, *, after: tuple[str, ...], limit: int) -> Sequence[CellSum]:
        """The sums of the next `limit` groups above `after` (`()`: from the first), in order."""
        ...

    async def begin_rebuild(self, token: str, now: datetime) -> bool:
        """Begin counting anew beside the counts that are shown; False while another is at it.

        From now on until `end_rebuild`, nothing is folded, and snapshots that come wait.
        """
        ...

    async def rebuild_page(
        self, *, after: tuple[str, int], limit: int
    ) -> tuple[Sequence[Countable], tuple[str, int] | None]:
        """What the next `limit` snapshots that do not wait count, and after which to go on; None at the end."""
        ...

    async def add_rebuilt(self, token: str, deltas: Sequence[Delta], now: datetime) -> bool:
        """Add to the new counts; False when that rebuilding is no longer the one under way."""
        ...

    async def end_rebuild(self, token: str) -> bool:
        """Show the new counts instead of the old ones, at one moment, and forget those; False as above."""
        ...

    async def snapshots(self) -> int:
        """How many snapshots there are."""
        ...

    async def add_baseline(self, baseline: Baseline, entry: Entry) -> None:
        """Freeze a baseline, with its entry; raises `Conflict` when its form has one of that name."""
        ...

    async def baseline_of(self, form: str) -> Baseline | None:
        """The baseline of a form that was frozen last."""
        ...

    async def baselines(self, *, after: tuple[str, str], limit: int) -> Sequence[Baseline]:
        """All baselines, by form and name."""
        ...


class Identities(Protocol):
    """Which documents are of one subject. Changes follow one another, whatever the concurrency.

    A link that is ended, or a claim that makes a document count for nobody, also purges the answers that tell of any
    document of that subject.
    """

    async def link(
        self, made: IdentityLink, documents: Mapping[str, bytes], entry: Entry, *, claim: Entry | None
    ) -> LinkVerdict:
        """Write a link with its entry, and keep both documents (reference → sealed identifier), if it may be written.

        With `claim`, a document that is somebody else's is claimed instead, with that entry: from then on it counts for
        nobody until either is ended. Raises `Conflict` for an erased subject.
        """
        ...

    async def read(self, link_id: str) -> IdentityLink | None:
        """That link as it stands now, with the wrapped keys of both documents."""
        ...

    async def of_subject(self, ref: str, *, after: str, limit: int) -> Sequence[IdentityLink]:
        """Links and claims that name that document, ended ones too, by id."""
        ...

    async def listing(self, *, after: str, limit: int) -> Sequence[IdentityLink]:
        """All links and claims, ended ones too, by id."""
        ...

    async def end(self, link_id: str, at: datetime, entry: Entry) -> bool:
        """End a link or a claim, with its entry; False, and nothing written, when it does not stand."""
        ...

    async def alike(self, ref: str) -> tuple[str, ...]:
        """That document and those it counts as one subject with, oldest first; never from a cache."""
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


class SourceHealth(Protocol):
    """How sources did and how long answers took, by day in China. Counts only."""

    async def add(self, day: date, calls: Sequence[CallCount], answers: Sequence[AnswerCount]) -> None:
        """Add to what is counted of that day; every worker adds what it saw itself."""
        ...

    async def calls(self, since: date, until: date) -> Sequence[CallCount]:
        """Calls of those days, `until` excluded, by source, outcome and time."""
        ...

    async def answers(self, since: date, until: date, *, after: str, limit: int) -> Sequence[AnswerCount]:
        """All answers of those days, `until` excluded, of the next `limit` forms above `after`, by form and time."""
        ...

    async def purge(self, before: date) -> int:
        """Forget the days before that one; how many rows there were."""
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
    rollups: Rollups
    source_health: SourceHealth
    profiles: Profiles
    submissions: Submissions
    disputes: Disputes
    outbox: Outbox
    identities: Identities

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
