"""Disputes, what happened to each, and the messages that leave because of them."""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import NamedTuple

from field_registry.words import Word


class DisputeState(Word):
    """How a dispute stands. Only `open` and `referred` keep the value from being offered."""

    open = "open"
    corrected = "corrected"
    """The source was wrong, and says the right thing now."""
    upheld = "upheld"
    """The value stands; the reasons were given."""
    referred = "referred"
    """Another department has to answer."""
    withdrawn = "withdrawn"


@dataclass(frozen=True, slots=True)
class Dispute:
    """A person says that one value is wrong: a ticket for the department that owns the item.

    `path`: the slot it was shown in. `source`: which said it. `department`: who has to answer. `due`: the working day
    by whose end; `first_due`: as it was when the ticket was opened, whoever it was referred to since. `level`: how
    often it was escalated. `sealed`: the reason, both values and the evidence.
    """

    id: str
    subject_ref: str
    item: str
    source: str
    department: str
    path: str
    submission_id: str | None
    resolution_id: str | None
    state: DisputeState
    opened_at: datetime
    due: date
    first_due: date
    entry_id: str
    sealed: bytes = field(repr=False)
    level: int = 0
    reminded_at: datetime | None = None
    closed_at: datetime | None = None
    supervisor: str | None = None
    """The department above that must see to it, once it was escalated; None before."""
    set_at: datetime | None = None
    """When the present deadline was set; None while it is the first."""
    steps: int = 0
    """How many steps were taken since it was opened; what a step is compared with before it is written."""
    counted_at: datetime | None = None
    """When it was settled what its correction changes in the counts; None before, and of one that is not corrected."""
    wrapped_key: bytes | None = field(default=None, repr=False, compare=False)
    """Of its subject, when it is read."""


@dataclass(frozen=True, slots=True)
class DisputeEvent:
    """One step of a dispute, as it stood afterwards.

    `step`: "reminded", "escalated", "referred", "joined", "corrected", "upheld" or "withdrawn". `actor`: the client
    that took it. `reason`: a code, "given" where words stand sealed; `sealed`: those words, under the subject's key;
    of a join what was said anew. `submission_id`: of the application that joined.
    """

    id: str
    dispute_id: str
    subject_ref: str
    at: datetime
    step: str
    state: DisputeState
    department: str
    due: date
    level: int
    actor: str
    reason: str
    entry_id: str
    sealed: bytes | None = field(default=None, repr=False)
    submission_id: str | None = None


@dataclass(frozen=True, slots=True)
class OpenTicket:
    """What is known of an unanswered ticket to whoever may join it.

    `about`: the subject that was asked for; `subject_ref`: the document of theirs that the ticket was opened under,
    with its `wrapped_key`. `steps`: as in `Dispute`.
    """

    about: str
    id: str
    subject_ref: str
    item: str
    source: str
    state: DisputeState
    department: str
    due: date
    level: int
    steps: int
    resolution_id: str | None
    submission_id: str | None
    wrapped_key: bytes | None = field(default=None, repr=False)


class DisputeJoin(NamedTuple):
    """Somebody says again what a ticket is open about: the ticket as it was read, and the step that joins it.

    `is_its`: the ticket was opened about the very answer that is handed in, and is linked to the application from now
    on.
    """

    ticket: OpenTicket
    event: DisputeEvent
    is_its: bool


class DisputeCount(NamedTuple):
    """Disputes of one item from one source. `confirmed`: the source was wrong; `unanswered`: open or referred."""

    source: str
    item: str
    confirmed: int
    upheld: int
    unanswered: int
    withdrawn: int


@dataclass(frozen=True, slots=True)
class Message:
    """What one client is told by webhook, kept until it has answered or we give up. `body`: no personal value.

    `id`: also the receiver's, which knows by it what comes twice. `about`: what it is about, e.g. a dispute's id.
    `next_at`: when it is tried next; None once it is over. `failure`: code of the last one; "" for none.
    """

    id: str
    client: str
    about: str
    created_at: datetime
    body: bytes
    next_at: datetime | None
    tries: int = 0
    delivered_at: datetime | None = None
    failure: str = ""
