"""What passes a gate: what it reads, what it decides, what it writes."""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Generic, TypeVar

from msgspec import Struct, field

from gateway.records.log import Entry
from gateway.records.profiles import ProfileDifference
from gateway.records.subjects import LinkedDocument, NewSubject
from gateway.records.submissions import Draft, SubmissionWrite
from policies.consent import Consent

Outcome = TypeVar("Outcome")


class GateWrite(Struct, Generic[Outcome], frozen=True):
    """What one passage of a gate writes, all in one transaction, and what the passer gets once it is durable.

    `use`: consents to take a use of. `used_at`: when, by which their frequency is counted; None is when the entry says.
    `differences`: where a register said something else than the profile, or does so no more.
    """

    entry: Entry
    result: Outcome
    use: tuple[str, ...] = ()
    draft: Draft | None = None
    used_at: datetime | None = None
    submission: SubmissionWrite | None = None
    differences: tuple[ProfileDifference, ...] = ()


class GateView(Struct, frozen=True, eq=False):
    """What a gate has read in its transaction for one passage.

    `consents`: those asked for that exist, by id, as they stand now. `subject_refs`: blind index → reference.
    `wrapped_keys`: reference → the subject's wrapped key; without those that have none. `disputed`: reference → item →
    the open dispute about it; without subjects that dispute nothing. `linked`: blind index → every document of that
    subject, itself among them, oldest first; without subjects known by one document that nobody contests.
    """

    consents: Mapping[str, Consent]
    subject_refs: Mapping[str, str]
    wrapped_keys: Mapping[str, bytes] = field(default_factory=dict)
    disputed: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    linked: Mapping[str, tuple[LinkedDocument, ...]] = field(default_factory=dict)


class GateRequest(Struct, Generic[Outcome], frozen=True):
    """One passage of a gate.

    `consents`: ids to read, locked, in the transaction. `subjects`: blind index → what to store of the subject if
    it is new. `write`: called there with what was read; pure. It must give an entry whatever it finds: a refusal is an
    entry too. `about`: references of subjects whose disputes are wanted, known or not by what else is read.
    """

    consents: tuple[str, ...]
    write: Callable[[GateView], GateWrite[Outcome]]
    subjects: Mapping[str, NewSubject] = field(default_factory=dict)
    about: Collection[str] = ()
