"""What a caller wants resolved, already checked for shape."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Protocol

from msgspec import Struct, field

from gateway.records import Actor, Caller


class Delivery(StrEnum):
    """How values travel back: in clear, masked for display only, or masked and sealed to the receiving department."""

    values = "values"
    masked = "masked"
    sealed = "sealed"


class Sealing(Protocol):
    """Seals to one key of one department."""

    @property
    def kid(self) -> str:
        """The key's name, which the department finds its private key by."""
        ...

    def seal(self, plaintext: bytes, resolution_id: str) -> Mapping[str, str]:
        """What the answer shows: `jwe`, and what is needed to open and to believe it."""
        ...


class ResolveCommand(Struct, frozen=True):
    """One call to resolve a form.

    `version`: None is the newest published. `subjects`: role → wire form of a subject, not yet checked: a bad one
    blanks only its role's fields. `consents`: ids, in the caller's order. `answers`: dotted or nested.
    `language`: "zh" or "en", for messages. `continues`: a resolution of the past whose typed answers are among these.
    `again`: an application of before that the form is begun from. `sealing`: to the receiving department, for sealed
    delivery alone.
    """

    form_id: str
    version: int | None
    caller: Caller
    actor: Actor
    patience_seconds: float
    subjects: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    consents: tuple[str, ...] = ()
    answers: Mapping[str, Any] = field(default_factory=dict)
    case: str | None = None
    delivery: Delivery = Delivery.values
    language: str = "zh"
    continues: str | None = None
    again: str | None = None
    sealing: Sealing | None = None

    def __repr__(self) -> str:
        """The form and who calls: neither subjects nor answers nor the case ever stand in a traceback."""
        return f"ResolveCommand({self.form_id}, {self.version}, {self.caller.id}, …)"
