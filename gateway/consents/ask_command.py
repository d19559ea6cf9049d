"""What a consent desk wants a person asked for, already checked for shape."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from gateway.consents.commands import AT_COUNTER, Relationship

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class AskConsent:
    """One request for a consent.

    `subject`, `grantor`: wire forms of whose data it is, and of who answers for them; `grantor` None is the subject.
    `recipients`: departments; empty is the caller's. `life`: of the consent, from when it is given. `frequency`: uses,
    and per how long. `started_by_subject`: then what was refused lately is asked all the same.
    """

    form_id: str
    version: int | None
    role: str
    subject: Mapping[str, Any] = field(repr=False)
    channel: str
    life: timedelta = _DAY
    recipients: tuple[str, ...] = ()
    case: str | None = field(repr=False, default=None)
    max_uses: int | None = 1
    frequency: tuple[int, timedelta] | None = None
    data_life: timedelta | None = None
    mode: str = "view"
    grantor_role: str = "self"
    grantor: Mapping[str, Any] | None = field(repr=False, default=None)
    relationship: Relationship | None = field(repr=False, default=None)
    witness: str | None = field(repr=False, default=None)
    started_by_subject: bool = False
    language: str = "zh-CN"

    @property
    def is_at_counter(self) -> bool:
        """Whether the person stands there and nothing periodic is asked for; then it is for a day at most."""
        return self.channel in AT_COUNTER and self.frequency is None
