"""One submission on its way in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gateway.records import Caller, OpenTicket, SubjectKey
from gateway.resolution.compiled import CompiledForm
from gateway.submissions.commands import SubmitCommand
from gateway.submissions.obtainable import Held
from gateway.submissions.offered import Opened
from gateway.submissions.sent import Sent


@dataclass(frozen=True, slots=True, eq=False)
class Received:
    """One submission on its way in, read and checked.

    `keys`: reference → key of each subject that has one. `tickets`: open ones about these subjects.
    """

    compiled: CompiledForm
    caller: Caller
    command: SubmitCommand
    opened: Opened
    sent: Sent
    digest: str
    held: Held
    baseline: int | None
    ids: Mapping[str, str]
    keys: Mapping[str, SubjectKey] = field(default_factory=dict)
    tickets: Sequence[OpenTicket] = ()
