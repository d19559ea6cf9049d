"""Everything a use case needs of the world, handed over as one value. Made by `gateway.app`, the composition root."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from gateway.library import Library
from gateway.lookups import SubjectReferences
from gateway.ports import Clock, Ledger, NewReference, Sealer, Sources, Store, SubjectKeys
from gateway.settings import Settings
from gateway.telemetry import Telemetry
from gateway.watch import LogWatch


@dataclass(slots=True, eq=False)
class Runtime:
    """The collaborators of all use cases. `watch`: how far the log's tree is behind.

    `fingerprint`: bytes → a keyed digest that tells nothing without the key, 64 characters of hexadecimal.
    `sources`: replaced as a whole when a new registry version changes them; read it once per request.
    `baselines`: form → slots of its baseline (None without one) and when that was read.
    """

    settings: Settings
    clock: Clock
    store: Store
    library: Library
    ledger: Ledger
    sealer: Sealer
    keys: SubjectKeys
    subjects: SubjectReferences
    telemetry: Telemetry
    sources: Sources
    new_reference: NewReference
    fingerprint: Callable[[bytes], str]
    watch: LogWatch = field(default_factory=LogWatch)
    baselines: dict[str, tuple[int | None, datetime]] = field(default_factory=dict)
