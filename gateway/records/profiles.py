"""What a person keeps of what they typed."""

from dataclasses import dataclass, field
from datetime import datetime

from field_registry.words import Word
from gateway.records.log import Entry


@dataclass(frozen=True, slots=True)
class ProfileValue:
    """One value that a person typed and lets us keep for the next form: tier C, for that purpose, until it expires.

    `item`: what it is; the newest of one subject and item counts. `sealed`: the value, under the subject's key.
    `submission_id`: where it was collected; None when the person wrote it into the record directly. `told`: the entry
    that says it is kept, when it is written. `differs_from`: a register that said something else, at `differs_at`.
    `wrapped_key`: of its subject, when it is read.
    """

    id: str
    subject_ref: str
    item: str
    given_at: datetime
    expires_at: datetime
    purpose: str
    form: str
    submission_id: str | None
    entry_id: str
    sealed: bytes = field(repr=False)
    told: Entry | None = field(default=None, repr=False, compare=False)
    differs_from: str | None = None
    differs_at: datetime | None = None
    wrapped_key: bytes | None = field(default=None, repr=False, compare=False)


class ProfileEnd(Word):
    """How a profile value ends."""

    superseded = "superseded"
    """By a newer one."""
    deleted = "deleted"
    """By the person, or at a desk on their behalf."""
    expired = "expired"
    erased = "erased"
    """Its subject is no more."""


@dataclass(frozen=True, slots=True)
class ProfileDifference:
    """What a register said beside a profile value of the same item: something else, or the same (`differs`)."""

    subject_ref: str
    item: str
    source: str
    at: datetime
    differs: bool
