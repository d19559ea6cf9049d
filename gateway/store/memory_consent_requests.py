"""Requests for consents in memory."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from gateway.records import ConsentRequest, Entry, RequestAnswer
from gateway.store.memory_tables import MemoryTables
from gateway.store.refusals import already_recorded
from policies.consent import ConsentState


class MemoryConsentRequests:
    """`gateway.ports.ConsentRequests` in memory."""

    def __init__(self, tables: MemoryTables) -> None:
        self._tables = tables

    async def add(self, asked: ConsentRequest, entry: Entry) -> None:
        """See `gateway.ports.ConsentRequests.add`."""
        tables = self._tables
        tables.admit(tables.requests, asked.id, asked, entry)
        links = {each.link for each in tables.requests.values()}
        is_known = asked.subject_ref in tables.subjects.values() and not tables.is_erased(asked.subject_ref)
        if asked.link in links or not is_known:
            raise already_recorded()
        tables.requests[asked.id] = asked
        tables.log(entry)

    async def read(self, request_id: str) -> ConsentRequest | None:
        """See `gateway.ports.ConsentRequests.read`."""
        return self._tables.requests.get(request_id)

    async def of_link(self, link: str) -> ConsentRequest | None:
        """See `gateway.ports.ConsentRequests.of_link`."""
        return next((each for each in self._tables.requests.values() if each.link == link), None)

    async def confirm(self, request_id: str, proof: str, *, most: int, entry: Entry) -> bool | None:
        """See `gateway.ports.ConsentRequests.confirm`."""
        asked = self._open(request_id)
        if asked is None or asked.proof == proof:
            return None if asked is None else True
        failures = asked.failures + 1
        state = ConsentState.invalidated if failures >= most else asked.state
        self._tables.requests[asked.id] = replace(asked, failures=failures, state=state)
        if state is ConsentState.invalidated:
            self._tables.log(entry)
        return False

    async def answer(self, given: RequestAnswer, entry: Entry) -> bool:
        """See `gateway.ports.ConsentRequests.answer`."""
        tables = self._tables
        tables.admit({}, None, given, entry)
        if not settle(tables, given):
            return False
        tables.log(entry)
        return True

    async def over(self, now: datetime, *, limit: int) -> Sequence[ConsentRequest]:
        """See `gateway.ports.ConsentRequests.over`."""
        requests = [each for each in self._tables.requests if self._open(each)]
        late = [each for key in requests if (each := self._tables.requests[key]).expires_at <= now]
        return sorted(late, key=lambda each: (each.expires_at, each.id))[:limit]

    async def purge(self, before: datetime, entry: Callable[[int], Entry]) -> int:
        """See `gateway.ports.ConsentRequests.purge`."""
        over = [
            replace(each, sealed=None)
            for each in self._tables.requests.values()
            if each.state is not ConsentState.requested
            and each.consent_id is None
            and each.sealed is not None
            and each.expires_at <= before
        ]
        self._tables.requests.update({each.id: each for each in over})
        if over:
            self._tables.log(entry(len(over)))
        return len(over)

    def _open(self, request_id: str) -> ConsentRequest | None:
        asked = self._tables.requests.get(request_id)
        return asked if asked is not None and asked.state is ConsentState.requested else None


def settle(tables: MemoryTables, given: RequestAnswer) -> bool:
    """Close an open request; False when it is not open."""
    asked = tables.requests.get(given.request_id)
    if asked is None or asked.state is not ConsentState.requested:
        return False
    tables.requests[asked.id] = replace(
        asked, state=given.state, answered_at=given.at, sealed=given.sealed, consent_id=given.consent_id
    )
    return True
