"""Everything durable, in one hand."""

from collections.abc import Sequence
from typing import Protocol

from gateway.ports.cache import IdempotencyKeys, Replays
from gateway.ports.callers import Clients, Operators
from gateway.ports.consents import ConsentRequests, Consents
from gateway.ports.disputes import Disputes, Outbox
from gateway.ports.gates import Gates
from gateway.ports.log import Entries, EntrySearch, TreeLog
from gateway.ports.publications import FormVersions, Publications
from gateway.ports.reports import Rollups, SourceHealth
from gateway.ports.sealing import SealingKeys
from gateway.ports.subjects import Identities, SealedCells, Subjects
from gateway.ports.submissions import Drafts, Profiles, Submissions


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
    sealing_keys: SealingKeys

    async def ping(self) -> None:
        """Nothing, or `StoreUnavailable`."""
        ...

    async def check_schema(self) -> str | None:
        """Why this program writes nothing to the database, whose schema is another's; None where it is its own.

        Until the next look every write raises `StoreUnavailable` then; reads go on.
        """
        ...

    async def weaknesses(self) -> Sequence[str]:
        """What about the database could lose committed entries, each with what to do; for readiness."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...
