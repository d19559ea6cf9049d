"""What a caller hands in for a person, already checked for shape."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from field_registry import Tier
from gateway.records import Actor


@dataclass(frozen=True, slots=True)
class Claim:
    """A person says that an offered value is wrong. `evidence`: what shows it, in words or by reference."""

    reason: str = field(repr=False)
    evidence: tuple[str, ...] = field(repr=False, default=())


@dataclass(frozen=True, slots=True)
class Assistance:
    """What the caller itself offered where the gateway had nothing: read from a document (D) or derived (E)."""

    tier: Tier
    value: Any = field(repr=False)


@dataclass(frozen=True, slots=True)
class SubmitCommand:
    """One form handed in.

    `values`: dotted or nested, as the person leaves them. `disputes`, `assisted`: by path. `keep`: paths whose value
    the person wants kept in their record for next time. `own_word`: paths whose value they state themself, now that
    the consent it came by has ended. `is_test`: it is marked, and counted nowhere.
    """

    values: Mapping[str, Any] = field(repr=False)
    disputes: Mapping[str, Claim] = field(default_factory=dict)
    assisted: Mapping[str, Assistance] = field(default_factory=dict)
    keep: frozenset[str] = frozenset()
    own_word: frozenset[str] = frozenset()
    is_test: bool = False
    actor: Actor | None = None
