"""What every connector promises, in prose beside the signatures. `connectors.conformance` tests all of it.

A connector speaks to one configured source. It is built once from a `Source`, shared by all requests, used from one
event loop and closed once. For one subject it takes any number of asks and gives back, *in the same order*, exactly
one reply for each: what the source said, or why it said nothing. It makes at most one upstream call per `fetch`
(one more per page of a paged list). It raises only `SourceFault`; anything else it lets out is a defect that
`gather` still contains. It never normalises or validates: that is the vocabulary's work, done the same for all.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from msgspec import Struct

from field_registry import Ask, Missing, Source, Subject


class Record(Struct, frozen=True):
    """What a source says about the record as a whole.

    `echo`: the subject's identifier as the *answer* states it, None when the source does not repeat it; compared
    with the asked subject before anything is shown. `recorded_at`: when the source last changed the record,
    as the source spells it; None when it does not say.
    """

    echo: str | None = None
    recorded_at: object = None

    def __repr__(self) -> str:
        """Nothing of the content: a record never stands in a traceback."""
        return "Record(…)"


class Found(Struct, frozen=True):
    """What the source said for one ask, as it came: not normalised, not yet checked.

    `raw`: any JSON value; for a repeating item a list of mappings from item id to raw cell.
    """

    raw: object
    record: Record

    def __repr__(self) -> str:
        """Nothing of the content: a value never stands in a traceback."""
        return "Found(…)"


Reply = Found | Missing


@dataclass(frozen=True, slots=True)
class Health:
    """Whether a source can be asked now. `detail` is for operators and quotes no answer."""

    ok: bool
    detail: str = ""


class Connector(Protocol):
    """One source that can be asked."""

    async def fetch(self, subject: Subject, asks: Sequence[Ask], deadline: float) -> Sequence[Reply]:
        """One reply per ask, in order, before `deadline` (event-loop time, seconds). Raises only `SourceFault`.

        All asks are about `subject`. A record that does not exist is `Missing(not_found)` for every ask; more than
        one record where one was expected is `identity_ambiguous`; an attribute that is absent, null or blank is
        `empty_at_source`.
        """
        ...

    async def health(self) -> Health:
        """Whether the source answers at all; cheap, without any person's data, never raises."""
        ...

    async def close(self) -> None:
        """Let go of connections. Calling twice is harmless; `fetch` afterwards raises `SourceBroken`."""
        ...


class Kind(Protocol):
    """One kind of connector, as `connectors.registry` knows it: a module or object with these three.

    `config_schema`: JSON Schema 2020-12 of `Source.config`. `build`: makes a connector, doing no I/O; raises
    `BadConfiguration`. `Environment` carries what a connector may use of the world.
    """

    name: str
    config_schema: dict[str, object]

    def build(self, source: Source, environment: "Environment") -> Connector:
        """A connector for that source; opens nothing yet."""
        ...


@dataclass(frozen=True, slots=True)
class Remembered:
    """One value that a subject let the service keep. `value`: normal. `given_at`: UTC, aware."""

    item: str
    value: object
    given_at: datetime

    def __repr__(self) -> str:
        """Nothing of the content: a value never stands in a traceback."""
        return "Remembered(…)"


class ProfileReader(Protocol):
    """How the connector kind `profile` reads what the service keeps."""

    async def held(self, subject: Subject, items: frozenset[str]) -> Sequence[Remembered] | None:
        """What stands of those items now, at most one of each; None for a subject of whom nothing at all is kept.

        Never from a cache. Raises only `SourceFault`.
        """
        ...


class Clock(Protocol):
    """Where a connector reads the time."""

    def __call__(self) -> datetime:
        """Now, UTC, aware."""
        ...


@dataclass(frozen=True, slots=True)
class Environment:
    """What connectors may use of the world, handed in by the composition root.

    `secrets`: name → secret; configs name secrets (`{"secret": "tax-token"}`), never hold them.
    `places`: name → address; a config says `${civil_url}` so that one registry serves test and production.
    `allow_private_addresses`: whether sources may live on loopback or private networks (development, city intranets).
    `allowed_networks`: CIDR blocks that are allowed even so. `base_dir`: what relative paths of files mean.
    `profile`: reads what the service itself keeps of people; None in a program that keeps nothing.
    """

    secrets: "dict[str, str]"
    clock: Clock
    places: "dict[str, str]"
    allow_private_addresses: bool = False
    allowed_networks: tuple[str, ...] = ()
    base_dir: str = "."
    max_body_bytes: int = 1_000_000
    profile: ProfileReader | None = None
