"""Sources: one system of one department that can answer for items. Configured, not coded."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Any

from field_registry.outcomes import Tier
from field_registry.subjects import SubjectKind


@dataclass(frozen=True, slots=True)
class MaintenanceWindow:
    """When a source is not to be asked: once (`start`/`end`), or every day or listed weekdays between two times.

    Times of day are in `Asia/Shanghai`, as offices announce them; `weekdays` are 0 (Monday) to 6, empty is every day.
    A daily window may pass midnight (22:00-02:00).
    """

    start: datetime | None = None
    end: datetime | None = None
    daily_from: time | None = None
    daily_to: time | None = None
    weekdays: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Source:
    """One system that can answer, and how it is asked.

    `connector`: the connector kind ("http_json", "sql", "file", "sandbox" ...). `config`: what that kind needs;
    checked against the kind's schema, opaque here. `department`: the owner's name. `tier`: of the values it gives.
    `id_types`: document types it can look persons up by; a subject with another type is `not_applicable`.
    `by_issuer`: whether it tells apart equal numbers of several countries. Only then is it asked about a subject whose
    `issuer` is said: any other would answer by the number alone, whichever country was named.
    `timeout`: the longest one call may take, whatever the caller's patience.
    `failures_to_open`, `open_for`: the circuit breaker's limits.
    """

    id: str
    name: str
    department: str
    connector: str
    tier: Tier = Tier.A
    kinds: frozenset[SubjectKind] = frozenset({SubjectKind.person})
    id_types: frozenset[str] = frozenset({"111"})
    config: Mapping[str, Any] = field(default_factory=dict, hash=False)
    timeout: timedelta = timedelta(seconds=3)
    max_concurrent: int = 64
    failures_to_open: int = 5
    open_for: timedelta = timedelta(seconds=30)
    maintenance: tuple[MaintenanceWindow, ...] = ()
    contact: str = ""
    name_en: str = ""
    department_en: str = ""
    by_issuer: bool = False
