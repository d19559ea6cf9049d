"""What a caller wants resolved, already checked for shape."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from gateway.records import Actor, Caller


class Delivery(StrEnum):
    """How values travel back: in clear, or masked for display only."""

    values = "values"
    masked = "masked"


@dataclass(frozen=True, slots=True)
class ResolveCommand:
    """One call to resolve a form.

    `version`: None is the newest published. `subjects`: role → wire form of a subject, not yet checked: a bad one
    blanks only its role's fields. `consents`: ids, in the caller's order. `answers`: dotted or nested.
    `language`: "zh" or "en", for messages. `continues`: a resolution of the past whose typed answers are among these.
    `again`: an application of before that the form is begun from.
    """

    form_id: str
    version: int | None
    caller: Caller
    actor: Actor
    patience_seconds: float
    subjects: Mapping[str, Mapping[str, Any]] = field(repr=False, default_factory=dict)
    consents: tuple[str, ...] = ()
    answers: Mapping[str, Any] = field(repr=False, default_factory=dict)
    case: str | None = field(repr=False, default=None)
    delivery: Delivery = Delivery.values
    language: str = "zh"
    continues: str | None = None
    again: str | None = None
