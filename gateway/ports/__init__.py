"""Every protocol that touches the world outside the process, and nothing else.

Adapters implement them; use cases name them. Each is tested by one suite that every implementation passes
(`tests/contract`).
"""

from gateway.ports.cache import Cache, IdempotencyKeys, RateAccount, Replays
from gateway.ports.callers import Clients, ClientStore, Operators
from gateway.ports.consents import ConsentRequests, Consents
from gateway.ports.disputes import Disputes, Outbox
from gateway.ports.gates import Gates, Ledger
from gateway.ports.log import Entries, EntrySearch, TreeLog
from gateway.ports.publications import FormVersions, Publications
from gateway.ports.reports import Rollups, SourceHealth
from gateway.ports.sealing import SealingKeys
from gateway.ports.store import Store
from gateway.ports.subjects import BlindIndex, Identities, SealedCells, Sealer, SubjectKeys, Subjects
from gateway.ports.submissions import Drafts, Profiles, Submissions
from gateway.ports.world import Clock, NewReference, Sources

__all__ = [
    "BlindIndex",
    "Cache",
    "ClientStore",
    "Clients",
    "Clock",
    "ConsentRequests",
    "Consents",
    "Disputes",
    "Drafts",
    "Entries",
    "EntrySearch",
    "FormVersions",
    "Gates",
    "IdempotencyKeys",
    "Identities",
    "Ledger",
    "NewReference",
    "Operators",
    "Outbox",
    "Profiles",
    "Publications",
    "RateAccount",
    "Replays",
    "Rollups",
    "SealedCells",
    "Sealer",
    "SealingKeys",
    "SourceHealth",
    "Sources",
    "Store",
    "SubjectKeys",
    "Subjects",
    "Submissions",
    "TreeLog",
]
