"""Purposes: what data is wanted for, by a code that forms, consents and rules all name."""

from dataclasses import dataclass
from enum import StrEnum


class LockedEdits(StrEnum):
    """What becomes of a submission in which the person changed a value that a register locks."""

    mark = "mark"
    """It is accepted; the slot counts as edited, never as kept, and the office sees both."""
    refuse = "refuse"
    """It is refused and names the field: whoever thinks a locked value wrong disputes it."""


@dataclass(frozen=True, slots=True)
class Purpose:
    """One purpose of processing, stated so that a person can understand it (PIPL art. 6 and 17).

    `code`: stable, e.g. "transport.vehicle-review". `citation`: the law the matter itself rests on; "" when none.
    `locked_edits`: what becomes of a changed value of tier A or B that the form locks.
    """

    code: str
    name: str
    name_en: str = ""
    citation: str = ""
    locked_edits: LockedEdits = LockedEdits.mark
