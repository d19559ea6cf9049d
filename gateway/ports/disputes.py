"""Disputes, and the messages that leave because of them."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Protocol

from gateway.records import Dispute, DisputeCount, DisputeEvent, DisputeState, Entry, Message


class Disputes(Protocol):
    """Values that persons say are wrong, as tickets of the departments that answer for them.

    While a ticket is open or referred, gates see its item withheld (`GateView.disputed`), from the end of the
    transaction that wrote it. Those of a submission are written by the gate that notes it.
    """

    async def add(self, opened: Dispute, entry: Entry) -> Dispute:
        """Open a ticket with its entry; or the one that is open for that subject, item and source, and none written.

        Raises `Conflict` for an erased subject.
        """
        ...

    async def read(self, dispute_id: str) -> Dispute | None:
        """That ticket as it stands now, with its subject's wrapped key; never from a cache."""
        ...

    async def listing(
        self,
        *,
        department: str | None,
        states: Collection[DisputeState],
        due_before: date | None,
        after: str,
        limit: int,
    ) -> Sequence[Dispute]:
        """Tickets by id; of one department those it owns or supervises, of those states (none named: of all).

        `due_before`: only unanswered ones that were due before that day.
        """
        ...

    async def of_subject(self, subject_ref: str, *, after: str, limit: int) -> Sequence[Dispute]:
        """Tickets about one subject, by id."""
        ...

    async def of_resolution(self, resolution_id: str, *, limit: int) -> Sequence[Dispute]:
        """Tickets about values of one resolution, by id."""
        ...

    async def open_items(self, refs: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
        """Reference → item → the open ticket about it, of these subjects and of documents linked with them."""
        ...

    async def step(
        self,
        after: Dispute,
        event: DisputeEvent,
        entry: Entry,
        *,
        messages: Sequence[Message] = (),
        empties: Collection[str] = (),
    ) -> bool:
        """Bring a ticket into `after`, with the event, its entry and messages; purge those drafts; one transaction.

        False, and nothing written, when it took another step meanwhile (`steps`) or is closed.
        """
        ...

    async def events(self, dispute_id: str, *, after: str, limit: int) -> Sequence[DisputeEvent]:
        """What happened to a ticket, by id of the event: in order of time."""
        ...

    async def waiting(self, before: datetime, *, after: str, limit: int) -> Sequence[Dispute]:
        """Unanswered tickets of which nobody was reminded since that time, by id."""
        ...

    async def uncounted(self, *, after: str, limit: int) -> Sequence[Dispute]:
        """Corrected tickets of which it is not settled yet what they change in the counts, by id."""
        ...

    async def settle(self, dispute_id: str, at: datetime) -> None:
        """Write that this is settled now; once it is, or where the ticket is not corrected, nothing."""
        ...

    async def counts(self, since: datetime, until: datetime) -> Sequence[DisputeCount]:
        """How the disputes opened in that time stand now, by source and item."""
        ...

    async def purge(self, before: datetime, entry: Callable[[int], Entry]) -> int:
        """Empty what is sealed in tickets closed before that time and write an entry that counts them; 0 writes none.

        Messages about them that are settled are forgotten. At most 5,000 at once.
        """
        ...


class Outbox(Protocol):
    """What clients are to be told by webhook. Written with what it tells of; tried until answered or given up."""

    async def claim(self, now: datetime, until: datetime, *, limit: int) -> Sequence[Message]:
        """Messages whose time has come, longest waiting first; nobody else is given them before `until`."""
        ...

    async def settle(self, settled: Message) -> None:
        """Write what came of a try; what is delivered stays delivered."""
        ...

    async def about(self, about: str, *, after: str, limit: int) -> Sequence[Message]:
        """Messages about one thing, by id, delivered ones too."""
        ...
